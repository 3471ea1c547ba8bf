/* lifecycle.c: the operations on containers. See lifecycle.h. */
#include "core/lifecycle.h"

#include <dirent.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/str.h"
#include "cgroup/oom.h"
#include "core/container.h"
#include "core/exec.h"
#include "core/gate.h"
#include "core/monitor.h"
#include "core/ready.h"
#include "core/stages.h"
#include "hooks/hook.h"
#include "oci-spec/check.h"
#include "tty/console.h"

#define auto_container __attribute__((cleanup(container_close)))

static int run_host_hooks(struct container *c, enum hook_kind kind, enum container_status status, bool keep_going, struct error *err)
{
	struct oci_state *state = NULL;
	auto_free char *text = NULL;
	int ret;

	if (!c->spec || !hook_list(c->spec->hooks, kind)->n)
		return 0;
	ret = container_state(c, status, c->init.pid, &state, err);
	if (ret == 0)
		ret = oci_state_print(state, false, &text, err);
	oci_state_free(state);
	return ret < 0 ? ret : hook_run_list(c->spec->hooks, kind, text, NULL, keep_going, err);
}

/* Everything away that is the container's; then the poststop hooks, which may fail but not stop us. */
static int take_apart(struct container *c, struct error *err)
{
	if (container_load_spec(c, NULL) < 0)
		log_line(LOG_DEBUG, "container \"%s\": its config cannot be read; no poststop hooks", c->id);
	else if (!c->saved)
		(void)stage_find_cgroup(c, NULL);
	pipeline_undo_all(&c->line, c);
	return run_host_hooks(c, HOOK_POSTSTOP, CONTAINER_STOPPED, true, err);
}

static int make(struct container *c, const struct lifecycle_global *g, const struct lifecycle_create *o, struct error *err)
{
	int ret;

	container_init(c, g);
	ret = container_from_bundle(c, o, err);
	if (ret < 0)
		return ret;
	if (o->foreground && !o->detach)
		c->line.wait = monitor_wait_for_line;
	ret = pipeline_run(&c->line, c, err);
	/* runtime.md, "Lifecycle": a create that fails after the container began to be goes on with its poststop hooks. */
	if (ret < 0 && c->saved)
		(void)run_host_hooks(c, HOOK_POSTSTOP, CONTAINER_STOPPED, true, NULL);
	return ret;
}

int lifecycle_create(const struct lifecycle_global *g, const struct lifecycle_create *o, struct error *err)
{
	auto_container struct container c;

	return make(&c, g, o, err);
}

/* c is created, and locked by us. */
static int start(struct container *c, struct ready *ready, struct error *err)
{
	auto_close int knock = -EBADF;
	int ret = ready_listen(c, ready, err);

	if (ret < 0)
		return ret;
	/* Before it goes on, so that it can be told afterwards whether it was killed for memory. */
	if (c->host.cgroup && cgroup_vanishes(c->host.cgroup))
		(void)cgroup_oom_kills(c->host.cgroup);
	knock = gate_knock(c->host.store.folder, err);
	ret = knock < 0 ? knock : pipeline_watch(knock, "the container's process", err);
	if (ret < 0) {
		c->line.explain(c, err);
		return ret;
	}
	/* From here on the pid file stays, whatever comes. */
	c->host.pid_file = false;
	ret = run_host_hooks(c, HOOK_POSTSTART, CONTAINER_RUNNING, false, err);
	/* runtime.md, "start": a poststart hook that fails ends the container. */
	if (ret < 0 && c->isolation->signal(c, SIGKILL, NULL) == 0)
		(void)proc_wait_gone(&c->init, 5000, NULL);
	return ret;
}

int lifecycle_start(const struct lifecycle_global *g, const char *id, struct error *err)
{
	auto_container struct container c;
	struct ready ready = READY_NONE;
	int ret = container_load(&c, g, id, true, err);

	if (ret == 0)
		ret = container_load_spec(&c, err);
	if (ret < 0)
		return ret;
	switch (container_status(&c)) {
	case CONTAINER_CREATED:
		ret = start(&c, &ready, err);
		/* runtime.md, "Lifecycle": what fails here is stopped, destroyed, and has its poststop hooks run. */
		if (ret < 0) {
			(void)take_apart(&c, NULL);
		} else {
			store_unlock(&c.host.store);
			ready_await(&ready, &c.init);
		}
		ready_close(&ready);
		return ret;
	case CONTAINER_STOPPED:
		return error_set(err, -EINVAL, "cannot start a container that has stopped");
	case CONTAINER_CREATING:
		return error_set(err, -EINVAL, "cannot start container \"%s\": it is still being created", id);
	default:
		return error_set(err, -EINVAL, "cannot start an already running container");
	}
}

