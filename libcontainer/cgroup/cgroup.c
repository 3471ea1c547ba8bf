/* cgroup.c: names, makes, enters and lets go of a container's cgroup. */
#include "cgroup/cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/table.h"
#include "cgroup/controllers.h"
#include "cgroup/devices.h"
#include "cgroup/inner.h"
#include "cgroup/limits.h"
#include "cgroup/owner.h"
#include "cgroup/systemd.h"

const char *const cgroup_driver_names[] = {"cgroupfs", "systemd", "disabled", NULL};
NAMES_COMPLETE(cgroup_driver_names, CGROUP_DRIVER_MAX);

void cgroup_free(struct cgroup *c)
{
	if (!c)
		return;
	cgroup_drop_folders(c);
	if (c->clone_fd >= 0)
		close(c->clone_fd);
	systemd_deferred_free(c->deferred);
	free(c->hierarchies);
	free(c->unit);
	free(c);
}

/* Rootless and without a path: the only place that may be ours is beside our own cgroup, where a user manager
 * delegated a subtree. */
static int name_beside_own(char **out, struct error *err)
{
	auto_free char *text = NULL, *own = NULL;
	const struct hierarchies *host;
	int ret = hierarchies_host(&host, err);

	if (!ret)
		ret = file_read_at(AT_FDCWD, "/proc/self/cgroup", 1 << 16, &text, NULL, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < host->n; i++) {
		if (!host->v[i].v2 || hierarchy_path_of(&host->v[i], text, &own, NULL) < 0)
			continue;
		*strrchr(own, '/') = 0;
		*out = TAKE_PTR(own);
		return 0;
	}
	return error_set(err, -ENOENT, "no cgroup v2 hierarchy");
}

static int make_at(struct cgroup *c, const char *path, bool rootless, struct error *err)
{
	int ret;

	cgroup_drop_folders(c);
	ret = cgroup_add_folders(c, path, err);
	return ret < 0 ? ret : cgroup_make_folders(c, rootless, err);
}

static int make_named(struct cgroup *c, const struct cgroup_request *r, struct error *err)
{
	bool named = r->path && *r->path;
	auto_free char *beside = NULL, *path = NULL;
	int ret;

	if (!r->id || !*r->id)
		return error_set(err, -EINVAL, "cgroup: no container id");
	if (!named && strchr(r->id, '/'))
		return error_set(err, -EINVAL, "cgroup: slash in the container id \"%s\"", r->id);
	ret = folder_check_path(named ? r->path : r->id, err);
	if (!ret)
		ret = make_at(c, named ? r->path : r->id, r->rootless, err);
	if (ret < 0 || c->n || named || name_beside_own(&beside, NULL) < 0 || !beside || !*beside)
		return ret;
	path = str_printf("%s/%s", beside, r->id);
	return path ? make_at(c, path, true, err) : error_set(err, -ENOMEM, "out of memory");
}

static int refuse_limits(const struct cgroup *c, const struct oci_resources *resources, struct error *err)
{
	const char *first = limits_first(resources);

	if (c->n || !first)
		return 0;
	return error_set(err, c->denied ? -EACCES : -ENOTSUP, "%s: %s", first,
			 c->driver == CGROUP_DISABLED ? "cgroups are disabled"
			 : c->denied		      ? "no permission to make a cgroup"
						      : "no cgroup hierarchy is mounted on this host");
}

int cgroup_set_up(struct cgroup *c, const struct oci_resources *resources, bool rootless, struct error *err)
{
	/* What is above a scope belongs to the service manager; Delegate= has it hand down all that it knows, which these may not be in. */
	bool unknown = resources && (resources->hugepage_limits.n || resources->rdma.n || resources->unified.n);
	int ret = c->unit && !unknown ? 0 : controllers_enable(c, rootless, err);

	if (!ret && resources)
		ret = limits_apply(c, resources, err);
	if (!ret && resources)
		ret = devices_apply(c, &resources->devices, rootless, err);
	return ret;
}

int cgroup_make(const struct cgroup_request *request, struct cgroup **out, struct error *err)
{
	struct cgroup *c = NULL;
	int ret = cgroup_new(request->driver, &c, err);

	if (ret < 0)
		return ret;
	if (request->driver == CGROUP_SYSTEMD) {
		ret = systemd_make(c, request, err);
		if (ret < 0)
			cgroup_free(c);
		else
			*out = c;
		return ret;
	}
	if (request->driver == CGROUP_FS)
		ret = make_named(c, request, err);
	if (!ret)
		ret = refuse_limits(c, request->resources, err);
	if (!ret && c->n)
		ret = cgroup_set_up(c, request->resources, request->rootless, err);
	if (!ret && request->chown)
		ret = owner_delegate(c, request->owner, err);
	if (ret < 0) {
		cgroup_remove_folders(c);
		cgroup_free(c);
		return ret;
	}
	*out = c;
	return 0;
}

