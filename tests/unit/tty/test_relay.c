/* test_relay.c: a relay between a test and a process on a pseudo terminal, with pipes, files and terminals as
 * stdin and stdout. */
#include "tty/relay.h"

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
#include "scene.h"

TestSuite(relay, .init = scene_setup, .timeout = 100);

static int write_mib(void)
{
	char block[4096];

	scene_raw();
	for (size_t at = 0; at < MIB;) {
		size_t n = sizeof(block) < MIB - at ? sizeof(block) : MIB - at;
		ssize_t w;

		for (size_t i = 0; i < n; i++)
			block[i] = scene_pattern(at + i);
		w = write(1, block, n);
		if (w <= 0)
			return 9;
		at += (size_t)w;
		scene->written = at;
	}
	return 5;
}

/* Reads to the end of fd, and says how much came and whether it was the pattern. */
static size_t read_pattern(int fd, bool *good)
{
	char block[10000];
	size_t at = 0;
	ssize_t n;

	*good = true;
	while ((n = read(fd, block, sizeof(block))) > 0)
		for (ssize_t i = 0; i < n; i++)
			*good &= block[i] == scene_pattern(at++);
	return at;
}

Test(relay, carries_a_mebibyte_of_binary_output_and_holds_the_writer_back)
{
	auto_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out[2];
	bool good;
	pid_t pid;

	cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
	pid = scene_start(null, out[1], false, write_mib);
	close(out[1]);
	/* Nobody reads: pipe, buffer and terminal fill up, and no more is taken. */
	for (size_t before = 0; before == 0 || before != scene->written;) {
		before = scene->written;
		scene_nap(300);
	}
	cr_expect_lt(scene->written, 512 * 1024);
	cr_expect_eq(read_pattern(out[0], &good), MIB);
	cr_expect(good);
	cr_expect_eq(scene_finish(pid, NULL), 5);
}

Test(relay, writes_to_a_regular_file)
{
	char path[] = "/tmp/nacre-test-XXXXXX";
	auto_close int file = mkstemp(path), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	bool good;

	unlink(path);
	cr_expect_eq(scene_finish(scene_start(null, file, false, write_mib), NULL), 5);
	lseek(file, 0, SEEK_SET);
	cr_expect_eq(read_pattern(file, &good), MIB);
	cr_expect(good);
}

/* Where stdout is a socket, no second open file is to be had from proc. */
Test(relay, writes_to_a_socket)
{
	auto_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int pair[2];
	bool good;
	pid_t pid;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pid = scene_start(null, pair[1], false, write_mib);
	/* Seen before its time is over, or not at all. */
	while (!(fcntl(pair[1], F_GETFL) & O_NONBLOCK))
		scene_nap(5);
	close(TAKE_FD(pair[1]));
	cr_expect_eq(read_pattern(pair[0], &good), MIB);
	cr_expect(good);
	cr_expect_eq(scene_finish(pid, NULL), 5);
	close(pair[0]);
}

Test(relay, leaves_the_flags_of_what_it_shares_alone)
{
	int in[2], out[2];
	pid_t pid;
	char block[4096];

	cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
	pid = scene_start(in[0], out[1], false, write_mib);
	while (scene->written == 0)
		scene_nap(5);
	cr_expect_eq(fcntl(in[0], F_GETFL) & O_NONBLOCK, 0);
	cr_expect_eq(fcntl(out[1], F_GETFL) & O_NONBLOCK, 0);
	close(out[1]);
	while (read(out[0], block, sizeof(block)) > 0)
		;
	cr_expect_eq(scene_finish(pid, NULL), 5);
}

static int last_words(void)
{
	char line[4000];

	memset(line, 'w', sizeof(line));
	return write(1, line, sizeof(line)) == (ssize_t)sizeof(line) ? 3 : 9;
}

Test(relay, brings_the_last_words_of_one_who_ends_at_once)
{
	auto_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	for (int i = 0; i < 20; i++) {
		char block[8192];
		size_t got = 0;
		ssize_t n;
		int out[2];
		pid_t pid;

		cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
		pid = scene_start(null, out[1], false, last_words);
		close(out[1]);
		while ((n = read(out[0], block, sizeof(block))) > 0)
			for (ssize_t j = 0; j < n; j++)
				got += block[j] == 'w';
		close(out[0]);
		cr_expect_eq(got, 4000);
		cr_expect_eq(scene_finish(pid, NULL), 3);
	}
}

Test(relay, outlives_its_stdout)
{
	auto_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out[2];
	char byte;
	pid_t pid;

	cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
	pid = scene_start(null, out[1], false, write_mib);
	close(out[1]);
	cr_assert_eq(read(out[0], &byte, 1), 1);
	close(out[0]);
	/* The container is not held back by it either: 1 MiB is written to the end. */
	cr_expect_eq(scene_finish(pid, NULL), 5);
	cr_expect_eq(scene->written, MIB);
}

static int reopen_terminal(void)
{
	int fd;

	signal(SIGHUP, SIG_IGN);
	for (fd = 0; fd <= 2; fd++)
		close(fd);
	scene_nap(700);
	fd = open(scene->name, O_RDWR);
	if (fd < 0 || write(fd, "again", 5) != 5)
		return 9;
	scene_nap(100);
	return 4;
}

