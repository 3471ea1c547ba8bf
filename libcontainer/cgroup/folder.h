/* folder.h: one folder in one cgroup hierarchy: its name, its files, its making and removal. */
#ifndef CGROUP_FOLDER_H
#define CGROUP_FOLDER_H

#include "cgroup/hierarchy.h"

struct folder {
	char *controllers; /* as in struct hierarchy */
	char *mount;
	char *path;    /* below the mount; begins with a slash */
	char *dir;     /* mount and path together */
	unsigned made; /* so many of the last components of path are ours to remove */
	bool v2;
};

/* 0, or -EINVAL: a cgroup path has neither empty nor "." nor ".." components nor control characters. One
 * leading slash is fine. */
int folder_check_path(const char *path, struct error *err);

/* Fills *f for the folder `path` (with or without a leading slash); touches nothing on the host. */
int folder_set(struct folder *f, const char *controllers, const char *mount, const char *path, bool v2,
	       struct error *err);
void folder_free(struct folder *f);

/* mkdir(2), and of missing parents; v1 cpusets get what their parent has. Sets f->made. A folder that exists
 * must hold no process and not be frozen: -EBUSY. -EACCES, -EPERM or -EROFS where we may not. */
int folder_make(struct folder *f, struct error *err);

/* The same where another manager may have made it and put processes in already. */
int folder_make_shared(struct folder *f, struct error *err);

/* Removes what was made, leaf first, and all that is below the leaf. Parents that others use by now stay.
 * -EBUSY at once while processes are in it; nothing there is fine. */
int folder_remove(const struct folder *f, struct error *err);

/* Files in it. Negative errno, without a text: the caller knows what it was about. */
int folder_open(const struct folder *f, const char *file, int flags);
int folder_write(const struct folder *f, const char *file, const char *value);
/* At most size-1 bytes, NUL-terminated, the last newline cut off. */
int folder_read(const struct folder *f, const char *file, char *value, size_t size);
/* The number behind `key` in a file of lines "key number" ("populated 1"), or -1. */
long long folder_read_key(const struct folder *f, const char *file, const char *key);

#endif
