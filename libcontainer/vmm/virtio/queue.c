/* queue.c: see queue.h. */
#include "vmm/virtio/queue.h"

#include <linux/virtio_ring.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "the rings are little endian (virtio 1.2, section 2.7)");

/* Of one chain (virtio 1.2, section 2.7.5). */
#define CHAIN_BYTES_MAX (UINT64_C(1) << 32)

/* The available ring in 16-bit fields: flags, index, one entry a descriptor, used_event. The used ring begins
 * like it; its entries are of 8 bytes, avail_event stands behind them. */
enum { RING_FLAGS, RING_INDEX, RING_ENTRIES };

static uint16_t load(const void *ring, size_t field)
{
	return __atomic_load_n((const uint16_t *)ring + field, __ATOMIC_RELAXED);
}

static void store(void *ring, size_t field, uint16_t value)
{
	__atomic_store_n((uint16_t *)ring + field, value, __ATOMIC_RELAXED);
}

/* A copy that stays what it is: the compiler may not go back to the guest's memory for it where it is used.
 */
static void copy_once(void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	__asm__ volatile("" : : "r"(to) : "memory");
}

static size_t avail_event_field(const struct queue *q)
{
	return RING_ENTRIES + (size_t)q->size * sizeof(struct vring_used_elem) / sizeof(uint16_t);
}

static int place(const struct queue *q, const char *what, gpa_t at, uint64_t len, uint64_t align, void **host,
		 struct error *err)
{
	if (at % align)
		return error_set(err, -EPROTO, "%s ring at %#llx is not aligned", what,
				 (unsigned long long)at);
	*host = memory_at(q->memory, at, len);
	if (!*host)
		return error_set(err, -EPROTO, "%s ring at %#llx is not in memory", what,
				 (unsigned long long)at);
	return 0;
}

int queue_configure(struct queue *q, const struct memory *memory, uint64_t features, struct error *err)
{
	uint64_t n = q->size;
	int ret;

	if (!n || n & (n - 1) || n > q->size_max)
		return error_set(err, -EPROTO, "queue of %u entries: a power of two up to %u was offered",
				 q->size, q->size_max);
	q->memory = memory;
	ret = place(q, "descriptor", q->desc, n * sizeof(struct vring_desc), VRING_DESC_ALIGN_SIZE,
		    &q->desc_host, err);
	if (!ret) /* flags, index and used_event around the entries, whether used_event was negotiated or not
		   */
		ret = place(q, "available", q->avail, (n + 3) * sizeof(uint16_t), VRING_AVAIL_ALIGN_SIZE,
			    &q->avail_host, err);
	if (!ret)
		ret = place(q, "used", q->used, n * sizeof(struct vring_used_elem) + 3 * sizeof(uint16_t),
			    VRING_USED_ALIGN_SIZE, &q->used_host, err);
	if (ret)
		return ret;
	q->next_avail = q->next_used = q->told_used = 0;
	q->event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1;
	q->indirect = features >> VIRTIO_RING_F_INDIRECT_DESC & 1;
	q->left = QUEUE_NO_BOUND;
	q->ready = true;
	return 0;
}

void queue_reset(struct queue *q)
{
	q->ready = false;
	q->size = 0;
	q->desc = q->avail = q->used = 0;
	q->next_avail = q->next_used = q->told_used = 0;
	q->event_idx = q->indirect = false;
	q->desc_host = q->avail_host = q->used_host = NULL;
	q->left = QUEUE_NO_BOUND;
}

/* The descriptors a chain runs through: the queue's own table, then perhaps an indirect one. */
struct table {
	const struct vring_desc *host;
	uint32_t n;
	uint32_t left; /* steps; one who takes more of them than there are entries runs in a circle */
	bool indirect;
};

