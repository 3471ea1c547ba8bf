/* fs_serve_open.c: descriptors for the monitor; see fs_serve.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "vmm/virtio/fs_serve.h"

/* Of the guest's flags, what means something on the host. O_APPEND does not: the monitor appends where a
 * WRITE says so, as pages written back through the same descriptor have a place of their own. O_DIRECT
 * neither: the guest's memory is not aligned for it. */
enum { FLAGS = O_ACCMODE | O_TRUNC | O_SYNC | O_DSYNC };

/* A write within this time of the last one may leave no trace in the times of some file systems. */
enum { TICK_NS = 20 * 1000 * 1000 };

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static uint64_t nanoseconds(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

/* The guest keeps the pages it has of a file that nobody changed since it was last opened; otherwise it reads
 * them anew, so that what is written outside is seen at the next open. 0: changed too recently to tell. */
static uint64_t fingerprint(int fd)
{
	struct timespec now;
	struct stat st;
	uint64_t h;

	if (fstat(fd, &st) < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return 0;
	if (nanoseconds(&now) - nanoseconds(&st.st_ctim) < TICK_NS)
		return 0;
	h = mix(mix(mix(1, nanoseconds(&st.st_mtim)), nanoseconds(&st.st_ctim)), (uint64_t)st.st_size);
	return h ? h : 1;
}

static void opened(struct fs_answer *a, int fd, int flags, uint32_t open_flags)
{
	struct fs_opened *o = fs_answer_add(a, sizeof(*o));

	o->open_flags = open_flags;
	o->flags = (flags & O_ACCMODE) == O_RDONLY ? 0 : FS_OPENED_WRITABLE;
	a->fd = fd;
}

/* Where the host's /proc is shared, we are in it: a file's name below leads to our own memory, which we may write to without any right, and
 * whoever had our descriptor could. So nothing there is opened to be written, and no "mem" at all. */
static bool is_dangerous(const struct fs_inode *i, int fd, int flags)
{
	struct statfs fs;

	if ((flags & O_ACCMODE) == O_RDONLY && !(flags & O_TRUNC) && i->name && strcmp(i->name, "mem"))
		return false;
	return fstatfs(fd, &fs) < 0 || fs.f_type == PROC_SUPER_MAGIC;
}

/* Opens what the node is, anew. The type was seen through the same descriptor and never changes: no device,
 * pipe or socket gets here. */
static int open_node(struct fs_server *s, struct fs_inode *i, int flags, bool drop_setid)
{
	int fd = fs_inode_fd(s->inodes, i), ret;

	if (fd < 0)
		return fd;
	if (!S_ISREG(i->type))
		return S_ISDIR(i->type) ? -EISDIR : -ENXIO;
	if ((flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	if (fs_read_only(s, i) && ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC))
		return -EROFS;
	if (is_dangerous(i, fd, flags))
		return -EACCES;
	if (drop_setid)
		fs_identity_keep_setid(&s->me, false);
	ret = openat(AT_FDCWD, fs_number(fd).text, (flags & FLAGS) | O_CLOEXEC | O_NOCTTY);
	if (ret < 0)
		ret = -errno;
	if (drop_setid)
		fs_identity_keep_setid(&s->me, true);
	return ret;
}

int fs_serve_open(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	const struct fuse_open_in *in = r->body;
	int flags = (int)in->flags,
	    fd = open_node(s, r->inode, flags, in->open_flags & FUSE_OPEN_KILL_SUIDGID);
	uint64_t now;

	if (fd < 0)
		return fd;
	now = fingerprint(fd);
	opened(a, fd, flags, now && now == r->inode->seen ? FOPEN_KEEP_CACHE : 0);
	r->inode->seen = now;
	return 0;
}

int fs_serve_opendir(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	struct fs_opened *o;
	int fd = -EBADF;

	if (!S_ISDIR(r->inode->type))
		return -ENOTDIR;
	if (r->h.nodeid != FUSE_ROOT_ID) {
		fd = fs_inode_fd(s->inodes, r->inode);
		if (fd < 0)
			return fd;
		fd = openat(AT_FDCWD, fs_number(fd).text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
	}
	o = fs_answer_add(a, sizeof(*o));
	o->flags = !r->inode->parent ? FS_OPENED_ABOVE : 0;
	a->fd = fd;
	return 0;
}

/* A new file's descriptor and, behind the node's, what the guest is told. */
static int enter_new(struct fs_server *s, struct fs_request *r, struct fs_answer *a, const char *name,
		     int new_fd, int flags)
{
	struct fuse_entry_out *entry = fs_answer_add(a, sizeof(*entry));
	auto_close int fd = new_fd;
	int node, ret;

	/* The descriptor that made it is the file; its name may be another's by now. */
	node = openat(AT_FDCWD, fs_number(fd).text, O_PATH | O_CLOEXEC);
	if (node < 0)
		return -errno;
	ret = fs_enter(s, r->inode, name, node, entry, NULL);
	if (ret < 0)
		return ret;
	opened(a, TAKE_FD(fd), flags, 0);
	return 0;
}

/* It was there already, and the guest does not mind. */
static int open_existing(struct fs_server *s, struct fs_request *r, struct fs_answer *a, int at)
{
	const struct fuse_create_in *in = r->body;
	struct fuse_entry_out *entry;
	struct fs_inode *i;
	int fd = openat(at, r->names[0], O_PATH | O_NOFOLLOW | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	entry = fs_answer_add(a, sizeof(*entry));
	ret = fs_enter(s, r->inode, r->names[0], fd, entry, &i);
	if (ret < 0)
		return ret;
	fd = open_node(s, i, (int)in->flags, in->open_flags & FUSE_OPEN_KILL_SUIDGID);
	if (fd < 0) {
		fs_inodes_forget(s->inodes, i->id, 1);
		return fd;
	}
	opened(a, fd, (int)in->flags, 0);
	return 0;
}

int fs_serve_create(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	const struct fuse_create_in *in = r->body;
	int flags = (int)in->flags, at, fd, ret = fs_name_check(r->names[0]);

	if (ret < 0)
		return ret;
	if ((flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	at = fs_inode_fd(s->inodes, r->inode);
	if (at < 0)
		return at;
	if (fs_read_only(s, r->inode)) {
		fd = -EROFS;
	} else {
		/* O_EXCL always: what is there may be a pipe or a device, and is not to be opened unseen. */
		ret = fs_identity_take(&s->me, r->h.uid, r->h.gid);
		if (ret < 0)
			return ret;
		fd = openat(at, r->names[0],
			    (flags & FLAGS & ~O_TRUNC) | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY,
			    in->mode & 07777);
		fd = fd < 0 ? -errno : fd;
		fs_identity_return(&s->me);
	}
	if (fd >= 0)
		return enter_new(s, r, a, r->names[0], fd, flags);
	if ((fd == -EEXIST || fd == -EROFS) && !(flags & O_EXCL)) {
		ret = open_existing(s, r, a, at);
		return ret == -ENOENT ? fd : ret;
	}
	return fd;
}

int fs_serve_tmpfile(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	const struct fuse_create_in *in = r->body;
	int flags = (int)in->flags, at = fs_inode_fd(s->inodes, r->inode), fd, ret;

	if (at < 0)
		return at;
	ret = fs_identity_take(&s->me, r->h.uid, r->h.gid);
	if (ret < 0)
		return ret;
	/* O_EXCL here says that it never gets a name. */
	fd = openat(at, ".", (flags & (FLAGS | O_EXCL) & ~O_TRUNC) | O_TMPFILE | O_CLOEXEC, in->mode & 07777);
	fd = fd < 0 ? -errno : fd;
	fs_identity_return(&s->me);
	return fd < 0 ? fd : enter_new(s, r, a, NULL, fd, flags);
}
