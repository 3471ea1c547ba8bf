/* test_seccomp.c: config-linux.md, "Seccomp". */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/conformance/conform.h"

/* getpriority(which, who) is called by nobody here, and in every architecture's list. */
#define CALL format("%d", (int)SYS_getpriority)

static void filter(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void filter(const char *fmt, ...)
{
	char *json;
	va_list ap;
	va_start(ap, fmt);
	MUST(vasprintf(&json, fmt, ap) >= 0);
	va_end(ap);
	begin();
	change("{'linux':{'seccomp':{%s}}}", json);
}
static char *answer(const char *a, const char *b)
{
	return value_of(inside("syscall", CALL, a, b), format("syscall %s:", CALL));
}
#define ALLOW		      "'defaultAction':'SCMP_ACT_ALLOW'"
#define ON_CALL(action, more) ALLOW ",'syscalls':[{'names':['getpriority'],'action':'" action "'" more "}]"

#define BAD(id, line, sentence, json)                                                                        \
	RULE(id, "config-linux.md:" line, "MUST", sentence)                                                  \
	{                                                                                                    \
		filter("%s", json);                                                                          \
		refused_at_last();                                                                           \
	}
BAD(no_default, "885", "seccomp without defaultAction is an error", "'syscalls':[]")
BAD(unknown_default, "885", "an unknown defaultAction is an error", "'defaultAction':'SCMP_ACT_SMILE'")
BAD(unknown_action, "948", "an unknown action is an error", ON_CALL("SCMP_ACT_SMILE", ""))
BAD(default_errno, "888", "defaultErrnoRet with an action that takes no number is an error",
    ALLOW ",'defaultErrnoRet':5")
BAD(call_errno, "963", "errnoRet with an action that takes no number is an error",
    ON_CALL("SCMP_ACT_KILL_PROCESS", ",'errnoRet':5"))
BAD(no_names, "946", "a rule without names is an error", ALLOW ",'syscalls':[{'action':'SCMP_ACT_ERRNO'}]")
BAD(empty_names, "947", "a rule with empty names is an error",
    ALLOW ",'syscalls':[{'names':[],'action':'SCMP_ACT_ERRNO'}]")
BAD(no_action, "948", "a rule without an action is an error", ALLOW ",'syscalls':[{'names':['getpriority']}]")
BAD(no_index, "969", "an argument without an index is an error",
    ON_CALL("SCMP_ACT_ERRNO", ",'args':[{'value':1,'op':'SCMP_CMP_EQ'}]"))
BAD(no_value, "970", "an argument without a value is an error",
    ON_CALL("SCMP_ACT_ERRNO", ",'args':[{'index':1,'op':'SCMP_CMP_EQ'}]"))
BAD(no_op, "972", "an argument without an operator is an error",
    ON_CALL("SCMP_ACT_ERRNO", ",'args':[{'index':1,'value':1}]"))
BAD(unknown_op, "973", "an unknown operator is an error",
    ON_CALL("SCMP_ACT_ERRNO", ",'args':[{'index':1,'value':1,'op':'SCMP_CMP_LIKE'}]"))
BAD(big_index, "969", "an argument that no system call has is an error",
    ON_CALL("SCMP_ACT_ERRNO", ",'args':[{'index':6,'value':1,'op':'SCMP_CMP_EQ'}]"))
BAD(unknown_arch, "891", "an unknown architecture is an error", ALLOW ",'architectures':['SCMP_ARCH_ABACUS']")
BAD(unknown_flag, "917", "an unknown flag is an error",
    ALLOW
    ",'flags':['SECCOMP_FILTER_FLAG_X'],'syscalls':[{'names':['getpriority'],'action':'SCMP_ACT_ERRNO'}]")

RULE(default_errno_value, "config-linux.md:886", "MUST", "defaultErrnoRet is the default action's number")
{
	begin();
	/* All that a small static program calls. */
	change(
	    "{'linux':{'seccomp':{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':5,'syscalls':[{'names':["
	    "'execve','execveat','brk','arch_prctl','set_tid_address',"
	    "'set_robust_list','rseq','prlimit64','readlinkat','readlink','accept4','accept','socket','"
	    "connect','bind','listen','kill','wait4','waitid','clone','clone3','setsockopt','getsockopt','"
	    "memfd_create','getrandom','mprotect','mmap','munmap','newfstatat','fstat','write','writev','"
	    "exit_group','ioctl','uname','exit',"
	    "'read','close','futex','rt_sigreturn','rt_sigaction','rt_sigprocmask','openat','fcntl','capset',"
	    "'capget','prctl','setresuid','setresgid','setgroups','setuid','setgid','chdir','fchdir',"
	    "'getppid','getpid','gettid','tgkill','sched_yield','sched_getaffinity','nanosleep','clock_"
	    "nanosleep','epoll_pwait','epoll_ctl','pread64','sendto','sendmsg','recvmsg','recvfrom','setsid',"
	    "'stat','lstat','access','faccessat','faccessat2',"
	    "'close_range','dup','dup2','dup3','poll','ppoll','pipe2','madvise','sigaltstack','getuid','"
	    "geteuid','getgid','getegid','umask','fchown','fstatfs','getdents64','lseek','seccomp','statx','"
	    "getcwd','keyctl','shutdown','epoll_create1'],"
	    "'action':'SCMP_ACT_ALLOW'}]}}}");
	MUST_SAY(!strcmp(answer("0", "0"), "EIO"), "%s", answer("0", "0"));
}
RULE(errno_default, "config-linux.md:964", "MUST", "SCMP_ACT_ERRNO without errnoRet is EPERM")
{
	filter(ON_CALL("SCMP_ACT_ERRNO", ""));
	MUST(!strcmp(answer("0", "0"), "EPERM"));
}
RULE(errno_value, "config-linux.md:961", "MUST", "errnoRet is the number that the call returns")
{
	filter(ON_CALL("SCMP_ACT_ERRNO", ",'errnoRet':38"));
	MUST(!strcmp(answer("0", "0"), "ENOSYS"));
}
RULE(errno_values, "config-linux.md:961", "MUST",
     "errnoRet of a profile that is like an earlier container's but for it")
{
	filter(ON_CALL("SCMP_ACT_ERRNO", ",'errnoRet':38"));
	MUST(!strcmp(answer("0", "0"), "ENOSYS"));
	change("{'linux':{'seccomp':{%s}}}", ON_CALL("SCMP_ACT_ERRNO", ",'errnoRet':5"));
	char *second = answer("0", "0");
	MUST_SAY(!strcmp(second, "EIO"), "%s", second);
}
RULE(act_allow, "config-linux.md:957", "MUST", "SCMP_ACT_ALLOW lets the call through")
{
	filter(ON_CALL("SCMP_ACT_ALLOW", ""));
	MUST(!strcmp(answer("0", "0"), "ok"));
}
RULE(act_log, "config-linux.md:958", "MUST", "SCMP_ACT_LOG lets the call through")
{
	filter(ON_CALL("SCMP_ACT_LOG", ""));
	MUST(!strcmp(answer("0", "0"), "ok"));
}
#define KILLS(id, line, action)                                                                              \
	RULE(act_##id, "config-linux.md:" line, "MUST", action " ends the program")                          \
	{                                                                                                    \
		filter(ON_CALL(action, ""));                                                                 \
		struct result r =                                                                            \
		    bundle_run_inside(&box, "echo", "before", ";", "syscall", CALL, "0", "0", NULL);         \
		sees(r.out, "before");                                                                       \
		MUST_SAY(r.status == 128 + 31, "status %d", r.status);                                       \
	}
KILLS(kill, "951", "SCMP_ACT_KILL")
KILLS(kill_process, "952", "SCMP_ACT_KILL_PROCESS")
KILLS(kill_thread, "953", "SCMP_ACT_KILL_THREAD")
KILLS(trap, "954", "SCMP_ACT_TRAP")
RULE(act_trace, "config-linux.md:956", "MUST", "SCMP_ACT_TRACE: without a tracer the call is ENOSYS")
{
	filter(ON_CALL("SCMP_ACT_TRACE", ",'errnoRet':7"));
	MUST(!strcmp(answer("0", "0"), "ENOSYS"));
}

/* With the rule on argument 1 (who) the first call is met and the second is not. */
#define OPERATOR(id, line, json, met, not_met)                                                               \
	RULE(op_##id, "config-linux.md:" line, "MUST", "SCMP_CMP_" #id)                                      \
	{                                                                                                    \
		filter(ON_CALL("SCMP_ACT_ERRNO",                                                             \
			       ",'errnoRet':99,'args':[{'index':0,'op':'SCMP_CMP_" #id "'," json "}]"));     \
		char *yes = answer(met, "0"), *no = answer(not_met, "0");                                    \
		MUST_SAY(!strcmp(yes, "EADDRNOTAVAIL"), "not met by %s: %s", met, yes);                      \
		MUST_SAY(strcmp(no, "EADDRNOTAVAIL"), "met by %s", not_met);                                 \
	}
OPERATOR(NE, "975", "'value':2", "1", "2")
OPERATOR(LT, "976", "'value':2", "1", "2")
OPERATOR(LE, "977", "'value':2", "2", "3")
OPERATOR(EQ, "978", "'value':2", "2", "1")
OPERATOR(GE, "979", "'value':2", "2", "1")
OPERATOR(GT, "980", "'value':2", "3", "2")
OPERATOR(MASKED_EQ, "981", "'value':12,'valueTwo':8", "9", "12")
RULE(unknown_call, "config-linux.md:946", "MUST",
     "a system call that this machine has not does not spoil the filter")
{
	filter(ALLOW ",'syscalls':[{'names':['no_such_call','getpriority'],'action':'SCMP_ACT_ERRNO'}]");
	MUST(!strcmp(answer("0", "0"), "EPERM"));
}
RULE(large_value, "config-linux.md:970", "MUST", "values are of 64 bits")
{
	filter(ON_CALL("SCMP_ACT_ERRNO", ",'args':[{'index':1,'value':4294967297,'op':'SCMP_CMP_EQ'}]"));
	MUST(!strcmp(answer("0", "4294967297"), "EPERM"));
}

#define ARCH(id, line)                                                                                       \
	RULE(arch_##id, "config-linux.md:" line, "MUST", "architecture SCMP_ARCH_" #id)                      \
	{                                                                                                    \
		filter(ALLOW ",'architectures':['SCMP_ARCH_" #id                                             \
			     "'],'syscalls':[{'names':['getpriority'],'action':'SCMP_ACT_ERRNO'}]");         \
		taken();                                                                                     \
	}
ARCH(X86, "893")
ARCH(X86_64, "894")
ARCH(X32, "895")
ARCH(ARM, "896")
ARCH(AARCH64, "897")
ARCH(MIPS, "898")
ARCH(MIPS64, "899")
ARCH(MIPS64N32, "900")
ARCH(MIPSEL, "901")
ARCH(MIPSEL64, "902")
ARCH(MIPSEL64N32, "903")
ARCH(PPC, "904")
ARCH(PPC64, "905")
ARCH(PPC64LE, "906")
ARCH(S390, "907")
ARCH(S390X, "908")
ARCH(PARISC, "909")
ARCH(PARISC64, "910")
ARCH(RISCV64, "911")
#define FLAG(id, line)                                                                                       \
	RULE(flag_##id, "config-linux.md:" line, "MUST", "flag SECCOMP_FILTER_FLAG_" #id)                    \
	{                                                                                                    \
		filter(ALLOW ",'flags':['SECCOMP_FILTER_FLAG_" #id                                           \
			     "'],'syscalls':[{'names':['getpriority'],'action':'SCMP_ACT_ERRNO'}]");         \
		MUST(!strcmp(answer("0", "0"), "EPERM"));                                                    \
	}
FLAG(TSYNC, "921")
FLAG(LOG, "922")
FLAG(SPEC_ALLOW, "923")

/* --- the listener --- */

struct call {
	int connection, fd, listener;
	char text[65536];
	struct job job;
};
static struct call call;
static void listen_for(const char *more)
{
	char *path;
	call.listener = listen_socket(&path);
	filter(ALLOW
	       ",'listenerPath':'%s'%s,'syscalls':[{'names':['getpriority'],'action':'SCMP_ACT_NOTIFY'}]",
	       path, more);
	bundle_inside(&box, "sleep", "600", NULL);
	call.job = nacre_start(NULL, "run", "--detach", "--bundle", box.dir, box.id, NULL);
	call.connection = receive_call(call.listener, call.text, sizeof(call.text), &call.fd);
	MUST_SAY(call.connection >= 0, "nobody called: %s", file_text(call.job.err));
	size_t n = strlen(call.text);
	struct pollfd p = {call.connection, POLLIN, 0};
	ssize_t got;
	while (n < sizeof(call.text) - 1 && poll(&p, 1, PATIENCE * 1000) == 1 &&
	       (got = read(call.connection, call.text + n, sizeof(call.text) - 1 - n)) > 0)
		call.text[n += (size_t)got] = '\0';
	struct result r = job_wait(&call.job, 20);
	succeeded(r);
}
RULE(notify_state, "config-linux.md:926", "MUST", "listenerPath: the container process state comes, as JSON")
{
	listen_for("");
	MUST_SAY(json_valid(call.text), "%s", call.text);
}
RULE(notify_one, "config-linux.md:928", "MUST", "listenerPath: exactly one state a connection")
{
	listen_for("");
	MUST_SAY(json_valid(call.text), "%s", call.text);
	struct pollfd p = {call.listener, POLLIN, 0};
	MUST_SAY(poll(&p, 1, 300) == 0, "it called again");
}
RULE(notify_closed, "config-linux.md:929", "MUST", "listenerPath: the connection is closed after the state")
{
	listen_for("");
	char c;
	struct pollfd p = {call.connection, POLLIN, 0};
	MUST(poll(&p, 1, PATIENCE * 1000) == 1 && read(call.connection, &c, 1) == 0);
}
RULE(notify_fails, "config-linux.md:930", "MUST", "listenerPath: where nobody listens is an error")
{
	filter(
	    ALLOW
	    ",'listenerPath':'%s/nobody','syscalls':[{'names':['getpriority'],'action':'SCMP_ACT_NOTIFY'}]",
	    test_dir());
	refused_at_last();
}
RULE(notify_ignored, "config-linux.md:931", "MUST", "listenerPath is ignored where no rule notifies")
{
	filter(ALLOW
	       ",'listenerPath':'%s/nobody','syscalls':[{'names':['getpriority'],'action':'SCMP_ACT_ERRNO'}]",
	       test_dir());
	taken();
}
RULE(notify_fd, "config-linux.md:935", "MUST",
     "listenerPath: seccompFd comes by SCM_RIGHTS and is named in fds")
{
	listen_for("");
	MUST_SAY(call.fd >= 0 && !strcmp(json_value(call.text, "fds.0"), "seccompFd"), "%s", call.text);
	char to[256] = "";
	MUST(readlink(format("/proc/self/fd/%d", call.fd), to, sizeof(to) - 1) > 0);
	holds(to, "seccomp notify");
}
RULE(notify_metadata, "config-linux.md:937", "MUST", "listenerMetadata comes as metadata")
{
	listen_for(",'listenerMetadata':'about this'");
	MUST_SAY(!strcmp(json_value(call.text, "metadata"), "about this"), "%s", call.text);
}
BAD(metadata_alone, "939", "listenerMetadata without listenerPath is an error",
    ALLOW ",'listenerMetadata':'x'")
RULE(notify_version, "config-linux.md:1013", "MUST", "the process state has an ociVersion")
{
	listen_for("");
	int a, b, c;
	MUST(sscanf(json_value(call.text, "ociVersion"), "%d.%d.%d", &a, &b, &c) == 3);
}
RULE(notify_pid, "config-linux.md:1016", "MUST", "the process state has the pid, as the runtime sees it")
{
	listen_for("");
	MUST_SAY(atoi(json_value(call.text, "pid")) == pid_of_box(), "%s", call.text);
}
RULE(notify_inner_state, "config-linux.md:1018", "MUST", "the process state has the container's state")
{
	listen_for("");
	MUST_SAY(!strcmp(json_value(call.text, "state.id"), box.id) &&
		     !strcmp(json_value(call.text, "state.bundle"), box.dir),
		 "%s", call.text);
}
RULE(notify_exec, "config-linux.md:926", "MUST", "listenerPath: exec's process notifies too")
{
	listen_for("");
	struct job job = nacre_start(NULL, "exec", "--detach", box.id, "/bin/inside", "sleep", "5", NULL);
	int fd, c = receive_call(call.listener, call.text, sizeof(call.text), &fd);
	MUST_SAY(c >= 0 && fd >= 0, "nobody called: %s", file_text(job.err));
	struct result r = job_wait(&job, PATIENCE);
	succeeded(r);
}
