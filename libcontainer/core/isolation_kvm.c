/* isolation_kvm.c: the back end that gives each container a virtual machine: its list of stages, and what later commands do with it.
 *
 * HOST bears the monitor (JAIL) as it would bear the container: in the bundle's namespaces and cgroup, where engines look for it. The
 * monitor locks itself in, then the machine runs; INSIDE is the agent's walker in the guest, with the rows that containers in namespaces have.
 */
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "core/isolation.h"
#include "core/stages.h"
#include "core/vm/control.h"
#include "core/vm/exec.h"
#include "core/vm/jail.h"
#include "core/vm/machine.h"
#include "core/vm/monitor.h"
#include "core/vm/network.h"
#include "core/vm/size.h"
#include "process/sched.h"

/* A guest frees memory at some hundred megabytes a second, where it runs at full speed; one that has none to spare never does. */
enum { SHRINK_MS = 20000, SHRINK_STEP_MS = 20 };

/* parts: what has a path is opened with the host's rights, so that what is missing is known before there is a process. */
static int open_parts(struct container *c, struct error *err)
{
	return vm_parts_open(c, &c->parts, err);
}

static int open_control(struct container *c, struct error *err)
{
	c->control = control_open(c->host.store.folder, err);
	return c->control < 0 ? c->control : 0;
}

/* The copies that HOST keeps of the monitor's descriptors would keep what is closed there open. */
static int spawn(struct container *c, struct error *err)
{
	int ret = stage_spawn(c, err);

	vm_parts_free(TAKE_PTR(c->parts));
	if (c->control >= 0)
		close(TAKE_FD(c->control));
	return ret;
}

/* Resource limits are the program's and act in the guest; who dies first when the host has no memory left is the host's to know. */
static int oom_score(struct container *c, struct error *err)
{
	return sched_apply_oom_score(c->process, c->init.pid, err);
}

/* Of a namespace that lives on without us. */
static void clear_network(struct container *c)
{
	const struct oci_namespace *ns = c->spec ? oci_namespace_find(c->spec, OCI_NS_NETWORK) : NULL;
	struct error err = ERROR_NONE;

	if (ns && ns->path && *ns->path && vm_network_clear(ns->path, &err) < 0)
		log_line(LOG_WARNING, "container \"%s\": %s", c->id, err.msg);
}

static int nothing(struct container *c, struct error *err)
{
	return 0;
}

/* The host's /proc, cgroup and namespaces have served their turn: not even a descriptor of them is left. */
static int lock(struct container *c, struct error *err)
{
	if (c->carried.proc >= 0)
		close(TAKE_FD(c->carried.proc));
	if (c->carried.console_socket >= 0)
		close(TAKE_FD(c->carried.console_socket));
	for (int i = 0; i < OCI_NS_MAX; i++)
		if (c->host.ns.join[i] >= 0)
			close(TAKE_FD(c->host.ns.join[i]));
	for (size_t i = 0; c->carried.sources && i < c->spec->mounts.n; i++)
		if (c->carried.sources[i] >= 0)
			close(TAKE_FD(c->carried.sources[i]));
	cgroup_free(TAKE_PTR(c->host.cgroup));
	return vm_jail_enter(err);
}

static const struct stage parts[] = {
	{ HOST, "network", nothing,      clear_network, NULL, false },
	{ HOST, "parts",   open_parts,   NULL, NULL, false },
	{ HOST, "control", open_control, NULL, NULL, false },
	{ 0 },
};

static const struct stage enter[] = {
	{ HOST, "spawn",            spawn,                  stage_end, NULL,                         false },
	{ HOST, "limits",           oom_score,              NULL, NULL,                              false },
	{ HOST, "idmap",            stage_idmap,            NULL, stage_has_new_user_namespace,      false },
	{ HOST, "place",            stage_place,            NULL, NULL,                              false },
	{ HOST, "netdev",           stage_net_devices,      NULL, stage_has_net_devices,             false },
	{ JAIL, "enter cgroup",     stage_enter_cgroup,     NULL, stage_enters_itself,               false },
	{ JAIL, "settle",           vm_monitor_settle,      NULL, NULL,                              false },
	{ JAIL, "cgroup namespace", stage_cgroup_namespace, NULL, stage_has_cgroup_namespace,        false },
	{ 0 },
};

static const struct stage power_on[] = {
	/* For hooks and engines that look; the guest has its own. */
	{ JAIL, "names",                 stage_names,                  NULL, NULL,                              false },
	{ HOST, "hooks",                 stage_host_hooks,             NULL, stage_has_host_hooks,              false },
	{ JAIL, "createContainer hooks", stage_create_container_hooks, NULL, stage_has_create_container_hooks,  false },
	{ JAIL, "terminal",              vm_monitor_terminal,          NULL, stage_has_terminal,                false },
	{ JAIL, "machine",               vm_monitor_machine,           NULL, NULL,                              false },
	{ JAIL, "lock",                  lock,                         NULL, NULL,                              false },
	{ JAIL, "power",                 vm_monitor_power,             NULL, NULL,                              false },
	{ 0 },
};

