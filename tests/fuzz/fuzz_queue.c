/* fuzz_queue.c: any bytes as rings and descriptors, changed while they are in use. Whatever a chain is, it lies in memory. */
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 1000, MEMORY = 65536 };

static struct memory *memory;
static struct queue q;
static struct chain c;

static void must_lie_in_memory(const struct iovec *v)
{
	const unsigned char *start = memory_at(memory, 0, MEMORY), *at = v->iov_base;

	if (at < start || !v->iov_len || v->iov_len > MEMORY || at > start + MEMORY - v->iov_len)
		abort();
}

static void judge_chain(void)
{
	uint64_t in = 0, out = 0;

	if (c.n_in + c.n_out > QUEUE_CHAIN_MAX || !(c.n_in + c.n_out) || c.head >= q.size)
		abort();
	for (size_t i = 0; i < (size_t)c.n_in + c.n_out; i++) {
		must_lie_in_memory(&c.v[i]);
		*(i < c.n_in ? &in : &out) += c.v[i].iov_len;
	}
	if (in != c.in_size || out != c.out_size)
		abort();
}

static size_t sum(const struct iovec *v, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		must_lie_in_memory(&v[i]);
		len += v[i].iov_len;
	}
	return len;
}

/* Copies and parts of it agree on how much there is. */
static void use_chain(struct script *s)
{
	struct iovec v[QUEUE_CHAIN_MAX];
	uint64_t at = script_take(s, 1) & 1 ? script_take(s, 8) : script_take(s, 2);
	size_t len = script_take(s, 2), there;
	unsigned char *flat = malloc(len ? len : 1);

	if (!flat)
		abort();
	there = chain_read(&c, at, flat, len);
	if (there != sum(v, chain_readable(&c, at, len, v)) || (at <= c.in_size && there != (len < c.in_size - at ? len : c.in_size - at)))
		abort();
	there = chain_write(&c, at, flat, there);
	if (there > len || sum(v, chain_writable(&c, at, there, v)) != there)
		abort();
	free(flat);
}

static void write_memory(struct script *s)
{
	size_t at = script_take(s, 2), len = script_take(s, 1) % 64u + 1;
	unsigned char *to = memory_at(memory, 0, MEMORY);

	for (size_t i = 0; i < len && at + i < MEMORY; i++)
		to[at + i] = (unsigned char)script_take(s, 1);
}

static bool step(struct script *s)
{
	struct error e = ERROR_NONE;
	int ret;

	switch (script_take(s, 1) % 8) {
	case 0:
		write_memory(s);
		return true;
	case 1:
		queue_interrupts(&q);
		return true;
	case 2: /* one more is available, whatever it is */
		((uint16_t *)q.avail_host)[1]++;
		return true;
	case 3:
		ret = queue_next(&q, &c, &e);
		if (ret < 0 && (ret != -EPROTO || !e.msg[0]))
			abort();
		if (ret > 0)
			queue_undo_next(&q);
		return ret >= 0;
	default:
		ret = queue_next(&q, &c, &e);
		if (ret <= 0)
			return ret == 0;
		judge_chain();
		use_chain(s);
		queue_done(&q, &c, (uint32_t)script_take(s, 4));
		return true;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = {data, size};

	if (!memory && memory_new(MEMORY, &memory, NULL))
		abort();
	memset(memory_at(memory, 0, MEMORY), 0, MEMORY);
	q = (struct queue){.size_max = 64};
	q.size = (uint16_t)(script_take(&s, 1) & 1 ? script_take(&s, 2) : 1u << script_take(&s, 1) % 7);
	q.desc = script_take(&s, 1) & 1 ? script_take(&s, 8) : script_take(&s, 1) * 64;
	q.avail = script_take(&s, 1) & 1 ? script_take(&s, 8) : script_take(&s, 1) * 64;
	q.used = script_take(&s, 1) & 1 ? script_take(&s, 8) : script_take(&s, 1) * 64;
	if (queue_configure(&q, memory, script_take(&s, 1) << VIRTIO_RING_F_INDIRECT_DESC, NULL))
		return 0;
	for (int i = 0; i < STEPS_MAX && s.left && step(&s); i++)
		;
	return 0;
}
