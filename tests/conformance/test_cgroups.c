/* test_cgroups.c: config-linux.md, "Control groups". */
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/conformance/conform.h"

#define REFUSED(id, where, sentence, ...)                                                                    \
	RULE(id, where, "MUST", sentence)                                                                    \
	{                                                                                                    \
		begin();                                                                                     \
		change(__VA_ARGS__);                                                                         \
		refused();                                                                                   \
	}

static void resources(const char *json)
{
	begin();
	change("{'linux':{'resources':{%s}}}", json);
}
/* With these resources the controller's file holds this. */
static void need_file_of(const char *controller, const char *v1, const char *v2)
{
	need_controller(controller);
	if (!(cgroup_v1_mount(controller) ? v1 : v2))
		test_skip("only cgroup %s has this", v1 ? "v1" : "v2");
}
#define LIMIT(id, where, level, sentence, json, controller, v1, v2, want_v1, want_v2)                        \
	RULE(id, where, level, sentence)                                                                     \
	{                                                                                                    \
		need_file_of(controller, v1, v2);                                                            \
		resources(json);                                                                             \
		create_sleeper();                                                                            \
		char *v = cgroup_text(controller, v1, v2);                                                   \
		const char *want = cgroup_v1_mount(controller) ? want_v1 : want_v2;                          \
		MUST_SAY(!strcmp(v, want), "%s, not %s", v, want);                                           \
	}
/* Skipped where the host does not have that file at all. */

/* --- path --- */

RULE(path_absolute, "config-linux.md:317", "MUST",
     "an absolute cgroupsPath is relative to the cgroups mount point")
{
	begin();
	change("{'linux':{'cgroupsPath':'/conformance-%s/one'}}", box.id);
	create_sleeper();
	char *folder = cgroup_folder(cgroup_v1_mount("pids") ? "pids" : "");
	const char *mount = cgroup_v1_mount("pids") ? cgroup_v1_mount("pids") : "/sys/fs/cgroup";
	MUST_SAY(!strcmp(folder, format("%s/conformance-%s/one", mount, box.id)), "%s", folder);
}
RULE(path_consistent, "config-linux.md:320", "MUST",
     "the same relative cgroupsPath leads to the same place each time")
{
	begin();
	change("{'linux':{'cgroupsPath':'relative-%s'}}", box.id);
	create_sleeper();
	char *one = cgroup_folder(cgroup_v1_mount("pids") ? "pids" : "");
	succeeded(nacre("delete", "--force", box.id, NULL));
	create_sleeper();
	char *two = cgroup_folder(cgroup_v1_mount("pids") ? "pids" : "");
	MUST_SAY(!strcmp(one, two) && strstr(one, "relative-"), "%s and %s", one, two);
}
RULE(path_made, "config-linux.md:328", "MUST", "cgroups are created where they do not exist")
{
	begin();
	change("{'linux':{'cgroupsPath':'/deep-%s/a/b/c'}}", box.id);
	create_sleeper();
	MUST(exists(cgroup_folder(cgroup_v1_mount("pids") ? "pids" : "")));
}
REFUSED(path_invalid, "config-linux.md:322", "an invalid cgroupsPath is an error: it must not lead out",
	"{'linux':{'cgroupsPath':'/../../../../etc/x'}}")
RULE(path_default, "config-linux.md:321", "MAY", "without cgroupsPath the container has a cgroup of its own")
{
	begin();
	create_sleeper();
	MUST(strcmp(first_line(proc_text("cgroup")), first_line(file_text("/proc/self/cgroup"))));
}
RULE(path_busy, "config-linux.md:303", "MAY", "a cgroup in which others are is an error of create")
{
	begin();
	change("{'linux':{'cgroupsPath':'/busy-%s'}}", box.id);
	create_sleeper();
	struct bundle first = box;
	snprintf(box.id, sizeof(box.id), "%.60s-b", first.id);
	struct result r = nacre("create", "--bundle", first.dir, box.id, NULL);
	MUST_SAY(r.status > 0, "two containers share a cgroup");
}

/* --- ownership --- */

