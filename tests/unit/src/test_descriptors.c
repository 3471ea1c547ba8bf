/* test_descriptors.c: inherited descriptors, kept, marked and guarded. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"
#include "src/descriptors.h"

/* Criterion has descriptors of its own: each check runs in a child that begins with stdio alone. */
static int in_child(int (*check)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		sys_close_range(3, ~0U, 0);
		_exit(check());
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool survives(int fd)
{
	return fcntl(fd, F_GETFD) == 0;
}

static int keep_none(void)
{
	struct error err = ERROR_NONE;

	dup2(0, 3);
	dup2(0, 9);
	if (descriptors_keep(0, &err) < 0)
		return 1;
	return is_open(3) && is_open(9) && !survives(3) && !survives(9) && survives(2) ? 0 : 2;
}

Test(descriptors, all_inherited_ones_are_marked)
{
	cr_assert_eq(in_child(keep_none), 0);
}

static int keep_with_gaps(void)
{
	struct error err = ERROR_NONE;

	dup2(0, 5);
	dup2(0, 7);
	dup2(0, 8);
	if (descriptors_keep(5, &err) < 0)
		return 1;
	if (!survives(5) || !survives(7) || survives(8))
		return 2;
	/* the gaps are taken, and open again at the next execve */
	if (!is_open(3) || !is_open(4) || !is_open(6) || survives(3) || survives(4) || survives(6))
		return 3;
	return open("/dev/null", O_RDONLY) == 9 ? 0 : 4;
}

Test(descriptors, gaps_are_filled_but_not_handed_on)
{
	cr_assert_eq(in_child(keep_with_gaps), 0);
}

static int keep_too_many(void)
{
	struct error err = ERROR_NONE;

	dup2(0, 3);
	if (descriptors_keep(2, &err) != -EBADF || !strstr(err.msg, "4 is not open"))
		return 1;
	if (is_open(4))
		return 2;
	return descriptors_keep(INT_MAX, &err) == -EBADF ? 0 : 3;
}

Test(descriptors, the_last_one_must_be_open)
{
	cr_assert_eq(in_child(keep_too_many), 0);
}

static int guard(void)
{
	struct error err = ERROR_NONE;
	char link[32] = "";

	close(0);
	close(2);
	if (descriptors_guard_stdio(&err) < 0)
		return 1;
	if (readlink("/proc/self/fd/0", link, sizeof(link) - 1) < 0 || strcmp(link, "/dev/null"))
		return 2;
	if (fcntl(2, F_GETFD) != 0 || fcntl(0, F_GETFD) != 0)
		return 3;
	return is_open(3) ? 4 : 0;
}

Test(descriptors, closed_stdio_becomes_dev_null)
{
	cr_assert_eq(in_child(guard), 0);
}

static int listen_with(const char *pid, const char *fds)
{
	pid ? setenv("LISTEN_PID", pid, 1) : unsetenv("LISTEN_PID");
	fds ? setenv("LISTEN_FDS", fds, 1) : unsetenv("LISTEN_FDS");
	return descriptors_listen();
}

Test(descriptors, listen_only_for_us)
{
	char us[16], other[16];

	snprintf(us, sizeof(us), "%d", getpid());
	snprintf(other, sizeof(other), "%d", getppid());
	cr_assert_eq(listen_with(NULL, NULL), 0);
	cr_assert_eq(listen_with(us, NULL), 0);
	cr_assert_eq(listen_with(NULL, "2"), 0);
	cr_assert_eq(listen_with(other, "2"), 0);
	cr_assert_eq(listen_with(us, "2"), 2);
	cr_assert_eq(listen_with(us, "-2"), 0);
	cr_assert_eq(listen_with(us, "two"), 0);
	cr_assert_eq(listen_with(us, "99999999999"), 0);
	cr_assert_eq(listen_with("", "2"), 0);
}
