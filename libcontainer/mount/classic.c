/* classic.c: see classic.h. */
#include "mount/classic.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/table.h"
#include "mount/context.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef ST_NOSYMFOLLOW
#define ST_NOSYMFOLLOW 0x2000
#endif

/* The same attribute in the tongues of mount_setattr(2), mount(2) and statfs(2). */
static const struct {
	uint64_t attribute;
	unsigned long flag, statfs;
} attributes[] = {
	/* clang-format off */
	{ MOUNT_ATTR_RDONLY,      MS_RDONLY,      ST_RDONLY },
	{ MOUNT_ATTR_NOSUID,      MS_NOSUID,      ST_NOSUID },
	{ MOUNT_ATTR_NODEV,       MS_NODEV,       ST_NODEV },
	{ MOUNT_ATTR_NOEXEC,      MS_NOEXEC,      ST_NOEXEC },
	{ MOUNT_ATTR_NODIRATIME,  MS_NODIRATIME,  ST_NODIRATIME },
	{ MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW, ST_NOSYMFOLLOW },
	/* clang-format on */
};

static unsigned long atime_flag(uint64_t a)
{
	switch (a & MOUNT_ATTR__ATIME) {
	case MOUNT_ATTR_NOATIME:
		return MS_NOATIME;
	case MOUNT_ATTR_STRICTATIME:
		return MS_STRICTATIME;
	default:
		return MS_RELATIME;
	}
}

static unsigned long to_flags(uint64_t a)
{
	unsigned long flags = atime_flag(a);

	for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
		if (a & attributes[i].attribute)
			flags |= attributes[i].flag;
	return flags;
}

static uint64_t from_statfs(unsigned long f)
{
	uint64_t a = f & ST_NOATIME    ? MOUNT_ATTR_NOATIME
		     : f & ST_RELATIME ? MOUNT_ATTR_RELATIME
				       : MOUNT_ATTR_STRICTATIME;

	for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
		if (f & attributes[i].statfs)
			a |= attributes[i].attribute;
	return a;
}

static int open_fds(struct root *r, struct error *err)
{
	if (r->own.has_fds)
		return 0;
	if (r->own.pivoted)
		return error_set(err, -ENOSYS, "mount: the kernel lacks the calls for it");
	r->own.fds = open("/proc/thread-self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r->own.fds < 0)
		return error_errno(err, "open /proc/thread-self/fd");
	if (!fd_is_on(r->own.fds, PROC_SUPER_MAGIC)) {
		close(r->own.fds);
		return error_set(err, -EXDEV, "/proc is no procfs");
	}
	r->own.has_fds = true;
	return 0;
}

/* mount(2) between descriptors: `from` (or, -EBADF, the text `source`) onto `to`. 0 or -errno; err only where
 * we came not so far. */
static int mount_fds(struct root *r, int from, const char *source, int to, const char *type,
		     unsigned long flags, const char *data, struct error *err)
{
	auto_close int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char from_name[16], to_name[16];
	int ret = open_fds(r, err);

	if (ret < 0)
		return ret;
	snprintf(from_name, sizeof(from_name), "%d", from);
	snprintf(to_name, sizeof(to_name), "%d", to);
	if (here < 0 || fchdir(r->own.fds) < 0)
		return error_errno(err, "enter /proc/thread-self/fd");
	ret = mount(from >= 0 ? from_name : source, to_name, type, flags, data) < 0 ? -errno : 0;
	if (fchdir(here) < 0 && ret == 0)
		ret = -errno;
	return ret < 0 ? error_set(err, ret, "mount: %s", strerror(-ret)) : 0;
}

static int join_data(const char *const *data, size_t n, struct text *out, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			text_add(out, ",");
		/* Only the label of a file system has commas in it, and may come unquoted. */
		if (strchr(data[i], ',') && !strchr(data[i], '"') && strchr(data[i], '=')) {
			size_t key = strcspn(data[i], "=");

			text_addf(out, "%.*s=\"%s\"", (int)key, data[i], data[i] + key + 1);
		} else {
			text_add(out, data[i]);
		}
	}
	return out->failed ? error_set(err, -ENOMEM, "out of memory") : 0;
}

static int change_attributes(struct root *r, int fd, const struct attributes *a, struct error *err)
{
	struct error why = ERROR_NONE;
	struct statfs fs;
	uint64_t old, new;
	int ret;

	if (fstatfs(fd, &fs) < 0)
		return error_errno(err, "statfs");
	old = from_statfs((unsigned long)fs.f_flags);
	new = (old & ~a->clear) | a->set;
	if (new == old)
		return 0;
	ret = mount_fds(r, -EBADF, NULL, fd, NULL, MS_REMOUNT | MS_BIND | to_flags(new), NULL, &why);
	/* Locked by a user namespace; see set_attributes() in attach.c. */
	if (ret == -EPERM && (new ^ old) & MOUNT_ATTR__ATIME) {
		new = (new & ~(uint64_t)MOUNT_ATTR__ATIME) | (old & MOUNT_ATTR__ATIME);
		ret = mount_fds(r, -EBADF, NULL, fd, NULL, MS_REMOUNT | MS_BIND | to_flags(new), NULL, &why);
	}
	if (ret < 0 && err)
		*err = why;
	return ret;
}

