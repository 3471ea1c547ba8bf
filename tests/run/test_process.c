/* test_process.c: what config.json's `process` asks for, as the container's first process sees it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/run/bundle.h"

RUN_TEST(user, "user and group, umask 0022 by default")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'user':{'uid':1234,'gid':4321}}}");
	struct result r = bundle_run_inside(&b, "id", NULL);
	must_succeed(&r);
	must_print(&r, "uid=1234,1234,1234 gid=4321,4321,4321 umask=0022 groups=");
}

RUN_TEST(umask_set, "umask as given")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'user':{'umask':63}}}");
	struct result r = bundle_run_inside(&b, "id", NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "umask=0077"), "%s", r.out);
}

RUN_TEST(groups, "additional groups, and none of the caller's")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'user':{'uid':5,'gid':6,'additionalGids':[7,8]}}}");
	struct result r = bundle_run_inside(&b, "id", NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "groups=7,8\n") || strstr(r.out, "groups=6,7,8\n"), "%s", r.out);
}

RUN_TEST(caps_default, "the five capability sets hold exactly what was asked for")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'capabilities':{'bounding':['CAP_KILL','CAP_CHOWN'],'permitted':['CAP_"
			  "KILL','CAP_CHOWN'],"
			  "'effective':['CAP_KILL'],'inheritable':[],'ambient':[]}}}");
	struct result r = bundle_run_inside(&b, "caps", NULL);
	must_succeed(&r);
	must_print(&r, "CapBnd:\t0000000000000021");
	must_print(&r, "CapInh:\t0000000000000000");
	must_print(&r, "CapAmb:\t0000000000000000");
}

RUN_TEST(caps_user, "an ordinary user has its ambient capabilities and no others")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'user':{'uid':1234,'gid':1234},'capabilities':{'bounding':['CAP_KILL',"
			  "'CAP_NET_BIND_SERVICE'],"
			  "'permitted':['CAP_NET_BIND_SERVICE'],'effective':['CAP_NET_BIND_SERVICE'],'"
			  "inheritable':['CAP_NET_BIND_SERVICE'],"
			  "'ambient':['CAP_NET_BIND_SERVICE']}}}");
	struct result r = bundle_run_inside(&b, "caps", NULL);
	must_succeed(&r);
	must_print(&r, "CapBnd:\t0000000000000420");
	must_print(&r, "CapInh:\t0000000000000400");
	must_print(&r, "CapPrm:\t0000000000000400");
	must_print(&r, "CapEff:\t0000000000000400");
	must_print(&r, "CapAmb:\t0000000000000400");
}

RUN_TEST(caps_none, "no capabilities at all where the config has none")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'capabilities':{'bounding':[],'permitted':[],'effective':[],'"
			  "inheritable':[],'ambient':[]}}}");
	struct result r = bundle_run_inside(&b, "caps", NULL);
	must_succeed(&r);
	must_print(&r, "CapBnd:\t0000000000000000");
	must_print(&r, "CapPrm:\t0000000000000000");
	must_print(&r, "CapEff:\t0000000000000000");
}

RUN_TEST(caps_unknown, "an unknown capability is no reason to fail")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'capabilities':{'bounding':['CAP_KILL','CAP_OF_THE_FUTURE'],'"
			  "permitted':['CAP_KILL'],'effective':['CAP_KILL'],"
			  "'inheritable':[],'ambient':[]}}}");
	struct result r = bundle_run_inside(&b, "caps", NULL);
	must_succeed(&r);
	must_print(&r, "CapBnd:\t0000000000000020");
}

RUN_TEST(no_new_privileges, "noNewPrivileges on and off")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'noNewPrivileges':true}}");
	struct result r = bundle_run_inside(&b, "caps", NULL);
	must_print(&r, "NoNewPrivs:\t1");
	bundle_config(&b, "{'process':{'noNewPrivileges':false}}");
	r = bundle_run_inside(&b, "caps", NULL);
	must_print(&r, "NoNewPrivs:\t0");
}

RUN_TEST(rlimits, "resource limits: what was asked for, the others as they were")
{
	struct bundle b;
	bundle_make(&b);
	struct rlimit core;
	getrlimit(RLIMIT_STACK, &core);
	bundle_config(&b, "{'process':{'rlimits':[{'type':'RLIMIT_NOFILE','soft':100,'hard':200},{'type':'"
			  "RLIMIT_CORE','soft':0,'hard':0},"
			  "{'type':'RLIMIT_CPU','soft':1000,'hard':1000}]}}");
	struct result r = bundle_run_inside(&b, "rlimits", NULL);
	must_succeed(&r);
	must_print(&r, "rlimit NOFILE 100 200");
	must_print(&r, "rlimit CORE 0 0");
	must_print(&r, "rlimit CPU 1000 1000");
	must_print(&r, format("rlimit STACK %lld %lld", (long long)core.rlim_cur, (long long)core.rlim_max));
}

RUN_TEST(cwd, "the working directory; one that is not there is made")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'cwd':'/tmp'},'root':{'readonly':false}}");
	struct result r = bundle_run_inside(&b, "cwd", NULL);
	must_print(&r, "cwd /tmp");
	bundle_config(&b, "{'process':{'cwd':'/made/for/this'}}");
	r = bundle_run_inside(&b, "cwd", NULL);
	must_succeed(&r);
	must_print(&r, "cwd /made/for/this");
}

RUN_TEST(cwd_symlink, "a working directory behind a symlink is that of the container")
{
	struct bundle b;
	bundle_make(&b);
	MUST(!symlink("/tmp", format("%s/link", b.rootfs)));
	bundle_config(&b, "{'process':{'cwd':'/link'}}");
	struct result r = bundle_run_inside(&b, "cwd", NULL);
	must_succeed(&r);
	must_print(&r, "cwd /tmp");
}

RUN_TEST(env, "the environment is the config's, with HOME from /etc/passwd, and nothing of the caller's")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'env':['PATH=/bin','A=1','EMPTY=']}}");
	const char *more[] = {"LEAK=secret", "LD_PRELOAD=", NULL};
	bundle_inside(&b, "env", NULL);
	struct result r = nacre_with(&(struct spawn){.env = more}, "run", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	must_print(&r, "A=1");
	must_print(&r, "EMPTY=");
	must_print(&r, "HOME=/root");
	MUST_SAY(!strstr(r.out, "LEAK") && !strstr(r.out, "LD_PRELOAD") && !strstr(r.out, "NACRE") &&
		     !strstr(r.out, "INSIDE"),
		 "%s", r.out);
}

RUN_TEST(env_home, "HOME is that of the user, unless it is given")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'user':{'uid':1234,'gid':1234}}}");
	struct result r = bundle_run_inside(&b, "env", NULL);
	must_print(&r, "HOME=/home/guest");
	bundle_config(&b, "{'process':{'user':{'uid':777,'gid':777}}}");
	r = bundle_run_inside(&b, "env", NULL);
	must_print(&r, "HOME=/");
	bundle_config(&b, "{'process':{'env':['HOME=/mine']}}");
	r = bundle_run_inside(&b, "env", NULL);
	must_print(&r, "HOME=/mine");
}

RUN_TEST(path_lookup, "a bare name is looked up in the container's PATH")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'args':['inside','echo','found'],'env':['PATH=/nowhere:/bin']}}");
	struct result r = bundle_run(&b);
	must_succeed(&r);
	must_print(&r, "found");
	bundle_config(&b, "{'process':{'env':['PATH=/nowhere']}}");
	r = bundle_run(&b);
	must_fail(&r, "not found in $PATH");
	must_leave_nothing(&b);
}

RUN_TEST(relative_program, "a name with a slash is taken from the working directory")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'args':['bin/inside','echo','here'],'cwd':'/'}}");
	struct result r = bundle_run(&b);
	must_succeed(&r);
	must_print(&r, "here");
}

RUN_TEST(oom_score, "oomScoreAdj as given, and untouched otherwise")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'oomScoreAdj':500}}");
	struct result r = bundle_run_inside(&b, "cat", "/proc/self/oom_score_adj", NULL);
	must_succeed(&r);
	must_print(&r, "500");
	bundle_config(&b, "{'process':{'oomScoreAdj':null}}");
	r = bundle_run_inside(&b, "cat", "/proc/self/oom_score_adj", NULL);
	must_succeed(&r);
	MUST_SAY(!strcmp(r.out, file_text("/proc/self/oom_score_adj")), "%s", r.out);
}

RUN_TEST(signals, "no signal is blocked or ignored, whatever the caller did")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "signals", NULL);
	sigset_t all, before;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	struct result r = bundle_run(&b);
	sigprocmask(SIG_SETMASK, &before, NULL);
	must_succeed(&r);
	must_print(&r, "SigBlk:\t0000000000000000");
	/* 32 and 33 are libc's own: whoever starts us by posix_spawn(3) has them ignored in us, and no call
	 * of libc changes that. */
	unsigned long ignored = strtoul(value_of(r.out, "SigIgn:"), NULL, 16) & ~(3ul << 31);
	MUST_SAY(ignored == 0, "%s", r.out);
}

