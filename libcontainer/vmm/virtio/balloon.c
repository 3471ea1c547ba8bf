/* balloon.c: see balloon.h. */
#include "vmm/virtio/balloon.h"

#include <linux/virtio_balloon.h>
#include <linux/virtio_ids.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { INFLATE, DEFLATE, STATS, REPORT, QUEUES, STATS_PER_REQUEST = 64 };
_Static_assert(BALLOON_PAGE == 1 << VIRTIO_BALLOON_PFN_SHIFT, "the page of the protocol");

struct balloon {
	struct device device;
	struct virtio_balloon_config config;
	struct balloon_stats stats;
	/* The driver's buffer for figures: ours until we want new ones. */
	bool holds;
	struct chain held;
};

/* What the queue is for. The specification numbers them as if each were there; drivers, and so devices, leave out what was not negotiated. */
static int purpose(const struct device *d, uint16_t q)
{
	bool has_report = d->features >> VIRTIO_BALLOON_F_REPORTING & 1;

	if (q >= STATS && !(d->features >> VIRTIO_BALLOON_F_STATS_VQ & 1))
		q++;
	return q == REPORT && !has_report ? QUEUES : q;
}

/* [at, at+len) back to the host. A kernel that cannot keeps it: nobody is worse off. */
static int give_back(struct balloon *b, gpa_t at, uint64_t len, struct error *err)
{
	int ret = memory_give_back(b->device.memory, at, len);

	if (ret == -EFAULT || ret == -EINVAL)
		return error_set(err, -EPROTO, "%llu bytes at %#llx to be given up, where no pages are", (unsigned long long)len,
				 (unsigned long long)at);
	return 0;
}

static int inflate(struct balloon *b, const struct chain *c, struct error *err)
{
	uint32_t pages[BALLOON_PAGES_MAX];
	size_t n = (size_t)(c->in_size / sizeof(*pages));

	if (c->n_out || c->in_size % sizeof(*pages) || c->in_size > sizeof(pages))
		return error_set(err, -EPROTO, "a list of pages of %llu bytes", (unsigned long long)c->in_size);
	chain_read(c, 0, pages, (size_t)c->in_size);
	for (size_t i = 0, run; i < n; i += run) {
		int ret;

		for (run = 1; i + run < n && pages[i + run] == pages[i] + run; run++)
			;
		ret = give_back(b, (gpa_t)pages[i] * BALLOON_PAGE, run * BALLOON_PAGE, err);
		if (ret)
			return ret;
	}
	return 0;
}

/* The guest's address of a buffer, which was found by memory_at(). */
static gpa_t address_of(const struct memory *m, const void *host)
{
	size_t n;
	const struct memory_region *r = memory_regions(m, &n);

	for (size_t i = 0; i < n; i++)
		if ((uintptr_t)host - (uintptr_t)r[i].host < r[i].size)
			return r[i].at + ((uintptr_t)host - (uintptr_t)r[i].host);
	return UINT64_MAX;
}

/* The buffers themselves are free pages. */
static int report(struct balloon *b, const struct chain *c, struct error *err)
{
	if (c->n_in)
		return error_set(err, -EPROTO, "free pages with something to read");
	/* A driver that fills free pages with a pattern expects to find it there, and would find zeroes (section 5.5.6.5). */
	if (b->config.poison_val)
		return 0;
	for (size_t i = 0; i < c->n_out; i++) {
		int ret = give_back(b, address_of(b->device.memory, c->v[i].iov_base), c->v[i].iov_len, err);

		if (ret)
			return ret;
	}
	return 0;
}

/* Figures; their buffer is kept. A driver has one, and only gives it when we have given it back. */
static int take_stats(struct balloon *b, const struct chain *c, struct error *err)
{
	struct virtio_balloon_stat s[STATS_PER_REQUEST];
	size_t n;

	if (c->n_out || b->holds)
		return error_set(err, -EPROTO, b->holds ? "figures that nobody has asked for" : "figures with something to write");
	n = chain_read(c, 0, s, sizeof(s)) / sizeof(*s);
	memset(b->stats.value, 0xff, sizeof(b->stats.value));
	for (size_t i = 0; i < n; i++)
		if (s[i].tag < BALLOON_STATS)
			b->stats.value[s[i].tag] = s[i].val;
	b->stats.serial++;
	b->held = *c;
	b->holds = true;
	return 0;
}

