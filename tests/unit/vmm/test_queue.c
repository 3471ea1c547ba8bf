/* test_queue.c: what a driver may write into a queue, and everything that it may not. */
#include "vmm/virtio/queue.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#include "guest.h"

static int no_kick(struct device *d, uint16_t q, struct error *err)
{
	return 0;
}

static void no_free(struct device *d)
{
	device_fini(d);
}

enum { SIZE = 8 };

/* It never takes anything: the tests are the device. */
static const struct device_ops idle = {
    .name = "idle", .id = 63, .n_queues = 2, .queue_size = SIZE, .kick = no_kick, .free = no_free};

static struct device device;
static struct guest g;
static struct queue *queue = &device.queues[0];
static struct chain chain;

static void start(uint64_t features)
{
	device_init(&device, &idle, 0);
	guest_make(&g, &device, 0);
	guest_start(&g, features);
}

static void setup(void)
{
	start(UINT64_MAX);
}

static void setup_plain(void)
{
	start(0);
}

static struct guest_buffer buffer(uint32_t len, bool write)
{
	return (struct guest_buffer){guest_alloc(&g, len, 1), len, write};
}

static void available(const struct guest_buffer *b, size_t n)
{
	guest_add(&g, 0, b, n);
	guest_publish(&g, 0);
}

static void must_lie(const char *text)
{
	struct error e = ERROR_NONE;

	cr_assert_eq(queue_next(queue, &chain, &e), -EPROTO, "%s", text);
	cr_assert(strstr(e.msg, text), "'%s' in '%s'", text, e.msg);
}

Test(queue, gives_chains_and_takes_them_back, .init = setup)
{
	struct guest_buffer b[3] = {buffer(5, false), buffer(7, false), buffer(100, true)};
	uint32_t written;

	cr_assert_eq(queue_next(queue, &chain, NULL), 0);
	available(b, 3);
	cr_assert_eq(queue_next(queue, &chain, NULL), 1);
	cr_assert_eq(chain.n_in, 2);
	cr_assert_eq(chain.n_out, 1);
	cr_assert_eq(chain.in_size, 12);
	cr_assert_eq(chain.out_size, 100);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(chain.v[i].iov_base, guest_at(&g, b[i].at, b[i].len));
		cr_assert_eq(chain.v[i].iov_len, b[i].len);
	}
	cr_assert_eq(queue_next(queue, &chain, NULL), 0);
	queue_done(queue, &chain, 42);
	cr_assert_eq(guest_take(&g, 0, &written), 0);
	cr_assert_eq(written, 42);
	cr_assert_eq(guest_take(&g, 0, NULL), GUEST_NOTHING);
}

Test(queue, indices_go_round, .init = setup)
{
	struct guest_buffer b[2] = {buffer(8, false), buffer(8, true)};

	for (int i = 0; i < 70000; i++) {
		uint16_t head = guest_add(&g, 0, b, 2);

		cr_assert(guest_publish(&g, 0), "round %d: it was told of the last one, so it wants to hear of this", i);
		cr_assert_eq(queue_next(queue, &chain, NULL), 1, "round %d", i);
		cr_assert_eq(chain.head, head);
		queue_done(queue, &chain, 0);
		cr_assert_eq(guest_take(&g, 0, NULL), head);
		cr_assert_eq(queue_next(queue, &chain, NULL), 0, "round %d", i);
	}
}

Test(queue, a_full_one_is_no_lie_and_one_more_is, .init = setup)
{
	struct guest_buffer b = buffer(8, false);

	for (int i = 0; i < SIZE; i++)
		guest_add(&g, 0, &b, 1);
	guest_publish(&g, 0);
	for (int i = 0; i < SIZE; i++)
		cr_assert_eq(queue_next(queue, &chain, NULL), 1);
	cr_assert_eq(queue_next(queue, &chain, NULL), 0);
	for (int i = 0; i < SIZE + 1; i++)
		guest_add(&g, 0, &b, 1);
	guest_publish(&g, 0);
	must_lie("9 chains at once in a queue of 8");
}

Test(queue, what_is_undone_comes_again, .init = setup)
{
	struct guest_buffer b = buffer(8, false);

	available(&b, 1);
	cr_assert_eq(queue_next(queue, &chain, NULL), 1);
	queue_undo_next(queue);
	cr_assert_eq(queue_next(queue, &chain, NULL), 1);
	cr_assert_eq(queue_next(queue, &chain, NULL), 0);
}

