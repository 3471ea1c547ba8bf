/* test_linux.c: config-linux.md, all but control groups and seccomp. */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/conformance/conform.h"

#define REFUSED(id, where, sentence, ...)                                                                    \
	RULE(id, where, "MUST", sentence)                                                                    \
	{                                                                                                    \
		begin();                                                                                     \
		change(__VA_ARGS__);                                                                         \
		refused();                                                                                   \
	}

/* --- default file systems, with the config that the runtime itself proposes --- */

static char *with_own_spec(const char *point)
{
	need_root();
	bundle_make(&box);
	return value_of(inside("showmount", point), format("%s ", point));
}
#define DEFAULT_FS(id, line, point, type)                                                                    \
	RULE(fs_##id, "config-linux.md:" line, "SHOULD", point " is there, as " type)                        \
	{                                                                                                    \
		holds(format(" %s", with_own_spec(point)), " " type " ");                                    \
	}
DEFAULT_FS(proc, "15", "/proc", "proc")
DEFAULT_FS(sys, "16", "/sys", "sysfs")
DEFAULT_FS(pts, "17", "/dev/pts", "devpts")
DEFAULT_FS(shm, "18", "/dev/shm", "tmpfs")

/* --- namespaces --- */

#define ALL "'type':'pid'},{'type':'network'},{'type':'ipc'},{'type':'uts'},{'type':'mount'"
#define MAPPED                                                                                               \
	"'uidMappings':[{'containerID':0,'hostID':100000,'size':65536}],'gidMappings':[{'containerID':0,'"   \
	"hostID':100000,'size':65536}]"
static void need_namespace(const char *name)
{
	need_file(format("/proc/self/ns/%s", name));
}
#define NEW_NS(kind, line, link, more)                                                                       \
	RULE(new_##kind, "config-linux.md:43", "MUST", "namespace " #kind " without a path: a new one")      \
	{                                                                                                    \
		need_namespace(link);                                                                        \
		begin();                                                                                     \
		change("{'linux':{'namespaces':[" more "]"                                                   \
		       "}}");                                                                                \
		if (!strcmp(link, "user"))                                                                   \
			change("{'linux':{" MAPPED "}}");                                                    \
		start_sleeper();                                                                             \
		MUST(strcmp(proc_link(pid_of_box(), "ns/" link), proc_link(0, "ns/" link)));                 \
	}
NEW_NS(pid, "30", "pid", "{" ALL "}")
NEW_NS(network, "31", "net", "{" ALL "}")
NEW_NS(mount, "32", "mnt", "{" ALL "}")
NEW_NS(ipc, "33", "ipc", "{" ALL "}")
NEW_NS(uts, "34", "uts", "{" ALL "}")
NEW_NS(user, "35", "user", "{" ALL "},{'type':'user'}")
NEW_NS(cgroup, "36", "cgroup", "{" ALL "},{'type':'cgroup'}")
NEW_NS(time, "37", "time", "{" ALL "},{'type':'time'}")

#define OLD_NS(kind, link, more, patch)                                                                      \
	RULE(inherit_##kind, "config-linux.md:45", "MUST", "namespace " #kind " not listed: the runtime's")  \
	{                                                                                                    \
		need_namespace(link);                                                                        \
		begin();                                                                                     \
		change("{'linux':{'namespaces':[" more "]}}");                                               \
		change(patch);                                                                               \
		start_sleeper();                                                                             \
		MUST(!strcmp(proc_link(pid_of_box(), "ns/" link), proc_link(0, "ns/" link)));                \
	}
OLD_NS(pid, "pid", "{'type':'network'},{'type':'ipc'},{'type':'uts'},{'type':'mount'}", "{}")
OLD_NS(network, "net", "{'type':'pid'},{'type':'ipc'},{'type':'uts'},{'type':'mount'}", "{}")
OLD_NS(ipc, "ipc", "{'type':'pid'},{'type':'network'},{'type':'uts'},{'type':'mount'}", "{}")
OLD_NS(uts, "uts", "{'type':'pid'},{'type':'network'},{'type':'ipc'},{'type':'mount'}", "{'hostname':null}")
OLD_NS(user, "user", "{" ALL "}", "{}")
OLD_NS(cgroup, "cgroup", "{" ALL "}", "{}")
OLD_NS(time, "time", "{" ALL "}", "{}")

/* Somebody else's namespaces: a process that has unshared them and waits. */
static int other(int flags)
{
	int line[2], pid;
	char c;
	MUST(!pipe(line));
	pid = fork();
	MUST(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(flags))
			_exit(1);
		/* A pid or time namespace begins with the first child. */
		int child = flags & (CLONE_NEWPID | 0x80) ? fork() : -1;
		if (!child)
			prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (child <= 0 && write(line[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(line[1]);
	MUST_SAY(read(line[0], &c, 1) == 1, "unshare");
	return pid;
}
#define JOINS(kind, flag, link, file, rest, patch)                                                           \
	RULE(join_##kind, "config-linux.md:40", "MUST", "namespace " #kind " with a path: that one")         \
	{                                                                                                    \
		need_namespace(link);                                                                        \
		begin();                                                                                     \
		int pid = other(flag);                                                                       \
		char *path = format("/proc/%d/ns/" file, pid);                                               \
		change("{'linux':{'namespaces':[" rest ",{'type':'" #kind "','path':'%s'}]}}", path);        \
		change(patch);                                                                               \
		start_sleeper();                                                                             \
		MUST_SAY(!strcmp(proc_link(pid_of_box(), "ns/" link), proc_link(pid, "ns/" file)),           \
			 "%s is not %s", proc_link(pid_of_box(), "ns/" link), proc_link(pid, "ns/" file));   \
	}
JOINS(pid, CLONE_NEWPID, "pid", "pid_for_children",
      "{'type':'network'},{'type':'ipc'},{'type':'uts'},{'type':'mount'}", "{}")
JOINS(network, CLONE_NEWNET, "net", "net", "{'type':'pid'},{'type':'ipc'},{'type':'uts'},{'type':'mount'}",
      "{}")
JOINS(ipc, CLONE_NEWIPC, "ipc", "ipc", "{'type':'pid'},{'type':'network'},{'type':'uts'},{'type':'mount'}",
      "{}")
JOINS(uts, CLONE_NEWUTS, "uts", "uts", "{'type':'pid'},{'type':'network'},{'type':'ipc'},{'type':'mount'}",
      "{'hostname':null}")
JOINS(cgroup, CLONE_NEWCGROUP, "cgroup", "cgroup", "{" ALL "}", "{}")
JOINS(time, 0x80, "time", "time_for_children", "{" ALL "}", "{}")

REFUSED(ns_relative, "config-linux.md:39", "a relative namespace path is an error",
	"{'linux':{'namespaces':[{'type':'mount'},{'type':'uts','path':'proc/self/ns/uts'}]}}")
REFUSED(ns_wrong_type, "config-linux.md:41", "a path to a namespace of another type is an error",
	"{'linux':{'namespaces':[{'type':'mount'},{'type':'uts'},{'type':'network','path':'/proc/self/ns/"
	"ipc'}]}}")
REFUSED(ns_no_namespace, "config-linux.md:41", "a path to something that is no namespace is an error",
	"{'linux':{'namespaces':[{'type':'mount'},{'type':'uts'},{'type':'network','path':'/etc/passwd'}]}}")
REFUSED(ns_missing, "config-linux.md:40", "a path to nothing is an error",
	"{'linux':{'namespaces':[{'type':'mount'},{'type':'uts'},{'type':'network','path':'/no/such'}]}}")
REFUSED(ns_twice, "config-linux.md:46", "a namespace type twice is an error",
	"{'linux':{'+namespaces':[{'type':'ipc'}]}}")
REFUSED(ns_unknown, "config-linux.md:29", "an unknown namespace type is an error",
	"{'linux':{'+namespaces':[{'type':'weather'}]}}")
REFUSED(ns_no_type, "config-linux.md:29", "a namespace without a type is an error",
	"{'linux':{'+namespaces':[{}]}}")

/* --- user namespace --- */

static void with_user_namespace(void)
{
	begin();
	change("{'linux':{'+namespaces':[{'type':'user'}]," MAPPED "}}");
}
RULE(uid_mappings, "config-linux.md:83", "MUST", "uidMappings are applied")
{
	with_user_namespace();
	holds(inside("cat", "/proc/self/uid_map"), "     100000      65536\n");
}
RULE(gid_mappings, "config-linux.md:84", "MUST", "gidMappings are applied")
{
	with_user_namespace();
	holds(inside("cat", "/proc/self/gid_map"), "     100000      65536\n");
}
RULE(mappings_owner, "config-linux.md:92", "SHOULD", "mappings do not change the owner of the rootfs")
{
	with_user_namespace();
	taken();
	struct stat st;
	MUST(!stat(format("%s/bin/inside", box.rootfs), &st) && st.st_uid == 0 && !stat(box.rootfs, &st) &&
	     st.st_uid == 0);
}
#define BAD_MAP(id, line, what, map)                                                                         \
	RULE(id, "config-linux.md:" line, "MUST", "a mapping without " what " is an error")                  \
	{                                                                                                    \
		with_user_namespace();                                                                       \
		change("{'linux':{'uidMappings':[" map "]}}");                                               \
		refused();                                                                                   \
	}
BAD_MAP(map_container, "88", "containerID", "{'hostID':100000,'size':10}")
BAD_MAP(map_host, "89", "hostID", "{'containerID':0,'size':10}")
BAD_MAP(map_size, "90", "size", "{'containerID':0,'hostID':100000}")

/* --- time --- */

static long long clock_inside(const char *patch, const char *name)
{
	need_namespace("time");
	begin();
	change("{'linux':{'+namespaces':[{'type':'time'}],'timeOffsets':%s}}", patch);
	return atoll(value_of(inside("clocks"), name));
}
static long long clock_here(clockid_t which)
{
	struct timespec t;
	clock_gettime(which, &t);
	return t.tv_sec;
}
RULE(time_boottime, "config-linux.md:119", "MUST", "timeOffsets.boottime")
{
	long long there = clock_inside("{'boottime':{'secs':1000000,'nanosecs':500}}", "boottime"),
		  far = there - clock_here(CLOCK_BOOTTIME);
	MUST_SAY(far > 999980 && far < 1000020, "%lld s away", far);
}
RULE(time_monotonic, "config-linux.md:119", "MUST", "timeOffsets.monotonic")
{
	long long there = clock_inside("{'monotonic':{'secs':500000}}", "monotonic"),
		  far = there - clock_here(CLOCK_MONOTONIC);
	MUST_SAY(far > 499980 && far < 500020, "%lld s away", far);
}
REFUSED(time_alone, "runtime.md:116",
	"timeOffsets that cannot be applied, without a time namespace, are an error",
	"{'linux':{'timeOffsets':{'boottime':{'secs':10}}}}")

/* --- devices --- */

static char *device(const char *json, const char *path)
{
	begin();
	change("{'linux':{'devices':[%s]}}", json);
	return inside("stat", path);
}
RULE(device_c, "config-linux.md:132", "MUST", "a device of type c")
{
	holds(device("{'type':'c','path':'/dev/fuse','major':10,'minor':229}", "/dev/fuse"), "/dev/fuse: c ");
}
RULE(device_b, "config-linux.md:132", "MUST", "a device of type b")
{
	holds(device("{'type':'b','path':'/dev/disk','major':7,'minor':99}", "/dev/disk"), " 7:99\n");
}
RULE(device_u, "config-linux.md:132", "MUST", "a device of type u")
{
	holds(device("{'type':'u','path':'/dev/unbuffered','major':1,'minor':3}", "/dev/unbuffered"),
	      "/dev/unbuffered: c ");
}
RULE(device_p, "config-linux.md:132", "MUST", "a device of type p, without numbers")
{
	holds(device("{'type':'p','path':'/dev/pipe'}", "/dev/pipe"), "/dev/pipe: p ");
}
RULE(device_elsewhere, "config-linux.md:136", "MAY", "a device outside of /dev")
{
	holds(device("{'type':'c','path':'/srv/deep/null','major':1,'minor':3}", "/srv/deep/null"), " 1:3\n");
}
RULE(device_numbers, "config-linux.md:137", "MUST", "a device's numbers")
{
	holds(device("{'type':'c','path':'/dev/fuse','major':10,'minor':229}", "/dev/fuse"), " 10:229\n");
}
RULE(device_mode, "config-linux.md:138", "MUST", "devices[].fileMode")
{
	holds(device("{'type':'c','path':'/dev/fuse','major':10,'minor':229,'fileMode':416}", "/dev/fuse"),
	      ": c 640 ");
}
RULE(device_uid, "config-linux.md:140", "MUST", "devices[].uid")
{
	holds(device("{'type':'c','path':'/dev/fuse','major':10,'minor':229,'uid':55}", "/dev/fuse"),
	      " 55:0 ");
}
RULE(device_gid, "config-linux.md:141", "MUST", "devices[].gid")
{
	holds(device("{'type':'c','path':'/dev/fuse','major':10,'minor':229,'gid':66}", "/dev/fuse"),
	      " 0:66 ");
}
RULE(device_there, "config-linux.md:135", "MUST",
     "a file at the device's path that is another one is an error")
{
	begin();
	make_folder(format("%s/srv", box.rootfs));
	file_write(format("%s/srv/node", box.rootfs), "a file");
	change("{'linux':{'devices':[{'type':'c','path':'/srv/node','major':1,'minor':3}]}}");
	refused();
}
RULE(device_there_other, "config-linux.md:135", "MUST", "another device at the device's path is an error")
{
	begin();
	make_folder(format("%s/srv", box.rootfs));
	MUST(!mknod(format("%s/srv/node", box.rootfs), S_IFCHR | 0600, (1 << 8) | 5));
	change("{'linux':{'devices':[{'type':'c','path':'/srv/node','major':1,'minor':3}]}}");
	refused();
}
RULE(device_there_same, "config-linux.md:135", "MUST", "the same device at the device's path is no error")
{
	begin();
	make_folder(format("%s/srv", box.rootfs));
	MUST(!mknod(format("%s/srv/node", box.rootfs), S_IFCHR | 0600, (1 << 8) | 3));
	change("{'linux':{'devices':[{'type':'c','path':'/srv/node','major':1,'minor':3}]}}");
	taken();
}
REFUSED(device_type, "config-linux.md:132", "an unknown device type is an error",
	"{'linux':{'devices':[{'type':'z','path':'/dev/x','major':1,'minor':3}]}}")
REFUSED(device_no_type, "config-linux.md:132", "a device without a type is an error",
	"{'linux':{'devices':[{'path':'/dev/x','major':1,'minor':3}]}}")
REFUSED(device_no_path, "config-linux.md:134", "a device without a path is an error",
	"{'linux':{'devices':[{'type':'c','major':1,'minor':3}]}}")
REFUSED(device_no_major, "config-linux.md:137", "a device without a major number is an error",
	"{'linux':{'devices':[{'type':'c','path':'/dev/x','minor':3}]}}")
REFUSED(device_no_minor, "config-linux.md:137", "a device without a minor number is an error",
	"{'linux':{'devices':[{'type':'c','path':'/dev/x','major':1}]}}")
#define DEFAULT_DEVICE(name, line, numbers)                                                                  \
	RULE(default_##name, "config-linux.md:" line, "MUST", "/dev/" #name " is supplied")                  \
	{                                                                                                    \
		begin();                                                                                     \
		char *out = inside("stat", "/dev/" #name, ";", "open", "/dev/" #name);                       \
		holds(out, ": c 666 ");                                                                      \
		holds(out, " " numbers "\n");                                                                \
	}
DEFAULT_DEVICE(null, "182", "1:3")
DEFAULT_DEVICE(zero, "183", "1:5")
DEFAULT_DEVICE(full, "184", "1:7")
DEFAULT_DEVICE(random, "185", "1:8")
DEFAULT_DEVICE(urandom, "186", "1:9")
DEFAULT_DEVICE(tty, "187", "5:0")
RULE(default_ptmx, "config-linux.md:189", "MUST", "/dev/ptmx is that of the container's own devpts")
{
	begin();
	char *out =
	    inside("stat", "/dev/ptmx", ";", "open", "/dev/ptmx", "rw", ";", "showmount", "/dev/ptmx");
	sees(out, "open /dev/ptmx: ok");
	MUST_SAY(strstr(out, "pts/ptmx\n") || strstr(out, "/dev/ptmx devpts"), "%s", out);
}
RULE(default_usable, "config-linux.md:180", "MUST",
     "the default devices can be opened, whatever the device rules")
{
	begin();
	char *out = inside("open", "/dev/null", "rw", ";", "open", "/dev/zero", "rw", ";", "open",
			   "/dev/full", "rw", ";", "open", "/dev/random", ";", "open", "/dev/urandom");
	holds_not(out, ": E");
}

/* --- network devices: in a network namespace of this test's own --- */

static void dummy(const char *name)
{
	static bool done;
	need_root();
	need_file("/usr/sbin/ip");
	if (!done)
		MUST(!unshare(CLONE_NEWNET));
	done = true;
	struct result r = run_program(&(struct spawn){
	    .argv = (const char *const[]){"/usr/sbin/ip", "link", "add", name, "type", "veth", "peer", "name",
					  format("%sp", name), NULL}
	    });
	if (r.status)
		test_skip("no virtual network device can be made here: %s", first_line(r.err));
}
static struct result ip(const char *a, const char *b, const char *c, const char *d, const char *e)
{
	return run_program(&(struct spawn){
	    .argv = (const char *const[]){"/usr/sbin/ip", a, b, c, d, e, NULL}
	      });
}
static char *ip_inside(void)
{
	struct result r = run_program(&(struct spawn){
	    .argv = (const char *const[]){"/usr/bin/nsenter", "-t", format("%d", pid_of_box()), "-n",
					  "/usr/sbin/ip", "addr", NULL}
	       });
	succeeded(r);
	return r.out;
}
RULE(net_moved, "config-linux.md:214", "MUST", "netDevices are moved into the container")
{
	dummy("nd0");
	begin();
	change("{'linux':{'netDevices':{'nd0':{}}}}");
	start_sleeper();
	holds(ip_inside(), " nd0@");
	MUST(!exists("/proc/self/net/dev") || !strstr(file_text("/proc/self/net/dev"), " nd0:"));
}
RULE(net_named, "config-linux.md:221", "MUST", "netDevices[].name is the name inside")
{
	dummy("nd0");
	begin();
	change("{'linux':{'netDevices':{'nd0':{'name':'eth7'}}}}");
	start_sleeper();
	holds(ip_inside(), " eth7@");
}
RULE(net_missing, "config-linux.md:224", "MUST", "a network device that is not there is an error")
{
	dummy("nd0");
	begin();
	change("{'linux':{'netDevices':{'nd9':{}}}}");
	refused();
}
RULE(net_clash, "config-linux.md:225", "MUST",
     "a name that the container's namespace has already is an error")
{
	dummy("nd0");
	begin();
	change("{'linux':{'netDevices':{'nd0':{'name':'lo'}}}}");
	refused();
}
RULE(net_template, "config-linux.md:228", "MUST", "a name that ends in %d gets a number")
{
	dummy("nd0");
	begin();
	change("{'linux':{'netDevices':{'nd0':{'name':'eth%%d'}}}}");
	start_sleeper();
	holds(ip_inside(), " eth0@");
}
RULE(net_address, "config-linux.md:232", "MUST", "the device's permanent global addresses are kept")
{
	dummy("nd0");
	begin();
	succeeded(ip("addr", "add", "192.0.2.7/24", "dev", "nd0"));
	succeeded(ip("addr", "add", "2001:db8::7/64", "dev", "nd0"));
	change("{'linux':{'netDevices':{'nd0':{}}}}");
	start_sleeper();
	char *out = ip_inside();
	holds(out, "192.0.2.7/24");
	holds(out, "2001:db8::7/64");
}
RULE(net_up, "config-linux.md:238", "MUST", "the device is set up")
{
	dummy("nd0");
	begin();
	change("{'linux':{'netDevices':{'nd0':{}}}}");
	start_sleeper();
	char *out = value_of(ip_inside(), "2: ");
	if (!strstr(out, "nd0"))
		out = strstr(ip_inside(), "nd0@");
	MUST_SAY(out && strstr(first_line(out), "UP"), "%s", ip_inside());
}

/* --- intelRdt, memory policy, sysctl --- */

RULE(rdt_absent, "config-linux.md:740", "MUST", "intelRdt without a mounted resctrl is an error")
{
	if (strstr(file_text("/proc/self/mountinfo"), " - resctrl "))
		test_skip("this machine has resctrl");
	begin();
	change("{'linux':{'intelRdt':{'closID':'gold','schemata':['L3:0=f']}}}");
	refused();
}
REFUSED(rdt_mb, "config-linux.md:753", "memBwSchema that does not begin with MB: is an error",
	"{'linux':{'intelRdt':{'memBwSchema':'L3:0=1'}}}")
REFUSED(rdt_newline, "config-linux.md:754", "schemata with a newline are an error",
	"{'linux':{'intelRdt':{'schemata':['L3:0=1\\nMB:0=1']}}}")

static char *policy(const char *json)
{
	if (!*file_text("/proc/self/numa_maps"))
		test_skip("this kernel has no NUMA");
	begin();
	change("{'linux':{'memoryPolicy':{%s}}}", json);
	return inside("cat", "/proc/self/numa_maps");
}
#define MPOL(id, line, json, seen)                                                                           \
	RULE(mpol_##id, "config-linux.md:" line, "MUST", "memoryPolicy " #id)                                \
	{                                                                                                    \
		holds(policy(json), " " seen " ");                                                           \
	}
MPOL(default, "830", "'mode':'MPOL_DEFAULT'", "default")
MPOL(bind, "831", "'mode':'MPOL_BIND','nodes':'0'", "bind:0")
MPOL(interleave, "832", "'mode':'MPOL_INTERLEAVE','nodes':'0'", "interleave:0")
MPOL(weighted_interleave, "833", "'mode':'MPOL_WEIGHTED_INTERLEAVE','nodes':'0'", "weighted interleave:0")
MPOL(preferred, "834", "'mode':'MPOL_PREFERRED','nodes':'0'", "prefer:0")
MPOL(preferred_many, "835", "'mode':'MPOL_PREFERRED_MANY','nodes':'0'", "prefer (many):0")
MPOL(local, "836", "'mode':'MPOL_LOCAL'", "local")
MPOL(static_nodes, "846", "'mode':'MPOL_BIND','nodes':'0','flags':['MPOL_F_STATIC_NODES']", "bind=static:0")
MPOL(relative_nodes, "845", "'mode':'MPOL_BIND','nodes':'0','flags':['MPOL_F_RELATIVE_NODES']",
     "bind=relative:0")
REFUSED(mpol_unknown, "config-linux.md:826", "an unknown memoryPolicy.mode is an error",
	"{'linux':{'memoryPolicy':{'mode':'MPOL_NEAR'}}}")
REFUSED(mpol_missing, "config-linux.md:826", "memoryPolicy without a mode is an error",
	"{'linux':{'memoryPolicy':{'nodes':'0'}}}")
REFUSED(mpol_flag, "config-linux.md:842", "an unknown memoryPolicy flag is an error",
	"{'linux':{'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0','flags':['MPOL_F_X']}}}")
REFUSED(mpol_no_nodes, "config-linux.md:838", "MPOL_BIND without nodes cannot be applied: an error",
	"{'linux':{'memoryPolicy':{'mode':'MPOL_BIND'}}}")

RULE(sysctl_net, "config-linux.md:862", "MUST", "sysctl: of the network namespace")
{
	begin();
	change("{'linux':{'sysctl':{'net.ipv4.ip_forward':'1'}}}");
	sees(inside("cat", "/proc/sys/net/ipv4/ip_forward"), "1");
}
RULE(sysctl_ipc, "config-linux.md:862", "MUST", "sysctl: of the ipc namespace")
{
	begin();
	change("{'linux':{'sysctl':{'kernel.msgmax':'4096'}}}");
	sees(inside("cat", "/proc/sys/kernel/msgmax"), "4096");
}

/* --- propagation, masks, labels, personality --- */

static char *root_spread(const char *value)
{
	begin();
	change("{'linux':{'rootfsPropagation':'%s'}}", value);
	return value_of(inside("showmount", "/"), "/ ");
}
RULE(root_shared, "config-linux.md:1050", "MUST", "rootfsPropagation shared")
{
	holds(root_spread("shared"), " shared");
}
RULE(root_private, "config-linux.md:1054", "MUST", "rootfsPropagation private")
{
	holds(root_spread("private"), " private");
}
RULE(root_unbindable, "config-linux.md:1055", "MUST", "rootfsPropagation unbindable")
{
	holds(root_spread("unbindable"), " unbindable");
}
RULE(root_slave, "config-linux.md:1053", "MUST",
     "rootfsPropagation slave: what is mounted on the host appears inside")
{
	char *tree = make_tree(0);
	MUST(!mount(NULL, tree, NULL, MS_REC | MS_SHARED, NULL));
	begin();
	change("{'linux':{'rootfsPropagation':'slave'},'+mounts':[{'destination':'/"
	       "mnt','type':'bind','source':'%s','options':['rbind','rslave']}]}",
	       tree);
	start_sleeper();
	MUST(!mount("late", format("%s/sub", tree), "tmpfs", 0, NULL));
	holds(proc_text("mountinfo"), " late ");
}
REFUSED(root_spread_unknown, "config-linux.md:1046", "an unknown rootfsPropagation is an error",
	"{'linux':{'rootfsPropagation':'sideways'}}")
RULE(masked_file, "config-linux.md:1067", "MUST", "maskedPaths: a file cannot be read")
{
	begin();
	file_write(format("%s/etc/secret", box.rootfs), "the secret");
	change("{'linux':{'maskedPaths':['/etc/secret']}}");
	holds_not(inside("cat", "/etc/secret"), "the secret");
}
RULE(masked_directory, "config-linux.md:1067", "MUST", "maskedPaths: a directory is empty")
{
	begin();
	make_folder(format("%s/etc/secrets", box.rootfs));
	file_write(format("%s/etc/secrets/one", box.rootfs), "the secret");
	change("{'linux':{'maskedPaths':['/etc/secrets']}}");
	sees_not(inside("ls", "/etc/secrets"), "one");
}
RULE(masked_absent, "config-linux.md:1067", "MUST", "maskedPaths: what is not there is no error")
{
	begin();
	change("{'linux':{'maskedPaths':['/etc/nothing']}}");
	taken();
}
REFUSED(masked_relative, "config-linux.md:1068", "a relative masked path is an error",
	"{'linux':{'maskedPaths':['etc']}}")
RULE(readonly_path, "config-linux.md:1080", "MUST", "readonlyPaths cannot be written to")
{
	begin();
	change("{'linux':{'readonlyPaths':['/etc']}}");
	char *out = inside("write", "/etc/new", ";", "write", "/tmp/new");
	sees(out, "write /etc/new: EROFS");
	sees(out, "write /tmp/new: ok");
}
RULE(readonly_absent, "config-linux.md:1080", "MUST", "readonlyPaths: what is not there is no error")
{
	begin();
	change("{'linux':{'readonlyPaths':['/etc/nothing']}}");
	taken();
}
REFUSED(readonly_relative, "config-linux.md:1081", "a relative read-only path is an error",
	"{'linux':{'readonlyPaths':['etc']}}")
RULE(mount_label, "config-linux.md:1093", "MUST", "mountLabel is the SELinux context of the mounts")
{
	need_file("/sys/fs/selinux/status");
	begin();
	change("{'linux':{'mountLabel':'system_u:object_r:container_file_t:s0:c1,c2'}}");
	holds(inside("showmount", "/dev/shm"), "container_file_t");
}
RULE(personality_linux, "config-linux.md:1112", "MUST", "personality LINUX")
{
	begin();
	change("{'linux':{'personality':{'domain':'LINUX'}}}");
	sees(inside("sched"), "personality 0");
}
RULE(personality_linux32, "config-linux.md:1113", "MUST", "personality LINUX32")
{
	begin();
	change("{'linux':{'personality':{'domain':'LINUX32'}}}");
	sees(inside("sched"), "personality 0x8");
}
REFUSED(personality_unknown, "config-linux.md:1108", "an unknown personality is an error",
	"{'linux':{'personality':{'domain':'MINIX'}}}")
REFUSED(personality_missing, "config-linux.md:1108", "a personality without a domain is an error",
	"{'linux':{'personality':{}}}")
REFUSED(personality_flags, "config-linux.md:1116", "a personality flag is an error: none is supported yet",
	"{'linux':{'personality':{'domain':'LINUX','flags':['ADDR_NO_RANDOMIZE']}}}")
