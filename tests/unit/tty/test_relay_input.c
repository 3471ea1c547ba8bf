/* test_relay_input.c: what a relay brings from stdin to the terminal, and how its end is told. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/auto.h"
#include "scene.h"

TestSuite(relay_input, .init = scene_setup, .timeout = 100);

static int read_mib(void)
{
	bool good = true;
	char block[4096];
	size_t at = 0;

	scene_raw();
	scene->go = 1;
	while (at < MIB) {
		ssize_t n = read(0, block, sizeof(block));

		if (n <= 0)
			return 9;
		for (ssize_t i = 0; i < n; i++)
			good &= block[i] == scene_pattern(at++);
	}
	return good ? 6 : 7;
}

static void feed_mib(int fd)
{
	char block[4096];

	while (!scene->go)
		scene_nap(5);
	for (size_t at = 0; at < MIB; at += sizeof(block)) {
		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = scene_pattern(at + i);
		cr_assert_eq(write(fd, block, sizeof(block)), (ssize_t)sizeof(block));
	}
}

Test(relay_input, carries_a_mebibyte_of_binary_input)
{
	auto_close int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int in[2];
	pid_t pid;

	cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
	pid = scene_start(in[0], null, false, read_mib);
	close(in[0]);
	feed_mib(in[1]);
	cr_expect_eq(scene_finish(pid, NULL), 6);
}

/* A shell that edits its line itself. */
static int read_end(void)
{
	char c = 0;

	scene_raw();
	scene->go = 1;
	return read(0, &c, 1) == 1 && c == 4 ? 3 : 9;
}

Test(relay_input, tells_of_the_end_of_input_in_raw_mode_too)
{
	auto_close int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int in[2];
	pid_t pid;

	cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
	pid = scene_start(in[0], null, false, read_end);
	close(in[0]);
	while (!scene->go)
		scene_nap(5);
	close(in[1]);
	cr_expect_eq(scene_finish(pid, NULL), 3);
}

/* As `wc -c` does in canonical mode; the count is the exit status. */
static int count_input(void)
{
	size_t n = 0;
	char c;

	while (read(0, &c, 1) == 1)
		n++;
	return (int)n;
}

static int count_late(void)
{
	scene_nap(200);
	return count_input();
}

static int count_of(int in, int (*container)(void))
{
	auto_close int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	return scene_finish(scene_start(in, null, false, container), NULL);
}

Test(relay_input, tells_the_end_of_stdin)
{
	static const struct {
		const char *text;
		int count;
	} cases[] = {
	    {"",		 0},
	     {"abc\n",      4},
		   {"abc",	   3},
	       {"a\nb\nlast", 8}
	};
	char path[] = "/tmp/nacre-test-XXXXXX";
	auto_close int file = mkstemp(path), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int in[2];

	unlink(path);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ssize_t len = (ssize_t)strlen(cases[i].text);

		for (int late = 0; late < 2; late++) {
			cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
			cr_assert_eq(write(in[1], cases[i].text, strlen(cases[i].text)), len);
			close(in[1]);
			cr_expect_eq(count_of(in[0], late ? count_late : count_input), cases[i].count,
				     "pipe: \"%s\"", cases[i].text);
			close(in[0]);
		}
		cr_assert_eq(ftruncate(file, 0), 0);
		cr_assert_eq(pwrite(file, cases[i].text, strlen(cases[i].text), 0), len);
		lseek(file, 0, SEEK_SET);
		cr_expect_eq(count_of(file, count_input), cases[i].count, "file: \"%s\"", cases[i].text);
	}
	cr_expect_eq(count_of(null, count_input), 0);
}

Test(relay_input, reads_a_regular_file_larger_than_its_buffers)
{
	char path[] = "/tmp/nacre-test-XXXXXX";
	auto_close int file = mkstemp(path), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char block[4096];

	unlink(path);
	for (size_t at = 0; at < MIB; at += sizeof(block)) {
		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = scene_pattern(at + i);
		cr_assert_eq(write(file, block, sizeof(block)), (ssize_t)sizeof(block));
	}
	lseek(file, 0, SEEK_SET);
	scene->raw = true;
	cr_expect_eq(scene_finish(scene_start(file, null, false, read_mib), NULL), 6);
}