Test(queue, gives_no_more_than_its_bound, .init = setup)
{
	struct guest_buffer b = buffer(8, false);

	available(&b, 1);
	available(&b, 1);
	queue->left = 1;
	cr_assert_eq(queue_next(queue, &chain, NULL), 1);
	cr_assert_eq(queue_next(queue, &chain, NULL), 0);
	queue->left = 1;
	queue_next(queue, &chain, NULL);
	queue_undo_next(queue);
	cr_assert_eq(queue->left, 1);
	queue->left = QUEUE_NO_BOUND;
	queue->ending = true;
	cr_assert_eq(queue_next(queue, &chain, NULL), 0);
}

/* Indirect tables. */

Test(queue, indirect, .init = setup)
{
	struct guest_buffer b[3] = {buffer(5, false), buffer(7, true), buffer(9, true)};

	guest_add_indirect(&g, 0, b, 3, NULL);
	guest_publish(&g, 0);
	cr_assert_eq(queue_next(queue, &chain, NULL), 1);
	cr_assert_eq(chain.head, 0);
	cr_assert_eq(chain.n_in, 1);
	cr_assert_eq(chain.n_out, 2);
	cr_assert_eq(chain.out_size, 16);
}

Test(queue, descriptors_then_an_indirect_table, .init = setup)
{
	struct guest_buffer b[2] = {buffer(5, false), buffer(7, true)};

	guest_add_indirect(&g, 0, b, 2, NULL);
	guest_add(&g, 0, b, 1);
	*guest_desc(&g, 0, 1) = (struct vring_desc){b[0].at, b[0].len, VRING_DESC_F_NEXT, 0};
	guest_publish(&g, 0);
	cr_assert_eq(queue_next(queue, &chain, NULL), 1);
	cr_assert_eq(queue_next(queue, &chain, NULL), 1);
	cr_assert_eq(chain.head, 1);
	cr_assert_eq(chain.in_size, 10);
	cr_assert_eq(chain.out_size, 7);
}

Test(queue, an_indirect_table_that_lies_anywhere, .init = setup)
{
	struct guest_buffer b = buffer(5, false);
	gpa_t odd = guest_alloc(&g, 64, 16) + 3;
	struct vring_desc d = {b.at, b.len, 0, 0};

	memcpy(guest_at(&g, odd, sizeof(d)), &d, sizeof(d));
	*guest_desc(&g, 0, 0) = (struct vring_desc){odd, sizeof(d), VRING_DESC_F_INDIRECT, 0};
	guest_add_head(&g, 0, 0);
	guest_publish(&g, 0);
	cr_assert_eq(queue_next(queue, &chain, NULL), 1);
	cr_assert_eq(chain.in_size, 5);
}

Test(queue, an_indirect_table_that_was_not_negotiated, .init = setup_plain)
{
	struct guest_buffer b = buffer(5, false);

	guest_add_indirect(&g, 0, &b, 1, NULL);
	guest_publish(&g, 0);
	must_lie("an indirect table, which was not negotiated");
}

/* n descriptors in an indirect table. */
static void add_many(size_t n)
{
	static struct guest_buffer b[QUEUE_CHAIN_MAX + 1];

	for (size_t i = 0; i < n; i++)
		b[i] = buffer(1, false);
	guest_add_indirect(&g, 0, b, n, NULL);
	guest_publish(&g, 0);
}

Test(queue, as_many_descriptors_as_there_may_be, .init = setup)
{
	add_many(QUEUE_CHAIN_MAX);
	cr_assert_eq(queue_next(queue, &chain, NULL), 1);
	cr_assert_eq(chain.n_in, QUEUE_CHAIN_MAX);
}

