/* test_net.c: the network card: frames in both directions, what is dropped, what is a lie, and that nobody
 * waits in a circle. In place of the tap stands a socket of packets, and where the machine has /dev/net/tun,
 * one of these. */
#include "vmm/virtio/net.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"
#include "vmm/worker.h"

TestSuite(net, .timeout = 60);

enum { RX, TX };

static struct error err;
static struct device *card;
static struct worker *worker;
static struct guest g;
static int far = -1; /* the stand-in's other end */

typedef struct virtio_net_hdr_mrg_rxbuf header;

static void begin(int tap, uint16_t mtu, uint64_t features)
{
	struct net_config config = {
	    .tap = tap, .mac = {2, 'n', 'a', 'c', 'r', 7},
		   .mtu = mtu
	     };

	cr_assert_eq(net_new(&config, &card, &err), 0, "%s", err.msg);
	cr_assert_eq(worker_new("net", &worker, &err), 0, "%s", err.msg);
	guest_make(&g, card, 0);
	cr_assert_eq(worker_add(worker, card, &err), 0, "%s", err.msg);
	cr_assert_eq(worker_start(worker, NULL, NULL, &err), 0, "%s", err.msg);
	guest_start(&g, features);
}

static void begin_pair(uint16_t mtu, uint64_t features)
{
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	far = pair[1];
	begin(pair[0], mtu, features);
}

static void setup(void)
{
	begin_pair(0, UINT64_MAX);
}

static void teardown(void)
{
	worker_end(worker);
	guest_end(&g);
	card->ops->free(card);
}

/* A frame that can be told from others. */
static void paint(uint8_t *to, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)(i * 7 + i / 256 + seed);
}

/* A buffer of the guest's with the header, then the frame. */
static gpa_t put_frame(const header *h, size_t len, unsigned int seed)
{
	gpa_t at = guest_alloc(&g, sizeof(*h) + len, 16);
	uint8_t *host = guest_at(&g, at, sizeof(*h) + len);

	memcpy(host, h, sizeof(*h));
	paint(host + sizeof(*h), len, seed);
	return at;
}

static void send_one(const header *h, size_t len, unsigned int seed)
{
	struct guest_buffer b = {put_frame(h, len, seed), (uint32_t)(sizeof(*h) + len), false};

	guest_add(&g, TX, &b, 1);
	guest_kick(&g, TX);
}

/* What comes out at the other end: 0 within ten seconds, or it did not. */
static size_t receive_one(uint8_t *to, size_t size)
{
	struct pollfd p = {.fd = far, .events = POLLIN};
	ssize_t n;

	if (poll(&p, 1, 10000) != 1)
		return 0;
	n = read(far, to, size);
	return n < 0 ? 0 : (size_t)n;
}

static void expect_frame(size_t len, unsigned int seed)
{
	static uint8_t got[70000], want[70000];
	size_t n = receive_one(got, sizeof(got));

	paint(want, len, seed);
	cr_assert_eq(n, len + sizeof(header), "%zu bytes of frame %u in place of %zu", n, seed,
		     len + sizeof(header));
	cr_assert_eq(memcmp(got + sizeof(header), want, len), 0, "frame %u", seed);
}

static gpa_t offer(uint32_t len)
{
	struct guest_buffer b = {guest_alloc(&g, len, 16), len, true};

	guest_add(&g, RX, &b, 1);
	return b.at;
}

static void send_far(size_t len, unsigned int seed)
{
	uint8_t frame[4096] = {0};

	paint(frame + sizeof(header), len, seed);
	cr_assert_eq(write(far, frame, sizeof(header) + len), (ssize_t)(sizeof(header) + len));
}

