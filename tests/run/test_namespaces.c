/* test_namespaces.c: which namespaces a container has: new ones, those of others, the host's; and user
 * namespaces with their maps. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/run/bundle.h"

static char *mine(const char *kind)
{
	char to[64], *path = format("/proc/self/ns/%s", kind);
	ssize_t n = readlink(path, to, sizeof(to));
	return format("ns %.*s", (int)(n < 0 ? 0 : n), to);
}

#define PLAIN_MOUNTS "'mounts':[{'destination':'/proc','type':'bind','source':'/proc','options':['rbind']}]"

RUN_TEST(fresh, "each namespace that is asked for is a new one, the others are the host's")
{
	not_in_vm("namespaces of the host are refused; test_monitor has that");
	need_root();
	static const char *const kinds[][2] = {
	    {"ipc",	    "ipc"	 },
	    {"uts",	    "uts"	 },
	    {"network", "net"   },
		{"pid",	"pid"   },
		{"cgroup",  "cgroup"}
	    };
	for (size_t i = 0; i < 5; i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(
		    &b,
		    "{'hostname':null,'linux':{'namespaces':[{'type':'mount'},{'type':'%s'}]}," PLAIN_MOUNTS
		    "}",
		    kinds[i][0]);
		if (!strcmp(kinds[i][1], "pid"))
			bundle_config(&b,
				      "{'mounts':[{'destination':'/proc','type':'proc','source':'proc'}]}");
		struct result r = bundle_run_inside(&b, "ns", NULL);
		must_succeed(&r);
		for (size_t k = 0; k < 5; k++) {
			bool same = has_line(r.out, mine(kinds[k][1]));
			MUST_SAY(same == (k != i), "asked for %s, looked at %s: %s", kinds[i][0], kinds[k][0],
				 r.out);
		}
		MUST(!has_line(r.out, mine("mnt")));
	}
}

RUN_TEST(time_namespace, "a time namespace with its offsets")
{
	need_root();
	need_file("/proc/self/ns/time");
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'+namespaces':[{'type':'time'}],'timeOffsets':{'boottime':{'secs':"
			  "1000000},'monotonic':{'secs':2000000,'nanosecs':5}}}}");
	struct result r = bundle_run_inside(&b, "clocks", ";", "ns", NULL);
	must_succeed(&r);
	MUST_SAY(atol(value_of(r.out, "boottime")) >= 1000000 &&
		     atol(value_of(r.out, "monotonic")) >= 2000000,
		 "%s", r.out);
	MUST(!has_line(r.out, mine("time")));
}

static struct bundle *running(struct bundle *b)
{
	bundle_make(b);
	bundle_inside(b, "sleep", "600", NULL);
	bundle_start(b, NULL);
	return b;
}

RUN_TEST(joined, "namespaces joined by path are those of the other container")
{
	not_in_vm("namespaces are joined by the monitor, and the guest has its own; test_monitor has that");
	need_root();
	struct bundle a, b;
	int pid = bundle_pid(running(&a));
	bundle_make(&b);
	bundle_config(&b,
		      "{'hostname':null,'linux':{'namespaces':[{'type':'mount'},{'type':'pid','path':'/proc/"
		      "%d/ns/pid'},{'type':'network','path':"
		      "'/proc/%d/ns/net'},{'type':'ipc','path':'/proc/%d/ns/ipc'},{'type':'uts','path':'/"
		      "proc/%d/ns/uts'}]}}",
		      pid, pid, pid, pid);
	struct result r = bundle_run_inside(&b, "ns", ";", "ls", "/proc", ";", "cat", "/proc/1/comm", NULL);
	must_succeed(&r);
	static const char *const kinds[] = {"pid", "net", "ipc", "uts"};
	for (size_t i = 0; i < 4; i++) {
		char to[64];
		ssize_t n = readlink(format("/proc/%d/ns/%s", pid, kinds[i]), to, sizeof(to));
		must_print(&r, format("ns %.*s", (int)n, to));
	}
	must_print(&r, "1");
}

RUN_TEST(wrong_kind, "a path of another kind of namespace, or of none, is an error that names it")
{
	need_root();
	static const char *const bad[] = {"/proc/self/ns/ipc", "/etc/passwd", "/no/such/file",
					  "/proc/self/ns", "/dev/null"};
	for (size_t i = 0; i < 5; i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b,
			      "{'linux':{'namespaces':[{'type':'mount'},{'type':'pid'},{'type':'ipc'},{'type':'uts'},{'type'"
			      ":'network','path':'%s'}]}}",
			      bad[i]);
		struct result r = bundle_run(&b);
		must_fail(&r, bad[i]);
		must_leave_nothing(&b);
	}
}

RUN_TEST(wrong_kinds, "for each type a namespace of another is an error that names it, also behind a symlink")
{
	need_root();
	static const char *const types[][2] = {{"pid", "net"}, {"ipc", "uts"}, {"uts", "ipc"}, {"mount", "net"}, {"user", "net"}, {"cgroup", "net"}, {"time", "net"}};
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		struct bundle b;
		bundle_make(&b);
		char *link = format("%s/%s", test_dir(), types[i][0]), *rest = format("%s", "");
		static const char *const needed[] = {"mount", "pid", "uts", "ipc", "network"};
		MUST(!symlink(format("/proc/%d/ns/%s", getpid(), types[i][1]), link));
		for (size_t k = 0; k < 5; k++)
			if (strcmp(needed[k], types[i][0]))
				rest = format("%s,{'type':'%s'}", rest, needed[k]);
		bundle_config(&b, "{'linux':{'namespaces':[{'type':'%s','path':'%s'}%s]}}", types[i][0], link, rest);
		struct result r = bundle_run(&b);
		must_fail(&r, link);
		must_leave_nothing(&b);
	}
}

RUN_TEST(loopback, "a new network namespace has nothing but a loopback that is up")
{
	struct bundle b;
	bundle_make(&b);
	if (!am_root())
		bundle_config(&b, "{'linux':{'+namespaces':[]}}");
	struct result r = bundle_run_inside(&b, "links", NULL);
	must_succeed(&r);
	if (!am_root() && !strstr(b.config, "\"network\""))
		test_skip("the rootless default has the host's network");
	must_print(&r, "lo up");
	MUST_SAY(!strstr(r.out, "link eth"), "%s", r.out);
}

RUN_TEST(user_namespace, "a user namespace: inside root, outside somebody else")
{
	need_root();
	struct bundle b;
	char *out;
	bundle_make(&b);
	MUST(!system(format("chown -R 100000:100000 %s", b.rootfs)));
	bundle_config(
	    &b, "{'linux':{'+namespaces':[{'type':'user'}],'uidMappings':[{'containerID':0,'hostID':100000,'"
		"size':1000}],"
		"'gidMappings':[{'containerID':0,'hostID':100000,'size':2000}]},'root':{'readonly':false}}");
	bundle_inside(&b, "id", ";", "cat", "/proc/self/uid_map", "/proc/self/gid_map", ";", "write",
		      "/tmp/mine", ";", "stat", "/dev/null", ";", "trap", "any", "0", NULL);
	bundle_start(&b, &out);
	file_wait(out, "ready");
	char *text = file_text(out);
	MUST_SAY(strstr(text, "uid=0,0,0 gid=0,0,0"), "%s", text);
	/* A guest needs none: ids are mapped on the host's side. */
	if (!in_vm())
		MUST_SAY(strstr(text, "100000       1000") && strstr(text, "100000       2000"), "%s", text);
	MUST_SAY(strstr(text, "write /tmp/mine: ok"), "%s", text);
	MUST_SAY(strstr(text, "/dev/null: c 666"), "%s", text);
	struct stat st;
	MUST(!stat(format("%s/tmp/mine", b.rootfs), &st) && st.st_uid == 100000 && st.st_gid == 100000);
	char *status = file_text(format("/proc/%d/status", bundle_pid(&b)));
	/* The monitor is nobody at all. */
	MUST_SAY(in_vm() ? atoi(value_of(status, "Uid:")) >= 100000 : !strncmp(value_of(status, "Uid:"), "100000", 6), "%s", status);
	struct stat ours, theirs;
	MUST(!stat("/proc/self/ns/user", &ours) && !stat(format("/proc/%d/ns/user", bundle_pid(&b)), &theirs) && ours.st_ino != theirs.st_ino);
}

