/* store.c: the state root. See store.h. */
#include "core/store.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/table.h"
#include "ns/namespaces.h"
#include "oci-spec/tables.h"

#define STATE_MAX (16u << 20)
#define LOCK_PATIENCE_MS 10000

SCHEMA(saved_state,
       STRING("ociVersion", saved_state, oci_version),
       STRING("id", saved_state, id),
       STRING("bundle", saved_state, bundle),
       STRING("rootfs", saved_state, rootfs),
       STRING("created", saved_state, created),
       STRING("isolation", saved_state, isolation),
       INT("pid", saved_state, pid),
       UINT("startTime", saved_state, start_time),
       STRING("cgroup", saved_state, cgroup),
       STRING("rdt", saved_state, rdt),
       BOOL("ownPidNamespace", saved_state, own_pid_namespace),
       PAIRS("annotations", saved_state, annotations));

/* The names of the files that are ours in a container's folder. */
static const char *const own_files[] = { "notify/notify.sock", "notify", "gate", "control", "console", "config.json", "making.json", "state.json", "lock" };

char *store_default_root(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	/* Podman as root sets it to nothing; and root's own session has one that is not meant for us. */
	if (dir && *dir && (geteuid() != 0 || ns_in_user_namespace()))
		return path_join(dir, "nacre");
	if (geteuid() != 0)
		return str_printf("/run/user/%u/nacre", geteuid());
	return strdup("/run/nacre");
}

int store_check_id(const char *id, struct error *err)
{
	size_t n = strlen(id);

	if (n == 0)
		return error_set(err, -EINVAL, "container id: it is empty");
	if (n > 200)
		return error_set(err, -EINVAL, "container id: longer than 200 bytes");
	for (size_t i = 0; i < n; i++)
		if (!isascii((unsigned char)id[i]) || (!isalnum((unsigned char)id[i]) && !strchr("_+-.", id[i])))
			return error_set(err, -EINVAL, "container id \"%.64s\": only letters, digits and _ + - . are allowed", id);
	if (!strcmp(id, ".") || !strcmp(id, ".."))
		return error_set(err, -EINVAL, "container id \"%s\": not a name", id);
	return 0;
}

