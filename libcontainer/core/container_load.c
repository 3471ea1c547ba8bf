/* container_load.c: a container from a bundle or from its saved state, and the end of either. HOST alone uses this. See container.h. */
#include "core/container.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "core/gate.h"
#include "core/lifecycle.h"
#include "core/vm/machine.h"

#define CONFIG_MAX (16u << 20)

bool container_killed_for_memory(const struct container *c, struct error *err)
{
	if (!c->host.cgroup || cgroup_oom_kills(c->host.cgroup) <= 0)
		return false;
	container_tell_memory(cgroup_memory_limit(c->host.cgroup), err);
	return true;
}

/* Before the cgroup is taken away with the rest: a process that died without a word may have been too large for it. */
static void explain(struct container *c, struct error *err)
{
	if (err && err->code == -ECONNRESET && container_killed_for_memory(c, err))
		(void)error_wrap(err, "the container's first process");
}

void container_isolate(struct container *c, const struct isolation *isolation)
{
	c->isolation = isolation;
	c->in_vm = isolation->in_vm;
	c->line = PIPELINE(isolation->create, HOST);
	c->line.explain = explain;
}

static int read_spec(struct container *c, const char *text, size_t n, const char *document, struct error *err)
{
	int ret = oci_config_parse(text, n, document, &c->spec, err);

	if (ret < 0)
		return ret;
	c->process = c->spec->process;
	c->user_namespace = oci_namespace_find(c->spec, OCI_NS_USER);
	return 0;
}

/* A bundle is not to be trusted: its config.json may be a pipe that never answers. Who names a file by --config may well mean a pipe. */
static int read_config(const char *path, bool by_option, struct container *c, struct error *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (by_option ? 0 : O_NONBLOCK));
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, "open %s", path);
	if (!by_option && !S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "%s/%s: not a regular file", c->bundle, path);
	if (fd_read_all(fd, CONFIG_MAX, &c->config_text, &c->config_size, err) < 0)
		return error_wrap(err, "%s", path);
	return 0;
}

int container_from_bundle(struct container *c, const struct lifecycle_create *options, struct error *err)
{
	const char *config = options->config ? options->config : "config.json";
	int ret = path_absolute(options->bundle ? options->bundle : ".", &c->bundle, err);

	if (ret < 0)
		return error_wrap(err, "bundle");
	/* Sources of bind mounts may be relative to the bundle, hooks start in it. */
	if (chdir(c->bundle) < 0)
		return error_errno(err, "bundle: enter %s", c->bundle);
	ret = read_config(config, options->config, c, err);
	if (ret < 0)
		return ret;
	ret = read_spec(c, c->config_text, c->config_size, "config.json", err);
	if (ret < 0)
		return ret;
	if (!c->process)
		return error_set(err, -EINVAL, "config.json: process: required to create a container, and missing");
	ret = isolation_choose(c->spec, options->isolation, c->global->program, &c->isolation, err);
	if (ret < 0)
		return ret;
	container_isolate(c, c->isolation);
	if (options->kernel && !c->in_vm)
		return error_set(err, -EINVAL, "--vm-kernel: this container is not to run in a virtual machine (--isolation kvm)");
	c->create = options;
	c->id = strdup(options->id);
	c->preserved = options->preserve_fds + options->listen_fds;
	c->privileged = geteuid() == 0 && !ns_in_user_namespace();
	return c->id ? 0 : error_set(err, -ENOMEM, "out of memory");
}

