/* scene.c: see scene.h. */
#include "scene.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "tty/console.h"
#include "tty/relay.h"

struct scene *scene;

void scene_setup(void)
{
	scene = mmap(NULL, sizeof(*scene), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	alarm(90);
}

void scene_nap(int ms)
{
	struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};

	nanosleep(&t, NULL);
}

static int on_signal(void *data, const struct signalfd_siginfo *info, struct error *err)
{
	if (info->ssi_signo != SIGWINCH)
		return 1;
	relay_resize(*(struct relay **)data);
	return 0;
}

/* The process under test: in and out become its stdin and stdout, `container` runs on the other end of a new
 * terminal. Exits with the container's status; 100 and above: something went wrong here. */
static _Noreturn void be_runtime(int in, int out, bool leader, int (*container)(void))
{
	struct relay *relay = NULL;
	struct loop *loop = NULL;
	struct console c = CONSOLE_NONE;
	struct termios before, after, raw = {.c_cflag = CREAD | CS8};
	int master, slave, status = 0;
	sigset_t set;
	pid_t pid;

	dup2(in, 0);
	dup2(out, 1);
	for (int fd = 3; fd < 100; fd++)
		close(fd);
	if (leader && (setsid() < 0 || ioctl(0, TIOCSCTTY, 0) < 0))
		_exit(100);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGWINCH);
	if (loop_new(&loop, NULL) < 0 || loop_add_signals(loop, &set, on_signal, &relay, NULL) < 0)
		_exit(101);
	cfmakeraw(&raw);
	if (openpty(&master, &slave, scene->name, scene->raw ? &raw : NULL, NULL) < 0)
		_exit(102);
	pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		c.slave = slave;
		if (console_attach(&c, NULL) < 0)
			_exit(103);
		for (int fd = 3; fd < 100; fd++)
			close(fd);
		_exit(container());
	}
	close(slave);
	tcgetattr(0, &before);
	if (relay_start(loop, master, &relay, NULL) < 0)
		_exit(104);
	if (loop_run(loop, NULL) < 0)
		_exit(105);
	relay_end(relay);
	loop_free(loop);
	if (isatty(0) &&
	    (tcgetattr(0, &after) < 0 || after.c_lflag != before.c_lflag || after.c_oflag != before.c_oflag))
		_exit(106);
	if (fcntl(master, F_GETFD) >= 0)
		_exit(107);
	waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 108);
}

pid_t scene_start(int in, int out, bool leader, int (*container)(void))
{
	pid_t pid = fork();

	if (pid == 0)
		be_runtime(in, out, leader, container);
	cr_assert_gt(pid, 0);
	return pid;
}

int scene_finish(pid_t pid, struct rusage *usage)
{
	int status = 0;

	cr_assert_eq(wait4(pid, &status, 0, usage), pid);
	cr_assert(WIFEXITED(status), "the relay was ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

void scene_raw(void)
{
	struct termios t;

	tcgetattr(0, &t);
	cfmakeraw(&t);
	tcsetattr(0, TCSANOW, &t);
}

char scene_pattern(size_t i)
{
	return (char)(i * 131 + (i >> 8) * 7 + (i >> 16));
}