static int handle(struct balloon *b, uint16_t q, const struct chain *c, struct error *err)
{
	switch (purpose(&b->device, q)) {
	case INFLATE:
		return inflate(b, c, err);
	case DEFLATE:
		return 0; /* the pages come back when they are touched */
	case STATS:
		return take_stats(b, c, err);
	case REPORT:
		return report(b, c, err);
	default:
		return error_set(err, -EPROTO, "a request in queue %u, which has no use", q);
	}
}

static int balloon_kick(struct device *d, uint16_t q, struct error *err)
{
	struct balloon *b = (struct balloon *)d;
	struct queue *queue = &d->queues[q];
	struct chain c;
	int ret;

	while ((ret = queue_next(queue, &c, err)) > 0) {
		ret = handle(b, q, &c, err);
		if (ret)
			return ret;
		if (purpose(d, q) != STATS)
			queue_done(queue, &c, 0);
	}
	device_interrupt(d, queue);
	return ret;
}

static void balloon_reset(struct device *d)
{
	struct balloon *b = (struct balloon *)d;

	b->holds = false;
	b->config.actual = b->config.poison_val = 0;
	memset(b->stats.value, 0xff, sizeof(b->stats.value));
}

static void balloon_config_read(struct device *d, uint32_t at, void *to, uint32_t len)
{
	const struct balloon *b = (struct balloon *)d;

	device_config_copy(&b->config, sizeof(b->config), at, to, len);
}

/* Two of its fields are the driver's, and it writes each as one (section 5.5.4). */
static void balloon_config_write(struct device *d, uint32_t at, const void *from, uint32_t len)
{
	struct balloon *b = (struct balloon *)d;

	if (len != sizeof(uint32_t))
		return;
	if (at == offsetof(struct virtio_balloon_config, actual))
		memcpy(&b->config.actual, from, len);
	if (at == offsetof(struct virtio_balloon_config, poison_val))
		memcpy(&b->config.poison_val, from, len);
}

void balloon_set_target(struct device *d, uint64_t bytes)
{
	struct balloon *b = (struct balloon *)d;
	uint64_t pages = bytes / BALLOON_PAGE;

	pthread_mutex_lock(&d->lock);
	b->config.num_pages = pages < UINT32_MAX ? (uint32_t)pages : UINT32_MAX;
	device_config_changed(d);
	pthread_mutex_unlock(&d->lock);
}

uint64_t balloon_actual(struct device *d)
{
	const struct balloon *b = (struct balloon *)d;
	uint64_t pages;

	pthread_mutex_lock(&d->lock);
	pages = b->config.actual;
	pthread_mutex_unlock(&d->lock);
	return pages * BALLOON_PAGE;
}

int balloon_ask_stats(struct device *d)
{
	struct balloon *b = (struct balloon *)d;
	bool asked;

	pthread_mutex_lock(&d->lock);
	asked = b->holds && d->active && !d->broken;
	if (asked) {
		queue_done(&d->queues[STATS], &b->held, 0);
		device_interrupt(d, &d->queues[STATS]);
		b->holds = false;
	}
	pthread_mutex_unlock(&d->lock);
	return asked ? 0 : -EAGAIN;
}

void balloon_get_stats(struct device *d, struct balloon_stats *out)
{
	const struct balloon *b = (struct balloon *)d;

	pthread_mutex_lock(&d->lock);
	*out = b->stats;
	pthread_mutex_unlock(&d->lock);
}

static void balloon_free(struct device *d)
{
	struct balloon *b = (struct balloon *)d;

	device_fini(d);
	free(b);
}

static const struct device_ops balloon_ops = {
	.name = "balloon",
	.id = VIRTIO_ID_BALLOON,
	.n_queues = QUEUES,
	.queue_size = 128,
	.config_read = balloon_config_read,
	.config_write = balloon_config_write,
	.kick = balloon_kick,
	.reset = balloon_reset,
	.free = balloon_free,
};

int balloon_new(struct device **out, struct error *err)
{
	struct balloon *b = calloc(1, sizeof(*b));

	if (!b)
		return error_set(err, -ENOMEM, "out of memory for a balloon");
	device_init(&b->device, &balloon_ops,
		    1 << VIRTIO_BALLOON_F_STATS_VQ | 1 << VIRTIO_BALLOON_F_DEFLATE_ON_OOM | 1 << VIRTIO_BALLOON_F_PAGE_POISON |
			1 << VIRTIO_BALLOON_F_REPORTING);
	memset(b->stats.value, 0xff, sizeof(b->stats.value));
	*out = &b->device;
	return 0;
}
