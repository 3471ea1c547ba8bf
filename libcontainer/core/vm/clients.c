/* clients.c: see clients.h. */
#include "core/vm/clients.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "core/stages.h"
#include "core/vm/control.h"
#include "vmm/virtio/balloon.h"

#define CLIENTS_MAX 256

struct client {
	struct vm_clients *all;
	int fd;          /* -EBADF: gone; what it has started is being killed */
	uint32_t id;     /* of its process in the guest; 0: none */
	int walk;        /* what that one's walker says until it is executed; -EBADF before and afterwards */
	bool started;
	bool asking;     /* an answer of the guest is under way */
	bool watching;   /* for the container's end */
	struct client *next;
};

struct vm_clients {
	struct agent_host *agent;
	struct device *balloon;
	struct loop *loop;
	int control;
	uint32_t last_id;
	int last_stage;  /* of the list for exec: once it is done the program runs */
	unsigned int n;
	struct client *first;
};

static void drop(struct client *k)
{
	struct client **at = &k->all->first;

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	k->all->n--;
	free(k);
}

/* Nobody listens there any more. */
static void hang_up(struct client *k)
{
	if (k->fd >= 0) {
		loop_remove(k->all->loop, k->fd);
		close(TAKE_FD(k->fd));
	}
}

static void stop_hearing_walker(struct client *k)
{
	if (k->walk >= 0) {
		loop_remove(k->all->loop, k->walk);
		close(TAKE_FD(k->walk));
	}
}

/* A client that does not take its answer is as good as gone. */
static void tell(struct client *k, const struct control_msg *m)
{
	if (k->fd >= 0 && control_send(k->fd, m, NULL, 0, NULL) < 0)
		hang_up(k);
}

static void tell_failure(struct client *k, const struct error *why)
{
	struct control_msg m = { .kind = CONTROL_FAILED };

	m.error = *why;
	if (m.error.code >= 0)
		m.error.code = -EIO;
	tell(k, &m);
	hang_up(k);
}

static void exec_failed(struct client *k, const struct error *why)
{
	stop_hearing_walker(k);
	agent_host_unbind(k->all->agent, k->id);
	tell_failure(k, why);
}

/* One word of the walker in the guest: 1 while there may be more. */
static int hear_walker(struct client *k)
{
	struct error why = ERROR_NONE;
	struct msg m;
	int ret = channel_recv(k->walk, &m, NULL, &why);

	if (ret < 0) {
		if (ret == -ECONNRESET)
			(void)error_set(&why, ret, "the process died before its program was executed");
		if (!k->started)
			exec_failed(k, &why);
		stop_hearing_walker(k);
		return 0;
	}
	if (m.kind == MSG_LOG)
		log_foreign(LOG_DEBUG, m.error.msg);
	if (m.kind == MSG_FAIL) {
		exec_failed(k, &m.error);
		return 0;
	}
	if (m.kind == MSG_DONE && m.stage >= k->all->last_stage && !k->started) {
		k->started = true;
		tell(k, &(struct control_msg){ .kind = CONTROL_STARTED });
	}
	return 1;
}

static int on_walk(void *data, int fd, uint32_t events, struct error *err)
{
	(void)hear_walker(data);
	return 0;
}

/* What a walker said last may still be on its way to us when the guest tells that it is gone. */
static void hear_rest(struct client *k)
{
	struct pollfd p = { .fd = k->walk, .events = POLLIN };

	while (k->walk >= 0 && poll(&p, 1, 0) > 0 && hear_walker(k))
		;
}

void vm_clients_exited(struct vm_clients *c, uint32_t id, int status)
{
	struct client *k = c->first;

	while (k && k->id != id)
		k = k->next;
	if (!k)
		return;
	hear_rest(k);
	if (k->started)
		tell(k, &(struct control_msg){ .kind = CONTROL_EXITED, .value = status });
	stop_hearing_walker(k);
	hang_up(k);
	k->id = 0;
	if (!k->asking)
		drop(k);
}

