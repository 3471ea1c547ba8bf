/* test_load.c: filters that the kernel really applies, in forked children. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "profile.h"
#include "seccomp/filter.h"

#define NEED(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "%s:%d: %s (errno %m)\n", __FILE__, __LINE__, #condition);           \
			_exit(1);                                                                            \
		}                                                                                            \
	} while (0)

static struct filter compiled(const char *json)
{
	struct oci_config *config = profile_parse(json);
	struct error err = ERROR_NONE;
	struct filter f = {0};

	cr_assert_eq(filter_compile(config->linux_->seccomp, &f, &err), 0, "%s", err.msg);
	oci_config_free(config);
	return f;
}

/* Forks, loads, runs fn; the wait status. */
static int under(struct filter *f, void (*fn)(int listener))
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		struct error err = ERROR_NONE;
		int listener = -1;

		NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
		if (filter_load(f, f->notify ? &listener : NULL, &err) < 0) {
			fprintf(stderr, "%s\n", err.msg);
			_exit(2);
		}
		fn(listener);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	filter_free(f);
	return status;
}

static void large(int listener)
{
	struct stat st;

	NEED(stat("/", &st) == 0);
	NEED(getpid() > 0);
	/* not in the profile: its default answer */
	errno = 0;
	NEED(syscall(SYS_swapon, NULL, 0) < 0 && errno == EPERM);
	errno = 0;
	NEED(syscall(SYS_mount, NULL, NULL, NULL, 0, NULL) < 0 && errno == EPERM);
	/* a rule of its own */
	errno = 0;
	NEED(syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS);
	/* by argument: a new user namespace is refused, a child is not */
	errno = 0;
	NEED(syscall(SYS_clone, 0x10000000 | SIGCHLD, 0, 0, 0, 0) < 0 && errno == EPERM);
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(7);
	NEED(pid > 0 && waitpid(pid, NULL, 0) == pid);
	/* from the future */
	errno = 0;
	NEED(syscall(9999) < 0 && errno == ENOSYS);
}

Test(load, large_profile)
{
	auto_free char *json = profile_read(TESTS_DIR "/data/seccomp-large.json");
	struct filter f = compiled(json);

	cr_assert_eq(under(&f, large), 0);
}

static void killed(int listener)
{
	syscall(SYS_mkdirat, AT_FDCWD, "/does/not/exist/x", 0700);
}

Test(load, killed)
{
	struct filter f = compiled("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":"
				   "[{\"names\":[\"mkdirat\"],\"action\":\"SCMP_ACT_KILL_PROCESS\"}]}");
	int status = under(&f, killed);

	cr_assert(WIFSIGNALED(status));
	cr_assert_eq(WTERMSIG(status), SIGSYS);
}

static void all_flags(int listener)
{
	NEED(syscall(SYS_mkdirat, AT_FDCWD, "/does/not/exist/x", 0700) < 0 && errno == 77);
}

Test(load, all_flags)
{
	struct filter f = compiled(
	    "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_TSYNC\",\"SECCOMP_FILTER_"
	    "FLAG_LOG\","
	    "\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\",\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"],\"syscalls\":"
	    "[{\"names\":[\"mkdirat\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":77}]}");

	cr_assert_eq(under(&f, all_flags), 0);
}

static void notified(int listener)
{
	struct seccomp_notif req = {0};
	struct seccomp_notif_resp resp = {0};

	NEED(listener >= 0 && fcntl(listener, F_GETFD) == FD_CLOEXEC);
	pid_t pid = fork();
	if (pid == 0)
		_exit(syscall(SYS_mkdirat, AT_FDCWD, "/asked", 0700) < 0 && errno == 55 ? 3 : 4);
	NEED(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req) == 0);
	NEED(req.data.nr == SYS_mkdirat && (pid_t)req.pid == pid);
	resp.id = req.id;
	resp.error = -55;
	NEED(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp) == 0);
	int status;
	NEED(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3);
}

Test(load, listener, .timeout = 100)
{
	struct filter f = compiled(
	    "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_TSYNC\"],\"syscalls\":"
	    "[{\"names\":[\"mkdirat\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}");

	cr_assert(f.notify);
	cr_assert_eq(under(&f, notified), 0);
}

Test(load, listener_that_nobody_takes)
{
	struct filter f = compiled("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":"
				   "[{\"names\":[\"mkdirat\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}");
	struct error err = ERROR_NONE;

	cr_assert_eq(filter_load(&f, NULL, &err), -EINVAL);
	cr_assert_str_eq(err.msg, "load the seccomp filter: nobody takes its listener");
	filter_free(&f);
}

static void no_privileges(struct filter *f)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct error err = ERROR_NONE;

		NEED(geteuid() != 0 || setresuid(1000, 1000, 1000) == 0);
		NEED(filter_load(f, NULL, &err) == -EACCES);
		NEED(!strcmp(err.msg, "load the seccomp filter: Permission denied"));
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
}

Test(load, without_the_right_to)
{
	struct filter f = compiled("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":["
				   "\"mkdirat\"],\"action\":\"SCMP_ACT_LOG\"}]}");

	no_privileges(&f);
	filter_free(&f);
}
