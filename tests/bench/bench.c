/* bench.c: how long nacre takes and how much memory, beside crun and runc where they are installed, and
 * beside floor.c.
 *
 *   bench [ROUNDS [PART]] as root, in the build folder; default 100 rounds; PART: only what has this in its name, and no memory
 *   bench many [N]      creates N containers (default 1000) side by side, the time of each; deletes them all and looks for what is left
 *
 * Each runtime has a worker process that measures when it is told to, so that the rounds interleave and a
 * disturbance hits all alike. crun refuses hosts with v1 controllers beside a v2 mount: there its worker has
 * a mount namespace without that mount, made once and not a part of what is measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { RUNTIMES = 4, KINDS = 5, ROUNDS_MAX = 10000 };
enum kind { RUN, LIMITED, SCOPE, CYCLE, EXEC, RSS, PEAK, SMALLEST };
static const char *const kind_names[KINDS] = {"run", "run, limits", "run, limits, systemd", "create+start+delete", "exec"};

struct runtime {
	const char *name, *program;
	const char *option; /* a global one: the plain cgroup driver for all */
	int pid, to, from;  /* the worker */
	double *samples[KINDS];
	double memory[3]; /* RSS, PEAK, SMALLEST: KiB */
};

static char folder[64], bundle[96], config_path[128], state[96], group[64];

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	if (!f || fputs(text, f) < 0 || fclose(f))
		fail(path);
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) >= 0;
	if (fd >= 0)
		close(fd);
	return done;
}

static double number_in(const char *path)
{
	double value = 0;
	FILE *f = fopen(path, "re");
	if (f) {
		if (fscanf(f, "%lf", &value) != 1)
			value = 0;
		fclose(f);
	}
	return value;
}

/* Runs a program with all its output thrown away; the exit status. */
static int run(const char *const *argv, struct rusage *usage, const char *procs)
{
	struct rusage own;
	int pid, status;
	if (procs) {
		/* Into its cgroup before it is itself: fork, since posix_spawn cannot. */
		pid = fork();
		if (!pid) {
			int null = open("/dev/null", O_RDWR);
			dup2(null, 0);
			dup2(null, 1);
			dup2(null, 2);
			if (put(procs, "0"))
				execvp(argv[0], (char *const *)argv);
			_exit(125);
		}
	} else {
		posix_spawn_file_actions_t actions;
		posix_spawn_file_actions_init(&actions);
		for (int fd = 0; fd < 3; fd++)
			posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
		if (posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ))
			return -1;
		posix_spawn_file_actions_destroy(&actions);
	}
	while (wait4(pid, &status, 0, usage ? usage : &own) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define RUN_PROGRAM(...) run((const char *const[]){__VA_ARGS__, NULL}, NULL, NULL)

static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static bool is_floor(const struct runtime *r)
{
	return !strcmp(r->name, "floor");
}

/* The same config for all, with a version that older ones take: what `spec` says, without a terminal, with a program that does nothing, and a
 * limit if one is asked for. */
static char *config_text(void)
{
	static char text[65536];
	FILE *f = fopen(config_path, "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	text[n] = '\0';
	if (f)
		fclose(f);
	return text;
}

static char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *out = NULL;
	if (!at)
		return strdup(text);
	if (asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) < 0)
		fail("memory");
	return out;
}

static void write_variant(const char *dir, const char *linux_more, const char *args)
{
	char path[256];
	char *one = replaced(replaced(config_text(), "\"ociVersion\": \"1.3.0\"", "\"ociVersion\": \"1.0.0\""), "\"terminal\": true", "\"terminal\": false");
	char *two = replaced(one, "\"sh\"", args), *three = replaced(two, "\"linux\": {", linux_more);
	char *four = replaced(three, "\"path\": \"rootfs\"", "\"path\": \"../bundle/rootfs\"");
	snprintf(path, sizeof(path), "%s/%s", folder, dir);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%s/config.json", folder, dir);
	char *rootfs = strcmp(dir, "bundle") ? NULL : three;
	write_text(path, rootfs ? rootfs : four);
	free(one);
	free(two);
	free(three);
	free(four);
}

