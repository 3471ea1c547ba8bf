/* queue.h: a split virtqueue, seen from the device (virtio 1.2, section 2.7).
 *
 * Everything that comes from the guest is read once, checked and copied here: a device sees nothing but
 * chains of host memory that are bounded and valid. A guest that lies is told by -EPROTO: its device stops
 * and the machine ends with one line of log.
 *
 *   queue_configure()  once the driver is ready; from then on addresses and size are frozen (CVE-2026-5747)
 *   queue_next()       the next chain the driver has made available
 *   queue_done()       hands it back
 *   queue_interrupts() whether the driver wants to be interrupted for what was handed back since the last
 * call
 *
 * One thread uses a queue at a time; struct device sees to that.
 */
#ifndef VMM_VIRTIO_QUEUE_H
#define VMM_VIRTIO_QUEUE_H

#include "vmm/memory.h"

#define QUEUE_SIZE_MAX	256 /* entries; the most a device may offer */
#define QUEUE_CHAIN_MAX 256 /* descriptors of one chain, those of an indirect table included */
#define QUEUE_NO_BOUND	UINT32_MAX

struct queue {
	const struct memory *memory;
	uint16_t size_max; /* offered by the device; a power of two */
	/* As the driver wrote them, unchecked until queue_configure(). */
	uint16_t size;
	gpa_t desc, avail, used;
	bool ready; /* checked, and frozen */
	/* Ours alone: the guest never sees nor changes them. */
	uint16_t next_avail, next_used, told_used;
	bool event_idx, indirect; /* features that were negotiated */
	void *desc_host, *avail_host, *used_host;
	/* So many chains more, then queue_next() says there is none: a guest that never stops must not keep
	 * the worker for itself. Set by device_kick() and device_run(), which kick again where it came down
	 * to 0. */
	uint32_t left;
	bool ending; /* atomic: the machine ends, no more requests are begun */
};

/* One request. The buffers that the device reads stand first in v[], then those that it writes
 * (virtio 2.7.4.2). The guest may still write to all of them: what decides something is copied out by
 * chain_read() first. */
struct chain {
	uint16_t head;
	uint16_t n_in,
	    n_out; /* v[0 … n_in-1] are to be read, v[n_in … n_in+n_out-1] to be written; none is empty */
	uint64_t in_size, out_size; /* bytes, the sums of these; together at most 4 GiB. The same memory may
				       be named twice */
	struct iovec v[QUEUE_CHAIN_MAX];
};

/* Checks size and addresses against memory and freezes them. -EPROTO where they are no valid queue. features:
 * as negotiated. */
int queue_configure(struct queue *q, const struct memory *memory, uint64_t features, struct error *err);
/* Back to what it was before the driver came; size_max and ending stay. */
void queue_reset(struct queue *q);

/* 1 and *c; 0 where none is available (the driver will notify of the next one; also for a queue that is not
 * ready); -EPROTO where the guest lies. */
int queue_next(struct queue *q, struct chain *c, struct error *err);
/* Hands c back, `written` bytes of its writable part filled (at most c->out_size). */
void queue_done(struct queue *q, const struct chain *c, uint32_t written);
/* The same for several chains at once: the driver sees all of them handed back, or none yet. For a frame that takes
 * several buffers (section 5.1.6.4). written: at most what the chain has room for. */
struct queue_used {
	uint16_t head;
	uint32_t written;
};
void queue_done_all(struct queue *q, const struct queue_used *used, size_t n);
/* Takes back what queue_next() gave, before any other call on q: it will be given again. */
void queue_undo_next(struct queue *q);
bool queue_interrupts(struct queue *q);

/* Copies between a chain and flat memory, at `at` bytes into its readable (out of its writable) part; how
 * many bytes there were, at most len. What was read does not change any more, whatever the guest does. */
size_t chain_read(const struct chain *c, uint64_t at, void *to, size_t len);
size_t chain_write(const struct chain *c, uint64_t at, const void *from, size_t len);
/* The buffers of [at, at+len) of the readable and of the writable part, as far as there are any; how many of
 * v[QUEUE_CHAIN_MAX] were filled. For preadv(2) and its like. */
size_t chain_readable(const struct chain *c, uint64_t at, uint64_t len, struct iovec *v);
size_t chain_writable(const struct chain *c, uint64_t at, uint64_t len, struct iovec *v);

#endif
