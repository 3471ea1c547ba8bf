/* notify.c: see notify.h. */
#include "seccomp/notify.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/auto.h"

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

int notify_send(const char *path, const char *process_state_json, int listener, struct error *err)
{
	/* An agent that hangs must not hang the runtime with it. */
	struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
	struct sockaddr_un addr;
	auto_close int dir = -EBADF;
	int r;

	if (!process_state_json || !*process_state_json)
		return error_set(err, -EINVAL, "seccomp listener: no process state to send");
	r = socket_address(path, &addr, &dir, err);
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
	r = send_all(fd, process_state_json, listener);
	if (r < 0) {
		errno = -r;
		return error_errno(err, "seccomp listener: send to %s", path);
	}
	return 0;
}
