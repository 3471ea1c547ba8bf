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
	/* The guest's kernel is another one, with a word of its own. */
	if (in_vm())
		must_fail(&r, "killed: memory limit of 4 KiB reached");
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

RUN_TEST(not_empty, "a cgroup that holds processes, or is frozen, takes no container")
{
	need_root();
	need_cgroupfs();
	struct bundle b, other;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'cgroupsPath':'/%s'}}", b.id);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	bundle_make(&other);
	bundle_config(&other, "{'linux':{'cgroupsPath':'/%s'}}", b.id);
	struct result r = bundle_run(&other);
	must_fail(&r, "already holds processes");
	must_leave_nothing(&other);
	MUST(bundle_wait_status(&b, "running"));
	const char *mount = cgroup_v1_mount("freezer") ? cgroup_v1_mount("freezer") : "/sys/fs/cgroup";
	char *folder = format("%s/%s-frozen", mount, b.id);
	MUST(!mkdir(folder, 0755));
	file_write(format("%s/%s", folder, cgroup_v1_mount("freezer") ? "freezer.state" : "cgroup.freeze"),
		   cgroup_v1_mount("freezer") ? "FROZEN" : "1");
	bundle_config(&other, "{'linux':{'cgroupsPath':'/%s-frozen'}}", b.id);
	r = bundle_run(&other);
	bool there = exists(folder);
	rmdir(folder);
	must_fail(&r, "is frozen");
	MUST_SAY(there, "a cgroup that was there before was removed");
	must_leave_nothing(&other);
}

RUN_TEST(threaded, "below a threaded cgroup there can be no container, and that is said")
{
	need_root();
	need_cgroupfs();
	if (!have_cgroup_v2_only())
		test_skip("this machine has no pure cgroup v2");
	struct bundle b;
	bundle_make(&b);
	char *top = format("/sys/fs/cgroup/%s-top", b.id);
	MUST(!mkdir(top, 0755) && !mkdir(format("%s/thread", top), 0755));
	file_write(format("%s/thread/cgroup.type", top), "threaded");
	bundle_config(&b, "{'linux':{'cgroupsPath':'/%s-top/thread/box','resources':{'pids':{'limit':5}}}}", b.id);
	struct result r = bundle_run(&b);
	bundle_config(&b, "{'linux':{'cgroupsPath':'/%s-top/box'}}", b.id);
	struct result beside = bundle_run(&b);
	rmdir(format("%s/thread", top));
	rmdir(top);
	must_fail(&r, "threaded");
	must_fail(&beside, "threaded");
	must_leave_nothing(&b);
}

/* Moves the container's processes elsewhere and removes its cgroups, as a clumsy administrator would. */
static void take_cgroups_away(struct bundle *b)
{
	char *folders = cgroup_folders(b->id), *save, *rest;
	for (char *line = strtok_r(folders, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *parent = format("%.*s", (int)(strrchr(line, '/') - line), line);
		char *pids = file_text(format("%s/cgroup.procs", line));
		for (char *pid = strtok_r(pids, "\n", &rest); pid; pid = strtok_r(NULL, "\n", &rest))
			file_write(format("%s/cgroup.procs", have_cgroup_v2_only() ? "/sys/fs/cgroup" : parent), "%s", pid);
		/* An exit of another process may still be under way. */
		for (int i = 0; i < PATIENCE * 20 && rmdir(line); i++)
			nap(50);
	}
	MUST_SAY(!*cgroup_folders(b->id), "%s", cgroup_folders(b->id));
}

RUN_TEST(vanished, "a container whose cgroup is gone: what needs it is an error, kill and delete work")
{
	need_root();
	need_cgroupfs();
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	int pid = bundle_pid(&b);
	take_cgroups_away(&b);
	struct result r = nacre("pause", b.id, NULL);
	must_fail(&r, b.id);
	r = nacre("update", "--pids-limit", "5", b.id, NULL);
	/* In a virtual machine that is the guest's, and its cgroup there is in nobody's way. */
	if (in_vm()) {
		must_succeed(&r);
		r = nacre("update", "--cpu-share", "512", b.id, NULL);
		must_fail(&r, "cpu");
	} else {
		must_fail(&r, "pids");
	}
	r = nacre("events", "--stats", b.id, NULL);
	must_fail(&r, NULL);
	r = nacre("exec", b.id, "/bin/inside", "echo", "x", NULL);
	must_fail(&r, "cgroup");
	MUST_SAY(exists(format("/proc/%d", pid)), "the process was hurt");
	bundle_end(&b);
}

RUN_TEST(exec_no_room, "an exec for which there is no room in pids.limit leaves the container alone")
{
	need_limits();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'resources':{'pids':{'limit':1}}}}");
	bundle_inside(&b, "sleep", "600", NULL);
	/* The limit is as tight as it can be once the container is there. */
	bundle_create(&b, NULL);
	struct result r = nacre("start", b.id, NULL);
	must_succeed(&r);
	for (int i = 0; i < 3; i++) {
		/* On v2 one process more may be moved in, though none be forked there. */
		r = nacre("exec", b.id, "/bin/inside", "echo", "x", NULL);
		if (r.status != 0)
			must_fail(&r, NULL);
		MUST_SAY(bundle_wait_status(&b, "running"), "it has ended: %s", r.err);
	}
	r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
}

