/* harness.c: runs tests one after another, each forked, with a folder of its own and whatever it leaves
 * behind killed and reported. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/run/bundle.h"
#include "tests/run/harness.h"

enum { EXIT_SKIPPED = 77, TEST_SECONDS = 5 * PATIENCE };

static struct run_test *first, **last = &first;
static char folder[64];
static int verdict = -1; /* the child's pipe to us: why it failed or was skipped */

void harness_add(struct run_test *test)
{
	*last = test;
	last = &test->next;
}

const char *test_dir(void)
{
	return folder;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void nap(int ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
	nanosleep(&t, NULL);
}

/* --- in a test --- */

static void say(const char *fmt, va_list ap)
{
	char text[4096];
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1;
	if (n > 0 && write(verdict, text, (size_t)n) < 0)
		_exit(1);
}

_Noreturn void test_fail(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	dprintf(verdict, "%s:%d: ", base ? base + 1 : file, line);
	va_list ap;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	_exit(1);
}

_Noreturn void test_skip(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	_exit(EXIT_SKIPPED);
}

bool am_root(void)
{
	return geteuid() == 0;
}

void need_root(void)
{
	if (!am_root())
		test_skip("needs root");
}

void need_file(const char *path)
{
	if (access(path, F_OK))
		test_skip("this machine has no %s", path);
}

int rounds(int many)
{
	return !getenv("NACRE_TEST_SLOW") || many <= 4 ? many : many / 8 > 4 ? many / 8 : 4;
}

bool have_cgroup_v2_only(void)
{
	return access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
}

bool in_vm(void)
{
	const char *program = getenv("NACRE");
	const char *end = program ? program + strcspn(program, " ") : NULL;
	const char *name = "/nacre-kvm";
	size_t n = strlen(name);

	return program && (size_t)(end - program) >= n && !strncmp(end - n, name, n);
}

void not_in_vm(const char *why)
{
	if (in_vm())
		test_skip("in a virtual machine: %s", why);
}

void need_limits(void)
{
	if (am_root())
		return;
	/* Delegated is what the user may write to: his own cgroup, or that of the service which he is in a
	 * sub-cgroup of. */
	char *own = have_cgroup_v2_only() ? strstr(file_text("/proc/self/cgroup"), "0::") : NULL;
	if (own)
		own[strcspn(own, "\n")] = '\0';
	if (!own || access(format("/sys/fs/cgroup%s/cgroup.procs", own + 3), W_OK))
		test_skip("needs root, or a cgroup that the user owns (run it below `systemd-run --user -p "
			  "Delegate=yes`)");
}

const char *cgroup_v1_mount(const char *controller)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[1024], where[512];
	const char *found = NULL;
	while (f && !found && fgets(line, sizeof(line), f)) {
		char *tail = strstr(line, " - cgroup ");
		if (!tail || sscanf(line, "%*s %*s %*s %*s %511s", where) != 1)
			continue;
		/* The controllers are the super block's options, the last word: "rw,cpu,cpuacct". */
		char *options = strrchr(tail, ' ') + 1;
		for (char *word = strtok(options, ",\n"); word; word = strtok(NULL, ",\n"))
			if (!strcmp(word, controller))
				found = format("%s", where);
	}
	if (f)
		fclose(f);
	return found;
}

char *format(const char *fmt, ...)
{
	char *s;
	va_list ap;
	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		abort();
	va_end(ap);
	return s; /* the test is a short process: it frees by ending */
}

