/* bus.h: which part of the machine answers at which address; one bus for ports, one for memory.
 *
 * Filled before the processors run and only read afterwards, by all of them at once: what stands behind a range locks for itself.
 */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define BUS_RANGES_MAX 32

/* `at` counts from the start of the range; at + len lies within it; len is 1 to 8. A read fills all of `to`. */
struct bus_ops {
	void (*read)(void *data, uint32_t at, void *to, uint32_t len);
	void (*write)(void *data, uint32_t at, const void *from, uint32_t len);
};

struct bus {
	struct bus_range {
		uint64_t start, size;
		const struct bus_ops *ops; /* a function that is missing: reads are all ones, writes nothing */
		void *data;
	} ranges[BUS_RANGES_MAX];
	size_t n;
};

/* -EEXIST where it would overlap another, -ENOSPC, -EINVAL for an empty range or one that wraps around. */
int bus_add(struct bus *b, uint64_t start, uint64_t size, const struct bus_ops *ops, void *data, struct error *err);

/* An access of the guest's: any address, any len. Where nothing answers, reads are all ones and writes are lost, as on a PC. An access
 * that reaches across the end of a range hits nothing. */
void bus_read(const struct bus *b, uint64_t at, void *to, uint32_t len);
void bus_write(const struct bus *b, uint64_t at, const void *from, uint32_t len);

#endif