static const struct stage let_go[] = {
	{ JAIL, "gate", vm_monitor_gate, NULL, NULL, false },
	{ 0 },
};

static const struct stage serve[] = {
	{ JAIL, "serve", vm_monitor_serve, NULL, NULL, false },
	{ 0 },
};

static const struct stage *const create_list[] = {
	stages_prepare, stages_rdt, parts, enter, stages_rdt_enter, power_on,
	/* From here on the guest's list is the same: stages_guest.c. */
	stages_guest_settle, stages_furnish, stages_announce, let_go, stages_go, serve, NULL,
};

/* What can be caught is sent to the monitor, who passes it on: engines do the same without asking us. What cannot would stop or end that one:
 * to end it is what is wanted. */
static int signal_init(struct container *c, int signo, struct error *err)
{
	const struct control_msg m = { .kind = CONTROL_SIGNAL, .value = signo };
	int ret;

	if (signo == SIGSTOP)
		return control_ask(c->host.store.folder, &m, NULL, 0, NULL, err);
	ret = c->init.pid > 0 ? proc_signal(&c->init, signo, NULL) : -ESRCH;
	if (ret == -ESRCH)
		return error_set(err, ret, "container not running");
	return ret < 0 ? error_set(err, ret, "send signal %d to container \"%s\": %s", signo, c->id, strerror(-ret)) : 0;
}

static int signal_all(struct container *c, int signo, struct error *err)
{
	const struct control_msg m = { .kind = CONTROL_SIGNAL, .value = signo, .flags = CONTROL_EVERYBODY };

	if (signo == SIGKILL)
		return c->host.cgroup ? cgroup_kill(c->host.cgroup, signo, err) : 0;
	return control_ask(c->host.store.folder, &m, NULL, 0, NULL, err);
}

/* What the container may no longer use goes back to the host; only then can the host's limit follow. */
static int shrink(struct container *c, const struct oci_memory *memory, struct error *err)
{
	const struct control_msg m = { .kind = CONTROL_SHRINK, .bytes = vm_size_spare(c->spec, memory->limit.v) };
	struct control_msg answer;
	struct isolation_resources host;
	int ret, waited = 0;

	while ((ret = control_ask(c->host.store.folder, &m, NULL, 0, &answer, err)) == 0 && answer.bytes < m.bytes) {
		if (waited >= SHRINK_MS)
			return error_set(err, -ETIMEDOUT, "memory.limit: the guest has given back %llu of %llu MiB so far, and the host's cgroup still allows "
							  "what it had", (unsigned long long)answer.bytes >> 20, (unsigned long long)m.bytes >> 20);
		poll(NULL, 0, SHRINK_STEP_MS);
		waited += SHRINK_STEP_MS;
	}
	if (ret < 0 || !c->host.cgroup)
		return ret;
	vm_size_host_shrunk(memory, &host);
	return cgroup_update(c->host.cgroup, &host.all, !c->privileged, err);
}

/* The container's limits in the guest. */
static int update(struct container *c, const struct oci_resources *resources, struct error *err)
{
	const struct control_msg m = { .kind = CONTROL_UPDATE };
	auto_free char *text = NULL;
	auto_close int fd = -EBADF;
	int ret = schema_print(&oci_resources_schema, resources, &text, err);

	if (ret == 0)
		ret = fd = control_text(text, strlen(text), err);
	if (ret >= 0)
		ret = control_ask(c->host.store.folder, &m, &fd, 1, NULL, err);
	return ret == 0 && resources->memory && resources->memory->limit.set ? shrink(c, resources->memory, err) : ret;
}

static int stats(struct container *c, struct agent_stats *out, struct error *err)
{
	const struct control_msg m = { .kind = CONTROL_STATS };
	struct control_msg answer;
	int ret = control_ask(c->host.store.folder, &m, NULL, 0, &answer, err);

	if (ret == 0)
		*out = answer.stats;
	return ret;
}

static int watch(struct container *c, struct error *err)
{
	return control_watch(c->host.store.folder, err);
}

const struct isolation isolation_kvm = {
	.name = "kvm",
	.in_vm = true,
	.create = create_list,
	.exec = exec_list_kvm,
	.signal = signal_init,
	.signal_all = signal_all,
	.host_resources = vm_size_host,
	.update = update,
	.stats = stats,
	.watch = watch,
	.watched = control_watched,
};
