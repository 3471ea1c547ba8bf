/* child.h: checks that change the process they run in, done in a forked one. */
#ifndef TESTS_PROCESS_CHILD_H
#define TESTS_PROCESS_CHILD_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Inside of the function given to child_run(): leaves with the line that went wrong. */
#define NEED(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "%s:%d: %s (errno %m)\n", __FILE__, __LINE__, #condition);           \
			_exit(1);                                                                            \
		}                                                                                            \
	} while (0)

/* What a child leaves with when the machine can't do what the test needs. */
#define CHILD_LACKS 77

static inline int child_run(void (*fn)(void *), void *data)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		fn(data);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define need_root()                                                                                          \
	do {                                                                                                 \
		if (geteuid() != 0)                                                                          \
			cr_skip_test("needs root");                                                          \
	} while (0)

#endif
