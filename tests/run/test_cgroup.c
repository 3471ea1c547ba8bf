/* test_cgroup.c: resource limits, read back from the kernel; on v1, v2 and hybrid hosts. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/run/bundle.h"

static void limited(struct bundle *b, const char *resources)
{
	need_limits();
	bundle_make(b);
	bundle_config(b, "{'linux':{'resources':%s}}", resources);
	bundle_inside(b, "sleep", "60", NULL);
	bundle_start(b, NULL);
}

static void need_cgroupfs(void)
{
	if (nacre_uses_systemd())
		test_skip("is about the cgroupfs driver");
}

static void expect(struct bundle *b, const char *controller, const char *v1, const char *v2,
		   const char *v1_value, const char *v2_value)
{
	bool inside = in_vm() && (!strcmp(controller, "memory") || !strcmp(controller, "pids"));
	char *text = inside ? cgroup_value_inside(b, v2) : cgroup_value(b, controller, v1, v2);
	if (!text)
		test_skip("this machine has no %s controller", controller);
	const char *want = cgroup_v1_mount(controller) && !inside ? v1_value : v2_value;
	MUST_SAY(!strcmp(text, format("%s\n", want)), "%s: expected %s, found %s",
		 cgroup_v1_mount(controller) ? v1 : v2, want, text);
}

RUN_TEST(own_cgroup, "a container has a cgroup of its own, gone after it")
{
	struct bundle b;
	limited(&b, "{}");
	char *text = file_text(format("/proc/%d/cgroup", bundle_pid(&b)));
	MUST_SAY(strstr(text, b.id), "%s", text);
	MUST_SAY(strcmp(cgroup_folders(b.id), ""), "no folder");
	struct result r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	MUST_SAY(!strcmp(cgroup_folders(b.id), ""), "left: %s", cgroup_folders(b.id));
}

RUN_TEST(memory, "memory.limit")
{
	struct bundle b;
	limited(&b, "{'memory':{'limit':67108864}}");
	expect(&b, "memory", "memory.limit_in_bytes", "memory.max", "67108864", "67108864");
}

RUN_TEST(memory_reservation, "memory.reservation")
{
	struct bundle b;
	limited(&b, "{'memory':{'limit':67108864,'reservation':33554432}}");
	expect(&b, "memory", "memory.soft_limit_in_bytes", "memory.low", "33554432", "33554432");
}

RUN_TEST(memory_unlimited, "memory.limit -1 is none")
{
	struct bundle b;
	limited(&b, "{'memory':{'limit':-1}}");
	expect(&b, "memory", "memory.limit_in_bytes", "memory.max", "9223372036854771712", "max");
}

RUN_TEST(memory_enforced, "a container that takes too much memory is killed, and the status says so")
{
	need_limits();
	if (!cgroup_v1_mount("memory") && !have_cgroup_v2_only())
		test_skip("this machine has no memory controller");
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'resources':{'memory':{'limit':16777216}}}}");
	struct result r = bundle_run_inside(&b, "spend", "64", NULL);
	must_exit(&r, 137);
	must_leave_nothing(&b);
}

RUN_TEST(pids, "pids.limit holds")
{
	struct bundle b;
	limited(&b, "{'pids':{'limit':5}}");
	expect(&b, "pids", "pids.max", "pids.max", "5", "5");
	struct result r = nacre("exec", b.id, "/bin/inside", "children", "10", NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "EAGAIN"), "%s", r.out);
}

RUN_TEST(pids_none, "pids.limit -1 is none")
{
	struct bundle b;
	limited(&b, "{'pids':{'limit':-1}}");
	expect(&b, "pids", "pids.max", "pids.max", "max", "max");
}

RUN_TEST(cpu_shares, "cpu.shares")
{
	struct bundle b;
	limited(&b, "{'cpu':{'shares':512}}");
	expect(&b, "cpu", "cpu.shares", "cpu.weight", "512", "59");
}

RUN_TEST(cpu_quota, "cpu.quota and cpu.period")
{
	struct bundle b;
	limited(&b, "{'cpu':{'quota':50000,'period':200000}}");
	expect(&b, "cpu", "cpu.cfs_quota_us", "cpu.max", "50000", "50000 200000");
	if (cgroup_v1_mount("cpu"))
		expect(&b, "cpu", "cpu.cfs_period_us", "", "200000", "");
}

RUN_TEST(cpuset, "cpu.cpus and cpu.mems, as the process sees them")
{
	need_limits();
	if (!cgroup_v1_mount("cpuset") && !have_cgroup_v2_only())
		test_skip("this machine has no cpuset controller");
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'resources':{'cpu':{'cpus':'0','mems':'0'}}}}");
	struct result r =
	    bundle_run_inside(&b, "sched", ";", "status", "Cpus_allowed_list", "Mems_allowed_list", NULL);
	must_succeed(&r);
	must_print(&r, "cpus 0");
	must_print(&r, "Mems_allowed_list:\t0");
}

RUN_TEST(cpuset_impossible, "a processor that does not exist is an error that names the limit")
{
	need_limits();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'resources':{'cpu':{'cpus':'4000'}}}}");
	struct result r = bundle_run(&b);
	must_fail(&r, "cpus");
	must_leave_nothing(&b);
}

RUN_TEST(devices, "device rules: what is not allowed cannot be opened")
{
	struct bundle b;
	need_root();
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'resources':{'devices':[{'allow':false,'access':'rwm'},{'allow':true,'"
			  "type':'c','major':1,'minor':11,'access':'r'}]},"
			  "'devices':[{'path':'/dev/kmsg','type':'c','major':1,'minor':11},{'path':'/dev/"
			  "mem','type':'c','major':1,'minor':1}]},"
			  "'process':{'capabilities':{'bounding':['CAP_MKNOD','CAP_SYSLOG','CAP_SYS_RAWIO'],'"
			  "permitted':['CAP_MKNOD','CAP_SYSLOG','CAP_SYS_RAWIO'],"
			  "'effective':['CAP_MKNOD','CAP_SYSLOG','CAP_SYS_RAWIO']}}}");
	struct result r =
	    bundle_run_inside(&b, "open", "/dev/mem", ";", "open", "/dev/kmsg", ";", "open", "/dev/kmsg", "w",
			      ";", "open", "/dev/null", "rw", ";", "open", "/dev/zero", NULL);
	must_succeed(&r);
	must_print(&r, "open /dev/mem: EPERM");
	MUST_SAY(!strstr(r.out, "open /dev/kmsg: EPERM\nopen /dev/kmsg: ok"), "%s", r.out);
	MUST_SAY(has_line(r.out, "open /dev/kmsg: EPERM"), "writing must not be allowed: %s", r.out);
	must_print(&r, "open /dev/null: ok");
	must_print(&r, "open /dev/zero: ok");
}

RUN_TEST(path, "cgroupsPath is where the container goes")
{
	need_root();
	need_cgroupfs();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'cgroupsPath':'/nacre-test/%s-sub'}}", b.id);
	bundle_inside(&b, "sleep", "60", NULL);
	bundle_start(&b, NULL);
	char *text = file_text(format("/proc/%d/cgroup", bundle_pid(&b)));
	MUST_SAY(strstr(text, format("/nacre-test/%s-sub\n", b.id)), "%s", text);
	struct result r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
}

RUN_TEST(path_escape, "cgroupsPath cannot leave its hierarchy")
{
	need_root();
	need_cgroupfs();
	static const char *const bad[] = {"../../../tmp/escape", "/../../../tmp/escape",
					  "/a/../../../../../tmp/escape", "a/../../../../../../tmp/escape"};
	for (size_t i = 0; i < 4; i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b, "{'linux':{'cgroupsPath':'%s-%s'}}", bad[i], b.id);
		struct result r = bundle_run(&b);
		MUST_SAY(r.status > 0 || !exists(format("/tmp/escape-%s", b.id)), "it escaped");
		MUST(!exists(format("/tmp/escape-%s", b.id)));
		must_leave_nothing(&b);
	}
}

RUN_TEST(unified_bad, "unified keys with a slash, dots or a newline are refused")
{
	need_limits();
	static const char *const bad[] = {"../cgroup.procs", "memory/max", "..", "memory.max\\nx", ""};
	for (size_t i = 0; i < 5; i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b, "{'linux':{'resources':{'unified':{'%s':'1'}}}}", bad[i]);
		struct result r = bundle_run(&b);
		must_fail(&r, "unified");
		must_leave_nothing(&b);
	}
}

RUN_TEST(kept, "limits are there before the container's first process runs")
{
	struct bundle b;
	need_limits();
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'resources':{'pids':{'limit':7}}}}");
	bundle_create(&b, NULL);
	expect(&b, "pids", "pids.max", "pids.max", "7", "7");
}

RUN_TEST(tiny_memory, "a limit that is too small is told as such, not hung on")
{
	need_limits();
	if (!cgroup_v1_mount("memory") && !have_cgroup_v2_only())
		test_skip("this machine has no memory controller");
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'resources':{'memory':{'limit':4096}}}}");
	struct result r = bundle_run(&b);
	MUST_SAY(r.status > 0, "status %d", r.status);
	MUST_SAY(r.status == 137 || strstr(r.err, "memory"), "status %d, %s", r.status, r.err);
	must_leave_nothing(&b);
}

RUN_TEST(without, "--cgroup-manager disabled makes no cgroup")
{
	need_root();
	need_cgroupfs();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'resources':null}}");
	bundle_inside(&b, "sleep", "60", NULL);
	struct result r =
	    nacre("--cgroup-manager", "disabled", "run", "--detach", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	MUST_SAY(!strcmp(cgroup_folders(b.id), ""), "made: %s", cgroup_folders(b.id));
}

RUN_TEST(nested, "cgroups that the container made are removed with it")
{
	need_limits();
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "60", NULL);
	bundle_start(&b, NULL);
	char *folders = cgroup_folders(b.id), *save;
	int made = 0;
	for (char *line = strtok_r(folders, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!mkdir(format("%s/sub", line), 0755) && !mkdir(format("%s/sub/deep", line), 0755))
			made++;
	MUST(made > 0);
	struct result r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
}
