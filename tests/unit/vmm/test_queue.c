/* test_queue.c: what a driver may write into a queue: chains, who tells whom, and that nothing is looked at twice. */
#include "vmm/virtio/queue.h"

#include <criterion/criterion.h>
#include <string.h>

#include "idle.h"

Test(queue, gives_chains_and_takes_them_back, .init = idle_setup)
{
	struct guest_buffer b[3] = {idle_buffer(5, false), idle_buffer(7, false), idle_buffer(100, true)};
	uint32_t written;

	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 0);
	idle_available(b, 3);
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1);
	cr_assert_eq(idle.chain.n_in, 2);
	cr_assert_eq(idle.chain.n_out, 1);
	cr_assert_eq(idle.chain.in_size, 12);
	cr_assert_eq(idle.chain.out_size, 100);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(idle.chain.v[i].iov_base, guest_at(&idle.g, b[i].at, b[i].len));
		cr_assert_eq(idle.chain.v[i].iov_len, b[i].len);
	}
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 0);
	queue_done(idle.queue, &idle.chain, 42);
	cr_assert_eq(guest_take(&idle.g, 0, &written), 0);
	cr_assert_eq(written, 42);
	cr_assert_eq(guest_take(&idle.g, 0, NULL), GUEST_NOTHING);
}

Test(queue, indices_go_round, .init = idle_setup)
{
	struct guest_buffer b[2] = {idle_buffer(8, false), idle_buffer(8, true)};

	for (int i = 0; i < 70000; i++) {
		uint16_t head = guest_add(&idle.g, 0, b, 2);

		cr_assert(guest_publish(&idle.g, 0), "round %d: it was told of the last one, so it wants to hear of this", i);
		cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1, "round %d", i);
		cr_assert_eq(idle.chain.head, head);
		queue_done(idle.queue, &idle.chain, 0);
		cr_assert_eq(guest_take(&idle.g, 0, NULL), head);
		cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 0, "round %d", i);
	}
}

Test(queue, a_full_one_is_no_lie_and_one_more_is, .init = idle_setup)
{
	struct guest_buffer b = idle_buffer(8, false);

	for (int i = 0; i < IDLE_SIZE; i++)
		guest_add(&idle.g, 0, &b, 1);
	guest_publish(&idle.g, 0);
	for (int i = 0; i < IDLE_SIZE; i++)
		cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1);
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 0);
	for (int i = 0; i < IDLE_SIZE + 1; i++)
		guest_add(&idle.g, 0, &b, 1);
	guest_publish(&idle.g, 0);
	idle_must_lie("9 chains at once in a queue of 8");
}

Test(queue, what_is_undone_comes_again, .init = idle_setup)
{
	struct guest_buffer b = idle_buffer(8, false);

	idle_available(&b, 1);
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1);
	queue_undo_next(idle.queue);
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1);
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 0);
}

Test(queue, gives_no_more_than_its_bound, .init = idle_setup)
{
	struct guest_buffer b = idle_buffer(8, false);

	idle_available(&b, 1);
	idle_available(&b, 1);
	idle.queue->left = 1;
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1);
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 0);
	idle.queue->left = 1;
	queue_next(idle.queue, &idle.chain, NULL);
	queue_undo_next(idle.queue);
	cr_assert_eq(idle.queue->left, 1);
	idle.queue->left = QUEUE_NO_BOUND;
	idle.queue->ending = true;
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 0);
}

/* Indirect tables. */

Test(queue, indirect, .init = idle_setup)
{
	struct guest_buffer b[3] = {idle_buffer(5, false), idle_buffer(7, true), idle_buffer(9, true)};

	guest_add_indirect(&idle.g, 0, b, 3, NULL);
	guest_publish(&idle.g, 0);
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1);
	cr_assert_eq(idle.chain.head, 0);
	cr_assert_eq(idle.chain.n_in, 1);
	cr_assert_eq(idle.chain.n_out, 2);
	cr_assert_eq(idle.chain.out_size, 16);
}

Test(queue, descriptors_then_an_indirect_table, .init = idle_setup)
{
	struct guest_buffer b[2] = {idle_buffer(5, false), idle_buffer(7, true)};

	guest_add_indirect(&idle.g, 0, b, 2, NULL);
	guest_add(&idle.g, 0, b, 1);
	*guest_desc(&idle.g, 0, 1) = (struct vring_desc){b[0].at, b[0].len, VRING_DESC_F_NEXT, 0};
	guest_publish(&idle.g, 0);
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1);
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1);
	cr_assert_eq(idle.chain.head, 1);
	cr_assert_eq(idle.chain.in_size, 10);
	cr_assert_eq(idle.chain.out_size, 7);
}

Test(queue, an_indirect_table_that_lies_anywhere, .init = idle_setup)
{
	struct guest_buffer b = idle_buffer(5, false);
	gpa_t odd = guest_alloc(&idle.g, 64, 16) + 3;
	struct vring_desc d = {b.at, b.len, 0, 0};

	memcpy(guest_at(&idle.g, odd, sizeof(d)), &d, sizeof(d));
	*guest_desc(&idle.g, 0, 0) = (struct vring_desc){odd, sizeof(d), VRING_DESC_F_INDIRECT, 0};
	guest_add_head(&idle.g, 0, 0);
	guest_publish(&idle.g, 0);
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1);
	cr_assert_eq(idle.chain.in_size, 5);
}