/* The state root, made if asked for. It is an own, trusted path, but in a world-writable place it must be ours. */
static int open_root(const char *path, bool make, struct error *err)
{
	auto_close int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT && make) {
		auto_free char *text = strdup(path);

		for (char *p = text ? text + 1 : NULL; p && *p; p++)
			if (*p == '/' && p[1]) {
				*p = '\0';
				if (mkdir(text, 0755) < 0 && errno != EEXIST)
					return error_errno(err, "make the state root %s", text);
				*p = '/';
			}
		/* Sticky below XDG_RUNTIME_DIR: it tells cleaners of that folder to leave it alone. */
		if (text && mkdir(text, 0700) == 0 && getenv("XDG_RUNTIME_DIR") && str_starts(text, "/run/user/"))
			(void)chmod(text, 01700);
		fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return error_errno(err, "open the state root %s", path);
	if (fstat(fd, &st) < 0)
		return error_errno(err, "stat the state root %s", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return error_set(err, -EPERM, "state root %s: it belongs to user %u", path, st.st_uid);
	return TAKE_FD(fd);
}

/* POSIX record locks belong to a process, not to a descriptor: the container's own process, cloned from us, does not hold it, and it
 * goes when we die. */
static int take_lock(int fd, bool wait)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	for (int slept = 0;; slept += 5) {
		if (fcntl(fd, F_SETLK, &l) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return -errno;
		if (!wait || slept >= LOCK_PATIENCE_MS)
			return -EBUSY;
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
}

void store_unlock(const struct store *s)
{
	struct flock l = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	(void)fcntl(s->lock, F_SETLK, &l);
}

int store_lock(const struct store *s, struct error *err)
{
	const char *id = strrchr(s->path, '/') + 1;
	int ret = take_lock(s->lock, true);
	struct stat st;

	if (ret == -EBUSY)
		return error_set(err, ret, "container \"%s\": another command has been working on it for %d s", id, LOCK_PATIENCE_MS / 1000);
	if (ret < 0)
		return error_set(err, ret, "lock %s: %s", s->path, strerror(-ret));
	/* Whoever held it may have deleted the container meanwhile. */
	if (fstat(s->folder, &st) == 0 && st.st_nlink == 0)
		return error_set(err, -ENOENT, "container \"%s\" does not exist", id);
	return 0;
}

int store_claim(const char *root, const char *id, struct store *out, struct error *err)
{
	struct store s = STORE_NONE;
	int ret = store_check_id(id, err);

	if (ret < 0)
		return ret;
	s.root = open_root(root, true, err);
	if (s.root < 0)
		return s.root;
	s.path = path_join(root, id);
	if (!s.path) {
		ret = error_set(err, -ENOMEM, "out of memory");
	} else if (mkdirat(s.root, id, 0700) < 0) {
		if (errno == EEXIST)
			ret = error_set(err, -EEXIST, "container with given ID already exists: %s", id);
		else
			ret = error_errno(err, "make the state folder %s", s.path);
	} else {
		s.folder = openat(s.root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		s.lock = s.folder < 0 ? -1 : openat(s.folder, "lock", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (s.folder < 0 || s.lock < 0) {
			ret = error_errno(err, "make %s/lock", s.path);
			if (s.folder >= 0)
				unlinkat(s.root, id, AT_REMOVEDIR);
		} else if (take_lock(s.lock, false) < 0) {
			/* Between our mkdir and our lock a `delete --force` took it for an orphan. */
			ret = error_set(err, -EEXIST, "container with given ID already exists: %s", id);
		}
	}
	if (ret < 0) {
		store_close(&s);
		return ret;
	}
	*out = s;
	return 0;
}

int store_open(const char *root, const char *id, bool lock, struct store *out, struct error *err)
{
	struct store s = STORE_NONE;
	int ret = store_check_id(id, err);

	if (ret < 0)
		return ret;
	s.root = open_root(root, false, NULL);
	s.folder = s.root < 0 ? -EBADF : openat(s.root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s.folder < 0 && (s.root < 0 || errno == ENOENT)) {
		store_close(&s);
		return error_set(err, -ENOENT, "container \"%s\" does not exist", id);
	}
	if (s.folder < 0) {
		ret = error_errno(err, "open the state folder %s/%s", root, id);
		s.folder = -EBADF;
	} else if (!(s.path = path_join(root, id))) {
		ret = error_set(err, -ENOMEM, "out of memory");
	} else if (lock) {
		/* A create that died before it made the lock leaves a folder without one. */
		s.lock = openat(s.folder, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		ret = s.lock < 0 ? error_errno(err, "open %s/lock", s.path) : store_lock(&s, err);
	}
	if (ret < 0) {
		store_close(&s);
		return ret;
	}
	*out = s;
	return 0;
}

/* Two names and no replacing: a rename over an existing file makes some file systems write it out at once. */
int store_save(const struct store *s, const struct saved_state *state, bool created, struct error *err)
{
	auto_free char *text = NULL;
	int ret = schema_print(&saved_state_schema, state, &text, err);

	return ret < 0 ? ret : file_replace_at(s->folder, created ? "state.json" : "making.json", text, strlen(text), 0600, err);
}

int store_load(const struct store *s, struct saved_state **out, bool *created, struct error *err)
{
	auto_free char *text = NULL;
	bool whole = true;
	void *state = NULL;
	size_t n;
	int ret = file_read_at(s->folder, "state.json", STATE_MAX, &text, &n, err);

	if (ret == -ENOENT) {
		whole = false;
		ret = file_read_at(s->folder, "making.json", STATE_MAX, &text, &n, err);
	}
	if (ret == -ENOENT)
		return error_set(err, -ENODATA, "%s: not yet created", s->path);
	if (ret == 0)
		ret = schema_parse(&saved_state_schema, text, n, &state, err);
	if (ret < 0)
		return error_wrap(err, "%s", s->path);
	*out = state;
	*created = whole;
	return 0;
}

void saved_state_free(struct saved_state *state)
{
	schema_free(&saved_state_schema, state);
}

int store_write_config(const struct store *s, const char *text, size_t len, struct error *err)
{
	auto_close int fd = openat(s->folder, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, "make %s/config.json", s->path);
	return fd_write_all(fd, text, len, err);
}

int store_read_config(const struct store *s, char **text, size_t *len, struct error *err)
{
	return file_read_at(s->folder, "config.json", STATE_MAX, text, len, err);
}

int store_remove(struct store *s, struct error *err)
{
	const char *id = strrchr(s->path, '/') + 1;

	for (size_t i = 0; i < ARRAY_LEN(own_files); i++)
		if (unlinkat(s->folder, own_files[i], strcmp(own_files[i], "notify") ? 0 : AT_REMOVEDIR) < 0 && errno != ENOENT)
			return error_errno(err, "remove %s/%s", s->path, own_files[i]);
	if (unlinkat(s->root, id, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY)
		return error_errno(err, "remove %s", s->path);
	/* The temporary of a save that was killed. */
	auto_close int dup = openat(s->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = dup < 0 ? NULL : fdopendir(TAKE_FD(dup));
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			(void)unlinkat(s->folder, e->d_name, 0);
	if (d)
		closedir(d);
	if (unlinkat(s->root, id, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_errno(err, "remove %s", s->path);
	return 0;
}

void store_close(struct store *s)
{
	if (s->lock >= 0)
		close(s->lock);
	if (s->folder >= 0)
		close(s->folder);
	if (s->root >= 0)
		close(s->root);
	free(s->path);
	*s = STORE_NONE;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int store_list(const char *root, char ***names, size_t *n, struct error *err)
{
	auto_strv struct strv all = { 0 };
	DIR *d = opendir(root);
	struct dirent *e;
	int ret = 0;

	if (!d && errno != ENOENT)
		return error_errno(err, "open the state root %s", root);
	while (d && ret == 0 && (e = readdir(d)))
		if (store_check_id(e->d_name, NULL) == 0 && (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN))
			ret = strv_add(&all, e->d_name, err);
	if (d)
		closedir(d);
	if (ret < 0)
		return ret;
	if (!all.v && !(all.v = calloc(1, sizeof(*all.v))))
		return error_set(err, -ENOMEM, "out of memory");
	if (all.n)
		qsort(all.v, all.n, sizeof(*all.v), by_name);
	*n = all.n;
	*names = TAKE_PTR(all.v);
	all.n = 0;
	return 0;
}