char *file_text(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0, room = 4096;
	char *text = malloc(room);
	ssize_t got;
	if (!text)
		abort();
	while (fd >= 0 && (got = read(fd, text + n, room - n - 1)) > 0) {
		n += (size_t)got;
		if (n + 1 == room && !(text = realloc(text, room *= 2)))
			abort();
	}
	text[n] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

int patiently(int seconds)
{
	return in_vm() ? 6 * seconds : seconds;
}

char *file_wait(const char *path, const char *needle)
{
	char *text = file_text(path);
	for (double end = now() + patiently(PATIENCE); !strstr(text, needle); nap(5)) {
		MUST_SAY(now() < end, "\"%s\" never came; there is: %s", needle, text);
		free(text);
		text = file_text(path);
	}
	return text;
}

void file_write(const char *path, const char *fmt, ...)
{
	FILE *f = fopen(path, "we");
	MUST_SAY(f, "open %s: %s", path, strerror(errno));
	va_list ap;
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	MUST(!fclose(f));
}

void make_folder(const char *path)
{
	MUST_SAY(!mkdir(path, 0755) || errno == EEXIST, "mkdir %s: %s", path, strerror(errno));
}

bool exists(const char *path)
{
	struct stat st;
	return !lstat(path, &st);
}

bool has_line(const char *text, const char *line)
{
	size_t n = strlen(line);
	for (const char *s = text; s; s = strchr(s, '\n'), s = s ? s + 1 : NULL)
		if (!strncmp(s, line, n) && (s[n] == '\n' || s[n] == '\0'))
			return true;
	return false;
}

char *value_of(const char *text, const char *key)
{
	size_t n = strlen(key);
	for (const char *s = text; s; s = strchr(s, '\n'), s = s ? s + 1 : NULL)
		if (!strncmp(s, key, n)) {
			s += n;
			s += strspn(s, " \t");
			char *value = format("%.*s", (int)strcspn(s, "\n"), s);
			for (size_t end = strlen(value); end && strchr(" \t", value[end - 1]); end--)
				value[end - 1] = '\0';
			return value;
		}
	return format("%s", "");
}

bool wait_until(bool (*is_so)(void *), void *arg, int seconds)
{
	for (double end = now() + patiently(seconds); now() < end; nap(5))
		if (is_so(arg))
			return true;
	return is_so(arg);
}

/* --- programs --- */

static void become(const struct spawn *how, const char *out, const char *err)
{
	int in = open(how->input ? how->input : "/dev/null", O_RDONLY);
	/* Files, not pipes: a container outlives the command that made it, and what it says later is still to
	 * be read. */
	int o = open(out, O_WRONLY | O_CREAT | O_APPEND, 0666),
	    e = open(err, O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (in < 0 || o < 0 || e < 0)
		_exit(126);
	/* Out of the way first, so that nothing is overwritten before it is used. */
	int kept[16], n = 0;
	while (how->fds && n < 16 && how->fds[n] >= 0) {
		kept[n] = fcntl(how->fds[n], F_DUPFD_CLOEXEC, 100);
		n++;
	}
	dup2(in, 0);
	dup2(o, 1);
	dup2(e, 2);
	for (int i = 0; i < n; i++)
		dup2(kept[i], 3 + i);
	syscall(SYS_close_range, 3 + n, 99, 0);
	for (int fd = 3 + n; fd < 99; fd++)
		close(fd);
	if (how->directory && chdir(how->directory))
		_exit(126);
	for (const char *const *v = how->env; v && *v; v++)
		putenv(format("%s", *v));
	signal(SIGPIPE, SIG_DFL);
	execvp(how->argv[0], (char *const *)how->argv);
	dprintf(2, "execute %s: %s\n", how->argv[0], strerror(errno));
	_exit(126);
}

struct job job_start(const struct spawn *how)
{
	static int count;
	struct job job = {0};
	/* With our pid: the test and, after it, the frame use the same folder. */
	snprintf(job.out, sizeof(job.out), "%s/out.%d.%d", folder, (int)getpid(), ++count);
	snprintf(job.err, sizeof(job.err), "%s/err.%d.%d", folder, (int)getpid(), count);
	job.pid = fork();
	MUST(job.pid >= 0);
	if (!job.pid)
		become(how, job.out, job.err);
	return job;
}

/* Waits until the job ends. The frame itself is the reaper of all containers: while it waits for a command,
 * their processes must be able to go, or the command waits for them for ever. */
static bool job_ended(int pid, double until)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = {pidfd, POLLIN, 0};
	bool frame = verdict < 0, ended = pidfd < 0;
	while (!ended && now() < until) {
		ended = poll(&p, 1, frame ? 10 : (int)((until - now()) * 1000) + 1) > 0;
		siginfo_t info = {0};
		while (frame && !ended && !waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) &&
		       info.si_pid > 0 && info.si_pid != pid)
			waitpid(info.si_pid, NULL, 0);
	}
	if (pidfd >= 0)
		close(pidfd);
	return ended;
}

struct result job_wait(struct job *job, int seconds)
{
	struct result r = {.status = -1};
	double start = now();
	int status = 0;
	if (job_ended(job->pid, start + patiently(seconds))) {
		if (waitpid(job->pid, &status, 0) == job->pid)
			r.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	} else {
		kill(job->pid, SIGKILL);
		waitpid(job->pid, &status, 0);
	}
	r.seconds = now() - start;
	r.out = file_text(job->out);
	r.err = file_text(job->err);
	return r;
}

struct result run_program(const struct spawn *how)
{
	struct job job = job_start(how);
	return job_wait(&job, how->seconds ? how->seconds : PATIENCE);
}

/* --- the frame --- */

