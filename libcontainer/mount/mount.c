/* mount.c: see mount.h. */
#include "mount/mount.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/table.h"
#include "mount/attach.h"
#include "mount/cgroup_view.h"
#include "mount/copyup.h"
#include "mount/destination.h"
#include "mount/idmapped.h"

static bool is_type(const struct oci_mount *m, const char *type)
{
	return m->type && !strcmp(m->type, type);
}

static bool has_type(const struct oci_mount *m)
{
	return m->type && *m->type && strcmp(m->type, "none") != 0;
}

bool mount_is_bind(const struct oci_mount *m, const struct mount_words *w)
{
	return w->bind || is_type(m, "bind") || is_type(m, "rbind");
}

static bool is_recursive(const struct oci_mount *m, const struct mount_words *w)
{
	return w->recursive_bind || is_type(m, "rbind");
}

static bool is_cgroup(const struct oci_mount *m)
{
	return is_type(m, "cgroup") || is_type(m, "cgroup2");
}

/* Only words about a mount that is already there: "remount", or propagation of a type "none". */
static bool is_change(const struct oci_mount *m, const struct mount_words *w)
{
	return w->remount || (!mount_is_bind(m, w) && !has_type(m) && w->propagation[0].type);
}

/* Mappings without the word mean `idmap`. */
static bool is_idmapped(const struct oci_mount *m, const struct mount_words *w)
{
	return w->idmap || w->recursive_idmap || m->uid_mappings.n;
}

/* The clearing words of a bind are only about other words; see options.h. */
static struct attributes bind_attributes(const struct mount_words *w)
{
	return (struct attributes){w->one.set, w->remount ? w->one.clear : w->one.clear & MOUNT_ATTR__ATIME};
}

static int check_form(const struct oci_mount *m, const struct mount_words *w, const char *place,
		      struct error *err)
{
	bool bind = mount_is_bind(m, w);

	if (!m->destination || !*m->destination)
		return error_set(err, -EINVAL, "%s.destination: empty", place);
	if (!m->uid_mappings.n != !m->gid_mappings.n)
		return error_set(err, -EINVAL, "%s: uidMappings and gidMappings: one needs the other", place);
	if (w->idmap && w->recursive_idmap)
		return error_set(err, -EINVAL, "%s.options: idmap and ridmap exclude each other", place);
	if (is_idmapped(m, w) && (is_change(m, w) || is_cgroup(m)))
		return error_set(err, -EINVAL, "%s: only a new mount can be idmapped", place);
	if (w->copy_up && !is_type(m, "tmpfs"))
		return error_set(err, -EINVAL, "%s.options: tmpcopyup is for type tmpfs only", place);
	if (bind && !w->remount && (!m->source || !*m->source))
		return error_set(err, -EINVAL, "%s.source: missing, a bind mount needs one", place);
	/* Another runtime's way to write mappings: whoever asks for a mapping must not get a mount without one. */
	for (size_t i = 0; i < w->data_n; i++)
		if (str_starts(w->data[i], "idmap=") || str_starts(w->data[i], "ridmap="))
			return error_set(err, -EINVAL, "%s.options: '%s': a mount's mappings belong in uidMappings and gidMappings", place, w->data[i]);
	/* "mode=755" is for a file system, and mount(2) passes over it as well; a bare word may be a "nosuid"
	 * misspelt. */
	for (size_t i = 0; bind && i < w->data_n; i++) {
		if (!strchr(w->data[i], '='))
			return error_set(
			    err, -EINVAL,
			    "%s.options: '%s' is unknown, and a bind mount has no file system to give it to",
			    place, w->data[i]);
		log_line(LOG_WARNING,
			 "%s.options: '%s' is for a file system, and a bind mount makes none: ignored", place,
			 w->data[i]);
	}
	if (!bind && !has_type(m) && !is_change(m, w))
		return error_set(err, -EINVAL, "%s.type: missing, and it is no bind mount", place);
	return 0;
}

