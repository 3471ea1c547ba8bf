/* fs_broker.h: the process that resolves names for the shared file system.
 *
 * It is forked off before the monitor locks itself in, stays where the monitor stood (its mount namespace,
 * its user namespace) and holds the shares. The monitor asks it over a socket for everything that has a name
 * or an attribute, and gets descriptors of files and folders that the guest may read or write anyway. What it
 * does for a request stands in fs_serve.h.
 *
 * It keeps no other descriptor, has its own /proc/self/fd for a root folder and only the capabilities over
 * files, blocks every signal, and ends when the monitor's end of the socket is closed: the monitor must not
 * pass that on to any other process.
 *
 * The monitor has to leave the mount namespace (unshare(CLONE_NEWNS)) before it changes its root or unmounts
 * anything: these two share it, and unmounting would take the file systems below the shares away.
 */
#ifndef VMM_VIRTIO_FS_BROKER_H
#define VMM_VIRTIO_FS_BROKER_H

#include <sys/types.h>

#include "base/error.h"
#include "vmm/virtio/fs_wire.h"

struct fs_broker {
	pid_t pid;  /* a child of the caller's, to be waited for */
	int socket; /* for fs_new(); close-on-exec */
};

/* Forks it; n shares, whose descriptors stay the caller's and may be closed afterwards. The caller has one
 * thread only. `enter` (may be NULL) runs last in the new process: its system call filter; fs_broker_calls[]
 * says what it needs. Needs /proc. On return it is ready; what went wrong inside it is told here. */
int fs_broker_start(const struct fs_share *shares, size_t n, int (*enter)(void *data, struct error *err),
		    void *data, struct fs_broker *out, struct error *err);

/* What follows the start: answers what comes from socket until the other end is closed. The current folder is
 * /proc/self/fd. For tests, too. 0 at the end. */
int fs_broker_run(int socket, const struct fs_share *shares, size_t n, struct error *err);

/* The system calls (__NR_…) of the broker once `enter` was called; ends in -1. prctl only as
 * prctl(PR_SET_PDEATHSIG, …). */
extern const int fs_broker_calls[];

#endif
