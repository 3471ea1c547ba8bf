/* isolation_namespaces.c: the back end that builds a container out of namespaces: spawn and enter, and its list of stages.
 *
 * The list is the whole protocol: HOST and INSIDE talk where the place column changes, and nowhere else.
 */
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "core/exec.h"
#include "core/lifecycle.h"
#include "core/stages.h"
#include "net/link.h"
#include "ns/idmap.h"
#include "ns/spawn.h"

#include <fcntl.h>
#include <stdio.h>

/* spawn: from here on there are two of us. */
static int spawn(struct container *c, struct error *err)
{
	auto_close int ours = -EBADF;
	auto_close int theirs = -EBADF;
	int fds[2], pidfd, ret = channel_pair(fds, err);
	pid_t pid;

	if (ret < 0)
		return ret;
	ours = fds[0];
	theirs = fds[1];
	ret = stage_note_hierarchies(c, err);
	if (ret < 0)
		return ret;
	pid = ns_spawn(&c->host.ns, cgroup_clone_fd(c->host.cgroup), &pidfd, &c->host.cgroup_entered, err);
	if (pid < 0)
		return pid;
	if (pid == 0) {
		close(TAKE_FD(ours));
		container_walk_on(c, INSIDE, TAKE_FD(theirs));
	}
	return stage_adopt(c, INSIDE, pid, pidfd, TAKE_FD(ours), err);
}

static int write_idmap(struct container *c, struct error *err)
{
	return idmap_write(c->init.pid, &c->spec->linux_->uid_mappings, &c->spec->linux_->gid_mappings, err);
}

static bool has_new_user_namespace(const struct container *c)
{
	return c->host.ns.create & CLONE_NEWUSER;
}

/* On cgroup v1 a process moves itself far more cheaply than it is moved (cgroup/cgroup.h), if it still sees the host's files. */
static bool enters_itself(const struct container *c)
{
	return cgroup_joins_itself(c->host.cgroup) && !(c->host.ns.joined & CLONE_NEWNS);
}

static int enter_cgroup(struct container *c, struct error *err)
{
	return cgroup_enter(c->host.cgroup, 0, true, err);
}

/* place: into what neither the clone nor the process itself has entered. Each hierarchy waits for the kernel; INSIDE need not wait with it,
 * unless its cgroup namespace hangs on it. */
static int place(struct container *c, struct error *err)
{
	if (enters_itself(c) && c->host.cgroup_entered)
		return 0;
	return cgroup_enter(c->host.cgroup, c->init.pid, c->host.cgroup_entered, err);
}

static bool may_place_later(const struct container *c)
{
	return !stage_has_cgroup_namespace(c);
}

static int move_devices(struct container *c, struct error *err)
{
	const struct oci_net_device_list *list = &c->spec->linux_->net_devices;
	auto_close int netns = -EBADF;
	char path[48];
	int ret = 0;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", c->init.pid);
	netns = open(path, O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		return error_errno(err, "open %s", path);
	for (size_t i = 0; ret == 0 && i < list->n; i++)
		if (link_move(list->v[i].key, netns, list->v[i].name, err) < 0)
			ret = error_wrap(err, "linux.netDevices[\"%s\"]", list->v[i].key);
	return ret;
}

static bool has_net_devices(const struct container *c)
{
	return c->spec->linux_ && c->spec->linux_->net_devices.n > 0;
}

static const struct stage enter[] = {
	{ HOST,   "spawn",            spawn,                  stage_end, NULL,                  false },
	{ HOST,   "limits",           stage_limits,           NULL, NULL,                       false },
	{ HOST,   "idmap",            write_idmap,            NULL, has_new_user_namespace,     false },
	{ HOST,   "place",            place,                  NULL, stage_has_cgroup_namespace, false },
	{ HOST,   "netdev",           move_devices,           NULL, has_net_devices,            false },
	{ INSIDE, "enter cgroup",     enter_cgroup,           NULL, enters_itself,              false },
	{ INSIDE, "settle",           stage_settle,           NULL, NULL,                       false },
	{ INSIDE, "cgroup namespace", stage_cgroup_namespace, NULL, stage_has_cgroup_namespace, false },
	{ 0 },
};

/* After INSIDE's heavy rows in the list, but done while they run. */
static const struct stage bound[] = {
	{ HOST, "place", place, NULL, may_place_later, true },
	{ 0 },
};

static const struct stage *const create_list[] = {
	stages_prepare, stages_rdt, enter, stages_rdt_enter, stages_furnish, bound, stages_announce, stages_gate, stages_go, NULL,
};

static int signal_init(struct container *c, int signo, struct error *err)
{
	int ret = c->init.pid > 0 ? proc_signal(&c->init, signo, NULL) : -ESRCH;

	if (ret == -ESRCH)
		return error_set(err, ret, "container not running");
	return ret < 0 ? error_set(err, ret, "send signal %d to container \"%s\": %s", signo, c->id, strerror(-ret)) : 0;
}

const struct isolation isolation_namespaces = {
	.name = "namespaces",
	.create = create_list,
	.exec = exec_list_namespaces,
	.signal = signal_init,
};
