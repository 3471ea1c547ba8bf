/* idle.h: a device that never takes anything, for tests that are the device themselves: its first queue, and the guest before it. */
#ifndef UNIT_VMM_IDLE_H
#define UNIT_VMM_IDLE_H

#include "guest.h"

enum { IDLE_SIZE = 8 }; /* entries of either queue */

struct idle {
	struct device device;
	struct guest g;
	struct queue *queue;
	struct chain chain; /* whichever was taken last */
};
extern struct idle idle;

/* For .init: all features, or none; memory: bytes of the guest's, 0 for GUEST_MEMORY. */
void idle_setup(void);
void idle_setup_plain(void);
void idle_start(uint64_t features, uint64_t memory);

/* Memory of the guest's for one descriptor. */
struct guest_buffer idle_buffer(uint32_t len, bool write);
/* A chain, where the device may see it. */
void idle_available(const struct guest_buffer *b, size_t n);
/* Asserts: the next chain is told as a lie, in these words. */
void idle_must_lie(const char *text);

#endif
