/* test_update.c: update: each option and the document, read back from the kernel; on v1, v2 and hybrid hosts, with both drivers. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/run/bundle.h"

static void start_with(struct bundle *b, const char *resources)
{
	need_limits();
	bundle_make(b);
	bundle_config(b, "{'linux':{'resources':%s}}", resources);
	bundle_inside(b, "sleep", "600", NULL);
	bundle_start(b, NULL);
}

struct file {
	const char *controller, *v1, *v1_value, *v2, *v2_value;
};

/* False where the kernel has no such file. */
static bool reads(struct bundle *b, const struct file *f)
{
	/* In a virtual machine these act in the guest, which has no swap. */
	bool inside = in_vm() && (!strcmp(f->controller, "memory") || !strcmp(f->controller, "pids"));
	if (inside && (!*f->v2 || !strcmp(f->v2, "memory.swap.max")))
		return false;
	const char *text = inside ? cgroup_value_inside(b, f->v2) : cgroup_value(b, f->controller, f->v1, f->v2);
	bool v1 = cgroup_v1_mount(f->controller) && !inside;
	const char *want = v1 ? f->v1_value : f->v2_value;
	if (!text || !*text)
		return false;
	MUST_SAY(!strcmp(text, format("%s\n", want)), "%s: expected %s, found %s", v1 ? f->v1 : f->v2, want, text);
	return true;
}

/* A value of NULL: this version has no such setting, and says so. */
static const struct {
	const char *option, *value;
	struct file file;
	const char *place;
} options[] = {
	/* clang-format off */
	{ "--memory", "64M", { "memory", "memory.limit_in_bytes", "67108864", "memory.max", "67108864" }, "memory.limit" },
	{ "--memory-swap", "128m", { "memory", "memory.memsw.limit_in_bytes", "134217728", "memory.swap.max", "67108864" }, "memory.swap" },
	{ "--memory-reservation", "33554432", { "memory", "memory.soft_limit_in_bytes", "33554432", "memory.low", "33554432" }, "memory.reservation" },
	{ "--kernel-memory-tcp", "1MiB", { "memory", "memory.kmem.tcp.limit_in_bytes", "1048576", "", NULL }, "memory.kernelTCP" },
	{ "--cpu-period", "200000", { "cpu", "cpu.cfs_period_us", "200000", "cpu.max", "max 200000" }, "cpu.period" },
	{ "--cpu-quota", "50000", { "cpu", "cpu.cfs_quota_us", "50000", "cpu.max", "50000 200000" }, "cpu.quota" },
	{ "--cpu-burst", "10000", { "cpu", "cpu.cfs_burst_us", "10000", "cpu.max.burst", "10000" }, "cpu.burst" },
	{ "--cpu-share", "512", { "cpu", "cpu.shares", "512", "cpu.weight", "59" }, "cpu.shares" },
	{ "--cpu-rt-period", "500000", { "cpu", "cpu.rt_period_us", "500000", "", NULL }, "cpu.realtimePeriod" },
	{ "--cpu-rt-runtime", "1000", { "cpu", "cpu.rt_runtime_us", "1000", "", NULL }, "cpu.realtimeRuntime" },
	{ "--cpuset-cpus", "0", { "cpuset", "cpuset.cpus", "0", "cpuset.cpus", "0" }, "cpu.cpus" },
	{ "--cpuset-mems", "0", { "cpuset", "cpuset.mems", "0", "cpuset.mems", "0" }, "cpu.mems" },
	{ "--blkio-weight", "100", { "blkio", "blkio.bfq.weight", "100", "io.bfq.weight", "default 100" }, "blockIO.weight" },
	{ "--pids-limit", "7", { "pids", "pids.max", "7", "pids.max", "7" }, "pids.limit" },
	{ "--cpu-idle", "1", { "cpu", "cpu.idle", "1", "cpu.idle", "1" }, "cpu.idle" },
	/* clang-format on */
};
enum { OPTIONS = sizeof(options) / sizeof(*options) };

