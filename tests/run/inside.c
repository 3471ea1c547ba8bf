/* inside.c: the static program that looks around in a container and says what it sees, for the run tests to
 * compare.
 *
 *   inside COMMAND [ARGUMENT…] [";" COMMAND …]      each command prints lines; what fails prints the name of
 * the errno
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/run/hunt.h"

extern char **environ;

static const char *error_name(void)
{
	const char *name = strerrorname_np(errno);
	return name ? name : "?";
}

/* What a call did: "WHAT: ok" or "WHAT: EPERM". */
static void report(const char *what, int rc)
{
	printf("%s: %s\n", what, rc < 0 ? error_name() : "ok");
}

static void cat(int argc, char **argv)
{
	char buffer[4096];
	for (int i = 1; i < argc; i++) {
		int fd = open(argv[i], O_RDONLY);
		ssize_t n = -1;
		fflush(stdout);
		while (fd >= 0 && (n = read(fd, buffer, sizeof(buffer))) > 0)
			if (write(1, buffer, (size_t)n) < 0)
				break;
		if (n < 0)
			printf("%s: %s\n", argv[i], error_name());
		if (fd >= 0)
			close(fd);
	}
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void ls(int argc, char **argv)
{
	struct dirent **list;
	int n = scandir(argc > 1 ? argv[1] : ".", &list, NULL, by_name);
	if (n < 0)
		report("ls", -1);
	for (int i = 0; i < n; i++)
		if (strcmp(list[i]->d_name, ".") && strcmp(list[i]->d_name, ".."))
			printf("%s\n", list[i]->d_name);
}

/* MESSAGE…: to the socket named by $NOTIFY_SOCKET, each by itself. "|" stands for a newline. */
static void notify(int argc, char **argv)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path ? path : "");
	for (int i = 1; i < argc; i++) {
		for (char *bar = argv[i]; (bar = strchr(bar, '|'));)
			*bar = '\n';
		report("notify",
		       (int)sendto(fd, argv[i], strlen(argv[i]), 0, (struct sockaddr *)&a, sizeof(a)));
	}
	close(fd);
}

/* A child that goes on saying MESSAGE to that socket for as long as it lives, whoever reads there. */
static void babble(int argc, char **argv)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", getenv("NOTIFY_SOCKET") ? getenv("NOTIFY_SOCKET") : "");
	if (fork())
		return;
	for (int fd = socket(AF_UNIX, SOCK_DGRAM, 0);;)
		(void)sendto(fd, argv[1], strlen(argv[1]), 0, (struct sockaddr *)&a, sizeof(a));
}

/* PATH: c 666 0:0 1:3 */
static void show_stat(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct stat st;
		if (lstat(argv[i], &st)) {
			printf("%s: %s\n", argv[i], error_name());
			continue;
		}
		char kind = "?pc?d?b?f?l?s?"[(st.st_mode & S_IFMT) >> 12];
		printf("%s: %c %o %u:%u", argv[i], kind, st.st_mode & 07777, st.st_uid, st.st_gid);
		if (kind == 'c' || kind == 'b')
			printf(" %u:%u", major(st.st_rdev), minor(st.st_rdev));
		if (kind == 'f')
			printf(" %lld", (long long)st.st_size);
		if (kind == 'l') {
			char to[4096];
			ssize_t n = readlink(argv[i], to, sizeof(to));
			printf(" %.*s", (int)(n < 0 ? 0 : n), to);
		}
		printf("\n");
	}
}

static void id(int argc, char **argv)
{
	uid_t r, e, s;
	gid_t groups[256], rg, eg, sg;
	int n = getgroups(256, groups);
	mode_t mask = umask(0);
	umask(mask);
	getresuid(&r, &e, &s);
	getresgid(&rg, &eg, &sg);
	printf("uid=%u,%u,%u gid=%u,%u,%u umask=%04o groups=", r, e, s, rg, eg, sg, mask);
	for (int i = 0; i < n; i++)
		printf("%s%u", i ? "," : "", groups[i]);
	printf("\n");
}

/* Lines of /proc/self/status that begin with one of the words. */
static void status_lines(const char *const *words)
{
	char line[1024];
	FILE *f = fopen("/proc/self/status", "re");
	while (f && fgets(line, sizeof(line), f))
		for (const char *const *w = words; *w; w++)
			if (!strncmp(line, *w, strlen(*w)))
				printf("%s", line);
	if (f)
		fclose(f);
}

static void status(int argc, char **argv)
{
	status_lines((const char *const *)argv + 1);
}

static void caps(int argc, char **argv)
{
	static const char *const words[] = {"Cap", "NoNewPrivs", "Seccomp:", NULL};
	status_lines(words);
}

