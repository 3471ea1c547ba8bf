/* hunt.h: a command of inside.c. */
#ifndef TESTS_RUN_HUNT_H
#define TESTS_RUN_HUNT_H

/* hunt SECONDS: says "ready"; for so long opens the program of every process that it sees and that is not its own, and tries to make what it
 * lies on writable; then writes a byte to the end of each. "held N", and N lines before it: "hunted: overwrote" or the name of the errno. */
void hunt(int argc, char **argv);

#endif
