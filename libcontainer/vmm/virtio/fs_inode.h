/* fs_inode.h: the files the guest knows: from the node id it uses to the descriptor (O_PATH) that means the
 * same file for ever.
 *
 * A node id is a slot and a number that is never given twice: an id that was forgotten, or guessed, finds
 * nothing. The guest counts its lookups and takes them back by FORGET; what it takes back too much counts for
 * nothing, and the tops of the shares stay whatever it says. One file is one node for each share, as one
 * share may be read-only and another, on the same folder, not.
 *
 * Every node wants a descriptor, and a guest may know more files than a process may have descriptors. Then
 * the descriptors of files that were not used for a while are closed, and opened again by folder and name
 * when they are needed: if another file stands there by then, the answer is -ESTALE, at which the guest's
 * kernel looks again. A file whose name went away keeps its descriptor.
 *
 * One thread only. Nothing here knows of the guest's memory.
 */
#ifndef VMM_VIRTIO_FS_INODE_H
#define VMM_VIRTIO_FS_INODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define FS_NODES_MAX (1u << 20) /* of one guest; more are -ENFILE */
#define FS_NO_SHARE  UINT32_MAX /* the share of the top folder, which is nobody's */

/* Which file it is. */
struct fs_key {
	uint64_t mount, device, inode;
	uint64_t born; /* 0 where the file system does not tell; else the inode's number is not enough once it
			  is closed */
	uint32_t share;
};

struct fs_inode {
	uint64_t id; /* the guest's name for it */
	struct fs_key key;
	mode_t type;   /* S_IFMT bits: an inode never changes them */
	uint64_t seen; /* what OPEN saw of its times and size the last time: see fs_broker_open.c */
	bool pinned;   /* stays, whatever the guest forgets */
	/* The table's. */
	int fd;
	uint64_t lookups;
	uint64_t parent;
	char *name; /* where it can be opened again; NULL: nowhere */
	bool recent;
	struct fs_inode *next;
};

struct fs_inodes;

/* A table whose nodes hold about `descriptors` descriptors, more where they cannot be closed. The top folder
 * is in it: FUSE_ROOT_ID, without a descriptor. 0 or -ENOMEM. */
int fs_inodes_new(size_t descriptors, struct fs_inodes **out);
void fs_inodes_free(struct fs_inodes *t);
/* Forgets all but the top folder: the guest starts anew. */
void fs_inodes_clear(struct fs_inodes *t);
size_t fs_inodes_count(const struct fs_inodes *t);
/* How many of them hold a descriptor. */
size_t fs_inodes_open(const struct fs_inodes *t);

/* Before each request: closes descriptors that were not used for a while where few are left. Never in the
 * middle of one. */
void fs_inodes_trim(struct fs_inodes *t);

/* NULL where the guest may not know this id. */
struct fs_inode *fs_inodes_get(struct fs_inodes *t, uint64_t id);
/* The node of the file that fd (O_PATH) is on, found or made, looked up once more. It takes over fd on
 * success only; name is copied. 0 or negative: -ENFILE where the guest knows too many, -ENOMEM. */
int fs_inodes_look_up(struct fs_inodes *t, const struct fs_key *key, mode_t type, int fd,
		      const struct fs_inode *parent, const char *name, struct fs_inode **out);
/* The node of this file if the guest knows it, or NULL. */
struct fs_inode *fs_inodes_find(struct fs_inodes *t, const struct fs_key *key);
/* Takes back n lookups. */
void fs_inodes_forget(struct fs_inodes *t, uint64_t id, uint64_t n);

/* Its descriptor, the table's, valid until the next fs_inodes_trim(). -ESTALE where it cannot be had any
 * more, -EBADF for the top. */
int fs_inode_fd(struct fs_inodes *t, struct fs_inode *i);
/* This name of the file is about to go: from now on it keeps its descriptor, until it is found under a name
 * again. */
void fs_inode_unname(struct fs_inodes *t, struct fs_inode *i);
void fs_inode_rename(struct fs_inode *i, const struct fs_inode *parent, const char *name);

/* Asks what fd is on. st may be NULL. 0 or -errno. */
struct statx;
int fs_key_of(int fd, uint32_t share, struct fs_key *key, struct statx *st);

#endif
