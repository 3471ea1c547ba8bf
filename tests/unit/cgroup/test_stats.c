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
		cr_expect_eq(s.memory.limit, UINT64_MAX);
	}
	cr_expect_gt(s.cpu.total, 0);
	cgroup_stats_free(&s);
	cr_expect_eq(cgroup_kill(c, 9, &err), 0);
	real_reap(pid);
	cr_expect_eq(cgroup_remove(c, &err), 0, "%s", err.msg);
	cr_assert_eq(cgroup_stats_read(c, &s, &err), 0, "a vanished one has used nothing");
	cr_expect_eq(s.cpu.total, 0);
	cr_expect_eq(s.memory.raw.n, 0);
	cgroup_stats_free(&s);
	cgroup_free(c);
}
