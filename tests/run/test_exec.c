/* test_exec.c: exec: a second process in a container, with each of its options. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/run/bundle.h"

static void start(struct bundle *b)
{
	bundle_make(b);
	bundle_config(b, "{'process':{'env':['PATH=/bin','FROM_CONFIG=yes'],'cwd':'/tmp'}}");
	bundle_inside(b, "sleep", "600", NULL);
	bundle_start(b, NULL);
}

#define EXEC(b, ...) nacre("exec", __VA_ARGS__, NULL)

RUN_TEST(plain, "exec runs a program in the container's namespaces, with its output and status")
{
	struct bundle b;
	start(&b);
	struct result r =
	    EXEC(&b, b.id, "/bin/inside", "echo", "second", ";", "ls", "/proc", ";", "ns", ";", "exit", "6");
	must_exit(&r, 6);
	must_print(&r, "second");
	must_print(&r, "1");
	static const char *const kinds[] = {"mnt", "pid", "uts", "ipc", "user", "cgroup"};
	/* A guest's are of its own kernel. */
	for (size_t i = 0; i < 6 && !in_vm(); i++) {
		char to[64];
		ssize_t n = readlink(format("/proc/%d/ns/%s", bundle_pid(&b), kinds[i]), to, sizeof(to));
		must_print(&r, format("ns %.*s", (int)n, to));
	}
}

RUN_TEST(inherits, "exec has the container's environment, folder, user and capabilities")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b,
		      "{'process':{'env':['PATH=/bin','FROM_CONFIG=yes'],'cwd':'/"
		      "tmp','noNewPrivileges':true,'capabilities':{'bounding':['CAP_KILL'],"
		      "'permitted':['CAP_KILL'],'effective':['CAP_KILL'],'inheritable':[],'ambient':[]}}}");
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	struct result r = EXEC(&b, b.id, "inside", "env", ";", "cwd", ";", "caps");
	must_succeed(&r);
	must_print(&r, "FROM_CONFIG=yes");
	must_print(&r, "cwd /tmp");
	must_print(&r, "CapBnd:\t0000000000000020");
	must_print(&r, "CapEff:\t0000000000000020");
	must_print(&r, "CapInh:\t0000000000000000");
	must_print(&r, "NoNewPrivs:\t1");
}

RUN_TEST(options, "exec --env, --cwd and --user")
{
	need_root();
	struct bundle b;
	start(&b);
	struct result r = EXEC(&b, "--env", "MORE=1", "-e", "FROM_CONFIG=no", "--cwd", "/etc", "--user",
			       "12:34", b.id, "inside", "env", ";", "cwd", ";", "id");
	must_succeed(&r);
	must_print(&r, "MORE=1");
	must_print(&r, "FROM_CONFIG=no");
	MUST_SAY(!strstr(r.out, "FROM_CONFIG=yes"), "%s", r.out);
	must_print(&r, "cwd /etc");
	MUST_SAY(strstr(r.out, "uid=12,12,12 gid=34,34,34"), "%s", r.out);
}

RUN_TEST(groups, "exec --additional-gids")
{
	need_root();
	struct bundle b;
	start(&b);
	struct result r = EXEC(&b, "--user", "12:34", "-g", "56", "-g", "78", b.id, "inside", "id");
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "56,78"), "%s", r.out);
}

RUN_TEST(user_forms, "exec --user takes numbers only, strictly")
{
	need_root();
	static const char *const bad[] = {
	    "-1", "4294967295", "4294967296", " 1",   "0x1", "root", "",
	    "1:", ":1",		"1:2:3",      "1:-1", "1 ",  "+1",   "99999999999999999999"};
	struct bundle b;
	start(&b);
	struct result r = EXEC(&b, "-u", "1", b.id, "inside", "id");
	MUST_SAY(strstr(r.out, "uid=1,1,1"), "%s", r.out);
	r = EXEC(&b, "-u", "1:0", b.id, "inside", "id");
	MUST_SAY(strstr(r.out, "uid=1,1,1 gid=0,0,0"), "%s", r.out);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		r = EXEC(&b, "--user", bad[i], b.id, "inside", "id");
		MUST_SAY(r.status != 0 && !strstr(r.out, "uid="), "--user \"%s\" was taken: %s", bad[i],
			 r.out);
		must_fail(&r, NULL);
	}
}

