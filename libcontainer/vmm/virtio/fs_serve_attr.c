/* fs_serve_attr.c: attributes of files and of file systems; see fs_serve.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/auto.h"
#include "vmm/virtio/fs_serve.h"

void fs_attr_from_statx(struct fuse_attr *to, const struct statx *st)
{
	*to = (struct fuse_attr){
	    .ino = st->stx_ino,
	    .size = st->stx_size,
	    .blocks = st->stx_blocks,
	    .atime = (uint64_t)st->stx_atime.tv_sec,
	    .mtime = (uint64_t)st->stx_mtime.tv_sec,
	    .ctime = (uint64_t)st->stx_ctime.tv_sec,
	    .atimensec = st->stx_atime.tv_nsec,
	    .mtimensec = st->stx_mtime.tv_nsec,
	    .ctimensec = st->stx_ctime.tv_nsec,
	    .mode = st->stx_mode,
	    .nlink = st->stx_nlink,
	    .uid = st->stx_uid,
	    .gid = st->stx_gid,
	    .rdev = fs_device_encode(st->stx_rdev_major, st->stx_rdev_minor),
	    .blksize = st->stx_blksize,
	};
}

void fs_attr_of_top(const struct fs_server *s, struct fuse_attr *to)
{
	*to = (struct fuse_attr){
	    .ino = FUSE_ROOT_ID, .mode = S_IFDIR | 0555, .nlink = (uint32_t)s->n_shares + 2, .blksize = 4096};
}

static int tell(struct fs_server *s, struct fs_inode *i, struct fs_answer *a)
{
	struct fuse_attr_out *out = fs_answer_add(a, sizeof(*out));
	struct fs_key key;
	struct statx st;
	int fd, ret;

	out->attr_valid = FS_VALID_SECONDS;
	if (i->id == FUSE_ROOT_ID) {
		fs_attr_of_top(s, &out->attr);
		return 0;
	}
	fd = fs_inode_fd(s->inodes, i);
	ret = fd < 0 ? fd : fs_key_of(fd, 0, &key, &st);
	if (ret < 0)
		return ret;
	fs_attr_from_statx(&out->attr, &st);
	return 0;
}

int fs_serve_getattr(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	return tell(s, r->inode, a);
}

static int truncate_node(struct fs_server *s, const struct fs_inode *i, int fd,
			 const struct fuse_setattr_in *in)
{
	auto_close int file = -EBADF;
	int ret;

	if (!S_ISREG(i->type))
		return S_ISDIR(i->type) ? -EISDIR : -EINVAL;
	if (in->size > INT64_MAX)
		return -EFBIG;
	file = openat(AT_FDCWD, fs_number(fd).text, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (file < 0)
		return -errno;
	if (in->valid & FATTR_KILL_SUIDGID)
		fs_identity_keep_setid(&s->me, false);
	ret = ftruncate(file, (off_t)in->size) < 0 ? -errno : 0;
	if (in->valid & FATTR_KILL_SUIDGID)
		fs_identity_keep_setid(&s->me, true);
	return ret;
}

static struct timespec time_of(uint32_t valid, uint32_t given, uint32_t now, uint64_t sec, uint32_t nsec)
{
	if (valid & now)
		return (struct timespec){.tv_nsec = UTIME_NOW};
	if (!(valid & given))
		return (struct timespec){.tv_nsec = UTIME_OMIT};
	/* UTIME_NOW and UTIME_OMIT, too, are nanoseconds that no time has. */
	return (struct timespec){.tv_sec = (time_t)sec, .tv_nsec = nsec < 1000000000u ? nsec : 0};
}

static int set_times(int fd, const struct fuse_setattr_in *in)
{
	struct timespec t[2] = {
	    time_of(in->valid, FATTR_ATIME, FATTR_ATIME_NOW, in->atime, in->atimensec),
	    time_of(in->valid, FATTR_MTIME, FATTR_MTIME_NOW, in->mtime, in->mtimensec),
	};

	return utimensat(AT_FDCWD, fs_number(fd).text, t, 0) < 0 ? -errno : 0;
}

static int set_owner(int fd, const struct fuse_setattr_in *in)
{
	uid_t uid = in->valid & FATTR_UID ? in->uid : (uid_t)-1;
	gid_t gid = in->valid & FATTR_GID ? in->gid : (gid_t)-1;

	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int fs_serve_setattr(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	const struct fuse_setattr_in *in = r->body;
	int fd = fs_inode_fd(s->inodes, r->inode), ret = fd < 0 ? fd : 0;

	/* The owner first: a change of it takes set-user-id bits away, which the mode may set. */
	if (ret == 0 && in->valid & (FATTR_UID | FATTR_GID))
		ret = set_owner(fd, in);
	if (ret == 0 && in->valid & FATTR_MODE)
		ret = S_ISLNK(r->inode->type)						? -EOPNOTSUPP
		      : fchmodat(AT_FDCWD, fs_number(fd).text, in->mode & 07777, 0) < 0 ? -errno
											: 0;
	if (ret == 0 && in->valid & FATTR_SIZE)
		ret = truncate_node(s, r->inode, fd, in);
	if (ret == 0 && in->valid & (FATTR_ATIME | FATTR_MTIME | FATTR_ATIME_NOW | FATTR_MTIME_NOW))
		ret = set_times(fd, in);
	return ret < 0 ? ret : tell(s, r->inode, a);
}

int fs_serve_statfs(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	struct fuse_statfs_out *out = fs_answer_add(a, sizeof(*out));
	struct statfs st;
	int fd;

	out->st = (struct fuse_kstatfs){.bsize = 4096, .frsize = 4096, .namelen = FS_NAME_MAX};
	if (r->h.nodeid == FUSE_ROOT_ID)
		return 0;
	fd = fs_inode_fd(s->inodes, r->inode);
	if (fd < 0)
		return fd;
	if (fstatfs(fd, &st) < 0)
		return -errno;
	out->st = (struct fuse_kstatfs){
	    .blocks = st.f_blocks,
	    .bfree = st.f_bfree,
	    .bavail = st.f_bavail,
	    .files = st.f_files,
	    .ffree = st.f_ffree,
	    .bsize = (uint32_t)st.f_bsize,
	    .namelen = (uint32_t)st.f_namelen,
	    .frsize = (uint32_t)st.f_frsize,
	};
	return 0;
}

/* syncfs(2) wants more than O_PATH. A share that is a file of another type than these has nothing to write
 * back. */
static int sync_node(struct fs_server *s, struct fs_inode *i)
{
	auto_close int file = -EBADF;
	int fd = fs_inode_fd(s->inodes, i);

	if (fd < 0)
		return fd;
	if (!S_ISREG(i->type) && !S_ISDIR(i->type))
		return 0;
	file = openat(AT_FDCWD, fs_number(fd).text, O_RDONLY | O_CLOEXEC);
	return file < 0 || syncfs(file) < 0 ? -errno : 0;
}

int fs_serve_syncfs(struct fs_server *s, struct fs_request *r, struct fs_answer *a)
{
	(void)a;
	/* The top folder keeps nothing; each share is a file system of its own to the guest, and synced as
	 * such. */
	if (r->h.nodeid == FUSE_ROOT_ID)
		return 0;
	return fs_read_only(s, r->inode) ? 0 : sync_node(s, r->inode);
}
