/* folder.c: one cgroup folder, by path below a mount point that the kernel named to us: plain system calls,
 * no look before the leap. */
#include "cgroup/folder.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "cgroup/subtree.h"

int folder_check_path(const char *path, struct error *err)
{
	const char *p = path + (*path == '/');
	size_t len;

	for (const char *c = path; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return error_set(err, -EINVAL, "cgroup path: control character in it");
	do {
		len = strcspn(p, "/");
		if (!len || (len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.'))
			return error_set(err, -EINVAL,
					 "cgroup path \"%s\": component \"%.*s\" is not allowed", path,
					 (int)len, p);
		if (len > NAME_MAX)
			return error_set(err, -ENAMETOOLONG, "cgroup path \"%.100s...\": component too long",
					 path);
		p += len;
	} while (*p++);
	if (strlen(path) > PATH_MAX - 512)
		return error_set(err, -ENAMETOOLONG, "cgroup path \"%.100s...\": too long", path);
	return 0;
}

int folder_set(struct folder *f, const char *controllers, const char *mount, const char *path, bool v2,
	       struct error *err)
{
	struct folder new = {.v2 = v2};

	new.controllers = strdup(controllers);
	new.mount = strdup(mount);
	new.path = str_printf("%s%s", *path == '/' ? "" : "/", path);
	new.dir = new.path ? str_printf("%s%s", mount, strcmp(new.path, "/") ? new.path : "") : NULL;
	if (!new.controllers || !new.mount || !new.dir) {
		folder_free(&new);
		return error_set(err, -ENOMEM, "out of memory");
	}
	*f = new;
	return 0;
}

void folder_free(struct folder *f)
{
	free(f->controllers);
	free(f->mount);
	free(f->path);
	free(f->dir);
	*f = (struct folder){0};
}

static int open_in(const char *dir, const char *file, int flags)
{
	char path[PATH_MAX];
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, file) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static int read_in(const char *dir, const char *file, char *value, size_t size)
{
	auto_close int fd = open_in(dir, file, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, value, size - 1);
	if (n < 0)
		return -errno;
	if (n && value[n - 1] == '\n')
		n--;
	value[n] = 0;
	return 0;
}

static int write_in(const char *dir, const char *file, const char *value)
{
	auto_close int fd = open_in(dir, file, O_WRONLY);

	if (fd < 0)
		return fd;
	return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

int folder_open(const struct folder *f, const char *file, int flags)
{
	return open_in(f->dir, file, flags);
}

int folder_write(const struct folder *f, const char *file, const char *value)
{
	return write_in(f->dir, file, value);
}

int folder_read(const struct folder *f, const char *file, char *value, size_t size)
{
	return read_in(f->dir, file, value, size);
}

long long folder_read_key(const struct folder *f, const char *file, const char *key)
{
	size_t len = strlen(key);
	char text[4096];

	if (folder_read(f, file, text, sizeof(text)) < 0)
		return -1;
	for (const char *line = text; line; line = strchr(line, '\n'), line += !!line)
		if (!strncmp(line, key, len) && line[len] == ' ')
			return strtoll(line + len + 1, NULL, 10);
	return -1;
}

/* A v1 cpuset is born empty, and an empty one takes no process. */
static int copy_cpuset(const char *parent, const char *dir, struct error *err)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	char value[4096];
	int ret;

	for (size_t i = 0; i < 2; i++) {
		ret = read_in(parent, files[i], value, sizeof(value));
		if (!ret)
			ret = write_in(dir, files[i], value);
		if (ret < 0)
			return error_set(err, ret, "copy %s to %s: %s", files[i], dir, strerror(-ret));
	}
	return 0;
}

static int holds_process(int dir, void *data, struct error *err)
{
	auto_close int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	char one;

	return fd >= 0 && read(fd, &one, 1) > 0 ? -EBUSY : 0;
}

static int refuse_if_used(const struct folder *f, struct error *err)
{
	char state[32];

	if (f->v2) {
		if (folder_read_key(f, "cgroup.events", "populated") == 1)
			return error_set(err, -EBUSY, "cgroup %s: already holds processes", f->dir);
		if (folder_read_key(f, "cgroup.events", "frozen") == 1)
			return error_set(err, -EBUSY, "cgroup %s: is frozen", f->dir);
		return 0;
	}
	if (subtree_walk(f->dir, holds_process, NULL, false, NULL) == -EBUSY)
		return error_set(err, -EBUSY, "cgroup %s: already holds processes", f->dir);
	if (controllers_include(f->controllers, "freezer") &&
	    !folder_read(f, "freezer.state", state, sizeof(state)) && strcmp(state, "THAWED"))
		return error_set(err, -EBUSY, "cgroup %s: is frozen", f->dir);
	return 0;
}

/* Makes the folder that the first `len` bytes of dir name. 1 if it was made, 0 if it stood there. */
static int make_one(const struct folder *f, char *dir, size_t len, struct error *err)
{
	char end = dir[len], *slash;
	int ret = 1;

	dir[len] = 0;
	if (mkdir(dir, 0755))
		ret = errno == EEXIST ? 0 : errno == ENOENT ? -ENOENT : error_errno(err, "mkdir %s", dir);
	if (ret == 1 && controllers_include(f->controllers, "cpuset")) {
		slash = strrchr(dir, '/');
		*slash = 0;
		auto_free char *parent = strdup(dir);
		*slash = '/';
		ret = parent ? copy_cpuset(parent, dir, err) : error_set(err, -ENOMEM, "out of memory");
		if (ret < 0)
			rmdir(dir);
		else
			ret = 1;
	}
	dir[len] = end;
	return ret;
}

/* 1 where the leaf is new. */
static int make_path(struct folder *f, struct error *err)
{
	auto_free char *dir = strdup(f->dir);
	size_t len;
	int ret;

	if (!dir)
		return error_set(err, -ENOMEM, "out of memory");
	ret = make_one(f, dir, strlen(dir), err);
	f->made = ret > 0;
	if (ret != -ENOENT)
		return ret;
	/* Parents are missing: from the top. */
	for (len = strlen(f->mount); dir[len];) {
		len += 1 + strcspn(dir + len + 1, "/");
		ret = make_one(f, dir, len, err);
		if (ret < 0) {
			if (ret == -ENOENT)
				ret = error_set(err, ret, "mkdir %s: %s", dir, strerror(ENOENT));
			folder_remove(f, NULL);
			f->made = 0;
			return ret;
		}
		/* Whoever made a part in the middle while we were at it keeps it, and ours begins below. */
		f->made = ret ? f->made + 1 : 0;
	}
	return ret;
}

int folder_make_shared(struct folder *f, struct error *err)
{
	int ret = make_path(f, err);

	return ret < 0 ? ret : 0;
}

int folder_make(struct folder *f, struct error *err)
{
	int ret = make_path(f, err);

	return ret ? (ret < 0 ? ret : 0) : refuse_if_used(f, err);
}

int folder_remove(const struct folder *f, struct error *err)
{
	auto_free char *dir = NULL;
	int ret;

	if (!f->made || !rmdir(f->dir) || errno == ENOENT || errno == ENODEV) {
		ret = 0;
	} else if (errno != EBUSY && errno != ENOTEMPTY) {
		return error_errno(err, "remove cgroup %s", f->dir);
	} else {
		ret = subtree_walk(f->dir, NULL, NULL, true, err);
		if (!ret && rmdir(f->dir) && errno != ENOENT)
			ret = error_errno(err, "remove cgroup %s", f->dir);
	}
	if (ret < 0 || f->made < 2)
		return ret;
	dir = strdup(f->dir);
	for (unsigned i = 1; dir && i < f->made; i++) {
		*strrchr(dir, '/') = 0;
		if (rmdir(dir) && errno != ENOENT)
			break; /* somebody else lives there by now */
	}
	return 0;
}
