/* test_limits.c: what each field of linux.resources becomes on pure cgroup v2, read back from the kernel; for
 * both drivers, as root and as a user who owns a cgroup; and what only cgroup v1 has. (test_cgroup.c has what is the
 * same on all hosts.)
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/run/bundle.h"

static void need_v2(void)
{
	if (!have_cgroup_v2_only())
		test_skip("this machine has no pure cgroup v2");
	need_limits();
}

/* The folder of the container's first process, as the host sees it. */
static char *folder_of(struct bundle *b)
{
	char *line = strstr(file_text(format("/proc/%d/cgroup", bundle_pid(b))), "0::");
	MUST(line);
	line[strcspn(line, "\n")] = '\0';
	return format("/sys/fs/cgroup%s", line + 3);
}

static void start_with(struct bundle *b, const char *resources)
{
	need_v2();
	bundle_make(b);
	bundle_config(b, "{'linux':{'resources':%s}}", resources);
	bundle_inside(b, "sleep", "60", NULL);
	bundle_start(b, NULL);
}

static void expect(struct bundle *b, const char *file, const char *value)
{
	char *path = format("%s/%s", folder_of(b), file), *text = file_text(path);
	MUST_SAY(exists(path), "no %s in the container's cgroup", file);
	/* A guest has no swap: how much of a machine may be swapped out is limited on the host. */
	bool swap = !strncmp(file, "memory.swap.", 12);
	if (in_vm() && !swap && (!strncmp(file, "memory.", 7) || !strncmp(file, "pids.", 5)))
		text = cgroup_value_inside(b, file);
	MUST_SAY(!strcmp(text, format("%s\n", value)), "%s: expected %s, found %s", file, value, text);
}

static bool has(struct bundle *b, const char *file)
{
	return exists(format("%s/%s", folder_of(b), file));
}

RUN_TEST(all, "ten limits at once, each in its file")
{
	struct bundle b;
	start_with(&b,
		   "{'memory':{'limit':67108864,'reservation':33554432,'swap':100663296},"
		   "'cpu':{'shares':512,'quota':50000,'period':200000,'burst':10000,'cpus':'0','mems':'0'},"
		   "'pids':{'limit':17},'unified':{'memory.high':'50331648'}}");
	expect(&b, "memory.max", "67108864");
	expect(&b, "memory.low", "33554432");
	if (has(&b, "memory.swap.max"))
		expect(&b, "memory.swap.max", "33554432");
	expect(&b, "cpu.weight", "59");
	expect(&b, "cpu.max", "50000 200000");
	expect(&b, "cpu.max.burst", "10000");
	expect(&b, "cpuset.cpus", "0");
	expect(&b, "cpuset.mems", "0");
	expect(&b, "pids.max", "17");
	expect(&b, "memory.high", "50331648");
}

RUN_TEST(unlimited, "-1 is no limit")
{
	struct bundle b;
	start_with(&b,
		   "{'memory':{'limit':-1,'swap':-1},'pids':{'limit':-1},'cpu':{'quota':-1,'period':50000}}");
	expect(&b, "memory.max", "max");
	if (has(&b, "memory.swap.max"))
		expect(&b, "memory.swap.max", "max");
	expect(&b, "pids.max", "max");
	expect(&b, "cpu.max", "max 50000");
}

RUN_TEST(swap_none, "swap equal to the limit is none")
{
	struct bundle b;
	start_with(&b, "{'memory':{'limit':67108864,'swap':67108864}}");
	if (!has(&b, "memory.swap.max"))
		test_skip("this kernel counts no swap");
	expect(&b, "memory.swap.max", "0");
}

RUN_TEST(shares, "shares become weights by the newer formula")
{
	static const char *const pairs[][2] = {
	    {"2",	  "1"    },
		{"1024",	 "100"  },
		 {"10000",  "627"	},
		   {"262144", "10000"}
	      };
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		struct bundle b;
		start_with(&b, format("{'cpu':{'shares':%s}}", pairs[i][0]));
		expect(&b, "cpu.weight", pairs[i][1]);
	}
}

