/* test_balloon.c: pages given up are zero afterwards, and no others are. */
#include "vmm/virtio/balloon.h"

#include <criterion/criterion.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_mmio.h>
#include <stddef.h>
#include <string.h>

#include "guest.h"

enum { INFLATE, DEFLATE, STATS, REPORT };

static struct device *balloon;
static struct guest g;
static gpa_t pages; /* eight of them */

static void start(uint64_t features)
{
	cr_assert_eq(balloon_new(&balloon, NULL), 0);
	guest_make(&g, balloon, 0);
	guest_start(&g, features);
	pages = guest_alloc(&g, 8 * BALLOON_PAGE, BALLOON_PAGE);
	for (unsigned int i = 0; i < 8; i++)
		memset(guest_at(&g, pages + i * BALLOON_PAGE, BALLOON_PAGE), (int)i + 1, BALLOON_PAGE);
}

static void setup(void)
{
	start(UINT64_MAX);
}

static void teardown(void)
{
	balloon->ops->free(balloon);
}

static uint32_t number(unsigned int page)
{
	return (uint32_t)(pages / BALLOON_PAGE) + page;
}

/* gone: a bit for each of the eight. */
static void must_have_given_up(unsigned int gone)
{
	for (unsigned int i = 0; i < 8; i++) {
		const unsigned char *page = guest_at(&g, pages + i * BALLOON_PAGE, BALLOON_PAGE);
		unsigned char value = gone >> i & 1 ? 0 : (unsigned char)(i + 1);

		cr_assert_eq(page[0], value, "page %u", i);
		cr_assert_eq(page[BALLOON_PAGE - 1], value, "page %u", i);
	}
}

static void must_have_lied(const char *text)
{
	cr_assert(guest_lied(&g), "%s", text);
	cr_assert(strstr(g.why.msg, text), "'%s' in '%s'", text, g.why.msg);
}

Test(balloon, inflates, .init = setup, .fini = teardown)
{
	uint32_t list[] = {number(1), number(2), number(3), number(7), number(5), number(1)};

	cr_assert_eq(guest_ask(&g, INFLATE, list, sizeof(list), NULL, 0), 0);
	must_have_given_up(0xae);
	cr_assert_eq(guest_ask(&g, DEFLATE, list, sizeof(list), NULL, 0), 0);
	must_have_given_up(0xae);
	cr_assert_not(guest_lied(&g));
}

Test(balloon, as_many_pages_as_there_may_be, .init = setup, .fini = teardown)
{
	static uint32_t list[BALLOON_PAGES_MAX + 1];

	for (size_t i = 0; i <= BALLOON_PAGES_MAX; i++)
		list[i] = number((unsigned int)i % 8);
	cr_assert_eq(guest_ask(&g, INFLATE, list, BALLOON_PAGES_MAX * 4, NULL, 0), 0);
	must_have_given_up(0xff);
	cr_assert_eq(guest_ask(&g, INFLATE, list, (BALLOON_PAGES_MAX + 1) * 4, NULL, 0), GUEST_NOTHING);
	must_have_lied("a list of pages of 4100 bytes");
}

static void inflate_one(uint32_t page)
{
	cr_assert_eq(guest_ask(&g, INFLATE, &page, sizeof(page), NULL, 0), GUEST_NOTHING);
}

Test(balloon, the_first_page_beyond_memory, .init = setup, .fini = teardown)
{
	inflate_one(GUEST_MEMORY / BALLOON_PAGE);
	must_have_lied("4096 bytes at 0x1000000 to be given up, where no pages are");
}

Test(balloon, the_last_page_there_can_be, .init = setup, .fini = teardown)
{
	inflate_one(UINT32_MAX);
	must_have_lied("4096 bytes at 0xffffffff000 to be given up");
}

Test(balloon, a_run_that_goes_round, .init = setup, .fini = teardown)
{
	uint32_t list[] = {UINT32_MAX, 0, 1};

	cr_assert_eq(guest_ask(&g, INFLATE, list, sizeof(list), NULL, 0), GUEST_NOTHING);
	must_have_lied("to be given up, where no pages are");
}

Test(balloon, a_run_that_leaves_memory, .init = setup, .fini = teardown)
{
	uint32_t end = GUEST_MEMORY / BALLOON_PAGE, list[] = {end - 1, end};

	cr_assert_eq(guest_ask(&g, INFLATE, list, sizeof(list), NULL, 0), GUEST_NOTHING);
	must_have_lied("8192 bytes at 0xfff000 to be given up");
}

Test(balloon, a_list_that_is_none, .init = setup, .fini = teardown)
{
	cr_assert_eq(guest_ask(&g, INFLATE, "12345", 5, NULL, 0), GUEST_NOTHING);
	must_have_lied("a list of pages of 5 bytes");
}

