/* channel.c: see channel.h. */
#include "base/channel.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"

union control {
	char space[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int channel_pair(int fds[2], struct error *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return error_errno(err, "socketpair");
	return 0;
}

int channel_send(int fd, const struct msg *m, int pass_fd, struct error *err)
{
	union control control = {0};
	struct iovec iov = {(void *)m, sizeof(*m)};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (pass_fd >= 0) {
		h.msg_control = &control;
		h.msg_controllen = sizeof(control);
		struct cmsghdr *c = CMSG_FIRSTHDR(&h);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
	}
	do {
		n = sendmsg(fd, &h, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? error_errno(err, "send to peer") : 0;
}

int channel_recv(int fd, struct msg *m, int *got_fd, struct error *err)
{
	union control control = {0};
	struct msg got;
	struct iovec iov = {&got, sizeof(got)};
	struct msghdr h = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   /* CMSG_SPACE would have room for a second descriptor, which nobody would close. */
			   .msg_control = &control,
			   .msg_controllen = CMSG_LEN(sizeof(int))};
	struct cmsghdr *c;
	ssize_t n;
	auto_close int came = -EBADF;

	/* A peer that closes with mail unread makes the kernel say ECONNRESET once, ahead of its last words.
	 */
	do {
		n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);
	} while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return error_errno(err, "receive from peer");
	if (n == 0)
		return error_set(err, -ECONNRESET, "peer died without a word");
	c = CMSG_FIRSTHDR(&h);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&came, CMSG_DATA(c), sizeof(int));
	if (n != sizeof(got) || h.msg_flags & MSG_TRUNC || (unsigned)got.kind >= MSG_KIND_MAX)
		return error_set(err, -EPROTO, "malformed message of %zd bytes", n);
	/* The peer may be the container's process: its words are bounded and tamed. */
	got.error.msg[sizeof(got.error.msg) - 1] = '\0';
	error_tame(got.error.msg);
	*m = got;
	if (got_fd && came >= 0)
		*got_fd = TAKE_FD(came);
	return 0;
}
