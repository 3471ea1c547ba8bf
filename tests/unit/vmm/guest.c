/* guest.c: see guest.h. */
#include "guest.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static void on_lie(void *data, struct device *d, const struct error *why)
{
	struct guest *g = data;

	g->why = *why;
	__atomic_store_n(&g->lied, true, __ATOMIC_RELEASE);
}

bool guest_lied(const struct guest *g)
{
	return __atomic_load_n(&g->lied, __ATOMIC_ACQUIRE);
}

void guest_make(struct guest *g, struct device *d, uint64_t memory)
{
	*g = (struct guest){.device = d, .next = 0x1000, .irq = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	if (g->irq < 0 || memory_new(memory ? memory : GUEST_MEMORY, &g->memory, NULL))
		abort();
	d->memory = g->memory;
	d->irq = g->irq;
	d->lied = on_lie;
	d->lied_data = g;
	mmio_init(&g->mmio, d);
}

void guest_end(struct guest *g)
{
	close(g->irq);
	memory_free(g->memory);
	g->device->irq = -EBADF;
	g->device->memory = NULL;
}

gpa_t guest_alloc(struct guest *g, uint64_t size, uint64_t align)
{
	gpa_t at = (g->next + align - 1) / align * align;

	if (!memory_at(g->memory, at, size))
		abort();
	g->next = at + size;
	return at;
}

void *guest_at(struct guest *g, gpa_t at, uint64_t len)
{
	void *host = memory_at(g->memory, at, len);

	if (!host)
		abort();
	return host;
}

uint32_t guest_read(struct guest *g, uint32_t at)
{
	uint32_t value;

	mmio_read(&g->mmio, at, &value, sizeof(value));
	return value;
}

void guest_write(struct guest *g, uint32_t at, uint32_t value)
{
	mmio_write(&g->mmio, at, &value, sizeof(value));
}

void guest_config(struct guest *g, uint32_t at, void *to, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		mmio_read(&g->mmio, VIRTIO_MMIO_CONFIG + at + i, (unsigned char *)to + i, 1);
}

static void add_status(struct guest *g, uint32_t bit)
{
	guest_write(g, VIRTIO_MMIO_STATUS, guest_read(g, VIRTIO_MMIO_STATUS) | bit);
}

bool guest_negotiate(struct guest *g, uint64_t features)
{
	guest_reset(g);
	add_status(g, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(g, VIRTIO_CONFIG_S_DRIVER);
	for (uint32_t page = 0; page < 2; page++) {
		guest_write(g, VIRTIO_MMIO_DRIVER_FEATURES_SEL, page);
		guest_write(g, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> (page * 32)));
	}
	g->features = features;
	add_status(g, VIRTIO_CONFIG_S_FEATURES_OK);
	return guest_read(g, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK;
}

void guest_lay_out(struct guest *g, uint16_t q, uint16_t size)
{
	g->queues[q] = (struct guest_queue){
	    .size = size,
	    .desc = guest_alloc(g, size * sizeof(struct vring_desc), VRING_DESC_ALIGN_SIZE),
	    .avail = guest_alloc(g, (size + 3u) * sizeof(uint16_t), VRING_AVAIL_ALIGN_SIZE),
	    .used = guest_alloc(g, size * sizeof(struct vring_used_elem) + 6u, VRING_USED_ALIGN_SIZE),
	};
}

static void write_address(struct guest *g, uint32_t low, gpa_t at)
{
	guest_write(g, low, (uint32_t)at);
	guest_write(g, low + 4, (uint32_t)(at >> 32));
}

void guest_set_up(struct guest *g, uint16_t q)
{
	const struct guest_queue *gq = &g->queues[q];

	guest_write(g, VIRTIO_MMIO_QUEUE_SEL, q);
	guest_write(g, VIRTIO_MMIO_QUEUE_NUM, gq->size);
	write_address(g, VIRTIO_MMIO_QUEUE_DESC_LOW, gq->desc);
	write_address(g, VIRTIO_MMIO_QUEUE_AVAIL_LOW, gq->avail);
	write_address(g, VIRTIO_MMIO_QUEUE_USED_LOW, gq->used);
	guest_write(g, VIRTIO_MMIO_QUEUE_READY, 1);
}

void guest_drive(struct guest *g)
{
	add_status(g, VIRTIO_CONFIG_S_DRIVER_OK);
}

void guest_reset(struct guest *g)
{
	guest_write(g, VIRTIO_MMIO_STATUS, 0);
	memset(g->queues, 0, sizeof(g->queues));
}

void guest_start(struct guest *g, uint64_t features)
{
	if (!guest_negotiate(g, (features & g->device->offered) | VIRTIO_VERSION_1))
		abort();
	for (uint16_t q = 0; q < g->device->ops->n_queues; q++) {
		guest_lay_out(g, q, g->device->ops->queue_size);
		guest_set_up(g, q);
	}
	guest_drive(g);
	/* Where no worker hears it: see device.h. */
	for (uint16_t q = 0; q < g->device->ops->n_queues; q++)
		if (g->device->kicks[q] < 0)
			device_kick(g->device, q);
}

struct vring_desc *guest_desc(struct guest *g, uint16_t q, uint16_t i)
{
	return guest_at(g, g->queues[q].desc + i * sizeof(struct vring_desc), sizeof(struct vring_desc));
}

uint16_t *guest_avail(struct guest *g, uint16_t q)
{
	return guest_at(g, g->queues[q].avail, (g->queues[q].size + 3u) * sizeof(uint16_t));
}

uint16_t *guest_used(struct guest *g, uint16_t q)
{
	return guest_at(g, g->queues[q].used, g->queues[q].size * sizeof(struct vring_used_elem) + 6u);
}

void guest_want_interrupt(struct guest *g, uint16_t q, uint16_t event)
{
	__atomic_store_n(&guest_avail(g, q)[2 + g->queues[q].size], event, __ATOMIC_SEQ_CST);
}

void guest_add_head(struct guest *g, uint16_t q, uint16_t head)
{
	struct guest_queue *gq = &g->queues[q];

	__atomic_store_n(&guest_avail(g, q)[2 + gq->next_avail % gq->size], head, __ATOMIC_RELAXED);
	gq->next_avail++;
}

static uint16_t flags_of(const struct guest_buffer *b, bool last)
{
	return (uint16_t)((b->write ? VRING_DESC_F_WRITE : 0) | (last ? 0 : VRING_DESC_F_NEXT));
}

uint16_t guest_add(struct guest *g, uint16_t q, const struct guest_buffer *b, size_t n)
{
	struct guest_queue *gq = &g->queues[q];
	uint16_t head = gq->next_desc, i = head;

	for (size_t k = 0; k < n; k++) {
		uint16_t next = (uint16_t)((i + 1u) % gq->size);

		*guest_desc(g, q, i) =
		    (struct vring_desc){b[k].at, b[k].len, flags_of(&b[k], k + 1 == n), next};
		i = next;
	}
	gq->next_desc = i;
	guest_add_head(g, q, head);
	return head;
}

uint16_t guest_add_indirect(struct guest *g, uint16_t q, const struct guest_buffer *b, size_t n, gpa_t *table)
{
	struct guest_queue *gq = &g->queues[q];
	uint16_t head = gq->next_desc;
	gpa_t at = guest_alloc(g, n * sizeof(struct vring_desc), 16);
	struct vring_desc *d = guest_at(g, at, n * sizeof(*d));

	for (size_t k = 0; k < n; k++)
		d[k] = (struct vring_desc){b[k].at, b[k].len, flags_of(&b[k], k + 1 == n), (uint16_t)(k + 1)};
	*guest_desc(g, q, head) =
	    (struct vring_desc){at, (uint32_t)(n * sizeof(*d)), VRING_DESC_F_INDIRECT, 0};
	gq->next_desc = (uint16_t)((head + 1u) % gq->size);
	guest_add_head(g, q, head);
	if (table)
		*table = at;
	return head;
}

bool guest_publish(struct guest *g, uint16_t q)
{
	struct guest_queue *gq = &g->queues[q];
	const uint16_t *used = guest_used(g, q);
	uint16_t before = gq->told_avail, event;

	__atomic_store_n(&guest_avail(g, q)[1], gq->next_avail, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	gq->told_avail = gq->next_avail;
	if (!(g->features & VIRTIO_EVENT_IDX))
		return !(__atomic_load_n(&used[0], __ATOMIC_RELAXED) & VRING_USED_F_NO_NOTIFY);
	event = __atomic_load_n(&used[2 + gq->size * sizeof(struct vring_used_elem) / sizeof(uint16_t)],
				__ATOMIC_RELAXED);
	return vring_need_event(event, gq->next_avail, before);
}

void guest_notify(struct guest *g, uint16_t q)
{
	guest_write(g, VIRTIO_MMIO_QUEUE_NOTIFY, q);
	if (q < g->device->ops->n_queues && g->device->kicks[q] < 0)
		device_kick(g->device, q);
}

void guest_kick(struct guest *g, uint16_t q)
{
	if (guest_publish(g, q))
		guest_notify(g, q);
}

int guest_take(struct guest *g, uint16_t q, uint32_t *written)
{
	struct guest_queue *gq = &g->queues[q];
	const uint16_t *used = guest_used(g, q);
	const uint32_t *e;

	if (__atomic_load_n(&used[1], __ATOMIC_ACQUIRE) == gq->seen_used)
		return GUEST_NOTHING;
	e = (const uint32_t *)(const void *)&used[2] + 2 * (gq->seen_used++ % gq->size);
	if (written)
		*written = e[1];
	return (int)e[0];
}

static bool later(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > end->tv_sec;
}

int guest_wait(struct guest *g, uint16_t q, uint32_t *written)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += 10;
	for (;;) {
		int head = guest_take(g, q, written);

		if (head != GUEST_NOTHING || g->device->kicks[q] < 0 || guest_lied(g) || later(&end))
			return head;
		usleep(200);
	}
}

int64_t guest_ask(struct guest *g, uint16_t q, const void *in, uint32_t in_size, void *out, uint32_t out_size)
{
	struct guest_buffer b[2];
	gpa_t before = g->next;
	uint32_t written;
	size_t n = 0;
	int64_t ret = GUEST_NOTHING;

	if (in_size) {
		b[n++] = (struct guest_buffer){guest_alloc(g, in_size, 16), in_size, false};
		memcpy(guest_at(g, b[0].at, in_size), in, in_size);
	}
	if (out_size) {
		b[n++] = (struct guest_buffer){guest_alloc(g, out_size, 16), out_size, true};
		memcpy(guest_at(g, b[n - 1].at, out_size), out, out_size);
	}
	guest_add(g, q, b, n);
	guest_kick(g, q);
	if (guest_wait(g, q, &written) != GUEST_NOTHING) {
		ret = written;
		if (out_size)
			memcpy(out, guest_at(g, b[n - 1].at, out_size), out_size);
		g->next = before;
	}
	return ret;
}

uint64_t guest_interrupts(struct guest *g)
{
	uint64_t n;

	return read(g->irq, &n, sizeof(n)) == sizeof(n) ? n : 0;
}