Test(net, says_who_it_is)
{
	struct virtio_net_config c = {0};

	begin_pair(9000, UINT64_MAX);
	guest_config(&g, 0, &c, sizeof(c));
	cr_assert_eq(memcmp(c.mac, "\2nacr\7", 6), 0);
	cr_assert_eq(c.status, VIRTIO_NET_S_LINK_UP);
	cr_assert_eq(c.mtu, 9000);
	cr_assert(card->offered & (UINT64_C(1) << VIRTIO_NET_F_MTU));
	teardown();
	begin_pair(0, UINT64_MAX);
	cr_assert_not(card->offered & (UINT64_C(1) << VIRTIO_NET_F_MTU));
	teardown();
}

/* --- from the guest --- */

Test(net, sends_a_frame, .init = setup, .fini = teardown)
{
	header h = {.num_buffers = 77};
	uint8_t got[2000];
	uint32_t written = 1;

	send_one(&h, 60, 1);
	cr_assert_eq(receive_one(got, sizeof(got)), 72);
	cr_assert_eq(memcmp(got, (header[]){{.num_buffers = 0}}, sizeof(h)), 0,
		     "its last field is nothing to the host");
	cr_assert_eq(guest_wait(&g, TX, &written), 0);
	cr_assert_eq(written, 0);
	send_one(&h, 1514, 2);
	expect_frame(1514, 2);
}

Test(net, a_frame_may_come_in_any_pieces, .init = setup, .fini = teardown)
{
	header h = {.hdr = {.gso_type = VIRTIO_NET_HDR_GSO_NONE}};
	gpa_t at = put_frame(&h, 988, 5);
	struct guest_buffer b[5] = {
	    {at,	 5,   false},
	    {at + 5,   6,	false},
	    {at + 11,  2,	 false},
	    {at + 13,  487, false},
	    {at + 500, 500, false}
	  };

	guest_add(&g, TX, b, 5);
	guest_kick(&g, TX);
	expect_frame(988, 5);
	guest_add_indirect(&g, TX, b, 5, NULL);
	guest_kick(&g, TX);
	expect_frame(988, 5);
}

struct bad {
	const char *what;
	struct virtio_net_hdr h;
	size_t len;
};

#define LARGE(...)                                                                                           \
	{                                                                                                    \
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .hdr_len = 54,   \
		.gso_size = 1448, .csum_start = 34, .csum_offset = 16, __VA_ARGS__                           \
	}

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
    {"segments of UDP",		LARGE(.gso_type = VIRTIO_NET_HDR_GSO_UDP),				   4000 },
    {"segments of UDP, newer",	       LARGE(.gso_type = 5),						     4000 },
    {"congestion bit, not negotiated", LARGE(.gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN),
     4000													 },
    {"an unknown type",		LARGE(.gso_type = 0x7f),						 4000 },
    {"segments without a checksum",    LARGE(.flags = 0),						       4000 },
    {"segments of nothing",	    LARGE(.gso_size = 0),						  4000 },
    {"segments of a byte",		   LARGE(.gso_size = 1),						 4000 },
    {"segments of 47 bytes",	     LARGE(.gso_size = 47),						    4000 },
    {"a checksum that is not TCP's",   LARGE(.csum_offset = 6),					      4000 },
    {"TCP in the header of IP",	LARGE(.csum_start = 33),						 4000 },
    {"headers longer than all",	LARGE(.hdr_len = 4001),						4000 },
};
#pragma GCC diagnostic pop

static void expect_dropped(const struct bad *b)
{
	header h = {.hdr = b->h}, plain = {0};

	send_one(&h, b->len, 3);
	cr_assert_neq(guest_wait(&g, TX, NULL), GUEST_NOTHING, "%s", b->what);
	send_one(&plain, 60, 4);
	cr_assert_neq(guest_wait(&g, TX, NULL), GUEST_NOTHING, "%s", b->what);
	expect_frame(60, 4);
	cr_assert_not(guest_lied(&g), "%s", b->what);
}

Test(net, drops_headers_that_the_kernel_must_not_see, .init = setup, .fini = teardown)
{
	for (size_t i = 0; i < sizeof(bad_headers) / sizeof(*bad_headers); i++)
		expect_dropped(&bad_headers[i]);
}

