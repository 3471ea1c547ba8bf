/* dev.c: see dev.h; devices, links and the terminal of root.h. */
#include "mount/dev.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/table.h"
#include "mount/attach.h"

#ifndef DEVPTS_SUPER_MAGIC
#define DEVPTS_SUPER_MAGIC 0x1cd1
#endif

enum { NODE = O_PATH | O_NOFOLLOW | O_CLOEXEC };

struct node {
	const char *path; /* in the container, and on the host where it has to be bound from there */
	mode_t mode;	  /* type and permissions */
	dev_t device;
	uid_t uid;
	gid_t gid;
	bool replace; /* what else is there gives way */
};

int dev_open(const struct root *r, bool make, struct error *err)
{
	int fd = openat(r->fd, "dev", NODE | O_DIRECTORY);

	if (fd < 0 && errno == ENOENT && make && mkdirat(r->fd, "dev", 0755) == 0)
		fd = openat(r->fd, "dev", NODE | O_DIRECTORY);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return error_set(
		    err, -ENOTDIR,
		    "/dev in the root file system is a link or a file where a directory must be");
	return fd < 0 ? error_errno(err, "open the container's /dev") : fd;
}

static bool is_node(const struct stat *st, mode_t mode, dev_t device)
{
	if ((st->st_mode & S_IFMT) != (mode & S_IFMT))
		return false;
	return S_ISFIFO(mode) || st->st_rdev == device;
}

int dev_open_null(const struct root *r, struct error *err)
{
	auto_close int dev = dev_open(r, false, err), fd = -EBADF;
	struct stat st;

	if (dev < 0)
		return dev;
	fd = openat(dev, "null", NODE);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, "open the container's /dev/null");
	if (!is_node(&st, S_IFCHR, makedev(1, 3)))
		return error_set(err, -ENODEV, "the container's /dev/null is no null device");
	return TAKE_FD(fd);
}

/* By the descriptor of what was made, checked: on a volume that others write to, the name may be another
 * file's by now. */
static int give_owner(int dir, const char *name, const struct node *n, struct error *err)
{
	auto_close int fd = -EBADF;
	struct stat st;

	if (!n->uid && !n->gid)
		return 0;
	fd = openat(dir, name, NODE);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, "open the new node");
	if (!is_node(&st, n->mode, n->device))
		return error_set(err, -ESTALE, "the new node was exchanged");
	return fchownat(fd, "", n->uid, n->gid, AT_EMPTY_PATH) < 0 ? error_errno(err, "chown") : 0;
}

/* 1: the device is there already. 0: the place is free, or is a file on which can be mounted if `for_mount`.
 */
static int clear_place(int dir, const char *name, const struct node *n, bool for_mount, struct error *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_errno(err, "stat");
	if (is_node(&st, n->mode, n->device))
		return 1;
	/* An earlier run in a user namespace has left the file behind that it mounted on. */
	if (for_mount && S_ISREG(st.st_mode) && (n->replace || !st.st_size))
		return 0;
	if (!n->replace)
		return error_set(err, -EEXIST, "something else exists there");
	if (unlinkat(dir, name, 0) < 0)
		return error_errno(err, "something else exists there and cannot be removed");
	return 0;
}

static int bind_node(struct root *r, int dir, const char *name, const struct node *n, struct error *err)
{
	auto_close int source = open(n->path, O_PATH | O_CLOEXEC), fd = -EBADF;
	struct piece p = {.kind = PIECE_BIND, .fd = source};
	struct place at = {.root = dir, .path = name};
	struct stat st;
	int ret = clear_place(dir, name, n, true, err);

	if (ret)
		return ret < 0 ? ret : 0;
	if (source < 0 || fstat(source, &st) < 0)
		return error_errno(err, "open the host's %s", n->path);
	if (!is_node(&st, n->mode, n->device))
		return error_set(err, -ENODEV, "the host's %s is another device", n->path);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 && errno != EEXIST)
		return error_errno(err, "make a file to mount on");
	if (fd >= 0)
		close(fd);
	at.fd = fd = openat(dir, name, NODE);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, "open the file to mount on");
	if (!S_ISREG(st.st_mode))
		return error_set(err, -ESTALE, "the file to mount on was exchanged");
	return attach_piece(r, &p, &at, NULL, err);
}