RUN_TEST(idle, "cpu.idle")
{
	struct bundle b;
	start_with(&b, "{'cpu':{'idle':1}}");
	expect(&b, "cpu.idle", "1");
}

RUN_TEST(io_weight, "blockIO.weight, for whichever scheduler")
{
	struct bundle b;
	start_with(&b, "{'blockIO':{'weight':100}}");
	if (has(&b, "io.bfq.weight"))
		expect(&b, "io.bfq.weight", "default 100");
	else if (has(&b, "io.weight"))
		expect(&b, "io.weight", "default 910");
	else
		test_skip("this kernel has neither io.weight nor io.bfq.weight");
}

/* A disk that is no partition and no loop device. */
static char *some_disk(void)
{
	DIR *blocks = opendir("/sys/block");
	char *found = NULL;
	for (struct dirent *e; blocks && !found && (e = readdir(blocks));)
		if (!strncmp(e->d_name, "vd", 2) || !strncmp(e->d_name, "sd", 2) ||
		    !strncmp(e->d_name, "nvme", 4))
			found = file_text(format("/sys/block/%s/dev", e->d_name));
	if (blocks)
		closedir(blocks);
	if (!found || !*found)
		test_skip("this machine has no disk");
	found[strcspn(found, "\n")] = '\0';
	return found;
}

RUN_TEST(io_max, "blockIO's four throttles")
{
	need_v2();
	char *disk = some_disk(), *colon = strchr(disk, ':');
	char *device = format("'major':%.*s,'minor':%s", (int)(colon - disk), disk, colon + 1);
	struct bundle b;
	start_with(
	    &b,
	    format("{'blockIO':{'throttleReadBpsDevice':[{%s,'rate':1048576}],'throttleWriteBpsDevice':[{%s,'"
		   "rate':2097152}],"
		   "'throttleReadIOPSDevice':[{%s,'rate':100}],'throttleWriteIOPSDevice':[{%s,'rate':200}]}}",
		   device, device, device, device));
	expect(&b, "io.max", format("%s rbps=1048576 wbps=2097152 riops=100 wiops=200", disk));
}

/* A disk with the BFQ scheduler, which alone knows weights of single devices; the laboratory has one. */
static char *bfq_disk(void)
{
	DIR *blocks = opendir("/sys/block");
	char *found = NULL;
	for (struct dirent *e; blocks && !found && (e = readdir(blocks));)
		if (strstr(file_text(format("/sys/block/%s/queue/scheduler", e->d_name)), "[bfq]"))
			found = file_text(format("/sys/block/%s/dev", e->d_name));
	if (blocks)
		closedir(blocks);
	if (!found || !*found)
		test_skip("no disk of this machine has the BFQ scheduler");
	found[strcspn(found, "\n")] = '\0';
	return found;
}

RUN_TEST(io_weight_device, "blockIO.weightDevice")
{
	need_v2();
	char *disk = bfq_disk(), *colon = strchr(disk, ':');
	struct bundle b;
	start_with(&b, format("{'blockIO':{'weight':200,'weightDevice':[{'major':%.*s,'minor':%s,'weight':300}]}}",
			      (int)(colon - disk), disk, colon + 1));
	char *text = file_text(format("%s/io.bfq.weight", folder_of(&b)));
	MUST_SAY(has_line(text, "default 200") && has_line(text, format("%s 300", disk)), "%s", text);
}

