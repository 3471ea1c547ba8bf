/* fs_handle.h: the files and folders the guest has open: descriptors in the monitor, by the number the guest
 * was given.
 *
 * A number is a slot and a count that is never given twice; a guessed or closed one is -EBADF, and so is one
 * used for another node or as another kind of thing than it was opened as.
 */
#ifndef VMM_VIRTIO_FS_HANDLE_H
#define VMM_VIRTIO_FS_HANDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FS_HANDLES_MAX (1u << 16) /* open at a time, where the process may have so many descriptors */

struct fs_handle {
	uint64_t id; /* 0: free */
	uint64_t node;
	int fd; /* -EBADF: the top folder */
	bool folder, writable;
	bool above;    /* what is above it is not the guest's to know */
	uint32_t next; /* of the free ones */
};

struct fs_handles {
	struct fs_handle *v;
	uint32_t n, room, first_free; /* 0: none is free; [0] is never used */
	uint32_t count;		      /* the upper half of the next id */
	uint32_t most;		      /* open at a time; beyond it -ENFILE. Set by whoever makes the table */
};

/* Takes over h->fd, on success only, and fills in h->id. 0, -ENFILE or -ENOMEM. */
int fs_handles_add(struct fs_handles *t, struct fs_handle *h);
/* NULL: -EBADF. */
struct fs_handle *fs_handles_get(struct fs_handles *t, uint64_t id, uint64_t node, bool folder);
/* Any file the guest has open of this node, or NULL. Looks at all. */
struct fs_handle *fs_handles_find(struct fs_handles *t, uint64_t node);
void fs_handles_close(struct fs_handles *t, struct fs_handle *h);
void fs_handles_close_all(struct fs_handles *t); /* and frees the table, which is as new */

#endif