/* The last mount on each of these points: "POINT TYPE per-mount-options super-options propagation"; "POINT
 * none". */
static void show_mount(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char line[4096], found[4096] = "";
		FILE *f = fopen("/proc/self/mountinfo", "re");
		while (f && fgets(line, sizeof(line), f)) {
			char point[1024], options[512], type[64], super[2048], *dash = strstr(line, " - ");
			if (!dash || sscanf(line, "%*s %*s %*s %*s %1023s %511s", point, options) != 2 ||
			    strcmp(point, argv[i]))
				continue;
			if (sscanf(dash + 3, "%63s %*s %2047s", type, super) != 2)
				continue;
			*dash = '\0';
			const char *shared = strstr(line, " shared:")	   ? "shared"
					     : strstr(line, " master:")	   ? "slave"
					     : strstr(line, " unbindable") ? "unbindable"
									   : "private";
			snprintf(found, sizeof(found), "%s %s %s %s %s", point, type, options, super, shared);
		}
		if (f)
			fclose(f);
		if (*found)
			printf("%s\n", found);
		else
			printf("%s none\n", argv[i]);
	}
}

static void cwd(int argc, char **argv)
{
	/* The bare call: libc hides an unreachable folder. */
	char path[4096];
	long n = syscall(SYS_getcwd, path, sizeof(path));
	printf("cwd %s\n", n < 0 ? error_name() : path);
}

static void env(int argc, char **argv)
{
	for (char **v = environ; *v; v++)
		printf("%s\n", *v);
}

/* Every open descriptor but that of the listing: "3 /etc/passwd". */
static void fds(int argc, char **argv)
{
	DIR *d = opendir("/proc/self/fd");
	for (struct dirent *e; d && (e = readdir(d));) {
		char path[64], to[4096];
		int fd = atoi(e->d_name);
		if (e->d_name[0] == '.' || fd == dirfd(d))
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t n = readlink(path, to, sizeof(to));
		printf("fd %d %.*s\n", fd, (int)(n < 0 ? 0 : n), to);
	}
	if (d)
		closedir(d);
}

static void names(int argc, char **argv)
{
	struct utsname u;
	uname(&u);
	printf("hostname %s\ndomainname %s\nmachine %s\n", u.nodename, u.domainname, u.machine);
}

static void tty(int argc, char **argv)
{
	struct winsize size = {0};
	for (int i = 0; i < 3; i++)
		printf("tty %d %s\n", i, isatty(i) ? "yes" : "no");
	if (!ioctl(0, TIOCGWINSZ, &size))
		printf("size %u %u\n", size.ws_row, size.ws_col);
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
	printf("controlling %s\n", fd >= 0 ? "yes" : error_name());
	if (fd >= 0)
		close(fd);
	printf("foreground %s\n", tcgetpgrp(0) == getpgrp() ? "yes" : "no");
}

static void write_file(int argc, char **argv)
{
	int fd = argc > 1 ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
	int rc = fd < 0 ? -1 : (int)write(fd, argc > 2 ? argv[2] : "x", strlen(argc > 2 ? argv[2] : "x"));
	printf("write %s: %s\n", argv[1], rc < 0 ? error_name() : "ok");
	if (fd >= 0)
		close(fd);
}

static void open_file(int argc, char **argv)
{
	int flags = argc > 2 && !strcmp(argv[2], "rw")	? O_RDWR
		    : argc > 2 && !strcmp(argv[2], "w") ? O_WRONLY
							: O_RDONLY;
	int fd = open(argv[1], flags);
	printf("open %s: %s\n", argv[1], fd < 0 ? error_name() : "ok");
	if (fd >= 0)
		close(fd);
}

static volatile sig_atomic_t caught;
static void on_signal(int signo)
{
	caught = signo;
}

static int signal_number(const char *name)
{
	for (int i = 1; i < 65; i++)
		if (sigabbrev_np(i) && !strcmp(sigabbrev_np(i), name))
			return i;
	return atoi(name);
}

