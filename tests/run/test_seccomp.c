/* test_seccomp.c: system call filters, as seen from under them. */
#include <dirent.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/run/bundle.h"

/* getpriority is used by nobody here: the call that rules are made about. */
#define CALL "140"
_Static_assert(SYS_getpriority == 140, "these tests name system calls by x86-64's numbers");

static struct result under(struct bundle *b, const char *filter)
{
	bundle_make(b);
	bundle_config(b, "{'linux':{'seccomp':%s}}", filter);
	return bundle_run_inside(b, "syscall", CALL, ";", "caps", NULL);
}

RUN_TEST(allow, "a filter that allows all is loaded")
{
	struct bundle b;
	struct result r = under(&b, "{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_X86_64','"
				    "SCMP_ARCH_X86','SCMP_ARCH_X32']}");
	must_succeed(&r);
	must_print(&r, "syscall 140: ok");
	must_print(&r, "Seccomp:\t2");
}

RUN_TEST(errno_default, "SCMP_ACT_ERRNO is EPERM, or what errnoRet says")
{
	struct bundle b;
	struct result r = under(&b, "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['getpriority'],'"
				    "action':'SCMP_ACT_ERRNO'}]}");
	must_print(&r, "syscall 140: EPERM");
	r = under(&b, "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['getpriority','no_such_call'],"
		      "'action':'SCMP_ACT_ERRNO','errnoRet':38}]}");
	must_print(&r, "syscall 140: ENOSYS");
}

RUN_TEST(kill, "SCMP_ACT_KILL_PROCESS ends the container with SIGSYS")
{
	struct bundle b;
	struct result r = under(&b, "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['getpriority'],'"
				    "action':'SCMP_ACT_KILL_PROCESS'}]}");
	must_exit(&r, 128 + 31);
}

RUN_TEST(arguments, "rules about arguments")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['"
			  "getpriority'],'action':'SCMP_ACT_ERRNO','errnoRet':1,"
			  "'args':[{'index':0,'value':1,'op':'SCMP_CMP_EQ'}]}]}}}");
	struct result r = bundle_run_inside(&b, "syscall", CALL, "0", ";", "syscall", CALL, "1", NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "syscall 140: ok\nsyscall 140: EPERM"), "%s", r.out);
}

RUN_TEST(strict,
	 "a filter that allows little: what is not named fails, what the kernel has since learned is ENOSYS")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(
	    &b,
	    "{'linux':{'seccomp':{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':1,'syscalls':[{'names':["
	    "'read','write','open','openat','close','fstat','newfstatat','mmap','munmap','mprotect','brk','"
	    "exit','exit_group','arch_prctl','ioctl',"
	    "'set_tid_address','set_robust_list','rseq','prlimit64','readlink','readlinkat','getrandom','"
	    "execve','uname','rt_sigprocmask','rt_sigaction',"
	    "'futex','lseek','prctl','capset','capget','setgroups','setuid','setgid','setresuid','setresgid',"
	    "'fcntl','getpid','getppid','fchdir','chdir',"
	    "'close_range','sendmsg','recvmsg','sendto','recvfrom','accept','accept4','poll','ppoll','epoll_"
	    "wait','umask','gettid','tgkill','seccomp',"
	    "'statx','statfs','fstatfs','getcwd','dup','dup2','dup3','getdents64','kill','wait4','waitid','"
	    "shutdown','access','faccessat','faccessat2','execveat','openat2','writev','setsid','getuid','"
	    "geteuid','getgid','getegid'],"
	    "'action':'SCMP_ACT_ALLOW'}]}}}");
	struct result r =
	    bundle_run_inside(&b, "syscall", CALL, ";", "syscall", "9999", ";", "echo", "end", NULL);
	must_succeed(&r);
	must_print(&r, "syscall 140: EPERM");
	must_print(&r, "syscall 9999: ENOSYS");
	must_print(&r, "end");
}

RUN_TEST(no_new_privileges, "with and without noNewPrivileges")
{
	static const char *const values[] = {"true", "false"};
	for (size_t i = 0; i < 2; i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b,
			      "{'process':{'noNewPrivileges':%s},'linux':{'seccomp':{'defaultAction':'SCMP_"
			      "ACT_ALLOW','syscalls':[{'names':['getpriority'],"
			      "'action':'SCMP_ACT_ERRNO'}]}}}",
			      values[i]);
		struct result r = bundle_run_inside(&b, "syscall", CALL, ";", "caps", NULL);
		must_print(&r, "syscall 140: EPERM");
		must_print(&r, i ? "NoNewPrivs:\t0" : "NoNewPrivs:\t1");
	}
}

RUN_TEST(bad, "what is wrong in a filter is named, and nothing is left")
{
	static const char *const wrong[][2] = {
	    {"{'defaultAction':'SCMP_ACT_NOTHING'}",						     "SCMP_ACT_NOTHING"},
	    {"{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_PDP11']}",		       "SCMP_ARCH_PDP11" },
	    {"{'defaultAction':'SCMP_ACT_ALLOW','flags':['SECCOMP_FILTER_FLAG_NONE']}",
	     "SECCOMP_FILTER_FLAG_NONE"										    },
	    {"{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['read'],'action':'SCMP_ACT_X'}]}",
	     "SCMP_ACT_X"												  },
	    {"{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['getpriority'],'action':'SCMP_ACT_"
	     "ERRNO','args':[{'index':9,'value':1,'op':'SCMP_CMP_EQ'}]}]}",											   "index"						 },
	    {"{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['getpriority'],'action':'SCMP_ACT_"
	     "ERRNO','args':[{'index':0,'value':1,'op':'SCMP_CMP_X'}]}]}",											  "SCMP_CMP_X"							   },
	    {"{'defaultAction':'SCMP_ACT_ALLOW','defaultErrnoRet':7}","rrnoRet"},
	    {"{'syscalls':[]}",											     "defaultAction"																				   },
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct bundle b;
		struct result r = under(&b, wrong[i][0]);
		MUST_SAY(r.status != 0, "taken: %s", wrong[i][0]);
		must_fail(&r, wrong[i][1]);
		must_leave_nothing(&b);
	}
}

