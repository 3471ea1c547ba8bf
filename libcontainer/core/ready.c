/* ready.c: a service manager is told what the container's program says. See ready.h. */
#include "core/ready.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/table.h"
#include "core/lifecycle.h"

#define FOLDER "notify"
#define SOCKET FOLDER "/notify.sock"
#define MESSAGE_MAX 4096
/* More than the kernel keeps for one socket (net.unix.max_dgram_qlen). */
#define REST_MAX 1024
/* A manager that does not answer is not waited for longer. */
#define PATIENCE_MS 10000

bool ready_is_offered(const struct container *c)
{
	const struct strings *env = &c->process->env;
	bool mounts = (c->host.ns.create | c->host.ns.joined) & CLONE_NEWNS;

	if (c->in_vm || c->exec || !c->global->notify_socket || !mounts)
		return false;
	/* Podman, with --sdnotify=container, has made one of its own. */
	for (size_t i = 0; i < env->n; i++)
		if (str_starts(env->v[i], "NOTIFY_SOCKET="))
			return false;
	return true;
}

/* A mount as a bundle might have it, so that all that holds for mounts holds for this one. */
static int add_mount(struct oci_mount_list *list, const char *source, struct error *err)
{
	static const char *const words[] = { "bind", "ro", "nosuid", "nodev", "noexec" };
	struct oci_mount *all = reallocarray(list->v, list->n + 1, sizeof(*all)), *m;

	if (!all)
		return error_set(err, -ENOMEM, "out of memory");
	list->v = all;
	m = &all[list->n++];
	*m = (struct oci_mount){
		.destination = strdup("/run/notify"),
		.source = strdup(source),
		.type = strdup("bind"),
		.options = { calloc(ARRAY_LEN(words) + 1, sizeof(char *)), 0 },
	};
	for (size_t i = 0; m->options.v && i < ARRAY_LEN(words); i++)
		if ((m->options.v[i] = strdup(words[i])))
			m->options.n++;
	if (!m->destination || !m->source || !m->type || m->options.n < ARRAY_LEN(words))
		return error_set(err, -ENOMEM, "out of memory");
	return 0;
}

int ready_offer(struct container *c, struct error *err)
{
	const struct store *s = &c->host.store;
	auto_free char *source = str_printf("%s/" FOLDER, s->path);

	if (!source)
		return error_set(err, -ENOMEM, "out of memory");
	/* For any user of the container; nobody else comes into the folder around it. */
	if (mkdirat(s->folder, FOLDER, 0755) < 0 || fchmodat(s->folder, FOLDER, 0755, 0) < 0)
		return error_errno(err, "make %s", source);
	return add_mount(&c->spec->mounts, source, err);
}