bool mount_is_shared(const struct oci_mount *m, struct mount_share *out)
{
	auto_words struct mount_words w = {0};

	if (mount_words_parse(&m->options, &w, NULL) < 0 || !mount_is_bind(m, &w) || is_change(m, &w))
		return false;
	*out = (struct mount_share){
	    .read_only = (w.one.set | w.tree.set) & MOUNT_ATTR_RDONLY,
	    .idmapped = is_idmapped(m, &w),
	    .alone = !is_recursive(m, &w),
	};
	return true;
}

int mount_check(const struct oci_mount *m, const char *place, struct error *err)
{
	auto_words struct mount_words w = {0};
	int ret = mount_words_parse(&m->options, &w, err);

	if (ret < 0)
		return error_wrap(err, "%s.options", place);
	return check_form(m, &w, place, err);
}

/* Whose mappings: the mount's own, or for the bare words the container's. */
static int open_mappings(const struct oci_mount *m, int container, struct error *err)
{
	int fd;

	if (m->uid_mappings.n)
		return idmapped_open_namespace(&m->uid_mappings, &m->gid_mappings, err);
	if (container < 0)
		return error_set(err, -EINVAL,
				 "idmap without mappings, and there is no user namespace to take them from");
	fd = fcntl(container, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? error_errno(err, "copy a descriptor") : fd;
}

int root_open_mappings(const struct oci_config *config, struct error *err)
{
	const struct oci_namespace *ns = oci_namespace_find(config, OCI_NS_USER);
	bool wanted = false;
	int fd;

	for (size_t i = 0; ns && i < config->mounts.n; i++) {
		const struct oci_mount *m = &config->mounts.v[i];

		for (size_t j = 0; j < m->options.n; j++)
			if (!m->uid_mappings.n &&
			    (!strcmp(m->options.v[j], "idmap") || !strcmp(m->options.v[j], "ridmap")))
				wanted = true;
	}
	if (!wanted)
		return -EBADF;
	if (!ns->path)
		return idmapped_open_namespace(&config->linux_->uid_mappings, &config->linux_->gid_mappings,
					       err);
	fd = open(ns->path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_errno(err, "open the user namespace %s", ns->path) : fd;
}

static int idmap_tree(int tree, const struct oci_mount *m, const struct mount_words *w, int container,
		      struct error *err)
{
	auto_close int ns = open_mappings(m, container, err);
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)ns};

	if (ns < 0)
		return ns;
	if (sys_mount_setattr(tree, "", AT_EMPTY_PATH | (w->recursive_idmap ? AT_RECURSIVE : 0), &attr,
			      sizeof(attr)) == 0)
		return 0;
	if (errno == EINVAL)
		return error_set(err, -EINVAL, "file system of %s cannot be idmapped", m->source);
	return error_errno(err, "idmap the mount of %s", m->source);
}

int root_source_open(const struct oci_mount *m, const char *bundle, int userns_fd, const char *place,
		     struct error *err)
{
	auto_words struct mount_words w = {0};
	auto_free char *path = NULL;
	auto_close int tree = -EBADF;
	int ret = mount_words_parse(&m->options, &w, err);

	if (ret < 0)
		return error_wrap(err, "%s.options", place);
	if (!mount_is_bind(m, &w) || is_change(m, &w) || !m->source)
		return -EBADF;
	path = *m->source == '/' ? strdup(m->source) : path_join(bundle, m->source);
	if (!path)
		return error_set(err, -ENOMEM, "%s: out of memory", place);
	tree = sys_open_tree(AT_FDCWD, path,
			     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (is_recursive(m, &w) ? AT_RECURSIVE : 0));
	/* Where this fails, the container's process tries with what it has: mount(2), and its own rights. */
	if (tree < 0 && !is_idmapped(m, &w) && sys_missing(errno, true))
		return -EBADF;
	if (tree < 0)
		return error_errno(err, "%s (%s): open %s", place, m->destination, path);
	if (is_idmapped(m, &w)) {
		ret = idmap_tree(tree, m, &w, userns_fd, err);
		if (ret < 0)
			return error_wrap(err, "%s (%s)", place, m->destination);
	}
	return TAKE_FD(tree);
}

