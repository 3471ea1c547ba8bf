/* test_main.c: the built program from outside, without a container: exit status, what goes where, the log. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"

enum { OUTPUT_MAX = 1 << 20 };

static char folder[64], root[80], log_file[80], program[4096];

static struct {
	int status;
	char *out, *err;
} got;

static void forget(void)
{
	free(got.out);
	free(got.err);
	got.out = got.err = NULL;
}

static void init(void)
{
	const char *named = getenv("NACRE");

	cr_assert_not_null(realpath(named ? named : "nacre", program),
			   "there is no ./nacre: build it first, or name it by $NACRE");
	strcpy(folder, "/tmp/test_main.XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(root, sizeof(root), "%s/root", folder);
	snprintf(log_file, sizeof(log_file), "%s/log", folder);
}

static void fini(void)
{
	DIR *d = opendir(folder);

	forget();
	for (struct dirent *e; d && (e = readdir(d));)
		if (unlinkat(dirfd(d), e->d_name, 0) < 0)
			unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	if (d)
		closedir(d);
	rmdir(folder);
}

#define TEST(name) Test(main, name, .init = init, .fini = fini)

static char *slurp(int fd)
{
	char *text = NULL;

	lseek(fd, 0, SEEK_SET);
	cr_assert_eq(fd_read_all(fd, OUTPUT_MAX, &text, NULL, NULL), 0);
	return text;
}

static int temporary(const char *name)
{
	auto_free char *path = str_printf("%s/%s", folder, name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	unlink(path);
	return fd;
}

/* child: what is done in the child before the program is executed; NULL: nothing. */
static int run_with(void (*child)(void), const char *const argv[])
{
	auto_close int out = temporary("out"), err = temporary("err");
	int status = -1;
	pid_t pid;

	forget();
	cr_assert_geq(out, 0);
	pid = fork();
	if (pid == 0) {
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		close_range(3, ~0U, 0);
		if (child)
			child();
		execv(program, (char *const *)argv);
		_exit(126);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	got.status = proc_exit_code(status);
	got.out = slurp(out);
	got.err = slurp(err);
	return got.status;
}

#define RUN_WITH(child, ...) run_with(child, (const char *[]){"nacre", "--root", root, __VA_ARGS__, NULL})
#define RUN(...)	     RUN_WITH(NULL, __VA_ARGS__)

static void expect_silence(const char *text)
{
	cr_assert_str_eq(text, "", "unexpected: %s", text);
}

static void expect_failure(int status, int wanted, const char *words)
{
	cr_assert_eq(status, wanted, "status %d: %s", status, got.err);
	expect_silence(got.out);
	cr_assert_not_null(strstr(got.err, words), "\"%s\" is not in: %s", words, got.err);
	cr_assert_eq(strchr(got.err, '\n'), got.err + strlen(got.err) - 1, "not one line: %s", got.err);
}

TEST(version)
{
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(RUN((const char *[]){"-v", "-V", "--version"}[i]), 0);
		cr_assert_eq(strncmp(got.out, "nacre version ", 14), 0, "%s", got.out);
		cr_assert_not_null(strstr(got.out, "\ncommit: "));
		cr_assert_not_null(strstr(got.out, "\nspec: 1."));
		cr_assert_not_null(strstr(got.out, "\n+"));
		expect_silence(got.err);
	}
}

TEST(help_is_no_failure)
{
	cr_assert_eq(RUN("--help"), 0);
	cr_assert_not_null(strstr(got.out, "\n  create "));
	cr_assert_not_null(strstr(got.out, "--cgroup-manager"));
	expect_silence(got.err);
	cr_assert_eq(RUN("help"), 0);
	cr_assert_eq(RUN("run", "-?"), 0);
	cr_assert_not_null(strstr(got.out, "--detach"));
	cr_assert_eq(RUN("help", "run"), 0);
	cr_assert_not_null(strstr(got.out, "--detach"));
	expect_failure(RUN("help", "nonsense"), 1, "unknown command \"nonsense\"");
	/* engines take success for the ability to checkpoint */
	expect_failure(RUN("checkpoint", "--help"), 1, "unknown command \"checkpoint\"");
}

