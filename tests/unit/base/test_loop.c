/* test_loop.c: who is called, when, and who is not any more. */
#include "base/loop.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "lack.h"

static struct loop *loop;
static int calls, p[2], q[2];

static void setup(void)
{
	cr_assert_eq(loop_new(&loop, NULL), 0);
	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(q, O_CLOEXEC), 0);
}

static void teardown(void)
{
	loop_free(loop);
}

static int stop(void *data, int fd, uint32_t events, struct error *err)
{
	calls++;
	if (data)
		*(uint32_t *)data = events;
	return 1;
}

static int stop_timer(void *data, struct error *err)
{
	return 1;
}

static int fail(void *data, int fd, uint32_t events, struct error *err)
{
	return error_set(err, -ENOTNAM, "as told");
}

Test(loop, calls_back_with_events, .init = setup, .fini = teardown)
{
	uint32_t events = 0;

	cr_assert_eq(loop_add(loop, p[0], EPOLLIN, stop, &events, NULL), 0);
	cr_assert_eq(write(p[1], "x", 1), 1);
	cr_assert_eq(loop_run(loop, NULL), 0);
	cr_assert_eq(events, EPOLLIN);
	close(p[1]);
	cr_assert_eq(loop_run(loop, NULL), 0);
	cr_assert_eq(events, EPOLLIN | EPOLLHUP);
}

Test(loop, failure_ends_it_with_its_code, .init = setup, .fini = teardown)
{
	struct error e = ERROR_NONE;

	cr_assert_eq(loop_add(loop, p[1], EPOLLOUT, fail, NULL, NULL), 0);
	cr_assert_eq(loop_run(loop, &e), -ENOTNAM);
	cr_assert_str_eq(e.msg, "as told");
}

Test(loop, nothing_to_wait_for_is_an_error, .init = setup, .fini = teardown, .timeout = 100)
{
	cr_assert_eq(loop_run(loop, NULL), -EDEADLK);
	cr_assert_eq(loop_add(loop, p[0], EPOLLIN, stop, NULL, NULL), 0);
	loop_remove(loop, p[0]);
	cr_assert_eq(loop_run(loop, NULL), -EDEADLK);
}

Test(loop, bad_requests, .init = setup, .fini = teardown)
{
	cr_assert_eq(loop_add(loop, -1, EPOLLIN, stop, NULL, NULL), -EBADF);
	cr_assert_eq(loop_add(loop, p[0], EPOLLIN, stop, NULL, NULL), 0);
	cr_assert_eq(loop_add(loop, p[0], EPOLLIN, stop, NULL, NULL), -EEXIST);
	cr_assert_eq(loop_change(loop, q[0], EPOLLIN, NULL), -ENOENT);
	cr_assert_eq(loop_add_timer(loop, -1, 0, stop_timer, NULL, NULL), -EINVAL);
	loop_remove(loop, q[0]);
	loop_free(NULL);
}

/* Both pipes are ready in one round: whoever is called first removes the other. */
static int remove_other(void *data, int fd, uint32_t events, struct error *err)
{
	calls++;
	loop_remove(loop, fd == p[0] ? q[0] : p[0]);
	return 0;
}

Test(loop, removed_ones_are_not_called, .init = setup, .fini = teardown)
{
	cr_assert_eq(loop_add(loop, p[0], EPOLLIN, remove_other, NULL, NULL), 0);
	cr_assert_eq(loop_add(loop, q[0], EPOLLIN, remove_other, NULL, NULL), 0);
	cr_assert_eq(write(p[1], "x", 1), 1);
	cr_assert_eq(write(q[1], "x", 1), 1);
	cr_assert_eq(loop_add_timer(loop, 30, 0, stop_timer, NULL, NULL), 0);
	calls = 0;
	cr_assert_eq(loop_run(loop, NULL), 0);
	cr_assert_gt(calls, 0);
	/* Exactly one of the two lives: removing both leaves nothing to wait for. */
	loop_remove(loop, p[0]);
	loop_remove(loop, q[0]);
	cr_assert_eq(loop_run(loop, NULL), -EDEADLK);
}

static int remove_self(void *data, int fd, uint32_t events, struct error *err)
{
	calls++;
	loop_remove(loop, fd);
	return 0;
}

Test(loop, may_remove_itself, .init = setup, .fini = teardown)
{
	calls = 0;
	cr_assert_eq(loop_add(loop, p[1], EPOLLOUT, remove_self, NULL, NULL), 0);
	cr_assert_eq(loop_run(loop, NULL), -EDEADLK);
	cr_assert_eq(calls, 1);
}