RULE(owner_v1, "config-linux.md:343", "SHOULD", "the owner of a v1 cgroup is not changed")
{
	if (!cgroup_v1_mount("pids"))
		test_skip("this host has cgroup v2 only");
	begin();
	change("{'linux':{'+namespaces':[{'type':'user'},{'type':'cgroup'}],'uidMappings':[{'containerID':0,'"
	       "hostID':100000,'size':65536}],"
	       "'gidMappings':[{'containerID':0,'hostID':100000,'size':65536}]},"
	       "'+mounts':[{'destination':'/sys/fs/"
	       "cgroup','type':'cgroup','source':'cgroup','options':['nosuid','noexec','nodev']}]}");
	create_sleeper();
	struct stat st;
	MUST(!stat(cgroup_folder("pids"), &st) && st.st_uid == 0);
}
static void owned(const char *options, const char *namespaces, unsigned uid, const char *file)
{
	struct stat st;
	if (!have_cgroup_v2_only())
		test_skip("this host is not one of cgroup v2 only");
	begin();
	change("{'linux':{'+namespaces':[{'type':'user'}%s],'uidMappings':[{'containerID':0,'hostID':100000,'"
	       "size':65536}],"
	       "'gidMappings':[{'containerID':0,'hostID':100000,'size':65536}]},"
	       "'+mounts':[{'destination':'/sys/fs/"
	       "cgroup','type':'cgroup','source':'cgroup','options':['nosuid'%s]}]}",
	       namespaces, options);
	create_sleeper();
	MUST(!stat(format("%s%s", cgroup_folder(""), file), &st));
	MUST_SAY(st.st_uid == uid, "%s is %u's", file, st.st_uid);
}
RULE(owner_changed, "config-linux.md:352", "SHOULD",
     "the owner is changed where the cgroup file system is mounted writable")
{
	owned("", ",{'type':'cgroup'}", 100000, "");
}
RULE(owner_readonly, "config-linux.md:361", "SHOULD",
     "the owner is not changed where the cgroup file system is mounted read-only")
{
	owned(",'ro'", ",{'type':'cgroup'}", 0, "");
}
RULE(owner_namespace, "config-linux.md:347", "SHOULD",
     "the owner is not changed without a new cgroup namespace")
{
	owned("", "", 0, "");
}
RULE(owner_files, "config-linux.md:363", "SHOULD", "the files of the delegate list change their owner")
{
	owned("", ",{'type':'cgroup'}", 100000, "/cgroup.procs");
}
RULE(owner_other_files, "config-linux.md:380", "SHOULD", "no other file changes its owner")
{
	owned("", ",{'type':'cgroup'}", 0, "/pids.max");
}

/* --- devices: /dev/fuse, which nobody has by default --- */