static int bind_streams(struct client *k, const struct control_msg *m, int *fds, size_t n, struct error *err)
{
	struct agent_host *a = k->all->agent;
	int ret = 0;

	if (m->flags & CONTROL_TERMINAL) {
		int out = n == 2 ? fcntl(fds[1], F_DUPFD_CLOEXEC, 3) : -EBADF;

		return n == 2 ? agent_host_bind(a, k->id, AGENT_TERMINAL, TAKE_FD(fds[1]), out, err) : -EPROTO;
	}
	if (n != 4)
		return error_set(err, -EPROTO, "control: %zu descriptors", n);
	for (int i = 0; ret == 0 && i < 3; i++) {
		int fd = TAKE_FD(fds[1 + i]);

		ret = agent_host_bind(a, k->id, (enum agent_stream)i, i == 0 ? fd : -EBADF, i == 0 ? -EBADF : fd, err);
	}
	return ret;
}

static int start_exec(struct client *k, const struct control_msg *m, int *fds, size_t n, struct error *err)
{
	struct agent_exec e = { .size = { m->rows, m->cols }, .cgroup = m->cgroup };
	auto_free char *process = NULL;
	size_t len = 0;
	int pair[2], ret;

	if (k->id || n == 0)
		return error_set(err, -EPROTO, "control: a second exec");
	if (k->all->last_id == AGENT_ID_MAX)
		return error_set(err, -EAGAIN, "the virtual machine has seen too many processes");
	ret = fd_read_all(fds[0], AGENT_BODY_MAX_HOST, &process, &len, err);
	if (ret == 0)
		ret = channel_pair(pair, err);
	if (ret < 0)
		return ret;
	k->id = ++k->all->last_id;
	k->walk = pair[0];
	ret = agent_host_channel(k->all->agent, k->id, pair[1], err);
	if (ret == 0)
		ret = bind_streams(k, m, fds, n, err);
	if (ret == 0)
		ret = loop_add(k->all->loop, k->walk, EPOLLIN, on_walk, k, err);
	e.process = process;
	e.process_size = (uint32_t)len;
	return ret < 0 ? ret : agent_host_exec(k->all->agent, k->id, &e, err);
}

static void on_answer(void *data, const struct agent_frame *reply, const struct error *why)
{
	struct client *k = data;
	struct control_msg m = { .kind = CONTROL_DONE };
	struct error err = *why;

	k->asking = false;
	if (err.code >= 0 && reply && reply->size == sizeof(struct agent_stats))
		(void)agent_stats_decode(reply, &m.stats, &err);
	if (err.code < 0)
		tell_failure(k, &err);
	else
		tell(k, &m);
	hang_up(k);
	if (!k->id)
		drop(k);
}

static int ask(struct client *k, enum agent_kind kind, int *fds, size_t n, struct error *err)
{
	auto_free char *text = NULL;
	size_t len = 0;
	int ret = kind == AGENT_UPDATE && n != 1 ? error_set(err, -EPROTO, "control: an update of nothing") : 0;

	if (ret == 0 && kind == AGENT_UPDATE)
		ret = fd_read_all(fds[0], AGENT_BODY_MAX_HOST, &text, &len, err);
	if (ret == 0 && k->asking)
		ret = error_set(err, -EBUSY, "control: two questions at once");
	if (ret < 0)
		return ret;
	k->asking = true;
	ret = agent_host_ask(k->all->agent, kind, text, (uint32_t)len, on_answer, k, err);
	if (ret < 0)
		k->asking = false;
	return ret;
}

static int pass_signal(struct client *k, const struct control_msg *m, struct error *err)
{
	uint32_t to = k->id ? k->id : m->flags & CONTROL_EVERYBODY ? AGENT_EVERYBODY : 0;
	int ret = agent_host_signal(k->all->agent, to, m->value, err);

	if (ret == 0 && !k->id)
		tell(k, &(struct control_msg){ .kind = CONTROL_DONE });
	return ret;
}

