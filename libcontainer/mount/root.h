/* root.h: the container's root file system, from an inherited mount namespace to a sealed root.
 *
 * All but root_source_open() runs INSIDE: in the new mount namespace, before execve, in this order:
 *
 *   root_prepare     propagation of the inherited mounts, the rootfs as a mount of its own, r->fd
 *   root_mount_all   config.mounts in order, each through descriptors beneath r->fd
 *   root_make_devices  default devices and links, linux.devices, /dev/console is left to root_bind_console
 *   (hooks: createContainer runs here, in the caller)
 *   root_pivot       r->fd becomes "/"; the host's tree is gone. From here on plain paths are the container's
 *   root_seal        maskedPaths, readonlyPaths, rootfsPropagation, root.readonly
 *
 * Every path is resolved by base/path.h beneath r->fd; every mount is attached by descriptor.
 */
#ifndef MOUNT_ROOT_H
#define MOUNT_ROOT_H

#include <stdbool.h>

#include "oci-spec/config.h"

/* What the cgroup room tells about one hierarchy, for mounts of type "cgroup" (v1 and hybrid hosts). */
struct root_hierarchy {
	const char *name;    /* folder below /sys/fs/cgroup: "memory", "cpu,cpuacct", "systemd", "unified" */
	const char *options; /* v1 mount data: "memory", "none,name=systemd"; NULL: the v2 hierarchy */
	const char *host_path; /* the container's own cgroup in it, an absolute path on the host */
};

/* Zeroed by the caller, with fd and proc -EBADF, and filled in but for `own`. */
struct root {
	/* O_PATH: the top of the root, in the container's mount namespace; "/" after root_pivot(). */
	int fd;
	/* A trusted procfs of the container's pid namespace, for labels and sysctls: the one of
	 * config.mounts, held since before anybody could mount over a part of it; else see root_open_proc().
	 */
	int proc;
	const struct oci_config *config;
	const char *path; /* root.path, absolute */
	/* One a mount: what root_source_open() returned on the host's side, or -EBADF; NULL: none. */
	const int *sources;
	bool no_pivot; /* --no-pivot: MS_MOVE and chroot */
	/* In a user namespace that is not the host's: no mknod, mount flags are locked. */
	bool user_namespace;
	bool cgroup_namespace, cgroup_v2;
	const struct root_hierarchy *hierarchies; /* NULL-named entry ends it */
	bool in_guest; /* the host's labels mean nothing to this kernel */

	/* The room's own; zero at first. */
	struct {
		bool old_mounts;     /* open_tree(2) and its like are missing: attach.c */
		bool old_attributes; /* so is mount_setattr(2) */
		bool has_fds;
		int fds; /* if has_fds: /proc/thread-self/fd, to name descriptors to mount(2) */
		bool pivoted;
		const char *label; /* of what is mounted; NULL: none. See context.h */
		bool seal_dev; /* the tmpfs on /dev is to be read-only, once it is complete */
		/* config.mounts put somebody else's directory on /dev: no device is to be made in it. */
		bool bound_dev;
	} own;
};

/* INSIDE, in a new ipc and a new user namespace, before ns_become_root(): only then are we the owner of the message queues' file system,
 * which was made with the namespace. Gives it linux.mountLabel, where config mounts it. */
int root_label_queues(const struct oci_config *config, struct error *err);

int root_prepare(struct root *r, struct error *err);
int root_mount_all(struct root *r, struct error *err);
int root_make_devices(struct root *r, struct error *err);
int root_pivot(struct root *r, struct error *err);
int root_seal(struct root *r, struct error *err);

/* r->proc, and where config.mounts brought no procfs a detached one, made now: of our pid namespace, seen by
 * nobody else. After root_mount_all; closed with r->proc. */
int root_open_proc(struct root *r, struct error *err);

/* The devpts multiplexer of the container (after root_pivot), verified: on devpts, character device 5:2. For
 * console_open(). */
int root_open_ptmx(struct root *r, struct error *err);
/* Makes /dev/console lead to the terminal behind `slave`, without following a link at /dev/console. After
 * root_pivot, before root_seal. */
int root_bind_console(struct root *r, int slave, struct error *err);

/* HOST side, with the host's rights, before the clone: opens the source of a bind mount (or an idmapped
 * mount) as a detached mount. The descriptor; -EBADF where this mount needs none (no bind). Used where the
 * container gets a user namespace of its own. userns_fd: the container's user namespace for bare
 * idmap/ridmap, or -EBADF. place: "mounts[3]", for the error. */
int root_source_open(const struct oci_mount *m, const char *bundle, int userns_fd, const char *place,
		     struct error *err);

/* HOST side: the user namespace to give to root_source_open() for mounts with the word idmap or ridmap and no
 * mappings of their own: the one behind the path in config, or (the container's does not exist yet) one with
 * the same mappings. -EBADF where no mount asks for it. */
int root_open_mappings(const struct oci_config *config, struct error *err);

/* The words of mounts[].options that are known, NULL-terminated, for `features`. */
const char *const *mount_option_names(void);

/* Checks the form of mounts[i] without touching the system: options that exclude each other, mappings that
 * lack their partner. */
int mount_check(const struct oci_mount *m, const char *place, struct error *err);

#endif