static char *rules(const char *json, const char *mode)
{
	begin();
	change("{'linux':{'resources':{'devices':[%s]},'devices':[{'type':'c','path':'/dev/"
	       "fuse','major':10,'minor':229}]}}",
	       json);
	return value_of(inside("open", "/dev/fuse", mode), "open /dev/fuse:");
}
#define DENY_ALL "{'allow':false,'access':'rwm'}"
static void allowed(const char *answer)
{
	MUST_SAY(strcmp(answer, "EPERM"), "it is denied");
}
static void denied(const char *answer)
{
	MUST_SAY(!strcmp(answer, "EPERM"), "it is allowed: %s", answer);
}
RULE(rules_deny, "config-linux.md:409", "MUST", "device rules: allow false denies")
{
	denied(rules(DENY_ALL, "r"));
}
RULE(rules_allow, "config-linux.md:409", "MUST", "device rules: allow true allows")
{
	allowed(rules(DENY_ALL ",{'allow':true,'type':'c','major':10,'minor':229,'access':'rw'}", "rw"));
}
RULE(rules_order, "config-linux.md:405", "MUST",
     "device rules are applied in the listed order: denied at last")
{
	denied(rules(DENY_ALL ",{'allow':true,'type':'c','major':10,'minor':229,'access':'rw'},{'allow':"
			      "false,'type':'c','major':10,'minor':229,'access':'rw'}",
		     "r"));
}
RULE(rules_order_all, "config-linux.md:405", "MUST",
     "device rules are applied in the listed order: deny all at last")
{
	denied(rules("{'allow':true,'type':'c','major':10,'minor':229,'access':'rw'}," DENY_ALL, "r"));
}
RULE(rules_type, "config-linux.md:410", "MUST", "device rules: no type means all")
{
	allowed(rules(DENY_ALL ",{'allow':true,'access':'rwm'}", "r"));
}
RULE(rules_a, "config-linux.md:410", "MUST", "device rules: type a")
{
	allowed(rules(DENY_ALL ",{'allow':true,'type':'a','access':'rwm'}", "r"));
}
RULE(rules_b, "config-linux.md:410", "MUST", "device rules: type b is not type c")
{
	denied(rules(DENY_ALL ",{'allow':true,'type':'b','major':10,'minor':229,'access':'rw'}", "r"));
}
RULE(rules_minor, "config-linux.md:412", "MUST", "device rules: no minor means all")
{
	allowed(rules(DENY_ALL ",{'allow':true,'type':'c','major':10,'access':'rw'}", "r"));
}
RULE(rules_access_r, "config-linux.md:414", "MUST", "device rules: access r lets read")
{
	allowed(rules(DENY_ALL ",{'allow':true,'type':'c','major':10,'minor':229,'access':'r'}", "r"));
}
RULE(rules_access_w, "config-linux.md:414", "MUST", "device rules: access r does not let write")
{
	denied(rules(DENY_ALL ",{'allow':true,'type':'c','major':10,'minor':229,'access':'r'}", "w"));
}
RULE(rules_mknod, "config-linux.md:414", "MUST",
     "device rules: access m lets make a node, rw does not let it be used")
{
	begin();
	change("{'process':{'capabilities':{'bounding':['CAP_MKNOD'],'permitted':['CAP_MKNOD'],'effective':['"
	       "CAP_MKNOD']}},"
	       "'linux':{'resources':{'devices':[" DENY_ALL
	       ",{'allow':true,'type':'c','major':10,'minor':229,'access':'m'}]}}}");
	char *out = inside("mknod", "/tmp/node", "c", "10", "229", ";", "open", "/tmp/node");
	sees(out, "mknod: ok");
	sees(out, "open /tmp/node: EPERM");
}
RULE(rules_only, "config-linux.md:405", "MUST", "device rules: what the list denies is denied, be it tun")
{
	begin();
	change("{'process':{'capabilities':{'bounding':['CAP_MKNOD'],'permitted':['CAP_MKNOD'],'effective':['"
	       "CAP_MKNOD']}},"
	       "'linux':{'resources':{'devices':[" DENY_ALL
	       "]},'devices':[{'type':'c','path':'/dev/tun','major':10,'minor':200}]}}");
	char *out = inside("open", "/dev/tun", "r", ";", "mknod", "/tmp/node", "c", "10", "229");
	sees(out, "open /dev/tun: EPERM");
	sees(out, "mknod: EPERM");
}
REFUSED(rules_unknown_type, "config-linux.md:410", "an unknown type in a device rule is an error",
	"{'linux':{'resources':{'devices':[{'allow':true,'type':'x','access':'r'}]}}}")
REFUSED(rules_unknown_access, "config-linux.md:414", "an unknown access in a device rule is an error",
	"{'linux':{'resources':{'devices':[{'allow':true,'type':'c','access':'q'}]}}}")

/* --- memory --- */

LIMIT(memory_limit, "config-linux.md:449", "MUST", "memory.limit", "'memory':{'limit':67108864}", "memory",
      "memory.limit_in_bytes", "memory.max", "67108864", "67108864")
LIMIT(memory_none, "config-linux.md:447", "MUST", "memory.limit -1 is none", "'memory':{'limit':-1}",
      "memory", "memory.limit_in_bytes", "memory.max", "9223372036854771712", "max")
LIMIT(memory_reservation, "config-linux.md:450", "MUST", "memory.reservation",
      "'memory':{'reservation':33554432}", "memory", "memory.soft_limit_in_bytes", "memory.low", "33554432",
      "33554432")
LIMIT(memory_swap, "config-linux.md:451", "MUST", "memory.swap is the limit of memory and swap",
      "'memory':{'limit':67108864,'swap':100663296}", "memory", "memory.memsw.limit_in_bytes",
      "memory.swap.max", "100663296", "33554432")
LIMIT(memory_swap_none, "config-linux.md:447", "MUST", "memory.swap -1 is none",
      "'memory':{'limit':67108864,'swap':-1}", "memory", "memory.memsw.limit_in_bytes", "memory.swap.max",
      "9223372036854771712", "max")
LIMIT(memory_swap_equal, "config-linux.md:451", "MUST", "memory.swap as large as memory.limit leaves no swap",
      "'memory':{'limit':67108864,'swap':67108864}", "memory", "memory.memsw.limit_in_bytes",
      "memory.swap.max", "67108864", "0")
