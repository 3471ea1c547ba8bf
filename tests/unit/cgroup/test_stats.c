/* test_stats.c: the counters move with what the cgroup does. */
#include <criterion/criterion.h>
#include <string.h>

#include "cgroup/stats.h"
#include "real.h"

TestSuite(stats, .timeout = 60);

Test(stats, of_a_live_cgroup)
{
	struct cgroup_stats s = {0};
	struct error err = ERROR_NONE;
	struct cgroup *c;
	bool pids, memory;
	pid_t pid;

	real_need();
	cr_assert_eq(real_make(real_path(""), NULL, &c, &err), 0, "%s", err.msg);
	pids = *real_file(c, "pids", "pids.max");
	memory = *real_file(c, "memory", real_is_v2(c, "memory") ? "memory.max" : "memory.limit_in_bytes");
	if (pids)
		cr_assert_eq(folder_write(cgroup_folder_for(c, "pids"), "pids.max", "50"), 0);
	pid = real_child(c, true);
	cr_assert_eq(cgroup_stats_read(c, &s, &err), 0, "%s", err.msg);
	if (pids) {
		cr_expect_eq(s.pids.current, 2);
		cr_expect_eq(s.pids.limit, 50);
	}
	if (memory) {
		cr_expect_gt(s.memory.raw.n, 5);
		for (size_t i = 1; i < s.memory.raw.n; i++)
			cr_expect_lt(strcmp(s.memory.raw.v[i - 1].key, s.memory.raw.v[i].key), 0);
		cr_expect_gt(s.memory.usage.usage, 0);
		/* None: "max" on v2, the largest number of whole pages on v1. */
		cr_expect_gt(s.memory.usage.limit, (uint64_t)INT64_MAX - 65536);
		cr_expect_eq(s.memory.usage.limit == UINT64_MAX, real_is_v2(c, "memory"));
	}
	cr_expect_gt(s.cpu.total, 0);
	if (*real_file(c, "cpuset", real_is_v2(c, "cpuset") ? "cpuset.cpus.effective" : "cpuset.cpus")) {
		cr_expect_gt(s.cpuset.cpus.n, 0);
		cr_expect_gt(s.cpuset.mems.n, 0);
	}
	cgroup_stats_free(&s);
	cr_expect_eq(cgroup_kill(c, 9, &err), 0);
	real_reap(pid);
	cr_expect_eq(cgroup_remove(c, &err), 0, "%s", err.msg);
	cr_expect_eq(cgroup_stats_read(c, &s, &err), -ENOENT, "a vanished one has no numbers");
	cr_expect_not_null(strstr(err.msg, real_path("")), "%s", err.msg);
	cgroup_free(c);
}
