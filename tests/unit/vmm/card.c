/* card.c: see card.h. */
#include "card.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "vmm/virtio/net.h"

struct card card = {.far = -1};

void card_begin(int tap, uint16_t mtu, uint64_t features)
{
	struct net_config config = {.tap = tap, .mac = {2, 'n', 'a', 'c', 'r', 7}, .mtu = mtu};

	cr_assert_eq(net_new(&config, &card.device, &card.err), 0, "%s", card.err.msg);
	cr_assert_eq(worker_new("net", &card.worker, &card.err), 0, "%s", card.err.msg);
	guest_make(&card.g, card.device, 0);
	cr_assert_eq(worker_add(card.worker, card.device, &card.err), 0, "%s", card.err.msg);
	cr_assert_eq(worker_start(card.worker, NULL, NULL, &card.err), 0, "%s", card.err.msg);
	guest_start(&card.g, features);
}

void card_begin_pair(uint16_t mtu, uint64_t features)
{
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	card.far = pair[1];
	card_begin(pair[0], mtu, features);
}

void card_setup(void)
{
	card_begin_pair(0, UINT64_MAX);
}

void card_teardown(void)
{
	worker_end(card.worker);
	guest_end(&card.g);
	card.device->ops->free(card.device);
}

void card_paint(uint8_t *to, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)(i * 7 + i / 256 + seed);
}

gpa_t card_put_frame(const card_header *h, size_t len, unsigned int seed)
{
	gpa_t at = guest_alloc(&card.g, sizeof(*h) + len, 16);
	uint8_t *host = guest_at(&card.g, at, sizeof(*h) + len);

	memcpy(host, h, sizeof(*h));
	card_paint(host + sizeof(*h), len, seed);
	return at;
}

void card_send_one(const card_header *h, size_t len, unsigned int seed)
{
	struct guest_buffer b = {card_put_frame(h, len, seed), (uint32_t)(sizeof(*h) + len), false};

	guest_add(&card.g, CARD_TX, &b, 1);
	guest_kick(&card.g, CARD_TX);
}

size_t card_receive_one(uint8_t *to, size_t size)
{
	struct pollfd p = {.fd = card.far, .events = POLLIN};
	ssize_t n;

	if (poll(&p, 1, 10000) != 1)
		return 0;
	n = read(card.far, to, size);
	return n < 0 ? 0 : (size_t)n;
}

void card_expect_frame(size_t len, unsigned int seed)
{
	static uint8_t got[70000], want[70000];
	size_t n = card_receive_one(got, sizeof(got));

	card_paint(want, len, seed);
	cr_assert_eq(n, len + sizeof(card_header), "%zu bytes of frame %u in place of %zu", n, seed,
		     len + sizeof(card_header));
	cr_assert_eq(memcmp(got + sizeof(card_header), want, len), 0, "frame %u", seed);
}

gpa_t card_offer(uint32_t len)
{
	struct guest_buffer b = {guest_alloc(&card.g, len, 16), len, true};

	guest_add(&card.g, CARD_RX, &b, 1);
	return b.at;
}

void card_send_far(size_t len, unsigned int seed)
{
	uint8_t frame[4096] = {0};

	card_paint(frame + sizeof(card_header), len, seed);
	cr_assert_eq(write(card.far, frame, sizeof(card_header) + len), (ssize_t)(sizeof(card_header) + len));
}

void card_expect_quiet(void)
{
	struct timespec before, after;

	usleep(100000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	usleep(300000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	cr_assert_lt((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000, 100,
		     "a busy loop");
}
