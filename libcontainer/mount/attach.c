/* attach.c: see attach.h. */
#include "mount/attach.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/table.h"
#include "mount/classic.h"
#include "mount/context.h"

/* Some calls answer EPERM for reasons of their own; a filter's EPERM is told from theirs by arguments that no
 * kernel accepts. */
static bool fsopen_is_denied(void)
{
	return sys_fsopen("", ~0u) < 0 && sys_missing(errno, true);
}

static bool open_tree_is_denied(void)
{
	return sys_open_tree(-EBADF, "", ~0u) < 0 && sys_missing(errno, true);
}

static bool move_mount_is_denied(void)
{
	return sys_move_mount(-EBADF, "", -EBADF, "", ~0u) < 0 && sys_missing(errno, true);
}

static bool mount_setattr_is_denied(void)
{
	return sys_mount_setattr(-EBADF, "", ~0u, NULL, 0) < 0 && sys_missing(errno, true);
}

/* After a call failed with errno: is it not to be had? Remembered for the next mounts. errno survives. */
static bool is_missing(bool (*is_denied)(void), bool *remember)
{
	int e = errno;

	if (sys_missing(e, false) || (sys_missing(e, true) && is_denied()))
		*remember = true;
	errno = e;
	return *remember;
}

/* fsconfig(2) and its like leave the reason as text in the context: "e tmpfs: Bad value for 'mode'". */
static int context_error(int fs, const char *what, const char *which, struct error *err)
{
	int e = errno;
	char log[200];
	ssize_t n = read(fs, log, sizeof(log) - 1);

	if (n > 2) {
		log[n] = '\0';
		log[strcspn(log, "\n")] = '\0';
		return error_set(err, -e, "%s: %s", log + 2, strerror(e));
	}
	errno = e;
	return error_errno(err, "%s %s", what, which);
}

/* context="a,b": the quotes are for mount(2), which else would split at the comma. */
static char *unquote(const char *value)
{
	size_t n = strlen(value);

	return n >= 2 && value[0] == '"' && value[n - 1] == '"' ? strndup(value + 1, n - 2) : strdup(value);
}

static int give_data(int fs, const char *const *data, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		const char *equals = strchr(data[i], '=');
		auto_free char *key = equals ? strndup(data[i], (size_t)(equals - data[i])) : strdup(data[i]);

		auto_free char *value = equals ? unquote(equals + 1) : NULL;

		if (!key || (equals && !value))
			return error_set(err, -ENOMEM, "out of memory");
		if (sys_fsconfig(fs, equals ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0) < 0)
			return context_error(fs, "option", data[i], err);
	}
	return 0;
}

static int give_super(int fs, unsigned long super, struct error *err)
{
	static const struct {
		unsigned long flag;
		const char *name;
	} names[] = {
  /* clang-format off */
		{ MS_RDONLY,      "ro" },
		{ MS_SYNCHRONOUS, "sync" },
		{ MS_DIRSYNC,     "dirsync" },
		{ MS_MANDLOCK,    "mand" },
		{ MS_LAZYTIME,    "lazytime" },
  /* clang-format on */
	};

	for (size_t i = 0; super && i < ARRAY_LEN(names); i++)
		if (super & names[i].flag && sys_fsconfig(fs, FSCONFIG_SET_FLAG, names[i].name, NULL, 0) < 0)
			return context_error(fs, "option", names[i].name, err);
	return 0;
}

/* A read-only mount cannot be filled. */
static uint64_t first_attributes(const struct piece *p)
{
	return p->fill ? p->one.set & ~(uint64_t)MOUNT_ATTR_RDONLY : p->one.set;
}

/* The detached mount; -ENOSYS (nothing is said then) where mount(2) has to do it. */
static int new_mount(struct root *r, const struct piece *p, struct error *err)
{
	auto_close int fs = sys_fsopen(p->type, FSOPEN_CLOEXEC);
	auto_free char *word = NULL;
	int ret;

	if (fs < 0) {
		if (is_missing(fsopen_is_denied, &r->own.old_mounts))
			return -ENOSYS;
		return error_errno(err, "file system of type \"%s\"", p->type);
	}
	if (p->source && sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", p->source, 0) < 0)
		return context_error(fs, "source", p->source, err);
	ret = give_data(fs, p->data, p->data_n, err);
	if (ret == 0)
		ret = context_word(r, p, &word, err);
	if (ret == 0 && word)
		ret = give_data(fs, (const char *const[]){word}, 1, err);
	if (ret == 0)
		ret = give_super(fs, p->super, err);
	if (ret < 0)
		return ret;
	if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return context_error(fs, "make file system", p->type, err);
	ret = sys_fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)first_attributes(p));
	return ret < 0 ? context_error(fs, "mount file system", p->type, err) : ret;
}

