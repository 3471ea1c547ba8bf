/* test_seal.c: this program, started once more as a probe, seals itself and tells what it has become. */
#include "base/seal.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "lack.h"

static const char probe_name[] = "seal probe";

/* Runs before Criterion's main(): twice, the second time as the sealed copy. */
__attribute__((constructor)) static void be_probe(int argc, char **argv, char **envp)
{
	struct error e = ERROR_NONE;
	char link[256] = "", comm[32] = "";
	int exe, ret;

	if (argc < 1 || strcmp(argv[0], probe_name) != 0)
		return;
	/* Sealing must work with the standard streams and nothing else, and hand on no more. */
	ret = seal_self(argv, &e);
	if (ret < 0) {
		printf("failed %d %s\n", ret, e.msg);
		fflush(stdout);
		_exit(1);
	}
	exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (readlink("/proc/self/exe", link, sizeof(link) - 1) < 0)
		_exit(2);
	prctl(PR_GET_NAME, comm);
	printf("seals %x\nexe %s\ncomm %s\nargc %d\nargv1 %s\nenv %s\n", (unsigned)fcntl(exe, F_GET_SEALS),
	       link, comm, argc, argc > 1 ? argv[1] : "-", getenv("PROBE") ? getenv("PROBE") : "-");
	close(exe);
	printf("from %s\n", seal_folder());
	printf("fds %d\n", count_fds());
	printf("write %s\n", open("/proc/self/exe", O_WRONLY | O_CLOEXEC) < 0 ? "refused" : "granted");
	fflush(stdout);
	_exit(0);
}

static char *run_probe(long lack, int e)
{
	char *argv[] = {(char *)probe_name, (char *)"a b", NULL}, *envp[] = {(char *)"PROBE=kept", (char *)"NACRE_PROGRAM=/etc/false", NULL};
	int p[2], status;
	char *text = NULL;
	pid_t pid;

	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(p[1], STDOUT_FILENO);
		fd_cloexec_from(3, NULL);
		if (lack >= 0)
			lack_call(lack, e);
		execve("/proc/self/exe", argv, envp);
		_exit(127);
	}
	close(p[1]);
	cr_assert_eq(fd_read_all(p[0], 10000, &text, NULL, NULL), 0);
	close(p[0]);
	waitpid(pid, &status, 0);
	return text;
}

#define HAS(text, what) cr_assert_not_null(strstr((text), (what)), "no %s in: %s", (what), (text))

static void check_probe(const char *text)
{
	char want[64];

	snprintf(want, sizeof(want), "seals %x\n",
		 (unsigned)(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
	HAS(text, want);
	HAS(text, "exe /memfd:nacre");
	/* This very program's, whatever the caller's environment says. */
	char here[4096] = "", want_folder[4200];
	cr_assert(readlink("/proc/self/exe", here, sizeof(here) - 1) > 0);
	*strrchr(here, '/') = '\0';
	snprintf(want_folder, sizeof(want_folder), "from %s\n", here);
	HAS(text, want_folder);
	HAS(text, "argc 2\nargv1 a b\nenv kept\n");
	/* ".", "..", the three standard streams, and the listing's own: the copy's descriptor has not
	 * survived. */
	HAS(text, "fds 6\n");
	HAS(text, "write refused\n");
	HAS(text, "comm seal probe\n");
}

Test(seal, copy_is_sealed_and_whole)
{
	char *text = run_probe(-1, 0);

	check_probe(text);
	free(text);
}

Test(seal, without_execveat)
{
	char *text = run_probe(SYS_execveat, ENOSYS);

	check_probe(text);
	free(text);
}

Test(seal, failure_is_told)
{
	char *text = run_probe(SYS_memfd_create, EACCES);

	HAS(text, "failed -13 create a memfd for the sealed copy: Permission denied");
	free(text);
	text = run_probe(SYS_sendfile, EIO);
	HAS(text, "failed -5 copy /proc/self/exe: Input/output error");
	free(text);
}