static int make_node(struct root *r, int dir, const char *name, const struct node *n, struct error *err)
{
	bool bind = r->user_namespace && !S_ISFIFO(n->mode);
	int ret;

	if (!bind && mknodat(dir, name, n->mode, n->device) == 0)
		return give_owner(dir, name, n, err);
	if (bind || errno == EPERM)
		return bind_node(r, dir, name, n, err);
	if (errno != EEXIST)
		return error_errno(err, "mknod");
	ret = clear_place(dir, name, n, false, err);
	if (ret)
		return ret < 0 ? ret : 0;
	return mknodat(dir, name, n->mode, n->device) < 0 ? error_errno(err, "mknod")
							  : give_owner(dir, name, n, err);
}

static int make_defaults(struct root *r, int dev, struct error *err)
{
	static const struct {
		const char *path;
		unsigned major, minor;
	} defaults[] = {
		/* clang-format off */
		{ "/dev/null",    1, 3 },
		{ "/dev/zero",    1, 5 },
		{ "/dev/full",    1, 7 },
		{ "/dev/random",  1, 8 },
		{ "/dev/urandom", 1, 9 },
		{ "/dev/tty",     5, 0 },
		/* clang-format on */
	};

	for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
		struct node n = {
		    .path = defaults[i].path,
		    .mode = S_IFCHR | 0666,
		    .device = makedev(defaults[i].major, defaults[i].minor),
		    .replace = true,
		};
		int ret = make_node(r, dev, n.path + strlen("/dev/"), &n, err);

		if (ret < 0)
			return error_wrap(err, "device %s", n.path), ret;
	}
	return 0;
}

static int make_configured(struct root *r, const struct oci_device *d, struct error *err)
{
	auto_free char *name = NULL;
	auto_close int dir = -EBADF;
	mode_t type = !strcmp(d->type, "b") ? S_IFBLK : !strcmp(d->type, "p") ? S_IFIFO : S_IFCHR;
	struct node n = {
	    .path = d->path,
	    .mode = type | (d->file_mode.set ? (mode_t)d->file_mode.v & 07777 : 0666),
	    .device = makedev((unsigned)d->major.v, (unsigned)d->minor.v),
	    .uid = d->uid.set ? (uid_t)d->uid.v : 0,
	    .gid = d->gid.set ? (gid_t)d->gid.v : 0,
	};

	if (*d->path != '/')
		return error_set(err, -EINVAL, "the path must be absolute");
	dir = path_open_parent(r->fd, d->path, true, &name, err);
	return dir < 0 ? dir : make_node(r, dir, name, &n, err);
}

static int make_all_configured(struct root *r, struct error *err)
{
	const struct oci_device_list *list = &r->config->linux_->devices;

	for (size_t i = 0; i < list->n; i++) {
		int ret;

		/* A directory of somebody else's, mostly the host's /dev, has its devices. */
		if (r->own.bound_dev && str_starts(list->v[i].path, "/dev/"))
			continue;
		ret = make_configured(r, &list->v[i], err);
		if (ret < 0)
			return error_wrap(err, "linux.devices[%zu] (%s)", i, list->v[i].path), ret;
	}
	return 0;
}

static int link_to(int dev, const char *target, const char *name, bool replace, struct error *err)
{
	char was[PATH_MAX];
	ssize_t n;

	if (symlinkat(target, dev, name) == 0 || (errno == EEXIST && !replace))
		return 0;
	if (errno != EEXIST)
		return error_errno(err, "link /dev/%s to %s", name, target);
	n = readlinkat(dev, name, was, sizeof(was));
	if (n == (ssize_t)strlen(target) && !memcmp(was, target, (size_t)n))
		return 0;
	if (unlinkat(dev, name, 0) < 0 || symlinkat(target, dev, name) < 0)
		return error_errno(err, "replace /dev/%s by a link to %s", name, target);
	return 0;
}

