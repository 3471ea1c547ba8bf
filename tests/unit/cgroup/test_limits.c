/* test_limits.c: limits as the kernel reads them back. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "cgroup/limits.h"
#include "real.h"

TestSuite(limits, .timeout = 60);

static const char *first(const char *json)
{
	struct oci_resources *r;
	const char *place;

	cr_assert_eq(oci_resources_parse(json, strlen(json), "r", &r, NULL), 0, "%s", json);
	place = limits_first(r);
	oci_resources_free(r);
	return place;
}

Test(limits, zeros_ask_for_nothing)
{
	cr_expect_null(limits_first(NULL));
	cr_expect_null(first("{}"));
	cr_expect_null(first("{\"memory\":{\"limit\":0,\"swap\":0,\"reservation\":0,\"disableOOMKiller\":"
			     "false},\"cpu\":{\"shares\":0,\"quota\":0,"
			     "\"period\":0,\"cpus\":\"\",\"mems\":\"\"},\"pids\":{\"limit\":-1},\"blockIO\":{"
			     "\"weight\":0},\"network\":{},"
			     "\"devices\":[{\"allow\":false}]}"));
	cr_expect_null(first("{\"memory\":{\"limit\":-1,\"swap\":-1}}"), "a new cgroup has no limit anyway");
	cr_expect_null(first("{\"cpu\":{\"quota\":-1,\"period\":100000}}"));
}

Test(limits, the_first_is_named)
{
	cr_expect_str_eq(first("{\"memory\":{\"limit\":1}}"), "linux.resources.memory.limit");
	cr_expect_str_eq(first("{\"memory\":{\"limit\":-1,\"swappiness\":5}}"),
			 "linux.resources.memory.limit");
	cr_expect_str_eq(first("{\"cpu\":{\"quota\":-1,\"shares\":7}}"), "linux.resources.cpu.shares");
	cr_expect_str_eq(first("{\"cpu\":{\"cpus\":\"0\"}}"), "linux.resources.cpu.cpus");
	cr_expect_str_eq(first("{\"pids\":{\"limit\":0}}"), "linux.resources.pids.limit");
	cr_expect_str_eq(first("{\"unified\":{\"a.b\":\"1\"}}"), "linux.resources.unified");
	cr_expect_str_eq(first("{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":0}]}"),
			 "linux.resources.hugepageLimits");
}

static struct cgroup *make(const char *resources)
{
	struct error err = ERROR_NONE;
	struct cgroup *c;

	cr_assert_eq(real_make(real_path(""), resources, &c, &err), 0, "%s: %s", resources, err.msg);
	return c;
}

static int update(struct cgroup *c, const char *json, struct error *err)
{
	struct oci_resources *r;
	int ret;

	cr_assert_eq(oci_resources_parse(json, strlen(json), "r", &r, NULL), 0, "%s", json);
	ret = cgroup_update(c, r, false, err);
	oci_resources_free(r);
	return ret;
}

static void drop(struct cgroup *c)
{
	struct error err = ERROR_NONE;

	cr_expect_eq(cgroup_remove(c, &err), 0, "%s", err.msg);
	cr_expect_eq(real_left(real_path("")), 0);
	cgroup_free(c);
}

/* The controller is to be had, in which version is in *v2; else the test is skipped. */
static bool need(const char *controller, const char *v1_file, const char *v2_file)
{
	struct cgroup *c;
	bool v2, there;

	real_need();
	c = make(NULL);
	v2 = real_is_v2(c, controller);
	there = *real_file(c, controller, v2 ? v2_file : v1_file);
	drop(c);
	if (!there)
		cr_skip_test("no such controller, or not such a setting in it");
	return v2;
}

static void expect_file(const struct cgroup *c, const char *controller, const char *file, const char *value)
{
	cr_expect_str_eq(real_file(c, controller, file), value, "%s is %s", file,
			 real_file(c, controller, file));
}

