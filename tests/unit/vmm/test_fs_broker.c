/* test_fs_broker.c: the broker under a monitor that was taken over, and the monitor with a broker that was.
 */
#include "vmm/virtio/fs_broker.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuse.h"
#include "vmm/virtio/fs_peer.h"

static void start(void)
{
	fuse_make_folders();
	cr_assert_eq(fs_broker_start(fuse.shares, 3, NULL, NULL, &fuse.broker, NULL), 0);
}

static void stop(void)
{
	int status;

	close(fuse.broker.socket);
	cr_assert_eq(waitpid(fuse.broker.pid, &status, 0), fuse.broker.pid);
	cr_assert_eq(status, 0, "it ends by itself");
	fuse.broker.pid = 0;
	fuse_teardown();
}

static int refuse(void *data, struct error *err)
{
	return error_set(err, -ENOANO, "no %s", (const char *)data);
}

Test(fs_broker, its_failure_is_told)
{
	struct fs_broker b = {.socket = 77};
	struct error err = ERROR_NONE;
	struct fs_share bad = {"a/b", 0, false};

	fuse_make_folders();
	cr_assert_eq(fs_broker_start(fuse.shares, 3, refuse, (void *)"filter", &b, &err), -ENOANO);
	cr_assert(strstr(err.msg, "no filter"), "%s", err.msg);
	cr_assert_eq(fs_broker_start(&bad, 1, NULL, NULL, &b, &err), -EINVAL);
	cr_assert(strstr(err.msg, "'a/b'"), "%s", err.msg);
	bad = (struct fs_share){"gone", 999, false};
	cr_assert_eq(fs_broker_start(&bad, 1, NULL, NULL, &b, &err), -EBADF);
	cr_assert(strstr(err.msg, "gone"), "%s", err.msg);
	cr_assert_eq(b.socket, 77);
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "nobody is left");
	fuse_teardown();
}

Test(fs_broker, holds_its_shares_and_a_socket_and_nothing_else, .init = start, .fini = stop)
{
	char path[64], target[256];
	struct dirent *e;
	int sockets = 0, shares = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", fuse.broker.pid);
	d = opendir(path);
	cr_assert(d);
	while ((e = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);

		if (n < 0)
			continue;
		target[n] = '\0';
		if (!strncmp(target, "socket:", 7))
			sockets++;
		else if (!strncmp(target, fuse.base, strlen(fuse.base)))
			shares++;
		else
			cr_assert(strstr(target, "/fd"), "%s is %s", e->d_name, target);
	}
	closedir(d);
	cr_assert_eq(sockets, 1);
	cr_assert_eq(shares, 3);
	snprintf(path, sizeof(path), "/proc/%d/root", fuse.broker.pid);
	cr_assert_gt(readlink(path, target, sizeof(target)), 0);
	if (geteuid() == 0)
		cr_assert(strstr(target, "/fd"), "its root is %s", target);
}

Test(fs_broker, ends_when_the_monitor_does)
{
	int pipes[2], status;
	pid_t monitor, broker;

	fuse_make_folders();
	cr_assert_eq(pipe(pipes), 0);
	monitor = fork();
	if (monitor == 0) {
		struct fs_broker b;

		if (fs_broker_start(fuse.shares, 3, NULL, NULL, &b, NULL) < 0 ||
		    write(pipes[1], &b.pid, sizeof(b.pid)) < 0)
			_exit(1);
		pause();
	}
	cr_assert_eq(read(pipes[0], &broker, sizeof(broker)), sizeof(broker));
	/* The end of the pipe it would still hold, if it held anything. */
	close(pipes[1]);
	kill(monitor, SIGKILL);
	cr_assert_eq(waitpid(monitor, &status, 0), monitor);
	for (int i = 0; i < 1000 && kill(broker, 0) == 0; i++)
		usleep(10000);
	cr_assert_eq(kill(broker, 0), -1);
	cr_assert_eq(errno, ESRCH);
	cr_assert_eq(read(pipes[0], &broker, 1), 0);
	fuse_teardown();
}

Test(fs_broker, signals_for_the_container_do_not_reach_it, .init = start, .fini = stop)
{
	struct fuse_in_header h = {.len = sizeof(h), .opcode = FUSE_DESTROY, .unique = 5};
	struct fuse_out_header answer;

	for (int signo = 1; signo < 32; signo++)
		if (signo != SIGKILL && signo != SIGSTOP)
			kill(fuse.broker.pid, signo);
	cr_assert_eq(send(fuse.broker.socket, &h, sizeof(h), 0), sizeof(h));
	cr_assert_eq(recv(fuse.broker.socket, &answer, sizeof(answer), 0), sizeof(answer));
	cr_assert_eq(answer.unique, 5);
}

