/* fs_wire.c: see fs_wire.h. */
#include "vmm/virtio/fs_wire.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>

enum {
	ENTRY = sizeof(struct fuse_entry_out),
	ATTR = sizeof(struct fuse_attr_out),
	OPENED = sizeof(struct fs_opened),
};

#define BODY(type) .body = sizeof(struct type)

/* What is not here: locks, which the guest keeps to itself (nobody outside sees them); ACCESS, as the guest's kernel judges by the
 * mode; FLUSH, as nothing is kept back; IOCTL, POLL, BMAP, which files do not need; INTERRUPT, as requests are done in order; DAX. */
const struct fs_op fs_ops[FS_OPS] = {
	[FUSE_LOOKUP] = {"lookup", FS_BROKER, .names = 1, .top = true, .answer = ENTRY},
	[FUSE_FORGET] = {"forget", FS_BROKER, BODY(fuse_forget_in), .top = true, .silent = true},
	[FUSE_GETATTR] = {"getattr", FS_BOTH, BODY(fuse_getattr_in), .top = true, .answer = ATTR},
	[FUSE_SETATTR] = {"setattr", FS_BOTH, BODY(fuse_setattr_in), .writes = true, .answer = ATTR},
	[FUSE_READLINK] = {"readlink", FS_BROKER, .answer = FS_ANY},
	[FUSE_SYMLINK] = {"symlink", FS_BROKER, .names = 2, .writes = true, .answer = ENTRY},
	[FUSE_MKNOD] = {"mknod", FS_BROKER, BODY(fuse_mknod_in), .names = 1, .writes = true, .answer = ENTRY},
	[FUSE_MKDIR] = {"mkdir", FS_BROKER, BODY(fuse_mkdir_in), .names = 1, .writes = true, .answer = ENTRY},
	[FUSE_UNLINK] = {"unlink", FS_BROKER, .names = 1, .writes = true},
	[FUSE_RMDIR] = {"rmdir", FS_BROKER, .names = 1, .writes = true},
	[FUSE_RENAME] = {"rename", FS_BROKER, BODY(fuse_rename_in), .names = 2, .writes = true},
	[FUSE_LINK] = {"link", FS_BROKER, BODY(fuse_link_in), .names = 1, .writes = true, .answer = ENTRY},
	[FUSE_OPEN] = {"open", FS_BOTH, BODY(fuse_open_in), .answer = OPENED},
	[FUSE_READ] = {"read", FS_MONITOR, BODY(fuse_read_in)},
	[FUSE_WRITE] = {"write", FS_MONITOR, BODY(fuse_write_in), .bytes = true},
	[FUSE_STATFS] = {"statfs", FS_BROKER, .top = true, .answer = sizeof(struct fuse_statfs_out)},
	[FUSE_RELEASE] = {"release", FS_MONITOR, BODY(fuse_release_in)},
	[FUSE_FSYNC] = {"fsync", FS_MONITOR, BODY(fuse_fsync_in)},
	/* The first 8 bytes of fuse_setxattr_in; the rest only where FUSE_SETXATTR_EXT was agreed on. */
	[FUSE_SETXATTR] = {"setxattr", FS_BROKER, FUSE_COMPAT_SETXATTR_IN_SIZE, .names = 1, .bytes = true, .writes = true},
	[FUSE_GETXATTR] = {"getxattr", FS_BROKER, BODY(fuse_getxattr_in), .names = 1, .answer = FS_ANY},
	[FUSE_LISTXATTR] = {"listxattr", FS_BROKER, BODY(fuse_getxattr_in), .answer = FS_ANY},
	[FUSE_REMOVEXATTR] = {"removexattr", FS_BROKER, .names = 1, .writes = true},
	[FUSE_INIT] = {"init", FS_MONITOR, .body = 16, .bytes = true},
	[FUSE_OPENDIR] = {"opendir", FS_BOTH, BODY(fuse_open_in), .top = true, .answer = OPENED},
	[FUSE_READDIR] = {"readdir", FS_MONITOR, BODY(fuse_read_in)},
	[FUSE_RELEASEDIR] = {"releasedir", FS_MONITOR, BODY(fuse_release_in)},
	[FUSE_FSYNCDIR] = {"fsyncdir", FS_MONITOR, BODY(fuse_fsync_in)},
	[FUSE_CREATE] = {"create", FS_BOTH, BODY(fuse_create_in), .names = 1, .answer = ENTRY + OPENED},
	/* By the broker: all is as at the start. */
	[FUSE_DESTROY] = {"destroy", FS_BOTH, .top = true},
	[FUSE_BATCH_FORGET] = {"batch_forget", FS_BROKER, BODY(fuse_batch_forget_in), .bytes = true, .top = true, .silent = true},
	[FUSE_FALLOCATE] = {"fallocate", FS_MONITOR, BODY(fuse_fallocate_in)},
	[FUSE_READDIRPLUS] = {"readdirplus", FS_BOTH, BODY(fuse_read_in), .bytes = true, .top = true, .answer = FS_ANY},
	[FUSE_RENAME2] = {"rename2", FS_BROKER, BODY(fuse_rename2_in), .names = 2, .writes = true},
	[FUSE_LSEEK] = {"lseek", FS_MONITOR, BODY(fuse_lseek_in)},
	[FUSE_COPY_FILE_RANGE] = {"copy_file_range", FS_MONITOR, BODY(fuse_copy_file_range_in)},
	[FUSE_SYNCFS] = {"syncfs", FS_BROKER, BODY(fuse_syncfs_in), .top = true},
	[FUSE_TMPFILE] = {"tmpfile", FS_BOTH, BODY(fuse_create_in), .names = 1, .writes = true, .answer = ENTRY + OPENED},
};