static unsigned long root_propagation(const struct root *r)
{
	switch (r->config->linux_ ? r->config->linux_->rootfs_propagation : -1) {
	case OCI_SHARED:
		/* Nobody in another user namespace may mount for the host. */
		return r->user_namespace ? MS_SLAVE : 0;
	case OCI_SLAVE:
		return MS_SLAVE;
	default:
		return MS_PRIVATE;
	}
}

/* What hangs in our namespace has the root's propagation already, and a fresh mount is private; a source that
 * the host's side opened is still one of the host's. */
static void plan_propagation(const struct root *r, const struct mount_words *w, struct piece *p)
{
	unsigned long inherited = root_propagation(r);
	int n = 0;

	if (p->kind == PIECE_TREE && inherited)
		p->propagation[n++] = (struct propagation){inherited, true};
	for (int i = 0; i < PROPAGATIONS_MAX && n < PROPAGATIONS_MAX && w->propagation[i].type; i++) {
		if (i == 0 && n == 0 && w->propagation[i].type == MS_PRIVATE && inherited == MS_PRIVATE)
			continue;
		if (i == 0 && n == 1 && w->propagation[i].recursive && w->propagation[i].type != MS_SHARED)
			n = 0;
		p->propagation[n++] = w->propagation[i];
	}
}

static int open_source(const struct root *r, size_t i, int *own, struct error *err)
{
	const struct oci_mount *m = &r->config->mounts.v[i];

	if (r->sources && r->sources[i] >= 0)
		return r->sources[i];
	*own = open(m->source, O_PATH | O_CLOEXEC);
	return *own < 0 ? error_errno(err, "open %s", m->source) : *own;
}

/* Binding over the root: the new top is the root from now on. */
static int replace_root(struct root *r, int top)
{
	int ret = dup3(top, r->fd, O_CLOEXEC);

	close(top);
	return ret;
}

static int mount_bind(struct root *r, size_t i, const struct mount_words *w, struct error *err)
{
	const struct oci_mount *m = &r->config->mounts.v[i];
	auto_close int own = -EBADF, at_fd = -EBADF, ns = -EBADF;
	int source = open_source(r, i, &own, err), where, top = -EBADF, ret;
	struct piece p = {
	    .kind = own >= 0 ? PIECE_BIND : PIECE_TREE, .fd = source, .recursive = is_recursive(m, w)};
	struct place at = {.root = r->fd, .path = m->destination};
	struct stat st;

	if (source < 0)
		return source;
	if (fstat(source, &st) < 0)
		return error_errno(err, "stat %s", m->source);
	at.fd = at_fd = destination_open(r->fd, m->destination,
					 S_ISDIR(st.st_mode) ? DESTINATION_DIRECTORY : DESTINATION_FILE, err);
	if (at_fd < 0)
		return at_fd;
	where = destination_check(r, at_fd, source, false, err);
	if (where < 0)
		return where;
	p.one = bind_attributes(w);
	p.tree = w->tree;
	plan_propagation(r, w, &p);
	if (is_idmapped(m, w) && p.kind == PIECE_BIND) {
		p.idmap = true;
		p.recursive_idmap = w->recursive_idmap;
		p.user_namespace = ns = open_mappings(m, -EBADF, err);
		if (ns < 0)
			return ns;
	}
	ret = attach_piece(r, &p, &at, where == DESTINATION_TOP ? &top : NULL, err);
	if (ret == 0 && top >= 0 && replace_root(r, top) < 0)
		ret = error_errno(err, "replace the root");
	if (ret == 0 && (where == DESTINATION_DEV || where == DESTINATION_TOP))
		r->own.bound_dev = where == DESTINATION_DEV;
	return ret;
}

static int change_mount(struct root *r, const struct oci_mount *m, const struct mount_words *w,
			struct error *err)
{
	auto_close int fd = path_open_beneath(r->fd, m->destination, O_PATH, err);
	bool file_system = w->remount && !mount_is_bind(m, w);
	unsigned long super = w->super | (w->one.set & MOUNT_ATTR_RDONLY ? MS_RDONLY : 0);
	int ret = 0;

	if (fd < 0)
		return fd;
	if (file_system && (w->super || w->data_n))
		ret = attach_remount(r, fd, super, w->data, w->data_n, err);
	return ret < 0 ? ret : attach_change(r, fd, &w->one, &w->tree, w->propagation, err);
}

