/* script.c: see script.h. */
#include "script.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 400, BUFFERS_MAX = 20 };

uint64_t script_take(struct script *s, size_t bytes)
{
	uint64_t value = 0;

	for (size_t i = 0; i < bytes && s->left; i++, s->at++, s->left--)
		value |= (uint64_t)*s->at << (8 * i);
	return value;
}

static void write_memory(struct guest *g, struct script *s)
{
	gpa_t at = script_take(s, 2) * 4 % SCRIPT_MEMORY;
	size_t len = script_take(s, 1) % 40u + 1;
	unsigned char *to;

	if (len > SCRIPT_MEMORY - at)
		len = (size_t)(SCRIPT_MEMORY - at);
	to = guest_at(g, at, len);
	for (size_t i = 0; i < len; i++)
		to[i] = (unsigned char)script_take(s, 1);
}

static void write_any(struct guest *g, struct script *s)
{
	uint32_t at = (uint32_t)script_take(s, 2) % MMIO_SIZE, len = (uint32_t)script_take(s, 1) % 8u + 1;
	uint64_t value = script_take(s, len);

	mmio_write(&g->mmio, at, &value, len);
}

static void read_any(struct guest *g, struct script *s)
{
	uint32_t at = (uint32_t)script_take(s, 2) % MMIO_SIZE, len = (uint32_t)script_take(s, 1) % 8u + 1;
	unsigned char *to = malloc(len); /* exactly: the sanitizer looks at its bounds */

	if (!to)
		abort();
	mmio_read(&g->mmio, at, to, len);
	free(to);
}

/* A chain that is one, or nearly: a byte says from where its buffers come. */
static void add_chain(struct guest *g, struct script *s, uint16_t q)
{
	struct guest_buffer b[BUFFERS_MAX];
	uint8_t how = (uint8_t)script_take(s, 1);
	size_t n = how % BUFFERS_MAX + 1u;

	for (size_t i = 0; i < n; i++) {
		b[i].write = script_take(s, 1) & 1 || (i && b[i - 1].write);
		b[i].len = (uint32_t)script_take(s, 2);
		b[i].at = script_take(s, 2) * 4;
	}
	if (how & 0x80 && g->next < SCRIPT_MEMORY / 2)
		guest_add_indirect(g, q, b, n, NULL);
	else
		guest_add(g, q, b, n);
}

static uint16_t take_queue(const struct guest *g, struct script *s)
{
	return (uint16_t)(script_take(s, 1) % g->device->ops->n_queues);
}

static void start(struct guest *g, uint8_t how)
{
	g->next = 0x1000;
	if (how & 2)
		guest_reset(g);
	else
		guest_start(g, how & 1 ? UINT64_MAX : 0);
}

static void step(struct guest *g, struct script *s, void (*host)(struct device *d, struct script *s))
{
	uint16_t q;

	switch (script_take(s, 1) % SCRIPT_STEPS) {
	case STEP_MEMORY:
		write_memory(g, s);
		break;
	case STEP_REGISTER:
		q = (uint16_t)(script_take(s, 1) % 64u * 4u);
		guest_write(g, q, (uint32_t)script_take(s, 4));
		break;
	case STEP_WRITE:
		write_any(g, s);
		break;
	case STEP_READ:
		read_any(g, s);
		break;
	case STEP_KICK:
		device_kick(g->device, (uint16_t)script_take(s, 2));
		break;
	case STEP_CHAIN:
	case STEP_BURST:
		q = take_queue(g, s);
		if (!g->queues[q].size)
			break;
		add_chain(g, s, q);
		guest_publish(g, q);
		device_kick(g->device, q);
		while (guest_take(g, q, NULL) != GUEST_NOTHING)
			;
		break;
	case STEP_RESTART:
		start(g, (uint8_t)script_take(s, 1));
		break;
	default:
		if (host)
			host(g->device, s);
	}
}

static int must_not_run(struct device *d, struct error *err)
{
	abort();
}

void script_run(struct device *d, const uint8_t *data, size_t size, void (*host)(struct device *d, struct script *s))
{
	struct script s = {data, size};
	struct guest g;

	guest_make(&g, d, SCRIPT_MEMORY);
	start(&g, (uint8_t)script_take(&s, 1));
	for (int i = 0; i < STEPS_MAX && s.left && !guest_lied(&g); i++)
		step(&g, &s, host);
	if (guest_lied(&g) != device_is_broken(d))
		abort();
	if (guest_lied(&g)) {
		if (!g.why.code || !g.why.msg[0])
			abort();
		g.lied = false;
		guest_start(&g, UINT64_MAX);
		device_run(d, must_not_run);
		for (uint16_t q = 0; q < d->ops->n_queues; q++)
			device_kick(d, q);
		if (guest_lied(&g))
			abort();
	}
	guest_end(&g);
}