Test(queue, the_last_place_in_memory_is_good, .init = idle_setup)
{
	struct queue q = {.size_max = IDLE_SIZE, .size = IDLE_SIZE, .desc = GUEST_MEMORY - 128, .avail = GUEST_MEMORY - 22, .used = GUEST_MEMORY - 72};

	cr_assert_eq(queue_configure(&q, idle.g.memory, UINT64_MAX, NULL), 0);
	cr_assert_eq(queue_next(&q, &idle.chain, NULL), 0);
}

Test(queue, one_that_is_not_ready_does_nothing, .init = idle_setup)
{
	struct guest_buffer b = idle_buffer(8, true);

	idle_available(&b, 1);
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1);
	queue_reset(idle.queue);
	queue_done(idle.queue, &idle.chain, 1);
	cr_assert_eq(guest_take(&idle.g, 0, NULL), GUEST_NOTHING);
	cr_assert_not(queue_interrupts(idle.queue));
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 0);
}

/* Who tells whom, and when. */

Test(queue, notifications_with_event_index, .init = idle_setup)
{
	struct guest_buffer b = idle_buffer(8, false);

	guest_add(&idle.g, 0, &b, 1);
	cr_assert(guest_publish(&idle.g, 0), "the first");
	guest_add(&idle.g, 0, &b, 1);
	cr_assert_not(guest_publish(&idle.g, 0), "it has not even taken the first");
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1);
	guest_add(&idle.g, 0, &b, 1);
	cr_assert_not(guest_publish(&idle.g, 0), "it is at it");
	while (queue_next(idle.queue, &idle.chain, NULL) > 0)
		;
	guest_add(&idle.g, 0, &b, 1);
	cr_assert(guest_publish(&idle.g, 0), "it had said it has no more");
}

Test(queue, interrupts_with_event_index, .init = idle_setup)
{
	struct guest_buffer b = idle_buffer(8, false);

	cr_assert_not(queue_interrupts(idle.queue), "for nothing");
	for (int i = 0; i < 4; i++)
		idle_available(&b, 1);
	guest_want_interrupt(&idle.g, 0, 1); /* when the index passes 1: with the second */
	queue_next(idle.queue, &idle.chain, NULL);
	queue_done(idle.queue, &idle.chain, 0);
	cr_assert_not(queue_interrupts(idle.queue));
	queue_next(idle.queue, &idle.chain, NULL);
	queue_done(idle.queue, &idle.chain, 0);
	cr_assert(queue_interrupts(idle.queue));
	queue_next(idle.queue, &idle.chain, NULL);
	queue_done(idle.queue, &idle.chain, 0);
	cr_assert_not(queue_interrupts(idle.queue));
	guest_want_interrupt(&idle.g, 0, 3);
	queue_next(idle.queue, &idle.chain, NULL);
	queue_done(idle.queue, &idle.chain, 0);
	cr_assert(queue_interrupts(idle.queue));
	cr_assert_not(queue_interrupts(idle.queue), "once");
}

Test(queue, interrupts_without_event_index, .init = idle_setup_plain)
{
	struct guest_buffer b = idle_buffer(8, false);

	cr_assert_not(queue_interrupts(idle.queue), "for nothing");
	idle_available(&b, 1);
	cr_assert(guest_publish(&idle.g, 0), "always");
	queue_next(idle.queue, &idle.chain, NULL);
	queue_done(idle.queue, &idle.chain, 0);
	cr_assert(queue_interrupts(idle.queue));
	guest_avail(&idle.g, 0)[0] = VRING_AVAIL_F_NO_INTERRUPT;
	idle_available(&b, 1);
	queue_next(idle.queue, &idle.chain, NULL);
	queue_done(idle.queue, &idle.chain, 0);
	cr_assert_not(queue_interrupts(idle.queue));
}

Test(queue, says_no_more_was_written_than_there_was_room, .init = idle_setup)
{
	struct guest_buffer b = idle_buffer(8, true);
	uint32_t written;

	idle_available(&b, 1);
	queue_next(idle.queue, &idle.chain, NULL);
	queue_done(idle.queue, &idle.chain, UINT32_MAX);
	cr_assert_eq(guest_take(&idle.g, 0, &written), 0);
	cr_assert_eq(written, 8);
}

