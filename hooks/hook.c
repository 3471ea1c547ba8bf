/* hook.c: one hook at a time: a child in a process group of its own, watched until it ends or its time is up.
 */
#include "hooks/hook.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/table.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

const char *const hook_kind_names[HOOK_KIND_MAX + 1] = {
    [HOOK_PRESTART] = "prestart",
    [HOOK_CREATE_RUNTIME] = "createRuntime",
    [HOOK_CREATE_CONTAINER] = "createContainer",
    [HOOK_START_CONTAINER] = "startContainer",
    [HOOK_POSTSTART] = "poststart",
    [HOOK_POSTSTOP] = "poststop",
};
NAMES_COMPLETE(hook_kind_names, HOOK_KIND_MAX);

enum {
	OUTPUT_KEPT = 4096,
	DRAIN_MOST =
	    64 * OUTPUT_KEPT, /* at one go: whoever writes without end must not keep us from the clock */
	WORDS_MOST = 300,     /* of them in the error text */
	TICK_MS = 20,	      /* how often is asked where the kernel has no pidfd */
};

/* A running hook. */
struct run {
	pid_t pid;
	int pidfd, output;
	int64_t deadline; /* CLOCK_MONOTONIC, ms; INT64_MAX: none */
	size_t n;	  /* of the output, in all */
	char ring[OUTPUT_KEPT];
};