/* A request as nobody of ours would send it: the answer's error. */
static int tell(const void *bytes, size_t len)
{
	static unsigned char answer[FS_MESSAGE_MAX];
	struct fuse_out_header h;
	ssize_t n;

	cr_assert_eq(send(fuse.broker.socket, bytes, len, 0), (ssize_t)len);
	n = recv(fuse.broker.socket, answer, sizeof(answer), 0);
	cr_assert_geq(n, (ssize_t)sizeof(h));
	memcpy(&h, answer, sizeof(h));
	return h.error;
}

Test(fs_broker, nonsense_is_refused, .init = start, .fini = stop)
{
	static unsigned char bytes[FS_MESSAGE_MAX + 1000];
	struct fuse_in_header *h = (void *)bytes;

	cr_assert_eq(tell(bytes, 1), -EINVAL);
	cr_assert_eq(tell(bytes, sizeof(*h)), -EINVAL, "a length of 0");
	*h = (struct fuse_in_header){.len = sizeof(*h), .opcode = UINT32_MAX};
	cr_assert_eq(tell(bytes, sizeof(*h)), -ENOSYS);
	h->opcode = FUSE_READ;
	cr_assert_eq(tell(bytes, sizeof(*h)), -ENOSYS, "the monitor's own");
	h->opcode = FUSE_GETATTR;
	cr_assert_eq(tell(bytes, sizeof(*h)), -EINVAL, "no body");
	h->len = sizeof(*h) + 16;
	h->total_extlen = 1;
	h->nodeid = 1;
	cr_assert_eq(tell(bytes, h->len), -EINVAL, "extensions");
	h->total_extlen = 0;
	cr_assert_eq(tell(bytes, h->len), 0);
	h->len = FS_MESSAGE_MAX + 1000;
	cr_assert_eq(tell(bytes, h->len), -EINVAL, "longer than a message");
	/* READDIRPLUS with names that no folder gives, and with more than an answer holds. */
	*h = (struct fuse_in_header){.len = sizeof(*h) + 40 + 4, .opcode = FUSE_READDIRPLUS, .nodeid = 1};
	memcpy(bytes + 80, "../", 4);
	cr_assert_eq(tell(bytes, h->len), 0, "an entry without a node");
	memcpy(bytes + 80, "abcd", 4);
	cr_assert_eq(tell(bytes, h->len), -EINVAL, "no end");
	for (int i = 0; i < 2000; i++)
		memcpy(bytes + 80 + 2 * i, "a", 2);
	h->len = sizeof(*h) + 40 + 4000;
	cr_assert_eq(tell(bytes, h->len), -EINVAL);
}

Test(fs_broker, descriptors_that_come_along_are_not_kept, .init = start, .fini = stop)
{
	struct fuse_in_header h = {.len = sizeof(h), .opcode = FUSE_DESTROY};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {
	    .align = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}
	   };
	struct iovec iov = {&h, sizeof(h)};
	struct msghdr m = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct fuse_out_header answer;
	int p[2];

	cr_assert_eq(pipe(p), 0);
	memcpy(CMSG_DATA(&control.align), &p[1], sizeof(int));
	cr_assert_eq(sendmsg(fuse.broker.socket, &m, 0), sizeof(h));
	cr_assert_eq(recv(fuse.broker.socket, &answer, sizeof(answer), 0), sizeof(answer));
	close(p[1]);
	cr_assert_eq(read(p[0], &answer, 1), 0, "nobody holds the other end");
}

/* The broker is asked for one name, or with one fixed part; the error. */
static int ask(struct fs_peer *peer, uint32_t opcode, uint64_t node, const void *body, size_t len)
{
	struct fuse_in_header h = {.len = (uint32_t)(sizeof(h) + len), .opcode = opcode, .nodeid = node};

	memcpy(peer->request, &h, sizeof(h));
	memcpy(peer->request + sizeof(h), body, len);
	return fs_peer_ask(peer, &fs_ops[opcode], h.len);
}

static uint64_t walk(struct fs_peer *peer, const char *const *names)
{
	uint64_t node = FUSE_ROOT_ID;

	for (; *names; names++) {
		cr_assert_eq(ask(peer, FUSE_LOOKUP, node, *names, strlen(*names) + 1), 0, "%s", *names);
		node = ((const struct fuse_entry_out *)fs_peer_body(peer))->nodeid;
	}
	return node;
}