/* SIGNAL STATUS: says "ready", waits for it, says its name, ends. */
static void trap(int argc, char **argv)
{
	sigset_t all, none;
	struct sigaction sa = {.sa_handler = on_signal};
	/* Blocked but while we wait: none may come between the look at `caught` and the wait. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (int i = 1; i < 65; i++)
		if (i != SIGCHLD)
			sigaction(i, &sa, NULL);
	printf("ready\n");
	fflush(stdout);
	sigemptyset(&none);
	while (!caught || (argc > 1 && caught != signal_number(argv[1]) && strcmp(argv[1], "any")))
		sigsuspend(&none);
	printf("caught %d\n", caught);
	fflush(stdout);
	exit(argc > 2 ? atoi(argv[2]) : 0);
}

static void children(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1, made = 0;
	for (int i = 0; i < n; i++) {
		int pid = fork();
		if (!pid) {
			pause();
			_exit(0);
		}
		if (pid < 0)
			break;
		made++;
	}
	printf("children %d %s\n", made, made < n ? error_name() : "ok");
}

static void namespaces(int argc, char **argv)
{
	static const char *const kinds[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		char path[64], to[64];
		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		ssize_t n = readlink(path, to, sizeof(to));
		printf("ns %s\n", n < 0 ? error_name() : (to[n] = '\0', to));
	}
}

static void rlimits(int argc, char **argv)
{
	static const char *const kinds[] = {"CPU",	"FSIZE",  "DATA",    "STACK", "CORE",  "RSS",
					    "NPROC",	"NOFILE", "MEMLOCK", "AS",    "LOCKS", "SIGPENDING",
					    "MSGQUEUE", "NICE",	  "RTPRIO",  "RTTIME"};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct rlimit l;
		if (getrlimit((__rlimit_resource_t)i, &l))
			continue;
		printf("rlimit %s %lld %lld\n", kinds[i], (long long)l.rlim_cur, (long long)l.rlim_max);
	}
}

static void signals(int argc, char **argv)
{
	static const char *const words[] = {"SigBlk", "SigIgn", "SigCgt", NULL};
	status_lines(words);
}

static void call(int argc, char **argv)
{
	errno = 0;
	long rc = syscall(atol(argv[1]), argc > 2 ? strtoul(argv[2], NULL, 0) : 0,
			  argc > 3 ? strtoul(argv[3], NULL, 0) : 0, 0, 0, 0, 0);
	printf("syscall %s: %s\n", argv[1], rc < 0 ? error_name() : "ok");
}

static void do_mount(int argc, char **argv)
{
	if (!strcmp(argv[0], "umount"))
		report("umount", umount2(argv[1], MNT_DETACH));
	else if (!strcmp(argv[0], "remount-rw"))
		report("remount-rw", mount(NULL, argv[1], NULL, MS_REMOUNT | MS_BIND, NULL));
	else
		report("mount", mount("none", argv[1], argc > 2 ? argv[2] : "tmpfs", 0, NULL));
}

static void make_node(int argc, char **argv)
{
	mode_t kind = argv[2][0] == 'b' ? S_IFBLK : argv[2][0] == 'p' ? S_IFIFO : S_IFCHR;
	report("mknod", mknod(argv[1], kind | 0600,
			      argc > 4 ? makedev((unsigned)atoi(argv[3]), (unsigned)atoi(argv[4])) : 0));
}

static void scheduling(int argc, char **argv)
{
	struct sched_param p;
	cpu_set_t cpus;
	sched_getparam(0, &p);
	printf("policy %d priority %d nice %d ioprio %ld\n", sched_getscheduler(0) & ~SCHED_RESET_ON_FORK,
	       p.sched_priority, getpriority(PRIO_PROCESS, 0), syscall(SYS_ioprio_get, 1, 0));
	if (!sched_getaffinity(0, sizeof(cpus), &cpus)) {
		printf("cpus");
		for (int i = 0; i < CPU_SETSIZE; i++)
			if (CPU_ISSET(i, &cpus))
				printf(" %d", i);
		printf("\n");
	}
	printf("personality %#x\n", (unsigned)personality(0xffffffff));
}

static void spend(int argc, char **argv)
{
	size_t n = strtoul(argv[1], NULL, 10) << 20;
	char *p = malloc(n);
	for (size_t i = 0; p && i < n; i += 4096)
		*(volatile char *)(p + i) = 1;
	printf("spent %s MiB\n", argv[1]);
}

static void clocks(int argc, char **argv)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	printf("boottime %lld\n", (long long)t.tv_sec);
	clock_gettime(CLOCK_MONOTONIC, &t);
	printf("monotonic %lld\n", (long long)t.tv_sec);
}

static void echo(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("%s%s", i > 1 ? " " : "", argv[i]);
	printf("\n");
}

static void nap(int argc, char **argv)
{
	fflush(stdout);
	struct timespec t = {atoi(argv[1]), 0};
	nanosleep(&t, NULL);
}

static void leave(int argc, char **argv)
{
	fflush(stdout);
	exit(atoi(argv[1]));
}

static void kill_self(int argc, char **argv)
{
	/* PID 1 of a namespace is deaf to its own signals: a fault is the way to die of one there. */
	fflush(stdout);
	signal(signal_number(argv[1]), SIG_DFL);
	if (!strcmp(argv[1], "SEGV")) {
		volatile int *volatile nowhere = NULL;
		*nowhere = 1;
	}
	raise(signal_number(argv[1]));
}

