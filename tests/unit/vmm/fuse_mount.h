/* fuse_mount.h: this machine's own kernel as the guest's: a FUSE mount whose requests go through the device's
 * queues, as a guest's would, to the real broker. Needs root and /dev/fuse; that the machine lacks them is
 * said by -ENOTSUP.
 */
#ifndef UNIT_VMM_FUSE_MOUNT_H
#define UNIT_VMM_FUSE_MOUNT_H

#include <sys/types.h>

#include "vmm/virtio/fs_wire.h"

struct fuse_mount {
	const char *at;
	pid_t server; /* the process with the device in it */
};

/* Mounts the shares (see fs.h) at the existing folder `at`. 0 or a negative errno. */
int fuse_mount(struct fuse_mount *m, const char *at, const struct fs_share *shares, size_t n);
/* And waits for the server's end; its wait status. */
int fuse_unmount(struct fuse_mount *m);

#endif
