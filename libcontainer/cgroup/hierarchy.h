/* hierarchy.h: which cgroup hierarchies this host has, and where: one on v2, up to a dozen on hybrid and v1
 * hosts. */
#ifndef CGROUP_HIERARCHY_H
#define CGROUP_HIERARCHY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "cgroup/cgroup.h"

struct hierarchy {
	char *controllers; /* "memory", "cpu,cpuacct", "name=systemd"; "" for v2, whose controllers are asked
			      folder by folder */
	char *mount;	   /* the mount point */
	char *root; /* which folder of the hierarchy is mounted there: "/" but for bind mounts of a part */
	bool v2;
};

struct hierarchies {
	struct hierarchy *v;
	size_t n;
	enum cgroup_layout layout;
};

/* The host's, found on the first call. A lone v2 mount at /sys/fs/cgroup is known from one statfs(2);
 * everything else is read from /proc/self/mountinfo. Lives as long as the process. */
int hierarchies_host(const struct hierarchies **out, struct error *err);

/* The same out of the text of a mountinfo file (proc_pid_mountinfo(5)). To be given to hierarchies_free(). */
int hierarchies_parse(const char *mountinfo, struct hierarchies *out, struct error *err);
void hierarchies_free(struct hierarchies *h);

/* From the text of a /proc/PID/cgroup file: the process's folder in the hierarchy, as seen below the mount
 * point. malloc()ed. -ENOENT where the hierarchy has no line or the folder lies outside the mounted part. */
int hierarchy_path_of(const struct hierarchy *h, const char *proc_cgroup, char **out, struct error *err);

/* Does the comma list name this controller? */
bool controllers_include(const char *list, const char *controller);

#endif
