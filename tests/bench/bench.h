/* bench.h: what the parts of bench have in common: a folder with bundles, programs that are run and waited for, and the things that are measured.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <sys/resource.h>

enum { RUNTIMES = 4, KINDS = 5, ROUNDS_MAX = 10000 };
enum kind { RUN, LIMITED, SCOPE, CYCLE, EXEC, RSS, PEAK, SMALLEST };

struct runtime {
	const char *name, *program;
	const char *option; /* a global one: the plain cgroup driver for all */
	int pid, to, from;  /* the worker */
	double *samples[KINDS];
	double memory[3]; /* RSS, PEAK, SMALLEST: KiB */
};

/* --- process.c --- */

double now(void); /* seconds */
_Noreturn void fail(const char *what);
/* Runs a program with all its output thrown away; the exit status. usage may be NULL; procs too: the cgroup.procs that it enters before it is itself. */
int run(const char *const *argv, struct rusage *usage, const char *procs);
#define RUN_PROGRAM(...) run((const char *const[]){__VA_ARGS__, NULL}, NULL, NULL)
/* Whatever children have ended. */
void reap(void);
/* One write; whether it worked. */
bool put(const char *path, const char *text);

/* --- bundle.c --- */

/* Where everything is; the bundle that most are measured with. */
extern char folder[64], bundle[96];
/* Makes the folder and in it the bundles `bundle` and `long`, whose program stays. */
void prepare(const char *nacre);
/* One more bundle, `dir`: "linux": { of the config replaced by linux_more, the program's arguments by args. */
void write_variant(const char *dir, const char *linux_more, const char *args);
/* One with ten limits on v2; where the controllers sit on v1, with those of them that it has. */
void write_limited(const char *dir, const char *group_path);
/* One with a limit of so much memory. */
void write_small(long kib);
/* Whether all controllers are on cgroup v2. */
bool v2(void);

/* --- measure.c --- */

/* What the worker's runtime keeps its state in, and the cgroup and the container that last as long as the worker. */
extern char state[96], group[64];
bool is_floor(const struct runtime *r);
/* Seconds or KiB; negative where it failed or there is nothing of the kind. */
double measure(const struct runtime *r, int kind);

/* --- many.c --- */

int ascending(const void *a, const void *b);
/* Creates n containers side by side, tells the time of each, deletes them; the exit status. */
int many(const char *nacre, int n);

#endif
