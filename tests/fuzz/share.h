/* share.h: what the targets about shared file systems have in common: folders of the host's that are shared (on /dev/shm where there is one), what
 * must never happen to them, and requests made from the input.
 *
 *   share_begin(data, size)    the folders as they were at first; all that follows takes from this input
 *   share_ask(&request)        one request: mostly such that it could succeed, else anything
 *   share_learn(…)             nodes and handles from an answer, which later requests use
 *   share_judge()              aborts unless what lies beside the shares, and in the read-only ones, is as it was
 */
#ifndef FUZZ_SHARE_H
#define FUZZ_SHARE_H

#include "vmm/virtio/fs_wire.h"

enum { SHARES = 3, SHARE_REQUEST_MAX = 72000 };
extern struct fs_share shares[SHARES]; /* the first can be written to */

struct share_request {
	struct fuse_in_header h;
	const struct fs_op *op; /* never NULL: an unknown opcode has one of nothing */
	size_t len;
	_Alignas(8) unsigned char bytes[SHARE_REQUEST_MAX];
};

/* Aborts, with what should have been. */
void share_must(bool what, const char *name);
void share_begin(const uint8_t *data, size_t size);
bool share_left(void); /* is there input */
uint64_t share_take(size_t bytes);
/* The guest starts anew: it knows the top folder only. */
void share_forget(void);
void share_ask(struct share_request *r);
/* What a program of the host's might do in the shared folder meanwhile. */
void share_meddle(void);
void share_learn_node(uint64_t node);
void share_learn_handle(uint64_t node, uint64_t handle, bool folder);
/* Whether this is a file that a guest must not write to. */
struct stat;
bool share_is_fixed(const struct stat *st);
void share_judge(void);

#endif