static int handle(struct client *k, const struct control_msg *m, int *fds, size_t n, struct error *err)
{
	switch (m->kind) {
	case CONTROL_EXEC:
		return start_exec(k, m, fds, n, err);
	case CONTROL_SIGNAL:
		return pass_signal(k, m, err);
	case CONTROL_RESIZE:
		return agent_host_resize(k->all->agent, k->id, (struct agent_size){ m->rows, m->cols }, err);
	case CONTROL_UPDATE:
		return ask(k, AGENT_UPDATE, fds, n, err);
	case CONTROL_STATS:
		return ask(k, AGENT_STATS, fds, n, err);
	case CONTROL_SHRINK:
		balloon_set_target(k->all->balloon, m->bytes);
		tell(k, &(struct control_msg){ .kind = CONTROL_DONE, .bytes = balloon_actual(k->all->balloon) });
		return 0;
	case CONTROL_WATCH:
		k->watching = true;
		return 0;
	default:
		return error_set(err, -EPROTO, "control: a message of kind %u", m->kind);
	}
}

/* Whoever started a process and goes away takes it along. */
static void gone(struct client *k)
{
	hang_up(k);
	if (k->id)
		(void)agent_host_signal(k->all->agent, k->id, SIGKILL, NULL);
	else if (!k->asking)
		drop(k);
}

static int on_client(void *data, int fd, uint32_t events, struct error *unused)
{
	struct client *k = data;
	struct error err = ERROR_NONE;
	struct control_msg m;
	int fds[CONTROL_FDS_MAX] = { -EBADF, -EBADF, -EBADF, -EBADF };
	size_t n = 0;
	int ret = control_recv(k->fd, &m, fds, &n, &err);

	if (ret < 0) {
		gone(k);
		return 0;
	}
	ret = handle(k, &m, fds, n, &err);
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (ret == 0)
		return 0;
	if (m.kind == CONTROL_EXEC && k->id && !k->started) {
		/* Nothing of it is in the guest. */
		exec_failed(k, &err);
		k->id = 0;
	} else {
		tell_failure(k, &err);
	}
	gone(k);
	return 0;
}

static int on_control(void *data, int control, uint32_t events, struct error *unused)
{
	struct vm_clients *all = data;
	auto_close int fd = accept4(control, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *k = fd < 0 || all->n >= CLIENTS_MAX ? NULL : calloc(1, sizeof(*k));

	if (!k)
		return 0;
	*k = (struct client){ .all = all, .fd = fd, .walk = -EBADF, .next = all->first };
	if (loop_add(all->loop, fd, EPOLLIN, on_client, k, NULL) < 0) {
		free(k);
		return 0;
	}
	(void)TAKE_FD(fd);
	all->first = k;
	all->n++;
	return 0;
}

void vm_clients_end(struct vm_clients *c, uint64_t oom_kills)
{
	const struct control_msg m = { .kind = CONTROL_DONE, .stats = { .oom_kills = oom_kills } };

	for (struct client *k = c->first; k; k = k->next)
		if (k->watching)
			tell(k, &m);
}

int vm_clients_new(struct agent_host *agent, struct device *balloon, struct loop *loop, int control, struct vm_clients **out, struct error *err)
{
	struct pipeline exec = PIPELINE(guest_exec_list, JAIL);
	struct vm_clients *c = calloc(1, sizeof(*c));
	int ret;

	if (!c)
		return error_set(err, -ENOMEM, "out of memory");
	*c = (struct vm_clients){ .agent = agent, .balloon = balloon, .loop = loop, .control = control };
	while (pipeline_stage(&exec, c->last_stage + 1))
		c->last_stage++;
	ret = loop_add(loop, control, EPOLLIN, on_control, c, err);
	if (ret < 0) {
		free(c);
		return ret;
	}
	*out = c;
	return 0;
}
