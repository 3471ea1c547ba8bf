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
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

static const char *const kind_names[KINDS] = {"run", "run, limits", "run, limits, systemd", "create+start+delete", "exec"};

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

static double at(double *samples, int n, double part)
{
	if (n == 0 || samples[0] < 0)
		return -1;
	return samples[(int)((double)(n - 1) * part)];
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
