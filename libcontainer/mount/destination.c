/* destination.c: see destination.h. */
#include "mount/destination.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/table.h"

enum { PROC_TOP = 1 /* PROC_ROOT_INO */, LINKS_MAX = 10 };

/* The next component, "." and empty ones passed over; 0: there is none. */
static size_t next_component(const char **p)
{
	size_t n;

	for (;; *p += n) {
		*p += strspn(*p, "/");
		n = strcspn(*p, "/");
		if (n != 1 || **p != '.')
			return n;
	}
}

bool destination_is_path(const char *destination, const char *path)
{
	for (;;) {
		size_t n = next_component(&destination), m = next_component(&path);

		if (n != m || strncmp(destination, path, n))
			return false;
		if (!n)
			return true;
		destination += n;
		path += m;
	}
}

/* Steps from directory to directory; a link is none. */
static int open_plain(int root, const char *path, struct error *err)
{
	auto_close int fd = -EBADF;
	const char *p = path;
	size_t n;

	while ((n = next_component(&p))) {
		auto_free char *name = strndup(p, n);
		int dir = fd >= 0 ? fd : root, next;

		if (!name)
			return error_set(err, -ENOMEM, "out of memory");
		if (!strcmp(name, ".."))
			return error_set(err, -EINVAL, "a path with \"..\" is no place for this file system");
		next = openat(dir, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
		if (next < 0 && errno == ENOENT && (mkdirat(dir, name, 0755) == 0 || errno == EEXIST))
			next = openat(dir, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
		if (next < 0 && (errno == ENOTDIR || errno == ELOOP))
			return error_set(
			    err, -ENOTDIR,
			    "'%s' in the root file system is a link or a file where a directory must be",
			    name);
		if (next < 0)
			return error_errno(err, "open the directory '%s'", name);
		if (fd >= 0)
			close(fd);
		fd = next;
		p += n;
	}
	return fd >= 0 ? TAKE_FD(fd) : error_set(err, -EINVAL, "the root is no place for this file system");
}

/* Where a final link points to, as a path beneath the root; NULL if it is none. */
static char *link_target(int root, const char *path)
{
	auto_free char *name = NULL;
	auto_close int dir = path_open_parent(root, path, false, &name, NULL);
	char target[PATH_MAX];
	const char *slash;
	ssize_t n;

	if (dir < 0)
		return NULL;
	n = readlinkat(dir, name, target, sizeof(target) - 1);
	if (n <= 0)
		return NULL;
	target[n] = '\0';
	if (*target == '/')
		return strdup(target);
	/* Text is enough: whatever it says is resolved beneath the root again. */
	for (slash = path + strlen(path); slash > path && slash[-1] == '/';)
		slash--;
	while (slash > path && slash[-1] != '/')
		slash--;
	return slash - path > INT_MAX ? NULL : str_printf("%.*s%s", (int)(slash - path), path, target);
}

static int open_following(int root, const char *path, bool directory, int links, struct error *err)
{
	auto_free char *target = NULL;
	struct error why = ERROR_NONE;
	int fd = directory ? path_make_dir(root, path, 0755, &why) : path_make_file(root, path, 0644, &why);

	/* /etc/resolv.conf -> ../run/systemd/resolve/stub-resolv.conf, in an image that never ran: engines
	 * mount there all the same. */
	if (fd == -ENOENT && links < LINKS_MAX)
		target = link_target(root, path);
	if (target)
		return open_following(root, target, directory, links + 1, err);
	if (fd < 0 && err)
		*err = why;
	return fd;
}

int destination_open(int root, const char *path, enum destination_kind kind, struct error *err)
{
	if (kind == DESTINATION_PLAIN)
		return open_plain(root, path, err);
	return open_following(root, path, kind == DESTINATION_DIRECTORY, 0, err);
}

static bool is_same(const struct statx *a, const struct statx *b)
{
	return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
	       a->stx_dev_minor == b->stx_dev_minor &&
	       (!(a->stx_mask & b->stx_mask & STATX_MNT_ID) || a->stx_mnt_id == b->stx_mnt_id);
}

static int look(int fd, const char *name, struct statx *sx)
{
	return statx(fd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		     STATX_TYPE | STATX_INO | STATX_MNT_ID, sx);
}

/* The root is the top of a mount; most places are not, and Linux 5.8 tells. */
static bool may_be_top(const struct statx *sx)
{
	return !(sx->stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
	       sx->stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

/* lxcfs and the like are mounted over these; none of them is ever written to by the runtime. */
static bool may_be_replaced(const struct root *r, const struct statx *what)
{
	static const char *const files[] = {
		/* clang-format off */
		"cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo",
		"sys/kernel/ns_last_pid", "sys/crypto/fips_enabled",
		/* clang-format on */
	};
	auto_close int mine =
	    r->proc < 0 ? openat(r->fd, "proc", O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC) : -EBADF;
	int proc = r->proc < 0 ? mine : r->proc;

	for (size_t i = 0; proc >= 0 && i < ARRAY_LEN(files); i++) {
		struct statx sx;

		if (look(proc, files[i], &sx) == 0 && is_same(&sx, what))
			return true;
	}
	return false;
}

int destination_check(const struct root *r, int fd, int source, bool procfs, struct error *err)
{
	struct statx sx, other;

	if (look(fd, "", &sx) < 0 || (may_be_top(&sx) && look(r->fd, "", &other) < 0))
		return error_errno(err, "stat");
	if (may_be_top(&sx) && is_same(&sx, &other))
		return DESTINATION_TOP;
	if (fd_is_on(fd, PROC_SUPER_MAGIC)) {
		if (sx.stx_ino == PROC_TOP && !procfs && (source < 0 || !fd_is_on(source, PROC_SUPER_MAGIC)))
			return error_set(err, -EPERM, "only a procfs may be mounted over a procfs");
		if (sx.stx_ino != PROC_TOP && !may_be_replaced(r, &sx))
			return error_set(err, -EPERM, "nothing may be mounted inside a procfs");
	}
	if (source >= 0 && S_ISDIR(sx.stx_mode) && look(r->fd, "dev", &other) == 0 && is_same(&sx, &other))
		return DESTINATION_DEV;
	return DESTINATION_ELSEWHERE;
}
