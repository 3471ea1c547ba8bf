/* fs_peer.c: see fs_peer.h. */
#include "vmm/virtio/fs_peer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

enum { ERRNO_MAX = 4095 };

union control {
	char space[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static void drop_fd(struct fs_peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -EBADF;
}

void fs_peer_init(struct fs_peer *p, int socket)
{
	p->socket = socket;
	p->dead = false;
	p->len = 0;
	p->fd = -EBADF;
}

void fs_peer_close(struct fs_peer *p)
{
	drop_fd(p);
	if (p->socket >= 0)
		close(p->socket);
	p->socket = -EBADF;
	p->dead = true;
}

/* One line of log, once. */
static int lost(struct fs_peer *p, const char *how)
{
	drop_fd(p);
	if (!p->dead)
		log_line(LOG_WARNING, "file system: the broker %s", how);
	p->dead = true;
	return -EIO;
}

/* The bytes of the answer, and its descriptor in p->fd; 0: it hung up. */
static ssize_t receive(struct fs_peer *p)
{
	union control control = {0};
	struct iovec iov = {p->answer, sizeof(p->answer)};
	struct msghdr h = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = CMSG_LEN(sizeof(int))};
	struct cmsghdr *c;
	ssize_t n;

	do {
		n = recvmsg(p->socket, &h, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return 0;
	c = CMSG_FIRSTHDR(&h);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&p->fd, CMSG_DATA(c), sizeof(int));
	return h.msg_flags & MSG_TRUNC ? (ssize_t)sizeof(p->answer) + 1 : n;
}

int fs_peer_ask(struct fs_peer *p, const struct fs_op *op, size_t len)
{
	struct iovec iov = {p->request, len};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	struct fuse_out_header head;
	struct fuse_in_header asked;
	size_t body;
	ssize_t n;

	drop_fd(p);
	if (p->dead)
		return -EIO;
	do {
		n = sendmsg(p->socket, &h, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return lost(p, "has gone");
	if (op->silent)
		return 0;
	n = receive(p);
	if (n <= 0)
		return lost(p, "has gone");
	if (n > (ssize_t)sizeof(p->answer) || n < (ssize_t)sizeof(head))
		return lost(p, "sent a message of another size");
	memcpy(&head, p->answer, sizeof(head));
	memcpy(&asked, p->request, sizeof(asked));
	body = (size_t)n - sizeof(head);
	if (head.len != (size_t)n || head.unique != asked.unique || head.error > 0 || head.error < -ERRNO_MAX)
		return lost(p, "answered something else");
	if (head.error) {
		drop_fd(p);
		return body ? lost(p, "answered an error and more") : head.error;
	}
	if (op->answer != FS_ANY && body != (size_t)op->answer)
		return lost(p, "answered too much or too little");
	p->len = body;
	return 0;
}
