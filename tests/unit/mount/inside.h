/* inside.h: runs a test body where the room mount works: in a fresh child with namespaces of its own, beside
 * a small root file system. */
#ifndef TESTS_MOUNT_INSIDE_H
#define TESTS_MOUNT_INSIDE_H

#include <stdbool.h>
#include <stddef.h>

#include "mount/root.h"

enum way {
	WAY_ROOT,	/* root, no user namespace, every system call there */
	WAY_OLD,	/* the mount API and mount_setattr answer ENOSYS */
	WAY_DENIED,	/* they answer EPERM, as the filters of older engines do */
	WAY_NO_SETATTR, /* only mount_setattr does */
	WAY_USER,	/* in a user namespace that maps 65536 ids to themselves */
	WAY_USER_OLD,
	WAY_MAX,
};
extern const char *const way_names[WAY_MAX + 1];

/* For one test: namespaces (CLONE_NEW…) that the child does not get, and how many ids its user namespace maps
 * (0: 65536). */
extern unsigned long scene_without;
extern unsigned scene_ids;

struct scene {
	enum way way;
	char folder[64]; /* a tmpfs of the test's own on the host's side */
	char rootfs[80]; /* folder/rootfs: empty but for proc, sys, dev, etc and an empty file etc/hostname */
	struct oci_config *config;
	struct root root;
	struct error err;
	int report; /* -1 on the host's side */
};

/* In the child. A failed check ends it with a line for the parent. */
#define CHECK(cond)                                                                                          \
	do {                                                                                                 \
		if (!(cond))                                                                                 \
			scene_fail(s, __FILE__, __LINE__, #cond);                                            \
	} while (0)
#define CHECK_OK(call)                                                                                       \
	do {                                                                                                 \
		if ((call) < 0)                                                                              \
			scene_fail(s, __FILE__, __LINE__, #call);                                            \
	} while (0)
_Noreturn void scene_fail(struct scene *s, const char *file, int line, const char *what);

typedef void (*scene_fn)(struct scene *s);

/* prepare (may be NULL) runs before the clone, on the host's side (a mount namespace of the test's own); body
 * in the child; after (may be NULL) on the host's side again. Asserts that all went well. */
void run_inside(enum way way, const char *json, scene_fn prepare, scene_fn body, scene_fn after);
void run_inside_all(const char *json, scene_fn prepare, scene_fn body, scene_fn after);

/* A config with the mounts, the masked and the read-only paths of `spec`, and `more` mounts (",{…}") and
 * properties of linux (", \"…\": …"). malloc()ed. */
char *default_json(const char *more, const char *linux_more);

/* All steps from root_prepare() to root_seal(). */
void furnish(struct scene *s);

/* The same, as far as it goes: 0, or what failed, with s->err. */
int attempt(struct scene *s);

/* Below s->folder, on the host's side: files, directories, links. %s in a link's target is s->folder. */
void put(struct scene *s, const char *path, const char *text);
void put_dir(struct scene *s, const char *path);
void put_link(struct scene *s, const char *path, const char *target);
bool holds(struct scene *s, const char *path, const char *text);

/* How many entries the directory has, or -1. */
int count_entries(const char *path);
/* Does mountinfo have a line for this mount point with this word in it? */
bool mount_has(const char *mount_point, const char *word);
bool is_there(const char *path);
bool has_flags(const char *path, unsigned long flags);
long magic_of(const char *path);
bool is_device(const char *path, unsigned major, unsigned minor);

/* A config of a procfs and these mounts, as JSON. */
#define SIMPLE(mounts)                                                                                       \
	"{ \"ociVersion\": \"1.3.0\", \"root\": { \"path\": \"rootfs\" }, \"mounts\": [ " PROC "," mounts    \
	"] }"
#define PROC "{ \"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\" }"
#define BIND(dst, src, options)                                                                              \
	"{ \"destination\": \"" dst "\", \"source\": \"" src                                                 \
	"\", \"type\": \"bind\", \"options\": [" options "] }"

/* Is mount_setattr(2) missing? */
bool is_old(const struct scene *s);

/* The host's side: host/src with a mount "sub" in it, and host/ro, read-only, nosuid, nodev, noexec, noatime.
 */
void prepare_host(struct scene *s);

#endif
