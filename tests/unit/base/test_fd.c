/* test_fd.c: whole files, and which descriptors survive. */
#include "base/fd.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/sys.h"
#include "lack.h"

static char base[] = "/tmp/test-fd-XXXXXX";
static int dir = -1;

static void setup(void)
{
	cr_assert_not_null(mkdtemp(base));
	dir = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(dir, 0);
}

static int entries(void)
{
	DIR *d = opendir(base);
	int n = -2;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void teardown(void)
{
	DIR *d = opendir(base);
	struct dirent *e;

	while ((e = readdir(d)))
		unlinkat(dir, e->d_name, unlinkat(dir, e->d_name, 0) ? AT_REMOVEDIR : 0);
	closedir(d);
	rmdir(base);
}

static int filled_pipe(const char *text, size_t n)
{
	int p[2];

	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	cr_assert_eq(write(p[1], text, n), (ssize_t)n);
	close(p[1]);
	return p[0];
}

Test(fd, read_all_to_the_limit)
{
	static char many[20000];
	char *text = NULL;
	size_t n = 0;

	memset(many, 'm', sizeof(many));
	cr_assert_eq(fd_read_all(filled_pipe(many, 20000), 20000, &text, &n, NULL), 0);
	cr_assert_eq(n, 20000);
	cr_assert_eq(strlen(text), 20000);
	free(text);
	text = NULL;
	cr_assert_eq(fd_read_all(filled_pipe(many, 20000), 19999, &text, &n, NULL), -EFBIG);
	cr_assert_null(text, "untouched");
	cr_assert_eq(fd_read_all(filled_pipe("a\0b", 3), SIZE_MAX, &text, &n, NULL), 0);
	cr_assert_eq(n, 3);
	cr_assert_eq(memcmp(text, "a\0b\0", 4), 0);
	free(text);
	cr_assert_eq(fd_read_all(filled_pipe("", 0), 0, &text, NULL, NULL), 0);
	cr_assert_str_eq(text, "");
	free(text);
	cr_assert_eq(fd_read_all(filled_pipe("x", 1), 0, &text, NULL, NULL), -EFBIG);
	cr_assert_eq(fd_read_all(-1, 10, &text, NULL, NULL), -EBADF);
}

Test(fd, endless_file_is_not_read_for_ever)
{
	char *text = NULL;

	cr_assert_eq(file_read_at(AT_FDCWD, "/dev/zero", 100000, &text, NULL, NULL), -EFBIG);
	cr_assert_null(text);
}

Test(fd, write_all_over_a_full_pipe)
{
	static char many[1 << 20];
	int p[2], status;
	pid_t pid;

	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		char *text;
		size_t n;

		close(p[1]);
		_exit(fd_read_all(p[0], sizeof(many), &text, &n, NULL) || n != sizeof(many));
	}
	close(p[0]);
	cr_assert_eq(fd_write_all(p[1], many, sizeof(many), NULL), 0);
	close(p[1]);
	waitpid(pid, &status, 0);
	cr_assert_eq(status, 0);
	cr_assert_eq(fd_write_all(-1, "x", 1, NULL), -EBADF);
}

Test(fd, file_errors_name_the_file, .init = setup, .fini = teardown)
{
	struct error e = ERROR_NONE;
	char *text = NULL;

	cr_assert_eq(file_read_at(dir, "none", 10, &text, NULL, &e), -ENOENT);
	cr_assert_str_eq(e.msg, "open none: No such file or directory");
	cr_assert_eq(file_read_at(dir, ".", 10, &text, NULL, &e), -EISDIR);
	cr_assert_not_null(strstr(e.msg, "Is a directory"));
	cr_assert_eq(file_write_at(dir, "none", "x", &e), -ENOENT);
	cr_assert_eq(entries(), 0, "nothing was created");
	cr_assert_lt(file_write_at(AT_FDCWD, "/proc/self/oom_score_adj", "pear", &e), 0);
	cr_assert_not_null(strstr(e.msg, "write pear to /proc/self/oom_score_adj: Invalid argument"));
}

Test(fd, replace_writes_the_whole_or_nothing, .init = setup, .fini = teardown)
{
	struct error e = ERROR_NONE;
	struct stat st;
	char *text;

	umask(077);
	cr_assert_eq(file_replace_at(dir, "state", "one", 3, 0644, &e), 0);
	cr_assert_eq(file_replace_at(dir, "state", "second", 6, 0644, &e), 0);
	cr_assert_eq(file_read_at(dir, "state", 100, &text, NULL, &e), 0);
	cr_assert_str_eq(text, "second");
	free(text);
	cr_assert_eq(fstatat(dir, "state", &st, AT_SYMLINK_NOFOLLOW), 0);
	cr_assert_eq(st.st_mode, S_IFREG | 0644, "the umask has no say");
	cr_assert_eq(entries(), 1, "no temporary file stays");
	cr_assert_eq(mkdirat(dir, "folder", 0700), 0);
	cr_assert_eq(file_replace_at(dir, "folder", "x", 1, 0644, &e), -EISDIR);
	cr_assert_eq(entries(), 2, "nor does it after a failure");
}

