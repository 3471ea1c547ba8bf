/* mask.c: see mask.h. */
#include "mount/mask.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/path.h"
#include "base/sys.h"
#include "base/table.h"
#include "mount/attach.h"
#include "mount/dev.h"

/* What covers things: opened at the first need, and used for all of them. */
struct covers {
	int null;  /* the container's null device */
	int empty; /* the top of a tmpfs with nothing in it, once it is attached somewhere */
};

/* -ENOENT: it is not there. */
static int open_target(const struct root *r, const char *path, struct error *err)
{
	struct error why = ERROR_NONE;
	int fd = path_open_beneath(r->fd, path, O_PATH, &why);

	if (fd == -ENOENT || fd == -ENOTDIR || fd == -EACCES)
		return -ENOENT;
	if (fd < 0 && err)
		*err = why;
	return fd;
}

static int cover_directory(struct root *r, struct covers *c, const struct place *at, struct error *err)
{
	static const char *const data[] = {"mode=555", "size=4k", "nr_inodes=2"};
	struct piece fresh = {
	    .kind = PIECE_NEW,
	    .type = "tmpfs",
	    .source = "tmpfs",
	    .data = data,
	    .data_n = ARRAY_LEN(data),
	    .one.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
	};
	struct piece again = {.kind = PIECE_BIND, .fd = c->empty};

	/* One for all: a tmpfs of its own for each costs memory on every processor. The first is attached
	 * itself and the others are cloned from it: to close a mount that was never attached would be an
	 * unmount, which waits for RCU. */
	return c->empty < 0 ? attach_piece(r, &fresh, at, &c->empty, err)
			    : attach_piece(r, &again, at, NULL, err);
}

static int cover_file(struct root *r, struct covers *c, const struct place *at, struct error *err)
{
	struct piece p = {.kind = PIECE_BIND};

	if (c->null < 0) {
		int fd = dev_open_null(r, err);

		if (fd < 0)
			return fd;
		c->null = fd;
	}
	p.fd = c->null;
	return attach_piece(r, &p, at, NULL, err);
}

static int cover(struct root *r, struct covers *c, const char *path, struct error *err)
{
	auto_close int fd = open_target(r, path, err);
	struct place at = {.fd = fd, .root = r->fd, .path = path};
	struct stat st;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (fstat(fd, &st) < 0)
		return error_errno(err, "stat");
	return S_ISDIR(st.st_mode) ? cover_directory(r, c, &at, err) : cover_file(r, c, &at, err);
}

static int make_read_only(struct root *r, const char *path, struct error *err)
{
	auto_close int fd = open_target(r, path, err);
	struct place at = {.fd = fd, .root = r->fd, .path = path};
	struct piece p = {.kind = PIECE_BIND,
			  .fd = fd,
			  .recursive = true,
			  .top_will_do = true,
			  .tree.set = MOUNT_ATTR_RDONLY};

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	return attach_piece(r, &p, &at, NULL, err);
}

static int cover_all(struct root *r, struct covers *c, const struct strings *paths, struct error *err)
{
	for (size_t i = 0; i < paths->n; i++) {
		int ret = cover(r, c, paths->v[i], err);

		if (ret < 0)
			return error_wrap(err, "linux.maskedPaths[%zu] (%s)", i, paths->v[i]), ret;
	}
	return 0;
}

int mask_apply(struct root *r, struct error *err)
{
	const struct oci_linux *l = r->config->linux_;
	struct covers c = {-EBADF, -EBADF};
	int ret = 0;

	if (!l)
		return 0;
	/* Read-only first: what they clone is smaller before the masks hang in it. */
	for (size_t i = 0; ret == 0 && i < l->readonly_paths.n; i++) {
		ret = make_read_only(r, l->readonly_paths.v[i], err);
		if (ret < 0)
			error_wrap(err, "linux.readonlyPaths[%zu] (%s)", i, l->readonly_paths.v[i]);
	}
	if (ret == 0)
		ret = cover_all(r, &c, &l->masked_paths, err);
	if (c.null >= 0)
		close(c.null);
	if (c.empty >= 0)
		close(c.empty);
	return ret;
}
