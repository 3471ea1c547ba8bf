/* test_vm_end.c: a process of the host's ends as one in the guest is said to have ended: whatever is said. */
#include "core/vm/exec.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int ended_as(int status)
{
	pid_t pid = fork();
	int ended = 0;

	cr_assert(pid >= 0);
	if (pid == 0)
		vm_end_as(status);
	cr_assert_eq(waitpid(pid, &ended, WUNTRACED), pid);
	if (WIFSTOPPED(ended))
		kill(pid, SIGKILL);
	return ended;
}

Test(vm_end, as_it_was_said)
{
	cr_expect_eq(ended_as(0), 0);
	cr_expect_eq(ended_as(7 << 8), 7 << 8);
	cr_expect_eq(ended_as(SIGKILL), SIGKILL);
	cr_expect_eq(ended_as(SIGTERM), SIGTERM);
	cr_expect_eq(ended_as(SIGSEGV | 0x80), SIGSEGV, "and no core is left");
}

/* A guest that lies: nothing ends by these, and who tried would stay. */
Test(vm_end, a_signal_that_ends_nobody_ends_all_the_same)
{
	static const int signals[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGCHLD, SIGURG, SIGWINCH};

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		int status = ended_as(signals[i]);

		cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 128 + signals[i], "signal %d: %#x", signals[i], (unsigned)status);
	}
	cr_expect(WIFEXITED(ended_as(SIGSTOP << 8 | 0x7f)), "a process that is stopped");
	cr_expect(WIFEXITED(ended_as(0xffff)), "a process that goes on");
	cr_expect(WIFEXITED(ended_as(126)), "a signal that there is none of");
}