/* The host's /sys has the host's cgroups in it, which a sysfs of its own would not have. */
static int hide_cgroups(struct root *r, int sys, struct error *err)
{
	auto_close int fd = openat(sys, "fs/cgroup", O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
	struct place at = {.fd = fd, .root = sys, .path = "fs/cgroup"};

	return fd < 0 ? 0 : cgroup_view_hide(r, &at, err);
}

/* Where the kernel does not let a user namespace mount one of its own, the host's, as the peers do. */
static int bind_host_instead(struct root *r, const char *type, const struct mount_words *w,
			     const struct place *at, struct error *err)
{
	bool sysfs = !strcmp(type, "sysfs");
	auto_close int fd = open(sysfs ? "/sys" : "/dev/mqueue", O_PATH | O_DIRECTORY | O_CLOEXEC),
		       top = -EBADF;
	struct piece p = {.kind = PIECE_BIND, .fd = fd, .recursive = true, .top_will_do = true};
	int ret;

	if (fd < 0)
		return error_errno(err, "open the host's in its place");
	/* All of it: below the host's /sys more is mounted than the config speaks of. */
	p.tree.set =
	    w->one.set & (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	plan_propagation(r, w, &p);
	ret = attach_piece(r, &p, at, &top, err);
	return ret == 0 && sysfs ? hide_cgroups(r, top, err) : ret;
}

/* Kernel file systems have one superblock for everybody who mounts them: read-only is the mount then, not the
 * file system. */
static bool is_disk(const char *type)
{
	static const char *const others[] = {"proc",	    "sysfs",   "tmpfs",	     "mqueue",	 "devpts",
					     "devtmpfs",    "ramfs",   "cgroup",     "cgroup2",	 "bpf",
					     "debugfs",	    "tracefs", "securityfs", "configfs", "hugetlbfs",
					     "binfmt_misc", NULL};

	return name_lookup(others, type) < 0;
}

enum { EXTRA_WORDS = 3 };

/* The words for the file system: those of the config, and what the runtime adds. */
struct data {
	const char **v;
	size_t n;
	char *made[EXTRA_WORDS];
	size_t made_n;
};

static void data_free(struct data *d)
{
	for (size_t i = 0; i < d->made_n; i++)
		free(d->made[i]);
	free(d->v);
}

static bool has_key(const struct data *d, const char *key)
{
	for (size_t i = 0; i < d->n; i++)
		if (str_starts(d->v[i], key))
			return true;
	return false;
}

static int data_add(struct data *d, char *word, struct error *err)
{
	if (!word)
		return error_set(err, -ENOMEM, "out of memory");
	d->made[d->made_n++] = word;
	d->v[d->n++] = word;
	return 0;
}

/* The copy begins with the directory itself. */
static int add_directory(struct data *d, int below, struct error *err)
{
	struct stat st;
	int ret = 0;

	if (fstat(below, &st) < 0)
		return error_errno(err, "stat");
	if (!has_key(d, "mode="))
		ret = data_add(d, str_printf("mode=%o", st.st_mode & 07777), err);
	if (ret == 0 && !has_key(d, "uid="))
		ret = data_add(d, str_printf("uid=%u", st.st_uid), err);
	if (ret == 0 && !has_key(d, "gid="))
		ret = data_add(d, str_printf("gid=%u", st.st_gid), err);
	return ret;
}

static int gather_data(const struct mount_words *w, int below, struct data *d, struct error *err)
{
	int ret = 0;

	d->v = calloc(w->data_n + EXTRA_WORDS, sizeof(*d->v));
	if (!d->v)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < w->data_n; i++)
		d->v[d->n++] = w->data[i];
	if (w->copy_up)
		ret = add_directory(d, below, err);
	return ret;
}

static void drop_key(struct data *d, const char *key)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		if (!str_starts(d->v[i], key))
			d->v[n++] = d->v[i];
	d->n = n;
}

/* The attempts for one file system, from what was asked for to what the peers fall back to. */
static int attach_new(struct root *r, const struct oci_mount *m, const struct mount_words *w, struct piece *p,
		      struct data *d, const struct place *at, int *top, struct error *err)
{
	struct error why = ERROR_NONE;
	int ret;

