/* path.c: see path.h. */
#include "base/path.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/walk.h"

enum { EAGAIN_TRIES = 1000, DIRECTORY = O_PATH | O_DIRECTORY | O_CLOEXEC };

/* A filter's EPERM is told from the kernel's by a call that no kernel can grant: too small a size is EINVAL.
 */
static bool openat2_is_denied(void)
{
	return sys_openat2(-EBADF, "", NULL, 0) < 0 && sys_missing(errno, true);
}

/* The one place that chooses between openat2(2) and the walk. The descriptor or -errno.
 *
 * The kernel answers EAGAIN to a path with ".." when anything on the machine was renamed or mounted
 * meanwhile. One who renames all the time could keep us busy for ever; the walk, slower, cannot be kept. */
static int open_scoped(int root, const char *path, int flags)
{
	struct open_how how = {
	    .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
	    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	/* O_TMPFILE includes O_DIRECTORY. The rest is what openat2() would say, said for the walk as well. */
	if (flags & (O_CREAT | O_EXCL | (O_TMPFILE & ~O_DIRECTORY)))
		return -EINVAL;
	if (flags & O_PATH && flags & ~(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))
		return -EINVAL;
	for (int i = 0; i < EAGAIN_TRIES; i++) {
		int fd = sys_openat2(root, path, &how, sizeof(how));

		if (fd >= 0)
			return fd;
		if (sys_missing(errno, false) || (errno == EPERM && openat2_is_denied()))
			break;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return walk_open(root, path, flags);
}

int path_open_beneath(int root, const char *path, int flags, struct error *err)
{
	int fd = open_scoped(root, path, flags);

	return fd < 0 ? error_set(err, fd, "open %s: %s", path, strerror(-fd)) : fd;
}

/* What is being made. `path` is a copy that is cut, and mended again, behind the component in work. */
struct making {
	int root;
	char *path;
	mode_t parents, mode;
	bool file; /* the last component is to be a file */
};

/* The end of the component at p, and whether anything but slashes follows. */
static char *component_end(char *p, bool *last)
{
	char *end = p + strcspn(p, "/");

	*last = !end[strspn(end, "/")];
	return end;
}

/* The directory or file that was just made, or -ESTALE if somebody has put something else in its place. */
static int open_made(int dir, const char *name, int made_fd)
{
	auto_close int fd = -EBADF;
	struct stat a, b;

	if (made_fd < 0) {
		fd = openat(dir, name, DIRECTORY | O_NOFOLLOW);
		return fd < 0 ? -errno : TAKE_FD(fd);
	}
	fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &a) < 0 || fstat(made_fd, &b) < 0)
		return -errno;
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino ? TAKE_FD(fd) : -ESTALE;
}

/* Makes `name` in dir and opens it; *made tells the caller what to remove if a later step fails. -EEXIST: it
 * is there. */
static int make_one(const struct making *m, int dir, const char *name, bool last, bool *made)
{
	auto_close int file = -EBADF;
	int fd;

	if (last && m->file) {
		file = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, m->mode);
		if (file < 0)
			return -errno;
	} else if (mkdirat(dir, name, last ? m->mode : m->parents) < 0) {
		return -errno;
	}
	fd = open_made(dir, name, file);
	if (fd < 0)
		unlinkat(dir, name, last && m->file ? 0 : AT_REMOVEDIR);
	*made = fd >= 0;
	return fd;
}

/* Makes what is missing from the component at p on, below dir. The recursion holds on to each directory until
 * all is done, so that a failure can take back what was made. */
