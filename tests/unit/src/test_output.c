/* test_output.c: tables, indented JSON, and the line about a failure. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "src/output.h"

Test(output, table_is_aligned)
{
	static const char *const cells[] = {"ID", "PID", "LAST", "a", "1", "x", "twelve-bytes", "22", ""};
	auto_text struct text out = {0};

	output_table(&out, 3, 3, cells);
	cr_assert_str_eq(out.v, "ID             PID         LAST\n"
				"a              1           x\n"
				"twelve-bytes   22          \n");
}

Test(output, table_counts_characters_and_shows_no_controls)
{
	static const char *const cells[] = {"p\xc3\xa4rchen-\xe2\x82\xac-12", "x", "a\x1b[2J\x7f", "y\n"};
	auto_text struct text out = {0};

	output_table(&out, 2, 2, cells);
	cr_assert_str_eq(out.v, "p\xc3\xa4rchen-\xe2\x82\xac-12   x\na?[2J?         y?\n");
}

Test(output, json_is_indented)
{
	auto_text struct text out = {0};

	output_indented(&out, "{\"a\":[1,{}],\"b\":{\"c\": true},\"d\":[],\"e\":\"x{,:\\\"[\\\\\"}", 4);
	cr_assert_str_eq(out.v, "{\n    \"a\": [\n        1,\n        {}\n    ],\n    \"b\": {\n        "
				"\"c\": true\n    },\n    \"d\": [],\n"
				"    \"e\": \"x{,:\\\"[\\\\\"\n}");
}

Test(output, json_is_left_alone_when_it_is_empty)
{
	auto_text struct text out = {0};

	output_indented(&out, "{}", 2);
	cr_assert_str_eq(out.v, "{}");
}

/* What arrives on fd 2, message by message: a second write would be a second message. */
static ssize_t failure_on_stderr(const struct error *err, char *got, size_t room, bool *more)
{
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
	dup2(fds[1], STDERR_FILENO);
	output_failure(err);
	dup2(saved, STDERR_FILENO);
	n = recv(fds[0], got, room - 1, MSG_DONTWAIT);
	got[n > 0 ? n : 0] = '\0';
	*more = recv(fds[0], (char[1]){0}, 1, MSG_DONTWAIT) >= 0;
	close(fds[0]);
	close(fds[1]);
	close(saved);
	return n;
}

Test(output, failure_is_one_line_in_one_write)
{
	struct error err = ERROR_NONE;
	char got[8192];
	bool more;

	error_set(&err, -EINVAL, "mount /proc: Permission denied");
	failure_on_stderr(&err, got, sizeof(got), &more);
	cr_assert_str_eq(got, "mount /proc: Permission denied\n");
	cr_assert(!more);
}

Test(output, failure_is_one_line_whatever_is_in_it)
{
	struct error err = {.code = -EINVAL};
	char got[8192];
	bool more;

	memset(err.msg, '\n', sizeof(err.msg) - 1);
	memcpy(err.msg, "a\x1b[m", 4);
	cr_assert_eq(failure_on_stderr(&err, got, sizeof(got), &more), sizeof(err.msg));
	cr_assert_eq(strncmp(got, "a?[m??", 6), 0, "%.20s", got);
	cr_assert_eq(strchr(got, '\n'), got + strlen(got) - 1);
	cr_assert(!more);
	failure_on_stderr(&(struct error){0}, got, sizeof(got), &more);
	cr_assert_gt(strlen(got), 1);
}

Test(output, failure_goes_to_the_log_as_well)
{
	char path[] = "/tmp/test_output.XXXXXX", got[1024] = "", line[1024] = "";
	struct error err = ERROR_NONE;
	int fd = mkstemp(path);
	bool more;

	cr_assert_eq(log_open(path, true, LOG_ERROR, &err), 0, "%s", err.msg);
	error_set(&err, -EINVAL, "open \"x\": failed");
	failure_on_stderr(&err, got, sizeof(got), &more);
	cr_assert_gt(read(fd, line, sizeof(line) - 1), 0);
	close(fd);
	unlink(path);
	cr_assert_str_eq(got, "open \"x\": failed\n");
	cr_assert_not_null(strstr(line, "\"level\":\"error\""), "%s", line);
	cr_assert_not_null(strstr(line, "\"msg\":\"open \\\"x\\\": failed\""), "%s", line);
	cr_assert_eq(strchr(line, '\n'), line + strlen(line) - 1, "%s", line);
}

Test(output, text_on_a_full_disk_is_an_error)
{
	auto_text struct text out = {0};
	struct error err = ERROR_NONE;
	int saved = dup(STDOUT_FILENO), full = open("/dev/full", O_WRONLY), ret;

	if (full < 0)
		cr_skip_test("no /dev/full");
	text_add(&out, "x\n");
	dup2(full, STDOUT_FILENO);
	ret = output_text(&out, &err);
	dup2(saved, STDOUT_FILENO);
	cr_assert_eq(ret, -ENOSPC);
	cr_assert_not_null(strstr(err.msg, "write to stdout"), "%s", err.msg);
}

Test(output, failed_text_is_an_error)
{
	struct error err = ERROR_NONE;

	cr_assert_eq(output_text(&(struct text){.failed = true}, &err), -ENOMEM);
}