int container_load(struct container *c, const struct lifecycle_global *global, const char *id, bool lock, struct error *err)
{
	auto_free char *root = global->root ? strdup(global->root) : store_default_root();
	int ret;

	container_init(c, global);
	/* What is half made has nothing but the rows that all have in common. */
	container_isolate(c, &isolation_namespaces);
	if (!root || !(c->id = strdup(id)))
		return error_set(err, -ENOMEM, "out of memory");
	ret = store_open(root, id, lock, &c->host.store, err);
	if (ret < 0)
		return ret;
	ret = store_load(&c->host.store, &c->saved, &c->created, err);
	if (ret == -ENODATA)
		return 0; /* half made: no state, no spec, a folder only */
	if (ret < 0)
		return ret;
	if (c->saved->isolation && !(c->isolation = isolation_find(c->saved->isolation)))
		return error_set(err, -ENOTSUP, "container \"%s\": unknown isolation \"%s\"", id, c->saved->isolation);
	container_isolate(c, c->isolation);
	if (c->saved->bundle)
		c->bundle = strdup(c->saved->bundle);
	if (c->created && (!c->saved->cgroup || !c->saved->pid.set))
		return error_set(err, -EINVAL, "container \"%s\": %s/state.json is damaged", id, c->host.store.path);
	if (c->saved->cgroup) {
		ret = cgroup_load(c->saved->cgroup, &c->host.cgroup, err);
		if (ret < 0)
			return error_wrap(err, "container \"%s\"", id);
	}
	c->privileged = geteuid() == 0 && !ns_in_user_namespace();
	if (c->saved->pid.set && c->saved->pid.v > 0) {
		/* Gone, or another process by now: then there is none. */
		ret = proc_open((pid_t)c->saved->pid.v, c->saved->start_time.v, &c->init, NULL);
		if (ret < 0)
			c->init = PROC_NONE;
	}
	return 0;
}

int container_load_spec(struct container *c, struct error *err)
{
	int ret;

	if (c->spec)
		return 0;
	ret = store_read_config(&c->host.store, &c->config_text, &c->config_size, err);
	return ret < 0 ? ret : read_spec(c, c->config_text, c->config_size, "config.json", err);
}

enum container_status container_status(struct container *c)
{
	if (!c->created)
		return CONTAINER_CREATING;
	if (c->init.pid <= 0 || proc_life(&c->init) != PROC_ALIVE)
		return CONTAINER_STOPPED;
	if (c->host.cgroup && cgroup_is_frozen(c->host.cgroup))
		return CONTAINER_PAUSED;
	/* The gate is close-on-exec: as long as somebody listens there, the program has not been executed. So no death of a `start` at any
	 * moment makes this wrong. */
	return gate_is_closed(c->host.store.folder) ? CONTAINER_RUNNING : CONTAINER_CREATED;
}

void container_close(struct container *c)
{
	size_t mounts = c->spec ? c->spec->mounts.n : 0;

	exec_plan_free(&c->inside.plan);
	if (c->inside.root.fd >= 0)
		close(c->inside.root.fd);
	if (c->inside.root.proc >= 0)
		close(c->inside.root.proc);
	for (size_t i = 0; c->carried.sources && i < mounts; i++)
		if (c->carried.sources[i] >= 0)
			close(c->carried.sources[i]);
	free(c->carried.sources);
	free(c->carried.hierarchies);
	if (c->carried.gate >= 0)
		close(c->carried.gate);
	if (c->carried.proc >= 0)
		close(c->carried.proc);
	if (c->carried.listener >= 0)
		close(c->carried.listener);
	if (c->carried.host_pid)
		munmap((void *)c->carried.host_pid, sizeof(*c->carried.host_pid));
	vm_parts_free(c->parts);
	if (c->control >= 0)
		close(c->control);
	if (c->carried.console_socket >= 0)
		close(c->carried.console_socket);
	if (c->host.terminal >= 0)
		close(c->host.terminal);
	filter_free(&c->carried.filter);
	for (int i = 0; i < PLACE_MAX; i++)
		if (c->line.peer[i] >= 0)
			close(c->line.peer[i]);
	ns_plan_close(&c->host.ns);
	cgroup_free(c->host.cgroup);
	store_close(&c->host.store);
	proc_close(&c->init);
	saved_state_free(c->saved);
	oci_config_free(c->spec);
	free(c->config_text);
	free(c->root_path);
	free(c->bundle);
	free(c->id);
	container_init(c, c->global);
}
