/* test_rlimit.c: limits by name, and the texts for what can't be. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "child.h"
#include "process/rlimit.h"

#define LIMITS(...)                                                                                          \
	{                                                                                                    \
		.rlimits = {                                                                                 \
			(struct oci_rlimit[]){__VA_ARGS__},                                                  \
			sizeof((struct oci_rlimit[]){__VA_ARGS__}) / sizeof(struct oci_rlimit)               \
		}                                                                                            \
	}

Test(rlimit, names)
{
	cr_assert(rlimit_known("RLIMIT_NOFILE"));
	cr_assert(rlimit_known("RLIMIT_RTTIME"));
	cr_assert_not(rlimit_known("NOFILE"));
	cr_assert_not(rlimit_known("rlimit_nofile"));
	cr_assert_not(rlimit_known(""));
	cr_assert_not(rlimit_known(NULL));
}

Test(rlimit, mistakes)
{
	struct oci_process unknown = LIMITS(
	    {
		"RLIMIT_CORE", {true, 0},
		  {true, 0}
	   },
	    {"RLIMIT_FOO", {true, 1}, {true, 1}});
	struct oci_process crossed = LIMITS({
	    "RLIMIT_CORE", {true, 2},
	      {true, 1}
	       });
	struct oci_process half = LIMITS({
	    "RLIMIT_CORE", {true,  2},
	      {false, 0}
	});
	struct error err = ERROR_NONE;
	struct rlimit before, after;

	getrlimit(RLIMIT_CORE, &before);
	cr_assert_eq(rlimit_apply(&unknown, 0, &err), -EINVAL);
	cr_assert_str_eq(err.msg, "process.rlimits[1].type: unknown limit \"RLIMIT_FOO\"");
	cr_assert_eq(rlimit_apply(&crossed, 0, &err), -EINVAL);
	cr_assert_str_eq(err.msg, "process.rlimits[0] (RLIMIT_CORE): soft 2 is above hard 1");
	cr_assert_eq(rlimit_apply(&half, 0, &err), -EINVAL);
	getrlimit(RLIMIT_CORE, &after);
	cr_assert_eq(memcmp(&before, &after, sizeof(before)), 0, "a bad list changed something");
}

static void sleeper(void *data)
{
	pause();
}

Test(rlimit, of_another_process)
{
	struct oci_process p = LIMITS(
	    {
		"RLIMIT_NOFILE", {true, 17},
		     {true, 19}
	       },
	    {"RLIMIT_CORE", {true, 0}, {true, 0}});
	struct error err = ERROR_NONE;
	struct rlimit v;
	pid_t pid = fork();

	if (pid == 0) {
		sleeper(NULL);
		_exit(0);
	}
	cr_assert_eq(rlimit_apply(&p, pid, &err), 0, "%s", err.msg);
	cr_assert_eq(prlimit(pid, RLIMIT_NOFILE, NULL, &v), 0);
	cr_assert_eq(v.rlim_cur, 17);
	cr_assert_eq(v.rlim_max, 19);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cr_assert_eq(rlimit_apply(&p, pid, &err), -ESRCH);
}

static void infinity(void *data)
{
	struct oci_process low = LIMITS({
	    "RLIMIT_CORE", {true, 5		   },
	      {true, RLIM_INFINITY}
	   });
	struct rlimit v;

	getrlimit(RLIMIT_CORE, &v);
	if (v.rlim_max != RLIM_INFINITY)
		_exit(CHILD_LACKS);
	NEED(rlimit_apply(&low, 0, NULL) == 0);
	NEED(getrlimit(RLIMIT_CORE, &v) == 0 && v.rlim_cur == 5 && v.rlim_max == RLIM_INFINITY);
}

Test(rlimit, infinity)
{
	int r = child_run(infinity, NULL);

	if (r == CHILD_LACKS)
		cr_skip_test("RLIMIT_CORE is limited here");
	cr_assert_eq(r, 0);
}

static void raise_hard(void *data)
{
	struct oci_process down = LIMITS({
	    "RLIMIT_NOFILE", {true, 64},
		 {true, 64}
	   });
	struct oci_process up = LIMITS({
	    "RLIMIT_NOFILE", {true, 65},
		 {true, 65}
	   });
	struct error err = ERROR_NONE;

	NEED(rlimit_apply(&down, 0, &err) == 0);
	NEED(geteuid() != 0 || setresuid(1000, 1000, 1000) == 0);
	NEED(rlimit_apply(&up, 0, &err) == -EPERM);
	NEED(!strncmp(err.msg, "process.rlimits[0] (RLIMIT_NOFILE): ", 36));
}

Test(rlimit, raising_the_hard_limit)
{
	cr_assert_eq(child_run(raise_hard, NULL), 0);
}