/* Who shares the host's /proc gives the guest a way to the broker's own memory. */
Test(fs_broker, a_proc_file_system_is_read_and_no_memory_in_it)
{
	static struct fs_peer peer;
	struct fs_share share = {"proc", open("/proc", O_PATH | O_CLOEXEC), false};
	struct fuse_open_in read = {.flags = O_RDONLY}, write = {.flags = O_RDWR};
	char pid[16];

	cr_assert_eq(fs_broker_start(&share, 1, NULL, NULL, &fuse.broker, NULL), 0);
	fs_peer_init(&peer, fuse.broker.socket);
	snprintf(pid, sizeof(pid), "%d", (int)fuse.broker.pid);
	cr_expect_eq(ask(&peer, FUSE_OPEN, walk(&peer, (const char *[]){"proc", pid, "stat", NULL}), &read, sizeof(read)), 0);
	cr_expect_eq(ask(&peer, FUSE_OPEN, walk(&peer, (const char *[]){"proc", pid, "comm", NULL}), &write, sizeof(write)), -EACCES);
	cr_expect_eq(ask(&peer, FUSE_OPEN, walk(&peer, (const char *[]){"proc", pid, "mem", NULL}), &write, sizeof(write)), -EACCES);
	cr_expect_eq(ask(&peer, FUSE_OPEN, walk(&peer, (const char *[]){"proc", pid, "mem", NULL}), &read, sizeof(read)), -EACCES);
	cr_expect_eq(ask(&peer, FUSE_OPEN, walk(&peer, (const char *[]){"proc", pid, "task", pid, "mem", NULL}), &read, sizeof(read)), -EACCES);
	fs_peer_close(&peer);
	cr_assert_eq(waitpid(fuse.broker.pid, NULL, 0), fuse.broker.pid);
}

/* The monitor asks; what we write is the answer of a broker that was taken over. */
static int hear(const void *answer, size_t len, const struct fs_op *op)
{
	static struct fs_peer peer;
	struct fuse_in_header h = {.len = sizeof(h), .unique = 42};
	int pair[2], ret;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	fs_peer_init(&peer, pair[0]);
	memcpy(peer.request, &h, sizeof(h));
	if (len)
		cr_assert_eq(send(pair[1], answer, len, 0), (ssize_t)len);
	else
		shutdown(pair[1], SHUT_WR);
	ret = fs_peer_ask(&peer, op, sizeof(h));
	if (ret == -EIO)
		cr_assert_eq(fs_peer_ask(&peer, op, sizeof(h)), -EIO, "for good");
	fs_peer_close(&peer);
	close(pair[1]);
	return ret;
}

Test(fs_broker, an_answer_is_believed_only_if_it_fits)
{
	static const struct fs_op eight = {"eight", FS_BROKER, .answer = 8},
				  some = {"some", FS_BROKER, .answer = FS_ANY};
	static unsigned char bytes[FS_MESSAGE_MAX + 100];
	struct fuse_out_header *h = (void *)bytes;

	*h = (struct fuse_out_header){.len = 24, .unique = 42};
	cr_assert_eq(hear(bytes, 24, &eight), 0);
	cr_assert_eq(hear(bytes, 23, &eight), -EIO, "another length than it says");
	cr_assert_eq(hear(bytes, 15, &eight), -EIO);
	cr_assert_eq(hear(bytes, 0, &eight), -EIO);
	h->len = 25;
	cr_assert_eq(hear(bytes, 25, &eight), -EIO, "too much");
	cr_assert_eq(hear(bytes, 25, &some), 0);
	h->unique = 43;
	cr_assert_eq(hear(bytes, 25, &some), -EIO, "to another question");
	*h = (struct fuse_out_header){.len = 16, .unique = 42, .error = -ENOENT};
	cr_assert_eq(hear(bytes, 16, &eight), -ENOENT);
	h->error = 5;
	cr_assert_eq(hear(bytes, 16, &eight), -EIO);
	h->error = -5000;
	cr_assert_eq(hear(bytes, 16, &eight), -EIO);
	*h = (struct fuse_out_header){.len = 24, .unique = 42, .error = -ENOENT};
	cr_assert_eq(hear(bytes, 24, &eight), -EIO, "an error and more");
	*h = (struct fuse_out_header){.len = sizeof(bytes), .unique = 42};
	cr_assert_eq(hear(bytes, sizeof(bytes), &some), -EIO);
}