RUN_TEST(each_option, "each option is in its file, or is an error that names what this kernel lacks")
{
	struct bundle b;
	start_with(&b, "{}");
	int read = 0;
	for (size_t i = 0; i < OPTIONS; i++) {
		struct result r = nacre("update", options[i].option, options[i].value, b.id, NULL);
		/* blkio stands for io, which v2 calls it. */
		const char *controller = options[i].file.controller;
		bool v1 = cgroup_v1_mount(controller);
		struct file f = options[i].file;
		if (!v1 && !strcmp(controller, "blkio"))
			f.controller = "io";
		if ((v1 || f.v2_value) && reads(&b, &f)) {
			must_succeed(&r);
			read++;
		} else if (r.status != 0) {
			must_fail(&r, format("linux.resources.%s", options[i].place));
		} else {
			/* Swap that nobody counts needs no limit. */
			MUST_SAY(!strcmp(f.controller, "memory") || !strcmp(f.controller, "blkio"), "%s did nothing", options[i].option);
		}
	}
	MUST_SAY(read >= 8, "only %d of them", read);
	/* And none of them has changed what another one said. */
	for (size_t i = 0; i < OPTIONS; i++)
		if (!strcmp(options[i].option, "--memory") || !strcmp(options[i].option, "--pids-limit") ||
		    !strcmp(options[i].option, "--cpu-quota"))
			MUST(reads(&b, &options[i].file));
}

RUN_TEST(all_options, "all of them in one call")
{
	struct bundle b;
	start_with(&b, "{}");
	struct result r = nacre("update", "--memory", "64M", "--memory-reservation", "32M", "--cpu-period", "200000", "--cpu-quota", "50000",
				"--cpu-share", "512", "--cpuset-cpus", "0", "--cpuset-mems", "0", "--pids-limit", "7", b.id, NULL);
	must_succeed(&r);
	for (size_t i = 0; i < OPTIONS; i++)
		if (!strstr("--memory-swap --kernel-memory-tcp --cpu-burst --cpu-rt-period --cpu-rt-runtime --blkio-weight --cpu-idle",
			    options[i].option)) {
			struct file f = options[i].file;
			if (!strcmp(options[i].option, "--cpu-period"))
				f.v2_value = "50000 200000";
			MUST_SAY(reads(&b, &f), "no %s", options[i].option);
		}
}

RUN_TEST(memory_up_and_down, "limits of memory and of memory and swap go up and down together, in whatever order the kernel wants them")
{
	struct bundle b;
	/* Pages of the past must not be in the way of a smaller limit. */
	start_with(&b, "{'memory':{'limit':67108864,'swap':100663296}}");
	static const char *const steps[][4] = {
		/* --memory, --memory-swap; what v1 has for both, v2 for swap */
		{ "256M", "512M", "536870912", "268435456" },
		{ "32M", "48M", "50331648", "16777216" },
		{ "128M", "128M", "134217728", "0" },
		{ "64M", "-1", "9223372036854771712", "max" },
		{ "-1", "-1", "9223372036854771712", "max" },
		{ "64M", "64M", "67108864", "0" },
	};
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		struct result r = nacre("update", "--memory", steps[i][0], "--memory-swap", steps[i][1], b.id, NULL);
		must_succeed(&r);
		bool none = !strcmp(steps[i][0], "-1");
		char *bytes = format("%lld", atoll(steps[i][0]) * (1 << 20));
		struct file limit = { "memory", "memory.limit_in_bytes", none ? "9223372036854771712" : bytes, "memory.max", none ? "max" : bytes };
		struct file both = { "memory", "memory.memsw.limit_in_bytes", steps[i][2], "memory.swap.max", steps[i][3] };
		if (!reads(&b, &limit))
			test_skip("this machine has no memory controller");
		/* The kernel may have been built without swap. */
		(void)reads(&b, &both);
	}
}

RUN_TEST(document, "-r takes a document, from a file or from standard input; options go over it")
{
	struct bundle b;
	start_with(&b, "{}");
	char *file = format("%s/resources.json", test_dir());
	file_write(file, "{\"memory\":{\"limit\":67108864,\"reservation\":33554432},\"pids\":{\"limit\":11},\"cpu\":{\"shares\":512}}");
	struct result r = nacre("update", "--resources", file, b.id, NULL);
	must_succeed(&r);
	struct file pids = { "pids", "pids.max", "11", "pids.max", "11" }, memory = options[0].file, reservation = options[2].file;
	MUST(reads(&b, &pids) && reads(&b, &memory) && reads(&b, &reservation));
	file_write(file, "{\"pids\":{\"limit\":12},\"memory\":{\"limit\":134217728}}");
	r = nacre_with(&(struct spawn){ .input = file }, "update", "-r", "-", "--pids-limit", "13", b.id, NULL);
	must_succeed(&r);
	pids.v1_value = pids.v2_value = "13";
	memory.v1_value = memory.v2_value = "134217728";
	MUST(reads(&b, &pids) && reads(&b, &memory) && reads(&b, &reservation));
	/* What engines send for "as it was". */
	file_write(file, "{\"memory\":{\"limit\":0,\"swap\":0},\"cpu\":{\"shares\":0,\"quota\":0,\"period\":0,\"cpus\":\"\",\"mems\":\"\"},"
			 "\"blockIO\":{\"weight\":0}}");
	r = nacre("update", "-r", file, b.id, NULL);
	must_succeed(&r);
	MUST(reads(&b, &pids) && reads(&b, &memory) && reads(&b, &reservation));
}