RUN_TEST(descriptors, "only stdin, stdout and stderr are open")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "fds", NULL);
	int leak[] = {dup(2), dup(2), -1};
	struct result r = nacre_with(&(struct spawn){.fds = leak}, "run", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "fd 0 ") && strstr(r.out, "fd 1 ") && strstr(r.out, "fd 2 "), "%s", r.out);
	for (int fd = 3; fd < 1024; fd++)
		MUST_SAY(!strstr(r.out, format("fd %d ", fd)), "%s", r.out);
}

RUN_TEST(preserve_fds, "--preserve-fds hands on the next descriptors and no more")
{
	not_in_vm("descriptors cannot be handed on into a guest");
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "fds", NULL);
	int kept[] = {dup(2), dup(2), dup(2), -1};
	struct result r = nacre_with(&(struct spawn){.fds = kept}, "run", "--preserve-fds", "2", "--bundle",
				     b.dir, b.id, NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "fd 3 ") && strstr(r.out, "fd 4 ") && !strstr(r.out, "fd 5 "), "%s", r.out);
}

RUN_TEST(preserve_fds_missing, "--preserve-fds of descriptors that are not there is an error")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = nacre("run", "--preserve-fds", "3", "--bundle", b.dir, b.id, NULL);
	must_fail(&r, NULL);
	must_leave_nothing(&b);
}

