/* fs.h: the shared file system (virtio 1.2, section 5.11; FUSE 7.31 and later): folders and files of the
 * host, in the guest.
 *
 * To the guest it is one file system with a tag. Its top folder is read-only and has an entry for each share,
 * under the share's name; a share that is a folder is a file system of its own there (FUSE_SUBMOUNTS). The
 * guest's kernel judges who may do what, by owner and mode; the host judges what stands in fs_serve.h.
 *
 * Data goes straight between the guest's memory and the file, by descriptors. Everything that has a name or
 * an attribute is asked of the broker (fs_broker.h), which hands out the descriptors: this device opens
 * nothing, and its thread needs these system calls only:
 *
 *   preadv pwritev pwritev2 ftruncate fallocate lseek copy_file_range fsync fdatasync fstat getdents64 close
 *   sendmsg recvmsg, and what every worker needs (epoll_wait read write futex madvise mmap munmap mremap brk
 * exit …)
 *
 * The thread has no capabilities. That is why a write and a truncation take set-user-id bits and capabilities
 * away from a file, as they must for a user who may not keep them (FUSE_HANDLE_KILLPRIV_V2); for one who may,
 * the bits go as well.
 *
 * What the guest caches, it believes for a second (FS_VALID_SECONDS); what is written outside is seen at the
 * next open. Locks are the guest's own: nobody outside sees them. mmap works, shared and writable too; FUSE's
 * shared memory window (DAX) is not offered.
 */
#ifndef VMM_VIRTIO_FS_H
#define VMM_VIRTIO_FS_H

#include "vmm/virtio/device.h"
#include "vmm/virtio/fs_wire.h"

#define FS_TAG_MAX 36

/* tag: at most FS_TAG_MAX bytes, how the guest mounts it. shares: what the broker was started with; only the
 * names are used, and copied. broker: its socket, from now on the device's, also on failure. ops->free() by
 * the caller. The device blocks while it works: it wants a worker of its own. What the guest has open, this
 * process has open: its limit of descriptors is raised as far as it may be, and a part of them is never the guest's. */
int fs_new(const char *tag, const struct fs_share *shares, size_t n, int broker, struct device **out,
	   struct error *err);

/* The system calls (__NR_…) that the device makes on its thread; ends in -1. */
extern const int fs_monitor_calls[];

#endif
