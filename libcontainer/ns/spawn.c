/* spawn.c: clone into namespaces and a cgroup. See spawn.h. */
#include "ns/spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/proc.h"
#include "base/sys.h"

#define AT_CLONE (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER)

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif

/* Kernels and filters without clone3(2). Flags beyond 32 bits cannot be had. */
static pid_t clone_old(uint64_t flags, int *pidfd)
{
	unsigned long low = (unsigned long)(flags & UINT32_MAX) | (flags & CLONE_PARENT ? 0 : SIGCHLD);

#if defined(__s390__)
	return syscall(SYS_clone, 0, low, pidfd, 0, 0);
#else
	return syscall(SYS_clone, low, 0, pidfd, 0, 0);
#endif
}

/* One clone; what the kernel refuses of the extras (a cgroup at birth, cleared handlers) is left out. */
static pid_t clone_into(uint64_t flags, int cgroup_fd, int *pidfd, bool *into_cgroup)
{
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
	};
	pid_t pid;

	*pidfd = -EBADF;
	*into_cgroup = cgroup_fd >= 0;
	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)cgroup_fd;
		pid = sys_clone3(&args, sizeof(args));
		/* Kernels before 5.7 answer EINVAL or E2BIG; a threaded or delegated parent may refuse with others. */
		if (pid >= 0 || sys_missing(errno, false))
			goto out;
		args.flags &= ~(uint64_t)CLONE_INTO_CGROUP;
		args.cgroup = 0;
		*into_cgroup = false;
	}
	pid = sys_clone3(&args, sizeof(args));
out:
	if (pid < 0 && sys_missing(errno, true)) {
		*into_cgroup = false;
		pid = clone_old(flags | CLONE_PIDFD, pidfd);
	}
	return pid;
}

/* The namespaces we leave for the moment of the clone. */
struct excursion {
	int home[OCI_NS_MAX];
	int cwd;
};

static int come_home(struct excursion *trip, struct error *err)
{
	int ret = 0;

	for (int i = 0; i < OCI_NS_MAX; i++) {
		if (trip->home[i] < 0)
			continue;
		if (setns(trip->home[i], (int)ns_types[i].flag) < 0)
			ret = error_errno(err, "return to our own %s namespace", oci_namespace_type_names[i]);
		close(trip->home[i]);
		trip->home[i] = -EBADF;
	}
	/* A visit to another mount namespace moves the working directory. */
	if (trip->cwd >= 0 && fchdir(trip->cwd) < 0 && ret == 0)
		ret = error_errno(err, "return to our working directory");
	if (trip->cwd >= 0)
		close(trip->cwd);
	trip->cwd = -EBADF;
	return ret;
}