RUN_TEST(io_max_lifted, "a rate of 0 lifts a throttle that update changes")
{
	need_v2();
	char *disk = some_disk(), *colon = strchr(disk, ':');
	char *device = format("'major':%.*s,'minor':%s", (int)(colon - disk), disk, colon + 1);
	struct bundle b;
	start_with(&b, format("{'blockIO':{'throttleReadBpsDevice':[{%s,'rate':1048576}],'throttleWriteIOPSDevice':[{%s,'rate':200}]}}",
			      device, device));
	char *file = format("%s/resources.json", test_dir()), *text = format("{'blockIO':{'throttleReadBpsDevice':[{%s,'rate':0}]}}", device);
	for (char *c = text; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	file_write(file, "%s", text);
	struct result r = nacre("update", "-r", file, b.id, NULL);
	must_succeed(&r);
	expect(&b, "io.max", format("%s rbps=max wbps=max riops=max wiops=200", disk));
}

/* The first line of a folder's listing, or NULL. */
static char *first_in(const char *folder)
{
	DIR *d = opendir(folder);
	char *found = NULL;
	for (struct dirent *e; d && !found && (e = readdir(d));)
		if (*e->d_name != '.')
			found = format("%s", e->d_name);
	if (d)
		closedir(d);
	return found;
}

static void need_controller(const char *name)
{
	need_v2();
	/* Root's are handed down on demand, a user's are what the manager delegates. */
	const char *folder = am_root() ? "" : format("%.*s", 400, strstr(file_text("/proc/self/cgroup"), "0::") + 3);
	char *path = format("/sys/fs/cgroup%.*s/cgroup.controllers", (int)strcspn(folder, "\n"), folder);
	char *list = format(" %s", file_text(path));
	list[strcspn(list, "\n")] = ' ';
	if (!strstr(list, format(" %s ", name)))
		test_skip("this user has no %s controller", name);
}

RUN_TEST(rdma, "rdma: handles and objects of a device, together and alone")
{
	need_controller("rdma");
	char *device = first_in("/sys/class/infiniband");
	if (!device)
		test_skip("this machine has no RDMA device");
	struct bundle b;
	start_with(&b, format("{'rdma':{'%s':{'hcaHandles':3,'hcaObjects':700}}}", device));
	char *text = file_text(format("%s/rdma.max", folder_of(&b)));
	MUST_SAY(strstr(text, format("%s hca_handle=3 hca_object=700", device)), "%s", text);
	start_with(&b, format("{'rdma':{'%s':{'hcaObjects':9}}}", device));
	text = file_text(format("%s/rdma.max", folder_of(&b)));
	MUST_SAY(strstr(text, format("%s hca_handle=max hca_object=9", device)), "%s", text);
}

RUN_TEST(misc, "misc: limits of what the machine has a capacity of, through unified")
{
	need_controller("misc");
	char *capacity = file_text("/sys/fs/cgroup/misc.capacity");
	if (!*capacity)
		test_skip("this machine has no capacity of anything that the misc controller counts");
	capacity[strcspn(capacity, " ")] = '\0';
	struct bundle b;
	start_with(&b, format("{'unified':{'misc.max':'%s 1'}}", capacity));
	char *text = file_text(format("%s/misc.max", folder_of(&b)));
	MUST_SAY(has_line(text, format("%s 1", capacity)), "%s", text);
}

RUN_TEST(unified_lines, "unified: several lines of one file, and files that no other field has")
{
	need_v2();
	char *disk = some_disk();
	struct bundle b;
	start_with(&b, format("{'unified':{'io.max':'%s rbps=1048576\\n%s wiops=77','memory.min':'4194304','memory.oom.group':'1',"
			      "'memory.swap.high':'1048576','cpu.weight':'77','cgroup.max.descendants':'5'}}", disk, disk));
	expect(&b, "io.max", format("%s rbps=1048576 wbps=max riops=max wiops=77", disk));
	expect(&b, "memory.min", "4194304");
	expect(&b, "memory.oom.group", "1");
	expect(&b, "cpu.weight", "77");
	expect(&b, "cgroup.max.descendants", "5");
	if (has(&b, "memory.swap.high"))
		expect(&b, "memory.swap.high", "1048576");
}

RUN_TEST(swap_forms, "memory.swap means both together: unlimited, none more, and what cannot be")
{
	struct bundle b;
	start_with(&b, "{'memory':{'limit':67108864,'swap':-1}}");
	if (!has(&b, "memory.swap.max"))
		test_skip("this kernel counts no swap");
	expect(&b, "memory.swap.max", "max");
	start_with(&b, "{'memory':{'limit':67108864,'swap':67108865}}");
	/* In whole pages. */
	expect(&b, "memory.swap.max", "0");
	static const char *const bad[] = {"{'memory':{'limit':67108864,'swap':1048576}}", "{'memory':{'swap':67108864}}"};
	for (size_t i = 0; i < 2; i++) {
		bundle_make(&b);
		bundle_config(&b, "{'linux':{'resources':%s}}", bad[i]);
		struct result r = bundle_run(&b);
		must_fail(&r, "memory.swap");
		must_leave_nothing(&b);
	}
}

RUN_TEST(out_of_range, "values out of range are refused with the place in the document, and nothing is left")
{
	static const char *const bad[][2] = {
	    /* clang-format off */
	    {"{'memory':{'limit':-2}}", "memory.limit"},
	    {"{'memory':{'limit':9300000000000000000}}", "memory.limit"},
	    {"{'memory':{'limit':67108864,'reservation':-7}}", "memory.reservation"},
	    {"{'cpu':{'quota':50000,'period':1}}", "cpu.quota"},
	    {"{'cpu':{'quota':1,'period':100000}}", "cpu.quota"},
	    {"{'cpu':{'quota':10000,'burst':20000}}", "cpu.burst"},
	    {"{'cpu':{'idle':2}}", "cpu.idle"},
	    {"{'cpu':{'cpus':'0-'}}", "cpu.cpus"},
	    {"{'cpu':{'cpus':'4095'}}", "cpu.cpus"},
	    {"{'cpu':{'mems':'77'}}", "cpu.mems"},
	    {"{'pids':{'limit':99999999999}}", "pids.limit"},
	    {"{'blockIO':{'weight':9}}", "blockIO.weight"},
	    {"{'blockIO':{'weight':1001}}", "blockIO.weight"},
	    {"{'blockIO':{'throttleReadBpsDevice':[{'major':4000,'minor':9,'rate':1}]}}", "throttleReadBpsDevice[0]"},
	    {"{'hugepageLimits':[{'pageSize':'3MB','limit':1}]}", "hugepageLimits[0]"},
	    {"{'hugepageLimits':[{'pageSize':'../2MB','limit':1}]}", "hugepageLimits[0].pageSize"},
	    {"{'rdma':{'no such device':{'hcaHandles':3}}}", "rdma"},
	    {"{'rdma':{'nosuch0':{'hcaHandles':3}}}", "rdma"},
	    {"{'unified':{'memory.max':'much'}}", "unified[\"memory.max\"]"},
	    {"{'unified':{'misc.max':'nosuch 1'}}", "unified[\"misc.max\"]"},
	    {"{'unified':{'nosuch.max':'1'}}", "unified[\"nosuch.max\"]"},
	    {"{'unified':{'cgroup.procs':'1'}}", "unified[\"cgroup.procs\"]"},
	    {"{'unified':{'cgroup.freeze':'1'}}", "unified[\"cgroup.freeze\"]"},
	    /* clang-format on */
	};
	need_v2();
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b, "{'linux':{'resources':%s}}", bad[i][0]);
		struct result r = bundle_run(&b);
		must_fail(&r, bad[i][1]);
		must_leave_nothing(&b);
	}
}

