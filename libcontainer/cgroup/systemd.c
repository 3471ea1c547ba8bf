/* systemd.c: the life of a container's scope. The limits go to the manager as properties, as far as it has
 * them, and then all to the files: what both know is the same value twice, and what only one knows is not
 * lost. The device program is ours alone, so that a reload of the manager has nothing to undo. */
#include "cgroup/systemd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/table.h"
#include "cgroup/limits.h"
#include "cgroup/owner.h"
#include "cgroup/unit.h"

struct deferred {
	struct bus *bus;
	char *slice, *description;
	struct properties limits, annotations;
	struct oci_resources *resources;
	bool rootless, chown;
	uid_t owner;
};

void systemd_deferred_free(struct deferred *d)
{
	if (!d)
		return;
	bus_close(d->bus);
	free(d->slice);
	free(d->description);
	properties_free(&d->limits);
	properties_free(&d->annotations);
	oci_resources_free(d->resources);
	free(d);
}

/* The request is only lent; the scope starts later. */
static int copy_resources(const struct oci_resources *from, struct oci_resources **to, struct error *err)
{
	auto_free char *text = NULL;
	int ret = from ? schema_print(&oci_resources_schema, from, &text, err) : 0;

	return ret < 0 || !from ? ret : oci_resources_parse(text, strlen(text), "linux.resources", to, err);
}

int systemd_make(struct cgroup *c, const struct cgroup_request *r, struct error *err)
{
	struct deferred *d = calloc(1, sizeof(*d));
	int ret;

	if (!d)
		return error_set(err, -ENOMEM, "out of memory");
	c->deferred = d;
	c->layout = cgroup_host_layout();
	c->user_bus = r->rootless;
	d->rootless = r->rootless;
	d->chown = r->chown;
	d->owner = r->owner;
	ret = unit_names(r->path, r->id, r->rootless, &c->unit, &d->slice, err);
	if (!ret)
		ret = limits_check(c, r->resources, err);
	if (!ret)
		ret = unit_limits(r->resources, c->layout == CGROUP_LAYOUT_V2, &d->limits, err);
	if (!ret)
		ret = unit_annotations(r->annotations, &d->annotations, err);
	if (!ret)
		ret = copy_resources(r->resources, &d->resources, err);
	if (!ret)
		d->description = str_printf("container %s", r->id);
	if (!ret && !d->description)
		ret = error_set(err, -ENOMEM, "out of memory");
	return ret < 0 ? ret : bus_open(c->user_bus, &d->bus, err);
}

static int move(struct properties *to, struct properties *from, struct error *err)
{
	struct property *more;

	if (!from->n)
		return 0;
	more = reallocarray(to->v, to->n + from->n, sizeof(*more));
	if (!more)
		return error_set(err, -ENOMEM, "out of memory");
	to->v = more;
	memcpy(to->v + to->n, from->v, from->n * sizeof(*more));
	to->n += from->n;
	from->n = 0;
	return 0;
}

static int scope_properties(struct cgroup *c, pid_t pid, struct properties *out, struct error *err)
{
	static const char *const accounting[] = {"CPUAccounting", "MemoryAccounting", "TasksAccounting"};
	bool v2 = c->layout == CGROUP_LAYOUT_V2;
	struct deferred *d = c->deferred;
	struct properties p = {0};
	int ret = properties_add(&p, "Description", PROPERTY_STRING, 0, d->description,
				 strlen(d->description), err);

	if (!ret)
		ret = properties_add(&p, "Slice", PROPERTY_STRING, 0, d->slice, strlen(d->slice), err);
	if (!ret)
		ret = properties_add(&p, "PIDs", PROPERTY_PIDS, (uint64_t)pid, NULL, 0, err);
	if (!ret)
		ret = properties_add(&p, "Delegate", PROPERTY_BOOL, 1, NULL, 0, err);
	if (!ret)
		ret = properties_add(&p, "DefaultDependencies", PROPERTY_BOOL, 0, NULL, 0, err);
	for (size_t i = 0; i < ARRAY_LEN(accounting) && !ret; i++)
		ret = properties_add(&p, accounting[i], PROPERTY_BOOL, 1, NULL, 0, err);
	if (!ret)
		ret = properties_add(&p, v2 ? "IOAccounting" : "BlockIOAccounting", PROPERTY_BOOL, 1, NULL, 0,
				     err);
	/* A scope whose last process was killed for memory counts as failed and would stay for somebody to
	 * look at. */
	if (!ret)
		ret = properties_add(&p, "CollectMode", PROPERTY_STRING, 0, "inactive-or-failed",
				     strlen("inactive-or-failed"), err);
	if (!ret) {
		p.v[p.n - 1].optional = true;
		ret = move(&p, &d->limits, err);
	}
	if (!ret)
		ret = move(&p, &d->annotations, err);
	if (ret < 0)
		properties_free(&p);
	else
		*out = p;
	return ret;
}

