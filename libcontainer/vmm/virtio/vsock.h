/* vsock.h: virtio-vsock (virtio 1.2, section 5.10) in user space: the guest connects to ports of the host, and descriptors of ours stand behind
 * them. The host's kernel knows nothing of it, no CID is taken, no right is needed.
 *
 * Stream sockets only, from the guest to the host only. What the guest sends is written straight from its memory to the descriptor, and what
 * that does not take waits in a bounded buffer; what a descriptor has to say is read straight into the guest's memory. A guest that
 * sends more than it was granted is reset.
 *
 * Descriptors are never made non-blocking: others may share them. A pipe or a terminal is written in pieces that it has said to have room for.
 */
#ifndef VMM_VIRTIO_VSOCK_H
#define VMM_VIRTIO_VSOCK_H

#include "vmm/virtio/device.h"

#define VSOCK_CID_HOST 2
#define VSOCK_CONNECTIONS_MAX 512
#define VSOCK_BUFFER (256u << 10) /* bytes granted to the guest for each connection */

struct vsock;

/* What stands behind a connection; the device's from then on, and closed by it. Both may be the same descriptor, or either -EBADF: then that
 * direction has ended before it began. */
struct vsock_ends {
	int from_host; /* read: what the guest receives. Any file; its end is the end of the guest's */
	int to_host;   /* written: what the guest sends. A socket is shut down for writing at the end, another file closed */
};

/* The guest connects from its port `peer` to our `port`: 0 and *ends, or negative: refused. On the worker's thread, with the device
 * locked: not to block, and not to
 * call the device. */
typedef int (*vsock_connect_fn)(void *data, uint32_t port, uint32_t peer, struct vsock_ends *ends);

/* device_ops.free of the result frees it, and closes all that is still connected. */
int vsock_new(uint64_t guest_cid, vsock_connect_fn connect, void *data, struct vsock **out, struct error *err);
struct device *vsock_device(struct vsock *v);

/* Calls fn(data) once all that the guest has sent so far to ports first … last has been written to the descriptors there, or never will be
 * since they take no more: at once, or later on the worker's thread with the device locked. At most VSOCK_FLUSHES_MAX at a time, -EBUSY
 * beyond. From any thread, but not from within fn. */
#define VSOCK_FLUSHES_MAX 64
int vsock_flush(struct vsock *v, uint32_t first, uint32_t last, void (*fn)(void *data), void *data);

#endif