const struct oci_hook_list *hook_list(const struct oci_hooks *hooks, enum hook_kind kind)
{
	static const struct oci_hook_list none;

	if (!hooks)
		return &none;
	switch (kind) {
	case HOOK_PRESTART:
		return &hooks->prestart;
	case HOOK_CREATE_RUNTIME:
		return &hooks->create_runtime;
	case HOOK_CREATE_CONTAINER:
		return &hooks->create_container;
	case HOOK_START_CONTAINER:
		return &hooks->start_container;
	case HOOK_POSTSTART:
		return &hooks->poststart;
	case HOOK_POSTSTOP:
		return &hooks->poststop;
	case HOOK_KIND_MAX:
		break;
	}
	return &none;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Out of the way of 0 to 2, which the child fills: a caller may have come with one of them closed. */
static int lift(int *fd, struct error *err)
{
	int higher;

	if (*fd > STDERR_FILENO)
		return 0;
	higher = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (higher < 0)
		return error_errno(err, "duplicate a descriptor");
	close(*fd);
	*fd = higher;
	return 0;
}

/* The state as a file in memory, not a pipe: however long it is and whatever the hook does with its stdin,
 * nobody waits and nobody gets SIGPIPE. One for each hook, as a child that an earlier hook left behind may
 * still have hold of that hook's. */
static int state_open(const char *json, int *out, struct error *err)
{
	auto_close int fd = memfd_create("state.json", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	int r;

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("state.json", MFD_CLOEXEC); /* before 6.3 */
	if (fd < 0)
		return error_errno(err, "make a file in memory for the state");
	r = lift(&fd, err);
	if (r == 0)
		r = fd_write_all(fd, json, strlen(json), err);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_errno(err, "rewind the state");
	*out = TAKE_FD(fd);
	return 0;
}

static int pipe_open(int *read_end, int *write_end, struct error *err)
{
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_errno(err, "pipe");
	*read_end = fds[0];
	*write_end = fds[1];
	r = lift(read_end, err);
	return r < 0 ? r : lift(write_end, err);
}

/* In the child. The order matters: its own process group first, so that a kill finds it from the beginning;
 * signals are let in last, when none of them can call a handler of ours any more. Writes errno to `report` if
 * it cannot become the hook. */
static _Noreturn void become(const struct oci_hook *hook, char *const *env, int state, int output, int report)
{
	char *just_path[] = {hook->path, NULL};
	char *const *args = hook->args.n ? hook->args.v : just_path;
	int e;

	setpgid(0, 0);
	/* Close-on-exec also for what a caller of ours left open without it: a hook gets no descriptor of the
	 * runtime. */
	if (dup2(state, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
	    dup2(output, STDERR_FILENO) >= 0 && fd_cloexec_from(STDERR_FILENO + 1, NULL) == 0) {
		proc_reset_signals();
		execve(hook->path, args, env);
	}
	e = errno;
	while (write(report, &e, sizeof(e)) < 0 && errno == EINTR)
		;
	_exit(127);
}

/* Waits for the child to have become the hook: the report's other end then closes by itself. */
static int hear_exec(const struct oci_hook *hook, int report, struct error *err)
{
	ssize_t n;
	int e = 0;

	do {
		n = read(report, &e, sizeof(e));
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	if (n != sizeof(e) || e <= 0)
		return error_set(err, -EIO, "it could not be executed, and did not say why");
	if (e == ENOENT && access(hook->path, F_OK) == 0)
		return error_set(err, -e, "the interpreter it names is missing");
	errno = e;
	return error_set(err, -e, "%s", strerror(e));
}

static int launch(const struct oci_hook *hook, const char *json, char *const *env, struct run *run,
		  struct error *err)
{
	auto_close int state = -EBADF, output = -EBADF, output_in = -EBADF, report = -EBADF,
		       report_in = -EBADF;
	pid_t pid;
	int r;

	r = state_open(json, &state, err);
	if (r == 0)
		r = pipe_open(&output, &output_in, err);
	if (r == 0)
		r = pipe_open(&report, &report_in, err);
	if (r < 0)
		return r;
	if (fcntl(output, F_SETFL, O_NONBLOCK) < 0)
		return error_errno(err, "make a pipe non-blocking");
	pid = fork();
	if (pid < 0)
		return error_errno(err, "fork");
	if (pid == 0)
		become(hook, env, state, output_in, report_in);
	close(TAKE_FD(report_in));
	r = hear_exec(hook, report, err);
	if (r < 0) {
		proc_reap(pid, &(int){0}, NULL);
		return r;
	}
	run->pid = pid;
	run->pidfd = sys_pidfd_open(pid, 0);
	run->output = TAKE_FD(output);
	return 0;
}

/* Reads what is there. At its end the pipe is closed, so that it is not polled for ever. */
static void drain(struct run *run)
{
	char block[OUTPUT_KEPT];

	for (size_t taken = 0; run->output >= 0 && taken < DRAIN_MOST;) {
		ssize_t n = read(run->output, block, sizeof(block));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close(TAKE_FD(run->output));
			return;
		}
		for (ssize_t i = 0; i < n; i++)
			run->ring[run->n++ % OUTPUT_KEPT] = block[i];
		taken += (size_t)n;
	}
}

/* Until the hook itself has ended: what it leaves running in the background may keep its output open for as
 * long as it likes. */
static int wait_end(struct run *run, int *status, struct error *err)
{
	for (;;) {
		struct pollfd fds[2] = {
		    {.fd = run->pidfd,  .events = POLLIN},
			  {.fd = run->output, .events = POLLIN}
		       };
		int64_t left = run->deadline == INT64_MAX ? INT_MAX : run->deadline - now_ms();
		pid_t got;

		if (left <= 0)
			return -ETIMEDOUT;
		if (run->pidfd < 0 && left > TICK_MS)
			left = TICK_MS;
		if (left > INT_MAX)
			left = INT_MAX;
		if (poll(fds, 2, (int)left) < 0 && errno != EINTR)
			return error_errno(err, "poll");
		if (fds[1].revents)
			drain(run);
		if (run->pidfd >= 0 && !fds[0].revents)
			continue;
		got = waitpid(run->pid, status, WNOHANG);
		if (got == run->pid)
			return 0;
		if (got < 0 && errno != EINTR)
			return error_errno(err, "wait for it");
	}
}

/* The last of the output as one line of at most WORDS_MOST bytes: runs of blanks and control characters
 * become one blank. */
static void last_words(const struct run *run, char words[WORDS_MOST + 1])
{
	size_t kept = run->n < OUTPUT_KEPT ? run->n : OUTPUT_KEPT, n = 0;
	char line[OUTPUT_KEPT];

	for (size_t i = run->n - kept; i < run->n; i++) {
		unsigned char c = (unsigned char)run->ring[i % OUTPUT_KEPT];

		if (c > ' ' && c != 0x7f)
			line[n++] = (char)c;
		else if (n && line[n - 1] != ' ')
			line[n++] = ' ';
	}
	while (n && line[n - 1] == ' ')
		n--;
	size_t from = n > WORDS_MOST ? n - WORDS_MOST : 0;
	while (from && from < n && ((unsigned char)line[from] & 0xc0) == 0x80)
		from++; /* not into the middle of a character of UTF-8 */
	memcpy(words, line + from, n - from);
	words[n - from] = '\0';
}

/* What its end means: 0 where it exited with 0. */
static int judge(const struct run *run, int status, struct error *err)
{
	char words[WORDS_MOST + 1];
	const char *colon;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	last_words(run, words);
	colon = *words ? ": " : "";
	if (WIFSIGNALED(status))
		return error_set(err, -ECANCELED, "ended by signal %d (%s)%s%s", WTERMSIG(status),
				 strsignal(WTERMSIG(status)), colon, words);
	return error_set(err, -ECANCELED, "exit status %d%s%s", WEXITSTATUS(status), colon, words);
}

static int give_up(struct run *run, const struct oci_hook *hook, struct error *err)
{
	char words[WORDS_MOST + 1];

	drain(run);
	last_words(run, words);
	return error_set(err, -ETIMEDOUT, "timed out after %lld s%s%s", (long long)hook->timeout.v,
			 *words ? ": " : "", words);
}

static int run_one(const struct oci_hook *hook, const char *json, char *const *env, struct error *err)
{
	struct run run = {.pidfd = -EBADF, .output = -EBADF, .deadline = INT64_MAX};
	int status = 0, r;

	if (hook->env.v)
		env = hook->env.v;
	if (hook->timeout.set && hook->timeout.v > 0 && hook->timeout.v < INT64_MAX / 2000)
		run.deadline = now_ms() + hook->timeout.v * 1000;
	r = launch(hook, json, env, &run, err);
	if (r < 0)
		return r;
	r = wait_end(&run, &status, err);
	if (r < 0) {
		/* All of the group: what the hook waits for would otherwise go on. Not reaped yet, so the
		 * number still is the hook's. */
		kill(-run.pid, SIGKILL);
		proc_reap(run.pid, &status, NULL);
	}
	if (r == -ETIMEDOUT) {
		r = give_up(&run, hook, err);
	} else if (r == 0) {
		drain(&run);
		r = judge(&run, status, err);
	}
	if (run.pidfd >= 0)
		close(run.pidfd);
	if (run.output >= 0)
		close(run.output);
	return r;
}

int hook_run_list(const struct oci_hooks *hooks, enum hook_kind kind, const char *state_json,
		  char *const *env, bool keep_going, struct error *err)
{
	const struct oci_hook_list *list = hook_list(hooks, kind);

	for (size_t i = 0; i < list->n; i++) {
		struct error one = ERROR_NONE;
		int r = run_one(&list->v[i], state_json, env ? env : environ, &one);

		if (r == 0)
			continue;
		r = error_wrap(&one, "%s hook %zu (%.120s)", hook_kind_names[kind], i + 1, list->v[i].path);
		if (!keep_going) {
			if (err)
				*err = one;
			return r;
		}
		log_foreign(LOG_WARNING, one.msg);
	}
	return 0;
}