Test(loop, change_pauses_and_resumes, .init = setup, .fini = teardown)
{
	calls = 0;
	cr_assert_eq(loop_add(loop, p[1], EPOLLOUT, stop, NULL, NULL), 0);
	cr_assert_eq(loop_change(loop, p[1], 0, NULL), 0);
	cr_assert_eq(loop_add_timer(loop, 10, 0, stop_timer, NULL, NULL), 0);
	cr_assert_eq(loop_run(loop, NULL), 0);
	cr_assert_eq(calls, 0);
	cr_assert_eq(loop_change(loop, p[1], EPOLLOUT, NULL), 0);
	cr_assert_eq(loop_run(loop, NULL), 0);
	cr_assert_eq(calls, 1);
}

Test(loop, number_used_again, .init = setup, .fini = teardown)
{
	int old = p[0];

	calls = 0;
	cr_assert_eq(loop_add(loop, old, EPOLLIN, fail, NULL, NULL), 0);
	close(old);
	cr_assert_eq(dup2(q[0], old), old);
	cr_assert_eq(loop_add(loop, old, EPOLLIN, stop, NULL, NULL), 0);
	cr_assert_eq(write(q[1], "x", 1), 1);
	cr_assert_eq(loop_run(loop, NULL), 0);
	cr_assert_eq(calls, 1);
}

Test(loop, files_that_epoll_refuses_are_always_ready, .init = setup, .fini = teardown)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	uint32_t events = 0;

	calls = 0;
	cr_assert_eq(loop_add(loop, fd, EPOLLIN, stop, &events, NULL), 0);
	cr_assert_eq(loop_add(loop, fd, EPOLLIN, stop, &events, NULL), -EEXIST);
	cr_assert_eq(loop_run(loop, NULL), 0);
	cr_assert_eq(events, EPOLLIN);
	cr_assert_eq(loop_change(loop, fd, 0, NULL), 0);
	cr_assert_eq(loop_add_timer(loop, 10, 0, stop_timer, NULL, NULL), 0);
	cr_assert_eq(loop_run(loop, NULL), 0);
	cr_assert_eq(calls, 1, "paused");
	loop_remove(loop, fd);
	cr_assert_eq(loop_run(loop, NULL), -EDEADLK);
}

static int tick(void *data, struct error *err)
{
	return ++*(int *)data == 3;
}

Test(loop, timers, .init = setup, .fini = teardown)
{
	struct timespec a, b;
	int ticks = 0;

	clock_gettime(CLOCK_MONOTONIC, &a);
	cr_assert_eq(loop_add_timer(loop, 20, 20, tick, &ticks, NULL), 0);
	cr_assert_eq(loop_run(loop, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	cr_assert_eq(ticks, 3);
	cr_assert_geq((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000, 59);
}

static int count(void *data, struct error *err)
{
	calls++;
	return 0;
}

Test(loop, timer_that_fires_once_at_once, .init = setup, .fini = teardown, .timeout = 100)
{
	int before = count_fds();

	calls = 0;
	cr_assert_eq(loop_add_timer(loop, 0, 0, count, NULL, NULL), 0);
	cr_assert_eq(loop_run(loop, NULL), -EDEADLK);
	cr_assert_eq(calls, 1);
	cr_assert_eq(count_fds(), before);
}

static int on_signal(void *data, const struct signalfd_siginfo *info, struct error *err)
{
	calls++;
	*(uint32_t *)data = info->ssi_signo;
	return info->ssi_signo == SIGUSR2;
}

Test(loop, signals, .init = setup, .fini = teardown)
{
	uint32_t last = 0;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	calls = 0;
	cr_assert_eq(loop_add_signals(loop, &set, on_signal, &last, NULL), 0);
	cr_assert_eq(loop_add_signals(loop, &set, on_signal, &last, NULL), -EEXIST);
	raise(SIGUSR1);
	raise(SIGUSR2);
	cr_assert_eq(loop_run(loop, NULL), 0);
	cr_assert_eq(calls, 2);
	cr_assert_eq(last, SIGUSR2);
}

Test(loop, leaves_no_descriptors)
{
	int before = count_fds();
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	cr_assert_eq(loop_new(&loop, NULL), 0);
	cr_assert_eq(loop_add_signals(loop, &set, on_signal, NULL, NULL), 0);
	cr_assert_eq(loop_add_timer(loop, 1000, 0, stop_timer, NULL, NULL), 0);
	cr_assert_eq(loop_add(loop, STDIN_FILENO, 0, stop, NULL, NULL), 0);
	loop_free(loop);
	cr_assert_eq(count_fds(), before);
	cr_assert_geq(fcntl(STDIN_FILENO, F_GETFD), 0, "what was added stays open");
}
