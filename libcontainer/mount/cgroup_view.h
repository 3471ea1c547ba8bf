/* cgroup_view.h: mounts of type cgroup and cgroup2: the container's own cgroup at /sys/fs/cgroup. */
#ifndef MOUNT_CGROUP_VIEW_H
#define MOUNT_CGROUP_VIEW_H

#include "mount/attach.h"

/* On a v2 host a cgroup2 file system, or where that is not allowed a bind of the container's cgroup. On a v1
 * or hybrid host a tmpfs with a directory for each of r->hierarchies, and links for controllers that share
 * one ("cpu" -> "cpu,cpuacct"). */
int cgroup_view_mount(struct root *r, const struct oci_mount *m, const struct mount_words *w,
		      const struct place *at, struct error *err);

/* An empty directory that nobody can write to, where the host's cgroups would show (CVE-2023-25809). */
int cgroup_view_hide(struct root *r, const struct place *at, struct error *err);

#endif
