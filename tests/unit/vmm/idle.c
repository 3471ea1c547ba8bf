/* idle.c: see idle.h. */
#include "idle.h"

#include <criterion/criterion.h>
#include <string.h>

static int no_kick(struct device *d, uint16_t q, struct error *err)
{
	return 0;
}

static void no_free(struct device *d)
{
	device_fini(d);
}

static const struct device_ops ops = {.name = "idle", .id = 63, .n_queues = 2, .queue_size = IDLE_SIZE, .kick = no_kick, .free = no_free};

struct idle idle = {.queue = &idle.device.queues[0]};

void idle_start(uint64_t features, uint64_t memory)
{
	device_init(&idle.device, &ops, 0);
	guest_make(&idle.g, &idle.device, memory);
	guest_start(&idle.g, features);
}

void idle_setup(void)
{
	idle_start(UINT64_MAX, 0);
}

void idle_setup_plain(void)
{
	idle_start(0, 0);
}

struct guest_buffer idle_buffer(uint32_t len, bool write)
{
	return (struct guest_buffer){guest_alloc(&idle.g, len, 1), len, write};
}

void idle_available(const struct guest_buffer *b, size_t n)
{
	guest_add(&idle.g, 0, b, n);
	guest_publish(&idle.g, 0);
}

void idle_must_lie(const char *text)
{
	struct error e = ERROR_NONE;

	cr_assert_eq(queue_next(idle.queue, &idle.chain, &e), -EPROTO, "%s", text);
	cr_assert(strstr(e.msg, text), "'%s' in '%s'", text, e.msg);
}