TEST(wrong_usage)
{
	expect_failure(run_with(NULL, (const char *[]){"nacre", NULL}), 1, "no command given");
	expect_failure(run_with(NULL, (const char *[]){NULL}), 1, "no command given");
	expect_failure(RUN("nonsense"), 1, "unknown command \"nonsense\"");
	expect_failure(RUN("run", "--foo"), 1, "unknown option --foo; see nacre run --help");
	expect_failure(RUN("--foo", "run"), 1, "unknown option --foo; see nacre --help");
	expect_failure(RUN("exec", "--foo", "x", "ls"), 1, "unknown option --foo; see nacre exec --help");
	expect_failure(RUN("run"), 1, "needs the id of a container");
	expect_failure(RUN("state", "a", "b"), 1, "at most 1 argument;");
	expect_failure(RUN("kill", "a", "b", "c"), 1, "at most 2 arguments;");
	expect_failure(RUN("--root=/", "list"), 1, "option --root");
	expect_failure(RUN("--cgroup-manager", "none", "list"), 1, "cgroupfs, systemd, disabled");
	expect_failure(RUN("--log", "journald:x", "list"), 1, "option --log");
	expect_failure(RUN("run", "--console-socket", "s", "x"), 1, "cannot use console socket");
	expect_failure(RUN("kill", "x", "FOO"), 1, "unknown signal \"FOO\"");
	expect_failure(RUN("kill", "-r", "("), 1, "regular expression");
}

TEST(ids_are_checked_everywhere)
{
	static const char *const commands[] = {"create", "start", "run", "exec",  "kill",
					       "delete", "state", "ps",	 "pause", "resume"};
	static const char *const ids[] = {"", ".", "..", "../x", "a/b", "a b", "a\nb"};

	for (size_t c = 0; c < sizeof(commands) / sizeof(*commands); c++) {
		for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
			bool is_exec = !strcmp(commands[c], "exec");

			cr_assert_eq(RUN(commands[c], ids[i], is_exec ? "ls" : NULL), is_exec ? 255 : 1,
				     "%s \"%s\": %s", commands[c], ids[i], got.err);
			expect_silence(got.out);
		}
	}
	expect_failure(RUN("delete", "--force", "../x"), 1, "../x");
}

TEST(a_container_that_is_not_there)
{
	expect_failure(RUN("state", "x"), 1, "does not exist");
	expect_failure(RUN("start", "x"), 1, "does not exist");
	expect_failure(RUN("kill", "x", "9"), 1, "does not exist");
	expect_failure(RUN("pause", "x"), 1, "does not exist");
	expect_failure(RUN("resume", "x"), 1, "does not exist");
	expect_failure(RUN("ps", "x"), 1, "does not exist");
	expect_failure(RUN("delete", "x"), 1, "does not exist");
	expect_failure(RUN("exec", "x", "ls"), 255, "does not exist");
	cr_assert_eq(RUN("delete", "--force", "x"), 0);
	expect_silence(got.out);
	expect_silence(got.err);
}

TEST(no_containers_at_all)
{
	cr_assert_eq(RUN("list"), 0);
	cr_assert_str_eq(got.out, "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n");
	cr_assert_eq(RUN("list", "-f", "json"), 0);
	cr_assert_str_eq(got.out, "null\n");
	cr_assert_eq(RUN("list", "-q"), 0);
	expect_silence(got.out);
	cr_assert_eq(RUN("kill", "-r", ".*"), 0);
	cr_assert_eq(RUN("delete", "-fr", ".*"), 0);
	expect_silence(got.out);
	expect_silence(got.err);
}

/* The log as text; the file is removed. */
static char *read_log(void)
{
	int fd = open(log_file, O_RDONLY | O_CLOEXEC);
	char *text;

	cr_assert_geq(fd, 0, "no log was made");
	text = slurp(fd);
	close(fd);
	unlink(log_file);
	return text;
}

static void expect_json_log(const char *words)
{
	auto_free char *text = read_log();

	cr_assert_eq(strncmp(text, "{\"level\":\"error\",\"msg\":\"", 24), 0, "%s", text);
	cr_assert_not_null(strstr(text, words), "%s", text);
	cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1, "not one line: %s", text);
}