Test(limits, memory)
{
	bool v2 = need("memory", "memory.limit_in_bytes", "memory.max"), swap;
	const char *limit = v2 ? "memory.max" : "memory.limit_in_bytes",
		   *both = v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes";
	struct error err = ERROR_NONE;
	struct cgroup *c =
	    make("{\"memory\":{\"limit\":33554432,\"swap\":67108864,\"reservation\":16777216}}");

	swap = *real_file(c, "memory", both);
	expect_file(c, "memory", limit, "33554432");
	cr_expect_eq(cgroup_memory_limit(c), 33554432);
	expect_file(c, "memory", v2 ? "memory.low" : "memory.soft_limit_in_bytes", "16777216");
	if (swap)
		expect_file(c, "memory", both, v2 ? "33554432" : "67108864");
	/* Up beyond what both were together, then down again: each needs another order on v1. */
	cr_expect_eq(update(c, "{\"memory\":{\"limit\":134217728,\"swap\":134217728}}", &err), 0, "%s",
		     err.msg);
	expect_file(c, "memory", limit, "134217728");
	if (swap)
		expect_file(c, "memory", both, v2 ? "0" : "134217728");
	cr_expect_eq(update(c, "{\"memory\":{\"limit\":16777216,\"swap\":33554432}}", &err), 0, "%s",
		     err.msg);
	expect_file(c, "memory", limit, "16777216");
	cr_expect_eq(update(c, "{\"memory\":{\"limit\":0,\"swap\":0}}", &err), 0, "%s", err.msg);
	expect_file(c, "memory", limit, "16777216");
	cr_expect_eq(update(c, "{\"memory\":{\"limit\":-1}}", &err), 0, "%s", err.msg);
	cr_expect_eq(cgroup_memory_limit(c), -1);
	if (v2 && swap)
		expect_file(c, "memory", both, "max");
	drop(c);
}

Test(limits, memory_of_both_must_not_be_less_than_memory)
{
	struct error err = ERROR_NONE;
	struct cgroup *c = NULL;

	need("memory", "memory.memsw.limit_in_bytes", "memory.swap.max");
	cr_expect_lt(real_make(real_path(""), "{\"memory\":{\"limit\":33554432,\"swap\":1048576}}", &c, &err),
		     0);
	cr_expect_not_null(strstr(err.msg, "linux.resources.memory.swap"), "%s", err.msg);
	cr_expect_eq(real_left(real_path("")), 0);
}

Test(limits, settings_that_v2_lacks_are_refused_by_name)
{
	static const char *const rows[][2] = {
	    {"swappiness",	   "60"     },
		   {"disableOOMKiller", "true"   },
		 {"useHierarchy",	  "true"	},
	    {"kernel",	       "1048576"},
		   {"kernelTCP",	 "1048576"},
	};
	bool v2 = need("memory", "memory.limit_in_bytes", "memory.max");

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		auto_free char *json = str_printf("{\"memory\":{\"%s\":%s}}", rows[i][0], rows[i][1]);
		auto_free char *place =
		    str_printf("linux.resources.memory.%s: cgroup v2 has no such setting", rows[i][0]);
		struct error err = ERROR_NONE;
		struct cgroup *c = NULL;
		int ret = real_make(real_path(""), json, &c, &err);

		cr_expect_eq(ret, v2 ? -ENOTSUP : 0, "%s: %s", json, err.msg);
		if (v2)
			cr_expect_str_eq(err.msg, place);
		if (!ret)
			drop(c);
	}
	if (v2)
		drop(make("{\"memory\":{\"swappiness\":0,\"disableOOMKiller\":false,\"kernel\":0,"
			  "\"kernelTCP\":-1}}"));
}

