/* serial.h: the first serial port, an 8250 with queues (16550A), for what the kernel says before it has anything better.
 *
 * Output only. It is the guest's, so it is bounded: beyond SERIAL_MOST bytes nothing is written any more.
 */
#ifndef VMM_SERIAL_H
#define VMM_SERIAL_H

#include <pthread.h>
#include <stdbool.h>

#include "vmm/bus.h"

#define SERIAL_MOST (UINT64_C(4) << 20) /* bytes a life */
#define SERIAL_PORTS 8

struct serial {
	pthread_mutex_t lock;
	int out; /* -EBADF: nowhere */
	int irq; /* an eventfd, see irq.h; -EBADF: none */
	uint8_t interrupts, line, modem, scratch, divisor[2];
	bool queues, empty_told;
	char text[256]; /* a line so far */
	size_t n;
	uint64_t written;
	char panic[200]; /* what the kernel said why it panicked; empty: nothing so far */
};

extern const struct bus_ops serial_ops; /* data: a struct serial */

/* Both descriptors stay the caller's. */
void serial_init(struct serial *s, int out, int irq);
/* A line that has no end yet. Once the processors have stopped. */
void serial_flush(struct serial *s);

#endif
