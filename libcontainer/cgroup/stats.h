/* stats.h: what a cgroup has used, for `events --stats`: one shape for v1 and v2. */
#ifndef CGROUP_STATS_H
#define CGROUP_STATS_H

#include <stdint.h>

#include "cgroup/cgroup.h"
#include "oci-spec/schema.h"

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
/* One of the kernel's counters of memory: max is the most there ever was, failcnt how often the limit was
 * hit. */
struct cgroup_memory_use {
	uint64_t limit, usage, max, failcnt;
};

/* Times in nanoseconds, memory in bytes. Limits are the kernel's own numbers: none is UINT64_MAX where it
 * says "max", and the largest number of whole pages in v1's memory files. What the host does not count is 0.
 */
struct cgroup_stats {
	struct {
		uint64_t total, user, kernel;
		struct uints percpu, percpu_user, percpu_kernel; /* v1 only */
		uint64_t periods, throttled_periods, throttled_time;
	} cpu;
	struct {
		struct uints cpus, mems; /* numbers, one by one */
		/* v1 only */
		uint64_t cpu_exclusive, mem_hardwall, mem_exclusive, memory_migrate, memory_spread_page,
		    memory_spread_slab, memory_pressure, sched_load_balance;
		int64_t sched_relax_domain_level;
	} cpuset;
	struct {
		struct cgroup_memory_use usage;
		struct cgroup_memory_use swap;		     /* memory and swap together */
		struct cgroup_memory_use kernel, kernel_tcp; /* v1 only */
		uint64_t cache;
		struct counts raw; /* memory.stat, sorted by name */
	} memory;
	struct {
		uint64_t current, limit;
	} pids;
	struct cgroup_io_list io_bytes, io_operations; /* ops as v1 calls them: "Read", "Write", "Discard" */
	struct {
		struct cgroup_hugetlb *v;
		size_t n;
	} hugetlb; /* sorted by size's name */
};

/* *out is to be given to cgroup_stats_free(). A controller that is missing leaves its part empty. -ENOENT where the cgroup is
 * gone. */
int cgroup_stats_read(const struct cgroup *c, struct cgroup_stats *out, struct error *err);
void cgroup_stats_free(struct cgroup_stats *s);

#endif