int classic_change(struct root *r, int fd, const struct piece *p, const struct attributes *one,
		   struct error *err)
{
	struct attributes a = *one;
	int ret;

	if (p->idmap)
		return error_set(err, -ENOSYS, "an idmapped mount needs mount_setattr(2), Linux 5.12");
	if (p->tree.set || p->tree.clear) {
		if (!p->top_will_do)
			return error_set(err, -ENOSYS,
					 "the recursive options need mount_setattr(2), Linux 5.12");
		a.set |= p->tree.set;
	}
	ret = change_attributes(r, fd, &a, err);
	for (int i = 0; ret == 0 && i < PROPAGATIONS_MAX && p->propagation[i].type; i++)
		ret =
		    mount_fds(r, -EBADF, NULL, fd, NULL,
			      p->propagation[i].type | (p->propagation[i].recursive ? MS_REC : 0), NULL, err);
	return ret;
}

/* What hangs at the place now, if it is what we mounted: somebody who shares a volume with us may have
 * renamed a directory meanwhile. */
static int reopen(const struct piece *p, const struct place *at, struct error *err)
{
	auto_close int fd = at->root == AT_FDCWD ? open(at->path, O_PATH | O_CLOEXEC)
						 : path_open_beneath(at->root, at->path, O_PATH, err);
	struct stat new, was;
	bool same;

	if (fd < 0)
		return at->root == AT_FDCWD ? error_errno(err, "open %s", at->path) : fd;
	if (fstat(fd, &new) < 0 || fstat(p->kind == PIECE_NEW ? at->fd : p->fd, &was) < 0)
		return error_errno(err, "stat");
	same = new.st_dev == was.st_dev && new.st_ino == was.st_ino;
	if (same != (p->kind == PIECE_BIND))
		return error_set(err, -ESTALE, "the place was moved away while it was mounted upon");
	return TAKE_FD(fd);
}

static int mount_new(struct root *r, const struct piece *p, const struct place *at, struct error *err)
{
	unsigned long flags =
	    (p->super & ~(unsigned long)MS_RDONLY) | to_flags(p->one.set & ~(uint64_t)MOUNT_ATTR_RDONLY);
	auto_text struct text data = {0};
	auto_free char *word = NULL;
	int ret = context_word(r, p, &word, err);

	if (ret == 0)
		ret = join_data(p->data, p->data_n, &data, err);
	if (ret == 0 && word) {
		text_add(&data, p->data_n ? "," : "");
		ret = join_data((const char *const[]){word}, 1, &data, err);
	}
	/* Here MS_RDONLY is the file system's and the mount's in one; only disks are to have the former. */
	if (p->super & MS_RDONLY)
		flags |= MS_RDONLY;
	return ret < 0 ? ret
		       : mount_fds(r, -EBADF, p->source ? p->source : "none", at->fd, p->type, flags, data.v,
				   err);
}

int classic_attach(struct root *r, const struct piece *p, const struct place *at, struct attributes *rest, struct error *err)
{
	auto_close int fd = -EBADF;
	int ret;

	if (p->kind == PIECE_TREE)
		return error_set(err, -ENOSYS, "attach a mount: the kernel lacks move_mount(2)");
	if (p->kind == PIECE_NEW)
		ret = mount_new(r, p, at, err);
	else
		ret = mount_fds(r, p->fd, NULL, at->fd, NULL, MS_BIND | (p->recursive ? MS_REC : 0), NULL, err);
	if (ret < 0)
		return ret;
	*rest = p->one;
	if (p->kind == PIECE_NEW) {
		rest->set &= MOUNT_ATTR_RDONLY;
		rest->clear = 0;
	}
	fd = reopen(p, at, err);
	if (fd < 0)
		return fd;
	if (p->kind == PIECE_NEW)
		ret = context_mark(r, p, fd, err);
	if (ret == 0 && p->fill)
		ret = p->fill(fd, at->fd, err);
	return ret < 0 ? ret : TAKE_FD(fd);
}

int classic_remount(struct root *r, int fd, unsigned long super, const char *const *data, size_t data_n,
		    struct error *err)
{
	auto_text struct text text = {0};
	int ret = join_data(data, data_n, &text, err);

	return ret < 0 ? ret : mount_fds(r, -EBADF, NULL, fd, NULL, MS_REMOUNT | super, text.v, err);
}

int classic_move(struct root *r, int fd, const char *to, struct error *err)
{
	auto_close int target = open(to, O_PATH | O_CLOEXEC);

	if (target < 0)
		return error_errno(err, "open %s", to);
	return mount_fds(r, fd, NULL, target, NULL, MS_MOVE, NULL, err);
}
