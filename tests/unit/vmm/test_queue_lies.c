/* test_queue_lies.c: everything that a driver may not write into a queue: each is told as a lie, and nothing outside memory is touched. */
#include "vmm/virtio/queue.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "idle.h"

Test(queue, an_indirect_table_that_was_not_negotiated, .init = idle_setup_plain)
{
	struct guest_buffer b = idle_buffer(5, false);

	guest_add_indirect(&idle.g, 0, &b, 1, NULL);
	guest_publish(&idle.g, 0);
	idle_must_lie("an indirect table, which was not negotiated");
}

/* n descriptors in an indirect table. */
static void add_many(size_t n)
{
	static struct guest_buffer b[QUEUE_CHAIN_MAX + 1];

	for (size_t i = 0; i < n; i++)
		b[i] = idle_buffer(1, false);
	guest_add_indirect(&idle.g, 0, b, n, NULL);
	guest_publish(&idle.g, 0);
}

Test(queue, as_many_descriptors_as_there_may_be, .init = idle_setup)
{
	add_many(QUEUE_CHAIN_MAX);
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1);
	cr_assert_eq(idle.chain.n_in, QUEUE_CHAIN_MAX);
}

Test(queue, one_more, .init = idle_setup)
{
	add_many(QUEUE_CHAIN_MAX + 1);
	idle_must_lie("a chain of more than 256 descriptors");
}

/* Lies: one descriptor, or one of an indirect table, with each field absurd. */

struct lie {
	struct vring_desc d;
	char text[64];
};

static const struct lie lies[] = {
    {{0x1000, 0, 0, 0}, "a buffer of 0 bytes at 0x1000, where no memory is"},
    {{GUEST_MEMORY, 1, 0, 0}, "a buffer of 1 bytes at 0x1000000, where no memory is"},
    {{GUEST_MEMORY - 1, 2, 0, 0}, "a buffer of 2 bytes at 0xffffff, where no memory is"},
    {{UINT64_MAX, 1, 0, 0}, "where no memory is"},
    {{UINT64_MAX, UINT32_MAX, VRING_DESC_F_WRITE, 0}, "where no memory is"},
    {{UINT64_MAX - 15, 16, 0, 0}, "where no memory is"},
    {{0x1000, UINT32_MAX, 0, 0}, "where no memory is"},
    {{0x1000, 16, VRING_DESC_F_NEXT, 8}, "descriptor 8 of "},
    {{0x1000, 16, VRING_DESC_F_NEXT, UINT16_MAX}, "descriptor 65535 of "},
    {{0x1000, 16, VRING_DESC_F_NEXT, 0}, "a chain that runs in a circle"},
    {{0x1000, 16, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 0}, "a chain that runs in a circle"},
    {{0x1000, 16, VRING_DESC_F_NEXT | 0xfff0, 0}, "a chain that runs in a circle"},
};

ParameterizedTestParameters(queue, lies_of_a_descriptor)
{
	return cr_make_param_array(const struct lie, (struct lie *)lies, sizeof(lies) / sizeof(*lies));
}

ParameterizedTest(const struct lie *lie, queue, lies_of_a_descriptor, .init = idle_setup)
{
	*guest_desc(&idle.g, 0, 0) = lie->d;
	guest_add_head(&idle.g, 0, 0);
	guest_publish(&idle.g, 0);
	idle_must_lie(lie->text);
}

ParameterizedTestParameters(queue, lies_in_an_indirect_table)
{
	return cr_make_param_array(const struct lie, (struct lie *)lies, sizeof(lies) / sizeof(*lies));
}

ParameterizedTest(const struct lie *lie, queue, lies_in_an_indirect_table, .init = idle_setup)
{
	struct guest_buffer b[3] = {idle_buffer(1, false), idle_buffer(1, false), idle_buffer(1, false)};
	struct vring_desc *table;
	gpa_t at;

	guest_add_indirect(&idle.g, 0, b, 3, &at);
	table = guest_at(&idle.g, at, 3 * sizeof(*table));
	table[0] = lie->d;
	guest_publish(&idle.g, 0);
	idle_must_lie(lie->text);
}

static const struct lie indirect_lies[] = {
    {{0x1000, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1}, "a descriptor that goes on and has an indirect table"},
    {{0x1000, 0, VRING_DESC_F_INDIRECT, 0}, "an indirect table of 0 bytes"},
    {{0x1000, 15, VRING_DESC_F_INDIRECT, 0}, "an indirect table of 15 bytes"},
    {{0x1000, 17, VRING_DESC_F_INDIRECT, 0}, "an indirect table of 17 bytes"},
    {{0x1000, UINT32_MAX, VRING_DESC_F_INDIRECT, 0}, "an indirect table of 4294967295 bytes"},
    {{0x1000, UINT32_MAX - 15, VRING_DESC_F_INDIRECT, 0}, "an indirect table at 0x1000, where no memory is"},
    {{GUEST_MEMORY - 8, 16, VRING_DESC_F_INDIRECT, 0}, "where no memory is"},
    {{UINT64_MAX - 15, 32, VRING_DESC_F_INDIRECT, 0}, "where no memory is"},
};

ParameterizedTestParameters(queue, lies_about_an_indirect_table)
{
	return cr_make_param_array(const struct lie, (struct lie *)indirect_lies, sizeof(indirect_lies) / sizeof(*indirect_lies));
}

