/* fuzz_net.c: a guest that does anything to its network card: any chains, any bytes in the rings and in the
 * frames, resets in between; and a tap (a socket of packets) that gives frames of any length.
 *
 * Input: features (2 bytes), then steps of 6 bytes: what, q, where (2), how much (2). The header of a frame
 * that is sent is what the next steps are in the input.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../unit/vmm/guest.h"
#include "vmm/virtio/net.h"

enum { STEPS_MAX = 512, CHAIN_MOST = 24, FEW = 64 };
enum { ADD, ADD_SANE, ADD_INDIRECT, POKE, PUBLISH, KICK, COME, RUN, READ, RESET, KINDS };

struct step {
	uint8_t what, q;
	uint16_t where, much;
};

static int on_end(void *data, int fd, uint32_t events, struct error *err)
{
	uint64_t n;

	return read(fd, &n, sizeof(n)) == sizeof(n);
}

/* One round of the worker's loop. */
static void turn(struct loop *loop, int end)
{
	uint64_t one = 1;

	if (write(end, &one, sizeof(one)) == sizeof(one))
		loop_run(loop, NULL);
}

/* Pieces whose places and sizes come from two numbers; one in sixteen lies anywhere. */
static size_t cut(const struct step *s, bool sane, struct guest_buffer *b)
{
	size_t n = sane ? 1 + s->much % 3 : 1 + s->where % CHAIN_MOST;

	for (size_t i = 0; i < n; i++) {
		uint32_t mix = (uint32_t)(s->where * 2654435761u + s->much * 40503u + i * 97u);

		b[i].at =
		    sane || mix % 16 ? (mix >> 4) % (GUEST_MEMORY - 0x40000) + 0x20000 : (gpa_t)mix << 16;
		b[i].len = sane ? 12 + s->much / (uint32_t)n : (s->much >> i % 12) + mix % 3;
		b[i].write = sane ? s->q % 2 == 0 : mix >> 28 == 0 || s->q % 2 == 0;
	}
	return n;
}

/* The header lies in the first piece, if that is memory and long enough. */
static void put_header(struct guest *g, const struct guest_buffer *b, const uint8_t *header)
{
	void *host =
	    b->len >= NET_HEADER_SIZE && !b->write ? memory_at(g->memory, b->at, NET_HEADER_SIZE) : NULL;

	if (host)
		memcpy(host, header, NET_HEADER_SIZE);
}

static void step(struct guest *g, struct loop *loop, int end, int far, const struct step *s,
		 const uint8_t *header)
{
	static uint8_t frame[70000];
	struct guest_buffer b[CHAIN_MOST];
	uint16_t q = s->q % 2;
	size_t n;
	gpa_t at;

	switch (s->what % KINDS) {
	case ADD:
	case ADD_SANE:
		n = cut(s, s->what % KINDS == ADD_SANE, b);
		put_header(g, b, header);
		guest_add(g, q, b, n);
		break;
	case ADD_INDIRECT:
		at = g->next;
		n = cut(s, true, b);
		put_header(g, b, header);
		guest_add_indirect(g, q, b, n, NULL);
		g->next = at; /* the next one's lies over it */
		break;
	case POKE: /* rings lie in front, frames behind */
		memcpy(guest_at(g, s->where, 2), &s->much, 2);
		break;
	case PUBLISH:
		guest_publish(g, q);
		break;
	case KICK:
		guest_publish(g, q);
		device_kick(g->device, s->q % 3);
		break;
	case COME:
		if (send(far, frame, s->much, MSG_DONTWAIT) < 0)
			break;
		break;
	case RUN:
		turn(loop, end);
		break;
	case READ:
		while (recv(far, frame, sizeof(frame), MSG_DONTWAIT) > 0)
			;
		memset(frame, 0, NET_HEADER_SIZE);
		break;
	case RESET:
		at = g->next;
		g->next = 0x1000; /* the same rings again */
		guest_start(g, s->where | (uint64_t)s->much << 16);
		g->next = at;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net_config config = {
	    .mac = {2, 1, 2, 3, 4, 5}
	     };
	struct device *card = NULL;
	struct loop *loop = NULL;
	int pair[2], end = eventfd(0, EFD_NONBLOCK);
	struct guest g;

	if (size < 2 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0) {
		close(end);
		return 0;
	}
	config.tap = pair[0];
	if (net_new(&config, &card, NULL) < 0 || loop_new(&loop, NULL) < 0 ||
	    loop_add(loop, end, EPOLLIN, on_end, NULL, NULL) < 0)
		abort();
	card->loop = loop;
	guest_make(&g, card, 0);
	card->ops->attach(card, NULL);
	guest_start(&g, ~(uint64_t)(data[0] | data[1] << 8));
	g.next = 0x10000;
	for (size_t at = 2, n = 0; at + sizeof(struct step) <= size && n < STEPS_MAX && !guest_lied(&g);
	     n++) {
		uint8_t header[NET_HEADER_SIZE] = {0};
		struct step s;

		memcpy(&s, data + at, sizeof(s));
		at += sizeof(s);
		memcpy(header, data + at, size - at < sizeof(header) ? size - at : sizeof(header));
		step(&g, loop, end, pair[1], &s, header);
	}
	turn(loop, end);
	guest_end(&g);
	card->ops->free(card);
	loop_free(loop);
	close(pair[1]);
	close(end);
	return 0;
}
