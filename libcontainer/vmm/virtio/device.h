/* device.h: what a virtio device is, to the transport (mmio.h) and to the machine (vm.h).
 *
 * Threads: the transport runs on the processors' threads, the device on its worker's (worker.h). device->lock
 * is held by the transport during config_read, config_write, activate and reset, and by the worker during
 * every call that touches queues, so that a reset never happens in the middle of a request. An interrupt
 * needs no lock, nor does reading or acknowledging its status.
 *
 * A device that listens to descriptors of the host's side adds them to d->loop in attach() and changes them
 * in kick(), on the worker: the loop belongs to its thread. After activate() every ready queue is kicked
 * once, so that kick() can begin to listen; where device_run() returns 1 the device is not active, and what
 * called it should stop listening until the next kick.
 */
#ifndef VMM_VIRTIO_DEVICE_H
#define VMM_VIRTIO_DEVICE_H

#include <pthread.h>

#include "base/loop.h"
#include "vmm/virtio/queue.h"

#define DEVICE_QUEUES_MAX 8
#define VIRTIO_VERSION_1  (UINT64_C(1) << 32)
#define VIRTIO_EVENT_IDX  (UINT64_C(1) << 29)
#define VIRTIO_INDIRECT   (UINT64_C(1) << 28)

struct device;

struct device_ops {
	const char *name;    /* "rng" */
	uint32_t id;         /* virtio 1.2, section 5 */
	uint16_t n_queues;   /* at most DEVICE_QUEUES_MAX */
	uint16_t queue_size; /* at most QUEUE_SIZE_MAX, a power of two */
	/* `len` bytes (1 to 8) at `at` of the configuration space, any of both: device_config_copy() sees to
	 * the bounds. `to` is zeroed before. What lies outside is not written. NULL: there is no such space,
	 * or nothing in it can be written. */
	void (*config_read)(struct device *d, uint32_t at, void *to, uint32_t len);
	void (*config_write)(struct device *d, uint32_t at, const void *from, uint32_t len);
	/* The driver is ready: d->features are negotiated, the queues it wants are configured and frozen.
	 * NULL: nothing to do. */
	int (*activate)(struct device *d, struct error *err);
	/* On the worker: the driver notified of queue q (ready). Handles all that queue_next() gives.
	 * -EPROTO: the guest lies; any other error ends the machine too. */
	int (*kick)(struct device *d, uint16_t q, struct error *err);
	/* The driver resets it: requests in hand are dropped, everything as after device_init(); not the
	 * loop's business, which runs elsewhere. Only after activate(). May be NULL. */
	void (*reset)(struct device *d);
	/* Once a life, on the worker's thread before its loop runs: add the host's descriptors to d->loop.
	 * May be NULL. */
	int (*attach)(struct device *d, struct error *err);
	/* The machine has ended; nobody calls it any more: frees d and all that is its. Never NULL. */
	void (*free)(struct device *d);
};

/* The first member of every device's own struct. */
struct device {
	const struct device_ops *ops;
	struct memory *memory; /* set by the machine */
	uint64_t offered;      /* features; VERSION_1, EVENT_IDX and INDIRECT are added by device_init() */
	uint64_t features;     /* negotiated: valid since activate */
	struct queue queues[DEVICE_QUEUES_MAX];
	bool active;
	bool broken; /* the guest lied; nothing runs any more. Written under the lock, once; read atomically */
	pthread_mutex_t lock;
	struct loop *loop; /* the worker's */
	/* For the transport. */
	int irq;                      /* an eventfd: KVM injects the device's line; -EBADF: none yet */
	int kicks[DEVICE_QUEUES_MAX]; /* eventfds, written by KVM for a notification; worker_add()'s, -EBADF before */
	uint32_t interrupt_status;    /* atomic: 1 used buffers, 2 configuration changed */
	uint32_t generation;          /* atomic: of the configuration space */
	/* The machine's, and ends it. Called once, without the lock, on any thread. */
	void (*lied)(void *data, struct device *d, const struct error *why);
	void *lied_data;
};

void device_init(struct device *d, const struct device_ops *ops, uint64_t features);
/* Only what device_init() made; for the device's own free(). */
void device_fini(struct device *d);

/* Interrupts the driver if it wants to be, for what queue q has handed back. */
void device_interrupt(struct device *d, struct queue *q);
/* The configuration space has changed. Under the lock. */
void device_config_changed(struct device *d);
/* A config_read() out of `size` bytes at `config`. */
void device_config_copy(const void *config, size_t size, uint32_t at, void *to, uint32_t len);

/* On the worker: kick with the bookkeeping around it (lock, active, bounds, errors). Takes the lock. For any
 * q, at any time. */
int device_kick(struct device *d, uint16_t q);
/* For events of the host's side: runs fn under the lock if the device is active; a negative return is a lie
 * of the guest's. 0 if it ran, 1 if the device is not active, negative if it is broken. */
int device_run(struct device *d, int (*fn)(struct device *d, struct error *err));
/* Any thread, no lock: has device_kick(d, q) called on the worker, soon. */
void device_notify(struct device *d, uint32_t q);
/* The device is broken: nothing of it runs any more, the driver sees NEEDS_RESET, the machine is told. Takes
 * the lock. */
void device_break(struct device *d, const struct error *why);
bool device_is_broken(const struct device *d);

#endif
