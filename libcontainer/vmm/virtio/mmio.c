/* mmio.c: see mmio.h. */
#include "vmm/virtio/mmio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>

enum {
	MAGIC = 0x74726976, /* "virt" */
	VERSION = 2,
	VENDOR = 0x7263616e, /* "nacr" */
	STATUS_BITS = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK |
		      VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_FAILED, /* those that the driver sets */
};
_Static_assert(MMIO_NOTIFY == VIRTIO_MMIO_QUEUE_NOTIFY, "the register that KVM listens to");

void mmio_init(struct mmio *t, struct device *d)
{
	*t = (struct mmio){.device = d};
}

/* The one that the driver has selected; NULL if there is none of that number. */
static struct queue *selected(const struct mmio *t)
{
	return t->queue < t->device->ops->n_queues ? &t->device->queues[t->queue] : NULL;
}

/* The same, while it may be written to. */
static struct queue *open_queue(const struct mmio *t)
{
	struct queue *q = selected(t);

	return q && !q->ready && !t->device->active ? q : NULL;
}

static uint32_t half(uint64_t value, uint32_t page)
{
	return page == 0 ? (uint32_t)value : page == 1 ? (uint32_t)(value >> 32) : 0;
}

static uint32_t read_locked(const struct mmio *t, uint32_t at)
{
	const struct queue *q = selected(t);

	switch (at) {
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return half(t->device->offered, t->feature_page);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return q ? q->size_max : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return q && q->ready;
	case VIRTIO_MMIO_STATUS:
		return t->status | (t->device->broken ? VIRTIO_CONFIG_S_NEEDS_RESET : 0);
	default:
		return 0;
	}
}

static uint32_t read_register(const struct mmio *t, uint32_t at)
{
	struct device *d = t->device;
	uint32_t value;

	switch (at) { /* those that no processor may have to wait for */
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return d->ops->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return __atomic_load_n(&d->interrupt_status, __ATOMIC_SEQ_CST);
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return __atomic_load_n(&d->generation, __ATOMIC_SEQ_CST);
	case VIRTIO_MMIO_SHM_LEN_LOW: /* no shared memory (virtio 1.2, section 4.2.2.1): a length and a base
					 of -1 */
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return UINT32_MAX;
	default:
		pthread_mutex_lock(&d->lock);
		value = read_locked(t, at);
		pthread_mutex_unlock(&d->lock);
		return value;
	}
}

static void reset(struct mmio *t)
{
	struct device *d = t->device;

	if (d->active && d->ops->reset)
		d->ops->reset(d);
	d->active = false;
	d->features = 0;
	for (int i = 0; i < DEVICE_QUEUES_MAX; i++)
		queue_reset(&d->queues[i]);
	__atomic_store_n(&d->interrupt_status, 0, __ATOMIC_SEQ_CST);
	/* t->device stays untouched: other processors read it without the lock. */
	t->status = t->feature_page = t->driver_page = t->queue = 0;
	t->driver_features = 0;
}

static bool features_are_good(const struct mmio *t)
{
	return !(t->driver_features & ~t->device->offered) && t->driver_features & VIRTIO_VERSION_1;
}

static int activate(struct mmio *t, struct error *err)
{
	struct device *d = t->device;
	int ret;

	d->features = t->driver_features;
	ret = d->ops->activate ? d->ops->activate(d, err) : 0;
	if (ret)
		return ret;
	d->active = true;
	for (uint32_t i = 0; i < d->ops->n_queues; i++)
		if (d->queues[i].ready)
			device_notify(d, i);
	return 0;
}

/* A driver may only add bits, in their order (virtio 1.2, section 3.1.1); 0 resets. What does not fit is not
 * taken over, which it sees when it reads the status back. */
static int write_status(struct mmio *t, uint32_t value, struct error *err)
{
	uint32_t added = value & STATUS_BITS & ~t->status;

	if (!value) {
		reset(t);
		return 0;
	}
	if (t->status & ~value)
		return 0;
	if (added & VIRTIO_CONFIG_S_FEATURES_OK && !features_are_good(t))
		added &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
	if (added & VIRTIO_CONFIG_S_DRIVER_OK && !((t->status | added) & VIRTIO_CONFIG_S_FEATURES_OK))
		added &= ~(uint32_t)VIRTIO_CONFIG_S_DRIVER_OK;
	t->status |= added;
	return added & VIRTIO_CONFIG_S_DRIVER_OK && !t->device->broken ? activate(t, err) : 0;
}