Test(queue, one_more, .init = setup)
{
	add_many(QUEUE_CHAIN_MAX + 1);
	must_lie("a chain of more than 256 descriptors");
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

ParameterizedTest(const struct lie *lie, queue, lies_of_a_descriptor, .init = setup)
{
	*guest_desc(&g, 0, 0) = lie->d;
	guest_add_head(&g, 0, 0);
	guest_publish(&g, 0);
	must_lie(lie->text);
}

ParameterizedTestParameters(queue, lies_in_an_indirect_table)
{
	return cr_make_param_array(const struct lie, (struct lie *)lies, sizeof(lies) / sizeof(*lies));
}

ParameterizedTest(const struct lie *lie, queue, lies_in_an_indirect_table, .init = setup)
{
	struct guest_buffer b[3] = {buffer(1, false), buffer(1, false), buffer(1, false)};
	struct vring_desc *table;
	gpa_t at;

	guest_add_indirect(&g, 0, b, 3, &at);
	table = guest_at(&g, at, 3 * sizeof(*table));
	table[0] = lie->d;
	guest_publish(&g, 0);
	must_lie(lie->text);
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

ParameterizedTest(const struct lie *lie, queue, lies_about_an_indirect_table, .init = setup)
{
	*guest_desc(&g, 0, 0) = lie->d;
	guest_add_head(&g, 0, 0);
	guest_publish(&g, 0);
	must_lie(lie->text);
}

Test(queue, an_indirect_table_in_one, .init = setup)
{
	struct guest_buffer b = buffer(64, false);
	gpa_t at;

	guest_add_indirect(&g, 0, &b, 1, &at);
	*(struct vring_desc *)guest_at(&g, at, 16) = (struct vring_desc){at, 16, VRING_DESC_F_INDIRECT, 0};
	guest_publish(&g, 0);
	must_lie("an indirect table in an indirect table");
}

Test(queue, circles_of_more_than_one, .init = setup)
{
	for (uint16_t i = 0; i < SIZE; i++)
		*guest_desc(&g, 0, i) = (struct vring_desc){0x1000, 1, VRING_DESC_F_NEXT, (uint16_t)((i + 1) % SIZE)};
	guest_add_head(&g, 0, 3);
	guest_publish(&g, 0);
	must_lie("a chain that runs in a circle");
}

Test(queue, read_after_write, .init = setup)
{
	struct guest_buffer b[2] = {buffer(5, true), buffer(7, false)};

	available(b, 2);
	must_lie("a buffer to be read after one to be written");
}

Test(queue, heads_beyond_the_table, .init = setup)
{
	guest_add_head(&g, 0, SIZE);
	guest_publish(&g, 0);
	must_lie("descriptor 8 of 8");
	guest_avail(&g, 0)[2] = UINT16_MAX;
	must_lie("descriptor 65535 of 8");
}

Test(queue, an_index_that_goes_back, .init = setup)
{
	guest_avail(&g, 0)[1] = UINT16_MAX;
	must_lie("65535 chains at once in a queue of 8");
}

Test(queue, more_than_four_gigabytes_and_across_the_hole)
{
	struct guest_buffer b[3] = {{0, UINT32_C(2) << 30, false}, {0, UINT32_C(2) << 30, false}, {0, 1, true}};

	device_init(&device, &idle, 0);
	guest_make(&g, &device, UINT64_C(5) << 30);
	guest_start(&g, UINT64_MAX);
	available(b, 2);
	cr_assert_eq(queue_next(queue, &chain, NULL), 1);
	cr_assert_eq(chain.in_size, UINT64_C(4) << 30);
	available(b, 3);
	must_lie("a chain of more than 4 GiB");
	guest_avail(&g, 0)[2 + 1] = 7;
	*guest_desc(&g, 0, 7) = (struct vring_desc){0, UINT32_MAX, 0, 0};
	must_lie("where no memory is");
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

ParameterizedTest(const struct bad_queue *bad, queue, no_queues, .init = setup)
{
	struct queue q = {.size_max = SIZE};
	struct error e = ERROR_NONE;

	q.size = bad->size;
	q.desc = bad->desc;
	q.avail = bad->avail;
	q.used = bad->used;
	cr_assert_eq(queue_configure(&q, g.memory, UINT64_MAX, &e), -EPROTO);
	cr_assert(strstr(e.msg, bad->text), "'%s' in '%s'", bad->text, e.msg);
	cr_assert_not(q.ready);
	cr_assert_eq(queue_next(&q, &chain, NULL), 0);
}

Test(queue, the_last_place_in_memory_is_good, .init = setup)
{
	struct queue q = {.size_max = SIZE, .size = SIZE, .desc = GUEST_MEMORY - 128, .avail = GUEST_MEMORY - 22, .used = GUEST_MEMORY - 72};

	cr_assert_eq(queue_configure(&q, g.memory, UINT64_MAX, NULL), 0);
	cr_assert_eq(queue_next(&q, &chain, NULL), 0);
}

Test(queue, one_that_is_not_ready_does_nothing, .init = setup)
{
	struct guest_buffer b = buffer(8, true);

	available(&b, 1);
	cr_assert_eq(queue_next(queue, &chain, NULL), 1);
	queue_reset(queue);
	queue_done(queue, &chain, 1);
	cr_assert_eq(guest_take(&g, 0, NULL), GUEST_NOTHING);
	cr_assert_not(queue_interrupts(queue));
	cr_assert_eq(queue_next(queue, &chain, NULL), 0);
}

/* Who tells whom, and when. */

Test(queue, notifications_with_event_index, .init = setup)
{
	struct guest_buffer b = buffer(8, false);

	guest_add(&g, 0, &b, 1);
	cr_assert(guest_publish(&g, 0), "the first");
	guest_add(&g, 0, &b, 1);
	cr_assert_not(guest_publish(&g, 0), "it has not even taken the first");
	cr_assert_eq(queue_next(queue, &chain, NULL), 1);
	guest_add(&g, 0, &b, 1);
	cr_assert_not(guest_publish(&g, 0), "it is at it");
	while (queue_next(queue, &chain, NULL) > 0)
		;
	guest_add(&g, 0, &b, 1);
	cr_assert(guest_publish(&g, 0), "it had said it has no more");
}

Test(queue, interrupts_with_event_index, .init = setup)
{
	struct guest_buffer b = buffer(8, false);

	cr_assert_not(queue_interrupts(queue), "for nothing");
	for (int i = 0; i < 4; i++)
		available(&b, 1);
	guest_want_interrupt(&g, 0, 1); /* when the index passes 1: with the second */
	queue_next(queue, &chain, NULL);
	queue_done(queue, &chain, 0);
	cr_assert_not(queue_interrupts(queue));
	queue_next(queue, &chain, NULL);
	queue_done(queue, &chain, 0);
	cr_assert(queue_interrupts(queue));
	queue_next(queue, &chain, NULL);
	queue_done(queue, &chain, 0);
	cr_assert_not(queue_interrupts(queue));
	guest_want_interrupt(&g, 0, 3);
	queue_next(queue, &chain, NULL);
	queue_done(queue, &chain, 0);
	cr_assert(queue_interrupts(queue));
	cr_assert_not(queue_interrupts(queue), "once");
}

Test(queue, interrupts_without_event_index, .init = setup_plain)
{
	struct guest_buffer b = buffer(8, false);

	cr_assert_not(queue_interrupts(queue), "for nothing");
	available(&b, 1);
	cr_assert(guest_publish(&g, 0), "always");
	queue_next(queue, &chain, NULL);
	queue_done(queue, &chain, 0);
	cr_assert(queue_interrupts(queue));
	guest_avail(&g, 0)[0] = VRING_AVAIL_F_NO_INTERRUPT;
	available(&b, 1);
	queue_next(queue, &chain, NULL);
	queue_done(queue, &chain, 0);
	cr_assert_not(queue_interrupts(queue));
}

Test(queue, says_no_more_was_written_than_there_was_room, .init = setup)
{
	struct guest_buffer b = buffer(8, true);
	uint32_t written;

	available(&b, 1);
	queue_next(queue, &chain, NULL);
	queue_done(queue, &chain, UINT32_MAX);
	cr_assert_eq(guest_take(&g, 0, &written), 0);
	cr_assert_eq(written, 8);
}

Test(queue, what_was_taken_does_not_change, .init = setup)
{
	struct guest_buffer b = buffer(8, false);
	const void *host = guest_at(&g, b.at, 8);

	available(&b, 1);
	cr_assert_eq(queue_next(queue, &chain, NULL), 1);
	*guest_desc(&g, 0, 0) = (struct vring_desc){UINT64_MAX, UINT32_MAX, UINT16_MAX, UINT16_MAX};
	cr_assert_eq(chain.v[0].iov_base, host);
	cr_assert_eq(chain.v[0].iov_len, 8);
	cr_assert_eq(chain.in_size, 8);
}

/* Another processor writes to everything just after it was looked at: while its address is turned into a pointer. */

static void (*meanwhile)(void);

void *__real_memory_at(const struct memory *m, gpa_t at, uint64_t len);
void *__wrap_memory_at(const struct memory *m, gpa_t at, uint64_t len);

void *__wrap_memory_at(const struct memory *m, gpa_t at, uint64_t len)
{
	void (*fn)(void) = meanwhile;

	if (fn) {
		meanwhile = NULL;
		fn();
		meanwhile = fn;
	}
	return __real_memory_at(m, at, len);
}

static gpa_t indirect_table;

static void spoil(void)
{
	memset(guest_desc(&g, 0, 0), 0xff, sizeof(struct vring_desc));
	memset(guest_avail(&g, 0), 0xff, (2 + SIZE) * sizeof(uint16_t));
	/* As it is in a guest: the entry that is turned into a pointer right now, the next not yet. */
	if (indirect_table)
		memset(guest_at(&g, indirect_table, sizeof(struct vring_desc)), 0xff, sizeof(struct vring_desc));
}

static void must_be_what_it_was(const struct guest_buffer *b, size_t n)
{
	meanwhile = spoil;
	cr_assert_eq(queue_next(queue, &chain, NULL), 1);
	meanwhile = NULL;
	cr_assert_eq(chain.head, 0);
	cr_assert_eq(chain.n_in, n);
	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(chain.v[i].iov_len, b[i].len);
		cr_assert_eq(chain.v[i].iov_base, guest_at(&g, b[i].at, 1));
	}
	cr_assert_eq(guest_desc(&g, 0, 0)->len, UINT32_MAX, "it was written to");
}

Test(queue, what_was_looked_at_once_is_not_looked_at_again, .init = setup)
{
	struct guest_buffer b[2] = {buffer(5, false), buffer(7, false)};

	available(b, 2);
	must_be_what_it_was(b, 2);
}

static void spoil_table_later(void)
{
	static int calls;

	memset(guest_desc(&g, 0, 0), 0xff, sizeof(struct vring_desc));
	if (calls++) /* the first is the table's own */
		spoil();
}

Test(queue, nor_in_an_indirect_table, .init = setup)
{
	struct guest_buffer b[2] = {buffer(5, false), buffer(7, false)};

	guest_add_indirect(&g, 0, b, 2, &indirect_table);
	guest_publish(&g, 0);
	meanwhile = spoil_table_later;
	cr_assert_eq(queue_next(queue, &chain, NULL), 1);
	meanwhile = NULL;
	cr_assert_eq(chain.n_in, 2);
	cr_assert_eq(chain.in_size, 12);
	cr_assert_eq(chain.v[0].iov_base, guest_at(&g, b[0].at, 1));
}

/* Copies in and out of chains. */

static struct guest_buffer pieces[5];

/* "abc" "defgh" to read, 2 + 4 + 1 bytes to write. */
static void setup_pieces(void)
{
	setup();
	for (int i = 0; i < 5; i++)
		pieces[i] = buffer((uint32_t[]){3, 5, 2, 4, 1}[i], i >= 2);
	memcpy(guest_at(&g, pieces[0].at, 3), "abc", 3);
	memcpy(guest_at(&g, pieces[1].at, 5), "defgh", 5);
	available(pieces, 5);
	cr_assert_eq(queue_next(queue, &chain, NULL), 1);
}

Test(chain, reads_across_buffers, .init = setup_pieces)
{
	static const struct {
		uint64_t at;
		size_t len;
		const char *text;
	} reads[] = {
	    {0, 8, "abcdefgh"}, {0, 99, "abcdefgh"}, {2, 3, "cde"}, {3, 5, "defgh"}, {7, 9, "h"}, {8, 1, ""}, {UINT64_MAX, 1, ""}, {1, 0, ""},
	};

	for (size_t i = 0; i < sizeof(reads) / sizeof(*reads); i++) {
		char text[100] = {0};

		cr_assert_eq(chain_read(&chain, reads[i].at, text, reads[i].len), strlen(reads[i].text), "%zu", i);
		cr_assert_str_eq(text, reads[i].text);
	}
}

Test(chain, writes_across_buffers, .init = setup_pieces)
{
	cr_assert_eq(chain_write(&chain, 1, "xyzuv", 5), 5);
	cr_assert_eq(chain_write(&chain, 6, "wwwwwwww", 8), 1);
	cr_assert_eq(chain_write(&chain, 7, "?", 1), 0);
	cr_assert_eq(chain_write(&chain, UINT64_MAX, "?", 1), 0);
	cr_assert_arr_eq(guest_at(&g, pieces[2].at, 2), "\0x", 2);
	cr_assert_arr_eq(guest_at(&g, pieces[3].at, 4), "yzuv", 4);
	cr_assert_arr_eq(guest_at(&g, pieces[4].at, 1), "w", 1);
	cr_assert_arr_eq(guest_at(&g, pieces[0].at, 3), "abc", 3, "what is to be read stays");
}

Test(chain, parts, .init = setup_pieces)
{
	struct iovec v[QUEUE_CHAIN_MAX];
	const char *second = guest_at(&g, pieces[1].at, 5);

	cr_assert_eq(chain_readable(&chain, 0, UINT64_MAX, v), 2);
	cr_assert_eq(chain_readable(&chain, 4, 2, v), 1);
	cr_assert_eq(v[0].iov_base, second + 1);
	cr_assert_eq(v[0].iov_len, 2);
	cr_assert_eq(chain_readable(&chain, 8, 1, v), 0);
	cr_assert_eq(chain_writable(&chain, 1, 5, v), 2);
	cr_assert_eq(v[0].iov_len, 1);
	cr_assert_eq(v[1].iov_len, 4);
	cr_assert_eq(chain_writable(&chain, 1, 0, v), 0);
	cr_assert_eq(chain_writable(&chain, UINT64_MAX, UINT64_MAX, v), 0);
}
