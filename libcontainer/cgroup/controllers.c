/* controllers.c: cgroup.subtree_control from the top of the v2 hierarchy down to a folder's parent. */
#include "cgroup/controllers.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/str.h"

#define LIST_MAX 512

static bool has_word(const char *list, const char *word, size_t len)
{
	for (const char *p = list; *p; p += strcspn(p, " "), p += *p == ' ')
		if (!strncmp(p, word, len) && (p[len] == ' ' || !p[len]))
			return true;
	return false;
}

/* "+cpu +io": what is in `available` and not in `enabled`. Empty: nothing to do. */
static void missing(const char *available, const char *enabled, char *out, size_t size)
{
	size_t n = 0;

	*out = 0;
	for (const char *p = available; *p; p += strcspn(p, " "), p += *p == ' ') {
		size_t len = strcspn(p, " ");

		if (!has_word(enabled, p, len) && n + len + 3 < size)
			n += (size_t)snprintf(out + n, size - n, "%s+%.*s", n ? " " : "", (int)len, p);
	}
}

/* All in one write; where the kernel refuses one of them, each by itself. */
static void hand_down(const char *dir)
{
	char available[LIST_MAX], enabled[LIST_MAX], wanted[LIST_MAX * 2];
	struct folder f = {.dir = (char *)dir};

	if (folder_read(&f, "cgroup.controllers", available, sizeof(available)) < 0 ||
	    folder_read(&f, "cgroup.subtree_control", enabled, sizeof(enabled)) < 0)
		return;
	missing(available, enabled, wanted, sizeof(wanted));
	if (!*wanted || !folder_write(&f, "cgroup.subtree_control", wanted))
		return;
	for (char *save = NULL, *one = strtok_r(wanted, " ", &save); one; one = strtok_r(NULL, " ", &save))
		folder_write(&f, "cgroup.subtree_control", one);
}

static bool has_all(const struct folder *f)
{
	char here[LIST_MAX], top[LIST_MAX], wanted[LIST_MAX * 2];
	struct folder root = {.dir = f->mount};

	if (folder_read(f, "cgroup.controllers", here, sizeof(here)) < 0 ||
	    folder_read(&root, "cgroup.controllers", top, sizeof(top)) < 0)
		return false;
	missing(top, here, wanted, sizeof(wanted));
	return !*wanted;
}

static int check_type(const struct folder *f, struct error *err)
{
	char type[64];

	if (folder_read(f, "cgroup.type", type, sizeof(type)) < 0 || !strcmp(type, "domain") ||
	    !strcmp(type, "domain threaded"))
		return 0;
	return error_set(err, -EOPNOTSUPP,
			 "cgroup %s: its type is \"%s\", because a cgroup above it is threaded", f->dir,
			 type);
}

int controllers_enable(const struct cgroup *c, bool rootless, struct error *err)
{
	const struct folder *f = cgroup_v2_folder(c);
	auto_free char *dir = NULL;
	size_t len, last;

	if (!f || has_all(f))
		return 0;
	dir = strdup(f->dir);
	if (!dir)
		return error_set(err, -ENOMEM, "out of memory");
	/* The last slash ends the parent; an ordinary user may write at most to the parent of the first
	 * folder made. */
	last = (size_t)(strrchr(dir, '/') - dir);
	len = strlen(f->mount);
	if (rootless) {
		len = strlen(dir);
		for (unsigned i = 0; i < f->made; i++)
			while (dir[--len] != '/')
				;
	}
	for (; len <= last; len += 1 + strcspn(dir + len + 1, "/")) {
		char end = dir[len];

		dir[len] = 0;
		hand_down(dir);
		dir[len] = end;
		if (!end)
			break;
	}
	return check_type(f, err);
}