Test(limits, check_before_update)
{
	struct error err = ERROR_NONE;
	struct cgroup *c;
	int ready[2];
	char byte;
	pid_t pid;

	need("memory", "memory.limit_in_bytes", "memory.max");
	c = make(NULL);
	/* On v2 memory belongs to where it was first touched: what a process had before it came in does not count. */
	cr_assert_eq(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		if (cgroup_enter(c, 0, false, NULL) < 0)
			_exit(1);
		memset(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1, 1 << 20);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	cr_expect_eq(update(c, "{\"memory\":{\"limit\":4096,\"checkBeforeUpdate\":true}}", &err), -EBUSY);
	cr_expect_not_null(strstr(err.msg, "linux.resources.memory.limit"), "%s", err.msg);
	cr_expect_eq(kill(pid, 0), 0, "and nobody was killed for it");
	cr_expect_eq(cgroup_memory_limit(c), -1);
	real_reap(pid);
	drop(c);
}

Test(limits, the_kill_for_memory_is_counted)
{
	struct cgroup *c;
	int status;
	pid_t pid;

	need("memory", "memory.limit_in_bytes", "memory.max");
	c = make("{\"memory\":{\"limit\":8388608,\"swap\":8388608}}");
	pid = fork();
	if (!pid) {
		if (cgroup_enter(c, 0, false, NULL) < 0)
			_exit(1);
		for (;;)
			memset(
			    mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			    1, 1 << 20);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	cr_expect_geq(cgroup_oom_kills(c), 1);
	drop(c);
}

Test(limits, cpu)
{
	bool v2 = need("cpu", "cpu.shares", "cpu.weight");
	struct error err = ERROR_NONE;
	struct cgroup *c = make("{\"cpu\":{\"shares\":512,\"quota\":50000,\"period\":200000}}");

	expect_file(c, "cpu", v2 ? "cpu.weight" : "cpu.shares", v2 ? "59" : "512");
	expect_file(c, "cpu", v2 ? "cpu.max" : "cpu.cfs_quota_us", v2 ? "50000 200000" : "50000");
	/* One alone leaves the other. */
	cr_expect_eq(update(c, "{\"cpu\":{\"quota\":60000}}", &err), 0, "%s", err.msg);
	expect_file(c, "cpu", v2 ? "cpu.max" : "cpu.cfs_quota_us", v2 ? "60000 200000" : "60000");
	cr_expect_eq(update(c, "{\"cpu\":{\"period\":100000}}", &err), 0, "%s", err.msg);
	expect_file(c, "cpu", v2 ? "cpu.max" : "cpu.cfs_period_us", v2 ? "60000 100000" : "100000");
	cr_expect_eq(update(c, "{\"cpu\":{\"quota\":-1}}", &err), 0, "%s", err.msg);
	expect_file(c, "cpu", v2 ? "cpu.max" : "cpu.cfs_quota_us", v2 ? "max 100000" : "-1");
	cr_expect_eq(update(c, "{\"cpu\":{\"shares\":0,\"quota\":0,\"period\":0}}", &err), 0, "%s", err.msg);
	expect_file(c, "cpu", v2 ? "cpu.weight" : "cpu.shares", v2 ? "59" : "512");
	cr_expect_lt(update(c, "{\"cpu\":{\"quota\":50000,\"period\":1}}", &err), 0);
	cr_expect_not_null(strstr(err.msg, "linux.resources.cpu."), "%s", err.msg);
	drop(c);
}

Test(limits, cpu_burst)
{
	bool v2 = need("cpu", "cpu.cfs_burst_us", "cpu.max.burst");
	const char *file = v2 ? "cpu.max.burst" : "cpu.cfs_burst_us";
	struct error err = ERROR_NONE;
	struct cgroup *c = make("{\"cpu\":{\"quota\":20000,\"burst\":10000}}");

	expect_file(c, "cpu", file, "10000");
	cr_expect_eq(update(c, "{\"cpu\":{\"quota\":5000,\"burst\":4000}}", &err), 0, "%s", err.msg);
	expect_file(c, "cpu", file, "4000");
	cr_expect_eq(update(c, "{\"cpu\":{\"quota\":50000,\"burst\":40000}}", &err), 0, "%s", err.msg);
	expect_file(c, "cpu", file, "40000");
	cr_expect_eq(update(c, "{\"cpu\":{\"burst\":0}}", &err), 0, "%s", err.msg);
	expect_file(c, "cpu", file, "0");
	cr_expect_lt(update(c, "{\"cpu\":{\"burst\":60000}}", &err), 0, "more than the quota");
	cr_expect_not_null(strstr(err.msg, "linux.resources.cpu.burst"), "%s", err.msg);
	drop(c);
}

Test(limits, cpu_idle)
{
	struct cgroup *c;

	need("cpu", "cpu.idle", "cpu.idle");
	c = make("{\"cpu\":{\"idle\":1,\"shares\":512}}");
	expect_file(c, "cpu", "cpu.idle", "1");
	drop(c);
}

Test(limits, cpuset)
{
	struct error err = ERROR_NONE;
	struct cgroup *c;

	need("cpuset", "cpuset.cpus", "cpuset.cpus.effective");
	c = make("{\"cpu\":{\"cpus\":\"0\",\"mems\":\"0\"}}");
	expect_file(c, "cpuset", "cpuset.cpus", "0");
	expect_file(c, "cpuset", "cpuset.mems", "0");
	drop(c);
	cr_expect_lt(real_make(real_path(""), "{\"cpu\":{\"cpus\":\"x\"}}", &c, &err), 0);
	cr_expect_not_null(strstr(err.msg, "linux.resources.cpu.cpus"), "%s", err.msg);
	cr_expect_not_null(strstr(err.msg, "cpuset.cpus"), "%s", err.msg);
}

Test(limits, pids)
{
	struct error err = ERROR_NONE;
	struct cgroup *c;

	need("pids", "pids.max", "pids.max");
	c = make("{\"pids\":{\"limit\":0}}");
	expect_file(c, "pids", "pids.max", "0");
	cr_expect_eq(update(c, "{\"pids\":{\"limit\":17}}", &err), 0, "%s", err.msg);
	expect_file(c, "pids", "pids.max", "17");
	cr_expect_eq(update(c, "{}", &err), 0, "%s", err.msg);
	expect_file(c, "pids", "pids.max", "17");
	cr_expect_eq(update(c, "{\"pids\":{\"limit\":-1}}", &err), 0, "%s", err.msg);
	expect_file(c, "pids", "pids.max", "max");
	drop(c);
}

Test(limits, hugepages)
{
	bool v2 = need("hugetlb", "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max");
	struct error err = ERROR_NONE;
	struct cgroup *c = make("{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4194304}]}");

	expect_file(c, "hugetlb", v2 ? "hugetlb.2MB.max" : "hugetlb.2MB.limit_in_bytes", "4194304");
	if (*real_file(c, "hugetlb", "hugetlb.2MB.rsvd.max"))
		expect_file(c, "hugetlb", "hugetlb.2MB.rsvd.max", "4194304");
	drop(c);
	cr_expect_eq(real_make(real_path(""), "{\"hugepageLimits\":[{\"pageSize\":\"../2MB\",\"limit\":1}]}",
			       &c, &err),
		     -EINVAL);
	cr_expect_not_null(strstr(err.msg, "hugepageLimits[0].pageSize"), "%s", err.msg);
	cr_expect_lt(
	    real_make(real_path(""), "{\"hugepageLimits\":[{\"pageSize\":\"3MB\",\"limit\":1}]}", &c, &err),
	    0);
	cr_expect_not_null(strstr(err.msg, "hugetlb.3MB"), "%s", err.msg);
}

Test(limits, unified)
{
	static const char *const bad[] = {"cgroup.procs", "cgroup.threads", "cgroup.subtree_control",
					  "../x.y",	  "a/b.c",	    "nodot",
					  "no.such"};
	struct error err = ERROR_NONE;
	struct cgroup *c;

	need("hugetlb", "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max");
	if (cgroup_host_layout() == CGROUP_LAYOUT_V1)
		cr_skip_test("no cgroup v2");
	c = make("{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":2097152}],\"unified\":{\"hugetlb.2MB."
		 "max\":\"8388608\"}}");
	expect_file(c, "hugetlb", "hugetlb.2MB.max", "8388608");
	drop(c);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		auto_free char *json = str_printf("{\"unified\":{\"%s\":\"1\"}}", bad[i]);

		err = ERROR_NONE;
		cr_expect_lt(real_make(real_path(""), json, &c, &err), 0, "%s", bad[i]);
		cr_expect_not_null(strstr(err.msg, bad[i]), "%s", err.msg);
	}
}

