/* test_proc.c: a process is known by pid and start time, its end by pidfd or /proc. */
#include "base/proc.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lack.h"

static pid_t spawn(void (*body)(void))
{
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		body();
		_exit(7);
	}
	return pid;
}

static void sleep_on(void)
{
	for (;;)
		pause();
}

/* Lives on for a moment after the other end of `gate` was closed, by when it is being waited for. */
static int gate[2] = {-1, -1};

static void nap(void)
{
	char c;

	close(gate[1]);
	while (read(gate[0], &c, 1) < 0)
		;
	usleep(50000);
}

static void make_gate(void)
{
	cr_assert_eq(pipe2(gate, O_CLOEXEC), 0);
}

static void nothing(void) {}

/* Every test runs with pidfds and as on a kernel that has none. */
#define BOTH(name)                                                                                           \
	static void name(void);                                                                              \
	Test(proc, name, .timeout = 100)                                                                      \
	{                                                                                                    \
		name();                                                                                      \
	}                                                                                                    \
	Test(proc_without_pidfd, name, .timeout = 100)                                                        \
	{                                                                                                    \
		lack_call(SYS_pidfd_open, ENOSYS);                                                           \
		name();                                                                                      \
	}                                                                                                    \
	Test(proc_denied_pidfd, name, .timeout = 100)                                                         \
	{                                                                                                    \
		lack_call(SYS_pidfd_open, EPERM);                                                            \
		name();                                                                                      \
	}                                                                                                    \
	static void name(void)

BOTH(life_of_a_child)
{
	pid_t pid = spawn(sleep_on);
	struct proc p, again;
	int status = 0, before = count_fds();

	cr_assert_eq(proc_open(pid, 0, &p, NULL), 0);
	cr_assert_eq(p.pid, pid);
	cr_assert_gt(p.start_time, 0);
	cr_assert_eq(proc_life(&p), PROC_ALIVE);
	cr_assert_eq(proc_open(pid, p.start_time, &again, NULL), 0);
	proc_close(&again);
	cr_assert_eq(proc_wait_gone(&p, 30, NULL), -ETIMEDOUT);
	cr_assert_eq(proc_wait_gone(&p, 0, NULL), -ETIMEDOUT);
	cr_assert_eq(proc_signal(&p, SIGTERM, NULL), 0);
	cr_assert_eq(proc_wait_gone(&p, 60000, NULL), 0);
	cr_assert_eq(proc_wait_gone(&p, 0, NULL), 0);
	cr_assert_eq(proc_life(&p), PROC_ZOMBIE);
	cr_assert_eq(proc_signal(&p, 0, NULL), -ESRCH, "a zombie takes no signals");
	cr_assert_eq(proc_open(pid, p.start_time, &again, NULL), 0, "a zombie can be opened");
	proc_close(&again);
	cr_assert_eq(proc_reap(pid, &status, NULL), 0);
	cr_assert_eq(proc_exit_code(status), 128 + SIGTERM);
	cr_assert_eq(proc_life(&p), PROC_GONE);
	cr_assert_eq(proc_signal(&p, SIGTERM, NULL), -ESRCH);
	cr_assert_eq(proc_wait_gone(&p, -1, NULL), 0);
	cr_assert_eq(proc_open(pid, p.start_time, &again, NULL), -ESRCH);
	cr_assert_eq(proc_open(pid, 0, &again, NULL), -ESRCH);
	proc_close(&p);
	cr_assert_eq(p.pid, 0);
	cr_assert_eq(p.pidfd, -EBADF);
	proc_close(&p);
	cr_assert_eq(count_fds(), before);
}

BOTH(number_used_again_is_another)
{
	pid_t pid = spawn(sleep_on);
	struct proc p = PROC_NONE, other;
	struct error e = ERROR_NONE;

	cr_assert_eq(proc_open(pid, 0, &p, NULL), 0);
	cr_assert_eq(proc_open(pid, p.start_time + 1, &other, &e), -ESRCH);
	other = (struct proc){pid, p.start_time + 1, -EBADF};
	cr_assert_eq(proc_life(&other), PROC_GONE);
	cr_assert_eq(proc_signal(&other, SIGKILL, NULL), -ESRCH);
	cr_assert_eq(proc_wait_gone(&other, -1, NULL), 0);
	usleep(20000);
	cr_assert_eq(proc_life(&p), PROC_ALIVE, "nobody was shot");
	kill(pid, SIGKILL);
	proc_close(&p);
}

BOTH(waits_for_the_end)
{
	struct proc p;

	make_gate();
	cr_assert_eq(proc_open(spawn(nap), 0, &p, NULL), 0);
	cr_assert_eq(proc_life(&p), PROC_ALIVE);
	close(gate[1]);
	cr_assert_eq(proc_wait_gone(&p, -1, NULL), 0);
	cr_assert_eq(proc_life(&p), PROC_ZOMBIE);
	proc_close(&p);
}

/* A grandchild, whom the child reaps. */
static int report;

