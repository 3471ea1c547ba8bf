/* cgroup_view.c: see cgroup_view.h. */
#include "mount/cgroup_view.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/sys.h"

static bool has_cgroups(const struct root *r)
{
	return r->hierarchies && r->hierarchies[0].name;
}

int cgroup_view_hide(struct root *r, const struct place *at, struct error *err)
{
	static const char *const data[] = {"mode=555", "size=4k", "nr_inodes=2"};
	struct piece p = {
	    .kind = PIECE_NEW,
	    .type = "tmpfs",
	    .source = "tmpfs",
	    .data = data,
	    .data_n = 3,
	    .one.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
	};

	return attach_piece(r, &p, at, NULL, err);
}

/* The host's folder of the container's cgroup, in place of a mount of its own. */
static int bind_cgroup(struct root *r, const struct root_hierarchy *h, const struct attributes *a,
		       const struct place *at, struct error *err)
{
	auto_close int fd = open(h->host_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct piece p = {
	    .kind = PIECE_BIND, .fd = fd, .one.set = a->set, .one.clear = a->clear & MOUNT_ATTR__ATIME};

	if (fd < 0)
		return error_errno(err, "open %s", h->host_path);
	return attach_piece(r, &p, at, NULL, err);
}

static const struct root_hierarchy *find_v2(const struct root *r)
{
	for (const struct root_hierarchy *h = r->hierarchies; h && h->name; h++)
		if (!h->options)
			return h;
	return NULL;
}

static int mount_v2(struct root *r, const struct oci_mount *m, const struct mount_words *w,
		    const struct place *at, struct error *err)
{
	const struct root_hierarchy *own = find_v2(r);
	struct error why = ERROR_NONE;
	struct piece p = {
	    .kind = PIECE_NEW,
	    .type = "cgroup2",
	    .source = m->source ? m->source : "cgroup",
	    .data = w->data,
	    .data_n = w->data_n,
	    .one = w->one,
	};
	int ret;

	memcpy(p.propagation, w->propagation, sizeof(p.propagation));
	ret = attach_piece(r, &p, at, NULL, &why);
	/* Not ours to mount in a user namespace without a cgroup namespace of its own; busy where the host's
	 * options differ. */
	if (ret == -EPERM || ret == -EBUSY || ret == -EACCES) {
		ret = own ? bind_cgroup(r, own, &w->one, at, &why) : -ENOENT;
		if (ret == -ENOENT)
			return cgroup_view_hide(r, at, err);
	}
	if (ret < 0 && err)
		*err = why;
	return ret;
}

static int mount_v1_fs(struct root *r, const struct root_hierarchy *h, const struct attributes *a,
		       const struct place *at, struct error *err)
{
	auto_free char *copy = strdup(h->options ? h->options : "");
	const char *data[16];
	struct piece p = {.kind = PIECE_NEW,
			  .type = h->options ? "cgroup" : "cgroup2",
			  .source = "cgroup",
			  .data = data,
			  .one = *a};

	if (!copy)
		return error_set(err, -ENOMEM, "out of memory");
	for (char *rest = copy, *word; p.data_n < 16 && (word = strsep(&rest, ","));)
		if (*word)
			data[p.data_n++] = word;
	return attach_piece(r, &p, at, NULL, err);
}

static int mount_hierarchy(struct root *r, int top, const struct root_hierarchy *h,
			   const struct attributes *a, struct error *err)
{
	auto_close int fd = -EBADF;
	struct error why = ERROR_NONE;
	struct place at = {.root = top, .path = h->name};
	int ret = -EPERM;

	if (strchr(h->name, '/'))
		return error_set(err, -EINVAL, "'%s' is no name of a cgroup hierarchy", h->name);
	if (mkdirat(top, h->name, 0755) < 0)
		return error_errno(err, "make the directory %s", h->name);
	at.fd = fd = openat(top, h->name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, "open the directory %s", h->name);
	if (r->cgroup_namespace)
		ret = mount_v1_fs(r, h, a, &at, &why);
	if (ret < 0 && h->host_path)
		ret = bind_cgroup(r, h, a, &at, &why);
	if (ret < 0) {
		if (err)
			*err = why;
		error_wrap(err, "hierarchy %s", h->name);
	}
	return ret;
}

/* Controllers that share a hierarchy are found under each of their names, too. */
static int link_controllers(int top, const struct root_hierarchy *h, struct error *err)
{
	auto_free char *copy = strdup(h->name);

	if (!copy)
		return error_set(err, -ENOMEM, "out of memory");
	if (!strchr(copy, ','))
		return 0;
	for (char *rest = copy, *word; (word = strsep(&rest, ","));)
		if (*word && symlinkat(h->name, top, word) < 0 && errno != EEXIST)
			return error_errno(err, "link %s to %s", word, h->name);
	return 0;
}

static int mount_v1(struct root *r, const struct mount_words *w, const struct place *at, struct error *err)
{
	static const char *const data[] = {"mode=755"};
	static const struct attributes read_only = {.set = MOUNT_ATTR_RDONLY};
	auto_close int top = -EBADF;
	struct piece p = {
	    .kind = PIECE_NEW, .type = "tmpfs", .source = "tmpfs", .data = data, .data_n = 1, .one = w->one};
	int ret;

	/* The tmpfs is sealed last: it has to take the directories first. */
	p.one.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	memcpy(p.propagation, w->propagation, sizeof(p.propagation));
	ret = attach_piece(r, &p, at, &top, err);
	for (const struct root_hierarchy *h = r->hierarchies; ret == 0 && h->name; h++) {
		ret = mount_hierarchy(r, top, h, &w->one, err);
		if (ret == 0)
			ret = link_controllers(top, h, err);
	}
	if (ret == 0 && w->one.set & MOUNT_ATTR_RDONLY)
		ret = attach_change(r, top, &read_only, NULL, NULL, err);
	return ret;
}

int cgroup_view_mount(struct root *r, const struct oci_mount *m, const struct mount_words *w,
		      const struct place *at, struct error *err)
{
	if (r->cgroup_v2 || !strcmp(m->type, "cgroup2"))
		return mount_v2(r, m, w, at, err);
	return has_cgroups(r) ? mount_v1(r, w, at, err) : cgroup_view_hide(r, at, err);
}