/* The manager's: a path, or "@" and an abstract name. Connected, so that a wrong one is known now. */
static int open_outside(const char *path, struct error *err)
{
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t n = strlen(path);

	if (fd < 0)
		return error_errno(err, "socket");
	if ((*path != '/' && *path != '@') || n < 2 || n >= sizeof(a.sun_path))
		return error_set(err, -EINVAL, "not the address of a socket: \"%.120s\"", path);
	memcpy(a.sun_path, path, n);
	if (*path == '@')
		a.sun_path[0] = '\0';
	if (connect(fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		return error_errno(err, "connect to %s", path);
	/* A manager that is stuck must not keep us from our own signals. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){ .tv_sec = 1 }, sizeof(struct timeval));
	return TAKE_FD(fd);
}

static int open_inside(int folder, struct error *err)
{
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (fd < 0)
		return error_errno(err, "notify: socket");
	/* The state root may be deep: 108 bytes are reached by way of the descriptor. */
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/" SOCKET, fd_path(folder).text);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || fchmodat(folder, SOCKET, 0666, 0) < 0)
		return error_errno(err, "notify: bind");
	return TAKE_FD(fd);
}

int ready_listen(const struct container *c, struct ready *r, struct error *err)
{
	struct error why = ERROR_NONE;

	*r = READY_NONE;
	/* Made by a create that had none: its program does not know of it. */
	if (!c->global->notify_socket || faccessat(c->host.store.folder, FOLDER, F_OK, 0) < 0)
		return 0;
	r->outside = open_outside(c->global->notify_socket, &why);
	if (r->outside < 0) {
		log_line(LOG_WARNING, "NOTIFY_SOCKET: nobody is told when the program is ready: %s", why.msg);
		return 0;
	}
	r->inside = open_inside(c->host.store.folder, err);
	if (r->inside >= 0)
		return 0;
	ready_close(r);
	return err ? err->code : -EIO;
}

bool ready_choose(const char *message, size_t n, struct text *out)
{
	static const char *const keys[] = {
		"READY=", "RELOADING=", "STOPPING=", "STATUS=", "ERRNO=", "BUSERROR=", "MONOTONIC_USEC=", "WATCHDOG=", "EXTEND_TIMEOUT_USEC=",
		"EXIT_STATUS=",
	};
	bool ready = false;

	for (const char *at = message, *end = message + n; at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t line = (size_t)((stop ? stop : end) - at);

		for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
			size_t key = strlen(keys[i]);

			if (line < key || memcmp(at, keys[i], key) != 0 || memchr(at, '\0', line))
				continue;
			text_add_bytes(out, at, line);
			text_add(out, "\n");
			ready |= i == 0 && line == key + 1 && at[key] == '1';
		}
		at += line + 1;
	}
	return ready;
}

int ready_pass_on(const struct ready *r, pid_t main_pid)
{
	auto_text struct text out = { 0 };
	char message[MESSAGE_MAX + 1];
	bool ready;
	/* Descriptors, as of a barrier, are closed by this: there is no room for them. */
	ssize_t n = recv(r->inside, message, sizeof(message), MSG_DONTWAIT);

	if (n <= 0 || n > MESSAGE_MAX)
		return 0;
	ready = ready_choose(message, (size_t)n, &out);
	if (ready && main_pid > 0)
		text_addf(&out, "MAINPID=%d\n", main_pid);
	if (out.n && !out.failed && send(r->outside, out.v, out.n, MSG_NOSIGNAL) < 0)
		log_line(LOG_WARNING, "NOTIFY_SOCKET: send: %s", strerror(errno));
	return ready;
}

int ready_pass_on_rest(const struct ready *r, pid_t main_pid)
{
	int ready = 0;

	for (int i = 0; i < REST_MAX && poll(&(struct pollfd){ .fd = r->inside, .events = POLLIN }, 1, 0) > 0; i++)
		ready |= ready_pass_on(r, main_pid);
	return ready;
}

/* Who asks a manager for the service of a process that is gone gets no answer. So we stay until it has read: it closes what it was sent. */
static void await_reader(const struct ready *r)
{
	static const char word[] = "BARRIER=1";
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { (void *)word, sizeof(word) - 1 };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &ends[1], sizeof(int));
	ssize_t n = sendmsg(r->outside, &h, MSG_NOSIGNAL);

	close(ends[1]);
	if (n >= 0)
		(void)poll(&(struct pollfd){ .fd = ends[0] }, 1, PATIENCE_MS);
	close(ends[0]);
}

void ready_await(const struct ready *r, const struct proc *init)
{
	struct pollfd fds[] = { { .fd = r->inside, .events = POLLIN }, { .fd = init->pidfd, .events = POLLIN } };

	if (r->inside < 0)
		return;
	for (;;) {
		/* Where there are no pidfds it is asked now and then. */
		int n = poll(fds, 2, init->pidfd >= 0 ? -1 : 100);
		bool ended = proc_life(init) != PROC_ALIVE, ready = false;

		if (n < 0 && errno != EINTR)
			return;
		if (ended)
			ready = ready_pass_on_rest(r, init->pid);
		else if (n > 0 && fds[0].revents)
			ready = ready_pass_on(r, init->pid);
		if (ready)
			await_reader(r);
		if (ready || ended)
			return;
	}
}

void ready_close(struct ready *r)
{
	if (r->inside >= 0)
		close(r->inside);
	if (r->outside >= 0)
		close(r->outside);
	*r = READY_NONE;
}
