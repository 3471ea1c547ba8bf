/* fuzz_mmio.c: any accesses to a device's registers. What was frozen stays so, and nothing runs before its time. */
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	struct device device;
	unsigned char config[13];
	bool active;
	struct queue frozen[3];
	uint64_t features;
} it;

static void config_read(struct device *d, uint32_t at, void *to, uint32_t len)
{
	device_config_copy(it.config, sizeof(it.config), at, to, len);
}

static void config_write(struct device *d, uint32_t at, const void *from, uint32_t len)
{
	if (at < sizeof(it.config) && len <= sizeof(it.config) - at)
		memcpy(it.config + at, from, len);
}

static int activate(struct device *d, struct error *err)
{
	if (it.active || d->features & ~d->offered || !(d->features & VIRTIO_VERSION_1))
		abort();
	it.active = true;
	it.features = d->features;
	for (int i = 0; i < 3; i++) {
		if (d->queues[i].ready && (!d->queues[i].size || d->queues[i].size > 16))
			abort();
		it.frozen[i] = d->queues[i];
	}
	return 0;
}

static void must_be_frozen(const struct device *d)
{
	if (!it.active || d->features != it.features)
		abort();
	for (int i = 0; i < 3; i++) {
		const struct queue *a = &it.frozen[i], *b = &d->queues[i];

		if (a->ready != b->ready || a->size != b->size || a->desc != b->desc || a->avail != b->avail || a->used != b->used ||
		    a->desc_host != b->desc_host || a->avail_host != b->avail_host || a->used_host != b->used_host)
			abort();
	}
}

static int kick(struct device *d, uint16_t q, struct error *err)
{
	struct chain c;
	int ret;

	must_be_frozen(d);
	if (!d->queues[q].ready)
		abort();
	while ((ret = queue_next(&d->queues[q], &c, err)) > 0)
		queue_done(&d->queues[q], &c, 0);
	device_interrupt(d, &d->queues[q]);
	return ret;
}

static void reset(struct device *d)
{
	must_be_frozen(d);
	it.active = false;
}

static const struct device_ops ops = {
    .name = "test",
    .id = 63,
    .n_queues = 3,
    .queue_size = 16,
    .config_read = config_read,
    .config_write = config_write,
    .activate = activate,
    .kick = kick,
    .reset = reset,
};

static void host(struct device *d, struct script *s)
{
	pthread_mutex_lock(&d->lock);
	device_config_changed(d);
	pthread_mutex_unlock(&d->lock);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&it, 0, sizeof(it));
	device_init(&it.device, &ops, 0xff);
	script_run(&it.device, data, size, host);
	device_fini(&it.device);
	return 0;
}