static int enter_indirect(const struct queue *q, const struct vring_desc *d, struct table *t,
			  struct error *err)
{
	if (t->indirect)
		return error_set(err, -EPROTO, "an indirect table in an indirect table");
	if (!q->indirect)
		return error_set(err, -EPROTO, "an indirect table, which was not negotiated");
	if (d->flags & VRING_DESC_F_NEXT)
		return error_set(err, -EPROTO, "a descriptor that goes on and has an indirect table");
	if (!d->len || d->len % sizeof(*d))
		return error_set(err, -EPROTO, "an indirect table of %u bytes", d->len);
	t->host = memory_at(q->memory, d->addr, d->len);
	if (!t->host)
		return error_set(err, -EPROTO, "an indirect table at %#llx, where no memory is",
				 (unsigned long long)d->addr);
	t->n = t->left = d->len / sizeof(*d);
	t->indirect = true;
	return 0;
}

static int add_buffer(const struct queue *q, const struct vring_desc *d, struct chain *c, struct error *err)
{
	unsigned int n = c->n_in + c->n_out;
	void *host = memory_at(q->memory, d->addr, d->len);

	if (!host)
		return error_set(err, -EPROTO, "a buffer of %u bytes at %#llx, where no memory is", d->len,
				 (unsigned long long)d->addr);
	if (n == QUEUE_CHAIN_MAX)
		return error_set(err, -EPROTO, "a chain of more than %d descriptors", QUEUE_CHAIN_MAX);
	if (c->in_size + c->out_size + d->len > CHAIN_BYTES_MAX)
		return error_set(err, -EPROTO, "a chain of more than 4 GiB");
	if (d->flags & VRING_DESC_F_WRITE) {
		c->n_out++;
		c->out_size += d->len;
	} else {
		if (c->n_out)
			return error_set(err, -EPROTO, "a buffer to be read after one to be written");
		c->n_in++;
		c->in_size += d->len;
	}
	c->v[n] = (struct iovec){.iov_base = host, .iov_len = d->len};
	return 0;
}

static int follow(const struct queue *q, uint16_t head, struct chain *c, struct error *err)
{
	struct table t = {.host = q->desc_host, .n = q->size, .left = q->size};
	uint16_t i = head;

	c->head = head;
	c->n_in = c->n_out = 0;
	c->in_size = c->out_size = 0;
	for (;;) {
		struct vring_desc d;
		int ret;

		if (i >= t.n)
			return error_set(err, -EPROTO, "descriptor %u of %u", i, t.n);
		if (!t.left--)
			return error_set(err, -EPROTO, "a chain that runs in a circle");
		copy_once(&d, &t.host[i], sizeof(d));
		if (d.flags & VRING_DESC_F_INDIRECT) {
			ret = enter_indirect(q, &d, &t, err);
			i = 0;
			if (ret)
				return ret;
			continue;
		}
		ret = add_buffer(q, &d, c, err);
		if (ret)
			return ret;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return 0;
		i = d.next;
	}
}

/* How many chains the driver has made available that we have not taken. */
static uint16_t waiting(const struct queue *q)
{
	/* Acquire: what it wrote before the index is there when the index is. */
	return (uint16_t)(__atomic_load_n((const uint16_t *)q->avail_host + RING_INDEX, __ATOMIC_ACQUIRE) -
			  q->next_avail);
}

/* None is left: asks to be notified of the next one, then looks once more, because the driver may have added
 * it before it saw that. */
static uint16_t wait_for_more(struct queue *q)
{
	if (!q->event_idx)
		return 0; /* our flags are 0: it always notifies, and does so after it has added */
	store(q->used_host, avail_event_field(q), q->next_avail);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return waiting(q);
}

int queue_next(struct queue *q, struct chain *c, struct error *err)
{
	uint16_t n;
	int ret;

	if (!q->ready || !q->left || __atomic_load_n(&q->ending, __ATOMIC_RELAXED))
		return 0;
	n = waiting(q);
	if (!n)
		n = wait_for_more(q);
	if (!n)
		return 0;
	if (n > q->size)
		return error_set(err, -EPROTO, "%u chains at once in a queue of %u", n, q->size);
	ret = follow(q, load(q->avail_host, RING_ENTRIES + (q->next_avail & (q->size - 1u))), c, err);
	if (ret)
		return ret;
	q->next_avail++;
	if (q->left != QUEUE_NO_BOUND)
		q->left--;
	return 1;
}

