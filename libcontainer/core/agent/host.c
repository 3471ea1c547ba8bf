/* host.c: see host.h. */
#include "core/agent/host.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "core/agent/binding.h"

enum {
	PROCESSES_MAX = 1024,
	ASKS_MAX = 16,
	FRAMES_A_ROUND = 16, /* then others of the loop have their turn */
	OUT_MAX = 4 << 20,   /* what may wait for the guest to listen */
};

struct process {
	struct agent_host *host;
	struct process *next;
	uint32_t id;
	int channel;  /* to whoever listens to its walker; -EBADF: nobody (any more) */
	bool listed;  /* in the loop */
	bool asked;   /* the guest was told of it, so it owes an EXITED */
	bool ended;   /* which has come, and waits for what was written to be written */
	bool flushed; /* is it? Under the lock */
	int status;
	uint64_t oom_kills;
};

struct ask {
	agent_host_reply_fn fn;
	void *data;
};

struct agent_host {
	struct agent_host_events events;
	void *data;
	struct vsock *vsock;
	struct loop *loop;
	int control;      /* ours; does not block */
	int wake;         /* eventfd: some process was flushed */
	struct agent_reader reader;
	bool greeted, failed, told_failure;
	struct error why; /* it failed */
	struct text out;  /* to the guest, from `sent` on */
	size_t sent;
	bool wants_out;
	struct process *processes;
	size_t n_processes;
	struct ask asks[ASKS_MAX]; /* in the order of their replies */
	size_t n_asks;

	/* What the device's thread touches as well. */
	pthread_mutex_t lock;
	struct agent_bindings bindings; /* also the guest's end of the control connection */
};

int agent_host_new(const struct agent_host_events *events, void *data, struct agent_host **out, struct error *err)
{
	struct agent_host *h = calloc(1, sizeof(*h));
	int pair[2];

	if (!h)
		return error_set(err, -ENOMEM, "out of memory");
	h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->wake < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		int ret = error_errno(err, "socketpair");

		auto_closep(&h->wake);
		free(h);
		return ret;
	}
	h->control = pair[0];
	h->events = *events;
	h->data = data;
	h->reader = AGENT_READER(true);
	pthread_mutex_init(&h->lock, NULL);
	agent_bindings_init(&h->bindings);
	(void)agent_bindings_add(&h->bindings, AGENT_PORT_CONTROL, &(struct vsock_ends){ pair[1], pair[1] }, NULL);
	*out = h;
	return 0;
}

void agent_host_set_vsock(struct agent_host *h, struct vsock *vsock)
{
	h->vsock = vsock;
}

/* Streams. */

int agent_host_connect(void *data, uint32_t port, uint32_t peer, struct vsock_ends *ends)
{
	struct agent_host *h = data;

	return peer > AGENT_PEER_PORT_MAX ? -EACCES : agent_bindings_take(&h->bindings, port, ends);
}

int agent_host_bind(struct agent_host *h, uint32_t id, enum agent_stream which, int from_host, int to_host, struct error *err)
{
	const struct vsock_ends ends = { from_host, to_host };

	return agent_bindings_add(&h->bindings, agent_port(id, which), &ends, err);
}

/* Processes. */

static struct process *find(const struct agent_host *h, uint32_t id)
{
	struct process *p = h->processes;

	while (p && p->id != id)
		p = p->next;
	return p;
}

static int find_or_add(struct agent_host *h, uint32_t id, struct process **out, struct error *err)
{
	struct process *p = find(h, id);

	if (!p && h->n_processes == PROCESSES_MAX)
		return error_set(err, -EAGAIN, "%d processes at once are the most that a guest is asked for", PROCESSES_MAX);
	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return error_set(err, -ENOMEM, "out of memory");
		*p = (struct process){ .host = h, .next = h->processes, .id = id, .channel = -EBADF };
		h->processes = p;
		h->n_processes++;
	}
	*out = p;
	return 0;
}

static void close_channel(struct process *p)
{
	if (p->channel < 0)
		return;
	if (p->listed)
		loop_remove(p->host->loop, p->channel);
	p->listed = false;
	close(TAKE_FD(p->channel));
}

static void drop(struct process *p)
{
	struct agent_host *h = p->host;
	struct process **at = &h->processes;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	h->n_processes--;
	close_channel(p);
	free(p);
}