int lifecycle_run(const struct lifecycle_global *g, const struct lifecycle_create *o, int *status, struct error *err)
{
	struct lifecycle_create options = *o;
	auto_container struct container c;
	struct ready ready = READY_NONE;
	struct monitor_mask mask;
	int terminal = -EBADF, ret;

	options.foreground = true;
	if (!o->detach) {
		monitor_block(&mask);
		/* What the container orphans is ours to reap. */
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	}
	ret = make(&c, g, &options, err);
	if (ret < 0)
		goto out;
	if (c.host.terminal >= 0) {
		terminal = console_socket_receive(c.host.terminal, err);
		ret = terminal < 0 ? terminal : 0;
	}
	if (ret == 0)
		ret = start(&c, &ready, err);
	if (ret < 0) {
		/* Nothing of a container that never ran is kept. */
		(void)take_apart(&c, NULL);
		if (terminal >= 0)
			close(terminal);
	} else if (!o->detach) {
		/* Others may pause it, or delete it, while we only look on. */
		store_unlock(&c.host.store);
		ret = monitor_run(&c.init, c.host.cgroup, terminal, &ready, status, err);
		/* It has been reaped: the pid may be another process's by now. */
		proc_close(&c.init);
		if (ret == 0 && err)
			*err = ERROR_NONE;
		if (ret == 0 && *status == 128 + SIGKILL)
			(void)container_killed_for_memory(&c, err);
		if (!o->keep && store_lock(&c.host.store, NULL) == 0)
			(void)take_apart(&c, NULL);
	} else {
		*status = 0;
		store_unlock(&c.host.store);
		ready_await(&ready, &c.init);
	}
out:
	ready_close(&ready);
	if (!o->detach)
		monitor_unblock(&mask);
	return ret;
}

int lifecycle_exec(const struct lifecycle_global *g, const struct lifecycle_exec *o, int *status, struct error *err)
{
	auto_container struct container c;
	struct oci_process *process;
	enum container_status now;
	struct monitor_mask mask;
	int terminal = -EBADF, ret = container_load(&c, g, o->id, false, err);

	if (ret == 0)
		ret = container_load_spec(&c, err);
	if (ret < 0)
		return ret;
	now = container_status(&c);
	if (now == CONTAINER_STOPPED || now == CONTAINER_CREATING)
		return error_set(err, -EINVAL, "container \"%s\": cannot exec in a %s container", o->id,
				 now == CONTAINER_STOPPED ? "stopped" : "half made");
	if (now == CONTAINER_PAUSED && !o->ignore_paused)
		return error_set(err, -EINVAL, "container \"%s\": cannot exec in a paused container (use --ignore-paused to override)", o->id);
	ret = o->make(o->data, c.spec->process, &process, err);
	if (ret < 0)
		return ret;
	c.exec = o;
	c.process = process;
	if (process->terminal && o->detach && !o->console_socket)
		return error_set(err, -EINVAL, "a detached process with a terminal needs --console-socket");
	if (!o->detach)
		monitor_block(&mask);
	ret = exec_start(&c, err);
	if (ret == 0 && c.host.terminal >= 0) {
		terminal = console_socket_receive(c.host.terminal, err);
		ret = terminal < 0 ? terminal : 0;
	}
	if (ret == 0 && !o->detach)
		ret = monitor_run(&c.init, NULL, terminal, NULL, status, err);
	else if (ret == 0)
		*status = 0;
	if (!o->detach)
		monitor_unblock(&mask);
	return ret;
}