static void pids(int argc, char **argv)
{
	printf("pid %d ppid %d pgrp %d sid %d\n", getpid(), getppid(), getpgrp(), getsid(0));
}

static void become(int argc, char **argv)
{
	uid_t uid = (uid_t)atoi(argv[1]);
	report("setgroups", setgroups(0, NULL));
	report("setuid", setresuid(uid, uid, uid));
}

static void run(int argc, char **argv)
{
	fflush(stdout);
	int pid = fork(), st = 0;
	if (!pid) {
		execv(argv[1], argv + 1);
		printf("exec %s: %s\n", argv[1], error_name());
		fflush(stdout);
		_exit(127);
	}
	waitpid(pid, &st, 0);
	printf("ended %d\n", WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st));
}

static void spell(int argc, char **argv)
{
	/* One line from stdin, given back. */
	char line[256];
	printf("line %s\n", fgets(line, sizeof(line), stdin) ? strtok(line, "\n") : "none");
}

static void go_to(int argc, char **argv)
{
	report("chdir", chdir(argv[1]));
}

/* A user and a mount namespace of one's own, with all capabilities there. */
static void nest(int argc, char **argv)
{
	report("nest", unshare(CLONE_NEWUSER | CLONE_NEWNS));
}

static void dumpable(int argc, char **argv)
{
	printf("dumpable %d\n", prctl(PR_GET_DUMPABLE));
}

static void links(int argc, char **argv)
{
	DIR *d = opendir("/sys/class/net");
	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.')
			printf("link %s\n", e->d_name);
	if (d)
		closedir(d);
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct {
		char name[16];
		short flags;
		char rest[22];
	} request = {.name = "lo"};
	if (s >= 0 && !ioctl(s, 0x8913 /* SIOCGIFFLAGS */, &request))
		printf("lo %s\n", request.flags & 1 ? "up" : "down");
	if (s >= 0)
		close(s);
}

static const struct {
	const char *name;
	void (*run)(int, char **);
	int arguments;
} commands[] = {
    {"babble",     babble,     1},
    {"become",     become,     1},
    {"caps",	     caps,	   0},
    {"cat",	    cat,	 1},
    {"chdir",      go_to,	     1},
    {"children",	 children,   1},
    {"clocks",     clocks,     0},
    {"cwd",	    cwd,	 0},
    {"dumpable",	 dumpable,   0},
    {"echo",	     echo,	   0},
    {"env",	    env,	 0},
    {"exit",	     leave,	    1},
    {"fds",	    fds,	 0},
    {"hunt",	     hunt,	   1},
    {"id",	   id,	       0},
    {"links",      links,	     0},
    {"ls",	   ls,	       0},
    {"mknod",      make_node,	 2},
    {"mount",      do_mount,	1},
    {"names",      names,	     0},
    {"nest",	     nest,	   0},
    {"ns",	   namespaces, 0},
    {"notify",     notify,     1},
    {"open",	     open_file,	1},
    {"pids",	     pids,	   0},
    {"raise",      kill_self,	 1},
    {"read",	     spell,	    0},
    {"remount-rw", do_mount,   1},
    {"rlimits",	rlimits,	 0},
    {"run",	    run,	 1},
    {"sched",      scheduling, 0},
    {"showmount",  show_mount, 1},
    {"signals",	signals,	 0},
    {"sleep",      nap,	   1},
    {"spend",      spend,	     1},
    {"stat",	     show_stat,	1},
    {"status",     status,     1},
    {"syscall",	call,	      1},
    {"trap",	     trap,	   0},
    {"tty",	    tty,	 0},
    {"umount",     do_mount,	 1},
    {"write",      write_file, 1},
};

int main(int argc, char **argv)
{
	int at = 1;
	while (at < argc) {
		int n = 1;
		while (at + n < argc && strcmp(argv[at + n], ";"))
			n++;
		if (at + n < argc)
			argv[at + n] = NULL;
		size_t i = 0, count = sizeof(commands) / sizeof(*commands);
		while (i < count && strcmp(commands[i].name, argv[at]))
			i++;
		if (i == count || n <= commands[i].arguments) {
			fprintf(stderr, "inside: %s: no such command, or too few arguments\n", argv[at]);
			return 125;
		}
		commands[i].run(n, argv + at);
		fflush(stdout);
		at += n + 1;
	}
	return 0;
}
