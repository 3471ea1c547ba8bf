/* control.c: see control.h. */
#include "core/vm/control.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"

/* The state root may be deep: 108 bytes are reached by way of the descriptor. */
static struct sockaddr_un address_of(int folder)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/control", fd_path(folder).text);
	return a;
}

int control_open(int folder, struct error *err)
{
	struct sockaddr_un a = address_of(folder);
	auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	mode_t before;
	int ret;

	if (fd < 0)
		return error_errno(err, "control: socket");
	before = umask(0177);
	ret = bind(fd, (struct sockaddr *)&a, sizeof(a));
	umask(before);
	if (ret < 0)
		return error_errno(err, "control: bind");
	if (listen(fd, 16) < 0)
		return error_errno(err, "control: listen");
	return TAKE_FD(fd);
}

int control_connect(int folder, struct error *err)
{
	struct sockaddr_un a = address_of(folder);
	auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return error_errno(err, "control: socket");
	do {
		ret = connect(fd, (struct sockaddr *)&a, sizeof(a));
	} while (ret < 0 && errno == EINTR);
	if (ret < 0 && (errno == ECONNREFUSED || errno == ENOENT))
		return error_set(err, -ESRCH, "the virtual machine's monitor does not answer: container not running");
	return ret < 0 ? error_errno(err, "reach the virtual machine's monitor") : TAKE_FD(fd);
}

int control_send(int fd, const struct control_msg *m, const int *fds, size_t n, struct error *err)
{
	union { struct cmsghdr head; char room[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))]; } rights;
	struct iovec v = { .iov_base = (void *)m, .iov_len = sizeof(*m) };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1 };

	if (n) {
		h.msg_control = rights.room;
		h.msg_controllen = CMSG_SPACE(n * sizeof(int));
		rights.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(n * sizeof(int)) };
		memcpy(CMSG_DATA(&rights.head), fds, n * sizeof(int));
	}
	while (sendmsg(fd, &h, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return error_errno(err, "control: send");
	return 0;
}

static size_t take_rights(struct msghdr *h, int *fds)
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		size_t here = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

		for (size_t i = 0; i < here; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (n < CONTROL_FDS_MAX)
				fds[n++] = fd;
			else
				close(fd);
		}
	}
	return n;
}

int control_recv(int fd, struct control_msg *m, int *fds, size_t *n, struct error *err)
{
	union { struct cmsghdr head; char room[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))]; } rights;
	struct control_msg got;
	struct iovec v = { .iov_base = &got, .iov_len = sizeof(got) };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = rights.room, .msg_controllen = sizeof(rights.room) };
	int taken[CONTROL_FDS_MAX];
	size_t n_taken;
	ssize_t len;

	do {
		len = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);
	} while (len < 0 && errno == EINTR);
	if (len == 0 || (len < 0 && errno == ECONNRESET))
		return error_set(err, -ECONNRESET, "control: the other end is gone");
	if (len < 0)
		return error_errno(err, "control: receive");
	n_taken = take_rights(&h, taken);
	if (len != sizeof(got) || h.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || got.kind <= 0 || got.kind >= CONTROL_KIND_MAX) {
		for (size_t i = 0; i < n_taken; i++)
			close(taken[i]);
		return error_set(err, -EPROTO, "control: that is no message");
	}
	got.cgroup[sizeof(got.cgroup) - 1] = '\0';
	if (got.kind == CONTROL_FAILED) {
		got.error.msg[sizeof(got.error.msg) - 1] = '\0';
		error_tame(got.error.msg);
	}
	*m = got;
	memcpy(fds, taken, n_taken * sizeof(int));
	*n = n_taken;
	return 0;
}

int control_ask(int folder, const struct control_msg *m, const int *fds, size_t n, struct control_msg *answer, struct error *err)
{
	auto_close int fd = control_connect(folder, err);
	int none[CONTROL_FDS_MAX], ret = fd < 0 ? fd : control_send(fd, m, fds, n, err);
	const struct timeval patience = { .tv_sec = 60 };
	struct control_msg heard;
	size_t came = 0;

	/* One that is stopped does not answer; one with a small part of a busy processor takes its time. */
	if (ret == 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (ret == 0)
		ret = control_recv(fd, &heard, none, &came, err);
	if (ret == -EAGAIN)
		return error_set(err, -ETIMEDOUT, "the virtual machine's monitor does not answer");
	for (size_t i = 0; i < came; i++)
		close(none[i]);
	if (ret < 0)
		return ret;
	if (heard.kind == CONTROL_FAILED)
		return error_set(err, heard.error.code < 0 ? heard.error.code : -EIO, "%s", heard.error.msg);
	if (heard.kind != CONTROL_DONE)
		return error_set(err, -EPROTO, "control: an answer of kind %u", heard.kind);
	if (answer)
		*answer = heard;
	return 0;
}

int control_watch(int folder, struct error *err)
{
	auto_close int fd = control_connect(folder, err);
	int ret = fd < 0 ? fd : control_send(fd, &(struct control_msg){ .kind = CONTROL_WATCH }, NULL, 0, err);

	if (ret < 0)
		return ret;
	return fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? error_errno(err, "control: watch") : TAKE_FD(fd);
}

int control_watched(int fd, uint64_t *oom_kills, struct error *err)
{
	int none[CONTROL_FDS_MAX];
	struct control_msg m;
	size_t came = 0;
	int ret = control_recv(fd, &m, none, &came, err);

	for (size_t i = 0; i < came; i++)
		close(none[i]);
	if (ret < 0)
		return ret;
	if (m.kind != CONTROL_DONE)
		return error_set(err, -EPROTO, "control: an answer of kind %u", m.kind);
	*oom_kills = m.stats.oom_kills;
	return 0;
}

int control_text(const char *text, size_t n, struct error *err)
{
	auto_close int fd = memfd_create("text", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return error_errno(err, "create a memfd");
	if (fd_write_all(fd, text, n, err) < 0)
		return error_wrap(err, "write a memfd");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_errno(err, "rewind a memfd");
	return TAKE_FD(fd);
}