void agent_host_unbind(struct agent_host *h, uint32_t id)
{
	struct process *p = find(h, id);

	agent_bindings_drop(&h->bindings, agent_port(id, 0), agent_port(id, AGENT_STREAM_MAX - 1));
	if (p && !p->asked)
		drop(p);
}

/* What happened to the connection. */

/* Processes that have ended are told of first: the guest may go as soon as it has said so. */
static void tell_failure(struct agent_host *h)
{
	if (!h->failed || h->told_failure)
		return;
	for (const struct process *p = h->processes; p; p = p->next)
		if (p->ended)
			return;
	h->told_failure = true;
	h->events.failed(h->data, &h->why);
}

static void fail_asks(struct agent_host *h)
{
	while (h->n_asks) {
		struct ask a = h->asks[0];

		memmove(h->asks, h->asks + 1, --h->n_asks * sizeof(*h->asks));
		a.fn(a.data, NULL, &h->why);
	}
}

static void fail(struct agent_host *h, const struct error *why)
{
	if (h->failed)
		return;
	h->failed = true;
	h->why = *why;
	if (h->why.code >= 0)
		h->why.code = -EIO;
	if (h->loop)
		loop_remove(h->loop, h->control);
	close(TAKE_FD(h->control));
	text_free(&h->out);
	for (struct process *p = h->processes; p; p = p->next)
		close_channel(p);
	fail_asks(h);
	tell_failure(h);
}

/* To the guest. */