static int make_links(int dev, struct error *err)
{
	static const char *const links[][2] = {
		/* clang-format off */
		{ "/proc/self/fd",   "fd" },
		{ "/proc/self/fd/0", "stdin" },
		{ "/proc/self/fd/1", "stdout" },
		{ "/proc/self/fd/2", "stderr" },
		{ "/proc/kcore",     "core" },
		/* clang-format on */
	};
	auto_close int pts = openat(dev, "pts", NODE | O_DIRECTORY);

	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		int ret = link_to(dev, links[i][0], links[i][1], false, err);

		if (ret < 0)
			return ret;
	}
	return pts >= 0 && fd_is_on(pts, DEVPTS_SUPER_MAGIC) ? link_to(dev, "pts/ptmx", "ptmx", true, err)
							     : 0;
}

static int make_devices(struct root *r, struct error *err)
{
	auto_close int dev = -EBADF;
	int ret = 0;

	if (!r->own.bound_dev) {
		dev = dev_open(r, true, err);
		if (dev < 0)
			return dev;
		ret = make_defaults(r, dev, err);
	}
	if (ret == 0 && r->config->linux_)
		ret = make_all_configured(r, err);
	if (ret == 0 && dev >= 0)
		ret = make_links(dev, err);
	return ret;
}

int root_make_devices(struct root *r, struct error *err)
{
	/* The modes of nodes are exact at once, and are not to be changed by a name afterwards. */
	mode_t old = umask(0);
	int ret = make_devices(r, err);

	umask(old);
	return ret;
}

int root_open_ptmx(struct root *r, struct error *err)
{
	auto_close int dev = dev_open(r, false, err), pts = -EBADF, fd = -EBADF;
	struct stat st;

	if (dev < 0)
		return dev;
	pts = openat(dev, "pts", NODE | O_DIRECTORY);
	if (pts < 0)
		return error_errno(err, "open the container's /dev/pts");
	/* Checked first: whatever lies in a devpts is harmless to open. */
	if (!fd_is_on(pts, DEVPTS_SUPER_MAGIC))
		return error_set(err, -ENODEV,
				 "the container's /dev/pts is no devpts file system, a terminal needs one");
	fd = openat(pts, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, "open the container's /dev/pts/ptmx");
	if (!is_node(&st, S_IFCHR, makedev(5, 2)) || !fd_is_on(fd, DEVPTS_SUPER_MAGIC))
		return error_set(err, -ENODEV,
				 "the container's /dev/pts/ptmx is no pseudo terminal multiplexer");
	return TAKE_FD(fd);
}

/* O_PATH of a file on which can be mounted: what is there, but never what a link there leads to. */
static int open_console(int dev, struct error *err)
{
	for (int tries = 0; tries < 2; tries++) {
		auto_close int fd =
		    openat(dev, "console", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		struct stat st;

		if (fd < 0 && errno != EEXIST && errno != EROFS)
			return error_errno(err, "make /dev/console");
		if (fd >= 0)
			close(fd);
		fd = openat(dev, "console", NODE);
		if (fd < 0 || fstat(fd, &st) < 0)
			return error_errno(err, "open /dev/console");
		if (S_ISREG(st.st_mode) || S_ISCHR(st.st_mode))
			return TAKE_FD(fd);
		if (S_ISDIR(st.st_mode))
			return error_set(err, -EISDIR, "/dev/console in the root file system is a directory");
		if (unlinkat(dev, "console", 0) < 0)
			return error_errno(err, "replace the link at /dev/console");
	}
	return error_set(err, -ESTALE, "/dev/console is exchanged again and again");
}

int root_bind_console(struct root *r, int slave, struct error *err)
{
	auto_close int dev = dev_open(r, false, err), fd = -EBADF;
	struct piece p = {.kind = PIECE_BIND, .fd = slave};
	struct place at = {.path = "console"};
	struct stat st;
	int ret;

	if (dev < 0)
		return dev;
	/* 136 to 143: the majors of pseudo terminals. */
	if (fstat(slave, &st) < 0 || !S_ISCHR(st.st_mode) || major(st.st_rdev) < 136 ||
	    major(st.st_rdev) > 143 || !fd_is_on(slave, DEVPTS_SUPER_MAGIC))
		return error_set(err, -ENODEV, "/dev/console: the terminal is none of a devpts file system");
	at.root = dev;
	at.fd = fd = open_console(dev, err);
	if (fd < 0)
		return fd;
	ret = attach_piece(r, &p, &at, NULL, err);
	if (ret < 0)
		error_wrap(err, "mount the terminal on /dev/console");
	return ret;
}