RULE(memory_swap_systemd, "config-linux.md:451", "MUST",
     "memory.swap as systemd is told it: what is left beside memory")
{
	need_file("/run/systemd/system");
	if (!have_cgroup_v2_only())
		test_skip("this host is not one of cgroup v2 only");
	resources("'memory':{'limit':67108864,'swap':100663296}");
	change("{'linux':{'cgroupsPath':'system.slice:conformance:%s'}}", box.id);
	bundle_inside(&box, "sleep", "600", NULL);
	succeeded(nacre("--systemd-cgroup", "create", "--bundle", box.dir, box.id, NULL));
	const char *argv[] = {"/usr/bin/systemctl", "show", "--property=MemorySwapMax",
			      format("conformance-%s.scope", box.id), NULL};
	struct result r = run_program(&(struct spawn){.argv = argv});
	must_succeed(&r);
	sees(r.out, "MemorySwapMax=33554432");
}
LIMIT(memory_swappiness, "config-linux.md:457", "MUST", "memory.swappiness", "'memory':{'swappiness':35}",
      "memory", "memory.swappiness", NULL, "35", "")
RULE(memory_oom, "config-linux.md:459", "MUST", "memory.disableOOMKiller")
{
	need_file_of("memory", "memory.oom_control", NULL);
	resources("'memory':{'limit':67108864,'disableOOMKiller':true}");
	create_sleeper();
	holds(file_text(format("%s/memory.oom_control", cgroup_folder("memory"))), "oom_kill_disable 1");
}
REFUSED(memory_swap_less, "runtime.md:116", "memory.swap below memory.limit cannot be applied: an error",
	"{'linux':{'resources':{'memory':{'limit':67108864,'swap':33554432}}}}")
REFUSED(memory_type, "config.md:759", "a memory limit that is no number is an error",
	"{'linux':{'resources':{'memory':{'limit':'64M'}}}}")
REFUSED(memory_swappiness_range, "config-linux.md:458",
	"a swappiness above what the kernel takes is an error",
	"{'linux':{'resources':{'memory':{'swappiness':1000}}}}")

/* --- cpu --- */

LIMIT(cpu_shares, "config-linux.md:492", "MUST", "cpu.shares", "'cpu':{'shares':512}", "cpu", "cpu.shares",
      NULL, "512", "")
LIMIT(cpu_quota, "config-linux.md:493", "MUST", "cpu.quota", "'cpu':{'quota':25000,'period':50000}", "cpu",
      "cpu.cfs_quota_us", "cpu.max", "25000", "25000 50000")
LIMIT(cpu_period, "config-linux.md:497", "MUST", "cpu.period", "'cpu':{'quota':25000,'period':50000}", "cpu",
      "cpu.cfs_period_us", "cpu.max", "50000", "25000 50000")
LIMIT(cpu_burst, "config-linux.md:495", "MUST", "cpu.burst",
      "'cpu':{'quota':25000,'period':50000,'burst':5000}", "cpu", "cpu.cfs_burst_us", "cpu.max.burst", "5000",
      "5000")
LIMIT(cpu_idle, "config-linux.md:502", "MUST", "cpu.idle", "'cpu':{'idle':1}", "cpu", "cpu.idle", "cpu.idle",
      "1", "1")
LIMIT(cpu_rt_runtime, "config-linux.md:498", "MUST", "cpu.realtimeRuntime", "'cpu':{'realtimeRuntime':0}",
      "cpu", "cpu.rt_runtime_us", NULL, "0", "")
LIMIT(cpu_rt_period, "config-linux.md:499", "MUST", "cpu.realtimePeriod", "'cpu':{'realtimePeriod':900000}",
      "cpu", "cpu.rt_period_us", NULL, "900000", "")
LIMIT(cpu_cpus, "config-linux.md:500", "MUST", "cpu.cpus", "'cpu':{'cpus':'0'}", "cpuset", "cpuset.cpus",
      "cpuset.cpus", "0", "0")
LIMIT(cpu_mems, "config-linux.md:501", "MUST", "cpu.mems", "'cpu':{'mems':'0'}", "cpuset", "cpuset.mems",
      "cpuset.mems", "0", "0")
REFUSED(cpu_quota_small, "runtime.md:116", "a quota that the kernel does not take is an error",
	"{'linux':{'resources':{'cpu':{'quota':1,'period':100000}}}}")