Test(net, passes_headers_that_are_good, .init = setup, .fini = teardown)
{
	header large =
		   {
		       .hdr = LARGE()
	     },
	       sum = {.hdr = {.flags = 1, .csum_start = 34, .csum_offset = 24}};
	uint8_t got[5000];

	send_one(&sum, 60, 6);
	cr_assert_eq(receive_one(got, sizeof(got)), 72);
	cr_assert_eq(memcmp(got, &sum, sizeof(sum)), 0);
	send_one(&large, 4000, 7);
	cr_assert_eq(receive_one(got, sizeof(got)), 4012);
	cr_assert_eq(memcmp(got, &large, sizeof(large)), 0);
	large.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	send_one(&large, 4000, 7);
	cr_assert_eq(receive_one(got, sizeof(got)), 4012);
}

Test(net, what_was_not_negotiated_is_dropped)
{
	static const struct bad without[] = {
	    {"a checksum", {.flags = 1, .csum_start = 34, .csum_offset = 6}, 60  },
	    {"TCP 4",      LARGE(),					  4000},
	    {"TCP 6",
	     {.flags = 1,
	      .gso_type = VIRTIO_NET_HDR_GSO_TCPV6,
	      .gso_size = 1000,
	      .csum_start = 54,
	      .csum_offset = 16},
	     4000								},
	};

	begin_pair(0, UINT64_C(1) << VIRTIO_NET_F_MRG_RXBUF);
	for (size_t i = 0; i < sizeof(without) / sizeof(*without); i++)
		expect_dropped(&without[i]);
	teardown();
	begin_pair(0, UINT64_C(1) << VIRTIO_NET_F_CSUM);
	for (size_t i = 1; i < sizeof(without) / sizeof(*without); i++)
		expect_dropped(&without[i]);
	teardown();
}

static void expect_lie(uint16_t q, const struct guest_buffer *b, size_t n, const char *why)
{
	guest_add(&g, q, b, n);
	guest_publish(&g, q);
	guest_notify(&g, q);
	for (int i = 0; i < 10000 && !guest_lied(&g); i++)
		usleep(1000);
	cr_assert(guest_lied(&g));
	cr_assert_str_eq(g.why.msg, why);
}

Test(net, a_frame_without_its_header_is_a_lie, .init = setup, .fini = teardown)
{
	expect_lie(TX,
		   (struct guest_buffer[]){
		       {guest_alloc(&g, 64, 16), 11, false}
	   },
		   1, "virtio net: a frame of 11 bytes with its header, and 0 pieces to fill");
}

Test(net, a_frame_to_be_filled_is_a_lie, .init = setup, .fini = teardown)
{
	gpa_t at = guest_alloc(&g, 128, 16);

	expect_lie(TX,
		   (struct guest_buffer[]){
		       {at,	    64, false},
			{at + 64, 64, true }
	   },
		   2, "virtio net: a frame of 64 bytes with its header, and 1 pieces to fill");
}

Test(net, a_buffer_too_small_for_the_header_is_a_lie, .init = setup, .fini = teardown)
{
	expect_lie(RX,
		   (struct guest_buffer[]){
		       {guest_alloc(&g, 64, 16), 11, true}
	  },
		   1, "virtio net: a receive buffer of 11 bytes to fill and 0 pieces to read");
}

Test(net, a_buffer_to_be_read_is_a_lie, .init = setup, .fini = teardown)
{
	gpa_t at = guest_alloc(&g, 128, 16);

	expect_lie(RX,
		   (struct guest_buffer[]){
		       {at,	    64, false},
			{at + 64, 64, true }
	   },
		   2, "virtio net: a receive buffer of 64 bytes to fill and 1 pieces to read");
}