static int go_out(const struct ns_plan *plan, struct excursion *trip, struct error *err)
{
	*trip = (struct excursion){ .cwd = -EBADF };
	for (int i = 0; i < OCI_NS_MAX; i++)
		trip->home[i] = -EBADF;
	if (plan->joined & CLONE_NEWNS)
		trip->cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* All homes are opened first: in another mount namespace /proc may be another one. */
	for (int i = 0; i < OCI_NS_MAX; i++) {
		char path[64];

		if (plan->join[i] < 0 || i == OCI_NS_USER)
			continue;
		snprintf(path, sizeof(path), "/proc/self/ns/%s", ns_types[i].file);
		trip->home[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (trip->home[i] < 0) {
			error_errno(err, "open %s", path);
			come_home(trip, NULL);
			return err ? err->code : -EIO;
		}
	}
	for (int i = 0; i < OCI_NS_MAX; i++) {
		if (trip->home[i] < 0)
			continue;
		if (setns(plan->join[i], (int)ns_types[i].flag) < 0) {
			int ret = error_errno(err, "join the %s namespace", oci_namespace_type_names[i]);

			come_home(trip, NULL);
			return ret;
		}
	}
	return 0;
}

static pid_t spawn_visiting(const struct ns_plan *plan, int cgroup_fd, int *pidfd, bool *into_cgroup, struct error *err)
{
	struct excursion trip;
	pid_t pid;
	int ret = go_out(plan, &trip, err);

	if (ret < 0)
		return ret;
	pid = clone_into(plan->create & AT_CLONE, cgroup_fd, pidfd, into_cgroup);
	if (pid == 0) {
		for (int i = 0; i < OCI_NS_MAX; i++)
			if (trip.home[i] >= 0)
				close(trip.home[i]);
		if (trip.cwd >= 0)
			close(trip.cwd);
		return 0;
	}
	ret = pid < 0 ? error_errno(err, "clone into new namespaces") : 0;
	if (come_home(&trip, ret == 0 ? err : NULL) < 0 && ret == 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		ret = err ? err->code : -EIO;
	}
	return ret < 0 ? ret : pid;
}

/* What the process in between tells. */
struct birth {
	pid_t pid;
	int into_cgroup;
	struct error error;
};

struct steps {
	int (*enter)(void *what, struct error *err);  /* the process in between, before the birth */
	int (*settle)(void *what, struct error *err); /* the child, before anything else; or NULL */
	void *what;
};

static bool tell(int to, const struct birth *birth)
{
	return write(to, birth, sizeof(*birth)) == sizeof(*birth);
}

/* The one in between tells of the child, a child that could not settle of itself; then there is nobody left who could. */
static int hear(int from, struct birth *birth)
{
	struct birth heard;
	bool any = false;
	ssize_t n;

	while ((n = read(from, &heard, sizeof(heard))) > 0 || (n < 0 && errno == EINTR)) {
		if (n != sizeof(heard))
			continue;
		/* In whichever order. */
		if (heard.pid)
			birth->pid = heard.pid, birth->into_cgroup = heard.into_cgroup;
		if (heard.error.code < 0)
			birth->error = heard.error;
		any = true;
	}
	return any ? 0 : -ECHILD;
}

/* Two steps: a process that enters what it must, and then bears the child *for our caller* (CLONE_PARENT), since a pid namespace
 * is only ever entered by being born there. */
static pid_t spawn_by_midwife(const struct steps *steps, uint64_t flags, int cgroup_fd, int *pidfd, bool *into_cgroup, struct error *err)
{
	struct birth birth = { 0 };
	int pipe_fds[2], ignored, ret;
	bool into = false;
	pid_t midwife;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_errno(err, "pipe");
	midwife = clone_into(0, -EBADF, &ignored, &into);
	if (midwife < 0) {
		error_errno(err, "clone");
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		return err ? err->code : -EIO;
	}
	if (midwife == 0) {
		close(pipe_fds[0]);
		if (steps->enter(steps->what, &birth.error) == 0) {
			birth.pid = clone_into(flags | CLONE_PARENT, cgroup_fd, &ignored, &into);
			if (birth.pid == 0) {
				if (steps->settle && steps->settle(steps->what, &birth.error) < 0)
					_exit(tell(pipe_fds[1], &birth) ? 0 : 1);
				close(pipe_fds[1]);
				return 0;
			}
			birth.into_cgroup = into;
			if (birth.pid < 0)
				error_errno(&birth.error, "clone into new namespaces");
		}
		_exit(tell(pipe_fds[1], &birth) ? 0 : 1);
	}
	close(pipe_fds[1]);
	if (ignored >= 0)
		close(ignored);
	ret = hear(pipe_fds[0], &birth);
	close(pipe_fds[0]);
	while (waitpid(midwife, NULL, 0) < 0 && errno == EINTR)
		;
	if (ret < 0)
		return error_set(err, ret, "the process that enters the namespaces died");
	if (birth.error.code < 0) {
		if (birth.pid > 0)
			while (waitpid(birth.pid, NULL, __WALL) < 0 && errno == EINTR)
				;
		if (err)
			*err = birth.error;
		return birth.error.code;
	}
	*into_cgroup = birth.into_cgroup;
	*pidfd = sys_pidfd_open(birth.pid, 0);
	if (*pidfd < 0)
		*pidfd = -EBADF;
	return birth.pid;
}

/* Those that our own rights suffice for before the user namespace, the rest with the rights it gives. */
static int enter_planned(void *what, struct error *err)
{
	const struct ns_plan *plan = what;
	bool in[OCI_NS_MAX] = { false };

	for (int i = 0; i < OCI_NS_MAX; i++)
		if (i != OCI_NS_USER && plan->join[i] >= 0)
			in[i] = setns(plan->join[i], (int)ns_types[i].flag) == 0;
	if (plan->join[OCI_NS_USER] >= 0 && setns(plan->join[OCI_NS_USER], CLONE_NEWUSER) < 0)
		return error_errno(err, "join the user namespace");
	for (int i = 0; i < OCI_NS_MAX; i++)
		if (i != OCI_NS_USER && plan->join[i] >= 0 && !in[i] && setns(plan->join[i], (int)ns_types[i].flag) < 0)
			return error_errno(err, "join the %s namespace", oci_namespace_type_names[i]);
	return 0;
}

/* Root of a user namespace may enter what belongs to that, but never come back to a namespace of the host it still is in: rootless
 * Podman calls us so, for the members of a pod. The kernel does not show an owner that is beyond our reach. */
static bool no_way_back(const struct ns_plan *plan)
{
	for (int i = 0; i < OCI_NS_MAX; i++) {
		auto_close int home = -EBADF, owner = -EBADF;
		char path[64];

		if (plan->join[i] < 0 || i == OCI_NS_USER)
			continue;
		snprintf(path, sizeof(path), "/proc/self/ns/%s", ns_types[i].file);
		home = open(path, O_RDONLY | O_CLOEXEC);
		owner = home < 0 ? -EBADF : ioctl(home, NS_GET_USERNS);
		if (home >= 0 && owner < 0 && errno == EPERM)
			return true;
	}
	return false;
}

pid_t ns_spawn(const struct ns_plan *plan, int cgroup_fd, int *pidfd, bool *into_cgroup, struct error *err)
{
	const struct steps steps = { enter_planned, NULL, (void *)(uintptr_t)plan };

	if (plan->joined & CLONE_NEWUSER || no_way_back(plan))
		return spawn_by_midwife(&steps, plan->create & AT_CLONE & ~(plan->joined & CLONE_NEWUSER), cgroup_fd, pidfd, into_cgroup, err);
	return spawn_visiting(plan, cgroup_fd, pidfd, into_cgroup, err);
}

struct target {
	int pidfd;
	pid_t pid;
	ns_first_fn first;
	void *data;
	bool into_cgroup;         /* the child is to be born in a cgroup */
	bool cgroup_namespace;    /* … and joins the cgroup namespace only then */
};

/* One setns(2) with a pidfd enters all at once, so that nobody can swap one in between; older kernels take them one by one. */
static int enter_target(void *what, struct error *err)
{
	struct target *target = what;
	static const int order[] = { OCI_NS_USER, OCI_NS_CGROUP, OCI_NS_IPC, OCI_NS_UTS, OCI_NS_NETWORK, OCI_NS_PID, OCI_NS_TIME, OCI_NS_MOUNT };
	struct ns_plan plan = NS_PLAN_NONE;
	/* Where cgroup namespaces are borders of delegation (nsdelegate, which systemd mounts with), nobody is born in a cgroup within from one
	 * without; and to be moved afterwards waits for an RCU grace period. */
	const uint64_t later = target->into_cgroup ? CLONE_NEWCGROUP : 0;
	uint64_t flags = 0;
	int ret = target->first ? target->first(target->data, err) : 0;

	for (int i = 0; ret == 0 && i < OCI_NS_MAX; i++) {
		char path[64], own_path[64];
		struct stat own, other;

		snprintf(path, sizeof(path), "/proc/%d/ns/%s", target->pid, ns_types[i].file);
		snprintf(own_path, sizeof(own_path), "/proc/self/ns/%s", ns_types[i].file);
		if (stat(own_path, &own) < 0)
			continue; /* a type this kernel does not have */
		if (stat(path, &other) < 0)
			ret = error_errno(err, "look at %s", path);
		else if (own.st_ino != other.st_ino || own.st_dev != other.st_dev)
			flags |= ns_types[i].flag;
	}
	if (ret < 0 || !flags)
		return ret;
	if (target->pidfd >= 0 && setns(target->pidfd, (int)(flags & ~later)) == 0) {
		target->cgroup_namespace = flags & later;
		return 0;
	}
	if (target->pidfd >= 0 && errno != EINVAL && errno != EBADF)
		return error_errno(err, "join the container's namespaces");
	for (int i = 0; ret == 0 && i < OCI_NS_MAX; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/ns/%s", target->pid, ns_types[i].file);
		if (flags & ns_types[i].flag && (plan.join[i] = open(path, O_RDONLY | O_CLOEXEC)) < 0)
			ret = error_errno(err, "open %s", path);
	}
	for (size_t k = 0; ret == 0 && k < OCI_NS_MAX; k++)
		if (plan.join[order[k]] >= 0 && setns(plan.join[order[k]], (int)ns_types[order[k]].flag) < 0)
			ret = error_errno(err, "join the %s namespace", oci_namespace_type_names[order[k]]);
	ns_plan_close(&plan);
	return ret;
}

static int settle_in_target(void *what, struct error *err)
{
	const struct target *target = what;

	if (target->cgroup_namespace && setns(target->pidfd, CLONE_NEWCGROUP) < 0)
		return error_errno(err, "join the cgroup namespace");
	return 0;
}

pid_t ns_spawn_into(int target_pidfd, pid_t target, int cgroup_fd, ns_first_fn first, void *data, int *pidfd, bool *into_cgroup,
		    struct error *err)
{
	struct target to = { target_pidfd, target, first, data, cgroup_fd >= 0, false };
	const struct steps steps = { enter_target, settle_in_target, &to };

	return spawn_by_midwife(&steps, 0, cgroup_fd, pidfd, into_cgroup, err);
}

int ns_become_root(struct error *err)
{
	/* "deny" in /proc/PID/setgroups (an ordinary user's map) makes this fail; then there is nothing to give up. */
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return error_errno(err, "setgroups");
	if (setresgid(0, 0, 0) < 0)
		return error_errno(err, "become group 0 of the user namespace");
	if (setresuid(0, 0, 0) < 0)
		return error_errno(err, "become user 0 of the user namespace");
	return 0;
}
