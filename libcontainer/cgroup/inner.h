/* inner.h: struct cgroup, for the files of this room only. */
#ifndef CGROUP_INNER_H
#define CGROUP_INNER_H

#include "cgroup/cgroup.h"
#include "cgroup/folder.h"

/* What a driver that can only act once there is a process keeps of the request until then. */
struct deferred;

struct cgroup {
	enum cgroup_driver driver;
	enum cgroup_layout layout;
	struct folder
	    *folders; /* v1 ones in the host's order, v2 among them; none: a cgroup that does nothing */
	size_t n;
	int clone_fd;
	char *unit;    /* systemd: "nacre-x.scope"; else NULL */
	bool user_bus; /* systemd: the unit belongs to the user's manager */
	bool denied;   /* the host gave no cgroup for want of permission: limits cannot be set */
	struct deferred *deferred;
	struct cgroup_hierarchy *hierarchies; /* made on demand, NULL before */
	struct {
		bool set;
		long kills, above; /* of the memory controller: in this cgroup; in the one above, whose count goes on */
		long long limit;
	} seen; /* when its files could last be read; see oom.c */
};

/* The folder where this controller is to be found: a v1 one that names it, else the v2 one, else NULL. */
const struct folder *cgroup_folder_for(const struct cgroup *c, const char *controller);
/* The v2 folder or NULL. */
const struct folder *cgroup_v2_folder(const struct cgroup *c);
/* The folder for lists of processes: any will do, every process is in all. NULL: none. */
const struct folder *cgroup_listing_folder(const struct cgroup *c);

/* An empty one; its folders `path` in each of the host's hierarchies, nothing touched on the host. */
int cgroup_new(enum cgroup_driver driver, struct cgroup **out, struct error *err);
int cgroup_add_folders(struct cgroup *c, const char *path, struct error *err);
/* mkdir in all of them; what may not be made is dropped if rootless. Undoes itself. */
int cgroup_make_folders(struct cgroup *c, bool rootless, struct error *err);
void cgroup_remove_folders(struct cgroup *c);
/* Forgets them; on the host nothing changes. */
void cgroup_drop_folders(struct cgroup *c);
/* Controllers, limits, devices: what a new cgroup needs before anyone is in it. */
int cgroup_set_up(struct cgroup *c, const struct oci_resources *resources, bool rootless, struct error *err);

#endif
