/* process.c: programs that are run and waited for. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/bench.h"

extern char **environ;

double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

_Noreturn void fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) >= 0;
	if (fd >= 0)
		close(fd);
	return done;
}

int run(const char *const *argv, struct rusage *usage, const char *procs)
{
	struct rusage own;
	int pid, status;
	if (procs) {
		/* Into its cgroup before it is itself: fork, since posix_spawn cannot. */
		pid = fork();
		if (!pid) {
			int null = open("/dev/null", O_RDWR);
			dup2(null, 0);
			dup2(null, 1);
			dup2(null, 2);
			if (put(procs, "0"))
				execvp(argv[0], (char *const *)argv);
			_exit(125);
		}
	} else {
		posix_spawn_file_actions_t actions;
		posix_spawn_file_actions_init(&actions);
		for (int fd = 0; fd < 3; fd++)
			posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
		if (posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ))
			return -1;
		posix_spawn_file_actions_destroy(&actions);
	}
	while (wait4(pid, &status, 0, usage ? usage : &own) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}
