/* test_path_race.c: somebody inside swaps directories for links, and moves them away, while we resolve. */
#include "base/path.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lack.h"
#include "tree.h"

enum { RACE_MS = 1000, PATIENCE_MS = 60000, ENOUGH = 10 };

static pid_t attacker;

static void attack(void (*once)(void))
{
	attacker = fork();
	cr_assert_geq(attacker, 0);
	if (attacker == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			once();
	}
}

static void end_attack(void)
{
	kill(attacker, SIGKILL);
	waitpid(attacker, NULL, 0);
}

/* For RACE_MS, and on a busy machine until either side has won often enough. */
static bool race_goes_on(int won, int lost)
{
	static struct timespec start;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!start.tv_sec)
		start = now;
	long ms = (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000;

	return ms < RACE_MS || ((won <= ENOUGH || lost <= ENOUGH) && ms < PATIENCE_MS);
}

static const char *swap_a, *swap_b;

static void swap(void)
{
	renameat2(tree.root, swap_a, tree.root, swap_b, RENAME_EXCHANGE);
}

#define ALL(name)                                                                                            \
	static void name(void);                                                                              \
	Test(path_race, name, .init = tree_make, .fini = tree_remove, .timeout = 120)                         \
	{                                                                                                    \
		name();                                                                                      \
	}                                                                                                    \
	Test(path_race_without_openat2, name, .init = tree_make, .fini = tree_remove, .timeout = 120)         \
	{                                                                                                    \
		lack_call(SYS_openat2, ENOSYS);                                                              \
		name();                                                                                      \
	}                                                                                                    \
	static void name(void)

/* etc/deep is a directory one moment, and a link to outside/ the next. */
ALL(directory_for_link)
{
	int inside = 0, refused = 0;

	cr_assert_eq(symlinkat("../../../outside", tree.root, "trap"), 0);
	close(openat(tree.root, "etc/deep/secret", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	swap_a = "etc/deep";
	swap_b = "trap";
	attack(swap);
	while (race_goes_on(inside, refused)) {
		int fd = path_open_beneath(tree.root, "etc/deep/secret", O_RDONLY, NULL);

		if (fd < 0) {
			refused++;
			continue;
		}
		cr_assert_not(tree_is(fd, "outside/secret"), "escaped");
		cr_assert_not(tree_is(fd, "secret"), "escaped");
		inside++;
		close(fd);
	}
	end_attack();
	cr_assert_gt(inside, ENOUGH, "the race has not been run");
	cr_assert_gt(refused, ENOUGH, "the race has not been run");
}

/* The last component itself is a file one moment, a link to the outside the next. */
ALL(file_for_link)
{
	char target[128];
	int inside = 0, refused = 0;

	snprintf(target, sizeof(target), "%s/outside/secret", tree.path);
	cr_assert_eq(symlinkat(target, tree.root, "trap"), 0);
	swap_a = "etc/passwd";
	swap_b = "trap";
	attack(swap);
	while (race_goes_on(inside, refused)) {
		int fd = path_open_beneath(tree.root, "etc/passwd", O_RDWR, NULL);

		if (fd < 0) {
			refused++;
			continue;
		}
		cr_assert_not(tree_is(fd, "outside/secret"), "escaped");
		inside++;
		close(fd);
	}
	end_attack();
	cr_assert_gt(inside, ENOUGH, "the race has not been run");
	cr_assert_gt(refused, ENOUGH, "the race has not been run");
}

ALL(making_while_swapped)
{
	int made = 0, refused = 0;
	char target[128];

	snprintf(target, sizeof(target), "%s/outside", tree.path);
	cr_assert_eq(symlinkat(target, tree.root, "trap"), 0);
	swap_a = "etc/deep";
	swap_b = "trap";
	attack(swap);
	for (int i = 0; race_goes_on(made, refused); i++) {
		char path[64];
		int fd;

		snprintf(path, sizeof(path), "etc/deep/m%d/n/%s", i / 2, i % 2 ? "f" : "d");
		fd = i % 2 ? path_make_file(tree.root, path, 0600, NULL)
			   : path_make_dir(tree.root, path, 0700, NULL);
		if (fd < 0)
			refused++;
		else
			made++;
		if (fd >= 0)
			close(fd);
	}
	end_attack();
	cr_assert_eq(tree_count("outside"), 1, "something was made outside");
	cr_assert_eq(tree_count("."), 3, "something was made outside");
	cr_assert_gt(made, ENOUGH, "the race has not been run");
	cr_assert_gt(refused, ENOUGH, "the race has not been run");
}

/* A directory is moved out of the root while we are in it: its ".." are then those of the outside. */
static void move(void)
{
	renameat(tree.root, "etc/deep", tree.outside, "deep");
	renameat(tree.outside, "deep", tree.root, "etc/deep");
}

ALL(directory_moved_away)
{
	int inside = 0, refused = 0;

	close(openat(tree.root, "secret", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	attack(move);
	while (race_goes_on(inside, refused)) {
		int fd = path_open_beneath(tree.root, "etc/deep/er/../../../secret", O_RDONLY, NULL);

		if (fd < 0) {
			refused++;
			continue;
		}
		cr_assert(tree_is(fd, "root/secret"), "escaped");
		inside++;
		close(fd);
	}
	end_attack();
	cr_assert_gt(inside, ENOUGH, "the race has not been run");
	cr_assert_gt(refused, ENOUGH, "the race has not been run");
}
