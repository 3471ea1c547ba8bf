/* proc.c: see proc.h. */
#include "base/proc.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/sys.h"

/* What we want of /proc/PID/stat. */
struct stat_line {
	char state;
	int parent;
	unsigned long long threads;
	uint64_t start_time;
};

/* Fields counted from 1 as in proc(5). */
enum { FIELD_STATE = 3, FIELD_PARENT = 4, FIELD_THREADS = 20, FIELD_START = 22 };

/* The command name (field 2) may hold blanks, brackets and line ends: the last ')' ends it. */
static int parse_stat(char *text, struct stat_line *out)
{
	char *p = strrchr(text, ')'), *save = NULL;
	struct stat_line got = {0};
	int field = FIELD_STATE;

	if (!p)
		return -EIO;
	for (p = strtok_r(p + 1, " ", &save); p && field <= FIELD_START;
	     p = strtok_r(NULL, " ", &save), field++) {
		if (field == FIELD_STATE)
			got.state = *p;
		else if (field == FIELD_PARENT && sscanf(p, "%d", &got.parent) != 1)
			return -EIO;
		else if (field == FIELD_THREADS && sscanf(p, "%llu", &got.threads) != 1)
			return -EIO;
		else if (field == FIELD_START && sscanf(p, "%" SCNu64, &got.start_time) != 1)
			return -EIO;
	}
	if (field <= FIELD_START)
		return -EIO;
	*out = got;
	return 0;
}

/* -ESRCH: there is no such process; anything else: /proc does not tell. */
static int read_stat(pid_t pid, struct stat_line *out)
{
	char path[sizeof("/proc//stat") + 12], text[1024];
	auto_close int fd = -EBADF;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* Without /proc nothing is there, which says nothing about the process. */
	if (fd < 0 && errno == ENOENT)
		return access("/proc/self/stat", F_OK) ? -EIO : -ESRCH;
	if (fd < 0)
		return -errno;
	do {
		n = read(fd, text, sizeof(text) - 1);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return parse_stat(text, out);
}

/* A leader that has left its other threads running shows as a zombie, too, but its process lives. */
static bool has_ended(const struct stat_line *s)
{
	return (s->state == 'Z' || s->state == 'X' || s->state == 'x') && s->threads <= 1;
}

int proc_open(pid_t pid, uint64_t start_time, struct proc *out, struct error *err)
{
	auto_close int pidfd = -EBADF;
	struct stat_line line;
	int ret;

	if (pid <= 0)
		return error_set(err, -EINVAL, "open process %d: not a process id", (int)pid);
	pidfd = sys_pidfd_open(pid, 0);
	if (pidfd < 0 && !sys_missing(errno, true))
		return error_errno(err, "open process %d", (int)pid);
	/* Read after the pidfd was opened: the pid was then still, or again, that of the process we compare
	 * with. */
	ret = read_stat(pid, &line);
	if (ret < 0)
		return error_set(err, ret, "open process %d: %s", (int)pid, strerror(-ret));
	if (start_time && line.start_time != start_time)
		return error_set(err, -ESRCH, "open process %d: it has ended, another one has its number",
				 (int)pid);
	/* Nothing to compare with: only a pidfd whose process still is there vouches that the line was about
	 * it. */
	if (!start_time && pidfd >= 0 && sys_pidfd_send_signal(pidfd, 0, NULL, 0) < 0 && errno == ESRCH)
		return error_errno(err, "open process %d", (int)pid);
	*out = (struct proc){pid, line.start_time, pidfd < 0 ? -EBADF : TAKE_FD(pidfd)};
	return 0;
}

void proc_close(struct proc *p)
{
	auto_closep(&p->pidfd);
	*p = PROC_NONE;
}

pid_t proc_parent(pid_t pid)
{
	struct stat_line line;
	int ret = read_stat(pid, &line);

	return ret < 0 ? ret : line.parent;
}

enum proc_life proc_life(const struct proc *p)
{
	struct stat_line line;
	int ret;

	if (p->pid <= 0)
		return PROC_GONE;
	ret = read_stat(p->pid, &line);
	if (ret == -ESRCH)
		return PROC_GONE;
	if (ret < 0)
		return !kill(p->pid, 0) || errno == EPERM ? PROC_ALIVE : PROC_GONE;
	if (p->start_time && line.start_time != p->start_time)
		return PROC_GONE;
	return has_ended(&line) ? PROC_ZOMBIE : PROC_ALIVE;
}

/* A pidfd is readable from the moment the process has ended, reaped or not. */
static bool pidfd_ended(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

int proc_signal(const struct proc *p, int signo, struct error *err)
{
	bool gone = p->pid <= 0 || (p->pidfd >= 0 ? pidfd_ended(p->pidfd) : proc_life(p) != PROC_ALIVE);

	if (gone)
		return error_set(err, -ESRCH, "signal process %d: it has ended", (int)p->pid);
	if (p->pidfd >= 0) {
		if (!sys_pidfd_send_signal(p->pidfd, signo, NULL, 0))
			return 0;
		if (!sys_missing(errno, false))
			return error_errno(err, "send signal %d to process %d", signo, (int)p->pid);
		if (proc_life(p) != PROC_ALIVE)
			return error_set(err, -ESRCH, "signal process %d: it has ended", (int)p->pid);
	}
	if (kill(p->pid, signo) < 0)
		return error_errno(err, "send signal %d to process %d", signo, (int)p->pid);
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* True once it has ended; else after at most `wait` ms (-1: no limit), or earlier. */
static bool ended_within(const struct proc *p, int wait, int nap)
{
	struct pollfd fd = {.fd = p->pidfd, .events = POLLIN};

	if (p->pidfd >= 0)
		return poll(&fd, 1, wait) > 0;
	if (proc_life(p) != PROC_ALIVE)
		return true;
	poll(NULL, 0, wait >= 0 && wait < nap ? wait : nap);
	return false;
}

int proc_wait_gone(const struct proc *p, int timeout_ms, struct error *err)
{
	int64_t end = timeout_ms < 0 ? 0 : now_ms() + timeout_ms;
	int wait = timeout_ms < 0 ? -1 : timeout_ms;

	if (p->pid <= 0)
		return 0;
	for (int nap = 1;; nap = nap < 16 ? nap * 2 : nap) {
		if (ended_within(p, wait, nap))
			return 0;
		if (timeout_ms < 0)
			continue;
		if (wait == 0)
			return error_set(err, -ETIMEDOUT, "wait for the end of process %d: %d ms are over",
					 (int)p->pid, timeout_ms);
		wait = (int)(end - now_ms());
		if (wait < 0)
			wait = 0;
	}
}

int proc_reap(pid_t pid, int *status, struct error *err)
{
	int st;
	pid_t got;

	if (pid <= 0)
		return error_set(err, -EINVAL, "wait for process %d: not a process id", (int)pid);
	/* __WALL: a child of clone3() need not announce its end by SIGCHLD. */
	do {
		got = waitpid(pid, &st, __WALL);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_errno(err, "wait for process %d", (int)pid);
	*status = st;
	return 0;
}

int proc_exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void proc_reset_signals(void)
{
	/* The kernel's own struct; the first word is the handler. */
	struct {
		void (*handler)(int);
		unsigned long words[3];
	} action, standard = { SIG_DFL, { 0 } };
	sigset_t none;

	for (int n = 1; n < NSIG; n++)
		if (syscall(SYS_rt_sigaction, n, NULL, &action, sizeof(uint64_t)) == 0 && action.handler != SIG_DFL)
			(void)syscall(SYS_rt_sigaction, n, &standard, NULL, sizeof(uint64_t));
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