RUN_TEST(caps, "exec --cap adds, --no-new-privs sets")
{
	need_root();
	struct bundle b;
	start(&b);
	struct result r = EXEC(&b, "--cap", "CAP_SYS_PTRACE", "--no-new-privs", b.id, "inside", "caps");
	must_succeed(&r);
	must_print(&r, "NoNewPrivs:\t1");
	unsigned long effective = strtoul(value_of(r.out, "CapEff:"), NULL, 16);
	MUST_SAY(effective & 1ul << 19, "%s", r.out);
	must_print(&r, "CapInh:\t0000000000000000");
}

RUN_TEST(process_file, "exec --process reads everything from a file")
{
	need_root();
	struct bundle b;
	start(&b);
	char *file = format("%s/process.json", test_dir());
	file_write(
	    file,
	    "{\"user\":{\"uid\":5,\"gid\":6,\"umask\":7},\"cwd\":\"/etc\",\"args\":[\"/bin/"
	    "inside\",\"id\",\";\",\"env\",\";\",\"cwd\",\";\",\"rlimits\"],"
	    "\"env\":[\"ONLY=this\"],\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":77,\"hard\":88}]}");
	struct result r = EXEC(&b, "--process", file, b.id);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "uid=5,5,5 gid=6,6,6 umask=0007"), "%s", r.out);
	must_print(&r, "ONLY=this");
	MUST_SAY(!strstr(r.out, "FROM_CONFIG"), "%s", r.out);
	must_print(&r, "cwd /etc");
	must_print(&r, "rlimit NOFILE 77 88");
}

RUN_TEST(process_file_bad, "exec --process of a bad file says where")
{
	struct bundle b;
	start(&b);
	static const char *const bad[][2] = {
	    {"{",				  "process.json"		},
	    {"{\"args\":[\"x\"],\"cwd\":\"tmp\"}", "cwd"				},
	    {"{\"args\":[],\"cwd\":\"/\"}",	    "args"			  },
	    {"{\"args\":\"x\",\"cwd\":\"/\"}",     "args"			     },
	    {"{\"args\":[\"x\"],\"cwd\":\"/"
	     "\",\"rlimits\":[{\"type\":\"RLIMIT_NONE\",\"soft\":1,\"hard\":1}]}",				     "RLIMIT_NONE"},
	};
	char *file = format("%s/process.json", test_dir());
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		file_write(file, "%s", bad[i][0]);
		struct result r = EXEC(&b, "--process", file, b.id);
		must_fail(&r, bad[i][1]);
	}
	struct result r = EXEC(&b, "--process", "/no/such/file", b.id);
	must_fail(&r, "/no/such/file");
}

RUN_TEST(detached, "exec --detach returns at once, with a pid file")
{
	struct bundle b;
	start(&b);
	char *file = format("%s/pid", test_dir());
	struct result r = EXEC(&b, "--detach", "--pid-file", file, b.id, "/bin/inside", "sleep", "600");
	must_succeed(&r);
	int pid = atoi(file_text(file));
	MUST(pid > 1 && pid != bundle_pid(&b));
	MUST_SAY(!strchr(file_text(file), '\n'), "a newline in the pid file");
	/* A guest's is stood for by one of ours. */
	if (!in_vm())
		MUST(!strcmp(file_text(format("/proc/%d/comm", pid)), "inside\n"));
}

RUN_TEST(signalled, "exec's status for a program that died of a signal")
{
	struct bundle b;
	start(&b);
	struct result r = EXEC(&b, b.id, "/bin/inside", "raise", "KILL");
	must_exit(&r, 128 + SIGKILL);
}

RUN_TEST(relay, "a signal to the foreground exec reaches the program")
{
	struct bundle b;
	start(&b);
	struct job job = nacre_start(NULL, "exec", b.id, "/bin/inside", "trap", "TERM", "8", NULL);
	file_wait(job.out, "ready");
	kill(job.pid, SIGTERM);
	struct result r = job_wait(&job, PATIENCE);
	must_exit(&r, 8);
}

RUN_TEST(not_found, "exec of what is not there names it")
{
	struct bundle b;
	start(&b);
	struct result r = EXEC(&b, b.id, "no-such-program");
	must_fail(&r, "executable file");
	MUST_SAY(strstr(r.err, "no-such-program") && strstr(r.err, "not found in $PATH"), "%s", r.err);
	r = EXEC(&b, b.id, "/bin/no-such-program");
	must_fail(&r, "/bin/no-such-program");
	r = EXEC(&b, "--cwd", "/etc/passwd", b.id, "/bin/inside", "id");
	must_fail(&r, "/etc/passwd");
	r = EXEC(&b, "--cwd", "relative", b.id, "/bin/inside", "id");
	must_fail(&r, "relative");
}