RUN_TEST(hugetlb, "hugepageLimits, use and reservation")
{
	need_root();
	if (!exists("/sys/kernel/mm/hugepages/hugepages-2048kB"))
		test_skip("this machine has no 2 MiB pages");
	struct bundle b;
	start_with(&b, "{'hugepageLimits':[{'pageSize':'2MB','limit':4194304}]}");
	expect(&b, "hugetlb.2MB.max", "4194304");
	if (has(&b, "hugetlb.2MB.rsvd.max"))
		expect(&b, "hugetlb.2MB.rsvd.max", "4194304");
}

RUN_TEST(pids_zero, "pids.limit 0 allows no other process")
{
	struct bundle b;
	start_with(&b, "{'pids':{'limit':0}}");
	char *text = in_vm() ? cgroup_value_inside(&b, "pids.max") : file_text(format("%s/pids.max", folder_of(&b)));
	/* systemd has no 0: the smallest it takes is 1, and the first process is in it already. */
	MUST_SAY(!strcmp(text, "0\n") || (nacre_uses_systemd() && !strcmp(text, "1\n")), "%s", text);
}

RUN_TEST(unified_last, "unified wins over the field of the same file")
{
	struct bundle b;
	start_with(&b, "{'pids':{'limit':17},'unified':{'pids.max':'23'}}");
	expect(&b, "pids.max", "23");
}

