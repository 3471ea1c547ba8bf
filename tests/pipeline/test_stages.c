/* test_stages.c: every row of the real list fails once and dies once, before its work and after it; then nothing may be left behind.
 *
 * The rows are those of isolation_namespaces.c, each behind a wrapper that trips at the chosen one. A container is made by a child of this
 * program, which is the reaper of whatever is orphaned; where the child was killed, `delete --force` must take the rest away. Left behind
 * means: a state folder, a cgroup in any hierarchy, a mount, a process.
 *
 * TAP on stdout. Needs root.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/table.h"
#include "core/container.h"
#include "core/lifecycle.h"

enum mode { FAIL_BEFORE, FAIL_AFTER, DIE_BEFORE, DIE_AFTER, MODE_MAX };
static const char *const mode_names[] = { "fails", "fails after its work", "dies", "dies after its work", NULL };
NAMES_COMPLETE(mode_names, MODE_MAX);

static struct stage wrapped[PIPELINE_STAGES_MAX];
static const struct stage *real[PIPELINE_STAGES_MAX];
static int rows, trip_at = -1;
static char *ran; /* shared with the children: which rows this container has */
static enum mode trip_mode;

static int trip(int i, enum mode fail, enum mode die, struct error *err)
{
	/* The first process of a pid namespace cannot even kill itself. */
	if (trip_at == i && trip_mode == die)
		getpid() == 1 ? _exit(9) : (void)raise(SIGKILL);
	if (trip_at == i && trip_mode == fail)
		return error_set(err, -EINVAL, "told to fail at row %d", i);
	return 0;
}

static int run_row(int i, struct container *c, struct error *err)
{
	int ret = trip(i, FAIL_BEFORE, DIE_BEFORE, err);

	ran[i] = 1;
	if (ret == 0)
		ret = real[i]->run(c, err);
	/* A spawn's child comes back from its walk, if ever, as another process. */
	return ret < 0 ? ret : trip(i, FAIL_AFTER, DIE_AFTER, err);
}

#define ROW(n) static int row_##n(struct container *c, struct error *err) { return run_row(n, c, err); }
#define TEN(f, t) f(t##0) f(t##1) f(t##2) f(t##3) f(t##4) f(t##5) f(t##6) f(t##7) f(t##8) f(t##9)
#define ALL(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) TEN(f, 1) TEN(f, 2) TEN(f, 3) TEN(f, 4) TEN(f, 5)
ALL(ROW)
#define NAME(n) row_##n,
static int (*const row_fns[])(struct container *, struct error *) = { ALL(NAME) };

static const struct stage *const wrapped_list[] = { wrapped, NULL };

static void wrap_list(void)
{
	struct pipeline p = PIPELINE(isolation_namespaces.create, HOST);
	const struct stage *s;

	for (rows = 0; (s = pipeline_stage(&p, rows)) && rows < (int)ARRAY_LEN(row_fns); rows++) {
		real[rows] = s;
		wrapped[rows] = *s;
		wrapped[rows].run = row_fns[rows];
	}
}

/* One bundle for all: a program that ends at once, and something for each row to do. */
static char dir[] = "/tmp/nacre-stages-XXXXXX";
static struct lifecycle_global global;
static struct lifecycle_create options;

static void write_file(const char *name, const char *text)
{
	auto_free char *path = str_printf("%s/%s", dir, name);
	FILE *f = fopen(path, "we");

	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

static bool make_bundle(const char *program)
{
	static const char *const folders[] = { "bundle", "bundle/rootfs", "bundle/rootfs/bin", "bundle/rootfs/proc", "root" };
	auto_free char *command = NULL;
	static char root[64], bundle[64];

	if (!mkdtemp(dir))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		auto_free char *path = str_printf("%s/%s", dir, folders[i]);

		if (mkdir(path, 0755) < 0)
			return false;
	}
	command = str_printf("cp '%s' %s/bundle/rootfs/bin/busybox", program, dir);
	if (system(command))
		return false;
	write_file("bundle/config.json",
		   "{\"ociVersion\":\"1.0.2\",\"hostname\":\"stages\",\"root\":{\"path\":\"rootfs\"},"
		   "\"process\":{\"cwd\":\"/\",\"noNewPrivileges\":true,\"args\":[\"/bin/busybox\",\"sleep\",\"600\"],\"env\":[\"PATH=/bin\"],\"user\":{\"uid\":1,\"gid\":1},"
		   "\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":0}]},"
		   "\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
		   "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"mode=755\"]}],"
		   "\"hooks\":{\"prestart\":[{\"path\":\"/bin/true\"}],\"createContainer\":[{\"path\":\"/bin/true\"}]},"
		   "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"uts\"},{\"type\":\"ipc\"},{\"type\":\"network\"}],"
		   "\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"},\"maskedPaths\":[\"/proc/kcore\"],\"readonlyPaths\":[\"/proc/sys\"],"
		   "\"resources\":{\"pids\":{\"limit\":20}},"
		   "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"ptrace\"],\"action\":\"SCMP_ACT_ERRNO\"}]}}}");
	snprintf(root, sizeof(root), "%s/root", dir);
	snprintf(bundle, sizeof(bundle), "%s/bundle", dir);
	global = (struct lifecycle_global){ .root = root };
	options = (struct lifecycle_create){ .bundle = bundle };
	return true;
}