int lifecycle_kill(const struct lifecycle_global *g, const char *id, int signo, bool all, struct error *err)
{
	auto_container struct container c;
	int ret = container_load(&c, g, id, false, err);
	enum container_status now;

	if (ret < 0)
		return ret;
	now = container_status(&c);
	if (now == CONTAINER_STOPPED && !all)
		return error_set(err, -ESRCH, "container not running");
	if (all && c.isolation->signal_all && now != CONTAINER_STOPPED)
		return c.isolation->signal_all(&c, signo, err);
	if (all || (signo == SIGKILL && c.saved && !c.saved->own_pid_namespace))
		/* Without a pid namespace of its own the others would outlive the first process. */
		return c.host.cgroup ? cgroup_kill(c.host.cgroup, signo, err) : 0;
	ret = c.isolation->signal(&c, signo, err);
	/* On cgroup v1 a frozen process does not even die. */
	if (ret == 0 && signo == SIGKILL && now == CONTAINER_PAUSED && c.host.cgroup)
		(void)cgroup_freeze(c.host.cgroup, false, NULL);
	return ret;
}

/* The end of a stopped container's first process may still be under way. */
static int end_by_force(struct container *c, struct error *err)
{
	if (c->init.pid <= 0)
		return 0;
	(void)c->isolation->signal(c, SIGKILL, NULL);
	if (c->host.cgroup && cgroup_is_frozen(c->host.cgroup))
		(void)cgroup_freeze(c->host.cgroup, false, NULL);
	return proc_wait_gone(&c->init, 10000, err);
}

int lifecycle_delete(const struct lifecycle_global *g, const char *id, bool force, struct error *err)
{
	auto_container struct container c;
	enum container_status now;
	int ret = container_load(&c, g, id, true, err);

	if (ret == -ENOENT && force)
		return 0;
	/* What cannot be read can still be taken away: by its folder. */
	if (ret < 0 && (!force || c.host.store.folder < 0))
		return ret;
	now = container_status(&c);
	/* The lock is ours, so nobody is creating it any more. */
	if (now == CONTAINER_CREATING)
		now = CONTAINER_STOPPED;
	if (!force && now != CONTAINER_STOPPED && now != CONTAINER_CREATED)
		return error_set(err, -EINVAL, "cannot delete container %s that is not stopped: %s", id, container_status_names[now]);
	ret = end_by_force(&c, err);
	if (ret < 0 && !force)
		return ret;
	return take_apart(&c, err);
}

static int freeze(const struct lifecycle_global *g, const char *id, bool frozen, struct error *err)
{
	auto_container struct container c;
	int ret = container_load(&c, g, id, true, err);
	enum container_status now;

	if (ret < 0)
		return ret;
	now = container_status(&c);
	if (frozen && now != CONTAINER_RUNNING && now != CONTAINER_CREATED)
		return error_set(err, -EINVAL, "container not running: %s", container_status_names[now]);
	if (!frozen && now != CONTAINER_PAUSED)
		return error_set(err, -EINVAL, "container not paused: %s", container_status_names[now]);
	return cgroup_freeze(c.host.cgroup, frozen, err);
}

int lifecycle_pause(const struct lifecycle_global *g, const char *id, struct error *err)
{
	return freeze(g, id, true, err);
}

int lifecycle_resume(const struct lifecycle_global *g, const char *id, struct error *err)
{
	return freeze(g, id, false, err);
}

int lifecycle_update(const struct lifecycle_global *g, const char *id, const struct oci_resources *resources, const struct oci_intel_rdt *rdt,
		     struct error *err)
{
	struct isolation_resources room;
	enum container_status now;
	auto_container struct container c;
	int ret = container_load(&c, g, id, true, err);

	if (ret == 0 && c.in_vm)
		ret = container_load_spec(&c, err);
	if (ret < 0)
		return ret;
	now = container_status(&c);
	if (now == CONTAINER_STOPPED || !c.host.cgroup)
		return error_set(err, -EINVAL, "container not running");
	if (now == CONTAINER_PAUSED && c.isolation->update)
		return error_set(err, -EINVAL, "container paused: its virtual machine cannot take new limits");
	ret = rdt->l3_cache_schema || rdt->mem_bw_schema ? rdt_update(&c, rdt, err) : 0;
	if (ret == 0)
		ret = cgroup_update(c.host.cgroup, isolation_resources(c.isolation, c.spec, resources, &room), !c.privileged, err);
	return ret == 0 && c.isolation->update ? c.isolation->update(&c, resources, err) : ret;
}