/* Until all children have ended and are reaped, or the time is over. */
static bool all_gone(int seconds)
{
	for (double end = now() + seconds; now() < end; nap(5)) {
		pid_t one;
		while ((one = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (one < 0 && errno == ECHILD)
			return true;
	}
	return false;
}

static int kill_children(void)
{
	int n = 0;
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	char *list = file_text(path);
	for (char *word = strtok(list, " "); word; word = strtok(NULL, " "), n++)
		kill(atoi(word), SIGKILL);
	free(list);
	return n;
}

/* Reaps what the test has left: whatever a container's processes were, they come to us, the subreaper. The dying have their time;
 * returns how many had to be killed after it. */
static int sweep(void)
{
	int left = all_gone(PATIENCE) ? 0 : kill_children();
	while (left && !all_gone(1) && kill_children())
		;
	return left;
}

static void comment(const char *text)
{
	char *copy = strdup(text), *rest = copy;
	for (char *line; (line = strsep(&rest, "\n"));)
		if (*line)
			printf("# %s\n", line);
	free(copy);
}

static void one_line(char *s)
{
	for (; *s; s++)
		if (*s == '\n' || *s == '#')
			*s = ' ';
}

/* The test has ended; take apart what it made. Empty: all was well. */
static void clean_up(char *trouble, size_t size)
{
	verdict = -1;
	bundle_delete_all(trouble, size);
	int left = sweep();
	if (left > 0 && !*trouble)
		snprintf(trouble, size, "%d process(es) outlived their container", left);
	if (!*trouble)
		bundle_find_leftovers(trouble, size);
	bundle_remove_tree(folder);
}

static int run_one(const struct run_test *test, int number)
{
	int line[2];
	snprintf(folder, sizeof(folder), "%s/nacre-run-XXXXXX",
		 getenv("TMPDIR") && strlen(getenv("TMPDIR")) < 30 ? getenv("TMPDIR") : "/tmp");
	/* Others must be able to walk through: a container's root is somebody else outside. */
	if (!mkdtemp(folder) || chmod(folder, 0755) || pipe2(line, O_CLOEXEC)) {
		printf("not ok %d - %s\n# no folder: %s\n", number, test->name, strerror(errno));
		return 1;
	}
	fflush(stdout);
	int pid = fork();
	if (!pid) {
		close(line[0]);
		verdict = line[1];
		/* What the test itself starts ends with it; SIGALRM is the last resort where it waits for
		 * ever. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm((unsigned)(getenv("NACRE_TEST_SLOW") ? 4 * TEST_SECONDS : patiently(TEST_SECONDS)));
		test->body();
		_exit(0);
	}
	close(line[1]);
	int status = 0, gone;
	do {
		int one;
		gone = waitpid(-1, &one, 0);
		if (gone == pid)
			status = one;
	} while (gone != pid && (gone > 0 || errno == EINTR));

	char reason[4096] = "", trouble[1024] = "";
	fcntl(line[0], F_SETFL, O_NONBLOCK);
	ssize_t n = read(line[0], reason, sizeof(reason) - 1);
	reason[n > 0 ? n : 0] = '\0';
	close(line[0]);
	clean_up(trouble, sizeof(trouble));

	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED && !*trouble) {
		one_line(reason);
		printf("ok %d - %s # SKIP %s\n", number, test->name, reason);
		return 0;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !*trouble) {
		printf("ok %d - %s\n", number, test->name);
		return 0;
	}
	printf("not ok %d - %s\n", number, test->name);
	if (WIFSIGNALED(status))
		printf("# ended by signal %d%s\n", WTERMSIG(status),
		       WTERMSIG(status) == SIGALRM ? " (its time was over)" : "");
	comment(reason);
	comment(trouble);
	return 1;
}

int main(int argc, char **argv)
{
	const char *skip_all = NULL, *filter = NULL;
	bool list = false;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--list"))
			list = true;
		else if (!strcmp(argv[i], "--skip") && i + 1 < argc)
			skip_all = argv[++i];
		else if (argv[i][0] != '-')
			filter = argv[i];
		else {
			fprintf(stderr, "usage: %s [--list] [--skip REASON] [PART-OF-A-NAME]\n", argv[0]);
			return 2;
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	bundle_find_programs(argv[0]);
	int number = 0, failed = 0;
	for (const struct run_test *t = first; t; t = t->next) {
		if (filter && !strstr(t->name, filter))
			continue;
		number++;
		if (list)
			printf("%s\n", t->name);
		else if (skip_all)
			printf("ok %d - %s # SKIP %s\n", number, t->name, skip_all);
		else
			failed += run_one(t, number);
	}
	if (!list)
		printf("1..%d\n", number);
	return failed > 0;
}