/* Where the manager put it: on v1 its own hierarchy tells, and the controllers' folders get the same path. */
static int find_path(pid_t pid, char **path, struct error *err)
{
	const struct hierarchies *host;
	auto_free char *text = NULL;
	char file[32] = "/proc/self/cgroup";
	int ret = hierarchies_host(&host, err);

	/* 0 is ourselves: in a pid namespace of its own a process does not know its number in the host's /proc. */
	if (pid)
		snprintf(file, sizeof(file), "/proc/%d/cgroup", pid);
	if (!ret)
		ret = file_read_at(AT_FDCWD, file, 1 << 16, &text, NULL, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < host->n; i++)
		if (controllers_include(host->v[i].controllers, "name=systemd"))
			return hierarchy_path_of(&host->v[i], text, path, err);
	for (size_t i = 0; i < host->n; i++)
		if (host->v[i].v2)
			return hierarchy_path_of(&host->v[i], text, path, err);
	return error_set(err, -ENOENT, "cgroup driver systemd: no hierarchy of the service manager");
}

static int join_folders(struct cgroup *c, pid_t pid, struct error *err)
{
	auto_free char *path = NULL;
	int ret = find_path(pid, &path, err);

	if (!ret && !strstr(path, c->unit))
		ret = error_set(err, -EIO, "cgroup driver systemd: process %d is in %s instead of %s", pid,
				path, c->unit);
	if (!ret)
		ret = cgroup_add_folders(c, path, err);
	/* The manager made its own and those of some controllers; the rest is ours. */
	for (size_t i = 0; i < c->n && !ret; i++)
		if (!c->folders[i].v2 && !controllers_include(c->folders[i].controllers, "name=systemd"))
			ret = folder_make_shared(&c->folders[i], err);
	return ret;
}

int systemd_find_self(struct cgroup *c, struct error *err)
{
	auto_free char *path = NULL;
	int ret = find_path(0, &path, err);

	return ret < 0 ? ret : cgroup_add_folders(c, path, err);
}

int systemd_start(struct cgroup *c, pid_t pid, struct error *err)
{
	struct properties p = {0};
	struct deferred *d = c->deferred;
	bool annotated = d->annotations.n;
	int ret = scope_properties(c, pid, &p, err);

	if (!ret)
		ret = bus_start_unit(d->bus, c->unit, &p, err);
	/* The manager does not say which property it cannot take, and all others are of a kind that it takes. */
	if (ret < 0 && annotated)
		ret = error_wrap(err, "with the annotations org.systemd.property.*");
	properties_free(&p);
	if (ret < 0)
		return ret;
	ret = join_folders(c, pid, err);
	if (!ret && d->resources)
		ret = cgroup_set_up(c, d->resources, d->rootless, err);
	if (!ret && d->chown)
		ret = owner_delegate(c, d->owner, err);
	/* A scope that was started already goes when its only process does, which the caller ends. To have it stopped here would wait for
	 * that process: the first one of a pid namespace doesn't hear the manager's SIGTERM. */
	if (ret < 0)
		return ret;
	/* From here on it can be asked how many were killed, even when the scope is gone; the process waits for us meanwhile. */
	(void)cgroup_oom_kills(c);
	c->deferred = NULL;
	systemd_deferred_free(d);
	return 0;
}

int systemd_update(struct cgroup *c, const struct oci_resources *resources, struct error *err)
{
	struct properties p = {0};
	struct bus *bus = NULL;
	int ret = unit_limits(resources, c->layout == CGROUP_LAYOUT_V2, &p, err);

	if (!ret && p.n)
		ret = bus_open(c->user_bus, &bus, err);
	if (!ret && p.n)
		ret = bus_set_unit(bus, c->unit, &p, err);
	bus_close(bus);
	properties_free(&p);
	return ret;
}

/* An empty scope goes by itself, mostly before we are asked: then there is no need to ask the manager. */
int systemd_stop(struct cgroup *c, struct error *err)
{
	struct bus *bus = NULL;
	bool there = false;
	int ret;

	for (size_t i = 0; i < c->n; i++)
		there = there || !access(c->folders[i].dir, F_OK);
	if (!there)
		return 0;
	ret = bus_open(c->user_bus, &bus, err);
	if (!ret)
		ret = bus_stop_unit(bus, c->unit, err);
	bus_close(bus);
	return ret;
}
