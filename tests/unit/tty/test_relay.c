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

enum { MIB = 1024 * 1024 };

/* Seen by all processes of a test. */
struct shared {
	volatile size_t written;
	volatile int go;
	bool raw; /* the container's terminal is raw from the beginning */
	char name[64];
};
static struct shared *shared;

static void setup(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	alarm(90);
}
TestSuite(relay, .init = setup, .timeout = 100);

static void nap(int ms)
{
	struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};

	nanosleep(&t, NULL);
}

static int on_signal(void *data, const struct signalfd_siginfo *info, struct error *err)
{
	if (info->ssi_signo != SIGWINCH)
		return 1;
	relay_resize(*(struct relay **)data);
	return 0;
}

/* The process under test: in and out become its stdin and stdout, `container` runs on the other end of a new
 * terminal. Exits with the container's status; 100 and above: something went wrong here. */
static _Noreturn void be_runtime(int in, int out, bool leader, int (*container)(void))
{
	struct relay *relay = NULL;
	struct loop *loop = NULL;
	struct console c = CONSOLE_NONE;
	struct termios before, after, raw = {.c_cflag = CREAD | CS8};
	int master, slave, status = 0;
	sigset_t set;
	pid_t pid;

	dup2(in, 0);
	dup2(out, 1);
	for (int fd = 3; fd < 100; fd++)
		close(fd);
	if (leader && (setsid() < 0 || ioctl(0, TIOCSCTTY, 0) < 0))
		_exit(100);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGWINCH);
	if (loop_new(&loop, NULL) < 0 || loop_add_signals(loop, &set, on_signal, &relay, NULL) < 0)
		_exit(101);
	cfmakeraw(&raw);
	if (openpty(&master, &slave, shared->name, shared->raw ? &raw : NULL, NULL) < 0)
		_exit(102);
	pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		c.slave = slave;
		if (console_attach(&c, NULL) < 0)
			_exit(103);
		for (int fd = 3; fd < 100; fd++)
			close(fd);
		_exit(container());
	}
	close(slave);
	tcgetattr(0, &before);
	if (relay_start(loop, master, &relay, NULL) < 0)
		_exit(104);
	if (loop_run(loop, NULL) < 0)
		_exit(105);
	relay_end(relay);
	loop_free(loop);
	if (isatty(0) &&
	    (tcgetattr(0, &after) < 0 || after.c_lflag != before.c_lflag || after.c_oflag != before.c_oflag))
		_exit(106);
	if (fcntl(master, F_GETFD) >= 0)
		_exit(107);
	waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 108);
}

static pid_t start(int in, int out, bool leader, int (*container)(void))
{
	pid_t pid = fork();

	if (pid == 0)
		be_runtime(in, out, leader, container);
	cr_assert_gt(pid, 0);
	return pid;
}