Test(relay, waits_without_spinning_for_a_terminal_to_be_opened_again)
{
	int in[2], out[2];
	struct rusage usage;
	char got[64] = "";
	size_t n = 0;
	ssize_t r;
	pid_t pid;

	cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
	pid = scene_start(in[0], out[1], false, reopen_terminal);
	close(out[1]);
	while (n < sizeof(got) - 1 && (r = read(out[0], got + n, sizeof(got) - 1 - n)) > 0)
		n += (size_t)r;
	cr_expect_str_eq(got, "again");
	cr_expect_eq(scene_finish(pid, &usage), 4);
	long ms = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
		  (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
	cr_expect_lt(ms, 200, "%ld ms of processor time", ms);
}

/* Gives the terminal up as its session's own first: otherwise the end of the leader would hang it up for
 * everybody. */
static int leave_chatterer(void)
{
	signal(SIGHUP, SIG_IGN);
	ioctl(0, TIOCNOTTY);
	if (fork() == 0) {
		alarm(200);
		for (;;)
			if (write(1, "chatter chatter ", 16) < 0)
				_exit(0);
	}
	scene_nap(50);
	return 2;
}

Test(relay, ends_while_somebody_goes_on_talking)
{
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* Otherwise the suite's alarm ends it. */
	cr_expect_eq(scene_finish(scene_start(null, null, false, leave_chatterer), NULL), 2);
}

static int print_sizes(void)
{
	struct winsize size;
	sigset_t set;
	int signo;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	while (ioctl(0, TIOCGWINSZ, &size) == 0 && size.ws_row == 0)
		scene_nap(5);
	dprintf(1, "<%dx%d>", size.ws_row, size.ws_col);
	while (ioctl(0, TIOCGWINSZ, &size) == 0 && size.ws_row != 40)
		sigwait(&set, &signo);
	dprintf(1, "<%dx%d>", size.ws_row, size.ws_col);
	return 8;
}

/* Reads from a terminal's master until `text` has come. */
static bool expect_text(int master, const char *text)
{
	char got[512] = "";
	size_t n = 0;

	while (n < sizeof(got) - 1 && !strstr(got, text)) {
		struct pollfd p = {.fd = master, .events = POLLIN};
		ssize_t r = poll(&p, 1, 60000) > 0 ? read(master, got + n, sizeof(got) - 1 - n) : -1;

		if (r <= 0)
			break;
		n += (size_t)r;
		got[n] = '\0';
	}
	return strstr(got, text);
}

Test(relay, passes_the_window_size_on)
{
	struct winsize size = {.ws_row = 31, .ws_col = 77};
	int master, slave;
	pid_t pid;

	cr_assert_eq(openpty(&master, &slave, NULL, NULL, &size), 0);
	pid = scene_start(slave, slave, true, print_sizes);
	cr_expect(expect_text(master, "<31x77>"));
	size = (struct winsize){.ws_row = 40, .ws_col = 100};
	cr_assert_eq(ioctl(master, TIOCSWINSZ, &size), 0);
	cr_expect(expect_text(master, "<40x100>"));
	cr_expect_eq(scene_finish(pid, NULL), 8);
	close(master);
	close(slave);
}

static int echo_line(void)
{
	char line[64] = "";
	ssize_t n;

	scene->go = 1;
	n = read(0, line, sizeof(line) - 1);
	dprintf(1, "<%zd:%.3s>", n, line);
	n = read(0, line, sizeof(line) - 1);
	return n == 0 ? 11 : 12;
}

Test(relay, makes_a_terminal_raw_and_gives_it_back)
{
	struct termios before = {0}, during, after = {0};
	int master, slave;
	pid_t pid;

	cr_assert_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
	tcgetattr(slave, &before);
	pid = scene_start(slave, slave, true, echo_line);
	for (int i = 0; i < 12000; i++) {
		tcgetattr(slave, &during);
		if (scene->go && !(during.c_lflag & ICANON))
			break;
		scene_nap(5);
	}
	cr_expect_eq(during.c_lflag & (ICANON | ECHO | ISIG), 0);
	/* Erase and end of file are left to the container's terminal. */
	cr_assert_eq(write(master, "ax\177bc\r", 6), 6);
	cr_expect(expect_text(master, "<4:abc>"));
	cr_assert_eq(write(master, "\004", 1), 1);
	cr_expect_eq(scene_finish(pid, NULL), 11);
	tcgetattr(slave, &after);
	cr_expect_eq(memcmp(&before, &after, sizeof(before)), 0);
	close(master);
	close(slave);
}

Test(relay, closes_the_master_when_it_cannot_start)
{
	struct relay *relay = NULL;
	struct loop *loop = NULL;
	struct error err = ERROR_NONE;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), pipes[2];
	struct sigaction action;

	/* Closed already: no terminal, and no descriptor to close. */
	close(fd);
	cr_assert_eq(loop_new(&loop, &err), 0);
	cr_assert_eq(pipe2(pipes, O_CLOEXEC), 0);
	dup2(pipes[0], 0);
	dup2(pipes[1], 1);
	cr_expect_eq(relay_start(loop, 99, &relay, &err), -EBADF);
	cr_expect_null(relay);
	sigaction(SIGPIPE, NULL, &action);
	cr_expect_eq(action.sa_handler, SIG_DFL);
	relay_end(NULL);
	loop_free(loop);
}