static int write_out(struct agent_host *h, struct error *err)
{
	bool wants;

	while (h->sent < h->out.n) {
		ssize_t n = send(h->control, h->out.v + h->sent, h->out.n - h->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return error_errno(err, "send to the guest's agent");
		h->sent += (size_t)n;
	}
	if (h->sent == h->out.n) {
		text_free(&h->out);
		h->sent = 0;
	}
	wants = h->out.n;
	if (wants == h->wants_out || !h->loop)
		return 0;
	h->wants_out = wants;
	return loop_change(h->loop, h->control, wants ? EPOLLIN | EPOLLOUT : EPOLLIN, err);
}

/* A guest that always leaves something makes nothing grow: what was sent is let go of once it is the larger part. */
static void drop_sent(struct agent_host *h)
{
	if (h->sent <= h->out.n / 2)
		return;
	h->out.n -= h->sent;
	memmove(h->out.v, h->out.v + h->sent, h->out.n);
	h->sent = 0;
}

static int put(struct agent_host *h, const struct agent_frame *f, struct error *err)
{
	if (h->failed || !h->greeted)
		return error_set(err, -ENOTCONN, "the guest's agent is %s", h->failed ? "gone" : "not there yet");
	if (h->out.n - h->sent + f->size > OUT_MAX)
		return error_set(err, -ENOBUFS, "the guest's agent does not listen");
	drop_sent(h);
	agent_frame_encode(f, &h->out);
	if (h->out.failed)
		return error_set(err, -ENOMEM, "out of memory");
	return write_out(h, err);
}

static int put_body(struct agent_host *h, enum agent_kind kind, uint32_t id, const struct text *body, struct error *err)
{
	struct agent_frame f = { .kind = kind, .id = id, .size = (uint32_t)body->n, .body = body->v };

	if (body->failed)
		return error_set(err, -ENOMEM, "out of memory");
	return put(h, &f, err);
}

static int put_process(struct agent_host *h, enum agent_kind kind, uint32_t id, const struct text *body, struct error *err)
{
	struct process *p;
	int ret = find_or_add(h, id, &p, err);

	if (ret == 0 && p->asked)
		ret = error_set(err, -EEXIST, "the guest was asked for process %u before", id);
	if (ret == 0)
		ret = put_body(h, kind, id, body, err);
	if (ret == 0)
		p->asked = true;
	return ret;
}

int agent_host_create(struct agent_host *h, const struct agent_create *c, struct error *err)
{
	auto_text struct text body = { 0 };
	int ret = agent_create_encode(c, &body, err);

	return ret < 0 ? ret : put_process(h, AGENT_CREATE, 0, &body, err);
}

int agent_host_exec(struct agent_host *h, uint32_t id, const struct agent_exec *e, struct error *err)
{
	auto_text struct text body = { 0 };
	int ret = agent_exec_encode(e, &body, err);

	return ret < 0 ? ret : put_process(h, AGENT_EXEC, id, &body, err);
}

int agent_host_signal(struct agent_host *h, uint32_t id, int signo, struct error *err)
{
	return put(h, &(struct agent_frame){ .kind = AGENT_SIGNAL, .id = id, .value = signo }, err);
}

int agent_host_resize(struct agent_host *h, uint32_t id, struct agent_size size, struct error *err)
{
	auto_text struct text body = { 0 };

	agent_size_encode(&size, &body);
	return put_body(h, AGENT_RESIZE, id, &body, err);
}

int agent_host_end(struct agent_host *h, struct error *err)
{
	return put(h, &(struct agent_frame){ .kind = AGENT_END }, err);
}

int agent_host_ask(struct agent_host *h, enum agent_kind kind, const void *body, uint32_t size, agent_host_reply_fn fn, void *data,
		   struct error *err)
{
	struct agent_frame f = { .kind = kind, .size = size, .body = body };
	int ret;

	if (size > AGENT_BODY_MAX_HOST)
		return error_set(err, -EFBIG, "%u bytes are more than a guest takes", size);
	if (h->n_asks == ASKS_MAX)
		return error_set(err, -EBUSY, "the guest owes %d answers already", ASKS_MAX);
	ret = put(h, &f, err);
	if (ret == 0)
		h->asks[h->n_asks++] = (struct ask){ fn, data };
	return ret;
}

/* A word for the walker: without waiting, whatever is behind the channel. */
static int on_channel(void *data, int fd, uint32_t events, struct error *unused)
{
	struct process *p = data;
	struct agent_host *h = p->host;
	auto_text struct text body = { 0 };
	struct error err = ERROR_NONE;
	struct msg m;
	int ret = channel_recv(fd, &m, NULL, &err);

	if (ret == -EAGAIN)
		return 0;
	if (ret == 0) {
		agent_walk_encode(&m, &body);
		ret = put_body(h, AGENT_WALK, p->id, &body, &err);
	} else {
		close_channel(p);
		ret = p->asked && h->greeted ? put(h, &(struct agent_frame){ .kind = AGENT_GONE, .id = p->id }, &err) : 0;
	}
	if (ret < 0)
		fail(h, &err);
	return 0;
}

static int list_channel(struct process *p, struct error *err)
{
	int ret;

	if (!p->host->loop || p->channel < 0 || p->listed)
		return 0;
	ret = loop_add(p->host->loop, p->channel, EPOLLIN, on_channel, p, err);
	p->listed = ret == 0;
	return ret;
}

int agent_host_channel(struct agent_host *h, uint32_t id, int channel, struct error *err)
{
	auto_close int fd = channel;
	struct process *p = NULL;
	int ret;

	if (h->failed)
		return error_set(err, -ENOTCONN, "the guest's agent is gone");
	/* Who listens there may be this very thread. */
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return error_errno(err, "walker's channel");
	ret = find_or_add(h, id, &p, err);
	if (ret == 0 && p->channel >= 0)
		ret = error_set(err, -EEXIST, "process %u of the guest has a channel already", id);
	if (ret < 0)
		return ret;
	p->channel = TAKE_FD(fd);
	return list_channel(p, err);
}

/* From the guest. */

static int hear_walk(struct agent_host *h, const struct agent_frame *f, struct error *err)
{
	struct process *p = find(h, f->id);
	struct msg m;
	int ret = agent_walk_decode(f, &m, err);

	if (ret < 0 || !p || p->channel < 0)
		return ret;
	ret = channel_send(p->channel, &m, -EBADF, err);
	if (ret == -EAGAIN)
		return error_set(err, -EPROTO, "the guest says more than anybody wants to hear");
	if (ret < 0)
		close_channel(p);
	return 0;
}

/* On the device's thread. */
static void on_flushed(void *data)
{
	struct process *p = data;
	struct agent_host *h = p->host;
	uint64_t one = 1;

	pthread_mutex_lock(&h->lock);
	p->flushed = true;
	pthread_mutex_unlock(&h->lock);
	/* From here on p may be gone: another one's end may have woken the other thread. */
	(void)!write(h->wake, &one, sizeof(one));
}

static int hear_exited(struct agent_host *h, const struct agent_frame *f, struct error *err)
{
	struct process *p = find(h, f->id);
	struct agent_exited e;
	int ret = agent_exited_decode(f, &e, err);

	if (ret < 0)
		return ret;
	if (!p || !p->asked || p->ended)
		return error_set(err, -EPROTO, "process %u, which is not there, has ended", f->id);
	p->ended = true;
	p->status = f->value;
	p->oom_kills = e.oom_kills;
	/* The first process takes all others with it. */
	if (!h->vsock || vsock_flush(h->vsock, agent_port(p->id, 0), p->id ? agent_port(p->id, AGENT_STREAM_MAX - 1) : UINT32_MAX, on_flushed, p) < 0)
		on_flushed(p);
	return 0;
}

static int hear_reply(struct agent_host *h, const struct agent_frame *f, struct error *err)
{
	struct error why = ERROR_NONE;
	struct ask a;

	if (!h->n_asks)
		return error_set(err, -EPROTO, "an answer that nobody asked for");
	a = h->asks[0];
	memmove(h->asks, h->asks + 1, --h->n_asks * sizeof(*h->asks));
	if (f->value)
		(void)agent_text_decode(f, &why);
	a.fn(a.data, f->value ? NULL : f, &why);
	return 0;
}

static int hear(struct agent_host *h, const struct agent_frame *f, struct error *err)
{
	struct process *p;
	int ret;

	if (!h->greeted && f->kind != AGENT_ERROR) {
		ret = agent_hello_check(f, err);
		h->greeted = ret == 0;
		if (h->greeted && h->events.greeted)
			h->events.greeted(h->data);
		return ret;
	}
	switch (f->kind) {
	case AGENT_WALK:
		return hear_walk(h, f, err);
	case AGENT_GONE:
		p = find(h, f->id);
		if (p)
			close_channel(p);
		return 0;
	case AGENT_EXITED:
		return hear_exited(h, f, err);
	case AGENT_REPLY:
		return hear_reply(h, f, err);
	case AGENT_ERROR:
		ret = agent_text_decode(f, err);
		error_wrap(err, "in the guest");
		return ret;
	default:
		return error_set(err, -EPROTO, "a second greeting");
	}
}

static int on_control(void *data, int fd, uint32_t events, struct error *unused)
{
	struct agent_host *h = data;
	struct error err = ERROR_NONE;
	struct agent_frame f;
	int ret = events & EPOLLOUT ? write_out(h, &err) : 0;

	for (int i = 0; ret >= 0 && i < FRAMES_A_ROUND && !h->failed; i++) {
		ret = agent_reader_read(&h->reader, fd, &f, &err);
		if (ret == 0)
			return 0;
		if (ret > 0)
			ret = hear(h, &f, &err);
		if (ret == -EPROTO)
			error_wrap(&err, "the guest's agent talks nonsense");
	}
	if (ret < 0)
		fail(h, &err);
	return 0;
}

static int on_wake(void *data, int fd, uint32_t events, struct error *err)
{
	struct agent_host *h = data;
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
	for (struct process *p = h->processes, *next; p; p = next) {
		uint32_t id = p->id;
		int status = p->status;
		uint64_t oom_kills = p->oom_kills;
		bool flushed;

		next = p->next;
		pthread_mutex_lock(&h->lock);
		flushed = p->flushed;
		pthread_mutex_unlock(&h->lock);
		if (!flushed)
			continue;
		drop(p);
		agent_bindings_drop(&h->bindings, agent_port(id, 0), agent_port(id, AGENT_STREAM_MAX - 1));
		if (h->events.exited)
			h->events.exited(h->data, id, status, oom_kills);
		/* Whoever heard it may have let go of others. */
		next = h->processes;
	}
	tell_failure(h);
	return 0;
}

int agent_host_add(struct agent_host *h, struct loop *loop, struct error *err)
{
	int ret = loop_add(loop, h->wake, EPOLLIN, on_wake, h, err);

	h->loop = loop;
	if (ret == 0)
		ret = loop_add(loop, h->control, EPOLLIN, on_control, h, err);
	for (struct process *p = h->processes; ret == 0 && p; p = p->next)
		ret = list_channel(p, err);
	return ret;
}

void agent_host_free(struct agent_host *h)
{
	if (!h)
		return;
	h->told_failure = true;
	fail(h, &(struct error){ -ECANCELED, "the virtual machine has ended" });
	while (h->processes)
		drop(h->processes);
	agent_bindings_fini(&h->bindings);
	if (h->loop)
		loop_remove(h->loop, h->wake);
	close(h->wake);
	agent_reader_free(&h->reader);
	pthread_mutex_destroy(&h->lock);
	free(h);
}