RUN_TEST(document_bad, "a document that is none is refused with its place, and changes nothing")
{
	static const char *const bad[][2] = {
		{ "{\"pids\":{\"limit\":\"many\"}}", "pids.limit" },
		{ "{\"memory\":{\"limit\":-2}}", "memory.limit" },
		{ "{\"pids\":{\"limit\":5}", "resources" },
		{ "[]", "resources" },
		{ "", "resources" },
		{ "{\"devices\":[{\"allow\":true,\"type\":\"x\"}]}", "devices[0].type" },
		{ "{\"unified\":{\"../pids.max\":\"3\"}}", "unified" },
	};
	struct bundle b;
	start_with(&b, "{'pids':{'limit':7}}");
	struct file pids = { "pids", "pids.max", "7", "pids.max", "7" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char *file = format("%s/bad%zu.json", test_dir(), i);
		file_write(file, "%s", bad[i][0]);
		struct result r = nacre("update", "--resources", file, b.id, NULL);
		must_fail(&r, bad[i][1]);
		MUST(reads(&b, &pids));
	}
	struct result r = nacre("update", "--resources", "/nowhere/resources.json", b.id, NULL);
	must_fail(&r, "/nowhere/resources.json");
}

RUN_TEST(values_bad, "values that are none, or that the kernel refuses, are errors that name the option or the place")
{
	static const char *const bad[][3] = {
		{ "--memory", "much", "--memory" },	    { "--memory", "-2", "--memory" },
		{ "--memory", "1Q", "--memory" },	    { "--memory", "99999999999G", "--memory" },
		{ "--memory-swap", "1M1", "--memory-swap" }, { "--cpu-share", "-1", "--cpu-share" },
		{ "--cpu-period", "1s", "--cpu-period" },   { "--cpu-quota", "", "--cpu-quota" },
		{ "--pids-limit", "x", "--pids-limit" },    { "--pids-limit", "99999999999999999999", "--pids-limit" },
		{ "--cpu-period", "1", "cpu.period" },	    { "--cpu-idle", "2", "cpu.idle" },
		{ "--cpuset-cpus", "4000", "cpu.cpus" },    { "--cpuset-cpus", "x", "cpu.cpus" },
		{ "--cpuset-mems", "900", "cpu.mems" },	    { "--blkio-weight", "5", "blockIO.weight" },
		{ "--pids-limit", "99999999999", "pids.limit" }, { "--l3-cache-schema", "L3:0=f", "intelRdt" },
		{ "--mem-bw-schema", "MB:0=20", "intelRdt" },
	};
	struct bundle b;
	start_with(&b, "{'pids':{'limit':7}}");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct result r = nacre("update", bad[i][0], bad[i][1], b.id, NULL);
		must_fail(&r, bad[i][2]);
	}
	MUST(reads(&b, &(struct file){ "pids", "pids.max", "7", "pids.max", "7" }));
	MUST(bundle_wait_status(&b, "running"));
}

RUN_TEST(check_before_update, "checkBeforeUpdate: a limit below what is in use is refused, and nobody is killed")
{
	struct bundle b;
	char *out;
	need_limits();
	if (!cgroup_v1_mount("memory") && !have_cgroup_v2_only())
		test_skip("this machine has no memory controller");
	bundle_make(&b);
	bundle_inside(&b, "spend", "24", ";", "sleep", "600", NULL);
	bundle_start(&b, &out);
	file_wait(out, "spent 24 MiB");
	char *file = format("%s/resources.json", test_dir());
	file_write(file, "{\"memory\":{\"limit\":8388608,\"checkBeforeUpdate\":true}}");
	struct result r = nacre("update", "-r", file, b.id, NULL);
	must_fail(&r, "memory.limit");
	MUST(bundle_wait_status(&b, "running"));
	struct file none = { "memory", "memory.limit_in_bytes", "9223372036854771712", "memory.max", "max" };
	MUST(reads(&b, &none));
	file_write(file, "{\"memory\":{\"limit\":134217728,\"checkBeforeUpdate\":true}}");
	r = nacre("update", "-r", file, b.id, NULL);
	must_succeed(&r);
	none.v1_value = none.v2_value = "134217728";
	MUST(reads(&b, &none));
}