REFUSED(cpu_burst_big, "config-linux.md:494", "burst above quota is an error",
	"{'linux':{'resources':{'cpu':{'quota':20000,'period':50000,'burst':40000}}}}")
REFUSED(cpu_no_such, "runtime.md:116", "CPUs that the machine has not are an error",
	"{'linux':{'resources':{'cpu':{'cpus':'4000'}}}}")

/* --- block I/O: of the disk that the machine is on --- */

static char *disk(void)
{
	struct stat st;
	MUST(!stat("/", &st));
	unsigned major = (unsigned)(st.st_dev >> 8) & 0xfff, minor = (unsigned)(st.st_dev & 0xff);
	if (!exists(format("/sys/dev/block/%u:%u", major, minor)))
		test_skip("the root file system is on no disk");
	return format("'major':%u,'minor':%u", major, minor);
}
#define THROTTLE(id, line, name, v1)                                                                         \
	RULE(block_##id, "config-linux.md:" line, "MUST", "blockIO." name)                                   \
	{                                                                                                    \
		begin();                                                                                     \
		change("{'linux':{'resources':{'blockIO':{'" name "':[{%s,'rate':1048576}]}}}}", disk());    \
		create_sleeper();                                                                            \
		holds(format("%s ", cgroup_text("blkio", v1, "io.max")), "1048576");                         \
	}
THROTTLE(read_bps, "540", "throttleReadBpsDevice", "blkio.throttle.read_bps_device")
THROTTLE(write_bps, "540", "throttleWriteBpsDevice", "blkio.throttle.write_bps_device")
THROTTLE(read_iops, "546", "throttleReadIOPSDevice", "blkio.throttle.read_iops_device")
THROTTLE(write_iops, "546", "throttleWriteIOPSDevice", "blkio.throttle.write_iops_device")
RULE(block_weight, "config-linux.md:528", "MUST", "blockIO.weight")
{
	const char *mount = cgroup_v1_mount("blkio");
	if (!mount ||
	    (!exists(format("%s/blkio.weight", mount)) && !exists(format("%s/blkio.bfq.weight", mount))))
		test_skip("this kernel has no weights of block I/O");
	resources("'blockIO':{'weight':300}");
	create_sleeper();
	char *bfq = file_text(format("%s/blkio.bfq.weight", cgroup_folder("blkio"))),
	     *cfq = file_text(format("%s/blkio.weight", cgroup_folder("blkio")));
	MUST(strstr(bfq, "300") || strstr(cfq, "300"));
}
REFUSED(block_rate, "config-linux.md:544", "a throttle without a rate is an error",
	"{'linux':{'resources':{'blockIO':{'throttleReadBpsDevice':[{'major':8,'minor':0}]}}}}")
REFUSED(block_major, "config-linux.md:542", "a throttle without numbers is an error",
	"{'linux':{'resources':{'blockIO':{'throttleReadBpsDevice':[{'rate':5}]}}}}")
REFUSED(block_weight_none, "config-linux.md:538",
	"a weightDevice with neither weight nor leafWeight is an error",
	"{'linux':{'resources':{'blockIO':{'weightDevice':[{'major':8,'minor':0}]}}}}")

/* --- the others --- */

static char *huge_mount(void)
{
	return cgroup_v1_mount("hugetlb") ? format("%s", cgroup_v1_mount("hugetlb"))
	       : have_cgroup_v2_only()	  ? format("/sys/fs/cgroup")
					  : format("/sys/fs/cgroup/unified");
}
static void need_hugetlb(void)
{
	if (!cgroup_v1_mount("hugetlb") &&
	    !strstr(file_text(format("%s/cgroup.controllers", huge_mount())), "hugetlb"))
		test_skip("this host has no cgroup controller hugetlb");
}
RULE(huge_reserved, "config-linux.md:591", "SHOULD",
     "hugepageLimits limit reservations, where the kernel can")
{
	need_hugetlb();
	resources("'hugepageLimits':[{'pageSize':'2MB','limit':4194304}]");
	create_sleeper();
	char *v = cgroup_text("hugetlb", "hugetlb.2MB.rsvd.limit_in_bytes", "hugetlb.2MB.rsvd.max");
	MUST_SAY(!strcmp(v, "4194304"), "%s", v);
}
RULE(huge_size, "config-linux.md:609", "MUST", "a page size that the machine has not is an error")
{
	need_hugetlb();
	resources("'hugepageLimits':[{'pageSize':'3MB','limit':4194304}]");
	refused();
}
REFUSED(huge_form, "config-linux.md:609", "a page size of another form is an error",
	"{'linux':{'resources':{'hugepageLimits':[{'pageSize':'two','limit':1}]}}}")
REFUSED(huge_no_limit, "config-linux.md:614", "a hugepage limit without a limit is an error",
	"{'linux':{'resources':{'hugepageLimits':[{'pageSize':'2MB'}]}}}")
LIMIT(net_class, "config-linux.md:638", "MUST", "network.classID", "'network':{'classID':1048577}", "net_cls",
      "net_cls.classid", NULL, "1048577", "")
RULE(net_priorities, "config-linux.md:639", "MUST", "network.priorities")
{
	resources("'network':{'priorities':[{'name':'lo','priority':9}]}");
	if (!cgroup_v1_mount("net_prio"))
		test_skip("this host has no cgroup controller net_prio");
	create_sleeper();
	holds(file_text(format("%s/net_prio.ifpriomap", cgroup_folder("net_prio"))), "lo 9");
}
LIMIT(pids_limit, "config-linux.md:669", "MUST", "pids.limit", "'pids':{'limit':77}", "pids", "pids.max",
      "pids.max", "77", "77")
LIMIT(pids_none, "config-linux.md:669", "MUST", "pids.limit -1 is none", "'pids':{'limit':-1}", "pids",
      "pids.max", "pids.max", "max", "max")
LIMIT(pids_zero, "config-linux.md:671", "SHOULD", "pids.limit 0 is a limit", "'pids':{'limit':0}", "pids",
      "pids.max", "pids.max", "0", "0")
REFUSED(rdma_empty, "config-linux.md:692", "an rdma entry with neither hcaHandles nor hcaObjects is an error",
	"{'linux':{'resources':{'rdma':{'mlx5_1':{}}}}}")
RULE(rdma, "config-linux.md:689", "MUST", "rdma")
{
	need_controller("rdma");
	glob_t found;
	if (glob("/sys/class/infiniband/*", 0, NULL, &found))
		test_skip("this machine has no RDMA device");
	const char *device = strrchr(found.gl_pathv[0], '/') + 1;
	resources(format("'rdma':{'%s':{'hcaHandles':3}}", device));
	create_sleeper();
	holds(file_text(format("%s/rdma.max", cgroup_folder(cgroup_v1_mount("rdma") ? "rdma" : ""))),
	      format("%s hca_handle=3 hca_object=max", device));
}
static void need_unified(void)
{
	if (!exists("/sys/fs/cgroup/cgroup.controllers") &&
	    !exists("/sys/fs/cgroup/unified/cgroup.controllers"))
		test_skip("cgroup v2 is not mounted here");
}
RULE(unified_written, "config-linux.md:719", "MUST",
     "unified: what the runtime does not know is written to its file")
{
	need_unified();
	resources("'unified':{'cgroup.max.depth':'5'}");
	create_sleeper();
	char *v = file_text(format("%s/cgroup.max.depth", cgroup_folder("")));
	MUST_SAY(!strcmp(v, "5\n"), "cgroup.max.depth is %s", v);
}
RULE(unified_enabled, "config-linux.md:717", "MUST", "unified: the controller that is needed is switched on")
{
	need_unified();
	need_hugetlb();
	if (cgroup_v1_mount("hugetlb"))
		test_skip("no controller is on cgroup v2 here");
	resources("'unified':{'hugetlb.2MB.max':'8388608'}");
	create_sleeper();
	char *v = file_text(format("%s/hugetlb.2MB.max", cgroup_folder("")));
	MUST_SAY(!strcmp(v, "8388608\n"), "hugetlb.2MB.max is %s", v);
}
RULE(unified_missing, "config-linux.md:721", "MUST", "unified: a controller that is not there is an error")
{
	need_unified();
	resources("'unified':{'weather.max':'5'}");
	refused();
}
RULE(convert_impossible, "config-linux.md:734", "MUST",
     "a v1 limit that v2 has no counterpart of is an error on a v2 host")
{
	if (!have_cgroup_v2_only())
		test_skip("this host is not one of cgroup v2 only");
	resources("'memory':{'kernelTCP':4194304}");
	refused();
}
LIMIT(convert_shares, "config-linux.md:732", "MAY", "cpu.shares become a weight on a v2 host",
      "'cpu':{'shares':1024}", "cpu", NULL, "cpu.weight", "", "100")
