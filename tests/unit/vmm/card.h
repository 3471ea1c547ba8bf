/* card.h: a network card with a guest before it and its worker behind it. In place of the tap stands a socket of packets. Where a frame has a
 * `seed`, it is one that can be told from others: card_paint(). */
#ifndef UNIT_VMM_CARD_H
#define UNIT_VMM_CARD_H

#include <linux/virtio_net.h>

#include "guest.h"
#include "vmm/worker.h"

enum { CARD_RX, CARD_TX };

typedef struct virtio_net_hdr_mrg_rxbuf card_header;

struct card {
	struct error err;
	struct device *device;
	struct worker *worker;
	struct guest g;
	int far; /* the stand-in's other end */
};
extern struct card card;

/* A large segment of TCP, but for what is said otherwise: the later one counts. */
#define CARD_LARGE(...)                                                                                           \
	{                                                                                                    \
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .hdr_len = 54,   \
		.gso_size = 1448, .csum_start = 34, .csum_offset = 16, __VA_ARGS__                           \
	}

/* On this tap, or on one end of a pair; mtu 0: none is said. */
void card_begin(int tap, uint16_t mtu, uint64_t features);
void card_begin_pair(uint16_t mtu, uint64_t features);
/* For .init and .fini. */
void card_setup(void);
void card_teardown(void);

/* What a frame of this seed holds. */
void card_paint(uint8_t *to, size_t len, unsigned int seed);
/* The header, then the frame, in memory of the guest's. */
gpa_t card_put_frame(const card_header *h, size_t len, unsigned int seed);
/* From the guest, in one buffer; and what comes out at the other end within ten seconds, its size or 0. */
void card_send_one(const card_header *h, size_t len, unsigned int seed);
size_t card_receive_one(uint8_t *to, size_t size);
/* Asserts: this is the next. */
void card_expect_frame(size_t len, unsigned int seed);

/* A buffer of the guest's for what comes, not kicked; and a frame that does. */
gpa_t card_offer(uint32_t len);
void card_send_far(size_t len, unsigned int seed);

/* Asserts that nobody waits in a circle: that would take all of the time, and this takes nearly none. */
void card_expect_quiet(void);

#endif