RUN_TEST(hostname, "hostname and domainname")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'hostname':'inside-host','domainname':'inside-domain'}");
	char mine[256];
	gethostname(mine, sizeof(mine));
	struct result r = bundle_run_inside(&b, "names", NULL);
	must_succeed(&r);
	must_print(&r, "hostname inside-host");
	must_print(&r, "domainname inside-domain");
	char now[256];
	gethostname(now, sizeof(now));
	MUST(!strcmp(mine, now));
}

RUN_TEST(sched, "scheduling policy and I/O priority")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'scheduler':{'policy':'SCHED_BATCH','nice':5},'ioPriority':{'class':'"
			  "IOPRIO_CLASS_BE','priority':6}}}");
	struct result r = bundle_run_inside(&b, "sched", NULL);
	must_succeed(&r);
	/* Class 2 (best effort) stands above bit 13. */
	must_print(&r, format("policy 3 priority 0 nice 5 ioprio %d", 2 << 13 | 6));
}

RUN_TEST(personality, "personality LINUX32 shows another machine")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'personality':{'domain':'LINUX32'}}}");
	struct result r = bundle_run_inside(&b, "sched", ";", "names", NULL);
	must_succeed(&r);
	MUST_SAY(has_line(r.out, "personality 0x8"), "%s", r.out);
}

RUN_TEST(sysctls, "sysctls of the container's namespaces")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'sysctl':{'net.ipv4.ip_forward':'1','kernel.msgmax':'4000','fs.mqueue."
			  "msg_max':'9'}}}");
	struct result r = bundle_run_inside(&b, "cat", "/proc/sys/net/ipv4/ip_forward",
					    "/proc/sys/kernel/msgmax", "/proc/sys/fs/mqueue/msg_max", NULL);
	must_succeed(&r);
	MUST_SAY(!strcmp(r.out, "1\n4000\n9\n"), "%s", r.out);
}

RUN_TEST(sysctls_refused, "sysctls of the host are refused")
{
	static const char *const bad[] = {"kernel.core_pattern",
					  "kernel.hostname",
					  "vm.swappiness",
					  "net",
					  "net.ipv4/../../kernel/core_pattern",
					  "kernel.shm_rmid_forced/../core_pattern",
					  "",
					  "/kernel/msgmax",
					  "kernel.msgmax.."};
	char *before = file_text("/proc/sys/kernel/core_pattern");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b, "{'linux':{'sysctl':{'%s':'7'}}}", bad[i]);
		struct result r = bundle_run(&b);
		MUST_SAY(r.status != 0, "sysctl \"%s\" was taken", bad[i]);
		must_fail(&r, "sysctl");
		must_leave_nothing(&b);
	}
	MUST(!strcmp(before, file_text("/proc/sys/kernel/core_pattern")));
}

RUN_TEST(sysctl_namespace, "a sysctl whose namespace is the host's is refused")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'namespaces':[{'type':'mount'},{'type':'pid'},{'type':'uts'},{'type':'"
			  "ipc'}],'sysctl':{'net.ipv4.ip_forward':'1'}},"
			  "'mounts':[{'destination':'/proc','type':'proc','source':'proc'}]}");
	struct result r = bundle_run(&b);
	must_fail(&r, "net.ipv4.ip_forward");
	must_leave_nothing(&b);
}

RUN_TEST(setuid_program, "a setuid program gains nothing under noNewPrivileges")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	MUST(!chmod(format("%s/bin/inside", b.rootfs), 04755));
	bundle_config(&b, "{'process':{'user':{'uid':1234,'gid':1234},'noNewPrivileges':true}}");
	struct result r = bundle_run_inside(&b, "run", "/bin/inside", "id", NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "uid=1234,1234,1234"), "%s", r.out);
	bundle_config(&b, "{'process':{'noNewPrivileges':false}}");
	r = bundle_run_inside(&b, "id", NULL);
	MUST_SAY(strstr(r.out, "uid=1234,0,0"), "status %d, %s%s", r.status, r.out, r.err);
}

RUN_TEST(first_process, "the program is process 1, in a session of its own")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = bundle_run_inside(&b, "pids", NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "pid 1 ppid 0 "), "%s", r.out);
}