/* What a machine shows of its limits before anything can be executed in it. */
static void has_pids_limit(struct bundle *b, const char *want)
{
	struct result r = nacre("events", "--stats", b->id, NULL);
	must_succeed(&r);
	MUST_SAY(!strcmp(json_value(r.out, "data.pids.limit"), want), "%s", r.out);
}

RUN_TEST(states_in_vm, "update of a created machine; of a paused one it is an error that changes nothing")
{
	if (!in_vm())
		test_skip("is about virtual machines");
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_create(&b, NULL);
	struct result r = nacre("update", "--pids-limit", "9", b.id, NULL);
	must_succeed(&r);
	has_pids_limit(&b, "9");
	r = nacre("start", b.id, NULL);
	must_succeed(&r);
	r = nacre("pause", b.id, NULL);
	must_succeed(&r);
	r = nacre("update", "--pids-limit", "8", b.id, NULL);
	must_fail(&r, "container paused");
	MUST(bundle_wait_status(&b, "paused"));
	r = nacre("resume", b.id, NULL);
	must_succeed(&r);
	has_pids_limit(&b, "9");
	r = nacre("kill", b.id, "KILL", NULL);
	must_succeed(&r);
	MUST(bundle_wait_status(&b, "stopped"));
	r = nacre("update", "--pids-limit", "7", b.id, NULL);
	must_fail(&r, "container not running");
}

RUN_TEST(states, "update of a created and of a paused container; of a stopped and of an unknown one it is an error")
{
	not_in_vm("a machine that is paused cannot take new limits");
	struct bundle b;
	need_limits();
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_create(&b, NULL);
	struct file pids = { "pids", "pids.max", "9", "pids.max", "9" };
	struct result r = nacre("update", "--pids-limit", "9", b.id, NULL);
	must_succeed(&r);
	MUST(reads(&b, &pids));
	r = nacre("start", b.id, NULL);
	must_succeed(&r);
	r = nacre("pause", b.id, NULL);
	must_succeed(&r);
	r = nacre("update", "--pids-limit", "8", b.id, NULL);
	must_succeed(&r);
	pids.v1_value = pids.v2_value = "8";
	MUST(reads(&b, &pids));
	MUST(bundle_wait_status(&b, "paused"));
	r = nacre("resume", b.id, NULL);
	must_succeed(&r);
	r = nacre("kill", b.id, "KILL", NULL);
	must_succeed(&r);
	MUST(bundle_wait_status(&b, "stopped"));
	r = nacre("update", "--pids-limit", "7", b.id, NULL);
	must_fail(&r, "container not running");
	r = nacre("update", "--pids-limit", "7", "nobody-of-this-name", NULL);
	must_fail(&r, "does not exist");
}

static long long host_memory(struct bundle *b, const char *v1, const char *v2)
{
	char *text = cgroup_value(b, "memory", v1, v2);
	return text ? strtoll(text, NULL, 10) : -1;
}

static long long used_on_host(struct bundle *b)
{
	return host_memory(b, "memory.usage_in_bytes", "memory.current");
}

static void spend_inside(struct bundle *b)
{
	struct result r = nacre("exec", b->id, "/bin/inside", "spend", "160", NULL);
	must_succeed(&r);
	must_print(&r, "spent 160 MiB");
}

RUN_TEST(machine_gives_back, "memory that a guest has no use for goes back to the host: by itself, and by update, which the host's limit follows")
{
	struct bundle b;
	if (!in_vm())
		test_skip("for virtual machines");
	start_with(&b, "{'memory':{'limit':268435456}}");
	if (used_on_host(&b) < 0)
		test_skip("this machine has no memory controller");
	spend_inside(&b);
	/* The guest tells of free pages every two seconds. */
	long long used = 0;
	for (int i = 0; i < 600 && (used = used_on_host(&b)) >= 160LL << 20; i++)
		usleep(100000);
	MUST_SAY(used < 160LL << 20, "the host still gives %lld bytes", used);
	struct result r = nacre("update", "--memory", "32M", b.id, NULL);
	must_succeed(&r);
	/* What the guest and the monitor need besides: core/vm/size.h. */
	long long limit = host_memory(&b, "memory.limit_in_bytes", "memory.max");
	MUST_SAY(limit == (32LL + 96 + 16) << 20, "the host's limit is %lld", limit);
	MUST(bundle_wait_status(&b, "running"));
	r = nacre("update", "--memory", "256M", b.id, NULL);
	must_succeed(&r);
	limit = host_memory(&b, "memory.limit_in_bytes", "memory.max");
	MUST_SAY(limit == (256LL + 96 + 16) << 20, "the host's limit is %lld", limit);
	spend_inside(&b);
}
