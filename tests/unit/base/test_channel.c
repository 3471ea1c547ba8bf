/* test_channel.c: messages arrive whole, with at most one descriptor, or not at all. */
#include "base/channel.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lack.h"

static int end[2];

static void open_pair(void)
{
	cr_assert_eq(channel_pair(end, NULL), 0);
}

Test(channel, round_trip, .init = open_pair)
{
	struct msg m =
		       {
			   .kind = MSG_FAIL, .stage = 3, .value = 9, .error = {-EPERM, "no"}
	    },
		   got;
	int fd = 77;

	cr_assert(fcntl(end[0], F_GETFD) & FD_CLOEXEC);
	cr_assert(fcntl(end[1], F_GETFD) & FD_CLOEXEC);
	cr_assert_eq(channel_send(end[0], &m, -EBADF, NULL), 0);
	cr_assert_eq(channel_recv(end[1], &got, &fd, NULL), 0);
	cr_assert_eq(got.kind, MSG_FAIL);
	cr_assert_eq(got.stage, 3);
	cr_assert_eq(got.value, 9);
	cr_assert_eq(got.error.code, -EPERM);
	cr_assert_str_eq(got.error.msg, "no");
	cr_assert_eq(fd, 77, "no descriptor came along");
}

Test(channel, passes_a_descriptor, .init = open_pair)
{
	struct msg m = {.kind = MSG_DONE}, got;
	int fd = -1, p[2], before;

	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	cr_assert_eq(channel_send(end[0], &m, p[1], NULL), 0);
	cr_assert_eq(channel_recv(end[1], &got, &fd, NULL), 0);
	cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	cr_assert_eq(write(fd, "x", 1), 1);
	cr_assert_eq(read(p[0], &got, 1), 1);
	/* One that nobody wants is closed. */
	before = count_fds();
	cr_assert_eq(channel_send(end[0], &m, p[1], NULL), 0);
	cr_assert_eq(channel_recv(end[1], &got, NULL, NULL), 0);
	cr_assert_eq(count_fds(), before);
}

/* As a hostile peer would: any bytes, any number of descriptors. */
static void send_raw(const void *p, size_t len, int fds)
{
	union {
		char space[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {(void *)p, len};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	int all[4] = {0, 0, 0, 0};

	if (fds) {
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE((size_t)fds * sizeof(int));
		struct cmsghdr *c = &control.align;

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)fds * sizeof(int));
		memcpy(CMSG_DATA(c), all, (size_t)fds * sizeof(int));
	}
	cr_assert_eq(sendmsg(end[0], &h, 0), (ssize_t)len);
}

Test(channel, malformed_is_refused, .init = open_pair)
{
	struct {
		struct msg m;
		char more[8];
	} big = {.m = {.kind = MSG_DONE}};
	struct msg bad = {.kind = MSG_KIND_MAX}, negative = {.kind = (enum msg_kind) - 1},
		   got = {.stage = 42};
	int fd = 77, before = count_fds();

	for (int fds = 0; fds <= 1; fds++) {
		send_raw(&big, sizeof(big), fds);
		cr_assert_eq(channel_recv(end[1], &got, &fd, NULL), -EPROTO);
		send_raw(&big, sizeof(struct msg) - 1, fds);
		cr_assert_eq(channel_recv(end[1], &got, &fd, NULL), -EPROTO);
		send_raw(&bad, sizeof(bad), fds);
		cr_assert_eq(channel_recv(end[1], &got, &fd, NULL), -EPROTO);
		send_raw(&negative, sizeof(negative), fds);
		cr_assert_eq(channel_recv(end[1], &got, &fd, NULL), -EPROTO);
	}
	cr_assert_eq(fd, 77);
	cr_assert_eq(got.stage, 42, "untouched");
	cr_assert_eq(count_fds(), before, "descriptors of refused messages are closed");
}

Test(channel, second_descriptor_is_not_taken, .init = open_pair)
{
	struct msg m = {.kind = MSG_DONE}, got;
	int before = count_fds(), fd = -1;

	for (int fds = 2; fds <= 4; fds++) {
		send_raw(&m, sizeof(m), fds);
		cr_assert_eq(channel_recv(end[1], &got, &fd, NULL), 0);
		cr_assert_geq(fd, 0);
		close(fd);
		cr_assert_eq(count_fds(), before, "%d descriptors", fds);
	}
}

Test(channel, words_are_bounded_and_tamed, .init = open_pair)
{
	struct msg m = {.kind = MSG_LOG}, got;

	memset(m.error.msg, 'x', sizeof(m.error.msg));
	m.error.msg[0] = '\n';
	send_raw(&m, sizeof(m), 0);
	cr_assert_eq(channel_recv(end[1], &got, NULL, NULL), 0);
	cr_assert_eq(strlen(got.error.msg), sizeof(got.error.msg) - 1);
	cr_assert_eq(got.error.msg[0], '?');
}

Test(channel, silence_is_an_error, .init = open_pair)
{
	struct msg m = {.kind = MSG_DONE, .stage = 5}, got;

	/* Closing with unread mail: its last words come first, then the silence. */
	cr_assert_eq(channel_send(end[1], &m, -EBADF, NULL), 0);
	cr_assert_eq(channel_send(end[0], &m, -EBADF, NULL), 0);
	close(end[0]);
	cr_assert_eq(channel_recv(end[1], &got, NULL, NULL), 0);
	cr_assert_eq(got.stage, 5);
	cr_assert_eq(channel_recv(end[1], &got, NULL, NULL), -ECONNRESET);
	cr_assert_eq(channel_send(end[1], &m, -EBADF, NULL), -EPIPE);
}