static int write_ready(struct mmio *t, uint32_t value, struct error *err)
{
	struct queue *q = selected(t);

	/* Only now it is known what was negotiated, and that stays. */
	if (!q || t->device->active || !(t->status & VIRTIO_CONFIG_S_FEATURES_OK))
		return 0;
	if (value != 1) {
		q->ready = false;
		return 0;
	}
	return q->ready ? 0 : queue_configure(q, t->device->memory, t->driver_features, err);
}

static void set_low(gpa_t *address, uint32_t value)
{
	*address = (*address & ~(gpa_t)UINT32_MAX) | value;
}

static void set_high(gpa_t *address, uint32_t value)
{
	*address = (*address & UINT32_MAX) | (gpa_t)value << 32;
}

static void write_queue(struct queue *q, uint32_t at, uint32_t value)
{
	switch (at) {
	case VIRTIO_MMIO_QUEUE_NUM:
		q->size = value <= UINT16_MAX ? (uint16_t)value : 0;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
		set_low(&q->desc, value);
		break;
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_high(&q->desc, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
		set_low(&q->avail, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_high(&q->avail, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
		set_low(&q->used, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_high(&q->used, value);
		break;
	default:
		break;
	}
}

static void write_features(struct mmio *t, uint32_t value)
{
	if (t->status & VIRTIO_CONFIG_S_FEATURES_OK)
		return;
	if (t->driver_page == 0)
		set_low(&t->driver_features, value);
	else if (t->driver_page == 1)
		set_high(&t->driver_features, value);
}

static int write_locked(struct mmio *t, uint32_t at, uint32_t value, struct error *err)
{
	struct queue *q;

	switch (at) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		t->feature_page = value;
		return 0;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		write_features(t, value);
		return 0;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		t->driver_page = value;
		return 0;
	case VIRTIO_MMIO_QUEUE_SEL:
		t->queue = value;
		return 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return write_ready(t, value, err);
	case VIRTIO_MMIO_STATUS:
		return write_status(t, value, err);
	default:
		q = open_queue(t);
		if (q)
			write_queue(q, at, value);
		return 0;
	}
}

static void write_register(struct mmio *t, uint32_t at, uint32_t value)
{
	struct device *d = t->device;
	struct error e = ERROR_NONE;
	int ret;

	switch (at) { /* those that no processor may have to wait for */
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		device_notify(d, value);
		return;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		__atomic_fetch_and(&d->interrupt_status, ~value, __ATOMIC_SEQ_CST);
		return;
	default:
		pthread_mutex_lock(&d->lock);
		ret = write_locked(t, at, value, &e);
		pthread_mutex_unlock(&d->lock);
		if (ret)
			device_break(d, &e);
	}
}

void mmio_read(struct mmio *t, uint32_t at, void *data, uint32_t len)
{
	struct device *d = t->device;
	uint32_t value;

	memset(data, 0, len);
	if (at < VIRTIO_MMIO_CONFIG) {
		if (at % 4 || len != 4)
			return;
		value = read_register(t, at);
		memcpy(data, &value, sizeof(value));
	} else if (d->ops->config_read) {
		pthread_mutex_lock(&d->lock);
		d->ops->config_read(d, at - VIRTIO_MMIO_CONFIG, data, len);
		pthread_mutex_unlock(&d->lock);
	}
}

void mmio_write(struct mmio *t, uint32_t at, const void *data, uint32_t len)
{
	struct device *d = t->device;
	uint32_t value;

	if (at < VIRTIO_MMIO_CONFIG) {
		if (at % 4 || len != 4)
			return;
		memcpy(&value, data, sizeof(value));
		write_register(t, at, value);
	} else if (d->ops->config_write) {
		pthread_mutex_lock(&d->lock);
		d->ops->config_write(d, at - VIRTIO_MMIO_CONFIG, data, len);
		pthread_mutex_unlock(&d->lock);
	}
}
