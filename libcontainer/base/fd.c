/* fd.c: see fd.h. */
#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/str.h"
#include "base/sys.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

enum { READ_FIRST = 8192, PROC_ROOT_INO = 1, TEMP_TRIES = 100 };

/* st_size is not asked: it is 0 in proc and sysfs, and may grow anywhere else. */
int fd_read_all(int fd, size_t max, char **text, size_t *len, struct error *err)
{
	auto_free char *v = NULL;
	size_t n = 0, room = 0;

	if (max > SSIZE_MAX / 2)
		max = SSIZE_MAX / 2;
	for (;;) {
		ssize_t got;

		if (n + 1 >= room) {
			size_t more = room ? room * 2 : READ_FIRST;
			char *bigger;

			/* One byte for the NUL, one that tells whether there is more than max. */
			if (more > max + 2)
				more = max + 2;
			bigger = realloc(v, more);
			if (!bigger)
				return error_set(err, -ENOMEM, "out of memory for %zu bytes of a file", more);
			v = bigger;
			room = more;
		}
		got = read(fd, v + n, room - 1 - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(err, "read");
		if (got == 0)
			break;
		n += (size_t)got;
		if (n > max)
			return error_set(err, -EFBIG, "read: more than %zu bytes", max);
	}
	v[n] = '\0';
	*text = TAKE_PTR(v);
	if (len)
		*len = n;
	return 0;
}

int fd_write_all(int fd, const void *data, size_t len, struct error *err)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "write");
		if (n == 0)
			return error_set(err, -EIO, "write: nothing more was taken");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_read_at(int dir, const char *path, size_t max, char **text, size_t *len, struct error *err)
{
	auto_close int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int ret;

	if (fd < 0)
		return error_errno(err, "open %s", path);
	ret = fd_read_all(fd, max, text, len, err);
	if (ret < 0)
		error_wrap(err, "%s", path);
	return ret;
}

