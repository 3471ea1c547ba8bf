/* fuzz_agent_host.c: any bytes as what a guest's agent says to a host that starts processes, asks questions and has words for their walkers, and
 * a guest that listens or not. Whatever it is: each process ends at most once, each question is answered exactly once, the connection fails at
 * most once, and nothing is heard afterwards; and what the host says is whole frames.
 *
 * Input: how many acts (1 byte, at most ACTS_MAX), the acts (1 byte each: what the host or another does, and how much the guest says before the
 * next), and all that the guest says.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/table.h"
#include "core/agent/host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ACTS_MAX = 48, PROCESSES = 3, DOCUMENT = 500000 };

static const char document[DOCUMENT];

static struct {
	int greeted, exited[PROCESSES], failed, answers, asked;
	struct agent_host *h;
} seen;

/* The guest's side. */
static struct {
	int control, channels[PROCESSES];
	bool listens;
	struct agent_reader heard;
} guest;

static void on_reply(void *data, const struct agent_frame *reply, const struct error *why)
{
	seen.answers++;
	if ((reply == NULL) == (why->code == 0))
		abort();
}

static void ask(enum agent_kind kind, uint32_t size)
{
	seen.asked += agent_host_ask(seen.h, kind, size ? document : NULL, size, on_reply, NULL, NULL) == 0;
}

static int start(uint32_t id, const char *text, uint32_t size)
{
	struct agent_exec e = { .process = text, .process_size = size, .cgroup = "" };

	return agent_host_exec(seen.h, id, &e, NULL);
}

static void on_greeted(void *data)
{
	struct agent_create c = { .id = "x", .bundle = "/", .config = "{}", .config_size = 2 };

	seen.greeted++;
	if (agent_host_create(seen.h, &c, NULL) || start(1, "{}", 2))
		abort();
	for (int i = 0; i < 3; i++)
		ask(AGENT_STATS, 0);
	if (seen.asked != 3)
		abort();
}

static void on_exited(void *data, uint32_t id, int status, uint64_t oom_kills)
{
	if (id >= PROCESSES || seen.exited[id]++ || seen.failed || !seen.greeted)
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

	while (channel >= 0 && channel_recv(channel, &m, NULL, NULL) == 0)
		for (const char *p = m.error.msg; *p; p++)
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				abort();
}

static void judge_frame(const struct agent_frame *f)
{
	struct agent_create c;
	struct agent_exec e;
	struct agent_size s;
	struct msg m;

	if ((f->kind == AGENT_CREATE && agent_create_decode(f, &c, NULL)) || (f->kind == AGENT_EXEC && agent_exec_decode(f, &e, NULL)) ||
	    (f->kind == AGENT_RESIZE && agent_size_decode(f, &s, NULL)) || (f->kind == AGENT_WALK && agent_walk_decode(f, &m, NULL)))
		abort();
}

/* What the host says, `most` bytes of it. */
static void listen_to_host(size_t most)
{
	char bytes[4096];
	ssize_t n;

	while (most && (n = recv(guest.control, bytes, most < sizeof(bytes) ? most : sizeof(bytes), MSG_DONTWAIT)) > 0) {
		most -= (size_t)n;
		for (size_t at = 0, used; at < (size_t)n; at += used) {
			struct agent_frame f;
			int ret = agent_reader_feed(&guest.heard, bytes + at, (size_t)n - at, &used, &f, NULL);

			if (ret < 0)
				abort();
			if (ret > 0)
				judge_frame(&f);
		}
	}
}

static void bind_and_connect(uint32_t id, uint32_t peer)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	struct vsock_ends ends = { -EBADF, -EBADF };

	(void)agent_host_bind(seen.h, id, AGENT_STDIN, fd, -EBADF, NULL);
	(void)agent_host_bind(seen.h, id, AGENT_STDOUT, -EBADF, dup(fd), NULL);
	if (agent_host_connect(seen.h, agent_port(id, AGENT_STDIN), peer, &ends) == 0)
		close(ends.from_host);
}

static void new_channel(unsigned int id)
{
	int pair[2];

	if (guest.channels[id] >= 0)
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		abort();
	if (agent_host_channel(seen.h, id, pair[1], NULL) == 0)
		guest.channels[id] = pair[0];
	else
		close(pair[0]);
}