void queue_undo_next(struct queue *q)
{
	q->next_avail--;
	if (q->left != QUEUE_NO_BOUND)
		q->left++;
}

/* Entries of the used ring first, then its index: what is not counted yet the driver does not look at. */
static void put_used(const struct queue *q, uint16_t at, struct queue_used used)
{
	unsigned char *entries = (unsigned char *)q->used_host + RING_ENTRIES * sizeof(uint16_t);
	uint32_t *e = (uint32_t *)(void *)(entries + (at & (q->size - 1u)) * sizeof(struct vring_used_elem));

	__atomic_store_n(&e[0], used.head, __ATOMIC_RELAXED);
	__atomic_store_n(&e[1], used.written, __ATOMIC_RELAXED);
}

void queue_done_all(struct queue *q, const struct queue_used *used, size_t n)
{
	if (!q->ready)
		return;
	for (size_t i = 0; i < n; i++)
		put_used(q, q->next_used++, used[i]);
	/* Release: the entries and the buffers are there when the index is. */
	__atomic_store_n((uint16_t *)q->used_host + RING_INDEX, q->next_used, __ATOMIC_RELEASE);
}

void queue_done(struct queue *q, const struct chain *c, uint32_t written)
{
	queue_done_all(q, &(struct queue_used){c->head, written <= c->out_size ? written : (uint32_t)c->out_size}, 1);
}

bool queue_interrupts(struct queue *q)
{
	uint16_t before = q->told_used, event;

	if (!q->ready || before == q->next_used)
		return false;
	q->told_used = q->next_used;
	/* The index must be seen before we look at what the driver wants: it sets that, then looks at the
	 * index. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!q->event_idx)
		return !(load(q->avail_host, RING_FLAGS) & VRING_AVAIL_F_NO_INTERRUPT);
	event = load(q->avail_host, RING_ENTRIES + (size_t)q->size);
	return vring_need_event(event, q->next_used, before);
}

/* [at, at+len) of n buffers. */
static size_t slice(const struct iovec *from, size_t n, uint64_t at, uint64_t len, struct iovec *v)
{
	size_t filled = 0;

	for (size_t i = 0; i < n && len; i++) {
		uint64_t there = from[i].iov_len;

		if (at >= there) {
			at -= there;
			continue;
		}
		there -= at;
		if (there > len)
			there = len;
		v[filled++] =
		    (struct iovec){.iov_base = (unsigned char *)from[i].iov_base + at, .iov_len = there};
		at = 0;
		len -= there;
	}
	return filled;
}

size_t chain_readable(const struct chain *c, uint64_t at, uint64_t len, struct iovec *v)
{
	return slice(c->v, c->n_in, at, len, v);
}

size_t chain_writable(const struct chain *c, uint64_t at, uint64_t len, struct iovec *v)
{
	return slice(c->v + c->n_in, c->n_out, at, len, v);
}

size_t chain_read(const struct chain *c, uint64_t at, void *to, size_t len)
{
	size_t done = 0;

	for (size_t i = 0; i < c->n_in && done < len; i++) {
		size_t there = c->v[i].iov_len;

		if (at >= there) {
			at -= there;
			continue;
		}
		there -= at;
		if (there > len - done)
			there = len - done;
		copy_once((unsigned char *)to + done, (const unsigned char *)c->v[i].iov_base + at, there);
		at = 0;
		done += there;
	}
	return done;
}

size_t chain_write(const struct chain *c, uint64_t at, const void *from, size_t len)
{
	size_t done = 0;

	for (size_t i = c->n_in; i < (size_t)c->n_in + c->n_out && done < len; i++) {
		size_t there = c->v[i].iov_len;

		if (at >= there) {
			at -= there;
			continue;
		}
		there -= at;
		if (there > len - done)
			there = len - done;
		memcpy((unsigned char *)c->v[i].iov_base + at, (const unsigned char *)from + done, there);
		at = 0;
		done += there;
	}
	return done;
}
