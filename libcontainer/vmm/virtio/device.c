/* device.c: see device.h. */
#include "vmm/virtio/device.h"

#include <linux/virtio_mmio.h>
#include <string.h>
#include <unistd.h>

void device_init(struct device *d, const struct device_ops *ops, uint64_t features)
{
	*d = (struct device){
	    .ops = ops,
	    .offered = features | VIRTIO_VERSION_1 | VIRTIO_EVENT_IDX | VIRTIO_INDIRECT,
	    .irq = -EBADF,
	};
	pthread_mutex_init(&d->lock, NULL);
	for (int i = 0; i < DEVICE_QUEUES_MAX; i++) {
		d->kicks[i] = -EBADF;
		d->queues[i].size_max = i < ops->n_queues ? ops->queue_size : 0;
		queue_reset(&d->queues[i]);
	}
}

void device_fini(struct device *d)
{
	pthread_mutex_destroy(&d->lock);
}

/* Into an eventfd that does not block. One that is full is heard all the same: its reader has not come to it
 * yet. */
static void ring(int fd)
{
	uint64_t one = 1;

	if (fd >= 0)
		while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
}

/* Status first: the driver reads it when the interrupt comes. */
static void interrupt(struct device *d, uint32_t what)
{
	__atomic_fetch_or(&d->interrupt_status, what, __ATOMIC_SEQ_CST);
	ring(d->irq);
}

void device_interrupt(struct device *d, struct queue *q)
{
	if (queue_interrupts(q))
		interrupt(d, VIRTIO_MMIO_INT_VRING);
}

void device_config_changed(struct device *d)
{
	__atomic_fetch_add(&d->generation, 1, __ATOMIC_SEQ_CST);
	if (d->active) /* a device that is not may not interrupt (virtio 1.2, section 3.1.1) */
		interrupt(d, VIRTIO_MMIO_INT_CONFIG);
}

void device_config_copy(const void *config, size_t size, uint32_t at, void *to, uint32_t len)
{
	if (at >= size)
		return;
	memcpy(to, (const unsigned char *)config + at, len <= size - at ? len : size - at);
}

void device_notify(struct device *d, uint32_t q)
{
	if (q < d->ops->n_queues)
		ring(d->kicks[q]);
}

bool device_is_broken(const struct device *d)
{
	return __atomic_load_n(&d->broken, __ATOMIC_RELAXED);
}

/* Under the lock. False if it was broken already. */
static bool mark_broken(struct device *d)
{
	if (d->broken)
		return false;
	__atomic_store_n(&d->broken, true, __ATOMIC_RELAXED);
	if (d->active)
		interrupt(d, VIRTIO_MMIO_INT_CONFIG); /* virtio 1.2, section 2.1.2 */
	return true;
}

static void tell(struct device *d, const struct error *why)
{
	struct error e = *why;

	error_wrap(&e, "virtio %s", d->ops->name);
	if (d->lied)
		d->lied(d->lied_data, d, &e);
}

void device_break(struct device *d, const struct error *why)
{
	bool first;

	pthread_mutex_lock(&d->lock);
	first = mark_broken(d);
	pthread_mutex_unlock(&d->lock);
	if (first)
		tell(d, why);
}

/* Each queue gives at most as many chains as it has entries until the worker has heard its other devices. */
static void bound_queues(struct device *d)
{
	for (int i = 0; i < d->ops->n_queues; i++)
		d->queues[i].left = d->queues[i].size;
}

static void go_on_later(struct device *d)
{
	for (uint32_t i = 0; i < d->ops->n_queues; i++) {
		if (d->queues[i].ready && !d->queues[i].left)
			device_notify(d, i);
		d->queues[i].left = QUEUE_NO_BOUND;
	}
}

/* Runs kick(q), or fn. */
static int run(struct device *d, uint16_t q, int (*fn)(struct device *d, struct error *err))
{
	struct error e = ERROR_NONE;
	bool first = false;
	int ret;

	pthread_mutex_lock(&d->lock);
	if (d->broken || !d->active || (!fn && !d->queues[q].ready)) {
		ret = d->broken ? -EPROTO : 1;
		pthread_mutex_unlock(&d->lock);
		return ret;
	}
	bound_queues(d);
	ret = fn ? fn(d, &e) : d->ops->kick(d, q, &e);
	if (ret < 0) {
		if (!e.code)
			error_set(&e, ret, "failed");
		first = mark_broken(d);
	} else {
		go_on_later(d);
	}
	pthread_mutex_unlock(&d->lock);
	if (first)
		tell(d, &e);
	return ret < 0 ? ret : 0;
}

int device_kick(struct device *d, uint16_t q)
{
	return q < d->ops->n_queues ? run(d, q, NULL) : 1;
}

int device_run(struct device *d, int (*fn)(struct device *d, struct error *err))
{
	return run(d, 0, fn);
}