RUN_TEST(user_namespace_user, "another user in a user namespace")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	MUST(!system(format("chown -R 100000:100000 %s", b.rootfs)));
	bundle_config(&b, "{'linux':{'+namespaces':[{'type':'user'}],'uidMappings':[{'containerID':0,'hostID'"
			  ":100000,'size':1000}],"
			  "'gidMappings':[{'containerID':0,'hostID':100000,'size':1000}]},'process':{'user':{"
			  "'uid':7,'gid':8,'additionalGids':[9]}}}");
	struct result r = bundle_run_inside(&b, "id", NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "uid=7,7,7 gid=8,8,8"), "%s", r.out);
	MUST_SAY(strstr(r.out, "groups=9\n") || strstr(r.out, "groups=8,9\n"), "%s", r.out);
	bundle_config(&b, "{'process':{'user':{'uid':5000,'gid':8}}}");
	r = bundle_run(&b);
	must_fail(&r, "5000");
	must_leave_nothing(&b);
}

RUN_TEST(rootless_maps, "an ordinary user is root inside, and itself outside")
{
	if (am_root())
		test_skip("is about ordinary users; check-rootless runs it");
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'root':{'readonly':false}}");
	struct result r =
	    bundle_run_inside(&b, "id", ";", "write", "/tmp/mine", ";", "cat", "/proc/self/setgroups", NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "uid=0,0,0"), "%s", r.out);
	struct stat st;
	MUST(!stat(format("%s/tmp/mine", b.rootfs), &st) && st.st_uid == getuid());
}