static void have_child(void)
{
	pid_t pid = spawn(nap);

	close(gate[1]);
	if (write(report, &pid, sizeof(pid)) != sizeof(pid))
		_exit(1);
	waitpid(pid, NULL, 0);
	sleep_on();
}

BOTH(waits_for_strangers)
{
	int pipe_fds[2];
	struct proc p;
	pid_t child, pid;

	make_gate();
	cr_assert_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	report = pipe_fds[1];
	child = spawn(have_child);
	cr_assert_eq(read(pipe_fds[0], &pid, sizeof(pid)), (ssize_t)sizeof(pid));
	cr_assert_eq(proc_open(pid, 0, &p, NULL), 0);
	close(gate[1]);
	cr_assert_eq(proc_wait_gone(&p, 60000, NULL), 0);
	kill(child, SIGKILL);
	proc_close(&p);
}

static void rename_self(void)
{
	prctl(PR_SET_NAME, "a) Z 0 0\n(b)");
	sleep_on();
}

BOTH(names_do_not_mislead)
{
	pid_t pid = spawn(rename_self);
	struct proc p;

	usleep(30000);
	cr_assert_eq(proc_open(pid, 0, &p, NULL), 0);
	cr_assert_eq(proc_life(&p), PROC_ALIVE);
	cr_assert_eq(proc_signal(&p, SIGKILL, NULL), 0);
	cr_assert_eq(proc_wait_gone(&p, 60000, NULL), 0);
	proc_close(&p);
}

static void *other_thread(void *arg)
{
	sleep_on();
	return NULL;
}

static void leave_a_thread(void)
{
	pthread_t t;

	pthread_create(&t, NULL, other_thread, NULL);
	syscall(SYS_exit, 0);
}

BOTH(leader_that_left_its_threads_is_no_zombie)
{
	pid_t pid = spawn(leave_a_thread);
	struct proc p;

	usleep(50000);
	cr_assert_eq(proc_open(pid, 0, &p, NULL), 0);
	cr_assert_eq(proc_life(&p), PROC_ALIVE);
	cr_assert_eq(proc_wait_gone(&p, 30, NULL), -ETIMEDOUT);
	cr_assert_eq(proc_signal(&p, SIGKILL, NULL), 0);
	cr_assert_eq(proc_wait_gone(&p, 60000, NULL), 0);
	proc_close(&p);
}

Test(proc, nobody)
{
	struct proc none = PROC_NONE, out = {1, 2, 3};
	int status = 5;

	/* kill(0) would reach our whole group, kill(-1) everybody. */
	cr_assert_eq(proc_signal(&none, SIGKILL, NULL), -ESRCH);
	cr_assert_eq(proc_life(&none), PROC_GONE);
	cr_assert_eq(proc_wait_gone(&none, -1, NULL), 0);
	cr_assert_eq(proc_open(0, 0, &out, NULL), -EINVAL);
	cr_assert_eq(proc_open(-1, 0, &out, NULL), -EINVAL);
	cr_assert_eq(proc_open(1 << 30, 0, &out, NULL), -ESRCH);
	cr_assert_eq(out.pidfd, 3, "untouched");
	cr_assert_eq(proc_parent(getpid()), getppid());
	cr_assert_eq(proc_parent(1 << 30), -ESRCH);
	cr_assert_eq(proc_reap(-1, &status, NULL), -EINVAL);
	cr_assert_eq(proc_reap(0, &status, NULL), -EINVAL);
	cr_assert_eq(proc_reap(1, &status, NULL), -ECHILD);
	cr_assert_eq(status, 5, "untouched");
}

Test(proc, reap_and_code)
{
	int status = 0;

	cr_assert_eq(proc_reap(spawn(nothing), &status, NULL), 0);
	cr_assert_eq(proc_exit_code(status), 7);
	cr_assert_eq(proc_exit_code(SIGKILL), 137);
	cr_assert_eq(proc_exit_code(SIGSEGV | 0x80), 139, "with a core");
	cr_assert_eq(proc_exit_code(255 << 8), 255);
}

/* In a chroot without /proc a process must not be taken for dead. */
Test(proc, without_proc_the_living_are_not_declared_dead)
{
	char folder[] = "/tmp/test-proc-XXXXXX";
	pid_t pid = spawn(sleep_on);
	struct proc p;

	if (geteuid())
		cr_skip_test("root");
	cr_assert_eq(proc_open(pid, 0, &p, NULL), 0);
	cr_assert_not_null(mkdtemp(folder));
	pid_t child = fork();
	if (child == 0) {
		struct proc q = {pid, p.start_time, -EBADF}, out;

		if (chroot(folder) < 0)
			_exit(1);
		_exit(proc_life(&q) == PROC_ALIVE && proc_open(pid, 0, &out, NULL) < 0 ? 0 : 2);
	}
	int status = -1;

	waitpid(child, &status, 0);
	rmdir(folder);
	kill(pid, SIGKILL);
	cr_assert_eq(proc_exit_code(status), 0);
}