static int clone_mount(struct root *r, const struct piece *p, struct error *err)
{
	unsigned flags =
	    AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (p->recursive ? AT_RECURSIVE : 0);
	int fd = sys_open_tree(p->fd, "", flags);

	if (fd >= 0)
		return fd;
	if (is_missing(open_tree_is_denied, &r->own.old_mounts))
		return -ENOSYS;
	/* The mounts below came with it and are locked: to leave them out would uncover what they hide. */
	if (errno == EINVAL && r->user_namespace && !p->recursive)
		return error_errno(err, "clone the mount without those below it, in a user namespace");
	return error_errno(err, "clone the mount");
}

/* In a user namespace the flags that came with a mount are locked. The access time mode is no promise to
 * anybody: it stays then. */
static int set_attributes(int fd, unsigned flags, struct mount_attr attr)
{
	int ret = sys_mount_setattr(fd, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr));

	if (ret < 0 && errno == EPERM && attr.attr_clr & MOUNT_ATTR__ATIME) {
		attr.attr_clr &= ~(uint64_t)MOUNT_ATTR__ATIME;
		attr.attr_set &= ~(uint64_t)MOUNT_ATTR__ATIME;
		ret = sys_mount_setattr(fd, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr));
	}
	return ret;
}

/* One call of mount_setattr(2): for the mount, or for it and all below. */
struct change {
	struct mount_attr attr;
	bool recursive;
};

/* Both kinds of attributes, the propagations in their order and the id mapping in as few calls as can be. */
static int plan_changes(const struct piece *p, const struct attributes *one,
			struct change out[2 + PROPAGATIONS_MAX])
{
	int n = 0;

	if (p->tree.set || p->tree.clear || (p->idmap && p->recursive_idmap))
		out[n++] = (struct change){
		    {.attr_set = p->tree.set, .attr_clr = p->tree.clear},
			  true
		      };
	if (p->idmap && p->recursive_idmap) {
		out[n - 1].attr.attr_set |= MOUNT_ATTR_IDMAP;
		out[n - 1].attr.userns_fd = (unsigned)p->user_namespace;
	}
	if (one->set || one->clear || (p->idmap && !p->recursive_idmap))
		out[n++] = (struct change){
		    {.attr_set = one->set, .attr_clr = one->clear},
		    false
		 };
	if (p->idmap && !p->recursive_idmap) {
		out[n - 1].attr.attr_set |= MOUNT_ATTR_IDMAP;
		out[n - 1].attr.userns_fd = (unsigned)p->user_namespace;
	}
	for (int i = 0; i < PROPAGATIONS_MAX && p->propagation[i].type; i++) {
		const struct propagation *s = &p->propagation[i];

		if (n && out[n - 1].recursive == s->recursive && !out[n - 1].attr.propagation)
			out[n - 1].attr.propagation = s->type;
		else
			out[n++] = (struct change){{.propagation = s->type}, s->recursive};
	}
	return n;
}

static int change_error(const struct change *c, struct error *err)
{
	if (c->attr.attr_set & MOUNT_ATTR_IDMAP && (errno == EINVAL || errno == EPERM))
		return error_set(err, -errno, "its file system cannot be idmapped here: %s", strerror(errno));
	return error_errno(err, "change the mount's attributes");
}

/* 0; -ENOSYS where mount(2) has to do it, nothing is changed or said then. */
static int apply_changes(struct root *r, int fd, const struct piece *p, const struct attributes *one,
			 struct error *err)
{
	struct change changes[2 + PROPAGATIONS_MAX];
	int n = plan_changes(p, one, changes);

	for (int i = 0; i < n; i++) {
		if (set_attributes(fd, changes[i].recursive ? AT_RECURSIVE : 0, changes[i].attr) == 0)
			continue;
		if (i == 0 && is_missing(mount_setattr_is_denied, &r->own.old_attributes))
			return -ENOSYS;
		return change_error(&changes[i], err);
	}
	return 0;
}

