/* test_event_document.c: the lines of `events`, letter by letter: programs that know runc's parse them. */
#include "core/agent/wire.h"
#include "core/event_document.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void expect(const struct cgroup_stats *s, const char *want)
{
	struct error err = ERROR_NONE;
	char *line = NULL;

	cr_assert_eq(event_print_stats("box", s, NULL, &line, &err), 0, "%s", err.msg);
	cr_assert_str_eq(line, want);
	free(line);
}

Test(event_document, oom)
{
	struct error err = ERROR_NONE;
	char *line = NULL;

	cr_assert_eq(event_print_oom("box", &line, &err), 0);
	cr_assert_str_eq(line, "{\"type\":\"oom\",\"id\":\"box\"}");
	free(line);
}

Test(event_document, nothing_counted)
{
	expect(&(struct cgroup_stats){0},
	       "{\"type\":\"stats\",\"id\":\"box\",\"data\":{\"cpu\":{\"usage\":{\"kernel\":0,\"user\":0},"
	       "\"throttling\":{}},"
	       "\"cpuset\":{\"cpu_exclusive\":0,\"mem_hardwall\":0,\"mem_exclusive\":0,\"memory_migrate\":0,"
	       "\"memory_spread_page\":0,\"memory_spread_slab\":0,\"memory_pressure\":0,\"sched_load_"
	       "balance\":0,"
	       "\"sched_relax_domain_level\":0},"
	       "\"memory\":{\"usage\":{\"limit\":0,\"failcnt\":0},\"swap\":{\"limit\":0,\"failcnt\":0},"
	       "\"kernel\":{\"limit\":0,\"failcnt\":0},\"kernelTCP\":{\"limit\":0,\"failcnt\":0}},"
	       "\"pids\":{},\"blkio\":{},\"hugetlb\":{},\"intel_rdt\":{},\"network_interfaces\":null}}");
}

Test(event_document, everything_counted)
{
	uint64_t percpu[] = {5, 0}, cpus[] = {0, 2};
	char name[] = "anon";
	struct count raw[] = {
	    {name, 7}
	     };
	struct cgroup_io_entry io[] = {
	    {254, 0, "Read",  4096},
	    {254, 0, "Write", 0   }
	};
	struct cgroup_hugetlb pages[] = {
	    {"2MB", 1, 2, 3}
	    };
	struct cgroup_stats s = {
	    .cpu = {.total = 1,
		    .user = 2,
		    .kernel = 3,
		    .percpu = {percpu, 2},
		    .periods = 4,
		    .throttled_periods = 5,
		    .throttled_time = 6},
	    .cpuset = {.cpus = {cpus, 2},
		       .mems = {cpus, 1},
		       .sched_load_balance = 1,
		       .sched_relax_domain_level = -1},
	    .memory = {.usage = {UINT64_MAX, 1, 2, 3},   .swap = {4, 5, 6, 7},	     .cache = 8, .raw = {raw, 1}},
	    .pids = {1,	UINT64_MAX	  },
	    .io_bytes = {io,		     2},
	    .io_operations = {io,		  1},
	    .hugetlb = {pages,		       1		},
	};

	expect(&s,
	       "{\"type\":\"stats\",\"id\":\"box\",\"data\":{\"cpu\":{\"usage\":{\"total\":1,\"percpu\":[5,0]"
	       ",\"kernel\":3,"
	       "\"user\":2},\"throttling\":{\"periods\":4,\"throttledPeriods\":5,\"throttledTime\":6}},"
	       "\"cpuset\":{\"cpus\":[0,2],\"cpu_exclusive\":0,\"mems\":[0],\"mem_hardwall\":0,\"mem_"
	       "exclusive\":0,"
	       "\"memory_migrate\":0,\"memory_spread_page\":0,\"memory_spread_slab\":0,\"memory_pressure\":0,"
	       "\"sched_load_balance\":1,\"sched_relax_domain_level\":-1},"
	       "\"memory\":{\"cache\":8,\"usage\":{\"limit\":18446744073709551615,\"usage\":1,\"max\":2,"
	       "\"failcnt\":3},"
	       "\"swap\":{\"limit\":4,\"usage\":5,\"max\":6,\"failcnt\":7},\"kernel\":{\"limit\":0,"
	       "\"failcnt\":0},"
	       "\"kernelTCP\":{\"limit\":0,\"failcnt\":0},\"raw\":{\"anon\":7}},\"pids\":{\"current\":1},"
	       "\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":254,\"op\":\"Read\",\"value\":4096},"
	       "{\"major\":254,\"op\":\"Write\"}],\"ioServicedRecursive\":[{\"major\":254,\"op\":\"Read\","
	       "\"value\":4096}]},"
	       "\"hugetlb\":{\"2MB\":{\"usage\":1,\"max\":2,\"failcnt\":3}},\"intel_rdt\":{},\"network_"
	       "interfaces\":null}}");
	s.pids.limit = 50;
	s.memory.raw.n = 0;
	struct error err = ERROR_NONE;
	char *line = NULL;

	cr_assert_eq(event_print_stats("box", &s, NULL, &line, &err), 0);
	cr_expect(strstr(line, "\"pids\":{\"current\":1,\"limit\":50}"), "%s", line);
	cr_expect_not(strstr(line, "raw"), "%s", line);
	free(line);
}

/* What the guest counts stands beside what its machine costs; the processes are the guest's. */
Test(event_document, of_a_guest)
{
	struct cgroup_stats s = { 0 };
	struct agent_stats g = {
		.cpu_total = 30, .cpu_user = 20, .cpu_kernel = 10, .memory_usage = 4096, .memory_max = 8192, .memory_limit = UINT64_MAX,
		.pids_current = 3, .pids_limit = UINT64_MAX, .guest_total = 1 << 20, .guest_free = 1 << 10, .oom_kills = 2,
	};
	struct error err = ERROR_NONE;
	char *line = NULL;

	s.pids.current = 17;
	cr_assert_eq(event_print_stats("box", &s, &g, &line, &err), 0, "%s", err.msg);
	cr_expect(strstr(line, "\"guest\":{\"cpu\":{\"total\":30,\"user\":20,\"kernel\":10},\"memory\":{\"usage\":4096,\"max\":8192,\"cache\":0,\"swap\":0,"
			       "\"total\":1048576,\"free\":1024,\"oomKills\":2}}"), "%s", line);
	cr_expect(strstr(line, "\"pids\":{\"current\":3}"), "%s", line);
	free(line);
}
