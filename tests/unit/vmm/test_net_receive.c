/* test_net_receive.c: the network card: frames to the guest, a reset, a cable that is pulled, and that nobody waits in a circle. */
#include "vmm/virtio/net.h"

#include <criterion/criterion.h>
#include <linux/virtio_mmio.h>
#include <string.h>
#include <unistd.h>

#include "card.h"

TestSuite(net_receive, .timeout = 60);

static void expect_received(gpa_t at, size_t len, unsigned int seed)
{
	uint8_t want[4096];
	const uint8_t *got = guest_at(&card.g, at, sizeof(card_header) + len);
	uint32_t written = 0;

	cr_assert_neq(guest_wait(&card.g, CARD_RX, &written), GUEST_NOTHING);
	cr_assert_eq(written, sizeof(card_header) + len);
	card_paint(want, len, seed);
	cr_assert_eq(memcmp(got + sizeof(card_header), want, len), 0);
	cr_assert_eq(((const card_header *)(const void *)got)->num_buffers, 1);
}

Test(net_receive, receives_a_frame, .init = card_setup, .fini = card_teardown)
{
	gpa_t at[64];

	for (int i = 0; i < 64; i++)
		at[i] = card_offer(2048);
	guest_kick(&card.g, CARD_RX);
	card_send_far(60, 1);
	expect_received(at[0], 60, 1);
	cr_assert_eq(guest_interrupts(&card.g), 1);
	card_send_far(1514, 2);
	expect_received(at[1], 1514, 2);
}

/* A queue of four: small buffers, together enough for what comes; all four are handed back, in their order.
 */
Test(net_receive, a_frame_goes_over_several_buffers)
{
	static const uint32_t lengths[4] = {100, 100, 100, 12};
	uint8_t want[300], got[312];
	gpa_t at[4];

	card_begin_pair(0, UINT64_MAX);
	cr_assert(guest_negotiate(&card.g, card.device->offered));
	guest_lay_out(&card.g, CARD_RX, 4);
	guest_lay_out(&card.g, CARD_TX, 4);
	guest_set_up(&card.g, CARD_RX);
	guest_set_up(&card.g, CARD_TX);
	guest_drive(&card.g);
	for (int i = 0; i < 4; i++)
		at[i] = card_offer(100);
	guest_kick(&card.g, CARD_RX);
	card_send_far(300, 9);
	card_paint(want, sizeof(want), 9);
	for (int i = 0, filled = 0; i < 4; i++) {
		uint32_t written;

		cr_assert_eq(guest_wait(&card.g, CARD_RX, &written), i);
		cr_assert_eq(written, lengths[i]);
		memcpy(got + filled, guest_at(&card.g, at[i], written), written);
		filled += (int)written;
	}
	cr_assert_eq(((const card_header *)(const void *)got)->num_buffers, 4);
	cr_assert_eq(memcmp(got + sizeof(card_header), want, sizeof(want)), 0);
	/* One that has no room in them is dropped, the next one comes. */
	for (int i = 0; i < 4; i++)
		at[i] = card_offer(100);
	guest_kick(&card.g, CARD_RX);
	card_send_far(389, 10);
	card_send_far(60, 11);
	expect_received(at[0], 60, 11);
	card_teardown();
}

Test(net_receive, a_header_may_lie_across_buffers)
{
	struct guest_buffer b[2];

	card_begin_pair(0, ~(UINT64_C(1) << VIRTIO_NET_F_MRG_RXBUF));
	b[0] = (struct guest_buffer){guest_alloc(&card.g, 64, 16), 11, true};
	b[1] = (struct guest_buffer){guest_alloc(&card.g, 64, 16), 61, true};
	guest_add(&card.g, CARD_RX, b, 2);
	guest_kick(&card.g, CARD_RX);
	card_send_far(61, 1); /* a byte too long */
	card_send_far(60, 2);
	cr_assert_eq(guest_wait(&card.g, CARD_RX, NULL), 0);
	cr_assert_eq(((uint8_t *)guest_at(&card.g, b[0].at, 11))[10], 1);
	cr_assert_eq(((uint8_t *)guest_at(&card.g, b[1].at, 61))[0], 0);
	cr_assert_eq(((uint8_t *)guest_at(&card.g, b[1].at, 61))[1], 2);
	card_teardown();
}

/* Frames come, the guest has no buffers: nothing turns; with the buffers come the frames. */
Test(net_receive, waits_for_buffers, .init = card_setup, .fini = card_teardown)
{
	gpa_t at[64];

	card_send_far(60, 1);
	card_send_far(70, 2);
	card_expect_quiet();
	for (int i = 0; i < 64; i++)
		at[i] = card_offer(2048);
	guest_kick(&card.g, CARD_RX);
	expect_received(at[0], 60, 1);
	expect_received(at[1], 70, 2);
}

Test(net_receive, goes_on_after_a_reset, .init = card_setup, .fini = card_teardown)
{
	card_header h = {0};
	gpa_t at = card_offer(2048);

	for (int i = 0; i < 64; i++)
		card_offer(2048);
	guest_kick(&card.g, CARD_RX);
	card_send_far(60, 9);
	expect_received(at, 60, 9);
	guest_reset(&card.g);
	/* The driver is away: this one waits. */
	card_send_far(60, 1);
	card_expect_quiet();
	guest_start(&card.g, UINT64_MAX);
	at = card_offer(2048);
	for (int i = 0; i < 64; i++)
		card_offer(2048);
	guest_kick(&card.g, CARD_RX);
	expect_received(at, 60, 1);
	card_send_one(&h, 60, 2);
	card_expect_frame(60, 2);
}

/* The other end is closed, as a tap is removed: no carrier; what is sent goes nowhere, and comes back. */
Test(net_receive, a_tap_that_goes_is_a_cable_that_was_pulled, .init = card_setup, .fini = card_teardown)
{
	struct virtio_net_config c = {.status = 1};
	card_header h = {0};

	guest_interrupts(&card.g);
	close(card.far);
	for (int i = 0; i < 10000 && c.status; i++) {
		guest_config(&card.g, 0, &c, sizeof(c));
		usleep(1000);
	}
	cr_assert_eq(c.status, 0);
	for (int i = 0; i < 10000 && !(guest_read(&card.g, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
	     i++)
		usleep(1000);
	cr_assert(guest_read(&card.g, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
	card_send_one(&h, 60, 1);
	cr_assert_neq(guest_wait(&card.g, CARD_TX, NULL), GUEST_NOTHING);
	cr_assert_not(guest_lied(&card.g));
}