ParameterizedTest(const struct lie *lie, queue, lies_about_an_indirect_table, .init = idle_setup)
{
	*guest_desc(&idle.g, 0, 0) = lie->d;
	guest_add_head(&idle.g, 0, 0);
	guest_publish(&idle.g, 0);
	idle_must_lie(lie->text);
}

Test(queue, an_indirect_table_in_one, .init = idle_setup)
{
	struct guest_buffer b = idle_buffer(64, false);
	gpa_t at;

	guest_add_indirect(&idle.g, 0, &b, 1, &at);
	*(struct vring_desc *)guest_at(&idle.g, at, 16) = (struct vring_desc){at, 16, VRING_DESC_F_INDIRECT, 0};
	guest_publish(&idle.g, 0);
	idle_must_lie("an indirect table in an indirect table");
}

Test(queue, circles_of_more_than_one, .init = idle_setup)
{
	for (uint16_t i = 0; i < IDLE_SIZE; i++)
		*guest_desc(&idle.g, 0, i) = (struct vring_desc){0x1000, 1, VRING_DESC_F_NEXT, (uint16_t)((i + 1) % IDLE_SIZE)};
	guest_add_head(&idle.g, 0, 3);
	guest_publish(&idle.g, 0);
	idle_must_lie("a chain that runs in a circle");
}

Test(queue, read_after_write, .init = idle_setup)
{
	struct guest_buffer b[2] = {idle_buffer(5, true), idle_buffer(7, false)};

	idle_available(b, 2);
	idle_must_lie("a buffer to be read after one to be written");
}

Test(queue, heads_beyond_the_table, .init = idle_setup)
{
	guest_add_head(&idle.g, 0, IDLE_SIZE);
	guest_publish(&idle.g, 0);
	idle_must_lie("descriptor 8 of 8");
	guest_avail(&idle.g, 0)[2] = UINT16_MAX;
	idle_must_lie("descriptor 65535 of 8");
}

Test(queue, an_index_that_goes_back, .init = idle_setup)
{
	guest_avail(&idle.g, 0)[1] = UINT16_MAX;
	idle_must_lie("65535 chains at once in a queue of 8");
}

Test(queue, more_than_four_gigabytes_and_across_the_hole)
{
	struct guest_buffer b[3] = {{0, UINT32_C(2) << 30, false}, {0, UINT32_C(2) << 30, false}, {0, 1, true}};

	idle_start(UINT64_MAX, UINT64_C(5) << 30);
	idle_available(b, 2);
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1);
	cr_assert_eq(idle.chain.in_size, UINT64_C(4) << 30);
	idle_available(b, 3);
	idle_must_lie("a chain of more than 4 GiB");
	guest_avail(&idle.g, 0)[2 + 1] = 7;
	*guest_desc(&idle.g, 0, 7) = (struct vring_desc){0, UINT32_MAX, 0, 0};
	idle_must_lie("where no memory is");
}

/* Queues that are none. */

struct bad_queue {
	uint16_t size;
	gpa_t desc, avail, used;
	char text[64];
};

static const struct bad_queue bad_queues[] = {
    {0, 0x1000, 0x2000, 0x3000, "queue of 0 entries"},
    {3, 0x1000, 0x2000, 0x3000, "queue of 3 entries"},
    {16, 0x1000, 0x2000, 0x3000, "queue of 16 entries: a power of two up to 8 was offered"},
    {32768, 0x1000, 0x2000, 0x3000, "queue of 32768 entries"},
    {65535, 0x1000, 0x2000, 0x3000, "queue of 65535 entries"},
    {8, 0x1008, 0x2000, 0x3000, "descriptor ring at 0x1008 is not aligned"},
    {8, 0x1000, 0x2001, 0x3000, "available ring at 0x2001 is not aligned"},
    {8, 0x1000, 0x2000, 0x3002, "used ring at 0x3002 is not aligned"},
    {8, GUEST_MEMORY, 0x2000, 0x3000, "descriptor ring at 0x1000000 is not in memory"},
    {8, GUEST_MEMORY - 8 * 16 + 16, 0x2000, 0x3000, "descriptor ring at 0xffff90 is not in memory"},
    {8, 0x1000, GUEST_MEMORY - 20, 0x3000, "available ring at 0xffffec is not in memory"},
    {8, 0x1000, 0x2000, GUEST_MEMORY - 68, "used ring at 0xffffbc is not in memory"},
    {8, UINT64_MAX - 15, 0x2000, 0x3000, "is not in memory"},
    {8, 0x1000, UINT64_MAX - 1, 0x3000, "is not in memory"},
    {8, 0x1000, 0x2000, UINT64_MAX - 3, "is not in memory"},
};

ParameterizedTestParameters(queue, no_queues)
{
	return cr_make_param_array(const struct bad_queue, (struct bad_queue *)bad_queues, sizeof(bad_queues) / sizeof(*bad_queues));
}

ParameterizedTest(const struct bad_queue *bad, queue, no_queues, .init = idle_setup)
{
	struct queue q = {.size_max = IDLE_SIZE};
	struct error e = ERROR_NONE;

	q.size = bad->size;
	q.desc = bad->desc;
	q.avail = bad->avail;
	q.used = bad->used;
	cr_assert_eq(queue_configure(&q, idle.g.memory, UINT64_MAX, &e), -EPROTO);
	cr_assert(strstr(e.msg, bad->text), "'%s' in '%s'", bad->text, e.msg);
	cr_assert_not(q.ready);
	cr_assert_eq(queue_next(&q, &idle.chain, NULL), 0);
}
