/* tree.h: answers for whole system calls, found by a binary search over their numbers. */
#ifndef SECCOMP_TREE_H
#define SECCOMP_TREE_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

struct answer {
	uint32_t nr, action;
};

/* Instructions that answer what stands in v (sorted by nr, each number once) and lead behind their end for
 * any other number. They expect the number in the accumulator. Returns how many; `max` + 1 if they would be
 * more than max. */
size_t tree_write(const struct answer *v, size_t n, struct sock_filter *out, size_t max);

#endif