static int make_rest(const struct making *m, int dir, char *p)
{
	auto_close int fd = -EBADF;
	bool last, made = false;
	char *name = p + strspn(p, "/"), *end = component_end(name, &last), mark = *end;
	int ret;

	*end = '\0';
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		fd = open_scoped(m->root, m->path, DIRECTORY);
	else
		fd = make_one(m, dir, name, last, &made);
	/* It was not there a moment ago: somebody else made it, or it is a dangling link, which still is not
	 * there. */
	if (fd == -EEXIST)
		fd = open_scoped(m->root, m->path, last && m->file ? O_PATH : DIRECTORY);
	*end = mark;
	if (fd < 0)
		return fd;
	if (last)
		return TAKE_FD(fd);
	ret = make_rest(m, fd, end);
	if (ret < 0 && made) {
		*end = '\0';
		unlinkat(dir, name, AT_REMOVEDIR);
		*end = mark;
	}
	return ret;
}

/* The longest prefix that exists, from the end: mostly only the last component is missing. *rest is what
 * follows it. */
static int open_existing(struct making *m, char **rest)
{
	char *end = m->path + strlen(m->path);

	for (;;) {
		char mark;
		int fd;

		while (end > m->path && end[-1] == '/')
			end--;
		while (end > m->path && end[-1] != '/')
			end--;
		mark = *end;
		*end = '\0';
		fd = open_scoped(m->root, end == m->path ? "." : m->path, DIRECTORY);
		*end = mark;
		if (fd != -ENOENT || end == m->path) {
			*rest = end;
			return fd;
		}
	}
}

static int make(int root, const char *path, mode_t parents, mode_t mode, bool file)
{
	int fd = open_scoped(root, path, file ? O_PATH : DIRECTORY);
	auto_close int dir = -EBADF;
	auto_free char *copy = NULL;
	struct making m = {.root = root, .parents = parents, .mode = mode, .file = file};
	char *rest;

	if (fd != -ENOENT || !*path)
		return fd;
	if (file && (str_ends(path, "/") || str_ends(path, "/.") || str_ends(path, "/..")))
		return -EISDIR;
	m.path = copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	dir = open_existing(&m, &rest);
	return dir < 0 ? dir : make_rest(&m, dir, rest);
}

int path_make_dir(int root, const char *path, mode_t mode, struct error *err)
{
	int fd = make(root, path, mode, mode, false);

	return fd < 0 ? error_set(err, fd, "make directory %s: %s", path, strerror(-fd)) : fd;
}

int path_make_file(int root, const char *path, mode_t mode, struct error *err)
{
	int fd = make(root, path, 0755, mode, true);

	return fd < 0 ? error_set(err, fd, "make file %s: %s", path, strerror(-fd)) : fd;
}

int path_open_parent(int root, const char *path, bool want, char **name, struct error *err)
{
	size_t end = strlen(path), start;
	auto_free char *last = NULL, *parent = NULL;
	int fd;

	while (end && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/'; start--)
		;
	last = strndup(path + start, end - start);
	parent = start ? strndup(path, start) : strdup(".");
	if (!last || !parent)
		return error_set(err, -ENOMEM, "open the parent of %s: out of memory", path);
	if (!*last || !strcmp(last, ".") || !strcmp(last, ".."))
		return error_set(err, -EINVAL, "open the parent of '%s': it does not end in a name", path);
	fd = want ? make(root, parent, 0755, 0755, false) : open_scoped(root, parent, DIRECTORY);
	if (fd < 0)
		return error_set(err, fd, "open the parent of %s: %s", path, strerror(-fd));
	*name = TAKE_PTR(last);
	return fd;
}

bool path_is_clean(const char *path)
{
	if (*path != '/')
		return false;
	for (const char *p = path + 1; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n + (p[n] == '/');
	}
	return true;
}

char *path_join(const char *dir, const char *name)
{
	size_t n = strlen(dir);

	while (n && dir[n - 1] == '/')
		n--;
	return n > INT_MAX ? NULL : str_printf("%.*s/%s", (int)n, dir, name + strspn(name, "/"));
}

int path_absolute(const char *path, char **out, struct error *err)
{
	char *real = realpath(path, NULL);

	if (!real)
		return error_errno(err, "resolve %s", path);
	*out = real;
	return 0;
}