/* Without a cgroup: whoever is in the pid namespace of the first process, if that is the container's own. */
static int pids_by_namespace(const struct container *c, pid_t **pids, size_t *n, struct error *err)
{
	DIR *proc = opendir("/proc");
	struct stat own, other;
	struct dirent *e;
	char path[64];

	*pids = NULL;
	*n = 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/pid", c->init.pid);
	if (!proc || stat(path, &own) < 0) {
		int ret = error_errno(err, "list the processes of container \"%s\"", c->id);

		if (proc)
			closedir(proc);
		return ret;
	}
	while ((e = readdir(proc))) {
		uint64_t pid;
		pid_t *more;

		if (number_parse_u64(e->d_name, 1, INT_MAX, &pid) < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
		if ((pid_t)pid != c->init.pid &&
		    (!c->saved->own_pid_namespace || stat(path, &other) < 0 || other.st_ino != own.st_ino))
			continue;
		more = reallocarray(*pids, *n + 1, sizeof(**pids));
		if (!more) {
			closedir(proc);
			free(TAKE_PTR(*pids));
			return error_set(err, -ENOMEM, "out of memory");
		}
		*pids = more;
		more[(*n)++] = (pid_t)pid;
	}
	closedir(proc);
	return 0;
}

/* The monitor stands for the first process, and others for those of exec. Its children stand for nobody: they are parts of the machine. */
static size_t leave_out_parts(const struct container *c, pid_t *pids, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (proc_parent(pids[i]) != c->init.pid)
			pids[kept++] = pids[i];
	return kept;
}

int lifecycle_ps(const struct lifecycle_global *g, const char *id, pid_t **pids, size_t *n, struct error *err)
{
	auto_container struct container c;
	int ret = container_load(&c, g, id, false, err);

	if (ret < 0)
		return ret;
	if (container_status(&c) == CONTAINER_STOPPED || !c.host.cgroup)
		return error_set(err, -EINVAL, "container not running");
	/* An ordinary user without a delegated cgroup, or none at all. */
	ret = cgroup_hierarchies(c.host.cgroup)->name ? cgroup_pids(c.host.cgroup, pids, n, err) : pids_by_namespace(&c, pids, n, err);
	if (ret == 0 && c.in_vm)
		*n = leave_out_parts(&c, *pids, *n);
	return ret;
}

/* Whose the state folder is, by name where there is one. malloc()ed. */
static char *name_owner(const struct store *store)
{
	struct passwd *p;
	struct stat st;

	if (fstat(store->folder, &st) < 0)
		return NULL;
	if (st.st_uid == 0)
		return strdup("root");
	p = getpwuid(st.st_uid);
	return p ? strdup(p->pw_name) : str_printf("%u", st.st_uid);
}

int lifecycle_state(const struct lifecycle_global *g, const char *id, struct oci_state **state, struct error *err)
{
	auto_container struct container c;
	struct oci_state *s = NULL;
	int ret = container_load(&c, g, id, false, err);

	if (ret < 0)
		return ret;
	if (!c.saved)
		return error_set(err, -ENOENT, "container \"%s\" is not yet created: %s", id, c.host.store.path);
	ret = container_state(&c, container_status(&c), c.init.pid, &s, err);
	if (ret < 0)
		return ret;
	s->rootfs = c.saved->rootfs ? strdup(c.saved->rootfs) : NULL;
	s->created = c.saved->created ? strdup(c.saved->created) : NULL;
	s->owner = name_owner(&c.host.store);
	*state = s;
	return 0;
}

int lifecycle_list(const struct lifecycle_global *g, char ***ids, size_t *n, struct error *err)
{
	auto_free char *root = g->root ? strdup(g->root) : store_default_root();

	return root ? store_list(root, ids, n, err) : error_set(err, -ENOMEM, "out of memory");
}

int lifecycle_config(const struct lifecycle_global *g, const char *id, struct oci_config **config, struct error *err)
{
	auto_container struct container c;
	int ret = container_load(&c, g, id, false, err);

	if (ret == 0)
		ret = container_load_spec(&c, err);
	if (ret == 0)
		*config = TAKE_PTR(c.spec);
	return ret;
}