static double measure_run(const struct runtime *r)
{
	char rootfs[128];
	double start = now();
	snprintf(rootfs, sizeof(rootfs), "%s/rootfs", bundle);
	int status = is_floor(r) ? RUN_PROGRAM(r->program, rootfs, "/bin/nothing")
				 : RUN_PROGRAM(r->program, r->option, "--root", state, "run", "--bundle",
					       bundle, "bench-run");
	return status ? -1 : now() - start;
}

static bool v2(void)
{
	return !access("/sys/fs/cgroup/cgroup.controllers", F_OK);
}

/* Into the resources that `spec` has for devices: ten limits on v2; where the controllers sit on v1, those of them that it has. */
static void write_limited(const char *dir, const char *group_path)
{
	static const char ten[] = "\"resources\": {\n\"memory\": {\"limit\": 268435456, \"reservation\": 134217728, \"swap\": 536870912},\n"
				  "\"cpu\": {\"shares\": 512, \"quota\": 50000, \"period\": 100000, \"cpus\": \"0-1\", \"mems\": \"0\"},\n"
				  "\"pids\": {\"limit\": 100},\n";
	char more[256], path[256];
	snprintf(more, sizeof(more), "\"linux\": {\n\"cgroupsPath\": \"%s\",", group_path);
	write_variant(dir, more, "\"/bin/nothing\"");
	snprintf(path, sizeof(path), "%s/%s/config.json", folder, dir);
	static char text[65536];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	text[n] = '\0';
	if (f)
		fclose(f);
	char *resources;
	if (asprintf(&resources, "%s%s", ten, v2() ? "\"unified\": {\"memory.high\": \"201326592\"},\n" : "") < 0)
		fail("memory");
	char *all = replaced(text, "\"resources\": {", resources);
	write_text(path, all);
	free(all);
	free(resources);
}

static double run_bundle(const struct runtime *r, const char *option, const char *dir, const char *id)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, dir);
	double start = now();
	int status = RUN_PROGRAM(r->program, option, "--root", state, "run", "--bundle", path, id);
	return status ? -1 : now() - start;
}

static double measure_limited(const struct runtime *r)
{
	char dir[64], path[96];
	snprintf(dir, sizeof(dir), "limited-%s", r->name);
	snprintf(path, sizeof(path), "/bench-limited-%s", r->name);
	write_limited(dir, path);
	return run_bundle(r, r->option, dir, "bench-limited");
}

static double measure_scope(const struct runtime *r)
{
	char dir[64], path[96];
	if (access("/run/systemd/system", F_OK))
		return -1;
	snprintf(dir, sizeof(dir), "scope-%s", r->name);
	snprintf(path, sizeof(path), "system.slice:bench:%s", r->name);
	write_limited(dir, path);
	return run_bundle(r, "--systemd-cgroup", dir, "bench-scope");
}

static double measure_cycle(const struct runtime *r)
{
	double start = now();
	int status =
	    RUN_PROGRAM(r->program, r->option, "--root", state, "create", "--bundle", bundle, "bench-cycle");
	status =
	    status ? status : RUN_PROGRAM(r->program, r->option, "--root", state, "start", "bench-cycle");
	/* As an engine does: it has been told that the process ended. */
	reap();
	int deleted = RUN_PROGRAM(r->program, r->option, "--root", state, "delete", "--force", "bench-cycle");
	double end = now();
	reap();
	return status || deleted ? -1 : end - start;
}

static double measure_exec(const struct runtime *r)
{
	double start = now();
	int status =
	    RUN_PROGRAM(r->program, r->option, "--root", state, "exec", group, "/bin/nothing");
	return status ? -1 : now() - start;
}