/* A sub-cgroup of the container in the hierarchy of the pids controller, or in the only one. */
static char *make_sub(struct bundle *b, const char *name)
{
	const char *mount = cgroup_v1_mount("pids") ? cgroup_v1_mount("pids") : "/sys/fs/cgroup";
	char *folders = cgroup_folders(b->id), *save, *found = NULL;
	for (char *line = strtok_r(folders, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		MUST(!mkdir(format("%s/%s", line, name), 0755));
		/* v1's cpusets are born empty. */
		static const char *const sets[] = {"cpuset.cpus", "cpuset.mems"};
		for (size_t i = 0; i < 2; i++)
			if (cgroup_v1_mount("cpuset") && exists(format("%s/%s", line, sets[i])))
				file_write(format("%s/%s/%s", line, name, sets[i]), "%s", file_text(format("%s/%s", line, sets[i])));
		if (!strncmp(line, mount, strlen(mount)))
			found = format("%s/%s", line, name);
	}
	MUST(found);
	return found;
}

/* In a virtual machine the container's cgroup that a process can be below is the guest's. */
static void exec_sub_in_guest(void)
{
	need_file("/bin/busybox");
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'readonlyPaths':[]},'+mounts':[{'destination':'/sys/fs/cgroup','type':'cgroup','source':'cgroup'}]}");
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	struct result r = nacre("exec", b.id, "/bin/busybox", "mkdir", "/sys/fs/cgroup/sub", NULL);
	must_succeed(&r);
	static const char *const forms[] = {"sub", "/sub", "memory:sub"};
	for (size_t i = 0; i < 3; i++) {
		r = nacre("exec", "--cgroup", forms[i], b.id, "/bin/inside", "cat", "/proc/self/cgroup", NULL);
		must_succeed(&r);
		must_print(&r, "0::/sub");
	}
	r = nacre("exec", "--cgroup", "nosuch", b.id, "/bin/inside", "echo", "x", NULL);
	must_fail(&r, "nosuch");
}

RUN_TEST(exec_sub, "exec --cgroup goes into a sub-cgroup of the container")
{
	need_limits();
	if (in_vm()) {
		exec_sub_in_guest();
		return;
	}
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	char *folder = make_sub(&b, "sub");
	char *pid_file = format("%s/pid", test_dir());
	static const char *const forms[] = {"sub", "/sub"};
	for (size_t i = 0; i < 2; i++) {
		struct result r = nacre("exec", "--detach", "--pid-file", pid_file, "--cgroup", forms[i], b.id, "/bin/inside", "sleep", "600", NULL);
		must_succeed(&r);
		char *pids = file_text(format("%s/cgroup.procs", folder));
		MUST_SAY(has_line(pids, file_text(pid_file)), "%s: %s is not in \"%s\"", forms[i], file_text(pid_file), pids);
	}
	const char *v1 = cgroup_v1_mount("pids");
	if (v1) {
		struct result r = nacre("exec", "--detach", "--pid-file", pid_file, "--cgroup", "pids:sub", b.id, "/bin/inside", "sleep", "600", NULL);
		must_succeed(&r);
		MUST(has_line(file_text(format("%s/cgroup.procs", folder)), file_text(pid_file)));
	}
	/* They are the container's still. */
	struct result r = nacre("ps", "--format", "json", b.id, NULL);
	must_succeed(&r);
	MUST_SAY(!strcmp(json_value(r.out, ""), v1 ? "[4]" : "[3]"), "%s", r.out);
	r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
}