Test(balloon, a_list_to_be_written, .init = setup, .fini = teardown)
{
	uint32_t page = number(0);

	cr_assert_eq(guest_ask(&g, INFLATE, &page, 4, &page, 4), GUEST_NOTHING);
	must_have_lied("a list of pages");
	must_have_given_up(0);
}

/* Free page reporting. */

static void report(const struct guest_buffer *b, size_t n, uint16_t q)
{
	guest_add(&g, q, b, n);
	guest_kick(&g, q);
}

Test(balloon, reported_pages, .init = setup, .fini = teardown)
{
	struct guest_buffer b[] = {{pages + BALLOON_PAGE, 2 * BALLOON_PAGE, true}, {pages + 6 * BALLOON_PAGE, BALLOON_PAGE, true}};

	report(b, 2, REPORT);
	cr_assert_eq(guest_take(&g, REPORT, NULL), 0);
	must_have_given_up(0x46);
}

Test(balloon, half_a_page, .init = setup, .fini = teardown)
{
	struct guest_buffer b = {pages, BALLOON_PAGE / 2, true};

	report(&b, 1, REPORT);
	must_have_lied("2048 bytes at");
	must_have_given_up(0);
}

Test(balloon, a_page_that_begins_in_the_middle, .init = setup, .fini = teardown)
{
	struct guest_buffer b = {pages + 2048, BALLOON_PAGE, true};

	report(&b, 1, REPORT);
	must_have_lied("4096 bytes at");
	must_have_given_up(0);
}

Test(balloon, reported_pages_to_read, .init = setup, .fini = teardown)
{
	struct guest_buffer b = {pages, BALLOON_PAGE, false};

	report(&b, 1, REPORT);
	must_have_lied("free pages with something to read");
	must_have_given_up(0);
}

Test(balloon, pages_beyond_four_gigabytes)
{
	struct guest_buffer b = {UINT64_C(5) << 30, BALLOON_PAGE, true};

	cr_assert_eq(balloon_new(&balloon, NULL), 0);
	guest_make(&g, balloon, UINT64_C(5) << 30);
	guest_start(&g, UINT64_MAX);
	memset(guest_at(&g, b.at, 2 * BALLOON_PAGE), 'x', 2 * BALLOON_PAGE);
	report(&b, 1, REPORT);
	cr_assert_eq(*(char *)guest_at(&g, b.at, 1), 0);
	cr_assert_eq(*(char *)guest_at(&g, b.at + BALLOON_PAGE, 1), 'x');
	teardown();
}

/* A driver that fills free pages with a pattern wants to find it again. */
Test(balloon, poisoned_pages_are_left, .init = setup, .fini = teardown)
{
	struct guest_buffer b = {pages, BALLOON_PAGE, true};
	uint32_t poison = 0xaaaaaaaa;

	guest_write(&g, VIRTIO_MMIO_CONFIG + offsetof(struct virtio_balloon_config, poison_val), poison);
	report(&b, 1, REPORT);
	cr_assert_eq(guest_take(&g, REPORT, NULL), 0);
	must_have_given_up(0);
}

/* Queues move up where one before them is missing. */

static void setup_without_stats(void)
{
	start(1 << VIRTIO_BALLOON_F_REPORTING);
}

Test(balloon, reports_in_the_third_queue, .init = setup_without_stats, .fini = teardown)
{
	struct guest_buffer b = {pages, BALLOON_PAGE, true};

	report(&b, 1, 2);
	cr_assert_eq(guest_take(&g, 2, NULL), 0);
	must_have_given_up(1);
	report(&b, 1, 3);
	must_have_lied("a request in queue 3, which has no use");
}

static void setup_bare(void)
{
	start(0);
}

Test(balloon, reports_that_were_not_negotiated, .init = setup_bare, .fini = teardown)
{
	struct guest_buffer b = {pages, BALLOON_PAGE, true};

	report(&b, 1, 2);
	must_have_lied("a request in queue 2, which has no use");
	must_have_given_up(0);
}

/* Target and figures. */

static uint32_t field(size_t at)
{
	uint32_t value;

	guest_config(&g, (uint32_t)at, &value, sizeof(value));
	return value;
}