RUN_TEST(notify, "the notify descriptor goes to the listener, with the state and the metadata")
{
	not_in_vm("a notification cannot reach out of a guest");
	struct bundle b;
	bundle_make(&b);
	char *path = format("%s/listener", test_dir());
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	MUST(s >= 0 && !bind(s, (struct sockaddr *)&address, sizeof(address)) && !listen(s, 1));
	bundle_config(&b,
		      "{'linux':{'seccomp':{'defaultAction':'SCMP_ACT_ALLOW','listenerPath':'%s','"
		      "listenerMetadata':'about this','syscalls':[{'names':"
		      "['getpriority'],'action':'SCMP_ACT_NOTIFY'}]}}}",
		      path);
	bundle_inside(&b, "fds", ";", "echo", "end", ";", "sleep", "600", NULL);
	struct job job = nacre_start(NULL, "run", "--detach", "--bundle", b.dir, b.id, NULL);
	struct pollfd p = {s, POLLIN, 0};
	MUST_SAY(poll(&p, 1, PATIENCE * 1000) == 1, "nobody called: %s", file_text(job.err));
	int c = accept(s, NULL, NULL);
	char text[65536], control[256];
	struct iovec io = {text, sizeof(text) - 1};
	struct msghdr m = {
	    .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(c, &m, MSG_CMSG_CLOEXEC);
	MUST(n > 0);
	size_t got = (size_t)n;
	text[got] = '\0';
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	MUST_SAY(h && h->cmsg_type == SCM_RIGHTS, "no descriptor came with %s", text);
	while (!json_valid(text) && (n = read(c, text + got, sizeof(text) - 1 - got)) > 0)
		text[got += (size_t)n] = '\0';
	struct result r = job_wait(&job, PATIENCE);
	must_succeed(&r);
	MUST_SAY(!strcmp(json_value(text, "fds.0"), "seccompFd"), "%s", text);
	MUST_SAY(!strcmp(json_value(text, "metadata"), "about this"), "%s", text);
	MUST_SAY(!strcmp(json_value(text, "state.id"), b.id), "%s", text);
	MUST_SAY(atoi(json_value(text, "pid")) == bundle_pid(&b), "%s", text);
	/* What decides about the container is not in its own hands. */
	file_wait(job.out, "end");
	MUST_SAY(!strstr(file_text(job.out), "seccomp") && !strstr(file_text(job.out), "fd 3 "), "%s", file_text(job.out));
}

RUN_TEST(start_hook, "hooks in the container, too, are under its filter")
{
	need_file("/bin/busybox");
	static const char *const values[] = {"true", "false"};
	for (size_t i = 0; i < 2; i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b,
			      "{'process':{'noNewPrivileges':%s},'root':{'readonly':false},'linux':{'seccomp':{'defaultAction':'SCMP_ACT_ALLOW',"
			      "'syscalls':[{'names':['getpriority'],'action':'SCMP_ACT_ERRNO'}]}},'hooks':{'startContainer':[{'path':'/bin/busybox','args':"
			      "['busybox','sh','-c','/bin/busybox grep Seccomp: /proc/self/status >/seen; /bin/inside syscall %s >>/seen']}]}}",
			      values[i], CALL);
		struct result r = bundle_run_inside(&b, "cat", "/seen", NULL);
		must_succeed(&r);
		must_print(&r, "Seccomp:\t2");
		must_print(&r, "syscall 140: EPERM");
	}
}

RUN_TEST(cache, "a filter is compiled once; what is wrong with the kept one does no harm")
{
	static const char profile[] =
	    "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['getpriority'],'action':'SCMP_ACT_ERRNO','errnoRet':33}]}";
	char *folder = format("%s/.seccomp:filters", state_root()), *text, *file = NULL;
	for (int i = 0; i < 4; i++) {
		struct bundle b;
		struct result r = under(&b, profile);
		must_succeed(&r);
		must_print(&r, "syscall 140: EDOM");
		must_leave_nothing(&b);
		struct dirent *e;
		DIR *d = opendir(folder);
		int n = 0;
		while (d && (e = readdir(d)))
			if (e->d_name[0] != '.' && ++n)
				file = format("%s/%s", folder, e->d_name);
		MUST_SAY(n == 1, "%d files in %s", n, folder);
		closedir(d);
		/* The third one finds nonsense. */
		if (i == 1)
			file_write(file, "nonsense");
		text = file_text(file);
		MUST_SAY(i == 1 || strncmp(text, "nonsense", 8), "the bad one is still there");
	}
	struct result r = nacre("list", "-q", NULL);
	must_succeed(&r);
	MUST_SAY(!strstr(r.out, "seccomp"), "it is no container: %s", r.out);
}