TEST(the_log_tells_every_failure_once)
{
	expect_failure(RUN("--log", log_file, "--log-format", "json", "state", "x"), 1, "does not exist");
	expect_json_log("does not exist");
	expect_failure(RUN("--log-format=json", "--log", log_file, "exec", "x", "ls"), 255, "does not exist");
	expect_json_log("does not exist");
	expect_failure(RUN("--log", log_file, "--log-format", "json", "nonsense"), 1, "nonsense");
	expect_json_log("unknown command");
	expect_failure(RUN("--log", log_file, "--log-format", "json", "create", "--foo"), 1, "--foo");
	expect_json_log("unknown option --foo");
	expect_failure(RUN("--log", log_file, "--log-format", "json", "--foo"), 1, "--foo");
	expect_json_log("unknown option --foo");
}

TEST(the_log_is_appended_to)
{
	auto_free char *text = NULL;

	RUN("--log", log_file, "state", "x");
	RUN("--log", log_file, "state", "y");
	text = read_log();
	cr_assert_not_null(strstr(text, "\\\"x\\\""), "%s", text);
	cr_assert_not_null(strstr(text, "\\\"y\\\""), "%s", text);
}

TEST(the_log_is_made_but_empty_after_success)
{
	auto_free char *text = NULL;

	cr_assert_eq(RUN("--log", log_file, "list", "-q"), 0);
	text = read_log();
	expect_silence(text);
}

TEST(a_log_that_cannot_be_opened)
{
	expect_failure(RUN("--log", "/dev/null/x", "list"), 1, "/dev/null/x");
}

static void close_stdio(void)
{
	close(0);
	close(1);
	close(2);
}

TEST(closed_stdio_does_not_become_the_log)
{
	cr_assert_eq(RUN_WITH(close_stdio, "--log", log_file, "--log-format", "json", "state", "x"), 1);
	expect_json_log("does not exist");
}

static void fill_stdout(void)
{
	dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
}

TEST(output_that_gets_lost_is_a_failure)
{
	if (access("/dev/full", W_OK) < 0)
		cr_skip_test("no /dev/full");
	expect_failure(RUN_WITH(fill_stdout, "list"), 1, "write to stdout");
	expect_failure(RUN_WITH(fill_stdout, "--version"), 1, "write to stdout");
	expect_failure(RUN_WITH(fill_stdout, "--help"), 1, "write to stdout");
}

static void open_three_with_a_gap(void)
{
	dup2(0, 3);
	dup2(0, 5);
}

static void listen_to_one(void)
{
	auto_free char *pid = str_printf("%d", getpid());

	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
}

TEST(descriptors_to_preserve_must_be_open)
{
	expect_failure(RUN("create", "--preserve-fds", "1", "-b", folder, "x"), 1, "3 is not open");
	expect_failure(RUN_WITH(open_three_with_a_gap, "create", "--preserve-fds", "4", "-b", folder, "x"), 1,
		       "6 is not open");
	expect_failure(RUN_WITH(open_three_with_a_gap, "create", "--preserve-fds", "3", "-b", folder, "x"), 1,
		       "config.json");
	expect_failure(RUN("create", "--preserve-fds", "2147483647", "-b", folder, "x"), 1, "is not open");
	expect_failure(RUN_WITH(listen_to_one, "run", "-b", folder, "x"), 1, "3 is not open");
	/* nor may the log, opened by us, pass for one of them */
	expect_failure(RUN("--log", log_file, "create", "--preserve-fds", "1", "-b", folder, "x"), 1,
		       "3 is not open");
}

TEST(spec_writes_a_config_once)
{
	auto_free char *path = str_printf("%s/config.json", folder), *text = NULL;

	cr_assert_eq(RUN("spec", "--bundle", folder), 0, "%s", got.err);
	expect_silence(got.out);
	cr_assert_eq(file_read_at(AT_FDCWD, path, OUTPUT_MAX, &text, NULL, NULL), 0);
	cr_assert_not_null(strstr(text, "\"ociVersion\""));
	expect_failure(RUN("spec", "-b", folder), 1, "config.json exists already");
	cr_assert_eq(RUN("spec", "-b", folder, "-f", "other.json", "--rootless"), 0, "%s", got.err);
	expect_failure(RUN("spec", "-b", "/nonexistent"), 1, "/nonexistent");
}

TEST(features_are_json_and_nothing_else)
{
	cr_assert_eq(RUN("features"), 0, "%s", got.err);
	expect_silence(got.err);
	cr_assert_eq(strncmp(got.out, "{\n    \"ociVersionMin\": \"1.", 25), 0, "%s", got.out);
	cr_assert_not_null(strstr(got.out, "\"rro\""));
	expect_failure(RUN("features", "x"), 1, "at most 0 arguments");
}
