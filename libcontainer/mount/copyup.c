/* copyup.c: see copyup.h. */
#include "mount/copyup.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"

enum { DEPTH_MAX = 128, CHUNK = 1 << 16, XATTR_MAX = 1 << 16 };

static int copy_directory(int from, int to, dev_t device, int depth, struct error *err);

static void set_times(int dir, const char *name, const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};

	(void)utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
}

/* What the file system does not take, or we may not set (security.* in a user namespace), is left out, as cp
 * -a does. */
static int copy_xattrs(int from, int to, struct error *err)
{
	auto_free char *names = malloc(XATTR_MAX), *value = malloc(XATTR_MAX);
	ssize_t size;

	if (!names || !value)
		return error_set(err, -ENOMEM, "out of memory");
	size = flistxattr(from, names, XATTR_MAX);
	for (char *name = names; size > 0 && name < names + size; name += strlen(name) + 1) {
		ssize_t n = fgetxattr(from, name, value, XATTR_MAX);

		if (n >= 0 && fsetxattr(to, name, value, (size_t)n, 0) < 0 && errno != EOPNOTSUPP &&
		    errno != EPERM && errno != EACCES)
			return error_errno(err, "copy the attribute %s", name);
	}
	return 0;
}

/* The owner first: chown takes the set-user-ID bits away. */
static int copy_inode(int from, int to, const struct stat *st, struct error *err)
{
	if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return error_errno(err, "copy owner and mode");
	return copy_xattrs(from, to, err);
}

static int copy_data(int from, int to, struct error *err)
{
	auto_free char *buffer = malloc(CHUNK);
	ssize_t n;

	if (!buffer)
		return error_set(err, -ENOMEM, "out of memory");
	while ((n = read(from, buffer, CHUNK)) != 0) {
		int ret = n < 0 ? (errno == EINTR ? 0 : error_errno(err, "read"))
				: fd_write_all(to, buffer, (size_t)n, err);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int copy_file(int from, int to, const char *name, const struct stat *st, struct error *err)
{
	auto_close int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC),
		       out = -EBADF;
	struct stat now;
	int ret;

	if (in < 0 || fstat(in, &now) < 0)
		return error_errno(err, "open");
	if (!S_ISREG(now.st_mode) || now.st_ino != st->st_ino)
		return error_set(err, -ESTALE, "it was exchanged meanwhile");
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return error_errno(err, "create");
	ret = copy_data(in, out, err);
	if (ret == 0)
		ret = copy_inode(in, out, &now, err);
	if (ret == 0)
		set_times(to, name, &now);
	return ret;
}

static int copy_link(int from, int to, const char *name, const struct stat *st, struct error *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return error_errno(err, "read the link");
	target[n] = '\0';
	if (symlinkat(target, to, name) < 0 ||
	    fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_errno(err, "make the link");
	set_times(to, name, st);
	return 0;
}

/* Devices, fifos, sockets. A device that we may not make would not be usable either. */
static int copy_node(int to, const char *name, const struct stat *st, struct error *err)
{
	if (mknodat(to, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) < 0)
		return errno == EPERM ? 0 : error_errno(err, "make the node");
	/* Nobody else sees this tmpfs yet: the name is still what was made. */
	if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(to, name, st->st_mode & 07777, 0) < 0)
		return error_errno(err, "copy owner and mode");
	set_times(to, name, st);
	return 0;
}

static int copy_subdirectory(int from, int to, const char *name, dev_t device, int depth, struct error *err)
{
	auto_close int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), out = -EBADF;
	struct stat st;
	int ret = 0;

	if (in < 0 || fstat(in, &st) < 0)
		return error_errno(err, "open");
	if (depth >= DEPTH_MAX)
		return error_set(err, -ELOOP, "deeper than %d directories", DEPTH_MAX);
	if (mkdirat(to, name, 0700) < 0)
		return error_errno(err, "make the directory");
	out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return error_errno(err, "open the copy");
	/* A mount inside is no content of the image. */
	if (st.st_dev == device)
		ret = copy_directory(in, out, device, depth + 1, err);
	if (ret == 0)
		ret = copy_inode(in, out, &st, err);
	if (ret == 0)
		set_times(to, name, &st);
	return ret;
}

static int copy_entry(int from, int to, const char *name, dev_t device, int depth, struct error *err)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_errno(err, "stat");
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		return copy_subdirectory(from, to, name, device, depth, err);
	case S_IFREG:
		return copy_file(from, to, name, &st, err);
	case S_IFLNK:
		return copy_link(from, to, name, &st, err);
	default:
		return copy_node(to, name, &st, err);
	}
}

static int copy_directory(int from, int to, dev_t device, int depth, struct error *err)
{
	int ret = 0, copy = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *d;

	if (!dir) {
		ret = error_errno(err, "read the directory");
		if (copy >= 0)
			close(copy);
		return ret;
	}
	for (errno = 0; ret == 0 && (d = readdir(dir)); errno = 0) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		ret = copy_entry(from, to, d->d_name, device, depth, err);
		if (ret < 0)
			error_wrap(err, "%s", d->d_name);
	}
	if (ret == 0 && errno)
		ret = error_errno(err, "read the directory");
	closedir(dir);
	return ret;
}

int copyup_fill(int top, int below, struct error *err)
{
	struct stat st;
	int ret;

	if (fstat(below, &st) < 0)
		return error_errno(err, "copy up: stat");
	ret = copy_directory(below, top, st.st_dev, 0, err);
	if (ret < 0)
		error_wrap(err, "copy up");
	return ret;
}