static double measure_rss(const struct runtime *r)
{
	struct rusage usage;
	char rootfs[128];
	snprintf(rootfs, sizeof(rootfs), "%s/rootfs", bundle);
	const char *const floor_argv[] = {r->program, rootfs, "/bin/nothing", NULL};
	const char *const argv[] = {r->program, r->option, "--root",	state, "run",
				    "--bundle", bundle,	   "bench-rss", NULL};
	return run(is_floor(r) ? floor_argv : argv, &usage, NULL) ? -1 : (double)usage.ru_maxrss;
}

/* Everything together: runtime and container below one cgroup of the memory controller, whose highest mark is
 * read. */
static double measure_peak(const struct runtime *r)
{
	char outer[128], inner[160], path[192];
	static int count;
	double peak = -1;
	if (is_floor(r))
		return -1;
	snprintf(outer, sizeof(outer), "%s/%s", v2() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory", group);
	snprintf(inner, sizeof(inner), "%s/runtime%d", outer, ++count);
	if (v2())
		put("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	if (mkdir(outer, 0755) && errno != EEXIST)
		return -1;
	if (v2()) {
		snprintf(path, sizeof(path), "%s/cgroup.subtree_control", outer);
		put(path, "+memory");
	} else {
		snprintf(path, sizeof(path), "%s/memory.use_hierarchy", outer);
		put(path, "1");
	}
	if (mkdir(inner, 0755))
		return -1;
	snprintf(path, sizeof(path), "%s/%s", outer, v2() ? "memory.peak" : "memory.max_usage_in_bytes");
	if (!v2())
		put(path, "0");
	char more[192], procs[192], dir[128];
	snprintf(more, sizeof(more), "\"linux\": {\n\"cgroupsPath\": \"/%s/container\",", group);
	write_variant("peak", more, "\"/bin/nothing\"");
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", inner);
	snprintf(dir, sizeof(dir), "%s/peak", folder);
	const char *const argv[] = {r->program, r->option, "--root",	 state, "run",
				    "--bundle", dir,	   "bench-peak", NULL};
	if (!run(argv, NULL, procs))
		peak = number_in(path) / 1024;
	reap();
	for (int i = 0; i < 200 && rmdir(inner); i++)
		usleep(5000);
	rmdir(outer);
	return peak;
}

static bool fits(const struct runtime *r, long kib)
{
	char limit[160], dir[128];
	snprintf(limit, sizeof(limit), "\"memory\": { \"limit\": %ld },\n\"devices\": [", kib * 1024);
	/* Into the resources that `spec` has for devices. */
	write_variant("small", "\"linux\": {", "\"/bin/nothing\"");
	char path[192];
	snprintf(path, sizeof(path), "%s/small/config.json", folder);
	static char text[65536];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	if (f)
		fclose(f);
	text[n] = '\0';
	char *resources = strstr(text, "\"resources\": {");
	char *changed = resources ? replaced(resources, "\"devices\": [", limit) : NULL;
	if (!changed)
		return false;
	char *all = NULL;
	if (asprintf(&all, "%.*s%s", (int)(resources - text), text, changed) < 0)
		fail("memory");
	write_text(path, all);
	free(all);
	free(changed);
	snprintf(dir, sizeof(dir), "%s/small", folder);
	int status = RUN_PROGRAM("timeout", "10", r->program, r->option, "--root", state, "run", "--bundle",
				 dir, "bench-small");
	if (status)
		RUN_PROGRAM(r->program, r->option, "--root", state, "delete", "--force", "bench-small");
	reap();
	return !status;
}

/* The least limit under which three runs in a row succeed. */
static double measure_smallest(const struct runtime *r)
{
	long low = 4, high = 64 * 1024;
	if (is_floor(r) || !fits(r, high))
		return -1;
	while (high - low > 4 && high - low > high / 64) {
		long middle = (low + high) / 2 / 4 * 4;
		if (fits(r, middle) && fits(r, middle) && fits(r, middle))
			high = middle;
		else
			low = middle;
	}
	return (double)high;
}

static double measure(const struct runtime *r, int kind)
{
	static double (*const measures[])(const struct runtime *) = {
	    measure_run, measure_limited, measure_scope, measure_cycle, measure_exec, measure_rss, measure_peak, measure_smallest};
	if (is_floor(r) && kind != RUN && kind < RSS)
		return -1;
	return measures[kind](r);
}

static _Noreturn void work(const struct runtime *r, int in, int out)
{
	int kind;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Containers that outlive their runtime are reaped here. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	snprintf(state, sizeof(state), "%s/state-%s", folder, r->name);
	snprintf(group, sizeof(group), "bench-%s-%d", r->name, (int)getpid());
	if (!strcmp(r->name, "crun") && !v2()) {
		if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
			_exit(1);
		umount2("/sys/fs/cgroup/unified", MNT_DETACH);
		/* What it makes where the mount was shall not reach the host's folder below it. */
		mount("none", "/sys/fs/cgroup/unified", "tmpfs", 0, NULL);
	}
	char dir[128];
	snprintf(dir, sizeof(dir), "%s/long", folder);
	/* An id of its own: the cgroup is called after it, and nacre enters none that is somebody's. */
	if (!is_floor(r))
		RUN_PROGRAM(r->program, r->option, "--root", state, "run", "--detach", "--bundle", dir,
			    group);
	while (read(in, &kind, sizeof(kind)) == sizeof(kind)) {
		double value = measure(r, kind);
		if (write(out, &value, sizeof(value)) != sizeof(value))
			break;
	}
	if (!is_floor(r))
		RUN_PROGRAM(r->program, r->option, "--root", state, "delete", "--force", group);
	_exit(0);
}

static double ask(struct runtime *r, int kind)
{
	double value = -1;
	if (write(r->to, &kind, sizeof(kind)) != sizeof(kind) ||
	    read(r->from, &value, sizeof(value)) != sizeof(value))
		return -1;
	return value;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double at(double *samples, int n, double part)
{
	if (n == 0 || samples[0] < 0)
		return -1;
	return samples[(int)((double)(n - 1) * part)];
}

static void prepare(const char *nacre)
{
	char command[1024], self[4096], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	*slash = '\0';
	strcpy(folder, "/tmp/nacre-bench-XXXXXX");
	if (!mkdtemp(folder))
		fail(folder);
	snprintf(bundle, sizeof(bundle), "%s/bundle", folder);
	snprintf(config_path, sizeof(config_path), "%s/config.json", folder);
	snprintf(command, sizeof(command),
		 "cd %s && mkdir -p bundle/rootfs/bin bundle/rootfs/proc bundle/rootfs/dev bundle/rootfs/sys "
		 "bundle/rootfs/tmp && cp %.200s/nothing "
		 "bundle/rootfs/bin/ && %.200s spec",
		 folder, self, nacre);
	if (system(command))
		fail("prepare a bundle");
	write_variant("bundle", "\"linux\": {", "\"/bin/nothing\"");
	write_variant("long", "\"linux\": {", "\"/bin/nothing\", \"stay\"");
}

static const char *found(const char *name)
{
	static const char *const folders[] = {"/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin"};
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		char *path;
		if (asprintf(&path, "%s/%s", folders[i], name) < 0)
			fail("memory");
		if (!access(path, X_OK))
			return path;
		free(path);
	}
	return NULL;
}

static void show_times(struct runtime *runtimes, int rounds, const char *part)
{
	double base = at(runtimes[0].samples[RUN], rounds, 0.5);
	printf("\n%-20s %-8s %10s %10s %10s %10s %9s %9s\n", "ms", "", "median", "fastest", "10%", "90%", "to floor", "nacre/it");
	for (int kind = 0; kind < KINDS; kind++)
		for (int i = 0; i < RUNTIMES && strstr(kind_names[kind], part); i++) {
			struct runtime *r = &runtimes[i];
			double median = r->program ? at(r->samples[kind], rounds, 0.5) : -1;
			if (!r->program || (is_floor(r) && kind != RUN))
				continue;
			if (median < 0) {
				printf("%-20s %-8s %10s\n", kind_names[kind], r->name, "failed");
				continue;
			}
			printf("%-20s %-8s %10.2f %10.2f %10.2f %10.2f", kind_names[kind], r->name,
			       median * 1e3, r->samples[kind][0] * 1e3,
			       at(r->samples[kind], rounds, 0.1) * 1e3,
			       at(r->samples[kind], rounds, 0.9) * 1e3);
			if (kind == RUN && base > 0)
				printf(" %9.2f", median / base);
			else
				printf(" %9s", "");
			double ours = at(runtimes[1].samples[kind], rounds, 0.5);
			if (i > 1 && ours > 0)
				printf(" %9.2f", ours / median);
			printf("\n");
		}
}

static void show_memory(struct runtime *runtimes)
{
	static const char *const names[] = {"largest process", "whole tree (cgroup)", "least memory limit"};
	printf("\n%-20s %-8s %10s\n", "KiB", "", "");
	for (int k = 0; k < 3; k++)
		for (int i = 0; i < RUNTIMES; i++) {
			struct runtime *r = &runtimes[i];
			if (!r->program || (is_floor(r) && k > 0))
				continue;
			if (r->memory[k] < 0)
				printf("%-20s %-8s %10s\n", names[k], r->name, "failed");
			else
				printf("%-20s %-8s %10.0f\n", names[k], r->name, r->memory[k]);
		}
}

/* --- many containers --- */

static int count_left(const char *root)
{
	char command[256], text[32] = "";
	snprintf(command, sizeof(command), "{ find /sys/fs/cgroup -type d -name '*bench-many-*'; ls %.100s/many 2>/dev/null; } | wc -l", root);
	FILE *f = popen(command, "re");
	if (!f || !fgets(text, sizeof(text), f))
		fail(command);
	pclose(f);
	return atoi(text);
}

static double median_of(const double *samples, int from, int n)
{
	double copy[32];
	memcpy(copy, samples + from, (size_t)n * sizeof(*copy));
	qsort(copy, (size_t)n, sizeof(*copy), ascending);
	return copy[n / 2];
}

/* Wall time tells what a caller sees, processor time is what a busy machine does not disturb. */
static int many(const char *nacre, int n)
{
	enum { WINDOW = 20 };
	static double wall[ROUNDS_MAX], cpu[ROUNDS_MAX];
	char root[96], id[64];
	int failed = 0;
	prepare(nacre);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	snprintf(root, sizeof(root), "%s/many", folder);
	for (int i = 0; i < n; i++) {
		struct rusage usage;
		snprintf(id, sizeof(id), "bench-many-%d", i);
		const char *const argv[] = {nacre, "--cgroup-manager=cgroupfs", "--root", root, "create", "--bundle", bundle, id, NULL};
		double start = now();
		failed += run(argv, &usage, NULL) != 0;
		wall[i] = now() - start;
		cpu[i] = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	}
	/* Centred on the tenth and, as far as there are any, on the last. */
	double w0 = median_of(wall, 0, WINDOW), w1 = median_of(wall, n - WINDOW, WINDOW);
	double c0 = median_of(cpu, 0, WINDOW), c1 = median_of(cpu, n - WINDOW, WINDOW);
	printf("%d containers created side by side, %d failed; medians of %d\n", n, failed, WINDOW);
	printf("%-16s %12s %12s %8s\n", "ms", "the tenth", "the last", "ratio");
	printf("%-16s %12.2f %12.2f %8.2f\n", "wall time", w0 * 1e3, w1 * 1e3, w1 / w0);
	printf("%-16s %12.2f %12.2f %8.2f\n", "processor time", c0 * 1e3, c1 * 1e3, c1 / c0);
	double start = now();
	for (int i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "bench-many-%d", i);
		failed += RUN_PROGRAM(nacre, "--cgroup-manager=cgroupfs", "--root", root, "delete", "--force", id) != 0;
		reap();
	}
	printf("deleted in %.2f ms each; left behind: %d folders\n", (now() - start) * 1e3 / n, count_left(folder));
	return RUN_PROGRAM("rm", "-rf", "--one-file-system", folder) || failed;
}

int main(int argc, char **argv)
{
	bool is_many = argc > 1 && !strcmp(argv[1], "many");
	if (is_many) {
		argc--;
		argv++;
	}
	const char *part = argc > 2 ? argv[2] : "";
	int rounds = argc > 1 ? atoi(argv[1]) : is_many ? 1000 : 100;
	if (rounds < 1 || rounds > ROUNDS_MAX || geteuid() != 0) {
		fprintf(stderr, "usage: %s [ROUNDS], as root\n", argv[0]);
		return 2;
	}
	char *nacre = realpath(getenv("NACRE") ? getenv("NACRE") : "./nacre", NULL),
	     *floor_program = realpath("tests/bench/floor", NULL);
	if (!nacre || !floor_program)
		fail("nacre or tests/bench/floor");
	if (is_many)
		return many(nacre, rounds < 40 ? 40 : rounds);
	struct runtime runtimes[RUNTIMES] = {
	    {.name = "floor",	      .program = floor_program	      },
	    { .name = "nacre",	      .program = nacre, .option = "--cgroup-manager=cgroupfs"},
	    { .name = "crun", .program = found("crun"), .option = "--cgroup-manager=cgroupfs"},
	    { .name = "runc", .program = found("runc"),    .option = "--systemd-cgroup=false"},
	};
	prepare(nacre);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < RUNTIMES; i++) {
		struct runtime *r = &runtimes[i];
		int to[2], from[2];
		if (!r->program)
			continue;
		if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
			fail("pipe");
		fflush(stdout);
		r->pid = fork();
		if (!r->pid) {
			/* The other ends of workers before this one: they end when their pipe does. */
			for (int fd = 3; fd < 64; fd++)
				if (fd != to[0] && fd != from[1])
					close(fd);
			work(r, to[0], from[1]);
		}
		close(to[0]);
		close(from[1]);
		r->to = to[1];
		r->from = from[0];
		for (int k = 0; k < KINDS; k++)
			r->samples[k] = calloc((size_t)rounds, sizeof(double));
	}
	printf(
	    "%d rounds of each, interleaved; the config is that of `nacre spec`, the program does nothing\n",
	    rounds);
	for (int kind = 0; kind < KINDS; kind++)
		for (int round = -3; round < rounds && strstr(kind_names[kind], part); round++)
			for (int i = 0; i < RUNTIMES; i++) {
				double value = runtimes[i].program ? ask(&runtimes[i], kind) : -1;
				/* The first three only warm up. A failed round spoils the series: it shows as
				 * such. */
				if (runtimes[i].program && round >= 0)
					runtimes[i].samples[kind][round] = value;
			}
	for (int i = 0; i < RUNTIMES; i++)
		for (int k = 0; k < KINDS && runtimes[i].program; k++) {
			qsort(runtimes[i].samples[k], (size_t)rounds, sizeof(double), ascending);
			if (k < 3 && !*part)
				runtimes[i].memory[k] = ask(&runtimes[i], RSS + k);
		}
	show_times(runtimes, rounds, part);
	if (!*part)
		show_memory(runtimes);
	for (int i = 0; i < RUNTIMES; i++)
		if (runtimes[i].program) {
			close(runtimes[i].to);
			waitpid(runtimes[i].pid, NULL, 0);
		}
	return RUN_PROGRAM("rm", "-rf", "--one-file-system", folder);
}
