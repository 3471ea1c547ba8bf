/* root.c: see root.h. */
#include "mount/root.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/path.h"
#include "base/sys.h"
#include "mount/attach.h"
#include "mount/context.h"
#include "mount/dev.h"
#include "mount/host_mounts.h"
#include "mount/mask.h"
#include "mount/mount.h"

static const struct attributes NO_ATTRIBUTES;

static int propagation(const struct root *r)
{
	return r->config->linux_ && r->config->linux_->rootfs_propagation >= 0
		   ? r->config->linux_->rootfs_propagation
		   : OCI_PRIVATE;
}

static int spread(struct root *r, int fd, unsigned long type, bool recursive, struct error *err)
{
	const struct propagation list[PROPAGATIONS_MAX] = {
	    {type, recursive}
	     };

	return attach_change(r, fd, &NO_ATTRIBUTES, NULL, list, err);
}

/* pivot_root(2) refuses a new root whose parent mount is shared: the mount that `fd` lies on becomes private.
 * It can only be changed at its top, which is the first directory upwards where the kernel takes the change.
 */
static int make_parent_private(struct root *r, int fd, struct error *err)
{
	auto_close int at = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat here, up;

	for (;;) {
		struct error why = ERROR_NONE;
		int next, ret;

		if (at < 0 || fstat(at, &here) < 0)
			return error_errno(err, "find the mount of the root file system");
		ret = spread(r, at, MS_PRIVATE, false, &why);
		if (ret != -EINVAL) {
			if (ret < 0 && err)
				*err = why;
			return ret;
		}
		next = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = next;
		if (at >= 0 && fstat(at, &up) == 0 && up.st_dev == here.st_dev && up.st_ino == here.st_ino)
			return error_set(err, -EINVAL,
					 "find the mount of the root file system: there is none");
	}
}

static int spread_inherited(struct root *r, int rootfs, struct error *err)
{
	auto_close int top = -EBADF;

	/* The host's mounts stay what they are, so that what is mounted on a shared volume is seen by both
	 * sides. */
	if (propagation(r) == OCI_SHARED)
		return make_parent_private(r, rootfs, err);
	top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return error_errno(err, "open /");
	return spread(r, top, propagation(r) == OCI_SLAVE ? MS_SLAVE : MS_PRIVATE, true, err);
}

int root_prepare(struct root *r, struct error *err)
{
	auto_close int fd = open(r->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct piece p = {.kind = PIECE_BIND, .fd = fd, .recursive = true};
	struct place at = {.fd = fd, .root = AT_FDCWD, .path = r->path};
	int ret, top = -EBADF;

	if (fd < 0)
		return error_errno(err, "open the root file system %s", r->path);
	/* Before anything else: until then what we mount shows on the host. */
	ret = context_prepare(r, err);
	if (ret < 0)
		return ret;
	ret = spread_inherited(r, fd, err);
	if (ret < 0)
		return error_wrap(err, "propagation of the inherited mounts"), ret;
	/* A mount of its own, even where it is one already: pivot_root(2) wants an unlocked mount point, and
	 * what was inherited by a user namespace is locked. */
	ret = attach_piece(r, &p, &at, &top, err);
	if (ret < 0)
		return error_wrap(err, "mount the root file system %s", r->path), ret;
	r->fd = top;
	return 0;
}

int root_mount_all(struct root *r, struct error *err)
{
	for (size_t i = 0; i < r->config->mounts.n; i++) {
		int ret = mount_entry(r, i, err);

		if (ret < 0)
			return ret;
	}
	return 0;
}

/* Without pivot_root(2), on a host that runs from its initramfs: the old tree stays below the new one, out of
 * reach. */
static int move_and_chroot(struct root *r, struct error *err)
{
	int ret = host_mounts_hide(r, err);

	if (ret == 0)
		ret = attach_move(r, r->fd, "/", err);
	if (ret < 0)
		return ret;
	if (fchdir(r->fd) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return error_errno(err, "chroot");
	return 0;
}

/* The old root ends up on top of the new one at "/", so that no directory is needed to put it in, and ".",
 * looked up as a mount point, leads to it. */
static int pivot(struct root *r, struct error *err)
{
	auto_close int old = -EBADF;
	int ret;

	if (propagation(r) == OCI_SHARED) {
		old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (old < 0)
			return error_errno(err, "open /");
	}
	if (fchdir(r->fd) < 0)
		return error_errno(err, "enter the root");
	if (sys_pivot_root(".", ".") < 0)
		return error_errno(err, "pivot_root");
	/* Else the host would lose its mounts with us. */
	if (old >= 0) {
		ret = spread(r, old, MS_SLAVE, true, err);
		if (ret < 0)
			return error_wrap(err, "make the old root a slave"), ret;
	}
	if (umount2(".", MNT_DETACH) < 0)
		return error_errno(err, "unmount the old root");
	return chdir("/") < 0 ? error_errno(err, "enter the root") : 0;
}

int root_pivot(struct root *r, struct error *err)
{
	int ret = r->no_pivot ? move_and_chroot(r, err) : pivot(r, err);

	if (ret < 0)
		return ret;
	r->own.pivoted = true;
	return 0;
}

int root_open_proc(struct root *r, struct error *err)
{
	auto_close int fs = -EBADF;
	int fd;

	if (r->proc >= 0)
		return r->proc;
	fs = sys_fsopen("proc", FSOPEN_CLOEXEC);
	if (fs < 0 || sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return error_errno(err, "make a procfs: the container has none, and");
	fd = sys_fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (fd < 0)
		return error_errno(err, "mount a procfs: the container has none, and");
	r->proc = fd;
	return fd;
}

static int seal_dev(struct root *r, struct error *err)
{
	static const struct attributes read_only = {.set = MOUNT_ATTR_RDONLY};
	auto_close int dev = dev_open(r, false, err);
	int ret = dev < 0 ? dev : attach_change(r, dev, &read_only, NULL, NULL, err);

	return ret < 0 ? (error_wrap(err, "make /dev read-only"), ret) : 0;
}

/* The root itself, last: it has to take whatever the steps before had to make in it. */
static int seal_top(struct root *r, struct error *err)
{
	struct attributes a = {.set = r->config->root && r->config->root->readonly ? MOUNT_ATTR_RDONLY : 0};
	struct propagation list[PROPAGATIONS_MAX] = {{0}};
	int ret;

	if (propagation(r) == OCI_SHARED)
		list[0].type = MS_SHARED;
	else if (propagation(r) == OCI_UNBINDABLE)
		list[0].type = MS_UNBINDABLE;
	if (!a.set && !list[0].type)
		return 0;
	ret = attach_change(r, r->fd, &a, NULL, list, err);
	return ret < 0 ? (error_wrap(err, "make the root read-only"), ret) : 0;
}

int root_seal(struct root *r, struct error *err)
{
	int ret = mask_apply(r, err);

	if (ret == 0 && r->own.seal_dev)
		ret = seal_dev(r, err);
	return ret < 0 ? ret : seal_top(r, err);
}
