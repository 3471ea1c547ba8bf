/* fs_serve.h: what the broker (fs_broker.h) does for one request. Inside the broker only; nothing here runs
 * in the monitor.
 *
 *   fs_serve.c        the table of operations, checks that all of them need, forgetting
 *   fs_serve_name.c   what has a name: looking up, making, removing, renaming
 *   fs_serve_open.c   descriptors for the monitor
 *   fs_serve_attr.c   attributes, statfs, syncfs
 *   fs_serve_xattr.c  extended attributes
 *
 * The host's rules, whoever asks for whatever:
 *  - a name is one component, looked up below a descriptor with O_PATH|O_NOFOLLOW: no request can leave its
 * share, however the folders are moved about meanwhile, and no symbolic link is ever followed;
 *  - only what is a regular file or a folder is ever opened. Device nodes, pipes and sockets are shown, made
 * and removed;
 *  - on a proc file system nothing is opened to be written, and nobody's memory at all: we would open our own;
 *  - a read-only share answers -EROFS.
 *
 * What was looked up is reached again as "N" in the current folder, which is this process's own
 * /proc/self/fd: the few system calls that take no descriptor of O_PATH's kind get their file so, and the one
 * link followed is the kernel's to exactly that file.
 */
#ifndef VMM_VIRTIO_FS_SERVE_H
#define VMM_VIRTIO_FS_SERVE_H

#include "vmm/virtio/fs_identity.h"
#include "vmm/virtio/fs_inode.h"
#include "vmm/virtio/fs_wire.h"

struct fs_server {
	const struct fs_share *shares;
	size_t n_shares;
	struct fs_identity me;
	struct fs_inodes *inodes;
};

/* One request, parsed. All of it lies in memory that nobody else writes to. */
struct fs_request {
	struct fuse_in_header h;
	const struct fs_op *op;
	struct fs_inode *inode; /* of h.nodeid */
	const void *body;
	const char *names[2];
	const char *rest; /* behind the names */
	size_t n_rest;
};

struct fs_answer {
	struct fuse_out_header h;
	_Alignas(8) unsigned char body[FS_MESSAGE_MAX - sizeof(struct fuse_out_header)];
	size_t len;  /* of the body */
	int fd;	     /* goes along; -EBADF: none. The server's, to close once it was sent */
	bool silent; /* there is no answer at all */
};

/* n shares, which stay the caller's and alive; at most `descriptors` in the table of nodes. */
int fs_server_init(struct fs_server *s, const struct fs_share *shares, size_t n, size_t descriptors,
		   struct error *err);
void fs_server_free(struct fs_server *s);
/* Does what the `len` bytes of request ask for (aligned to 8 bytes) and fills in the whole answer. Never
 * fails: a failure is an answer. */
void fs_serve(struct fs_server *s, const void *request, size_t len, struct fs_answer *a);

/* The operations. Each fills a->body and a->len, or returns a negative errno. */
int fs_serve_lookup(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_lookup_all(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_symlink(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_mknod(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_mkdir(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_unlink(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_rmdir(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_rename(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_rename2(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_link(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_readlink(struct fs_server *s, struct fs_request *r, struct fs_answer *a);

int fs_serve_open(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_opendir(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_create(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_tmpfile(struct fs_server *s, struct fs_request *r, struct fs_answer *a);

int fs_serve_getattr(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_setattr(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_statfs(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_syncfs(struct fs_server *s, struct fs_request *r, struct fs_answer *a);

int fs_serve_setxattr(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_getxattr(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_listxattr(struct fs_server *s, struct fs_request *r, struct fs_answer *a);
int fs_serve_removexattr(struct fs_server *s, struct fs_request *r, struct fs_answer *a);

/* What they share. */

/* Room for `len` more bytes of answer, zeroed. */
void *fs_answer_add(struct fs_answer *a, size_t len);
bool fs_read_only(const struct fs_server *s, const struct fs_inode *i);
/* The file that fd is on, which stands in dir as name (NULL: it has no name), looked up: *to is what the
 * guest is told. Takes fd over, also on failure. *out may be NULL. */
int fs_enter(struct fs_server *s, const struct fs_inode *dir, const char *name, int fd,
	     struct fuse_entry_out *to, struct fs_inode **out);
/* "N", which is fd in the current folder. */
struct fs_number {
	char text[12];
};
struct fs_number fs_number(int fd);
void fs_attr_from_statx(struct fuse_attr *to, const struct statx *st);
/* The top folder's, which is none of the host's. */
void fs_attr_of_top(const struct fs_server *s, struct fuse_attr *to);

#endif
