/* script.h: bytes as the doings of a guest: memory, registers, chains good and bad, notifications, in any order.
 *
 * The first byte says whether the driver begins by the book (bit 0: a handshake with all features; else with none of them; bit 1: not at
 * all). Then steps: a byte that names it (modulo SCRIPT_STEPS) and what it takes, as far as there are bytes.
 */
#ifndef FUZZ_SCRIPT_H
#define FUZZ_SCRIPT_H

#include "../unit/vmm/guest.h"

#define SCRIPT_MEMORY (UINT64_C(256) << 10)

struct script {
	const uint8_t *at;
	size_t left;
};

enum { STEP_MEMORY, STEP_REGISTER, STEP_WRITE, STEP_READ, STEP_KICK, STEP_CHAIN, STEP_BURST, STEP_RESTART, STEP_HOST, SCRIPT_STEPS };

/* Little endian; what is not there any more is 0. */
uint64_t script_take(struct script *s, size_t bytes);

/* All of it against d. `host` (may be NULL) is the device's other side: called for STEP_HOST, takes what it needs. Aborts where a read
 * writes beyond its bounds, a device that is broken goes on, or the machine is not told of it once. d stays the caller's. */
void script_run(struct device *d, const uint8_t *data, size_t size, void (*host)(struct device *d, struct script *s));

#endif
