/* memory.h: the guest's memory: the only place where a guest address becomes a pointer.
 *
 * The guest's processors write to this memory at any time: a field in it is read once, into a local, then checked, then used.
 * Physical addresses follow the layout in vmm/x86_64/layout.h: memory beyond the hole below 4 GiB goes on at 4 GiB.
 */
#ifndef VMM_MEMORY_H
#define VMM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"

typedef uint64_t gpa_t; /* an address as the guest counts; never a pointer */

struct memory;

/* One stretch without holes, as KVM_SET_USER_MEMORY_REGION wants it. */
struct memory_region {
	gpa_t at;
	uint64_t size; /* bytes */
	unsigned char *host;
};

/* `size` bytes (a multiple of the page size), zeroed and not yet backed by anything. memory_free() by the caller. */
int memory_new(uint64_t size, struct memory **out, struct error *err);
void memory_free(struct memory *m);

uint64_t memory_size(const struct memory *m);
const struct memory_region *memory_regions(const struct memory *m, size_t *n);

/* The one door: where [at, at+len) lies on the host; NULL if any byte of it is not memory or if it spans two regions. len 0 is NULL.
 * Safe against overflow, from any thread. */
void *memory_at(const struct memory *m, gpa_t at, uint64_t len);

/* Gives [at, at+len) back to the host, page by page: it reads as zeroes afterwards. -EFAULT outside, -EINVAL unless both are multiples
 * of the page size. For the balloon. */
int memory_give_back(struct memory *m, gpa_t at, uint64_t len);

#endif
