/* measure.c: each of the things that are measured, once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bench/bench.h"

char state[96], group[64];

bool is_floor(const struct runtime *r)
{
	return !strcmp(r->name, "floor");
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
	char dir[128];
	write_small(kib);
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

double measure(const struct runtime *r, int kind)
{
	static double (*const measures[])(const struct runtime *) = {
	    measure_run, measure_limited, measure_scope, measure_cycle, measure_exec, measure_rss, measure_peak, measure_smallest};
	if (is_floor(r) && kind != RUN && kind < RSS)
		return -1;
	return measures[kind](r);
}