RUN_TEST(exec_sub_bad, "exec --cgroup does not lead out of the container's cgroup")
{
	static const char *const bad[] = {"..", "../..", "/..", "sub/../..", "sub/../../other", "sub//x", "./sub", "nosuch", "nosuch:sub", "sub\nx"};
	need_limits();
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	(void)make_sub(&b, "sub");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct result r = nacre("exec", "--cgroup", bad[i], b.id, "/bin/inside", "echo", "x", NULL);
		must_fail(&r, NULL);
		MUST_SAY(strstr(r.err, "cgroup"), "%s: %s", bad[i], r.err);
	}
}

RUN_TEST(path_forms, "cgroupsPath with dots, double slashes or control characters is refused")
{
	static const char *const bad[] = {"/a/../b", "a/./b", "..", "/..", "/a//b", "/a/\\n/b", "/a/b/../../../c"};
	need_limits();
	need_cgroupfs();
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b, "{'linux':{'cgroupsPath':'%s'}}", bad[i]);
		struct result r = bundle_run(&b);
		must_fail(&r, "cgroup");
		must_leave_nothing(&b);
	}
}

static bool have_limits(void)
{
	char *own = have_cgroup_v2_only() ? strstr(file_text("/proc/self/cgroup"), "0::") : NULL;
	if (own)
		own[strcspn(own, "\n")] = '\0';
	return am_root() || (own && !access(format("/sys/fs/cgroup%s/cgroup.procs", own + 3), W_OK));
}

RUN_TEST(no_cgroup_namespace, "an ordinary user's container without a cgroup namespace cannot write to the host's cgroups")
{
	if (am_root())
		test_skip("is about ordinary users");
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'namespaces':[{'type':'user'},{'type':'mount'},{'type':'pid'},{'type':'ipc'},{'type':'uts'}]},"
			  "'+mounts':[{'destination':'/sys/fs/cgroup','type':'cgroup','source':'cgroup','options':['nosuid','noexec','nodev']}]}");
	struct result r = bundle_run_inside(&b, "cat", "/sys/fs/cgroup/cgroup.procs", ";", "write", "/sys/fs/cgroup/new", ";", "write",
					    "/sys/fs/cgroup/user.slice/cgroup.procs", "0", ";", "ls", "/sys/fs/cgroup", NULL);
	/* To refuse such a mount would be safe as well. */
	if (r.status != 0) {
		must_fail(&r, "cgroup");
		return;
	}
	/* What is the user's own it may see: itself, and nobody outside of its pid namespace, who would be a 0. */
	if (have_limits())
		MUST_SAY(!strncmp(r.out, "1\nwrite", 7), "%s", r.out);
	MUST_SAY(strstr(r.out, "write /sys/fs/cgroup/new: E"), "%s", r.out);
	MUST_SAY(strstr(r.out, "write /sys/fs/cgroup/user.slice/cgroup.procs: E"), "%s", r.out);
}

RUN_TEST(undelegated, "a user without a cgroup: the container runs, a limit that cannot be set is an error that names it")
{
	static const char *const limits[][2] = {
	    {"{'memory':{'limit':67108864}}", "memory.limit"}, {"{'pids':{'limit':7}}", "pids.limit"},
	    {"{'cpu':{'shares':512}}", "cpu.shares"},	       {"{'cpu':{'cpus':'0'}}", "cpu.cpus"},
	    {"{'blockIO':{'weight':100}}", "blockIO.weight"},  {"{'unified':{'memory.high':'1000000'}}", "unified"},
	    {"{'hugepageLimits':[{'pageSize':'2MB','limit':0}]}", "hugepageLimits"},
	};
	static const char *const none[] = {"{}", "{'memory':{'limit':0},'cpu':{'shares':0,'cpus':''},'pids':{'limit':-1}}", "{'memory':{'limit':-1}}",
					   "{'devices':[{'allow':false,'access':'rwm'}]}"};
	if (have_limits())
		test_skip("is about users without a cgroup of their own");
	need_cgroupfs();
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b, "{'linux':{'resources':%s}}", none[i]);
		struct result r = bundle_run_inside(&b, "echo", "hello", NULL);
		must_succeed(&r);
		must_print(&r, "hello");
	}
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b, "{'linux':{'resources':%s}}", limits[i][0]);
		struct result r = bundle_run(&b);
		must_fail(&r, limits[i][1]);
		must_leave_nothing(&b);
	}
}