RUN_TEST(not_running, "exec needs a running container, paused or created are not")
{
	need_root();
	struct bundle b;
	start(&b);
	struct result r = nacre("pause", b.id, NULL);
	must_succeed(&r);
	r = EXEC(&b, b.id, "/bin/inside", "id");
	must_fail(&r, "paused");
	r = nacre("resume", b.id, NULL);
	must_succeed(&r);
	r = nacre("kill", b.id, "9", NULL);
	must_succeed(&r);
	MUST(bundle_wait_status(&b, "stopped"));
	r = EXEC(&b, b.id, "/bin/inside", "id");
	must_fail(&r, b.id);
	r = EXEC(&b, "nobody", "/bin/inside", "id");
	must_fail(&r, "nobody");
}

RUN_TEST(preserved, "exec --preserve-fds, and no other descriptor")
{
	not_in_vm("descriptors cannot be handed on into a guest");
	struct bundle b;
	start(&b);
	int kept[] = {dup(2), dup(2), -1};
	struct result r = nacre_with(&(struct spawn){.fds = kept}, "exec", "--preserve-fds", "1", b.id,
				     "/bin/inside", "fds", NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "fd 3 ") && !strstr(r.out, "fd 4 "), "%s", r.out);
	r = EXEC(&b, b.id, "/bin/inside", "fds");
	for (int fd = 3; fd < 100; fd++)
		MUST_SAY(!strstr(r.out, format("fd %d ", fd)), "%s", r.out);
}

RUN_TEST(cgroup, "exec's process is in the container's cgroup")
{
	need_root();
	struct bundle b;
	start(&b);
	struct result r = EXEC(&b, b.id, "/bin/inside", "cat", "/proc/self/cgroup");
	must_succeed(&r);
	char *first = file_text(format("/proc/%d/cgroup", bundle_pid(&b)));
	/* The container sees them from within its cgroup namespace, if it has one. */
	struct result second = EXEC(&b, b.id, "/bin/inside", "cat", "/proc/1/cgroup");
	MUST_SAY(!strcmp(r.out, second.out), "%s and %s, outside %s", r.out, second.out, first);
}

RUN_TEST(seccomp, "exec's process is under the container's filter")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['"
			  "getpriority'],'action':'SCMP_ACT_ERRNO','errnoRet':99}]}}}");
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	struct result r = EXEC(&b, b.id, "/bin/inside", "syscall", "140", ";", "caps");
	must_succeed(&r);
	must_print(&r, "syscall 140: EADDRNOTAVAIL");
	must_print(&r, "Seccomp:\t2");
}

RUN_TEST(twenty, "twenty execs at once")
{
	struct bundle b;
	start(&b);
	struct job jobs[20];
	for (int i = 0; i < 20; i++)
		jobs[i] = nacre_start(NULL, "exec", b.id, "/bin/inside", "exit", format("%d", i), NULL);
	for (int i = 0; i < 20; i++) {
		struct result r = job_wait(&jobs[i], PATIENCE);
		must_exit(&r, i);
	}
}

RUN_TEST(user_namespace, "exec into a user namespace")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	MUST(!system(format("chown -R 100000:100000 %s", b.rootfs)));
	bundle_config(&b, "{'linux':{'+namespaces':[{'type':'user'}],'uidMappings':[{'containerID':0,'hostID'"
			  ":100000,'size':1000}],"
			  "'gidMappings':[{'containerID':0,'hostID':100000,'size':1000}]}}");
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	struct result r =
	    EXEC(&b, "--user", "3:4", b.id, "/bin/inside", "id", ";", "cat", "/proc/self/uid_map");
	must_succeed(&r);
	/* A guest needs none: ids are mapped on the host's side. */
	MUST_SAY(strstr(r.out, "uid=3,3,3 gid=4,4,4") && (in_vm() || strstr(r.out, "100000")), "%s", r.out);
	r = EXEC(&b, "--user", "5000:4", b.id, "/bin/inside", "id");
	must_fail(&r, "process.user.uid: 5000");
	r = EXEC(&b, "--user", "3:5000", b.id, "/bin/inside", "id");
	must_fail(&r, "process.user.gid: 5000");
}
