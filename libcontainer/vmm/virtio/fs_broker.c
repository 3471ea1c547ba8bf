/* fs_broker.c: see fs_broker.h. */
#include "vmm/virtio/fs_broker.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "vmm/virtio/fs_serve.h"

enum {
	FIRST_FREE = 3, /* 0, 1 and 2 are never a file: a library that complains must not write into one */
	/* Each pins a file's inode in the host's memory, which counts as the container's; opening one again
	 * costs a few microseconds. */
	NOFILE_WANTED = 8192,
	NOFILE_LEAST = 64,
};

/* clang-format off */
const int fs_broker_calls[] = {
	/* the socket */
	__NR_recvmsg, __NR_sendmsg, __NR_close,
	/* names and descriptors; the C library makes renameat() of a renameat2() without flags */
	__NR_openat, __NR_statx, __NR_newfstatat, __NR_fstat, __NR_readlinkat, __NR_fcntl, __NR_mkdirat,
	__NR_mknodat, __NR_symlinkat, __NR_linkat, __NR_unlinkat, __NR_renameat, __NR_renameat2,
	/* attributes */
	__NR_fchmodat, __NR_fchownat, __NR_utimensat, __NR_ftruncate, __NR_fstatfs, __NR_syncfs,
	__NR_setxattr, __NR_getxattr, __NR_listxattr, __NR_removexattr,
	/* whose file it becomes */
	__NR_setfsuid, __NR_setfsgid, __NR_capset, __NR_prctl,
	/* memory, time, the end */
	__NR_brk, __NR_mmap, __NR_munmap, __NR_mremap, __NR_madvise, __NR_clock_gettime, __NR_futex,
	__NR_restart_syscall, __NR_rt_sigreturn, __NR_exit, __NR_exit_group,
	-1,
};
/* clang-format on */

union control {
	char space[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

/* True once it was sent; false where nobody listens any more. */
static bool answer(int socket, const struct fs_answer *a)
{
	union control control = {0};
	struct iovec iov = {(void *)a, sizeof(a->h) + a->len};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	_Static_assert(offsetof(struct fs_answer, body) == sizeof(a->h), "the body follows the header");
	if (a->fd >= 0) {
		struct cmsghdr *c;

		h.msg_control = &control;
		h.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &a->fd, sizeof(int));
	}
	do {
		n = sendmsg(socket, &h, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n >= 0;
}

/* The next request, at most FS_MESSAGE_MAX bytes of it; 0 at the end. A longer one is cut, and refused as its
 * header does not match. Descriptors that come along find no room and are closed by the kernel. */
static ssize_t next(int socket, void *request)
{
	ssize_t n;

	do {
		struct iovec iov = {request, FS_MESSAGE_MAX};
		struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

		n = recvmsg(socket, &h, 0);
	} while (n < 0 && errno == EINTR);
	return n;
}

static size_t descriptors_allowed(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur < NOFILE_LEAST)
		return NOFILE_LEAST;
	/* A part is for what cannot be let go of in time. */
	return r.rlim_cur - r.rlim_cur / 4 < NOFILE_WANTED ? r.rlim_cur - r.rlim_cur / 4 : NOFILE_WANTED;
}

struct work {
	struct fs_server server;
	struct fs_answer answer;
	_Alignas(8) unsigned char request[FS_MESSAGE_MAX];
};

static int work_new(const struct fs_share *shares, size_t n, struct work **out, struct error *err)
{
	struct work *w = malloc(sizeof(*w));
	int ret;

	if (!w)
		return error_set(err, -ENOMEM, "share file systems: out of memory");
	ret = fs_server_init(&w->server, shares, n, descriptors_allowed(), err);
	if (ret < 0)
		free(w);
	else
		*out = w;
	return ret;
}

static void serve_all(struct work *w, int socket)
{
	ssize_t n;

	while ((n = next(socket, w->request)) > 0) {
		bool heard = true;

		fs_serve(&w->server, w->request, (size_t)n, &w->answer);
		if (!w->answer.silent)
			heard = answer(socket, &w->answer);
		if (w->answer.fd >= 0)
			close(w->answer.fd);
		if (!heard)
			break;
	}
	fs_server_free(&w->server);
	free(w);
}

int fs_broker_run(int socket, const struct fs_share *shares, size_t n, struct error *err)
{
	struct work *w;
	int ret = work_new(shares, n, &w, err);

	if (ret == 0)
		serve_all(w, socket);
	return ret;
}

/* Signals for the container are its init's: a process group's reach us as well. */
static int detach_from_parent(pid_t parent, struct error *err)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, "nacre-fs");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return error_errno(err, "ask to die with the monitor");
	return getppid() == parent ? 0 : error_set(err, -ESRCH, "the monitor died");
}

