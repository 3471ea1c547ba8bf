/* fs_turn.h: one request in the monitor; what the files that are the device (fs.c, fs_file.c, fs_dir.c)
 * share. */
#ifndef VMM_VIRTIO_FS_TURN_H
#define VMM_VIRTIO_FS_TURN_H

#include "vmm/virtio/fs.h"
#include "vmm/virtio/fs_handle.h"
#include "vmm/virtio/fs_peer.h"

#define FS_IO_MAX    (1u << 20) /* bytes of one READ or WRITE */
#define FS_DIR_BYTES (32 * 1024)

/* Part of a folder, as getdents64() gave it. The folder's next request mostly goes on where the last one
 * ended. */
struct fs_listing {
	uint64_t handle; /* 0: nobody's */
	uint64_t start;	 /* offset of the first entry that was not yet given */
	size_t at, len;	 /* where it stands in bytes[], how many there are */
	_Alignas(8) char bytes[FS_DIR_BYTES];
};

struct fs {
	struct device device;
	char tag[FS_TAG_MAX];
	char **names; /* of the shares */
	size_t n_names;
	bool ready; /* INIT was answered */
	bool stale; /* what is open belongs to the driver of before the last reset */
	struct fs_peer peer;
	struct fs_handles handles;
	struct fs_listing listing;
	struct chain chain;
};

/* The request in hand. */
struct fs_turn {
	const struct chain *c;
	struct fuse_in_header h; /* h.len is at most what there is */
	const struct fs_op *op;
	size_t room; /* bytes the guest left for the answer's body */
	/* The body's fixed part, for what the monitor answers itself. */
	union {
		struct fuse_init_in init;
		struct fuse_open_in open;
		struct fuse_create_in create;
		struct fuse_getattr_in getattr;
		struct fuse_setattr_in setattr;
		struct fuse_read_in read;
		struct fuse_write_in write;
		struct fuse_release_in release;
		struct fuse_fsync_in fsync;
		struct fuse_fallocate_in fallocate;
		struct fuse_lseek_in lseek;
		struct fuse_copy_file_range_in copy;
	} in;
	/* The answer: `len` bytes of body, in `out` unless they stand in the guest's memory already. */
	size_t len;
	union {
		struct fuse_init_out init;
		struct fuse_open_out open;
		struct {
			struct fuse_entry_out entry;
			struct fuse_open_out open;
		} create;
		struct fuse_attr_out attr;
		struct fuse_write_out write;
		struct fuse_lseek_out lseek;
		struct fuse_entry_out entry;
	} out;
	bool placed;
};

/* The operations: 0 with t->len (and t->out, or t->placed) set, or a negative errno for the guest. */
int fs_file_open(struct fs *fs, struct fs_turn *t);    /* and OPENDIR */
int fs_file_create(struct fs *fs, struct fs_turn *t);  /* and TMPFILE */
int fs_file_release(struct fs *fs, struct fs_turn *t); /* and RELEASEDIR */
int fs_file_read(struct fs *fs, struct fs_turn *t);
int fs_file_write(struct fs *fs, struct fs_turn *t);
int fs_file_sync(struct fs *fs, struct fs_turn *t); /* and FSYNCDIR */
int fs_file_allocate(struct fs *fs, struct fs_turn *t);
int fs_file_seek(struct fs *fs, struct fs_turn *t);
int fs_file_copy(struct fs *fs, struct fs_turn *t);
int fs_file_getattr(struct fs *fs, struct fs_turn *t);
int fs_file_setattr(struct fs *fs, struct fs_turn *t);
int fs_dir_read(struct fs *fs, struct fs_turn *t); /* READDIR and READDIRPLUS */

/* Asks the broker, with the request as the guest wrote it. */
int fs_forward(struct fs *fs, struct fs_turn *t);
/* The answer of the broker is the guest's. */
int fs_pass_on(struct fs *fs, struct fs_turn *t);
/* Writes at `at` of the answer's body, into the guest's memory. */
void fs_place(struct fs_turn *t, size_t at, const void *from, size_t len);

#endif