int cgroup_plan(const struct cgroup_request *request, struct cgroup **out, struct error *err)
{
	bool named = request->path && *request->path;
	const char *path = named ? request->path : request->id;
	auto_free char *beside = NULL, *joined = NULL;
	struct cgroup *c = NULL;
	int ret = cgroup_new(request->driver, &c, err);

	if (ret < 0)
		return ret;
	/* A scope is made with its first process in it: without one there is none. */
	if (request->driver == CGROUP_FS) {
		if (!named && request->rootless && !name_beside_own(&beside, NULL) && beside && *beside)
			path = joined = str_printf("%s/%s", beside, request->id);
		ret = path ? folder_check_path(path, err) : error_set(err, -ENOMEM, "out of memory");
		if (!ret)
			ret = cgroup_add_folders(c, path, err);
		for (size_t i = 0; i < c->n; i++)
			c->folders[i].made = 1;
	}
	if (ret < 0)
		cgroup_free(c);
	else
		*out = c;
	return ret;
}

int cgroup_clone_fd(const struct cgroup *c)
{
	const struct folder *f = cgroup_v2_folder(c);
	struct cgroup *mine =
	    (struct cgroup *)c; /* opened on demand: most who load a cgroup never clone into it */

	if (c->clone_fd < 0 && f)
		mine->clone_fd = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return c->clone_fd < 0 ? -EBADF : c->clone_fd;
}

bool cgroup_joins_itself(const struct cgroup *c)
{
	if (c->driver == CGROUP_SYSTEMD && c->deferred)
		return false;
	return c->n > 1 || (c->n && !c->folders[0].v2);
}

/* Where `pid` is ourselves, v1's `tasks` moves the one thread there is without the lock; see cgroup.h. */
int cgroup_enter(struct cgroup *c, pid_t pid, bool cloned_into, struct error *err)
{
	char text[16] = "0";
	int ret;

	if (c->deferred) {
		ret = systemd_start(c, pid, err);
		if (ret < 0)
			return ret;
	}
	if (pid)
		snprintf(text, sizeof(text), "%d", pid);
	for (size_t i = 0; i < c->n; i++) {
		const struct folder *f = &c->folders[i];

		if (f->v2 && cloned_into)
			continue;
		ret = folder_write(f, f->v2 || pid ? "cgroup.procs" : "tasks", text);
		if (ret < 0)
			return error_set(
			    err, ret, "enter cgroup %s: %s", f->dir,
			    ret == -EBUSY && f->v2
				? "controllers are enabled for its sub-cgroups, so it takes no process"
			    : ret == -EOPNOTSUPP && f->v2 ? "it is threaded or below a threaded cgroup"
							  : strerror(-ret));
	}
	return 0;
}

int cgroup_find_self(struct cgroup *c, struct error *err)
{
	return c->deferred && !c->n ? systemd_find_self(c, err) : 0;
}

