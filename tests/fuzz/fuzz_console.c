/* fuzz_console.c: any bytes as what a guest does with its console, while somebody types, reads, and hangs up. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/loop.h"
#include "script.h"
#include "vmm/virtio/console.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int other; /* the other end of both */

/* /dev/null is always ready: one round of the loop, then this ends it. */
static int on_round(void *data, int fd, uint32_t events, struct error *err)
{
	return 1;
}

static void host(struct device *d, struct script *s)
{
	uint8_t how = (uint8_t)script_take(s, 1);
	char bytes[5000];

	memset(bytes, how, sizeof(bytes));
	if (how & 0x80)
		(void)!read(other, bytes, sizeof(bytes));
	else if (how == 0x7f)
		(void)shutdown(other, SHUT_RDWR);
	else if (how == 0x7e)
		console_set_size(d, 25, 80);
	else
		(void)!send(other, bytes, 1 + how * 30u, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (loop_run(d->loop, NULL))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct console_config config = {.burst = size && data[0] & 0x80 ? 300 : 0};
	struct device *console;
	struct loop *loop;
	int s[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) || fcntl(s[1], F_SETFL, O_NONBLOCK) || loop_new(&loop, NULL) ||
	    loop_add(loop, null, EPOLLIN, on_round, NULL, NULL))
		abort();
	other = s[1];
	config.in = config.out = s[0];
	if (console_new(&config, &console, NULL))
		abort();
	console->loop = loop;
	script_run(console, data, size, host);
	console->ops->free(console);
	loop_free(loop);
	close(null);
	close(s[0]);
	close(s[1]);
	return 0;
}
