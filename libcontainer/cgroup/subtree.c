/* subtree.c: a walk through a cgroup's sub-folders whose cost in stack and descriptors does not depend on how
 * deep they nest. */
#include "cgroup/subtree.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/str.h"

/* One level: the names of the sub-folders still to be visited; the last one is the one we are in. */
struct level {
	struct level *up;
	struct strv names;
};

static void pop(struct level **levels)
{
	struct level *l = *levels;

	*levels = l->up;
	strv_free(&l->names);
	free(l);
}

static void drop_last(struct strv *s)
{
	free(s->v[--s->n]);
	s->v[s->n] = NULL;
}

/* kernfs counts sub-folders in the link count: most folders need no listing. */
static int list_folders(int dir, struct strv *names, struct error *err)
{
	struct dirent *entry;
	struct stat st;
	int copy, ret = 0;
	DIR *d;

	if (!fstat(dir, &st) && st.st_nlink == 2)
		return 0;
	copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copy < 0)
		return 0; /* removed meanwhile */
	d = fdopendir(copy);
	if (!d) {
		close(copy);
		return error_errno(err, "list a cgroup");
	}
	while (!ret && (entry = readdir(d)))
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			ret = strv_add(names, entry->d_name, err);
	closedir(d);
	return ret;
}

static int descend(int *dir, const char *name)
{
	int next = openat(*dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (next < 0)
		return -errno;
	close(*dir);
	*dir = next;
	return 0;
}

static int enter(int dir, struct level **levels, subtree_fn visit, void *data, struct error *err)
{
	struct level *l;
	int ret = visit ? visit(dir, data, err) : 0;

	if (ret < 0)
		return ret;
	l = calloc(1, sizeof(*l));
	if (!l)
		return error_set(err, -ENOMEM, "out of memory");
	l->up = *levels;
	*levels = l;
	return list_folders(dir, &l->names, err);
}

int subtree_walk(const char *top, subtree_fn visit, void *data, bool remove, struct error *err)
{
	auto_close int dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct level *levels = NULL;
	bool busy = false;
	int ret;

	if (dir < 0 && errno == ENOENT)
		return 0;
	if (dir < 0)
		return error_errno(err, "open %s", top);
	ret = enter(dir, &levels, visit, data, err);
	while (!ret && levels) {
		struct strv *names = &levels->names;

		if (names->n) {
			ret = descend(&dir, names->v[names->n - 1]);
			if (!ret)
				ret = enter(dir, &levels, visit, data, err);
			else if (ret == -ENOENT || ret == -ENODEV)
				drop_last(names), ret = 0;
			else
				ret = error_set(err, ret, "open %s below %s: %s", names->v[names->n - 1], top,
						strerror(-ret));
			continue;
		}
		pop(&levels);
		if (!levels)
			break;
		/* ".." of a folder that was removed under us leads nowhere: what is left is for the next try.
		 */
		if (descend(&dir, "..") < 0) {
			busy = true;
			break;
		}
		names = &levels->names;
		if (remove && unlinkat(dir, names->v[names->n - 1], AT_REMOVEDIR) && errno != ENOENT)
			busy = true;
		drop_last(names);
	}
	while (levels)
		pop(&levels);
	if (ret < 0)
		return ret;
	return remove && busy ? error_set(err, -EBUSY, "remove what is below %s: %s", top, strerror(EBUSY))
			      : 0;
}