/* The same driver and host, other folders; nothing in it is ours to remove. */
static int derive(const struct cgroup *c, struct cgroup **out, struct error *err)
{
	int ret = cgroup_new(CGROUP_FS, out, err);

	if (ret < 0)
		return ret;
	(*out)->layout = c->layout;
	(*out)->folders = calloc(c->n + 1, sizeof(*c->folders));
	if (!(*out)->folders) {
		cgroup_free(*out);
		return error_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

static int derive_folder(struct cgroup *sub, const struct folder *f, const char *path, struct error *err)
{
	int ret = folder_set(&sub->folders[sub->n], f->controllers, f->mount, path, f->v2, err);

	sub->n += !ret;
	return ret;
}

static int finish_derived(struct cgroup *sub, int ret, struct cgroup **out)
{
	if (ret < 0)
		cgroup_free(sub);
	else
		*out = sub;
	return ret;
}

int cgroup_sub(const struct cgroup *c, const char *controller, const char *path, struct cgroup **out,
	       struct error *err)
{
	struct cgroup *sub = NULL;
	bool found = false, top;
	int ret;

	path += *path == '/';
	top = !*path;
	ret = top ? 0 : folder_check_path(path, err);
	if (!ret)
		ret = derive(c, &sub, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < c->n && !ret; i++) {
		const struct folder *f = &c->folders[i];
		bool chosen = !controller || controllers_include(f->controllers, controller);
		auto_free char *below = chosen && !top
					    ? str_printf("%s/%s", strcmp(f->path, "/") ? f->path : "", path)
					    : strdup(f->path);

		found = found || chosen;
		ret = below ? derive_folder(sub, f, below, err) : error_set(err, -ENOMEM, "out of memory");
		if (!ret && chosen && access(sub->folders[i].dir, F_OK))
			ret = error_errno(err, "sub-cgroup %s: %s", path, sub->folders[i].dir);
	}
	if (!ret && !found && (controller || !top))
		ret = error_set(err, -ENOENT, "sub-cgroup %s%s%s: the container has no such cgroup",
				controller ? controller : "", controller ? ":" : "", path);
	return finish_derived(sub, ret, out);
}

/* Which part of the hierarchy is mounted at f's mount point. */
static const char *mounted_root(const struct folder *f)
{
	const struct hierarchies *host;

	if (!hierarchies_host(&host, NULL))
		for (size_t i = 0; i < host->n; i++)
			if (!strcmp(host->v[i].mount, f->mount))
				return host->v[i].root;
	return "/";
}

int cgroup_of(const struct cgroup *c, pid_t pid, struct cgroup **out, struct error *err)
{
	auto_free char *text = NULL;
	struct cgroup *sub = NULL;
	char file[32];
	int ret;

	snprintf(file, sizeof(file), "/proc/%d/cgroup", pid);
	ret = file_read_at(AT_FDCWD, file, 1 << 16, &text, NULL, err);
	if (ret == -ENOENT)
		ret = error_set(err, -ESRCH, "cgroup of process %d: %s", pid, strerror(ESRCH));
	if (!ret)
		ret = derive(c, &sub, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < c->n && !ret; i++) {
		const struct folder *f = &c->folders[i];
		struct hierarchy h = {f->controllers, f->mount, (char *)mounted_root(f), f->v2};
		auto_free char *path = NULL;
		size_t len = strlen(f->path);

		ret = hierarchy_path_of(&h, text, &path, err);
		if (!ret && (strncmp(path, f->path, len) || (path[len] && path[len] != '/')))
			ret = error_set(err, -EINVAL, "process %d is in the cgroup %s, which is not below %s",
					pid, path, f->path);
		if (!ret)
			ret = derive_folder(sub, f, path, err);
	}
	return finish_derived(sub, ret, out);
}

/* The service manager keeps quota and period as a share of a period: what is not named is said again, as it is now. */
static void complete_bandwidth(const struct cgroup *c, struct oci_cpu *cpu)
{
	const struct folder *f = cgroup_folder_for(c, "cpu");
	bool has_quota = cpu->quota.set && cpu->quota.v, has_period = cpu->period.set && cpu->period.v;
	char quota[64], other[64], *period = other;
	uint64_t period_now;
	int64_t quota_now = -1;

	if (!f || has_quota == has_period || folder_read(f, f->v2 ? "cpu.max" : "cpu.cfs_quota_us", quota, sizeof(quota)) < 0)
		return;
	if (f->v2) {
		period = strchr(quota, ' ');
		if (!period)
			return;
		*period++ = '\0';
	} else if (folder_read(f, "cpu.cfs_period_us", other, sizeof(other)) < 0) {
		return;
	}
	if (has_quota && number_parse_u64(period, 1, UINT64_MAX, &period_now) == 0)
		cpu->period = (struct opt_uint){.set = true, .v = period_now};
	else if (has_period && (!strcmp(quota, "max") || number_parse_i64(quota, -1, INT64_MAX, &quota_now) == 0))
		cpu->quota = (struct opt_int){.set = true, .v = quota_now};
}

static int update_unit(struct cgroup *c, const struct oci_resources *asked, struct error *err)
{
	struct oci_resources resources = *asked;
	struct oci_cpu cpu;
	int ret;

	if (asked->cpu) {
		cpu = *asked->cpu;
		complete_bandwidth(c, &cpu);
		resources.cpu = &cpu;
	}
	ret = limits_check(c, &resources, err);
	if (!ret)
		ret = systemd_update(c, &resources, err);
	return ret < 0 ? ret : limits_apply(c, &resources, err);
}

int cgroup_update(struct cgroup *c, const struct oci_resources *resources, bool rootless, struct error *err)
{
	int ret = refuse_limits(c, resources, err);

	if (ret < 0 || !resources || !c->n)
		return ret;
	ret = c->unit ? update_unit(c, resources, err) : limits_apply(c, resources, err);
	return ret < 0 ? ret : devices_update(c, &resources->devices, rootless, err);
}

const struct cgroup_hierarchy *cgroup_hierarchies(const struct cgroup *c)
{
	struct cgroup *mine = (struct cgroup *)c; /* made on demand: nothing a caller could see changes */

	if (!c->hierarchies) {
		mine->hierarchies = calloc(c->n + 1, sizeof(*c->hierarchies));
		for (size_t i = 0; i < c->n && c->hierarchies; i++) {
			const struct folder *f = &c->folders[i];
			const char *slash = strrchr(f->mount, '/');

			mine->hierarchies[i].name = slash ? slash + 1 : f->mount;
			mine->hierarchies[i].options = f->v2 ? NULL : f->controllers;
			mine->hierarchies[i].host_path = f->dir;
		}
	}
	return c->hierarchies;
}