Test(fd, replace_follows_no_link, .init = setup, .fini = teardown)
{
	char temp[64], *text;
	struct stat st;

	cr_assert_eq(file_replace_at(dir, "victim", "safe", 4, 0600, NULL), 0);
	cr_assert_eq(symlinkat("victim", dir, "state"), 0);
	/* One who guesses the temporary name gains nothing either. */
	snprintf(temp, sizeof(temp), ".state.tmp-%d-0", (int)getpid());
	cr_assert_eq(symlinkat("victim", dir, temp), 0);
	cr_assert_eq(file_replace_at(dir, "state", "new", 3, 0600, NULL), 0);
	cr_assert_eq(file_read_at(dir, "victim", 100, &text, NULL, NULL), 0);
	cr_assert_str_eq(text, "safe");
	free(text);
	cr_assert_eq(fstatat(dir, "state", &st, AT_SYMLINK_NOFOLLOW), 0);
	cr_assert(S_ISREG(st.st_mode));
}

Test(fd, replace_takes_names_only, .init = setup, .fini = teardown)
{
	static const char *const bad[] = {"", ".", "..", "a/b", "/x", "../x"};
	char name[NAME_MAX + 1];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(file_replace_at(dir, bad[i], "x", 1, 0600, NULL), -EINVAL, "'%s'", bad[i]);
	memset(name, 'n', NAME_MAX);
	name[NAME_MAX] = '\0';
	cr_assert_eq(file_replace_at(dir, name, "x", 1, 0600, NULL), -ENAMETOOLONG);
	cr_assert_eq(entries(), 0);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* In a child: the test's own descriptors are Criterion's, too. Returns the number of the first check that
 * failed. */
static int close_from_in_child(void)
{
	static const int all[] = {100, 101, 102, 150, 151, 200, 300};
	static const int keep[] = {300, 151, -1, 101, 5, 101, -EBADF, 100};
	static const int some[] = {99, 98};
	struct error e = ERROR_NONE;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (dup2(0, all[i]) < 0)
			return 1;
	dup2(0, 99);
	dup2(0, 98);
	if (fd_close_from(100, keep, 8, &e) < 0)
		return 2;
	if (!is_open(100) || !is_open(101) || is_open(102) || is_open(150) || !is_open(151) || is_open(200) ||
	    !is_open(300))
		return 3;
	if (!is_open(99) || !is_open(98))
		return 4;
	if (fd_close_from(100, some, 2, &e) < 0 || is_open(100) || is_open(151) || is_open(300) ||
	    !is_open(99))
		return 5;
	dup2(0, 100);
	if (fd_close_from(3, NULL, 0, &e) < 0 || is_open(100) || is_open(98) || is_open(3) || !is_open(2))
		return 6;
	return 0;
}

static int cloexec_from_in_child(void)
{
	dup2(0, 100);
	dup2(0, 101);
	dup2(0, 500);
	if (fd_cloexec_from(101, NULL) < 0)
		return 1;
	if (fcntl(100, F_GETFD) != 0 || fcntl(101, F_GETFD) != FD_CLOEXEC ||
	    fcntl(500, F_GETFD) != FD_CLOEXEC)
		return 2;
	return 0;
}

static int run_in_child(int (*body)(void), int lack)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (lack) {
			lack_call(SYS_close_range, lack);
			errno = 0;
			if (sys_close_range(900, 900, 0) == 0 || errno != lack)
				_exit(99);
		}
		_exit(body());
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(fd, close_from_keeps_what_it_shall)
{
	cr_assert_eq(run_in_child(close_from_in_child, 0), 0);
	cr_assert_eq(run_in_child(close_from_in_child, ENOSYS), 0);
	cr_assert_eq(run_in_child(close_from_in_child, EPERM), 0);
}

Test(fd, cloexec_from_marks)
{
	cr_assert_eq(run_in_child(cloexec_from_in_child, 0), 0);
	cr_assert_eq(run_in_child(cloexec_from_in_child, ENOSYS), 0);
	cr_assert_eq(run_in_child(cloexec_from_in_child, EINVAL), 0, "the flag is younger than the call");
}

Test(fd, path_leads_to_the_descriptor)
{
	auto_close int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char link[64] = "";

	cr_assert_gt(readlink(fd_path(fd).text, link, sizeof(link) - 1), 0);
	cr_assert_str_eq(link, "/dev/null");
}