Test(queue, what_was_taken_does_not_change, .init = idle_setup)
{
	struct guest_buffer b = idle_buffer(8, false);
	const void *host = guest_at(&idle.g, b.at, 8);

	idle_available(&b, 1);
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1);
	*guest_desc(&idle.g, 0, 0) = (struct vring_desc){UINT64_MAX, UINT32_MAX, UINT16_MAX, UINT16_MAX};
	cr_assert_eq(idle.chain.v[0].iov_base, host);
	cr_assert_eq(idle.chain.v[0].iov_len, 8);
	cr_assert_eq(idle.chain.in_size, 8);
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
	memset(guest_desc(&idle.g, 0, 0), 0xff, sizeof(struct vring_desc));
	memset(guest_avail(&idle.g, 0), 0xff, (2 + IDLE_SIZE) * sizeof(uint16_t));
	/* As it is in a guest: the entry that is turned into a pointer right now, the next not yet. */
	if (indirect_table)
		memset(guest_at(&idle.g, indirect_table, sizeof(struct vring_desc)), 0xff, sizeof(struct vring_desc));
}

static void must_be_what_it_was(const struct guest_buffer *b, size_t n)
{
	meanwhile = spoil;
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1);
	meanwhile = NULL;
	cr_assert_eq(idle.chain.head, 0);
	cr_assert_eq(idle.chain.n_in, n);
	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(idle.chain.v[i].iov_len, b[i].len);
		cr_assert_eq(idle.chain.v[i].iov_base, guest_at(&idle.g, b[i].at, 1));
	}
	cr_assert_eq(guest_desc(&idle.g, 0, 0)->len, UINT32_MAX, "it was written to");
}

Test(queue, what_was_looked_at_once_is_not_looked_at_again, .init = idle_setup)
{
	struct guest_buffer b[2] = {idle_buffer(5, false), idle_buffer(7, false)};

	idle_available(b, 2);
	must_be_what_it_was(b, 2);
}

static void spoil_table_later(void)
{
	static int calls;

	memset(guest_desc(&idle.g, 0, 0), 0xff, sizeof(struct vring_desc));
	if (calls++) /* the first is the table's own */
		spoil();
}

Test(queue, nor_in_an_indirect_table, .init = idle_setup)
{
	struct guest_buffer b[2] = {idle_buffer(5, false), idle_buffer(7, false)};

	guest_add_indirect(&idle.g, 0, b, 2, &indirect_table);
	guest_publish(&idle.g, 0);
	meanwhile = spoil_table_later;
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1);
	meanwhile = NULL;
	cr_assert_eq(idle.chain.n_in, 2);
	cr_assert_eq(idle.chain.in_size, 12);
	cr_assert_eq(idle.chain.v[0].iov_base, guest_at(&idle.g, b[0].at, 1));
}

/* Copies in and out of chains. */

static struct guest_buffer pieces[5];

/* "abc" "defgh" to read, 2 + 4 + 1 bytes to write. */
static void setup_pieces(void)
{
	idle_setup();
	for (int i = 0; i < 5; i++)
		pieces[i] = idle_buffer((uint32_t[]){3, 5, 2, 4, 1}[i], i >= 2);
	memcpy(guest_at(&idle.g, pieces[0].at, 3), "abc", 3);
	memcpy(guest_at(&idle.g, pieces[1].at, 5), "defgh", 5);
	idle_available(pieces, 5);
	cr_assert_eq(queue_next(idle.queue, &idle.chain, NULL), 1);
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

		cr_assert_eq(chain_read(&idle.chain, reads[i].at, text, reads[i].len), strlen(reads[i].text), "%zu", i);
		cr_assert_str_eq(text, reads[i].text);
	}
}

Test(chain, writes_across_buffers, .init = setup_pieces)
{
	cr_assert_eq(chain_write(&idle.chain, 1, "xyzuv", 5), 5);
	cr_assert_eq(chain_write(&idle.chain, 6, "wwwwwwww", 8), 1);
	cr_assert_eq(chain_write(&idle.chain, 7, "?", 1), 0);
	cr_assert_eq(chain_write(&idle.chain, UINT64_MAX, "?", 1), 0);
	cr_assert_arr_eq(guest_at(&idle.g, pieces[2].at, 2), "\0x", 2);
	cr_assert_arr_eq(guest_at(&idle.g, pieces[3].at, 4), "yzuv", 4);
	cr_assert_arr_eq(guest_at(&idle.g, pieces[4].at, 1), "w", 1);
	cr_assert_arr_eq(guest_at(&idle.g, pieces[0].at, 3), "abc", 3, "what is to be read stays");
}

Test(chain, parts, .init = setup_pieces)
{
	struct iovec v[QUEUE_CHAIN_MAX];
	const char *second = guest_at(&idle.g, pieces[1].at, 5);

	cr_assert_eq(chain_readable(&idle.chain, 0, UINT64_MAX, v), 2);
	cr_assert_eq(chain_readable(&idle.chain, 4, 2, v), 1);
	cr_assert_eq(v[0].iov_base, second + 1);
	cr_assert_eq(v[0].iov_len, 2);
	cr_assert_eq(chain_readable(&idle.chain, 8, 1, v), 0);
	cr_assert_eq(chain_writable(&idle.chain, 1, 5, v), 2);
	cr_assert_eq(v[0].iov_len, 1);
	cr_assert_eq(v[1].iov_len, 4);
	cr_assert_eq(chain_writable(&idle.chain, 1, 0, v), 0);
	cr_assert_eq(chain_writable(&idle.chain, UINT64_MAX, UINT64_MAX, v), 0);
}