int file_write_at(int dir, const char *path, const char *text, struct error *err)
{
	auto_close int fd = openat(dir, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return error_errno(err, "open %s", path);
	do {
		n = write(fd, text, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(err, "write %.64s to %s", text, path);
	if ((size_t)n != len)
		return error_set(err, -EIO, "write to %s: only %zd of %zu bytes were taken", path, n, len);
	return 0;
}

/* Another process id namespace may know another process by our pid, or a killed one left its file: hence the
 * counter. */
static int open_temp(int dir, const char *name, char temp[NAME_MAX + 1], struct error *err)
{
	for (int i = 0; i < TEMP_TRIES; i++) {
		int fd, n = snprintf(temp, NAME_MAX + 1, ".%s.tmp-%d-%d", name, (int)getpid(), i);

		if (n > NAME_MAX)
			return error_set(err, -ENAMETOOLONG, "replace %s: no room for a temporary name",
					 name);
		fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			return error_errno(err, "create %s", temp);
	}
	return error_set(err, -EEXIST, "create %s: all temporary names are taken", temp);
}

int file_replace_at(int dir, const char *name, const char *text, size_t len, mode_t mode, struct error *err)
{
	char temp[NAME_MAX + 1];
	auto_close int fd = -EBADF;
	int ret;

	if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return error_set(err, -EINVAL, "replace '%s': not the name of a file", name);
	fd = open_temp(dir, name, temp, err);
	if (fd < 0)
		return fd;
	ret = fd_write_all(fd, text, len, err);
	if (ret < 0)
		error_wrap(err, "%s", temp);
	else if (fchmod(fd, mode) < 0) /* not by open(): the umask would take its share */
		ret = error_errno(err, "chmod %s", temp);
	else if (renameat(dir, temp, dir, name) < 0)
		ret = error_errno(err, "rename %s to %s", temp, name);
	if (ret < 0)
		unlinkat(dir, temp, 0);
	return ret;
}

/* The list of our descriptors, without close_range(2). We may stand in a container's file system already:
 * what is not the very root of a procfs is not believed. */
static DIR *open_fd_list(struct error *err)
{
	auto_close int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_close int list = -EBADF;
	struct statfs fs;
	struct stat st;
	DIR *d;

	if (proc < 0) {
		error_errno(err, "open /proc");
		return NULL;
	}
	if (fstatfs(proc, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC || fstat(proc, &st) < 0 ||
	    st.st_ino != PROC_ROOT_INO) {
		error_set(err, -ENOSYS, "list open descriptors: no close_range(2), and /proc is no procfs");
		return NULL;
	}
	list = openat(proc, "self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = list < 0 ? NULL : fdopendir(list);
	if (!d)
		error_errno(err, "open /proc/self/fd");
	else
		TAKE_FD(list);
	return d;
}

/* All are collected before the first is closed: a directory that shrinks while it is read loses entries. */
static int list_fds(int first, int **fds, size_t *n, struct error *err)
{
	auto_free int *v = NULL;
	size_t used = 0, room = 0;
	struct error why = ERROR_NONE;
	struct dirent *e;
	DIR *d = open_fd_list(&why);

	if (!d)
		return error_set(err, why.code, "%s", why.msg);
	while ((e = readdir(d))) {
		uint64_t fd;

		if (number_parse_u64(e->d_name, 0, INT_MAX, &fd) < 0 || (int)fd < first ||
		    (int)fd == dirfd(d))
			continue;
		if (used == room) {
			int *bigger = reallocarray(v, room ? room * 2 : 64, sizeof(*v));

			if (!bigger) {
				closedir(d);
				return error_set(err, -ENOMEM, "out of memory for a list of descriptors");
			}
			v = bigger;
			room = room ? room * 2 : 64;
		}
		v[used++] = (int)fd;
	}
	closedir(d);
	*fds = TAKE_PTR(v);
	*n = used;
	return 0;
}

int fd_cloexec_from(int first, struct error *err)
{
	auto_free int *fds = NULL;
	size_t n = 0;
	int ret;

	/* EINVAL: Linux 5.9 and 5.10 have the call but not the flag. */
	if (!sys_close_range((unsigned)first, ~0U, CLOSE_RANGE_CLOEXEC))
		return 0;
	if (!sys_missing(errno, true) && errno != EINVAL)
		return error_errno(err, "close_range");
	ret = list_fds(first, &fds, &n, err);
	for (size_t i = 0; ret == 0 && i < n; i++)
		if (fcntl(fds[i], F_SETFD, FD_CLOEXEC) < 0 && errno != EBADF)
			return error_errno(err, "mark descriptor %d close-on-exec", fds[i]);
	return ret;
}

static bool kept(int fd, const int *keep, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (keep[i] == fd)
			return true;
	return false;
}

static int close_listed(int first, const int *keep, size_t n, struct error *err)
{
	auto_free int *fds = NULL;
	size_t count = 0;
	int ret = list_fds(first, &fds, &count, err);

	for (size_t i = 0; ret == 0 && i < count; i++)
		if (!kept(fds[i], keep, n))
			close(fds[i]);
	return ret;
}

static int by_number(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int fd_close_from(int first, const int *keep, size_t n, struct error *err)
{
	auto_free int *sorted = NULL;
	int from = first;

	if (n) {
		sorted = reallocarray(NULL, n, sizeof(*sorted));
		if (!sorted)
			return error_set(err, -ENOMEM, "out of memory for a list of descriptors");
		memcpy(sorted, keep, n * sizeof(*sorted));
		qsort(sorted, n, sizeof(*sorted), by_number);
	}
	for (size_t i = 0; i <= n; i++) {
		unsigned last = i == n ? ~0U : (unsigned)sorted[i] - 1;

		if (i < n && sorted[i] < from) /* below first, twice in the list, or no descriptor at all */
			continue;
		if ((unsigned)from <= last && last + 1 != (unsigned)from &&
		    sys_close_range((unsigned)from, last, 0) < 0) {
			if (sys_missing(errno, true))
				return close_listed(first, keep, n, err);
			return error_errno(err, "close_range");
		}
		if (i < n)
			from = sorted[i] + 1;
	}
	return 0;
}

bool fd_is_on(int fd, long magic)
{
	struct statfs fs;

	/* Magics have 32 bits; on some machines f_type is signed and narrower than the constant. */
	return !fstatfs(fd, &fs) && (uint32_t)fs.f_type == (uint32_t)magic;
}

struct fd_path fd_path(int fd)
{
	struct fd_path p;

	snprintf(p.text, sizeof(p.text), "/proc/self/fd/%d", fd);
	return p;
}