/* Copies of ours, out of the way of 0, 1 and 2; everything else is closed. */
static int keep_only(struct fs_share *shares, size_t n, int *socket, struct error *err)
{
	int *keep = malloc((n + 1) * sizeof(int));
	int ret = 0;

	if (!keep)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i <= n && ret == 0; i++) {
		int *fd = i < n ? &shares[i].fd : socket;

		*fd = keep[i] = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_FREE);
		if (*fd < 0)
			ret = error_errno(err, "share %s", i < n ? shares[i].name : "by a socket");
	}
	if (ret == 0)
		ret = fd_close_from(FIRST_FREE, keep, n + 1, err);
	free(keep);
	return ret;
}

/* Our own descriptors are all that can be reached by a path from now on. */
static int enter_descriptors(const struct fs_identity *me, struct error *err)
{
	auto_close int self = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (self < 0 || fchdir(self) < 0)
		return error_errno(err, "enter /proc/self/fd");
	if (fs_identity_can(me, CAP_SYS_CHROOT) && chroot(".") < 0)
		return error_errno(err, "chroot to /proc/self/fd");
	for (int fd = 0; fd < FIRST_FREE; fd++) {
		auto_close int path = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (path < 0 || (path != fd && dup3(path, fd, O_CLOEXEC) < 0))
			return error_errno(err, "take descriptor %d", fd);
		if (path == fd)
			TAKE_FD(path);
	}
	umask(0);
	return 0;
}

static int confine(struct fs_share *shares, size_t n, int *socket, pid_t parent, struct error *err)
{
	struct fs_identity me;
	int ret = detach_from_parent(parent, err);

	if (ret == 0)
		ret = keep_only(shares, n, socket, err);
	if (ret == 0)
		ret = fs_identity_ask(&me, err);
	if (ret < 0)
		return ret;
	/* Folders and files without a name cannot be let go of. */
	fs_descriptors_allow(FS_NODES_MAX);
	ret = enter_descriptors(&me, err);
	if (ret == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		ret = error_errno(err, "give up new privileges");
	return ret < 0 ? ret : fs_identity_reduce(&me, err);
}

/* Tells how the start went: one struct error, of code 0 where all is well. */
static void report(int socket, const struct error *e)
{
	struct iovec iov = {(void *)e, sizeof(*e)};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

	sendmsg(socket, &h, MSG_NOSIGNAL);
}

_Noreturn static void be_broker(const struct fs_share *given, size_t n, int socket, pid_t parent,
				int (*enter)(void *data, struct error *err), void *data)
{
	struct fs_share *shares = malloc((n + 1) * sizeof(*shares));
	struct error err = ERROR_NONE;
	struct work *w;

	if (!shares)
		_exit(1);
	memcpy(shares, given, n * sizeof(*shares));
	if (confine(shares, n, &socket, parent, &err) == 0 && work_new(shares, n, &w, &err) == 0 &&
	    (!enter || enter(data, &err) == 0)) {
		report(socket, &ERROR_NONE);
		serve_all(w, socket);
		_exit(0);
	}
	report(socket, &err);
	_exit(1);
}

/* Its one word about the start. */
static int hear_report(int socket, struct error *err)
{
	struct error e;
	ssize_t n;

	do {
		n = recv(socket, &e, sizeof(e), 0);
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(e))
		return error_set(err, -ECONNRESET, "start the broker of file systems: it died");
	e.msg[sizeof(e.msg) - 1] = '\0';
	return e.code ? error_set(err, e.code, "start the broker of file systems: %s", e.msg) : 0;
}

int fs_broker_start(const struct fs_share *shares, size_t n, int (*enter)(void *data, struct error *err),
		    void *data, struct fs_broker *out, struct error *err)
{
	pid_t parent = getpid(), pid;
	int pair[2], ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_errno(err, "start the broker of file systems: socketpair");
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		be_broker(shares, n, pair[1], parent, enter, data);
	}
	ret = pid < 0 ? error_errno(err, "start the broker of file systems: fork") : 0;
	close(pair[1]);
	if (ret == 0)
		ret = hear_report(pair[0], err);
	if (ret == 0) {
		*out = (struct fs_broker){.pid = pid, .socket = pair[0]};
		return 0;
	}
	close(pair[0]);
	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	return ret;
}
