/* stages_inside.c: the rows of INSIDE: the process that will be the container makes its own house, then gives everything up. The same
 * functions run in a namespace and in a guest. See stages.h.
 */
#include "core/stages.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"
#include "core/gate.h"
#include "core/lifecycle.h"
#include "core/ready.h"
#include "hooks/hook.h"
#include "net/link.h"
#include "ns/spawn.h"
#include "oci-spec/state.h"
#include "process/label.h"
#include "process/sched.h"
#include "process/sysctl.h"
#include "process/user.h"
#include "seccomp/notify.h"
#include "tty/console.h"

static bool has_hooks(const struct container *c, enum hook_kind kind)
{
	return hook_list(c->spec->hooks, kind)->n > 0;
}

static int run_hooks(struct container *c, enum hook_kind kind, enum container_status status, int pid, struct error *err)
{
	struct oci_state *state = NULL;
	auto_free char *text = NULL;
	int ret = container_state(c, status, pid, &state, err);

	if (ret == 0)
		ret = oci_state_print(state, false, &text, err);
	oci_state_free(state);
	return ret < 0 ? ret : hook_run_list(c->spec->hooks, kind, text, NULL, false, err);
}

int stage_settle(struct container *c, struct error *err)
{
	int ret = 0;

	/* The host's state folder is nobody's business here. */
	store_close(&c->host.store);
	setsid();
	/* Offsets first: to become the user namespace's root makes us undumpable, and /proc/self the host root's. */
	if (c->host.ns.create & ns_types[OCI_NS_TIME].flag)
		ret = ns_unshare_time(c->spec->linux_->time_offsets, err);
	if (ret == 0 && c->user_namespace && c->host.ns.create & CLONE_NEWIPC && !c->in_vm)
		ret = root_label_queues(c->spec, err);
	if (ret == 0 && c->user_namespace)
		ret = ns_become_root(err);
	/* Nobody traces us, whoever shares a pid namespace with us. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (ret == 0 && !c->create->no_new_keyring)
		ret = label_new_keyring(c->id, c->process, err);
	return ret;
}

int stage_cgroup_namespace(struct container *c, struct error *err)
{
	return ns_unshare_cgroup(err);
}

bool stage_has_cgroup_namespace(const struct container *c)
{
	return c->host.ns.create & CLONE_NEWCGROUP;
}

static int loopback(struct container *c, struct error *err)
{
	return link_loopback_up(err);
}

static bool has_network_namespace(const struct container *c)
{
	return !c->in_vm && c->host.ns.create & CLONE_NEWNET;
}

int stage_note_hierarchies(struct container *c, struct error *err)
{
	const struct cgroup_hierarchy *from = c->host.cgroup ? cgroup_hierarchies(c->host.cgroup) : NULL;
	size_t n = 0;

	while (from && from[n].name)
		n++;
	free(c->carried.hierarchies);
	c->carried.cgroup_v2 = cgroup_host_layout() == CGROUP_LAYOUT_V2;
	c->carried.hierarchies = calloc(n + 1, sizeof(*c->carried.hierarchies));
	if (!c->carried.hierarchies)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		c->carried.hierarchies[i] = (struct root_hierarchy){ from[i].name, from[i].options, from[i].host_path };
	return 0;
}

/* The root shows the container its own cgroup, which has no folder before the service manager has made the scope. */
bool stage_shows_scope(const struct container *c)
{
	if (stage_has_cgroup_namespace(c) || c->in_vm || c->global->cgroup_driver != CGROUP_SYSTEMD)
		return false;
	for (size_t i = 0; i < c->spec->mounts.n; i++) {
		const char *type = c->spec->mounts.v[i].type;

		if (type && (!strcmp(type, "cgroup") || !strcmp(type, "cgroup2")))
			return true;
	}
	return false;
}

static int furnish_root(struct container *c, struct error *err)
{
	struct root *r = &c->inside.root;
	int ret;

	if (stage_shows_scope(c)) {
		ret = cgroup_find_self(c->host.cgroup, err);
		if (ret == 0)
			ret = stage_note_hierarchies(c, err);
		if (ret < 0)
			return ret;
	}
	*r = (struct root){
		.fd = -EBADF,
		.proc = -EBADF,
		.config = c->spec,
		.path = c->root_path,
		.sources = c->carried.sources,
		.no_pivot = c->create->no_pivot,
		.user_namespace = c->user_namespace || !c->privileged,
		.cgroup_namespace = stage_has_cgroup_namespace(c),
		.cgroup_v2 = c->carried.cgroup_v2,
		.hierarchies = c->carried.hierarchies,
		.in_guest = c->in_vm,
	};
	ret = root_prepare(r, err);
	if (ret == 0)
		ret = root_mount_all(r, err);
	return ret < 0 ? ret : root_make_devices(r, err);
}

static bool has_mount_namespace(const struct container *c)
{
	return c->in_vm || (c->host.ns.create | c->host.ns.joined) & CLONE_NEWNS;
}

static bool has_no_mount_namespace(const struct container *c)
{
	return !has_mount_namespace(c);
}

/* In the host's own mount namespace nothing is mounted (check has seen to that): the root is only entered. */
static int enter_root(struct container *c, struct error *err)
{
	struct root *r = &c->inside.root;

	r->fd = open(c->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r->fd < 0 || fchdir(r->fd) < 0 || chroot(".") < 0)
		return error_errno(err, "enter the root %s", c->root_path);
	return 0;
}

int stage_names(struct container *c, struct error *err)
{
	const char *host = c->spec->hostname, *domain = c->spec->domainname;

	if (host && *host && sethostname(host, strlen(host)) < 0)
		return error_errno(err, "set the hostname \"%s\"", host);
	if (domain && *domain && setdomainname(domain, strlen(domain)) < 0)
		return error_errno(err, "set the domainname \"%s\"", domain);
	return 0;
}

static int sysctls(struct container *c, struct error *err)
{
	return sysctl_apply(c->spec, c->carried.proc, err);
}

static bool has_sysctls(const struct container *c)
{
	return c->spec->linux_ && c->spec->linux_->sysctl.n > 0;
}

int stage_host_hooks(struct container *c, struct error *err)
{
	int ret = run_hooks(c, HOOK_PRESTART, CONTAINER_CREATING, c->init.pid, err);

	return ret < 0 ? ret : run_hooks(c, HOOK_CREATE_RUNTIME, CONTAINER_CREATING, c->init.pid, err);
}

bool stage_has_host_hooks(const struct container *c)
{
	return has_hooks(c, HOOK_PRESTART) || has_hooks(c, HOOK_CREATE_RUNTIME);
}

int stage_create_container_hooks(struct container *c, struct error *err)
{
	return run_hooks(c, HOOK_CREATE_CONTAINER, CONTAINER_CREATING, getpid(), err);
}

bool stage_has_create_container_hooks(const struct container *c)
{
	return has_hooks(c, HOOK_CREATE_CONTAINER);
}

/* The files of these hooks are the host's: with a guest they run beside it, before the monitor locks itself in. */
static bool runs_host_hooks(const struct container *c)
{
	return !c->in_vm && stage_has_host_hooks(c);
}

static bool runs_create_container_hooks(const struct container *c)
{
	return !c->in_vm && stage_has_create_container_hooks(c);
}

static int pivot(struct container *c, struct error *err)
{
	return root_pivot(&c->inside.root, err);
}

/* The pair comes from the container's own devpts, so that what it sees as /dev/pts/0 is its terminal. Before `seal`: /dev may become
 * read-only with the root. */
int stage_terminal(struct container *c, struct error *err)
{
	const struct oci_console_size *size = c->process->console_size;
	struct console console = CONSOLE_NONE;
	auto_close int ptmx = root_open_ptmx(&c->inside.root, err);
	int ret = ptmx < 0 ? ptmx : console_open(ptmx, size ? (unsigned)size->height.v : 0, size ? (unsigned)size->width.v : 0, &console, err);

	if (ret == 0 && !size)
		console_fit(&console, STDIN_FILENO);
	if (ret == 0 && !c->exec)
		ret = root_bind_console(&c->inside.root, console.slave, err);
	if (ret == 0)
		ret = console_socket_send(c->carried.console_socket, console.name, console.master, err);
	if (ret == 0)
		ret = console_attach(&console, err);
	console_close(&console);
	return ret;
}

bool stage_has_terminal(const struct container *c)
{
	return c->process->terminal;
}

static int seal(struct container *c, struct error *err)
{
	return root_seal(&c->inside.root, err);
}

int stage_sched(struct container *c, struct error *err)
{
	const struct oci_linux *l = c->spec->linux_;
	int ret = sched_apply_scheduler(c->process->scheduler, err);

	if (ret == 0)
		ret = sched_apply_io_priority(c->process->io_priority, err);
	if (ret == 0 && l)
		ret = sched_apply_memory_policy(l->memory_policy, err);
	if (ret == 0 && l)
		ret = sched_apply_personality(l->personality, err);
	return ret;
}

int stage_label(struct container *c, struct error *err)
{
	return label_apply(c->process, c->carried.proc, err);
}

/* They are of the host's security modules, and mean nothing to the guest's kernel. */
static bool has_labels(const struct container *c)
{
	return !c->in_vm;
}

/* Looked up now, so that a missing program is an error of `create` and not of `start`. */
int stage_lookup(struct container *c, struct error *err)
{
	struct exec_plan *plan = &c->inside.plan;
	struct error why = ERROR_NONE;
	int ret = exec_enter_cwd(c->process->cwd, &why);
	int listen_fds = c->exec ? c->exec->listen_fds : c->create->listen_fds;

	/* Some file systems let the user in but not root; `identity` tries again. */
	if (ret < 0 && ret != -EACCES) {
		if (err)
			*err = why;
		return ret;
	}
	c->inside.in_cwd = ret == 0;
	ret = exec_lookup(c->process, c->inside.root.fd, plan, err);
	if (ret == 0 && listen_fds > 0) {
		char text[32];

		snprintf(text, sizeof(text), "LISTEN_FDS=%d", listen_fds);
		ret = strv_add(&plan->env, text, err);
		snprintf(text, sizeof(text), "LISTEN_PID=%d", getpid());
		if (ret == 0)
			ret = strv_add(&plan->env, text, err);
	}
	if (ret == 0 && ready_is_offered(c))
		ret = strv_add(&plan->env, READY_VARIABLE, err);
	return ret;
}

/* Without no_new_privileges the filter takes CAP_SYS_ADMIN, so it comes before `identity`; with it, as late as can be. */
int stage_filter(struct container *c, struct error *err)
{
	enum container_status status = c->created || c->exec ? CONTAINER_RUNNING : CONTAINER_CREATING;
	struct oci_state *state = NULL;
	auto_free char *text = NULL;
	int ret, pid;

	if (!c->carried.filter.notify)
		return filter_load(&c->carried.filter, NULL, err);
	/* Our pid as the host counts: HOST wrote it down as soon as we were born. */
	while (!(pid = *c->carried.host_pid))
		sched_yield();
	ret = container_state(c, status, c->exec ? (int)c->saved->pid.v : pid, &state, err);
	if (ret == 0)
		ret = oci_process_state_print(state, pid, c->spec->linux_->seccomp->listener_metadata, &text, err);
	oci_state_free(state);
	return ret < 0 ? ret : notify_load(&c->carried.filter, c->carried.listener, text, err);
}

bool stage_filter_is_early(const struct container *c)
{
	return c->spec->linux_ && c->spec->linux_->seccomp && !c->process->no_new_privileges;
}

bool stage_filter_is_late(const struct container *c)
{
	return c->spec->linux_ && c->spec->linux_->seccomp && c->process->no_new_privileges;
}

/* Pipes and files on 0 to 2 become the user's, or it could not open /dev/stderr again. /dev/null is everybody's. */
static void give_stdio(uid_t uid)
{
	for (int fd = 0; fd < 3; fd++) {
		struct stat st;

		if (fstat(fd, &st) < 0 || st.st_uid == uid || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)))
			continue;
		(void)!fchown(fd, uid, (gid_t)-1);
	}
}

