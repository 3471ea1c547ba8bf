/* test_net.c: the network card: who it is, and frames from the guest: what is sent, what is dropped, what is a lie. */
#include "vmm/virtio/net.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "card.h"

TestSuite(net, .timeout = 60);

Test(net, says_who_it_is)
{
	struct virtio_net_config c = {0};

	card_begin_pair(9000, UINT64_MAX);
	guest_config(&card.g, 0, &c, sizeof(c));
	cr_assert_eq(memcmp(c.mac, "\2nacr\7", 6), 0);
	cr_assert_eq(c.status, VIRTIO_NET_S_LINK_UP);
	cr_assert_eq(c.mtu, 9000);
	cr_assert(card.device->offered & (UINT64_C(1) << VIRTIO_NET_F_MTU));
	card_teardown();
	card_begin_pair(0, UINT64_MAX);
	cr_assert_not(card.device->offered & (UINT64_C(1) << VIRTIO_NET_F_MTU));
	card_teardown();
}

/* --- from the guest --- */

Test(net, sends_a_frame, .init = card_setup, .fini = card_teardown)
{
	card_header h = {.num_buffers = 77};
	uint8_t got[2000];
	uint32_t written = 1;

	card_send_one(&h, 60, 1);
	cr_assert_eq(card_receive_one(got, sizeof(got)), 72);
	cr_assert_eq(memcmp(got, (card_header[]){{.num_buffers = 0}}, sizeof(h)), 0,
		     "its last field is nothing to the host");
	cr_assert_eq(guest_wait(&card.g, CARD_TX, &written), 0);
	cr_assert_eq(written, 0);
	card_send_one(&h, 1514, 2);
	card_expect_frame(1514, 2);
}

Test(net, a_frame_may_come_in_any_pieces, .init = card_setup, .fini = card_teardown)
{
	card_header h = {.hdr = {.gso_type = VIRTIO_NET_HDR_GSO_NONE}};
	gpa_t at = card_put_frame(&h, 988, 5);
	struct guest_buffer b[5] = {
	    {at,	 5,   false},
	    {at + 5,   6,	false},
	    {at + 11,  2,	 false},
	    {at + 13,  487, false},
	    {at + 500, 500, false}
	  };

	guest_add(&card.g, CARD_TX, b, 5);
	guest_kick(&card.g, CARD_TX);
	card_expect_frame(988, 5);
	guest_add_indirect(&card.g, CARD_TX, b, 5, NULL);
	guest_kick(&card.g, CARD_TX);
	card_expect_frame(988, 5);
}

struct bad {
	const char *what;
	struct virtio_net_hdr h;
	size_t len;
};

