/* rng.c: see rng.h. */
#include "vmm/virtio/rng.h"

#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <sys/random.h>

/* A device's own struct begins with the device: what comes in as one is cast back. This one has nothing of
 * its own. */
struct rng {
	struct device device;
};

/* Fills what the driver gave, up to our limit. Buffers to be read have no place here (section 5.4.6.1). */
static int answer(const struct chain *c, uint32_t *written, struct error *err)
{
	unsigned char bytes[RNG_BYTES_MAX];
	size_t len = c->out_size < sizeof(bytes) ? c->out_size : sizeof(bytes);
	ssize_t n;

	if (c->n_in)
		return error_set(err, -EPROTO, "a request with something to read");
	do {
		n = getrandom(bytes, len, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(err, "getrandom");
	*written = (uint32_t)chain_write(c, 0, bytes, (size_t)n);
	return 0;
}

static int rng_kick(struct device *d, uint16_t q, struct error *err)
{
	struct queue *queue = &d->queues[q];
	struct chain c;
	uint32_t written = 0;
	int ret;

	while ((ret = queue_next(queue, &c, err)) > 0) {
		ret = answer(&c, &written, err);
		if (ret)
			return ret;
		queue_done(queue, &c, written);
	}
	device_interrupt(d, queue);
	return ret;
}

static void rng_free(struct device *d)
{
	struct rng *r = (struct rng *)d;

	device_fini(d);
	free(r);
}

static const struct device_ops rng_ops = {
    .name = "rng",
    .id = VIRTIO_ID_RNG,
    .n_queues = 1,
    .queue_size = 64,
    .kick = rng_kick,
    .free = rng_free,
};

int rng_new(struct device **out, struct error *err)
{
	struct rng *r = calloc(1, sizeof(*r));

	if (!r)
		return error_set(err, -ENOMEM, "out of memory for a random number device");
	device_init(&r->device, &rng_ops, 0);
	*out = &r->device;
	return 0;
}