	p->data = d->v;
	p->data_n = d->n;
	ret = attach_piece(r, p, at, top, &why);
	/* gid=5, the host's tty group, has no counterpart in most user namespaces. */
	if (ret == -EINVAL && r->user_namespace && is_type(m, "devpts") && has_key(d, "gid=")) {
		drop_key(d, "gid=");
		p->data_n = d->n;
		ret = attach_piece(r, p, at, top, &why);
	}
	if ((ret == -EPERM || ret == -EACCES) && r->user_namespace &&
	    (is_type(m, "sysfs") || is_type(m, "mqueue")))
		ret = bind_host_instead(r, m->type, w, at, &why);
	if (ret < 0 && err)
		*err = why;
	return ret;
}

static int mount_new(struct root *r, const struct oci_mount *m, const struct mount_words *w,
		     const struct place *at, struct error *err)
{
	auto_close int ns = -EBADF, top = -EBADF;
	struct data d = {0};
	struct piece p = {.kind = PIECE_NEW,
			  .type = m->type,
			  .source = m->source,
			  .super = w->super,
			  .one = w->one,
			  .tree = w->tree};
	bool keep = is_type(m, "proc") && r->proc < 0 && destination_is_path(m->destination, "/proc");
	int ret = gather_data(w, at->fd, &d, err);

	if (w->copy_up)
		p.fill = copyup_fill;
	if (is_disk(m->type) && w->one.set & MOUNT_ATTR_RDONLY)
		p.super |= MS_RDONLY;
	/* Devices and links have to go into it first; root_seal() makes it read-only. */
	if (is_type(m, "tmpfs") && destination_is_path(m->destination, "/dev") &&
	    p.one.set & MOUNT_ATTR_RDONLY) {
		p.one.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
		r->own.seal_dev = true;
	}
	plan_propagation(r, w, &p);
	if (ret == 0 && is_idmapped(m, w)) {
		p.idmap = true;
		p.recursive_idmap = w->recursive_idmap;
		ret = p.user_namespace = ns = open_mappings(m, -EBADF, err);
	}
	if (ret >= 0)
		ret = attach_new(r, m, w, &p, &d, at, keep ? &top : NULL, err);
	if (ret == 0 && keep)
		r->proc = TAKE_FD(top);
	data_free(&d);
	return ret;
}

static int mount_file_system(struct root *r, const struct oci_mount *m, const struct mount_words *w,
			     struct error *err)
{
	bool proc = is_type(m, "proc"), plain = proc || is_type(m, "sysfs");
	auto_close int fd =
	    destination_open(r->fd, m->destination, plain ? DESTINATION_PLAIN : DESTINATION_DIRECTORY, err);
	struct place at = {.fd = fd, .root = r->fd, .path = m->destination};
	int where = fd < 0 ? fd : destination_check(r, fd, -EBADF, proc, err);

	if (where < 0)
		return where;
	if (where == DESTINATION_TOP)
		return error_set(err, -EINVAL, "only a bind mount may take the place of the root");
	if (destination_is_path(m->destination, "/dev")) {
		r->own.bound_dev = false;
		r->own.seal_dev = false;
	}
	return is_cgroup(m) ? cgroup_view_mount(r, m, w, &at, err) : mount_new(r, m, w, &at, err);
}

int mount_entry(struct root *r, size_t i, struct error *err)
{
	const struct oci_mount *m = &r->config->mounts.v[i];
	auto_words struct mount_words w = {0};
	int ret = mount_words_parse(&m->options, &w, err);

	if (ret == 0 && is_change(m, &w))
		ret = change_mount(r, m, &w, err);
	else if (ret == 0 && mount_is_bind(m, &w))
		ret = mount_bind(r, i, &w, err);
	else if (ret == 0 && !has_type(m))
		ret = error_set(err, -EINVAL, "neither a type nor a bind mount");
	else if (ret == 0)
		ret = mount_file_system(r, m, &w, err);
	if (ret < 0)
		error_wrap(err, "mounts[%zu] (%s)", i, m->destination);
	return ret;
}