static int finish(pid_t pid, struct rusage *usage)
{
	int status = 0;

	cr_assert_eq(wait4(pid, &status, 0, usage), pid);
	cr_assert(WIFEXITED(status), "the relay was ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static void slave_raw(void)
{
	struct termios t;

	tcgetattr(0, &t);
	cfmakeraw(&t);
	tcsetattr(0, TCSANOW, &t);
}

static char pattern(size_t i)
{
	return (char)(i * 131 + (i >> 8) * 7 + (i >> 16));
}

static int write_mib(void)
{
	char block[4096];

	slave_raw();
	for (size_t at = 0; at < MIB;) {
		size_t n = sizeof(block) < MIB - at ? sizeof(block) : MIB - at;
		ssize_t w;

		for (size_t i = 0; i < n; i++)
			block[i] = pattern(at + i);
		w = write(1, block, n);
		if (w <= 0)
			return 9;
		at += (size_t)w;
		shared->written = at;
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
			*good &= block[i] == pattern(at++);
	return at;
}

Test(relay, carries_a_mebibyte_of_binary_output_and_holds_the_writer_back)
{
	auto_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out[2];
	bool good;
	pid_t pid;

	cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
	pid = start(null, out[1], false, write_mib);
	close(out[1]);
	/* Nobody reads: pipe, buffer and terminal fill up, and no more is taken. */
	for (size_t before = 0; before == 0 || before != shared->written;) {
		before = shared->written;
		nap(300);
	}
	cr_expect_lt(shared->written, 512 * 1024);
	cr_expect_eq(read_pattern(out[0], &good), MIB);
	cr_expect(good);
	cr_expect_eq(finish(pid, NULL), 5);
}

Test(relay, writes_to_a_regular_file)
{
	char path[] = "/tmp/nacre-test-XXXXXX";
	auto_close int file = mkstemp(path), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	bool good;

	unlink(path);
	cr_expect_eq(finish(start(null, file, false, write_mib), NULL), 5);
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
	pid = start(null, pair[1], false, write_mib);
	/* Seen before its time is over, or not at all. */
	while (!(fcntl(pair[1], F_GETFL) & O_NONBLOCK))
		nap(5);
	close(TAKE_FD(pair[1]));
	cr_expect_eq(read_pattern(pair[0], &good), MIB);
	cr_expect(good);
	cr_expect_eq(finish(pid, NULL), 5);
	close(pair[0]);
}

Test(relay, leaves_the_flags_of_what_it_shares_alone)
{
	int in[2], out[2];
	pid_t pid;
	char block[4096];

	cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
	pid = start(in[0], out[1], false, write_mib);
	while (shared->written == 0)
		nap(5);
	cr_expect_eq(fcntl(in[0], F_GETFL) & O_NONBLOCK, 0);
	cr_expect_eq(fcntl(out[1], F_GETFL) & O_NONBLOCK, 0);
	close(out[1]);
	while (read(out[0], block, sizeof(block)) > 0)
		;
	cr_expect_eq(finish(pid, NULL), 5);
}

static int read_mib(void)
{
	bool good = true;
	char block[4096];
	size_t at = 0;

	slave_raw();
	shared->go = 1;
	while (at < MIB) {
		ssize_t n = read(0, block, sizeof(block));

		if (n <= 0)
			return 9;
		for (ssize_t i = 0; i < n; i++)
			good &= block[i] == pattern(at++);
	}
	return good ? 6 : 7;
}

static void feed_mib(int fd)
{
	char block[4096];

	while (!shared->go)
		nap(5);
	for (size_t at = 0; at < MIB; at += sizeof(block)) {
		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = pattern(at + i);
		cr_assert_eq(write(fd, block, sizeof(block)), (ssize_t)sizeof(block));
	}
}

Test(relay, carries_a_mebibyte_of_binary_input)
{
	auto_close int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int in[2];
	pid_t pid;

	cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
	pid = start(in[0], null, false, read_mib);
	close(in[0]);
	feed_mib(in[1]);
	cr_expect_eq(finish(pid, NULL), 6);
}

/* A shell that edits its line itself. */
static int read_end(void)
{
	char c = 0;

	slave_raw();
	shared->go = 1;
	return read(0, &c, 1) == 1 && c == 4 ? 3 : 9;
}

Test(relay, tells_of_the_end_of_input_in_raw_mode_too)
{
	auto_close int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int in[2];
	pid_t pid;

	cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
	pid = start(in[0], null, false, read_end);
	close(in[0]);
	while (!shared->go)
		nap(5);
	close(in[1]);
	cr_expect_eq(finish(pid, NULL), 3);
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
	nap(200);
	return count_input();
}

static int count_of(int in, int (*container)(void))
{
	auto_close int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	return finish(start(in, null, false, container), NULL);
}

Test(relay, tells_the_end_of_stdin)
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

Test(relay, reads_a_regular_file_larger_than_its_buffers)
{
	char path[] = "/tmp/nacre-test-XXXXXX";
	auto_close int file = mkstemp(path), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char block[4096];

	unlink(path);
	for (size_t at = 0; at < MIB; at += sizeof(block)) {
		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = pattern(at + i);
		cr_assert_eq(write(file, block, sizeof(block)), (ssize_t)sizeof(block));
	}
	lseek(file, 0, SEEK_SET);
	shared->raw = true;
	cr_expect_eq(finish(start(file, null, false, read_mib), NULL), 6);
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
		pid = start(null, out[1], false, last_words);
		close(out[1]);
		while ((n = read(out[0], block, sizeof(block))) > 0)
			for (ssize_t j = 0; j < n; j++)
				got += block[j] == 'w';
		close(out[0]);
		cr_expect_eq(got, 4000);
		cr_expect_eq(finish(pid, NULL), 3);
	}
}

Test(relay, outlives_its_stdout)
{
	auto_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out[2];
	char byte;
	pid_t pid;

	cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
	pid = start(null, out[1], false, write_mib);
	close(out[1]);
	cr_assert_eq(read(out[0], &byte, 1), 1);
	close(out[0]);
	/* The container is not held back by it either: 1 MiB is written to the end. */
	cr_expect_eq(finish(pid, NULL), 5);
	cr_expect_eq(shared->written, MIB);
}

static int reopen_terminal(void)
{
	int fd;

	signal(SIGHUP, SIG_IGN);
	for (fd = 0; fd <= 2; fd++)
		close(fd);
	nap(700);
	fd = open(shared->name, O_RDWR);
	if (fd < 0 || write(fd, "again", 5) != 5)
		return 9;
	nap(100);
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
	pid = start(in[0], out[1], false, reopen_terminal);
	close(out[1]);
	while (n < sizeof(got) - 1 && (r = read(out[0], got + n, sizeof(got) - 1 - n)) > 0)
		n += (size_t)r;
	cr_expect_str_eq(got, "again");
	cr_expect_eq(finish(pid, &usage), 4);
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
	nap(50);
	return 2;
}

Test(relay, ends_while_somebody_goes_on_talking)
{
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* Otherwise the suite's alarm ends it. */
	cr_expect_eq(finish(start(null, null, false, leave_chatterer), NULL), 2);
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
		nap(5);
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
	pid = start(slave, slave, true, print_sizes);
	cr_expect(expect_text(master, "<31x77>"));
	size = (struct winsize){.ws_row = 40, .ws_col = 100};
	cr_assert_eq(ioctl(master, TIOCSWINSZ, &size), 0);
	cr_expect(expect_text(master, "<40x100>"));
	cr_expect_eq(finish(pid, NULL), 8);
	close(master);
	close(slave);
}

static int echo_line(void)
{
	char line[64] = "";
	ssize_t n;

	shared->go = 1;
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
	pid = start(slave, slave, true, echo_line);
	for (int i = 0; i < 12000; i++) {
		tcgetattr(slave, &during);
		if (shared->go && !(during.c_lflag & ICANON))
			break;
		nap(5);
	}
	cr_expect_eq(during.c_lflag & (ICANON | ECHO | ISIG), 0);
	/* Erase and end of file are left to the container's terminal. */
	cr_assert_eq(write(master, "ax\177bc\r", 6), 6);
	cr_expect(expect_text(master, "<4:abc>"));
	cr_assert_eq(write(master, "\004", 1), 1);
	cr_expect_eq(finish(pid, NULL), 11);
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