RUN_TEST(v1_only, "what only cgroup v1 has is refused by its name")
{
	static const char *const fields[][2] = {
	    {"{'memory':{'kernel':1048576}}",			      "memory.kernel"	       },
	    {"{'memory':{'kernelTCP':1048576}}",			 "memory.kernelTCP"	   },
	    {"{'memory':{'useHierarchy':true}}",			     "memory.useHierarchy"	},
	    {"{'cpu':{'realtimePeriod':1000000}}",			     "cpu.realtimePeriod"	},
	    {"{'blockIO':{'weightDevice':[{'major':8,'minor':0,'leafWeight':100}]}}", "blockIO.weightDevice[0]"},
	    {"{'memory':{'swappiness':60}}",			     "memory.swappiness"	},
	    {"{'memory':{'disableOOMKiller':true}}",		     "memory.disableOOMKiller"},
	    {"{'cpu':{'realtimeRuntime':10000}}",			  "cpu.realtimeRuntime"    },
	    {"{'blockIO':{'leafWeight':100}}",			       "blockIO.leafWeight"	   },
	    {"{'network':{'classID':1048577}}",				"network.classID"	 },
	    {"{'network':{'priorities':[{'name':'lo','priority':3}]}}", "network.priorities"	    },
	};
	need_v2();
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b, "{'linux':{'resources':%s}}", fields[i][0]);
		struct result r = bundle_run(&b);
		must_fail(&r, fields[i][1]);
		must_leave_nothing(&b);
	}
}

RUN_TEST(unified_unknown, "a unified key that the kernel does not know is an error that names it")
{
	need_v2();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'resources':{'unified':{'memory.nonsense':'1'}}}}");
	struct result r = bundle_run(&b);
	must_fail(&r, "memory.nonsense");
	must_leave_nothing(&b);
}

RUN_TEST(updated, "update changes what it names and leaves the rest")
{
	struct bundle b;
	start_with(&b,
		   "{'memory':{'limit':67108864},'cpu':{'quota':50000,'period':200000},'pids':{'limit':17}}");
	struct result r = nacre("update", "--memory", "33554432", "--pids-limit", "9", b.id, NULL);
	must_succeed(&r);
	expect(&b, "memory.max", "33554432");
	expect(&b, "pids.max", "9");
	expect(&b, "cpu.max", "50000 200000");
	r = nacre("update", "--cpu-quota", "-1", "--cpuset-cpus", "0", b.id, NULL);
	must_succeed(&r);
	expect(&b, "cpu.max", "max 200000");
	expect(&b, "cpuset.cpus", "0");
	expect(&b, "pids.max", "9");
}

RUN_TEST(frozen, "pause freezes, resume thaws")
{
	struct bundle b;
	start_with(&b, "{}");
	struct result r = nacre("pause", b.id, NULL);
	must_succeed(&r);
	MUST(has_line(file_text(format("%s/cgroup.events", folder_of(&b))), "frozen 1"));
	MUST(bundle_wait_status(&b, "paused"));
	r = nacre("resume", b.id, NULL);
	must_succeed(&r);
	MUST(has_line(file_text(format("%s/cgroup.events", folder_of(&b))), "frozen 0"));
}

RUN_TEST(killed_for_memory, "a container killed for memory: the status says so, nothing is left")
{
	need_v2();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'resources':{'memory':{'limit':16777216,'swap':16777216}}}}");
	struct result r = bundle_run_inside(&b, "spend", "64", NULL);
	must_exit(&r, 137);
	must_leave_nothing(&b);
}