int fs_op_parse(const struct fs_op *op, const void *body, size_t len, const char *names[2], const char **rest)
{
	const char *p = body, *end = p + len;

	if (len < op->body)
		return -EINVAL;
	p += op->body;
	for (int i = 0; i < op->names; i++) {
		const char *nul = memchr(p, '\0', (size_t)(end - p));

		if (!nul)
			return -EINVAL;
		names[i] = p;
		p = nul + 1;
	}
	*rest = p;
	return p == end || op->bytes ? 0 : -EINVAL;
}

int fs_name_check(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || !strcmp(name, ".") || !strcmp(name, "..") || memchr(name, '/', n))
		return -EINVAL;
	return n > FS_NAME_MAX ? -ENAMETOOLONG : 0;
}

size_t fs_descriptors_allow(size_t wanted)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return 0;
	if (r.rlim_cur >= wanted)
		return wanted;
	if (r.rlim_max < wanted && setrlimit(RLIMIT_NOFILE, &(struct rlimit){wanted, wanted}) == 0)
		return wanted;
	r.rlim_cur = r.rlim_max < wanted ? r.rlim_max : wanted;
	setrlimit(RLIMIT_NOFILE, &r);
	return r.rlim_cur;
}

/* 12 bits of major number, 20 of minor, the latter in two parts. */
uint32_t fs_device_encode(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | (major & 0xfff) << 8 | (minor & 0xfff00) << 12;
}

dev_t fs_device_decode(uint32_t device)
{
	return makedev(device >> 8 & 0xfff, (device & 0xff) | (device >> 12 & 0xfff00));
}

void fs_attr_from_stat(struct fuse_attr *to, const struct stat *st)
{
	*to = (struct fuse_attr){
	    .ino = st->st_ino,
	    .size = (uint64_t)st->st_size,
	    .blocks = (uint64_t)st->st_blocks,
	    .atime = (uint64_t)st->st_atim.tv_sec,
	    .mtime = (uint64_t)st->st_mtim.tv_sec,
	    .ctime = (uint64_t)st->st_ctim.tv_sec,
	    .atimensec = (uint32_t)st->st_atim.tv_nsec,
	    .mtimensec = (uint32_t)st->st_mtim.tv_nsec,
	    .ctimensec = (uint32_t)st->st_ctim.tv_nsec,
	    .mode = st->st_mode,
	    .nlink = (uint32_t)st->st_nlink,
	    .uid = st->st_uid,
	    .gid = st->st_gid,
	    .rdev = fs_device_encode(major(st->st_rdev), minor(st->st_rdev)),
	    .blksize = (uint32_t)st->st_blksize,
	};
}
