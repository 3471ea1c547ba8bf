/* nothing.c: the smallest container there is: what is measured is the runtime. With an argument it stays
 * instead. */
#include <unistd.h>

int main(int argc, char **argv)
{
	(void)argv;
	return argc > 1 ? pause() : 0;
}