/* On a host whose controllers sit on v1: what v2 no longer has. */
RUN_TEST(v1_fields, "the fields that only cgroup v1 has, read back")
{
	static const struct {
		const char *resources, *controller, *file, *value;
	} rows[] = {
	    /* clang-format off */
	    {"{'memory':{'limit':67108864,'swap':100663296}}", "memory", "memory.memsw.limit_in_bytes", "100663296\n"},
	    {"{'memory':{'swappiness':30}}", "memory", "memory.swappiness", "30\n"},
	    {"{'memory':{'disableOOMKiller':true}}", "memory", "memory.oom_control", "oom_kill_disable 1\n"},
	    {"{'memory':{'kernelTCP':1048576}}", "memory", "memory.kmem.tcp.limit_in_bytes", "1048576\n"},
	    {"{'memory':{'useHierarchy':true}}", "memory", "memory.use_hierarchy", "1\n"},
	    {"{'cpu':{'realtimePeriod':500000,'realtimeRuntime':0}}", "cpu", "cpu.rt_period_us", "500000\n"},
	    {"{'cpu':{'quota':50000,'burst':10000}}", "cpu", "cpu.cfs_burst_us", "10000\n"},
	    {"{'cpu':{'idle':1}}", "cpu", "cpu.idle", "1\n"},
	    {"{'cpu':{'cpus':'0'}}", "cpuset", "cpuset.cpus", "0\n"},
	    {"{'cpu':{'mems':'0'}}", "cpuset", "cpuset.mems", "0\n"},
	    {"{'pids':{'limit':0}}", "pids", "pids.max", "0\n"},
	    {"{'blockIO':{'weight':100}}", "blkio", "blkio.bfq.weight", "100\n"},
	    {"{'network':{'classID':1048577}}", "net_cls", "net_cls.classid", "1048577\n"},
	    {"{'network':{'priorities':[{'name':'lo','priority':3}]}}", "net_prio", "net_prio.ifpriomap", "lo 3\n"},
	    /* clang-format on */
	};
	int read = 0;
	need_root();
	if (!cgroup_v1_mount("memory"))
		test_skip("this machine has no memory controller on cgroup v1");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b, "{'linux':{'resources':%s}}", rows[i].resources);
		bundle_inside(&b, "sleep", "600", NULL);
		struct result r = nacre("run", "--detach", "--bundle", b.dir, b.id, NULL);
		/* Where the kernel lacks it, that is said by name. */
		if (r.status != 0) {
			must_fail(&r, rows[i].controller);
			must_leave_nothing(&b);
			continue;
		}
		char *text = cgroup_value(&b, rows[i].controller, rows[i].file, "");
		MUST_SAY(text && strstr(text, rows[i].value), "%s: %s", rows[i].file, text ? text : "nothing");
		read++;
	}
	MUST_SAY(read >= 6, "only %d", read);
}

RUN_TEST(v1_throttles, "blockIO's four throttles on cgroup v1")
{
	static const char *const rows[][2] = {
	    {"throttleReadBpsDevice", "blkio.throttle.read_bps_device"},
	    {"throttleWriteBpsDevice", "blkio.throttle.write_bps_device"},
	    {"throttleReadIOPSDevice", "blkio.throttle.read_iops_device"},
	    {"throttleWriteIOPSDevice", "blkio.throttle.write_iops_device"},
	};
	need_root();
	if (!cgroup_v1_mount("blkio"))
		test_skip("this machine has no blkio controller on cgroup v1");
	char *disk = file_text("/sys/block/vda/dev");
	if (!*disk)
		disk = file_text("/sys/block/sda/dev");
	if (!*disk)
		test_skip("this machine has no disk");
	disk[strcspn(disk, "\n")] = '\0';
	char *colon = strchr(disk, ':');
	for (size_t i = 0; i < 4; i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b, "{'linux':{'resources':{'blockIO':{'%s':[{'major':%.*s,'minor':%s,'rate':%zu}]}}}}", rows[i][0], (int)(colon - disk),
			      disk, colon + 1, 1048576 + i * 4096);
		bundle_inside(&b, "sleep", "600", NULL);
		bundle_start(&b, NULL);
		char *text = cgroup_value(&b, "blkio", rows[i][1], "");
		MUST_SAY(text && has_line(text, format("%s %zu", disk, 1048576 + i * 4096)), "%s: %s", rows[i][1], text);
	}
}