/* Designated twice: the later one counts. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const struct bad bad_headers[] = {
    {"shorter than Ethernet",	      {0},								  13   },
    {"longer than any",		{0},								  65554},
    {"empty",			  {0},								  0    },
    {"a flag that is the device's",    {.flags = VIRTIO_NET_HDR_F_DATA_VALID},				    60   },
    {"an unknown flag",		{.flags = 0x80},						      60   },
    {"a checksum beyond the end",	  {.flags = 1, .csum_start = 50, .csum_offset = 9},			    60   },
    {"a checksum that wraps around",   {.flags = 1, .csum_start = 0xffff, .csum_offset = 0xffff},		60	  },
    {"segments of UDP",		CARD_LARGE(.gso_type = VIRTIO_NET_HDR_GSO_UDP),				   4000 },
    {"segments of UDP, newer",	       CARD_LARGE(.gso_type = 5),						     4000 },
    {"congestion bit, not negotiated", CARD_LARGE(.gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN),
     4000													 },
    {"an unknown type",		CARD_LARGE(.gso_type = 0x7f),						 4000 },
    {"segments without a checksum",    CARD_LARGE(.flags = 0),						       4000 },
    {"segments of nothing",	    CARD_LARGE(.gso_size = 0),						  4000 },
    {"segments of a byte",		   CARD_LARGE(.gso_size = 1),						 4000 },
    {"segments of 47 bytes",	     CARD_LARGE(.gso_size = 47),						    4000 },
    {"a checksum that is not TCP's",   CARD_LARGE(.csum_offset = 6),					      4000 },
    {"TCP in the header of IP",	CARD_LARGE(.csum_start = 33),						 4000 },
    {"headers longer than all",	CARD_LARGE(.hdr_len = 4001),						4000 },
};
#pragma GCC diagnostic pop

static void expect_dropped(const struct bad *b)
{
	card_header h = {.hdr = b->h}, plain = {0};

	card_send_one(&h, b->len, 3);
	cr_assert_neq(guest_wait(&card.g, CARD_TX, NULL), GUEST_NOTHING, "%s", b->what);
	card_send_one(&plain, 60, 4);
	cr_assert_neq(guest_wait(&card.g, CARD_TX, NULL), GUEST_NOTHING, "%s", b->what);
	card_expect_frame(60, 4);
	cr_assert_not(guest_lied(&card.g), "%s", b->what);
}

Test(net, drops_headers_that_the_kernel_must_not_see, .init = card_setup, .fini = card_teardown)
{
	for (size_t i = 0; i < sizeof(bad_headers) / sizeof(*bad_headers); i++)
		expect_dropped(&bad_headers[i]);
}

Test(net, passes_headers_that_are_good, .init = card_setup, .fini = card_teardown)
{
	card_header large =
		   {
		       .hdr = CARD_LARGE()
	     },
	       sum = {.hdr = {.flags = 1, .csum_start = 34, .csum_offset = 24}};
	uint8_t got[5000];

	card_send_one(&sum, 60, 6);
	cr_assert_eq(card_receive_one(got, sizeof(got)), 72);
	cr_assert_eq(memcmp(got, &sum, sizeof(sum)), 0);
	card_send_one(&large, 4000, 7);
	cr_assert_eq(card_receive_one(got, sizeof(got)), 4012);
	cr_assert_eq(memcmp(got, &large, sizeof(large)), 0);
	large.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	card_send_one(&large, 4000, 7);
	cr_assert_eq(card_receive_one(got, sizeof(got)), 4012);
}

Test(net, what_was_not_negotiated_is_dropped)
{
	static const struct bad without[] = {
	    {"a checksum", {.flags = 1, .csum_start = 34, .csum_offset = 6}, 60  },
	    {"TCP 4",      CARD_LARGE(),					  4000},
	    {"TCP 6",
	     {.flags = 1,
	      .gso_type = VIRTIO_NET_HDR_GSO_TCPV6,
	      .gso_size = 1000,
	      .csum_start = 54,
	      .csum_offset = 16},
	     4000								},
	};

	card_begin_pair(0, UINT64_C(1) << VIRTIO_NET_F_MRG_RXBUF);
	for (size_t i = 0; i < sizeof(without) / sizeof(*without); i++)
		expect_dropped(&without[i]);
	card_teardown();
	card_begin_pair(0, UINT64_C(1) << VIRTIO_NET_F_CSUM);
	for (size_t i = 1; i < sizeof(without) / sizeof(*without); i++)
		expect_dropped(&without[i]);
	card_teardown();
}

static void expect_lie(uint16_t q, const struct guest_buffer *b, size_t n, const char *why)
{
	guest_add(&card.g, q, b, n);
	guest_publish(&card.g, q);
	guest_notify(&card.g, q);
	for (int i = 0; i < 10000 && !guest_lied(&card.g); i++)
		usleep(1000);
	cr_assert(guest_lied(&card.g));
	cr_assert_str_eq(card.g.why.msg, why);
}

Test(net, a_frame_without_its_header_is_a_lie, .init = card_setup, .fini = card_teardown)
{
	expect_lie(CARD_TX,
		   (struct guest_buffer[]){
		       {guest_alloc(&card.g, 64, 16), 11, false}
	   },
		   1, "virtio net: a frame of 11 bytes with its header, and 0 pieces to fill");
}

Test(net, a_frame_to_be_filled_is_a_lie, .init = card_setup, .fini = card_teardown)
{
	gpa_t at = guest_alloc(&card.g, 128, 16);

	expect_lie(CARD_TX,
		   (struct guest_buffer[]){
		       {at,	    64, false},
			{at + 64, 64, true }
	   },
		   2, "virtio net: a frame of 64 bytes with its header, and 1 pieces to fill");
}

Test(net, a_buffer_too_small_for_the_header_is_a_lie, .init = card_setup, .fini = card_teardown)
{
	expect_lie(CARD_RX,
		   (struct guest_buffer[]){
		       {guest_alloc(&card.g, 64, 16), 11, true}
	  },
		   1, "virtio net: a receive buffer of 11 bytes to fill and 0 pieces to read");
}

Test(net, a_buffer_to_be_read_is_a_lie, .init = card_setup, .fini = card_teardown)
{
	gpa_t at = guest_alloc(&card.g, 128, 16);

	expect_lie(CARD_RX,
		   (struct guest_buffer[]){
		       {at,	    64, false},
			{at + 64, 64, true }
	   },
		   2, "virtio net: a receive buffer of 64 bytes to fill and 1 pieces to read");
}

/* Nobody reads at the other end: frames stay with the guest, none is lost, and it costs no processor time. */
Test(net, waits_for_room, .init = card_setup, .fini = card_teardown)
{
	enum { FRAMES = 250 };
	card_header h = {0};
	int taken = 0;

	for (unsigned int i = 0; i < FRAMES; i++) {
		struct guest_buffer b = {card_put_frame(&h, 9000, i), 9012, false};

		guest_add(&card.g, CARD_TX, &b, 1);
	}
	guest_kick(&card.g, CARD_TX);
	cr_assert_eq(guest_wait(&card.g, CARD_TX, NULL), 0);
	card_expect_quiet();
	while (guest_take(&card.g, CARD_TX, NULL) != GUEST_NOTHING)
		taken++;
	cr_assert_lt(taken, FRAMES - 1, "the socket takes everything");
	for (unsigned int i = 0; i < FRAMES; i++)
		card_expect_frame(9000, i);
	for (; taken < FRAMES - 1; taken++)
		cr_assert_neq(guest_wait(&card.g, CARD_TX, NULL), GUEST_NOTHING, "frame %d", taken + 1);
}
