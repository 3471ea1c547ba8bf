/* vsock_inner.h: what vsock.c (queues and packets) and vsock_stream.c (connections and their descriptors) know of each other.
 *
 * Everything here happens under the device's lock; what touches the loop, on the worker's thread.
 */
#ifndef VMM_VIRTIO_VSOCK_INNER_H
#define VMM_VIRTIO_VSOCK_INNER_H

#include <linux/virtio_vsock.h>

#include "vmm/virtio/vsock.h"

enum { VSOCK_RX, VSOCK_TX, VSOCK_EVENTS, VSOCK_QUEUES };
enum { VSOCK_HEADER = sizeof(struct virtio_vsock_hdr), VSOCK_BOTH = VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND };

/* One direction's descriptor. */
struct vsock_end {
	int fd;
	enum { END_SOCKET, END_FILE, END_OTHER } kind;
	bool open;
	bool listed; /* in the loop, for these events */
	uint32_t events;
};

struct connection {
	struct vsock *vsock;
	uint32_t port, peer;       /* the host's and the guest's */
	struct vsock_end from, to;
	bool shared;               /* one descriptor is both: it is listed as `from`, and closed when neither is open */
	bool gone;                 /* to the guest it is no connection any more: only what it has sent is still written out */

	/* What the guest sends; goes to `to`. */
	uint32_t received, written, told; /* bytes, ever; told: `written` as the guest knows it */
	unsigned char *buffer;     /* VSOCK_BUFFER bytes, or NULL while nothing waits */
	size_t first, waiting;
	bool guest_sends_no_more;

	/* What it receives; comes from `from`. */
	uint32_t sent, peer_room, peer_taken; /* bytes: ever sent; its buffer; ever taken out of it, as it says */
	bool guest_receives_no_more;
	bool starved;              /* there is something, but the guest gave no buffer for it */

	/* Owed to the guest as soon as there is a buffer. */
	bool answer, credit, reset;
	uint32_t shut, told_shut;  /* VIRTIO_VSOCK_SHUTDOWN_*: what we do no more, and what of it the guest knows */
};

struct vsock_flush {
	void (*fn)(void *data); /* NULL: free */
	void *data;
	uint32_t first, last;
};

/* Somebody the guest wrongly thinks it is connected to: it is owed a RST. */
struct vsock_nobody {
	uint64_t cid;
	uint32_t port, peer;
	uint16_t type;
};
enum { VSOCK_NOBODIES_MAX = 64 };

struct vsock {
	struct device device;
	uint64_t guest_cid;
	vsock_connect_fn connect;
	void *data;
	struct connection *all[VSOCK_CONNECTIONS_MAX];
	size_t n;
	struct vsock_nobody nobodies[VSOCK_NOBODIES_MAX];
	size_t n_nobodies;
	struct vsock_flush flushes[VSOCK_FLUSHES_MAX];
	int wake;       /* an eventfd: was_reset has become true */
	bool was_reset; /* by the driver: all connections are of before */
	struct connection *heard; /* from on_event() to what runs under the lock; NULL once it is freed */
	int heard_fd;
	uint32_t heard_events;
};

/* vsock_stream.c. ends: taken over, also on failure. */
int connection_new(struct vsock *v, uint32_t port, uint32_t peer, const struct vsock_ends *ends, struct connection **out);
/* Closes and frees it, whatever still waits. */
void connection_free(struct connection *c);
/* The guest knows it no more: only what it has sent is still written out. */
void connection_leave(struct connection *c);
/* `len` bytes of payload behind the header of `chain`. -EPROTO: more than it was granted. */
int connection_take(struct connection *c, const struct chain *chain, uint32_t len);
/* What can be read is read into the guest's buffers. -EPROTO: those are none. */
int connection_give(struct connection *c, struct error *err);
/* What waits is written, as far as it can be. */
void connection_write(struct connection *c);
/* That direction has ended from the host's side. */
void connection_close_from(struct connection *c);
void connection_close_to(struct connection *c);
/* Something has changed: ends what has ended, and listens to what there is to be heard. May free c. */
void connection_settle(struct connection *c);
/* In the loop; vsock.c. */
int vsock_on_event(void *data, int fd, uint32_t events, struct error *err);

/* A packet's header, but for op, len and flags. */
void vsock_head(const struct vsock *v, const struct connection *c, struct virtio_vsock_hdr *h);

#endif
