/* stats.h: what a cgroup has used, for `events --stats`: one shape for v1 and v2. */
#ifndef CGROUP_STATS_H
#define CGROUP_STATS_H

#include <stdint.h>

#include "cgroup/cgroup.h"

struct cgroup_io_entry {
	uint64_t major, minor;
	char op[16];
	uint64_t value;
};
struct cgroup_io_list {
	struct cgroup_io_entry *v;
	size_t n;
};
struct cgroup_hugetlb {
	char size[16];
	uint64_t usage, max, failcnt;
};
struct cgroup_counter {
	char *name;
	uint64_t value;
};

/* Times in nanoseconds, memory in bytes; a limit of UINT64_MAX is none. What the host does not count is 0. */
struct cgroup_stats {
	struct {
		uint64_t total, user, kernel;
		uint64_t periods, throttled_periods, throttled_time;
	} cpu;
	struct {
		uint64_t usage, max, failcnt, limit;
		uint64_t swap_usage, swap_limit;
		uint64_t cache;
		struct {
			struct cgroup_counter *v;
			size_t n;
		} raw; /* memory.stat as it is */
	} memory;
	struct {
		uint64_t current, limit;
	} pids;
	struct cgroup_io_list io_bytes, io_operations; /* ops as v1 calls them: "Read", "Write", "Discard" */
	struct {
		struct cgroup_hugetlb *v;
		size_t n;
	} hugetlb;
};

/* *out is to be given to cgroup_stats_free(). A controller that is missing leaves its part empty. */
int cgroup_stats_read(const struct cgroup *c, struct cgroup_stats *out, struct error *err);
void cgroup_stats_free(struct cgroup_stats *s);

#endif
