/* test_net_tap.c: the network card on a real tap, where the machine has /dev/net/tun: the kernel itself is who it talks to. */
#include "vmm/virtio/net.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "card.h"

TestSuite(net_tap, .timeout = 60);

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
		const uint8_t *frame = (const uint8_t *)guest_at(&card.g, at[*next], 2048) + sizeof(card_header);

		if (guest_wait(&card.g, CARD_RX, NULL) == GUEST_NOTHING)
			return NULL;
		if (frame[12] == type >> 8 && frame[13] == (type & 0xff)) {
			(*next)++;
			return frame;
		}
	}
}

static void put_text(const char *bytes, size_t len, const card_header *h, size_t padding)
{
	gpa_t at = guest_alloc(&card.g, sizeof(*h) + len + padding, 16);
	uint8_t *host = guest_at(&card.g, at, sizeof(*h) + len + padding);
	struct guest_buffer b = {at, (uint32_t)(sizeof(*h) + len + padding), false};

	memcpy(host, h, sizeof(*h));
	memcpy(host + sizeof(*h), bytes, len);
	guest_add(&card.g, CARD_TX, &b, 1);
	guest_kick(&card.g, CARD_TX);
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
	card_header h = {.hdr = CARD_LARGE()};
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

Test(net_tap, talks_to_the_kernel_through_a_tap)
{
	card_header plain = {0};
	const uint8_t *frame;
	uint8_t its_mac[6];
	gpa_t at[128];
	int tap, next = 0;

	if (unshare(CLONE_NEWNET) < 0)
		cr_skip_test("no right to make a network namespace");
	tap = make_tap();
	if (tap < 0)
		cr_skip_test("no tap devices: /dev/net/tun");
	card_begin(tap, 0, UINT64_MAX);
	for (int i = 0; i < 128; i++)
		at[i] = card_offer(2048);
	guest_kick(&card.g, CARD_RX);
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
	card_teardown();
}
