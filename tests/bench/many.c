/* many.c: a thousand containers side by side. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "tests/bench/bench.h"

int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

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
int many(const char *nacre, int n)
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
