/* test_seal.c: this program, started once more as a probe, seals itself and tells what it has become. */
#include "base/seal.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
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
	/* Told to, it stays until its input ends. */
	if (getenv("STAY"))
		ret = read(STDIN_FILENO, comm, 1) > 0;
	_exit(0);
}

/* A system call that is not to be had, and its errno value. */
struct lack {
	long nr;
	int e;
};

static char *run_probe(const struct lack *lack, size_t n)
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
		for (size_t i = 0; i < n; i++)
			lack_call(lack[i].nr, lack[i].e);
		execve("/proc/self/exe", argv, envp);
		_exit(127);
	}
	close(p[1]);
	cr_assert_eq(fd_read_all(p[0], 10000, &text, NULL, NULL), 0);
	close(p[0]);
	waitpid(pid, &status, 0);
	return text;
}

#define RUN_PROBE(...) run_probe((const struct lack[]){__VA_ARGS__}, sizeof((const struct lack[]){__VA_ARGS__}) / sizeof(struct lack))
#define HAS(text, what) cr_assert_not_null(strstr((text), (what)), "no %s in: %s", (what), (text))

static void check_probe(const char *text, bool memory)
{
	char want[64];

	snprintf(want, sizeof(want), "seals %x\n", (unsigned)(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
	if (memory)
		HAS(text, want);
	HAS(text, memory ? "exe /memfd:nacre" : "exe /\n");
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

Test(seal, mount_is_sealed)
{
	char *text;

	if (geteuid() != 0)
		cr_skip_test("root");
	text = run_probe(NULL, 0);
	check_probe(text, false);
	free(text);
}

Test(seal, copy_is_sealed_and_whole)
{
	char *text = RUN_PROBE({SYS_open_tree, ENOSYS});

	check_probe(text, true);
	free(text);
	text = RUN_PROBE({SYS_mount_setattr, ENOSYS});
	check_probe(text, true);
	free(text);
}

Test(seal, without_execveat)
{
	char *text = RUN_PROBE({SYS_execveat, ENOSYS}, {SYS_open_tree, EPERM});

	check_probe(text, true);
	free(text);
	if (geteuid() != 0)
		return;
	text = RUN_PROBE({SYS_execveat, ENOSYS});
	check_probe(text, false);
	free(text);
}

Test(seal, failure_is_told)
{
	char *text = RUN_PROBE({SYS_open_tree, EPERM}, {SYS_memfd_create, EACCES});

	HAS(text, "failed -13 create a memfd for the sealed copy: Permission denied");
	free(text);
	text = RUN_PROBE({SYS_open_tree, EPERM}, {SYS_sendfile, EIO});
	HAS(text, "failed -5 copy /proc/self/exe: Input/output error");
	free(text);
}

/* This program once more, in a file that nobody runs: writing to one that runs is refused for that alone. */
static void copy_program(const char *path)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	cr_assert(from >= 0 && to >= 0);
	while (sendfile(to, from, NULL, 1 << 30) > 0)
		;
	close(from);
	close(to);
}

/* What a container's root could do that has kept a descriptor of the program, with every capability there is, after the program ended. */
Test(seal, mount_cannot_be_made_writable)
{
	char *argv[] = {(char *)probe_name, NULL}, *envp[] = {(char *)"STAY=1", NULL}, path[64], text[4096];
	char folder[] = "/tmp/nacre-seal-XXXXXX", program[64], target[64];
	struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY};
	int in[2], out[2], exe, fd, status;
	pid_t pid;

	if (geteuid() != 0)
		cr_skip_test("root");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(program, sizeof(program), "%s/program", folder);
	snprintf(target, sizeof(target), "%s/target", folder);
	copy_program(program);
	cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		fd_cloexec_from(3, NULL);
		execve(program, argv, envp);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	cr_assert_gt(read(out[0], text, sizeof(text)), 0);
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	exe = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert_geq(exe, 0);
	close(in[1]);
	close(out[0]);
	waitpid(pid, &status, 0);
	fd = open(program, O_WRONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0, "somebody runs the copy");
	close(fd);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", exe);
	cr_assert_eq(open(path, O_WRONLY | O_CLOEXEC), -1);
	cr_assert_eq(errno, EROFS);
	cr_assert_eq(fchmod(exe, 0777), -1);
	cr_assert_eq(errno, EROFS);
	cr_assert_eq(sys_mount_setattr(exe, "", AT_EMPTY_PATH, &attr, sizeof(attr)), -1);
	cr_assert_eq(errno, EINVAL);
	cr_assert_eq(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL), -1);
	cr_assert_eq(sys_open_tree(exe, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH), -1);
	cr_assert_eq(errno, EINVAL);
	fd = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	close(fd);
	status = mount(path, target, NULL, MS_BIND, NULL);
	if (!status)
		umount(target);
	cr_assert_eq(status, -1);
	cr_assert_eq(sys_move_mount(exe, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH), -1);
	unlink(target);
	/* A second name elsewhere would be writable. */
	cr_assert_eq(linkat(exe, "", AT_FDCWD, target, AT_EMPTY_PATH), -1);
	cr_assert_eq(errno, EXDEV);
	close(exe);
	unlink(program);
	rmdir(folder);
}
