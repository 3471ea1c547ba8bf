/* fuzz_agent_host.c: any bytes as what a guest's agent says to a host that waits for two processes and three answers. Whatever it is: each process
 * ends at most once, each question is answered exactly once, the connection fails at most once, and nothing is heard afterwards.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/agent/host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	int greeted, exited[3], failed, answers;
	struct agent_host *h;
} seen;

static void on_reply(void *data, const struct agent_frame *reply, const struct error *why)
{
	seen.answers++;
	if ((reply == NULL) == (why->code == 0))
		abort();
}

static void on_greeted(void *data)
{
	struct agent_exec e = { .process = "{}", .process_size = 2, .cgroup = "" };
	struct agent_create c = { .id = "x", .bundle = "/", .config = "{}", .config_size = 2 };

	seen.greeted++;
	if (agent_host_create(seen.h, &c, NULL) || agent_host_exec(seen.h, 1, &e, NULL))
		abort();
	for (int i = 0; i < 3; i++)
		if (agent_host_ask(seen.h, AGENT_STATS, NULL, 0, on_reply, NULL, NULL))
			abort();
}

static void on_exited(void *data, uint32_t id, int status, uint64_t oom_kills)
{
	if (id > 1 || seen.exited[id]++ || seen.failed || !seen.greeted)
		abort();
}

static void on_failed(void *data, const struct error *why)
{
	if (seen.failed++ || why->code >= 0 || !*why->msg)
		abort();
}

/* It is always ready, and perhaps the first of a round: the second round ends the loop. */
static int on_enough(void *data, int fd, uint32_t events, struct error *err)
{
	static unsigned int rounds;

	return rounds++ % 2;
}

/* All that walkers said, as the host hears it. */
static void drain(int channel)
{
	struct msg m;

	while (channel_recv(channel, &m, NULL, NULL) == 0)
		for (const char *p = m.error.msg; *p; p++)
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct agent_host_events events = { on_greeted, on_exited, on_failed };
	struct vsock_ends ends = { -EBADF, -EBADF };
	int enough = eventfd(1, EFD_CLOEXEC), channel[2];
	struct loop *loop = NULL;

	memset(&seen, 0, sizeof(seen));
	if (enough < 0 || loop_new(&loop, NULL) || loop_add(loop, enough, EPOLLIN, on_enough, NULL, NULL) ||
	    agent_host_new(&events, NULL, &seen.h, NULL) || agent_host_connect(seen.h, AGENT_PORT_CONTROL, 1, &ends) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, channel) ||
	    agent_host_channel(seen.h, 0, channel[1], NULL) || agent_host_add(seen.h, loop, NULL))
		abort();
	while (size) {
		size_t n = size < 700 ? size : 700;
		char sink[4096];

		(void)!send(ends.from_host, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)loop_run(loop, NULL);
		(void)loop_run(loop, NULL);
		drain(channel[0]);
		(void)!recv(ends.from_host, sink, sizeof(sink), MSG_DONTWAIT);
		data += n;
		size -= n;
	}
	close(ends.from_host);
	for (int i = 0; i < 4; i++)
		(void)loop_run(loop, NULL);
	agent_host_free(seen.h);
	if (seen.failed != 1 || seen.answers != 3 * seen.greeted)
		abort();
	loop_free(loop);
	close(channel[0]);
	close(enough);
	return 0;
}