Test(balloon, has_a_target, .init = setup, .fini = teardown)
{
	uint32_t generation = guest_read(&g, VIRTIO_MMIO_CONFIG_GENERATION);

	cr_assert_eq(field(offsetof(struct virtio_balloon_config, num_pages)), 0);
	balloon_set_target(balloon, 3 * BALLOON_PAGE + 1);
	cr_assert_eq(field(offsetof(struct virtio_balloon_config, num_pages)), 3);
	cr_assert_neq(guest_read(&g, VIRTIO_MMIO_CONFIG_GENERATION), generation);
	cr_assert_eq(guest_interrupts(&g), 1);
	cr_assert_eq(guest_read(&g, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	guest_write(&g, VIRTIO_MMIO_CONFIG + offsetof(struct virtio_balloon_config, actual), 2);
	cr_assert_eq(balloon_actual(balloon), 2 * BALLOON_PAGE);
	balloon_set_target(balloon, UINT64_MAX);
	cr_assert_eq(field(offsetof(struct virtio_balloon_config, num_pages)), UINT32_MAX);
	guest_reset(&g);
	cr_assert_eq(balloon_actual(balloon), 0);
	cr_assert_eq(field(offsetof(struct virtio_balloon_config, num_pages)), UINT32_MAX, "the target is ours");
}

Test(balloon, the_target_is_not_the_drivers, .init = setup, .fini = teardown)
{
	guest_write(&g, VIRTIO_MMIO_CONFIG + offsetof(struct virtio_balloon_config, num_pages), 99);
	mmio_write(&g.mmio, VIRTIO_MMIO_CONFIG + 2, "\1\2\3\4", 4);
	mmio_write(&g.mmio, VIRTIO_MMIO_CONFIG + offsetof(struct virtio_balloon_config, actual), "\1\2\3\4\5\6\7\10", 8);
	cr_assert_eq(field(offsetof(struct virtio_balloon_config, num_pages)), 0);
	cr_assert_eq(balloon_actual(balloon), 0);
}

static void add_stats(const void *data, uint32_t size)
{
	struct guest_buffer b = {guest_alloc(&g, size, 16), size, false};

	memcpy(guest_at(&g, b.at, size), data, size);
	guest_add(&g, STATS, &b, 1);
	guest_kick(&g, STATS);
}

Test(balloon, figures, .init = setup, .fini = teardown)
{
	struct virtio_balloon_stat s[] = {{VIRTIO_BALLOON_S_MEMFREE, 1234}, {VIRTIO_BALLOON_S_MEMTOT, 5678}, {999, 1}, {UINT16_MAX, 1}};
	struct balloon_stats got;

	cr_assert_eq(balloon_ask_stats(balloon), -EAGAIN, "it has not said anything yet");
	balloon_get_stats(balloon, &got);
	cr_assert_eq(got.serial, 0);
	cr_assert_eq(got.value[VIRTIO_BALLOON_S_MEMFREE], BALLOON_UNKNOWN);
	add_stats(s, sizeof(s));
	cr_assert_eq(guest_take(&g, STATS, NULL), GUEST_NOTHING, "kept until the next time");
	balloon_get_stats(balloon, &got);
	cr_assert_eq(got.serial, 1);
	cr_assert_eq(got.value[VIRTIO_BALLOON_S_MEMFREE], 1234);
	cr_assert_eq(got.value[VIRTIO_BALLOON_S_MEMTOT], 5678);
	cr_assert_eq(got.value[VIRTIO_BALLOON_S_AVAIL], BALLOON_UNKNOWN);
	guest_interrupts(&g);
	cr_assert_eq(balloon_ask_stats(balloon), 0);
	cr_assert_eq(guest_interrupts(&g), 1);
	cr_assert_neq(guest_take(&g, STATS, NULL), GUEST_NOTHING);
	cr_assert_eq(balloon_ask_stats(balloon), -EAGAIN);
	s[0].val = 4321;
	add_stats(s, 15);
	balloon_get_stats(balloon, &got);
	cr_assert_eq(got.serial, 2);
	cr_assert_eq(got.value[VIRTIO_BALLOON_S_MEMFREE], 4321);
	cr_assert_eq(got.value[VIRTIO_BALLOON_S_MEMTOT], BALLOON_UNKNOWN, "half a figure is none");
	guest_start(&g, UINT64_MAX);
	cr_assert_eq(balloon_ask_stats(balloon), -EAGAIN, "what it held is forgotten");
	add_stats(s, sizeof(s));
	cr_assert_not(guest_lied(&g));
}

Test(balloon, more_figures_than_anybody_has, .init = setup, .fini = teardown)
{
	static unsigned char data[65536];
	struct balloon_stats got;

	memset(data, 0xff, sizeof(data));
	add_stats(data, sizeof(data));
	balloon_get_stats(balloon, &got);
	cr_assert_eq(got.serial, 1);
	cr_assert_not(guest_lied(&g));
}

Test(balloon, figures_twice, .init = setup, .fini = teardown)
{
	add_stats("", 1);
	add_stats("", 1);
	must_have_lied("figures that nobody has asked for");
}
