/* network.c: see network.h. */
#include "core/vm/network.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/proc.h"
#include "net/netlink.h"
#include "net/redirect.h"

struct vm_network {
	int clerk; /* the child's socket */
};

struct report {
	struct error error;
	struct survey survey;
};

static int lay_cables(char (*taps)[IFNAMSIZ], size_t n, struct survey *out, struct error *err)
{
	struct netlink nl = NETLINK_NONE;
	int ret = netlink_open(&nl, err);

	if (ret == 0)
		ret = survey_make(&nl, out, err);
	if (ret == 0 && out->n_devices)
		ret = redirect_make(&nl, out, taps, n, err);
	netlink_close(&nl);
	return ret;
}

/* All capabilities but the one over the network. */
static int keep_one_capability(struct error *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	data[0].effective = data[0].permitted = 1u << CAP_NET_ADMIN;
	if (syscall(SYS_capset, &head, data) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_errno(err, "give up capabilities");
	return 0;
}

static _Noreturn void be_clerk(char (*taps)[IFNAMSIZ], size_t n, int monitor, pid_t parent)
{
	struct report r = { .error = ERROR_NONE };
	int keep[] = { monitor };
	char word;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || fd_close_from(0, keep, 1, NULL) < 0)
		_exit(1);
	if (keep_one_capability(&r.error) == 0) {
		if (recv(monitor, &word, 1, 0) != 1)
			_exit(0);
		(void)lay_cables(taps, n, &r.survey, &r.error);
	}
	(void)send(monitor, &r, sizeof(r), MSG_NOSIGNAL);
	_exit(0);
}

int vm_network_new(char (*taps)[IFNAMSIZ], size_t n, struct vm_network **out, struct error *err)
{
	struct vm_network *v = calloc(1, sizeof(*v));
	pid_t parent = getpid(), pid;
	int pair[2];

	if (!v)
		return error_set(err, -ENOMEM, "out of memory");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		free(v);
		return error_errno(err, "network: socketpair");
	}
	pid = fork();
	if (pid == 0)
		be_clerk(taps, n, pair[1], parent);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		free(v);
		return error_errno(err, "network: fork");
	}
	v->clerk = pair[0];
	*out = v;
	return 0;
}

int vm_network_join(struct vm_network *v, struct survey *out, struct error *err)
{
	struct report *r = malloc(sizeof(*r));
	ssize_t n = -1;
	int ret;

	if (!r)
		return error_set(err, -ENOMEM, "out of memory");
	if (send(v->clerk, "!", 1, MSG_NOSIGNAL) == 1)
		do {
			n = recv(v->clerk, r, sizeof(*r), 0);
		} while (n < 0 && errno == EINTR);
	close(TAKE_FD(v->clerk));
	if (n != sizeof(*r))
		ret = error_set(err, -ECHILD, "network: the process that looks at it has died");
	else if (r->error.code < 0)
		ret = error_set(err, r->error.code, "network: %s", r->error.msg);
	else
		ret = 0;
	if (ret == 0)
		*out = r->survey;
	free(r);
	return ret;
}

/* An ordinary user's namespace may belong to a user namespace that we are not in: its owner may enter it, but there is no way back. */
static int enter(int there, const char *path, struct error *err)
{
	auto_close int owner = -EBADF;

	if (setns(there, CLONE_NEWNET) == 0)
		return 0;
	if (errno == EPERM) {
		owner = ioctl(there, NS_GET_USERNS);
		if (owner >= 0 && setns(owner, CLONE_NEWUSER) == 0 && setns(there, CLONE_NEWNET) == 0)
			return 0;
		errno = EPERM;
	}
	return error_errno(err, "enter the network namespace %s", path);
}

static int clear(int there, const char *path, struct error *err)
{
	struct netlink nl = NETLINK_NONE;
	int ret = enter(there, path, err);

	if (ret == 0)
		ret = netlink_open(&nl, err);
	if (ret == 0)
		ret = redirect_remove(&nl, err);
	netlink_close(&nl);
	return ret;
}

/* In a process of its own: where the namespace that we are in is not ours, as that of a user namespace's parent, nobody could return to it. */
int vm_network_clear(const char *path, struct error *err)
{
	auto_close int there = open(path, O_RDONLY | O_CLOEXEC), in = -EBADF, out = -EBADF;
	struct error why = ERROR_NONE;
	int ends[2], status, ret;
	ssize_t n;
	pid_t pid;

	/* It is gone, and its devices with it. */
	if (there < 0)
		return errno == ENOENT ? 0 : error_errno(err, "open %s", path);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, "network: pipe");
	in = ends[0];
	out = ends[1];
	pid = fork();
	if (pid < 0)
		return error_errno(err, "network: fork");
	if (pid == 0) {
		ret = clear(there, path, &why);
		_exit(ret < 0 && write(out, &why, sizeof(why)) != sizeof(why));
	}
	close(TAKE_FD(out));
	do {
		n = read(in, &why, sizeof(why));
	} while (n < 0 && errno == EINTR);
	ret = proc_reap(pid, &status, err);
	if (ret < 0)
		return ret;
	if (n == sizeof(why))
		return error_set(err, why.code < 0 ? why.code : -EIO, "%s", why.msg);
	return proc_exit_code(status) ? error_set(err, -ECHILD, "network: the process that clears %s has died", path) : 0;
}