static void act(uint8_t what)
{
	struct msg m = { .kind = MSG_DONE, .stage = what };
	unsigned int id = what / 16 % PROCESSES;
	int *channel = &guest.channels[id];

	switch (what % 16) {
	case 0:
		guest.listens = !guest.listens;
		break;
	case 1:
		if (*channel >= 0)
			(void)channel_send(*channel, &m, -EBADF, NULL);
		break;
	case 2:
		if (*channel >= 0)
			(void)!send(*channel, &m, 3, MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	case 3:
		if (*channel >= 0)
			close(*channel);
		*channel = -EBADF;
		break;
	case 4:
		new_channel(id);
		break;
	case 5:
		(void)agent_host_signal(seen.h, id, 9, NULL);
		break;
	case 6:
		(void)agent_host_resize(seen.h, id, (struct agent_size){ 24, 80 }, NULL);
		break;
	case 7:
		ask(AGENT_STATS, 0);
		break;
	case 8:
		bind_and_connect(id, what & 128 ? 1 : AGENT_PEER_PORT_MAX + 1);
		break;
	case 9:
		agent_host_unbind(seen.h, id);
		break;
	case 10:
		/* Only of one that has not ended: each id is used once. */
		if (!seen.exited[id])
			(void)start(id, document, DOCUMENT);
		break;
	case 11:
		(void)agent_host_end(seen.h, NULL);
		break;
	case 12:
		for (int i = 0; i < 10; i++)
			ask(AGENT_UPDATE, DOCUMENT);
		break;
	case 13:
		listen_to_host(DOCUMENT);
		break;
	default:
		break;
	}
}

static void say(struct loop *loop, const uint8_t *data, size_t n)
{
	(void)!send(guest.control, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)loop_run(loop, NULL);
	(void)loop_run(loop, NULL);
	for (int i = 0; i < PROCESSES; i++)
		drain(guest.channels[i]);
	if (guest.listens)
		listen_to_host(SIZE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct agent_host_events events = { on_greeted, on_exited, on_failed };
	static const size_t pieces[] = { 16, 700, 1, 24, 48, 120, 300, 3000 };
	struct vsock_ends ends = { -EBADF, -EBADF };
	size_t n_acts = size ? *data % (ACTS_MAX + 1u) : 0;
	const uint8_t *acts = data + 1;
	struct loop *loop = NULL;
	int enough = eventfd(1, EFD_CLOEXEC);

	if (size < 1 + n_acts) {
		close(enough);
		return 0;
	}
	data += 1 + n_acts;
	size -= 1 + n_acts;
	memset(&seen, 0, sizeof(seen));
	if (enough < 0 || loop_new(&loop, NULL) || loop_add(loop, enough, EPOLLIN, on_enough, NULL, NULL) ||
	    agent_host_new(&events, NULL, &seen.h, NULL) || agent_host_connect(seen.h, AGENT_PORT_CONTROL, 1, &ends))
		abort();
	guest.control = ends.from_host;
	guest.listens = true;
	guest.heard = AGENT_READER(false);
	for (int i = 0; i < PROCESSES; i++)
		guest.channels[i] = -EBADF;
	new_channel(0);
	if (agent_host_add(seen.h, loop, NULL))
		abort();
	for (size_t i = 0; i < n_acts || size; i++) {
		uint8_t what = i < n_acts ? acts[i] : 14 + 16;
		size_t n = pieces[what / 16 % ARRAY_LEN(pieces)];

		n = n < size ? n : size;
		act(what);
		say(loop, data, n);
		data += n;
		size -= n;
	}
	listen_to_host(SIZE_MAX);
	close(guest.control);
	for (int i = 0; i < 4; i++)
		(void)loop_run(loop, NULL);
	agent_host_free(seen.h);
	if (seen.failed != 1 || seen.answers != seen.asked)
		abort();
	loop_free(loop);
	for (int i = 0; i < PROCESSES; i++)
		if (guest.channels[i] >= 0)
			close(guest.channels[i]);
	agent_reader_free(&guest.heard);
	close(enough);
	return 0;
}
