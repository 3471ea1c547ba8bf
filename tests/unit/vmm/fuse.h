/* fuse.h: a guest that speaks FUSE to the device, with a real broker behind it and real folders:
 *
 *   BASE/root      share "root"
 *   BASE/root      share "fixed", read-only
 *   BASE/one       a file, share "one"
 *   BASE/outside/secret   nobody's
 */
#ifndef UNIT_VMM_FUSE_H
#define UNIT_VMM_FUSE_H

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "guest.h"
#include "vmm/virtio/fs.h"
#include "vmm/virtio/fs_broker.h"

struct fuse {
	struct guest g;
	struct device *device;
	struct fs_broker broker;
	struct fs_share shares[3];
	char base[64];
	int root, outside; /* descriptors on these folders */
	uint32_t uid, gid; /* of the requests */
	uint64_t unique;
	uint64_t top;		  /* the node of share "root" */
	struct fuse_out_header h; /* of the last answer */
	unsigned char body[1 << 16];
	size_t len; /* of its body */
};
extern struct fuse fuse;

/* The folders; then the broker, the device, and INIT. */
void fuse_make_folders(void);
void fuse_setup(void);
void fuse_teardown(void);
/* INIT with these flags of ours; the answer stands in fuse.body. */
int fuse_init(uint32_t minor, uint32_t flags);

/* One request: fixed part, up to two names (NULL: none), bytes. 0 or the error of the answer; its body stands
 * in fuse.body, at most `room` bytes. Aborts without an answer. */
struct fuse_call {
	uint32_t opcode;
	uint64_t node;
	const void *in;
	size_t in_len;
	const char *name, *name2;
	const void *more;
	size_t more_len;
	size_t room; /* 0: 4096 */
};
int fuse_call(const struct fuse_call *c);
#define FUSE_CALL(...) fuse_call(&(struct fuse_call){__VA_ARGS__})
/* The same with these exact bytes, header and all, on queue q; GUEST_NOTHING without an answer. */
int64_t fuse_raw(uint16_t q, const void *bytes, size_t len, size_t room);

/* A path below the top ("root/a/b"), component by component: its node, or 0 with *error (may be NULL). */
uint64_t fuse_walk(const char *path, int *error);
uint64_t fuse_lookup(uint64_t node, const char *name, int *error);
const struct fuse_entry_out *fuse_entry(void);
/* A handle, or 0. */
uint64_t fuse_open(uint64_t node, int flags, int *error);
uint64_t fuse_opendir(uint64_t node, int *error);
uint64_t fuse_create(uint64_t folder, const char *name, int flags, uint32_t mode, uint64_t *node, int *error);
int fuse_read(uint64_t node, uint64_t fh, uint64_t at, uint32_t size); /* bytes in fuse.body, or an error */
int fuse_write(uint64_t node, uint64_t fh, uint64_t at, const void *p, uint32_t size, uint32_t file_flags,
	       uint32_t write_flags);
int fuse_release(uint64_t node, uint64_t fh, bool folder);
int fuse_setattr(uint64_t node, const struct fuse_setattr_in *in);
const struct fuse_attr *fuse_getattr(uint64_t node); /* NULL on failure */
void fuse_forget(uint64_t node, uint64_t n);
/* Reads the whole folder with answers of at most `size` bytes; calls each() for every entry; how many, or an
 * error. */
int fuse_list(uint64_t node, bool plus, uint32_t size,
	      void (*each)(const struct fuse_dirent *d, const struct fuse_entry_out *e));

/* Whether we are root of all users, and not of a user namespace with few. */
bool fuse_has_all_ids(void);

/* Files of the host, below BASE/root. */
void host_write(const char *path, const char *text);
const char *host_read(const char *path);

#endif
