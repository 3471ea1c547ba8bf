/* procfs.c: see procfs.h. */
#include "process/procfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"

/* Being on procfs is not enough: another file of procfs may be mounted there (self/sched, which swallows
 * every write; or sysrq-trigger). Kernels before 5.8 tell no mount id; there the device number at least tells
 * one procfs from another. */
static bool same_mount(int a, int b)
{
	struct statx x = {0}, y = {0};

	if (statx(a, "", AT_EMPTY_PATH, STATX_MNT_ID, &x) < 0 ||
	    statx(b, "", AT_EMPTY_PATH, STATX_MNT_ID, &y) < 0)
		return false;
	if (x.stx_dev_major != y.stx_dev_major || x.stx_dev_minor != y.stx_dev_minor)
		return false;
	if (!(x.stx_mask & y.stx_mask & STATX_MNT_ID))
		return true;
	return x.stx_mnt_id == y.stx_mnt_id;
}

int procfs_open(int proc, const char *path, int flags, struct error *err)
{
	auto_close int fd = path_open_beneath(proc, path, flags | O_NOFOLLOW, err);

	if (fd < 0)
		return fd;
	if (!fd_is_on(fd, PROC_SUPER_MAGIC) || !same_mount(proc, fd))
		return error_set(err, -EXDEV, "/proc/%s: something is mounted over it", path);
	return TAKE_FD(fd);
}

int procfs_write(int proc, const char *path, const char *text, struct error *err)
{
	auto_close int fd = procfs_open(proc, path, O_WRONLY, err);
	size_t n = strlen(text);

	if (fd < 0)
		return fd;
	ssize_t r = write(fd, text, n);
	if (r < 0)
		return error_errno(err, "write to /proc/%s", path);
	if ((size_t)r != n)
		return error_set(err, -EIO, "write to /proc/%s: only %zd of %zu bytes were taken", path, r,
				 n);
	return 0;
}
