/* stages_enter.c: the rows between the preparation and the work inside: a process in the namespaces and the cgroup of the bundle. Both back
 * ends begin it so: for a virtual machine it is the monitor. See stages.h.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "base/auto.h"
#include "core/stages.h"
#include "net/link.h"
#include "ns/idmap.h"
#include "ns/spawn.h"

/* From here on there are two of us. */
int stage_spawn(struct container *c, struct error *err)
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
		container_walk_on(c, c->in_vm ? JAIL : INSIDE, TAKE_FD(theirs));
	}
	return stage_adopt(c, c->in_vm ? JAIL : INSIDE, pid, pidfd, TAKE_FD(ours), err);
}

int stage_idmap(struct container *c, struct error *err)
{
	return idmap_write(c->init.pid, &c->spec->linux_->uid_mappings, &c->spec->linux_->gid_mappings, err);
}

bool stage_has_new_user_namespace(const struct container *c)
{
	return c->host.ns.create & CLONE_NEWUSER;
}

bool stage_enters_itself(const struct container *c)
{
	return cgroup_joins_itself(c->host.cgroup) && !(c->host.ns.joined & CLONE_NEWNS);
}

int stage_enter_cgroup(struct container *c, struct error *err)
{
	return cgroup_enter(c->host.cgroup, 0, true, err);
}

int stage_place(struct container *c, struct error *err)
{
	if (stage_enters_itself(c) && c->host.cgroup_entered)
		return 0;
	return cgroup_enter(c->host.cgroup, c->init.pid, c->host.cgroup_entered, err);
}

bool stage_is_placed_first(const struct container *c)
{
	return stage_has_cgroup_namespace(c) || stage_shows_scope(c);
}

int stage_net_devices(struct container *c, struct error *err)
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

bool stage_has_net_devices(const struct container *c)
{
	return c->spec->linux_ && c->spec->linux_->net_devices.n > 0;
}
