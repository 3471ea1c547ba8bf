/* exec.c: one more process in a running container. See exec.h. */
#include "core/exec.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "cgroup/rdt.h"
#include "core/lifecycle.h"
#include "core/stages.h"
#include "ns/spawn.h"
#include "process/label.h"
#include "process/sched.h"

static int check(struct container *c, struct error *err)
{
	const struct oci_capabilities *caps = c->process->capabilities;

	/* What the process leaves out is the container's. */
	if (!caps && c->spec->process)
		caps = c->spec->process->capabilities;
	for (int fd = 3; fd < 3 + c->preserved; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			return error_set(err, -EBADF, "--preserve-fds: descriptor %d is not open", fd);
	c->carried.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->carried.proc < 0 || !fd_is_on(c->carried.proc, PROC_SUPER_MAGIC))
		return error_set(err, -ENOENT, "/proc is not mounted on this host");
	/* From its first moment in the container's namespaces the new process is visible there; nobody shall trace it, or read its
	 * descriptors, before it is what it will be (CVE-2016-9962). */
	(void)prctl(PR_SET_DUMPABLE, 0);
	return caps_parse(caps, &c->carried.caps, err);
}

/* Without a user namespace between them a tracer in the container could look into the process that joins it, before it has given anything
 * up. Then not even a cgroup's descriptor may be there to be found. */
static bool container_may_trace(const struct container *c)
{
	const struct oci_capabilities *caps = c->spec->process ? c->spec->process->capabilities : NULL;

	for (size_t i = 0; !c->user_namespace && caps && i < caps->bounding.n; i++)
		if (!strcmp(caps->bounding.v[i], "CAP_SYS_PTRACE"))
			return true;
	return false;
}

struct birth {
	struct container *c;
	int ours;
	bool enter, all;
};

/* What the process between the host and the container does with the host's view, for the one it will bear there: cgroups and labels are
 * inherited, and what belongs to the host is closed. */
static int before_joining(void *data, struct error *err)
{
	const struct birth *b = data;
	struct container *c = b->c;
	/* On cgroup v1 a process moves itself far more cheaply than it is moved; see cgroup/cgroup.h. */
	int ret = b->enter ? cgroup_enter(c->host.cgroup, 0, !b->all, err) : 0;

	/* As with capabilities: what the process leaves out is the container's. */
	struct oci_process labels = *c->process;

	if (!labels.apparmor_profile && c->spec->process)
		labels.apparmor_profile = c->spec->process->apparmor_profile;
	if (!labels.selinux_label && c->spec->process)
		labels.selinux_label = c->spec->process->selinux_label;
	if (ret == 0)
		ret = label_apply(&labels, c->carried.proc, err);
	close(b->ours);
	close(c->carried.proc);
	c->carried.proc = -EBADF;
	store_close(&c->host.store);
	return ret;
}

static int try_spawn(struct container *c, struct error *err)
{
	bool hide = container_may_trace(c);
	struct birth birth = { c, -EBADF, hide || cgroup_joins_itself(c->host.cgroup), hide };
	/* A sub-cgroup by --cgroup is entered afterwards. */
	int cgroup = c->exec->cgroups || hide ? -EBADF : cgroup_clone_fd(c->host.cgroup);
	int fds[2], pidfd, ret = channel_pair(fds, err);
	pid_t pid;

	if (ret < 0)
		return ret;
	birth.ours = fds[0];
	pid = ns_spawn_into(c->init.pidfd, c->init.pid, cgroup, before_joining, &birth, &pidfd, &c->host.cgroup_entered, err);
	if (pid == 0)
		container_walk_on(c, INSIDE, fds[1]);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return pid;
	}
	c->host.cgroup_entered |= hide;
	return stage_adopt(c, INSIDE, pid, pidfd, fds[0], err);
}

static int spawn(struct container *c, struct error *err)
{
	pid_t first = c->init.pid;
	int ret = try_spawn(c, err);

	/* Nobody was born: what the undo ends must not be the container's first process. */
	if (ret < 0 && c->init.pid == first)
		proc_close(&c->init);
	return ret;
}

/* "--cgroup [controller:]path", each below the container's own. */
static int enter_sub(struct container *c, const char *value, struct error *err)
{
	const char *colon = strchr(value, ':');
	auto_free char *controller = colon ? strndup(value, (size_t)(colon - value)) : NULL;
	struct cgroup *sub = NULL;
	int ret;

	if (colon && !controller)
		return error_set(err, -ENOMEM, "out of memory");
	ret = cgroup_sub(c->host.cgroup, controller, colon ? colon + 1 : value, &sub, err);
	if (ret == 0)
		ret = cgroup_enter(sub, c->init.pid, false, err);
	cgroup_free(sub);
	return ret < 0 ? error_wrap(err, "--cgroup %s", value) : 0;
}

static int place(struct container *c, struct error *err)
{
	const struct oci_cpu_affinity *affinity = c->process->exec_cpu_affinity;
	int ret = affinity ? sched_apply_affinity(affinity->initial, c->init.pid, err) : 0;

	if (ret == 0 && !c->host.cgroup_entered)
		ret = cgroup_enter(c->host.cgroup, c->init.pid, c->host.cgroup_entered, err);
	for (const char *const *v = c->exec->cgroups; ret == 0 && v && *v; v++)
		ret = enter_sub(c, *v, err);
	if (ret == 0 && c->saved->rdt) {
		struct rdt class = { 0 };

		ret = rdt_load(c->saved->rdt, &class, err);
		if (ret == 0)
			ret = rdt_enter(&class, c->init.pid, err);
		rdt_free(&class);
	}
	if (ret == 0 && affinity)
		ret = sched_apply_affinity(affinity->final, c->init.pid, err);
	return ret;
}

static int settle(struct container *c, struct error *err)
{
	setsid();
	c->inside.root = (struct root){ .fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), .proc = -EBADF, .config = c->spec };
	if (c->inside.root.fd < 0)
		return error_errno(err, "open the container's root");
	return c->user_namespace ? ns_become_root(err) : 0;
}

static const struct stage rows[] = {
	{ HOST,   "check",    check,              NULL, NULL,                  false },
	{ HOST,   "filter",   stage_compile_filter, NULL, stage_has_filter,    false },
	{ HOST,   "console",  stage_console_host, NULL, stage_has_terminal,    false },
	{ HOST,   "spawn",    spawn,              stage_end, NULL,                  false },
	{ HOST,   "place",    place,              NULL, NULL,                  false },
	{ HOST,   "limits",   stage_limits,       NULL, NULL,                  false },
	{ INSIDE, "settle",   settle,             NULL, NULL,                  false },
	{ 0 },
};
const struct stage *const exec_list_namespaces[] = { rows, stages_join, NULL };

int exec_start(struct container *c, struct error *err)
{
	int ret;

	c->line = PIPELINE(c->isolation->exec, HOST);
	c->preserved = c->exec->preserve_fds + c->exec->listen_fds;
	ret = pipeline_run(&c->line, c, err);
	if (ret < 0)
		return ret;
	ret = pipeline_watch(c->line.peer[c->in_vm ? JAIL : INSIDE], "the process", err);
	/* Only now: a pid file that is there says that the program was executed. */
	if (ret == 0)
		ret = stage_hand_out_pid(c, c->exec->pid_file, c->exec->pidfd_socket, err);
	if (ret < 0)
		pipeline_undo(&c->line, c);
	return ret;
}