RUN_TEST(rootless_subuids, "an ordinary user with subordinate ids maps them by newuidmap")
{
	if (am_root())
		test_skip("is about ordinary users; check-rootless runs it");
	need_file("/usr/bin/newuidmap");
	char *line = value_of(file_text("/etc/subuid"),
			      format("%s:", getenv("USER") ? getenv("USER") : "nobody-here"));
	unsigned long start = strtoul(line, NULL, 10);
	if (!start)
		test_skip("this user has no range in /etc/subuid");
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b,
		      "{'linux':{'uidMappings':[{'containerID':0,'hostID':%d,'size':1},{'containerID':1,'"
		      "hostID':%lu,'size':100}],"
		      "'gidMappings':[{'containerID':0,'hostID':%d,'size':1},{'containerID':1,'hostID':%lu,'"
		      "size':100}]}}",
		      (int)getuid(), start, (int)getgid(), start);
	struct result r = bundle_run_inside(&b, "cat", "/proc/self/uid_map", NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "        100\n"), "%s", r.out);
}

RUN_TEST(joined_user, "a user namespace joined by path, with a new pid namespace")
{
	need_root();
	struct bundle a, b;
	bundle_make(&a);
	MUST(!system(format("chown -R 100000:100000 %s", a.rootfs)));
	bundle_config(&a, "{'linux':{'+namespaces':[{'type':'user'}],'uidMappings':[{'containerID':0,'hostID'"
			  ":100000,'size':1000}],"
			  "'gidMappings':[{'containerID':0,'hostID':100000,'size':1000}]}}");
	bundle_inside(&a, "sleep", "600", NULL);
	bundle_start(&a, NULL);
	int pid = bundle_pid(&a);
	bundle_make(&b);
	MUST(!system(format("chown -R 100000:100000 %s", b.rootfs)));
	bundle_config(&b, "{'linux':{'+namespaces':[{'type':'user','path':'/proc/%d/ns/user'}]}}", pid);
	struct result r = bundle_run_inside(&b, "ns", ";", "id", ";", "pids", NULL);
	must_succeed(&r);
	char to[64];
	ssize_t n = readlink(format("/proc/%d/ns/user", pid), to, sizeof(to));
	/* Of a virtual machine it is the monitor that joins. */
	if (!in_vm())
		must_print(&r, format("ns %.*s", (int)n, to));
	MUST_SAY(strstr(r.out, "uid=0,0,0") && strstr(r.out, "pid 1 "), "%s", r.out);
}

RUN_TEST(host_pid, "in the host's pid namespace the container has a host's number")
{
	not_in_vm("the host's pid namespace is refused; test_monitor has that");
	need_root();
	struct bundle b;
	bundle_make(&b);
	bundle_config(
	    &b,
	    "{'linux':{'namespaces':[{'type':'mount'},{'type':'uts'},{'type':'ipc'},{'type':'network'}]}}");
	struct result r = bundle_run_inside(&b, "pids", ";", "ns", NULL);
	must_succeed(&r);
	must_print(&r, mine("pid"));
	MUST_SAY(!strstr(r.out, "pid 1 "), "%s", r.out);
}
