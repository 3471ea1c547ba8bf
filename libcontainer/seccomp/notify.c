/* notify.c: brings the listener of a filter to its agent. See notify.h. */
#include "seccomp/notify.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/auto.h"
#include "seccomp/filter.h"

#define TIMEOUT_SECONDS 10

/* A path longer than a socket address takes is reached through a descriptor of its folder, kept open in *dir.
 */
static int socket_address(const char *path, struct sockaddr_un *addr, int *dir, struct error *err)
{
	const char *slash = strrchr(path, '/');
	size_t n = strlen(path);

	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (!n)
		return error_set(err, -EINVAL, "seccomp listener: no path");
	if (n < sizeof(addr->sun_path)) {
		memcpy(addr->sun_path, path, n + 1);
		return 0;
	}
	if (!slash)
		return error_set(err, -ENAMETOOLONG, "seccomp listener %.100s…: path is too long", path);
	auto_free char *folder = strndup(path, (size_t)(slash - path) + 1);
	if (!folder)
		return error_set(err, -ENOMEM, "seccomp listener: out of memory");
	*dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*dir < 0)
		return error_errno(err, "seccomp listener: open %s", folder);
	int len = snprintf(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d/%s", *dir, slash + 1);
	if (len < 0 || (size_t)len >= sizeof(addr->sun_path))
		return error_set(err, -ENAMETOOLONG, "seccomp listener %.100s…: path is too long", path);
	return 0;
}

/* The descriptor rides along with the first byte; a stream may take the text in pieces. */
static int send_all(int fd, const char *text, int pass_fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	size_t left = strlen(text);

	while (left) {
		struct iovec iov = {.iov_base = (char *)(uintptr_t)text, .iov_len = left};
		struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

		if (pass_fd >= 0) {
			m.msg_control = control.bytes;
			m.msg_controllen = sizeof(control.bytes);
			struct cmsghdr *c = CMSG_FIRSTHDR(&m);
			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
		}
		ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		pass_fd = -1;
		text += n;
		left -= (size_t)n;
	}
	return 0;
}

int notify_connect(const char *path, struct error *err)
{
	/* An agent that hangs must not hang the runtime with it. */
	struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
	struct sockaddr_un addr;
	auto_close int dir = -EBADF;
	int r = socket_address(path, &addr, &dir, err);

	if (r < 0)
		return r;
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(err, "seccomp listener: make a socket");
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return error_errno(err, "seccomp listener: set a timeout");
	do
		r = connect(fd, (const struct sockaddr *)&addr, sizeof(addr));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return error_errno(err, "seccomp listener: connect to %s", path);
	return TAKE_FD(fd);
}

int notify_send(int connection, const char *process_state_json, int listener, struct error *err)
{
	int r;

	if (!process_state_json || !*process_state_json)
		return error_set(err, -EINVAL, "seccomp listener: no process state to send");
	r = send_all(connection, process_state_json, listener);
	return r < 0 ? error_set(err, r, "seccomp listener: send: %s", strerror(-r)) : 0;
}

/* What the two threads share. Each field has one writer. */
struct errand {
	const char *text;
	int connection;
	atomic_int listener; /* by the loader: -1 not yet, -2 never */
	atomic_int result;   /* by the sender: 1 not yet */
};

/* A thread without a thread library: it shares our errno, so while it works the loader makes no call. */
static int run_errand(void *data)
{
	struct errand *e = data;
	int fd;

	while ((fd = atomic_load(&e->listener)) == -1)
		sched_yield();
	fd = fd < 0 ? 0 : send_all(e->connection, e->text, fd);
	/* Whoever else holds the connection: an agent that reads to the end has to see one. */
	shutdown(e->connection, SHUT_RDWR);
	atomic_store(&e->result, fd);
	return 0;
}

int notify_load(const struct filter *filter, int connection, const char *process_state_json, struct error *err)
{
	static const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
	struct filter alone = *filter;
	struct errand e = {.text = process_state_json, .connection = connection, .listener = -1, .result = 1};
	size_t room = 64 << 10;
	int listener = -EBADF, r;
	char *stack = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (stack == MAP_FAILED)
		return error_errno(err, "seccomp listener: a stack for its messenger");
	if (clone(run_errand, stack + room, flags, &e) < 0) {
		r = error_errno(err, "seccomp listener: a thread for its messenger");
		munmap(stack, room);
		return r;
	}
	/* There is one thread that matters, and the other must stay outside. */
	alone.flags &= ~(unsigned)(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH);
	r = filter_load(&alone, &listener, err);
	atomic_store(&e.listener, r < 0 ? -2 : listener);
	/* No call here: the filter may hold it until the agent answers. The stack is left to execve(2). */
	while (atomic_load(&e.result) == 1)
		;
	if (r < 0)
		return r;
	r = atomic_load(&e.result);
	return r < 0 ? error_set(err, r, "seccomp listener: send: %s", strerror(-r)) : 0;
}