/* What fsmount(2) has not given yet. */
static struct attributes later_attributes(const struct piece *p)
{
	struct attributes a = p->one;

	if (p->kind == PIECE_NEW) {
		a.set &= ~first_attributes(p);
		a.clear = 0;
	}
	return a;
}

static int move(struct root *r, int tree, const struct place *at, struct error *err)
{
	if (sys_move_mount(tree, "", at->fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0)
		return 0;
	if (is_missing(move_mount_is_denied, &r->own.old_mounts))
		return -ENOSYS;
	return error_errno(err, "attach the mount");
}

/* The new way. -ENOSYS: it is not to be had, nothing was done. */
static int attach_by_calls(struct root *r, const struct piece *p, const struct place *at, int *top,
			   struct error *err)
{
	auto_close int made = -EBADF;
	struct attributes later = later_attributes(p);
	int ret = 0, tree = p->fd;
	bool late;

	if (p->kind != PIECE_TREE) {
		made = tree = p->kind == PIECE_NEW ? new_mount(r, p, err) : clone_mount(r, p, err);
		if (made < 0)
			return made;
	}
	if (p->kind == PIECE_NEW)
		ret = context_mark(r, p, tree, err);
	if (ret == 0 && p->fill)
		ret = p->fill(tree, at->fd, err);
	if (ret < 0)
		return ret;
	ret = r->own.old_attributes ? -ENOSYS : apply_changes(r, tree, p, &later, err);
	if (ret < 0 && ret != -ENOSYS)
		return ret;
	late = ret == -ENOSYS;
	ret = move(r, tree, at, err);
	/* mount(2) can only change what hangs somewhere. */
	if (ret == 0 && late)
		ret = classic_change(r, tree, p, &later, err);
	if (ret == 0 && top) {
		*top = made >= 0 ? TAKE_FD(made) : fcntl(tree, F_DUPFD_CLOEXEC, 3);
		if (*top < 0)
			ret = error_errno(err, "copy a descriptor");
	}
	return ret;
}

/* Attributes (`one` in place of p->one), propagation and id mapping of p for a mount that is already there. */
static int apply(struct root *r, int fd, const struct piece *p, const struct attributes *one, struct error *err)
{
	int ret = -ENOSYS;

	if (!r->own.old_attributes)
		ret = apply_changes(r, fd, p, one, err);
	return ret == -ENOSYS && r->own.old_attributes ? classic_change(r, fd, p, one, err) : ret;
}

/* The old way. */
static int attach_by_mount(struct root *r, const struct piece *p, const struct place *at, int *top, struct error *err)
{
	struct attributes rest;
	auto_close int fd = classic_attach(r, p, at, &rest, err);
	int ret = fd < 0 ? fd : apply(r, fd, p, &rest, err);

	if (ret == 0 && top)
		*top = TAKE_FD(fd);
	return ret;
}

int attach_piece(struct root *r, const struct piece *p, const struct place *at, int *top, struct error *err)
{
	/* fsconfig(2) has no word for these two. */
	bool unspeakable = p->kind == PIECE_NEW && p->super & (MS_SILENT | MS_I_VERSION);
	int ret = -ENOSYS;

	if (!unspeakable && !r->own.old_mounts)
		ret = attach_by_calls(r, p, at, top, err);
	return ret == -ENOSYS && (unspeakable || r->own.old_mounts) ? attach_by_mount(r, p, at, top, err) : ret;
}

int attach_change(struct root *r, int fd, const struct attributes *one, const struct attributes *tree,
		  const struct propagation *spread, struct error *err)
{
	struct piece p = {.kind = PIECE_TREE, .fd = fd};

	if (tree)
		p.tree = *tree;
	if (spread)
		memcpy(p.propagation, spread, sizeof(p.propagation));
	return apply(r, fd, &p, one, err);
}

int attach_remount(struct root *r, int fd, unsigned long super, const char *const *data, size_t data_n,
		   struct error *err)
{
	return classic_remount(r, fd, super, data, data_n, err);
}

int attach_move(struct root *r, int fd, const char *to, struct error *err)
{
	if (!r->own.old_mounts) {
		if (sys_move_mount(fd, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH) == 0)
			return 0;
		if (!is_missing(move_mount_is_denied, &r->own.old_mounts))
			return error_errno(err, "move the mount to %s", to);
	}
	return classic_move(r, fd, to, err);
}