static int create_in_child(const char *id)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct error err = ERROR_NONE;
		struct container c;
		int ret;

		options.id = id;
		container_init(&c, &global);
		ret = container_from_bundle(&c, &options, &err);
		c.line = PIPELINE(wrapped_list, HOST);
		if (ret == 0)
			ret = pipeline_run(&c.line, &c, &err);
		if (ret < 0)
			printf("# create: %s\n", err.msg);
		fflush(stdout);
		_exit(ret < 0 ? 1 : 0);
	}
	while (waitpid(pid, &status, 0) != pid)
		;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int start_in_child(const char *id)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct error err = ERROR_NONE;
		int ret = lifecycle_start(&global, id, &err);

		if (ret < 0)
			printf("# start: %s\n", err.msg);
		fflush(stdout);
		_exit(ret < 0 ? 1 : 0);
	}
	while (waitpid(pid, &status, 0) != pid)
		;
	return WEXITSTATUS(status);
}

/* A cgroup of this name anywhere, two levels deep at most: below the mounts of /sys/fs/cgroup. */
static bool cgroup_exists(const char *id)
{
	DIR *d = opendir("/sys/fs/cgroup");
	struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d))) {
		auto_free char *path = str_printf("/sys/fs/cgroup/%s/%s", e->d_name, id);

		found = access(path, F_OK) == 0;
	}
	if (d)
		closedir(d);
	auto_free char *top = str_printf("/sys/fs/cgroup/%s", id);

	return found || access(top, F_OK) == 0;
}

/* Whatever else goes on on this machine mounts things, too: from here on they are not seen. Shared, as on a host with systemd, so that what a
 * container lets out would be. */
static bool own_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) == 0;
}

static int count_mounts(void)
{
	auto_free char *text = NULL;
	int n = 0;

	file_read_at(AT_FDCWD, "/proc/self/mountinfo", 1 << 24, &text, NULL, NULL);
	for (const char *p = text; p && *p; p++)
		n += *p == '\n';
	return n;
}

/* Whoever was orphaned comes to us; it must end by itself, soon. */
static bool all_reaped(void)
{
	for (int i = 0; i < 6000; i++) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0 && errno == ECHILD)
			return true;
		if (pid == 0)
			nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return false;
}

static const char *what_is_left(const char *id, int mounts)
{
	auto_free char *folder = str_printf("%s/%s", global.root, id);

	if (!all_reaped())
		return "a process is left";
	if (access(folder, F_OK) == 0)
		return "the state folder is left";
	if (cgroup_exists(id))
		return "a cgroup is left";
	return count_mounts() != mounts ? "a mount is left" : NULL;
}

static void one(int number, int row, enum mode mode, int mounts)
{
	auto_free char *id = str_printf("nacre-stages-%d-%d", getpid(), number);
	const struct stage *s = real[row];
	struct error err = ERROR_NONE;
	const char *left;
	int ret, late = 0;

	trip_at = row;
	trip_mode = mode;
	ret = create_in_child(id);
	if (ret == 0) {
		/* A row behind the gate: `start` is who hears of it, and takes everything away. */
		late = start_in_child(id);
		/* execve, once done, cannot fail any more, and the word "ready" is the last that is waited for. */
		if (late == 0 && strcmp(s->name, "execve") && strcmp(s->name, "ready") && strcmp(s->name, "filter"))
			ret = 99;
	}
	/* After a failure nothing may be left to delete; after a death (of HOST) this is how it goes. */
	if (ret <= 0 && lifecycle_delete(&global, id, true, &err) < 0)
		ret = 98;
	left = what_is_left(id, mounts);
	printf("%s %d - %s \"%s\" %s%s%s%s\n", left || ret > 90 ? "not ok" : "ok", number, s->place == HOST ? "host" : "inside", s->name,
	       mode_names[mode], left ? ": " : "", left ? left : "", ret == 99 ? ": start did not notice" : ret == 98 ? ": delete failed" : "");
	if (ret == 98)
		printf("# delete: %s\n", err.msg);
	/* Leave no trace even of a failed test. */
	if (left || ret > 90)
		(void)lifecycle_delete(&global, id, true, NULL);
	fflush(stdout);
}

/* Once without tripping: what runs now is what will be tripped over. */
static bool rehearse(void)
{
	struct error err = ERROR_NONE;
	bool good = create_in_child("nacre-stages-rehearsal") == 0 && start_in_child("nacre-stages-rehearsal") == 0;

	return lifecycle_delete(&global, "nacre-stages-rehearsal", true, &err) == 0 && good && all_reaped();
}

int main(int argc, char **argv)
{
	const char *program = argc > 1 ? argv[1] : "/bin/busybox";
	int number = 0, mounts;

	if (geteuid() != 0) {
		printf("1..0 # SKIP every stage fails and dies: needs root\n");
		return 0;
	}
	if (!own_mounts()) {
		printf("Bail out! no mount namespace of its own\n");
		return 1;
	}
	if (!make_bundle(program)) {
		printf("Bail out! cannot make a bundle with %s\n", program);
		return 1;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	wrap_list();
	ran = mmap(NULL, PIPELINE_STAGES_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ran == MAP_FAILED || !rehearse()) {
		printf("Bail out! the container does not run at all\n");
		return 1;
	}
	char has[PIPELINE_STAGES_MAX];

	memcpy(has, ran, sizeof(has));
	mounts = count_mounts();
	for (int row = 0; row < rows; row++) {
		if (!has[row])
			continue;
		for (enum mode mode = 0; mode < MODE_MAX; mode++)
			one(++number, row, mode, mounts);
	}
	trip_at = -1;
	printf("1..%d\n", number);
	auto_free char *command = str_printf("rm -rf %s", dir);

	return system(command) ? 1 : 0;
}