/* A wait that turns in a circle would take all of the time; this takes nearly none. */
static void expect_quiet(void)
{
	struct timespec before, after;

	usleep(100000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	usleep(300000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	cr_assert_lt((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000, 100,
		     "a busy loop");
}

/* Nobody reads at the other end: frames stay with the guest, none is lost, and it costs no processor time. */
Test(net, waits_for_room, .init = setup, .fini = teardown)
{
	enum { FRAMES = 250 };
	header h = {0};
	int taken = 0;

	for (unsigned int i = 0; i < FRAMES; i++) {
		struct guest_buffer b = {put_frame(&h, 9000, i), 9012, false};

		guest_add(&g, TX, &b, 1);
	}
	guest_kick(&g, TX);
	cr_assert_eq(guest_wait(&g, TX, NULL), 0);
	expect_quiet();
	while (guest_take(&g, TX, NULL) != GUEST_NOTHING)
		taken++;
	cr_assert_lt(taken, FRAMES - 1, "the socket takes everything");
	for (unsigned int i = 0; i < FRAMES; i++)
		expect_frame(9000, i);
	for (; taken < FRAMES - 1; taken++)
		cr_assert_neq(guest_wait(&g, TX, NULL), GUEST_NOTHING, "frame %d", taken + 1);
}

/* --- to the guest --- */

static void expect_received(gpa_t at, size_t len, unsigned int seed)
{
	uint8_t want[4096];
	const uint8_t *got = guest_at(&g, at, sizeof(header) + len);
	uint32_t written = 0;

	cr_assert_neq(guest_wait(&g, RX, &written), GUEST_NOTHING);
	cr_assert_eq(written, sizeof(header) + len);
	paint(want, len, seed);
	cr_assert_eq(memcmp(got + sizeof(header), want, len), 0);
	cr_assert_eq(((const header *)(const void *)got)->num_buffers, 1);
}

Test(net, receives_a_frame, .init = setup, .fini = teardown)
{
	gpa_t at[64];

	for (int i = 0; i < 64; i++)
		at[i] = offer(2048);
	guest_kick(&g, RX);
	send_far(60, 1);
	expect_received(at[0], 60, 1);
	cr_assert_eq(guest_interrupts(&g), 1);
	send_far(1514, 2);
	expect_received(at[1], 1514, 2);
}

/* A queue of four: small buffers, together enough for what comes; all four are handed back, in their order.
 */
Test(net, a_frame_goes_over_several_buffers)
{
	static const uint32_t lengths[4] = {100, 100, 100, 12};
	uint8_t want[300], got[312];
	gpa_t at[4];

	begin_pair(0, UINT64_MAX);
	cr_assert(guest_negotiate(&g, card->offered));
	guest_lay_out(&g, RX, 4);
	guest_lay_out(&g, TX, 4);
	guest_set_up(&g, RX);
	guest_set_up(&g, TX);
	guest_drive(&g);
	for (int i = 0; i < 4; i++)
		at[i] = offer(100);
	guest_kick(&g, RX);
	send_far(300, 9);
	paint(want, sizeof(want), 9);
	for (int i = 0, filled = 0; i < 4; i++) {
		uint32_t written;

		cr_assert_eq(guest_wait(&g, RX, &written), i);
		cr_assert_eq(written, lengths[i]);
		memcpy(got + filled, guest_at(&g, at[i], written), written);
		filled += (int)written;
	}
	cr_assert_eq(((const header *)(const void *)got)->num_buffers, 4);
	cr_assert_eq(memcmp(got + sizeof(header), want, sizeof(want)), 0);
	/* One that has no room in them is dropped, the next one comes. */
	for (int i = 0; i < 4; i++)
		at[i] = offer(100);
	guest_kick(&g, RX);
	send_far(389, 10);
	send_far(60, 11);
	expect_received(at[0], 60, 11);
	teardown();
}

Test(net, a_header_may_lie_across_buffers)
{
	struct guest_buffer b[2];

	begin_pair(0, ~(UINT64_C(1) << VIRTIO_NET_F_MRG_RXBUF));
	b[0] = (struct guest_buffer){guest_alloc(&g, 64, 16), 11, true};
	b[1] = (struct guest_buffer){guest_alloc(&g, 64, 16), 61, true};
	guest_add(&g, RX, b, 2);
	guest_kick(&g, RX);
	send_far(61, 1); /* a byte too long */
	send_far(60, 2);
	cr_assert_eq(guest_wait(&g, RX, NULL), 0);
	cr_assert_eq(((uint8_t *)guest_at(&g, b[0].at, 11))[10], 1);
	cr_assert_eq(((uint8_t *)guest_at(&g, b[1].at, 61))[0], 0);
	cr_assert_eq(((uint8_t *)guest_at(&g, b[1].at, 61))[1], 2);
	teardown();
}

/* Frames come, the guest has no buffers: nothing turns; with the buffers come the frames. */
Test(net, waits_for_buffers, .init = setup, .fini = teardown)
{
	gpa_t at[64];

	send_far(60, 1);
	send_far(70, 2);
	expect_quiet();
	for (int i = 0; i < 64; i++)
		at[i] = offer(2048);
	guest_kick(&g, RX);
	expect_received(at[0], 60, 1);
	expect_received(at[1], 70, 2);
}

Test(net, goes_on_after_a_reset, .init = setup, .fini = teardown)
{
	header h = {0};
	gpa_t at = offer(2048);

	for (int i = 0; i < 64; i++)
		offer(2048);
	guest_kick(&g, RX);
	send_far(60, 9);
	expect_received(at, 60, 9);
	guest_reset(&g);
	/* The driver is away: this one waits. */
	send_far(60, 1);
	expect_quiet();
	guest_start(&g, UINT64_MAX);
	at = offer(2048);
	for (int i = 0; i < 64; i++)
		offer(2048);
	guest_kick(&g, RX);
	expect_received(at, 60, 1);
	send_one(&h, 60, 2);
	expect_frame(60, 2);
}

/* The other end is closed, as a tap is removed: no carrier; what is sent goes nowhere, and comes back. */
Test(net, a_tap_that_goes_is_a_cable_that_was_pulled, .init = setup, .fini = teardown)
{
	struct virtio_net_config c = {.status = 1};
	header h = {0};

	guest_interrupts(&g);
	close(far);
	for (int i = 0; i < 10000 && c.status; i++) {
		guest_config(&g, 0, &c, sizeof(c));
		usleep(1000);
	}
	cr_assert_eq(c.status, 0);
	for (int i = 0; i < 10000 && !(guest_read(&g, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
	     i++)
		usleep(1000);
	cr_assert(guest_read(&g, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
	send_one(&h, 60, 1);
	cr_assert_neq(guest_wait(&g, TX, NULL), GUEST_NOTHING);
	cr_assert_not(guest_lied(&g));
}

/* --- a real tap --- */

static int make_tap(void)
{
	struct ifreq request = {.ifr_name = "tap7", .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int size = NET_HEADER_SIZE, tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in *address = (struct sockaddr_in *)(void *)&request.ifr_addr;

	if (tap < 0 || ioctl(tap, TUNSETIFF, &request) < 0)
		return -1;
	cr_assert_eq(ioctl(tap, TUNSETVNETHDRSZ, &size), 0);
	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a070001)};
	cr_assert_eq(ioctl(s, SIOCSIFADDR, &request), 0);
	address->sin_addr.s_addr = htonl(0xffffff00);
	cr_assert_eq(ioctl(s, SIOCSIFNETMASK, &request), 0);
	request.ifr_flags = IFF_UP;
	cr_assert_eq(ioctl(s, SIOCSIFFLAGS, &request), 0);
	cr_assert_eq(ioctl(s, SIOCGIFHWADDR, &request), 0);
	close(s);
	return tap;
}

/* The next frame of this Ethernet type that comes in; the kernel says other things, too. */
static const uint8_t *wait_for_type(const gpa_t *at, int *next, uint16_t type)
{
	for (;; (*next)++) {
		const uint8_t *frame = (const uint8_t *)guest_at(&g, at[*next], 2048) + sizeof(header);

		if (guest_wait(&g, RX, NULL) == GUEST_NOTHING)
			return NULL;
		if (frame[12] == type >> 8 && frame[13] == (type & 0xff)) {
			(*next)++;
			return frame;
		}
	}
}

static void put_text(const char *bytes, size_t len, const header *h, size_t padding)
{
	gpa_t at = guest_alloc(&g, sizeof(*h) + len + padding, 16);
	uint8_t *host = guest_at(&g, at, sizeof(*h) + len + padding);
	struct guest_buffer b = {at, (uint32_t)(sizeof(*h) + len + padding), false};

	memcpy(host, h, sizeof(*h));
	memcpy(host + sizeof(*h), bytes, len);
	guest_add(&g, TX, &b, 1);
	guest_kick(&g, TX);
}

/* 10.7.0.2 at 2:'n':'a':'c':'r':7 asks who 10.7.0.1 is. */
#define ME	"\2nacr\7"
#define ARP_ASK "\377\377\377\377\377\377" ME "\10\6\0\1\10\0\6\4\0\1" ME "\12\7\0\2\0\0\0\0\0\0\12\7\0\1"

static uint16_t sum(const uint8_t *p, size_t len, uint32_t start)
{
	for (size_t i = 0; i < len; i += 2)
		start += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return (uint16_t)start;
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* A large segment in one piece, to a port where nobody listens: the kernel takes it, and refuses the
 * connection. */
static void send_large_segment(const uint8_t *its_mac)
{
	enum { DATA = 4000, TCP = 20 + DATA };
	header h = {.hdr = LARGE()};
	uint8_t frame[54] = {[12] = 8, [14] = 0x45, [19] = 1, [22] = 64, [23] = 6, [26] = 10, 7,
			     0,	       2,	    10,	      7,	 0,	   1};

	memcpy(frame, its_mac, 6);
	memcpy(frame + 6, ME, 6);
	put16(frame + 16, 20 + TCP);
	put16(frame + 24, (uint16_t)~sum(frame + 14, 20, 0));
	put16(frame + 34, 1000);
	put16(frame + 36, 9);
	frame[46] = 5 << 4;
	frame[47] = 0x10; /* ACK */
	put16(frame + 50, sum(frame + 26, 8, 6 + TCP));
	put_text((const char *)frame, sizeof(frame), &h, DATA);
}

Test(net, talks_to_the_kernel_through_a_tap)
{
	header plain = {0};
	const uint8_t *frame;
	uint8_t its_mac[6];
	gpa_t at[128];
	int tap, next = 0;

	if (unshare(CLONE_NEWNET) < 0)
		cr_skip_test("no right to make a network namespace");
	tap = make_tap();
	if (tap < 0)
		cr_skip_test("no tap devices: /dev/net/tun");
	begin(tap, 0, UINT64_MAX);
	for (int i = 0; i < 128; i++)
		at[i] = offer(2048);
	guest_kick(&g, RX);
	put_text(ARP_ASK, sizeof(ARP_ASK) - 1, &plain, 0);
	frame = wait_for_type(at, &next, 0x0806);
	cr_assert_not_null(frame, "no answer from the kernel");
	cr_assert_eq(frame[21], 2, "an answer");
	cr_assert_eq(memcmp(frame, ME, 6), 0);
	memcpy(its_mac, frame + 22, 6);
	send_large_segment(its_mac);
	frame = wait_for_type(at, &next, 0x0800);
	cr_assert_not_null(frame, "no answer from the kernel's TCP");
	cr_assert_eq(frame[23], 6);
	cr_assert(frame[47] & 4, "RST");
	teardown();
}
