/* test_hooks.c: the six kinds of hooks, of config.md and of the lifecycle in runtime.md. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/conformance/conform.h"

static char *log_path(void)
{
	return format("%s/log", test_dir());
}
static char *log_text(void)
{
	return file_text(log_path());
}

/* A hook that is a shell script; `text` may use $1, the log, and reads the state on stdin. In the container
 * there is busybox for it. */
static void hook(const char *kind, const char *more, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void hook(const char *kind, const char *more, const char *fmt, ...)
{
	static int count;
	va_list ap;
	char *text, *path = format("%s/hook%d", box.rootfs, ++count);
	va_start(ap, fmt);
	MUST(vasprintf(&text, fmt, ap) >= 0);
	va_end(ap);
	file_write(path, "#!/bin/sh\n%s\n", text);
	chmod(path, 0755);
	/* By its path in the container, or by that on the host. */
	const char *named = strcmp(kind, "startContainer") ? path : strrchr(path, '/');
	change("{'hooks':{'+%s':[{'path':'%s','args':['hook','%s']%s}]}}", kind, named,
	       strcmp(kind, "startContainer") ? log_path() : "/log", more);
}
static void logging(const char *kind)
{
	hook(kind, "", "echo %s >>$1", kind);
}
/* startContainer hooks log into the container's root. */
static char *inner_log(void)
{
	return file_text(format("%s/log", box.rootfs));
}

/* --- when --- */

static void in_create(const char *kind)
{
	begin();
	logging(kind);
	create_sleeper();
	sees(log_text(), kind);
}
RULE(prestart_in_create, "runtime.md:62", "MUST", "prestart hooks are called by create")
{
	in_create("prestart");
}
RULE(runtime_in_create, "runtime.md:64", "MUST", "createRuntime hooks are called by create")
{
	in_create("createRuntime");
}
RULE(container_in_create, "runtime.md:66", "MUST", "createContainer hooks are called by create")
{
	in_create("createContainer");
}
RULE(start_in_start, "runtime.md:69", "MUST", "startContainer hooks are called by start, not by create")
{
	begin();
	logging("startContainer");
	create_sleeper();
	usleep(100000);
	MUST_SAY(!*inner_log(), "create has called them");
	succeeded(nacre("start", box.id, NULL));
	sees(inner_log(), "startContainer");
}
RULE(start_before_program, "config.md:630", "MUST", "startContainer hooks are called before the program")
{
	begin();
	hook("startContainer", "", "sleep 0.3; test -e /tmp/ran || echo before >>$1");
	bundle_inside(&box, "write", "/tmp/ran", NULL);
	bundle_start(&box, NULL);
	MUST(bundle_wait_status(&box, "stopped"));
	sees(inner_log(), "before");
}
RULE(poststart_in_start, "runtime.md:72", "MUST", "poststart hooks are called by start")
{
	begin();
	logging("poststart");
	create_sleeper();
	MUST_SAY(!*log_text(), "create has called them");
	succeeded(nacre("start", box.id, NULL));
	sees(log_text(), "poststart");
}
RULE(poststart_after_program, "config.md:638", "MUST",
     "poststart hooks are called after the program was executed")
{
	begin();
	/* What the process is at that moment: the program, and no more the runtime. */
	hook("poststart", "",
	     "p=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/'); tr '\\0' ' ' </proc/$p/cmdline >>$1");
	start_sleeper();
	holds(log_text(), "/bin/inside sleep 60");
}
RULE(poststop_in_delete, "runtime.md:78", "MUST", "poststop hooks are called by delete")
{
	begin();
	logging("poststop");
	bundle_start(&box, NULL);
	MUST(bundle_wait_status(&box, "stopped"));
	MUST_SAY(!*log_text(), "somebody else has called them");
	succeeded(nacre("delete", box.id, NULL));
	sees(log_text(), "poststop");
}
RULE(poststop_after_delete, "config.md:646", "MUST",
     "poststop hooks are called after the container is destroyed")
{
	begin();
	hook("poststop", "", "find /sys/fs/cgroup -name '*%s*' -type d >>$1; echo looked >>$1", box.id);
	bundle_start(&box, NULL);
	MUST(bundle_wait_status(&box, "stopped"));
	succeeded(nacre("delete", box.id, NULL));
	MUST_SAY(!strcmp(log_text(), "looked\n"), "cgroups that were still there: %s", log_text());
}
RULE(order_of_kinds, "config.md:598", "MUST", "prestart hooks are called before createRuntime hooks")
{
	begin();
	logging("createRuntime");
	logging("prestart");
	create_sleeper();
	MUST_SAY(!strcmp(log_text(), "prestart\ncreateRuntime\n"), "%s", log_text());
}
RULE(order_of_create, "config.md:619", "MUST", "createContainer hooks are called after createRuntime hooks")
{
	begin();
	logging("createContainer");
	hook("createRuntime", "", "sleep 0.2; echo createRuntime >>$1");
	create_sleeper();
	MUST_SAY(!strcmp(log_text(), "createRuntime\ncreateContainer\n"), "%s", log_text());
}
RULE(order_in_list, "config.md:591", "MUST", "hooks of a kind are called in the listed order")
{
	begin();
	hook("createRuntime", "", "sleep 0.2; echo one >>$1");
	hook("createRuntime", "", "echo two >>$1");
	hook("createRuntime", "", "echo three >>$1");
	create_sleeper();
	MUST_SAY(!strcmp(log_text(), "one\ntwo\nthree\n"), "%s", log_text());
}
/* Before the change of the root the container's process still has the host's root directory. */
#define BEFORE_PIVOT(kind, where)                                                                            \
	RULE(kind##_before_pivot, where, "MUST",                                                             \
	     #kind " hooks are called after the namespaces are made and before pivot_root")                  \
	{                                                                                                    \
		begin();                                                                                     \
		hook(#kind, "",                                                                              \
		     "p=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/'); readlink /proc/$p/ns/uts >>$1; "         \
		     "if test -e /proc/$p/root%s; then echo host >>$1; fi",                                  \
		     test_dir());                                                                            \
		create_sleeper();                                                                            \
		sees(log_text(), "host");                                                                    \
		sees(log_text(), proc_link(pid_of_box(), "ns/uts"));                                         \
	}
BEFORE_PIVOT(prestart, "config.md:596")
BEFORE_PIVOT(createRuntime, "config.md:607")
RULE(createContainer_before_pivot, "config.md:618", "MUST",
     "createContainer hooks are called before pivot_root")
{
	begin();
	hook("createContainer", "", "test -e %s && echo host >>$1", box.dir);
	create_sleeper();
	sees(log_text(), "host");
}
RULE(createContainer_after_mounts, "config.md:618", "MUST",
     "createContainer hooks are called after the environment was made")
{
	begin();
	change("{'+mounts':[{'destination':'/mnt','type':'tmpfs','source':'marked'}]}");
	hook("createContainer", "", "grep marked /proc/self/mountinfo >>$1");
	create_sleeper();
	holds(log_text(), "/mnt");
}

/* --- where --- */

#define NAMESPACES "for n in mnt pid uts net ipc; do readlink /proc/self/ns/$n >>$1; done"
static void on_host(const char *kind)
{
	begin();
	hook(kind, "", NAMESPACES);
	taken();
	static const char *const all[] = {"ns/mnt", "ns/pid", "ns/uts", "ns/net", "ns/ipc"};
	for (size_t i = 0; i < 5; i++)
		sees(log_text(), proc_link(0, all[i]));
}
RULE(prestart_where, "config.md:562", "MUST", "prestart hooks run in the runtime's namespaces")
{
	on_host("prestart");
}
RULE(createRuntime_where, "config.md:572", "MUST", "createRuntime hooks run in the runtime's namespaces")
{
	on_host("createRuntime");
}
RULE(poststart_where, "config.md:584", "MUST", "poststart hooks run in the runtime's namespaces")
{
	on_host("poststart");
}
RULE(poststop_where, "config.md:588", "MUST", "poststop hooks run in the runtime's namespaces")
{
	on_host("poststop");
}
static void in_container(const char *kind)
{
	begin();
	hook(kind, "", NAMESPACES);
	start_sleeper();
	int pid = pid_of_box();
	char *seen = strcmp(kind, "startContainer") ? log_text() : inner_log();
	static const char *const all[] = {"ns/mnt", "ns/uts", "ns/net", "ns/ipc"};
	for (size_t i = 0; i < 4; i++)
		sees(seen, proc_link(pid, all[i]));
}
RULE(createContainer_where, "config.md:576", "MUST",
     "createContainer hooks run in the container's namespaces")
{
	in_container("createContainer");
}
RULE(startContainer_where, "config.md:580", "MUST", "startContainer hooks run in the container's namespaces")
{
	in_container("startContainer");
}
#define RESOLVES(kind, where)                                                                                \
	RULE(kind##_path, where, "MUST", #kind ": the path resolves in the runtime's namespaces")            \
	{                                                                                                    \
		begin();                                                                                     \
		logging(#kind);                                                                              \
		taken();                                                                                     \
		sees(log_text(), #kind);                                                                     \
	}
RESOLVES(prestart, "config.md:561")
RESOLVES(createRuntime, "config.md:571")
RESOLVES(createContainer, "config.md:575")
RESOLVES(poststart, "config.md:583")
RESOLVES(poststop, "config.md:587")
RULE(startContainer_path, "config.md:579", "MUST", "startContainer: the path resolves in the container")
{
	begin();
	logging("startContainer");
	taken();
	sees(inner_log(), "startContainer");
}

/* --- what they get --- */

static char *state_of(const char *kind)
{
	begin();
	change("{'annotations':{'com.example.key':'a value'}}");
	hook(kind, "", "cat >>$1");
	bundle_start(&box, NULL);
	MUST(bundle_wait_status(&box, "stopped"));
	succeeded(nacre("delete", box.id, NULL));
	char *text = strcmp(kind, "startContainer") ? log_text() : inner_log();
	MUST_SAY(json_valid(text), "no JSON: %s", text);
	return text;
}
#define STATE(kind, where, status_)                                                                          \
	RULE(kind##_state, "config.md:592", "MUST", #kind " hooks get the state on stdin")                   \
	{                                                                                                    \
		char *s = state_of(#kind);                                                                   \
		MUST_SAY(!strcmp(json_value(s, "id"), box.id) && !strcmp(json_value(s, "bundle"), box.dir),  \
			 "%s", s);                                                                           \
		holds(s, "a value");                                                                         \
	}                                                                                                    \
	RULE(kind##_status, where, "MUST", #kind " hooks: the state's status is " status_)                   \
	{                                                                                                    \
		char *s = state_of(#kind);                                                                   \
		MUST_SAY(!strcmp(json_value(s, "status"), status_), "status is %s",                          \
			 json_value(s, "status"));                                                           \
	}                                                                                                    \
	RULE(kind##_version, "runtime.md:12", "MUST",                                                        \
	     #kind " hooks: the state's ociVersion is in SemVer form")                                       \
	{                                                                                                    \
		char *s = state_of(#kind);                                                                   \
		int a, b, c;                                                                                 \
		MUST_SAY(sscanf(json_value(s, "ociVersion"), "%d.%d.%d", &a, &b, &c) == 3,                   \
			 "ociVersion is %s", json_value(s, "ociVersion"));                                   \
	}
STATE(prestart, "runtime.md:19", "creating")
STATE(createRuntime, "runtime.md:19", "creating")
STATE(createContainer, "runtime.md:19", "creating")
STATE(startContainer, "runtime.md:20", "created")
STATE(poststart, "runtime.md:21", "running")
STATE(poststop, "runtime.md:22", "stopped")
static void pid_outside(const char *kind)
{
	begin();
	hook(kind, "", "cat >>$1");
	start_sleeper();
	MUST_SAY(atoi(json_value(log_text(), "pid")) == pid_of_box(), "pid is %s, not %d",
		 json_value(log_text(), "pid"), pid_of_box());
}
RULE(prestart_pid, "runtime.md:26", "MUST", "prestart hooks: the state's pid is the runtime's view")
{
	pid_outside("prestart");
}
RULE(createRuntime_pid, "runtime.md:26", "MUST", "createRuntime hooks: the state's pid is the runtime's view")
{
	pid_outside("createRuntime");
}
RULE(poststart_pid, "runtime.md:26", "MUST", "poststart hooks: the state's pid is the runtime's view")
{
	pid_outside("poststart");
}
RULE(createContainer_pid, "runtime.md:27", "MUST",
     "createContainer hooks: the state's pid is the container's view")
{
	MUST(!strcmp(json_value(state_of("createContainer"), "pid"), "1"));
}
RULE(startContainer_pid, "runtime.md:27", "MUST",
     "startContainer hooks: the state's pid is the container's view")
{
	MUST(!strcmp(json_value(state_of("startContainer"), "pid"), "1"));
}
RULE(hook_args, "config.md:557", "MUST", "args are the hook's arguments, argv[0] included")
{
	begin();
	change("{'hooks':{'createRuntime':[{'path':'/bin/busybox','args':['sh','-c','echo $0:$1:$2 "
	       ">%s','zero','a b','c']}]}}",
	       log_path());
	taken();
	sees(log_text(), "zero:a b:c");
}
RULE(hook_env, "config.md:558", "MUST", "env is the hook's environment")
{
	begin();
	hook("createRuntime", ",'env':['PATH=/bin:/usr/bin','SIGN=here']", "echo $SIGN$FOREIGN >>$1");
	setenv("FOREIGN", "no", 1);
	taken();
	sees(log_text(), "here");
}

/* --- wrong ones --- */

#define WRONG(kind, where_path, where_time)                                                                  \
	RULE(kind##_relative, where_path, "MUST", #kind ": a relative path is an error")                     \
	{                                                                                                    \
		begin();                                                                                     \
		change("{'hooks':{'" #kind "':[{'path':'bin/true'}]}}");                                     \
		refused();                                                                                   \
	}                                                                                                    \
	RULE(kind##_timeout_0, where_time, "MUST", #kind ": a timeout of 0 is an error")                     \
	{                                                                                                    \
		begin();                                                                                     \
		change("{'hooks':{'" #kind "':[{'path':'/bin/true','timeout':0}]}}");                        \
		refused();                                                                                   \
	}                                                                                                    \
	RULE(kind##_timeout_less, where_time, "MUST", #kind ": a negative timeout is an error")              \
	{                                                                                                    \
		begin();                                                                                     \
		change("{'hooks':{'" #kind "':[{'path':'/bin/true','timeout':-1}]}}");                       \
		refused();                                                                                   \
	}
WRONG(prestart, "config.md:556", "config.md:560")
WRONG(createRuntime, "config.md:566", "config.md:570")
WRONG(createContainer, "config.md:574", "config.md:574")
WRONG(startContainer, "config.md:578", "config.md:578")
WRONG(poststart, "config.md:582", "config.md:582")
WRONG(poststop, "config.md:586", "config.md:586")
RULE(hook_path_missing, "config.md:555", "MUST", "a hook without a path is an error")
{
	begin();
	change("{'hooks':{'createRuntime':[{'args':['x']}]}}");
	refused();
}
RULE(hook_not_there, "config.md:555", "MUST", "a hook that cannot be executed is an error")
{
	begin();
	change("{'hooks':{'createRuntime':[{'path':'/no/such/hook'}]}}");
	refused();
}
RULE(hook_timeout, "config.md:559", "MUST", "a hook is aborted after timeout seconds")
{
	begin();
	change("{'hooks':{'createRuntime':[{'path':'/bin/sleep','args':['sleep','600'],'timeout':1}]}}");
	struct result r = nacre("create", "--bundle", box.dir, box.id, NULL);
	failed(r);
}

/* --- failing ones --- */

#define FAILS_IN_CREATE(kind, where)                                                                         \
	RULE(kind##_fails, where, "MUST",                                                                    \
	     "a failing " #kind " hook is an error of create, and there is no container")                    \
	{                                                                                                    \
		begin();                                                                                     \
		hook(#kind, "", "exit 3");                                                                   \
		refused();                                                                                   \
	}                                                                                                    \
	RULE(kind##_fails_poststop, where, "MUST",                                                           \
	     "a failing " #kind " hook: the lifecycle goes on with the poststop hooks")                      \
	{                                                                                                    \
		begin();                                                                                     \
		hook(#kind, "", "exit 3");                                                                   \
		logging("poststop");                                                                         \
		failed(nacre("create", "--bundle", box.dir, box.id, NULL));                                  \
		sees(log_text(), "poststop");                                                                \
	}
FAILS_IN_CREATE(prestart, "runtime.md:63")
FAILS_IN_CREATE(createRuntime, "runtime.md:65")
FAILS_IN_CREATE(createContainer, "runtime.md:67")
static bool has_ended(void *pid)
{
	return !exists(format("/proc/%d/exe", *(int *)pid)) || !*file_text(format("/proc/%d/cmdline", *(int *)pid));
}
static void start_fails(void)
{
	create_sleeper();
	int pid = pid_of_box();
	failed(nacre("start", box.id, NULL));
	wait_until(has_ended, &pid, PATIENCE);
	char *status = bundle_state(&box, "status");
	MUST_SAY(!*status || !strcmp(status, "stopped"), "the container is %s", status);
}
#define FAILS_IN_START(kind, where)                                                                          \
	RULE(kind##_fails, where, "MUST",                                                                    \
	     "a failing " #kind " hook is an error of start, and stops the container")                       \
	{                                                                                                    \
		begin();                                                                                     \
		hook(#kind, "", "exit 3");                                                                   \
		start_fails();                                                                               \
	}                                                                                                    \
	RULE(kind##_fails_destroyed, where, "MUST",                                                          \
	     "a failing " #kind " hook: the lifecycle goes on, the container is destroyed")                  \
	{                                                                                                    \
		begin();                                                                                     \
		hook(#kind, "", "exit 3");                                                                   \
		start_fails();                                                                               \
		must_leave_nothing(&box);                                                                    \
	}                                                                                                    \
	RULE(kind##_fails_poststop, where, "MUST",                                                           \
	     "a failing " #kind " hook: the lifecycle goes on with the poststop hooks")                      \
	{                                                                                                    \
		begin();                                                                                     \
		hook(#kind, "", "exit 3");                                                                   \
		logging("poststop");                                                                         \
		start_fails();                                                                               \
		sees(log_text(), "poststop");                                                                \
	}
FAILS_IN_START(startContainer, "runtime.md:70")
FAILS_IN_START(poststart, "runtime.md:73")
static struct result delete_with_bad_hook(void)
{
	begin();
	hook("poststop", "", "echo bad-hook-says; exit 3");
	logging("poststop");
	bundle_start(&box, NULL);
	MUST(bundle_wait_status(&box, "stopped"));
	return nacre("delete", box.id, NULL);
}
RULE(poststop_fails, "runtime.md:79", "MUST",
     "a failing poststop hook does not keep the remaining ones from running")
{
	delete_with_bad_hook();
	sees(log_text(), "poststop");
}
RULE(poststop_fails_delete, "runtime.md:89", "MUST",
     "a failing poststop hook is a warning only: delete succeeds")
{
	succeeded(delete_with_bad_hook());
}
RULE(poststop_fails_warning, "runtime.md:79", "MUST", "a failing poststop hook is logged as a warning")
{
	struct result r = delete_with_bad_hook();
	MUST_SAY(*r.err || *r.out, "nothing was logged");
}