Test(limits, block_io)
{
	bool v2 = need("blkio", "cgroup.procs", "cgroup.controllers");
	struct error err = ERROR_NONE;
	struct cgroup *c = NULL;

	cr_expect_eq(real_make(real_path(""), "{\"blockIO\":{\"weight\":5}}", &c, &err), -EINVAL);
	cr_expect_not_null(strstr(err.msg, "linux.resources.blockIO.weight: 5"), "%s", err.msg);
	cr_expect_lt(
	    real_make(
		real_path(""),
		"{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":4095,\"minor\":77,\"rate\":1000}]}}", &c,
		&err),
	    0);
	cr_expect_not_null(strstr(err.msg, "linux.resources.blockIO.throttleReadBpsDevice[0]"), "%s",
			   err.msg);
	cr_expect_not_null(strstr(err.msg, v2 ? "io.max" : "blkio.throttle.read_bps_device"), "%s", err.msg);
	cr_expect_null(c);
}

/* On a host where no mount has the controller, the error says which one. */
Test(limits, missing_controllers_are_named)
{
	const struct hierarchies *host;
	struct error err = ERROR_NONE;
	struct cgroup *c = NULL;
	bool net = false;

	real_need();
	cr_assert_eq(hierarchies_host(&host, NULL), 0);
	for (size_t i = 0; i < host->n; i++)
		net = net || controllers_include(host->v[i].controllers, "net_cls");
	if (net)
		cr_skip_test("this host has net_cls");
	cr_expect_eq(real_make(real_path(""), "{\"network\":{\"classID\":7}}", &c, &err), -ENOTSUP);
	if (host->layout == CGROUP_LAYOUT_V2)
		cr_expect_str_eq(err.msg, "linux.resources.network.classID: cgroup v2 has no such setting");
	else
		cr_expect_str_eq(err.msg,
				 "linux.resources.network.classID: no net_cls controller on this host");
	drop(make("{\"network\":{\"classID\":0,\"priorities\":[]}}"));
}
