/* guest.h: a guest that does what the test says: a virtio driver over plain memory, without a processor.
 *
 *   struct guest g;
 *   guest_make(&g, device, 0);                 memory, registers, interrupt line; the device stays the test's
 *   guest_start(&g, features);                 the whole handshake (virtio 1.2, section 3.1.1); all queues
 *   n = guest_ask(&g, q, in, in_size, out, out_size);   one request and its answer
 *   guest_end(&g);
 *
 * or step by step, and every field within reach: guest_desc(), guest_avail(), guest_used() are the rings
 * themselves. What a test asserts about is in g: g.lied, g.why. Nothing here asserts but where it says so; a
 * guest that cannot be made aborts.
 */
#ifndef UNIT_VMM_GUEST_H
#define UNIT_VMM_GUEST_H

#include <linux/virtio_ring.h>

#include "vmm/virtio/device.h"
#include "vmm/virtio/mmio.h"

#define GUEST_MEMORY  (UINT64_C(16) << 20) /* bytes, where guest_make() is given 0 */
#define GUEST_NOTHING (-1)

struct guest_queue {
	uint16_t size;
	gpa_t desc, avail, used;
	uint16_t next_desc;  /* the descriptor that is taken next; they go round */
	uint16_t next_avail; /* our index of the available ring; may differ from what stands there, until
				guest_publish() */
	uint16_t seen_used;
	uint16_t told_avail; /* what the device was last notified of */
};

struct guest {
	struct device *device;
	struct memory *memory;
	struct mmio mmio;
	gpa_t next; /* memory that guest_alloc() gives next */
	int irq;
	uint64_t features; /* negotiated by guest_start() */
	struct guest_queue queues[DEVICE_QUEUES_MAX];
	bool lied; /* the device has called its lied(); atomic, for a worker's thread */
	struct error why;
};

/* One buffer of a chain. */
struct guest_buffer {
	gpa_t at;
	uint32_t len;
	bool write; /* for the device to write */
};

/* memory: bytes; 0 for GUEST_MEMORY. */
void guest_make(struct guest *g, struct device *d, uint64_t memory);
void guest_end(struct guest *g);

/* Memory of the guest's own, zeroed: never given back. */
gpa_t guest_alloc(struct guest *g, uint64_t size, uint64_t align);
/* Where it lies for us; aborts if it is no memory. */
void *guest_at(struct guest *g, gpa_t at, uint64_t len);

/* Registers, as a processor reads and writes them. */
uint32_t guest_read(struct guest *g, uint32_t at);
void guest_write(struct guest *g, uint32_t at, uint32_t value);
/* The configuration space. */
void guest_config(struct guest *g, uint32_t at, void *to, uint32_t len);

/* The handshake: all of it, with `features` of what is offered (VERSION_1 is added; UINT64_MAX: all); or its
 * steps. */
void guest_start(struct guest *g, uint64_t features);
bool guest_negotiate(struct guest *g,
		     uint64_t features); /* up to FEATURES_OK; whether the device took them */
void guest_lay_out(struct guest *g, uint16_t q,
		   uint16_t size); /* memory for queue q; nothing is written to registers yet */
void guest_set_up(struct guest *g,
		  uint16_t q);	   /* writes size and addresses as they stand in g, and QUEUE_READY */
void guest_drive(struct guest *g); /* DRIVER_OK */
void guest_reset(struct guest *g);

/* The rings themselves. */
struct vring_desc *guest_desc(struct guest *g, uint16_t q, uint16_t i);
uint16_t *guest_avail(struct guest *g, uint16_t q); /* flags, index, entries, used_event */
uint16_t *guest_used(struct guest *g, uint16_t q);  /* flags, index */
/* used_event: with EVENT_IDX, interrupt when the used index passes it. */
void guest_want_interrupt(struct guest *g, uint16_t q, uint16_t event);

/* Writes a chain into descriptors and the available ring, its index not yet; the head. _indirect: through a
 * table of its own. */
uint16_t guest_add(struct guest *g, uint16_t q, const struct guest_buffer *b, size_t n);
uint16_t guest_add_indirect(struct guest *g, uint16_t q, const struct guest_buffer *b, size_t n,
			    gpa_t *table);
/* An entry of the available ring, nothing else. */
void guest_add_head(struct guest *g, uint16_t q, uint16_t head);
/* The index: the device may see them now. Whether the device wants to be notified of it (flags, avail_event).
 */
bool guest_publish(struct guest *g, uint16_t q);
/* Notifies: as the processor does where the device has a worker, else device_kick() here and now. */
void guest_notify(struct guest *g, uint16_t q);
/* The two above: publishes, and notifies if that is wanted. */
void guest_kick(struct guest *g, uint16_t q);

/* The next chain that was handed back: its head, and in *written (may be NULL) how much of it; GUEST_NOTHING.
 */
int guest_take(struct guest *g, uint16_t q, uint32_t *written);
/* The same; waits for it up to ten seconds, for devices with a worker. */
int guest_wait(struct guest *g, uint16_t q, uint32_t *written);
/* One request with flat buffers (either may be empty), kicked and waited for. What was written of `out`;
 * GUEST_NOTHING without an answer. */
int64_t guest_ask(struct guest *g, uint16_t q, const void *in, uint32_t in_size, void *out,
		  uint32_t out_size);

/* How often the line was pulled since the last call (0: not). */
uint64_t guest_interrupts(struct guest *g);
bool guest_lied(const struct guest *g);

#endif
