/* convert.h: from the numbers of the specification, which are v1's, to those of cgroup v2. */
#ifndef CGROUP_CONVERT_H
#define CGROUP_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

/* cpu.shares 2..262144 -> cpu.weight 1..10000 such that 1024 becomes 100, both being the defaults. 0 (unset)
 * stays 0. */
uint64_t convert_shares(uint64_t shares);
/* blkio weight 10..1000 -> io.weight 1..10000, linear. */
uint64_t convert_io_weight(uint64_t weight);
/* memory+swap of v1 -> swap alone of v2. -1 is without limit in and out. False where swap is below the limit.
 */
bool convert_swap(int64_t swap, int64_t limit, int64_t *out);
/* "2MB", "1GB", "64KB": the form that hugetlb files have in their names. */
bool convert_is_page_size(const char *text);

#endif
