/* test_rng.c: random bytes, as many as there is room for. */
#include "vmm/virtio/rng.h"

#include <criterion/criterion.h>
#include <string.h>

#include "guest.h"

static struct device *rng;
static struct guest g;

static void setup(void)
{
	cr_assert_eq(rng_new(&rng, NULL), 0);
	guest_make(&g, rng, 0);
	guest_start(&g, UINT64_MAX);
}

static void teardown(void)
{
	rng->ops->free(rng);
}

Test(rng, fills_what_it_is_given, .init = setup, .fini = teardown)
{
	unsigned char a[64] = {0}, b[64] = {0};

	cr_assert_eq(guest_ask(&g, 0, NULL, 0, a, sizeof(a)), sizeof(a));
	cr_assert_eq(guest_ask(&g, 0, NULL, 0, b, sizeof(b)), sizeof(b));
	cr_assert_neq(memcmp(a, b, sizeof(a)), 0);
	cr_assert_eq(guest_interrupts(&g), 1, "used_event is 0: for the first");
	cr_assert_not(guest_lied(&g));
}

Test(rng, no_more_than_its_limit_and_not_a_byte_beyond, .init = setup, .fini = teardown)
{
	struct guest_buffer b[2] = {
	    {guest_alloc(&g, 4096, 4096), 3000, true},
	       {guest_alloc(&g, 4096, 4096), 3000, true}
	};
	const unsigned char *second = guest_at(&g, b[1].at, 4096);
	uint32_t written;

	guest_add(&g, 0, b, 2);
	guest_kick(&g, 0);
	cr_assert_eq(guest_take(&g, 0, &written), 0);
	cr_assert_eq(written, RNG_BYTES_MAX);
	for (size_t i = RNG_BYTES_MAX - 3000; i < 4096; i++)
		cr_assert_eq(second[i], 0, "byte %zu of the second buffer", i);
}

Test(rng, something_to_read_is_a_lie, .init = setup, .fini = teardown)
{
	unsigned char a[16] = {0};

	cr_assert_eq(guest_ask(&g, 0, a, sizeof(a), a, sizeof(a)), GUEST_NOTHING);
	cr_assert(guest_lied(&g));
	cr_assert_str_eq(g.why.msg, "virtio rng: a request with something to read");
}