int stage_identity(struct container *c, struct error *err)
{
	const struct oci_user *user = c->process->user;
	const char *keep = oci_annotation(c->spec, "run.oci.keep_original_groups");
	int ret;

	give_stdio(user && user->uid.set ? (uid_t)user->uid.v : 0);
	ret = caps_before_ids(&c->carried.caps, err);
	if (ret == 0)
		ret = user_become(user, keep && !strcmp(keep, "1"), err);
	if (ret == 0)
		ret = caps_after_ids(&c->carried.caps, err);
	if (ret == 0 && !c->inside.in_cwd)
		ret = exec_enter_cwd(c->process->cwd, err);
	if (ret == 0 && c->process->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		ret = error_errno(err, "set no_new_privileges");
	return ret;
}

const struct stage stages_furnish[] = {
	{ INSIDE, "loopback",              loopback,               NULL, has_network_namespace,      false },
	{ INSIDE, "root",                  furnish_root,           NULL, has_mount_namespace,        false },
	{ INSIDE, "names",                 stage_names,            NULL, NULL,                       false },
	{ INSIDE, "sysctl",                sysctls,                NULL, has_sysctls,                false },
	{ HOST,   "hooks",                 stage_host_hooks,       NULL, runs_host_hooks,            false },
	{ INSIDE, "createContainer hooks", stage_create_container_hooks, NULL, runs_create_container_hooks, false },
	{ INSIDE, "pivot",                 pivot,                  NULL, has_mount_namespace,        false },
	{ INSIDE, "chroot",                enter_root,             NULL, has_no_mount_namespace,     false },
	{ INSIDE, "terminal",              stage_terminal,         NULL, stage_has_terminal,         false },
	{ INSIDE, "seal",                  seal,                   NULL, has_mount_namespace,        false },
	{ INSIDE, "sched",                 stage_sched,            NULL, NULL,                       false },
	{ INSIDE, "label",                 stage_label,            NULL, has_labels,                 false },
	{ INSIDE, "lookup",                stage_lookup,           NULL, NULL,                       false },
	{ INSIDE, "filter",                stage_filter,           NULL, stage_filter_is_early,      false },
	{ INSIDE, "identity",              stage_identity,         NULL, NULL,                       false },
	{ 0 },
};

/* From here on errors go to whoever knocks. */
static int gate(struct container *c, struct error *err)
{
	int knock;

	if (c->line.peer[HOST] >= 0)
		close(c->line.peer[HOST]);
	c->line.peer[HOST] = -EBADF;
	knock = gate_wait(c->carried.gate, err);
	if (knock < 0)
		return knock;
	c->line.peer[HOST] = knock;
	return 0;
}

static int start_container_hooks(struct container *c, struct error *err)
{
	return run_hooks(c, HOOK_START_CONTAINER, CONTAINER_CREATED, getpid(), err);
}

static bool has_start_hooks(const struct container *c)
{
	return has_hooks(c, HOOK_START_CONTAINER);
}

static bool has_no_start_hooks(const struct container *c)
{
	return !has_start_hooks(c);
}

/* The word that the program is about to be executed. Said before the filter is loaded, which may forbid even that; but a start hook, which
 * runs under the filter, may still fail. */
int stage_ready(struct container *c, struct error *err)
{
	return pipeline_tell_done(&c->line, err);
}

/* What is left open is what a late filter needs, the way back, and the gate, whose closing tells that the program runs. */
int stage_shed(struct container *c, struct error *err)
{
	int keep[PLACE_MAX + 2], n = 0;

	for (int i = 0; i < PLACE_MAX; i++)
		if (c->line.peer[i] >= 0)
			keep[n++] = c->line.peer[i];
	if (c->carried.gate >= 0)
		keep[n++] = c->carried.gate;
	if (c->carried.filter.notify && stage_filter_is_late(c))
		keep[n++] = c->carried.listener;
	return exec_shed(3 + c->preserved, keep, (size_t)n, err);
}

int stage_execve(struct container *c, struct error *err)
{
	return exec_now(&c->inside.plan, err);
}

const struct stage stages_gate[] = {
	{ INSIDE, "gate", gate, NULL, NULL, false },
	{ 0 },
};

const struct stage stages_go[] = {
	{ INSIDE, "shed",                 stage_shed,            NULL, NULL,                 false },
	{ INSIDE, "ready",                stage_ready,           NULL, has_no_start_hooks,   false },
	{ INSIDE, "filter",               stage_filter,          NULL, stage_filter_is_late, false },
	{ INSIDE, "startContainer hooks", start_container_hooks, NULL, has_start_hooks,      false },
	{ INSIDE, "ready",                stage_ready,           NULL, has_start_hooks,      false },
	{ INSIDE, "execve",               stage_execve,          NULL, NULL,                 false },
	{ 0 },
};

const struct stage stages_join[] = {
	{ INSIDE, "terminal", stage_terminal,     NULL, stage_has_terminal,    false },
	{ INSIDE, "sched",    stage_sched,        NULL, NULL,                  false },
	{ INSIDE, "lookup",   stage_lookup,       NULL, NULL,                  false },
	{ INSIDE, "filter",   stage_filter,       NULL, stage_filter_is_early, false },
	{ INSIDE, "identity", stage_identity,     NULL, NULL,                  false },
	{ INSIDE, "shed",     stage_shed,         NULL, NULL,                  false },
	{ INSIDE, "ready",    stage_ready,        NULL, NULL,                  false },
	{ INSIDE, "filter",   stage_filter,       NULL, stage_filter_is_late,  false },
	{ INSIDE, "execve",   stage_execve,       NULL, NULL,                  false },
	{ 0 },
};
