/* test_console.c: bytes through pipes, terminals and limits. */
#include "vmm/virtio/console.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/virtio_console.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "guest.h"
#include "vmm/worker.h"

enum { INPUT, OUTPUT };

static struct device *console;
static struct worker *worker;
static struct guest g;
static int in[2], out[2]; /* [0] is the device's end of the first, [1] of the second */

static void start_with(int in_fd, int out_fd, uint32_t burst, uint32_t per_second)
{
	struct console_config config = {.in = in_fd, .out = out_fd, .burst = burst, .per_second = per_second};

	cr_assert_eq(console_new(&config, &console, NULL), 0);
	cr_assert_eq(worker_new("test", &worker, NULL), 0);
	guest_make(&g, console, 0);
	cr_assert_eq(worker_add(worker, console, NULL), 0);
	cr_assert_eq(worker_start(worker, NULL, NULL, NULL), 0);
	guest_start(&g, UINT64_MAX);
}

static void start(uint32_t burst, uint32_t per_second)
{
	cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
	start_with(in[0], out[1], burst, per_second);
	close(in[0]);
	close(out[1]);
}

static void setup(void)
{
	start(0, 0);
}

static void teardown(void)
{
	worker_end(worker);
	console->ops->free(console);
}

/* Up to `len` bytes from fd, as long as any come within ten seconds. */
static size_t take(int fd, char *to, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n = poll(&p, 1, 10000) == 1 ? read(fd, to + done, len - done) : 0;

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

static int64_t say(const char *text)
{
	return guest_ask(&g, OUTPUT, text, (uint32_t)strlen(text), NULL, 0);
}

/* Room for input; the head of its chain. */
static void give_room(uint32_t len)
{
	struct guest_buffer b = {guest_alloc(&g, len, 1), len, true};

	guest_add(&g, INPUT, &b, 1);
	guest_kick(&g, INPUT);
}

static void must_read(const char *text)
{
	uint32_t written = 0;
	int head = guest_wait(&g, INPUT, &written);

	cr_assert_neq(head, GUEST_NOTHING, "%s", text);
	cr_assert_eq(written, strlen(text));
	cr_assert_arr_eq(guest_at(&g, guest_desc(&g, INPUT, (uint16_t)head)->addr, written), text, written);
}

Test(console, output, .init = setup, .fini = teardown, .timeout = 60)
{
	char text[6] = "";

	cr_assert_eq(say("hello"), 0);
	cr_assert_eq(take(out[0], text, 5), 5);
	cr_assert_str_eq(text, "hello");
}

Test(console, input, .init = setup, .fini = teardown, .timeout = 60)
{
	give_room(100);
	give_room(3);
	cr_assert_eq(write(in[1], "abc", 3), 3);
	must_read("abc");
	cr_assert_eq(write(in[1], "defgh", 5), 5);
	must_read("def");
	give_room(100);
	must_read("gh");
	cr_assert_not(guest_lied(&g));
}

Test(console, input_waits_for_room, .init = setup, .fini = teardown, .timeout = 60)
{
	cr_assert_eq(write(in[1], "early", 5), 5);
	cr_assert_eq(say("x"), 0);
	give_room(100);
	must_read("early");
}

/* Its end is not heard over and over: the worker still has time for others. */
Test(console, input_ends, .init = setup, .fini = teardown, .timeout = 60)
{
	char text[3] = "";

	cr_assert_eq(write(in[1], "last", 4), 4);
	close(in[1]);
	give_room(2);
	must_read("la");
	give_room(10);
	must_read("st");
	give_room(10);
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(say("on"), 0);
		cr_assert_eq(take(out[0], text, 2), 2);
	}
	pthread_mutex_lock(&console->lock);
	cr_assert_eq(console->queues[INPUT].next_avail, 2, "what the guest gave for more input is still its own");
	pthread_mutex_unlock(&console->lock);
}

static char large[300 * 1024];

static void fill_large(void)
{
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)('a' + i * 7 / 5 % 26);
}

/* More than buffer and pipe together: the guest waits, and nothing is lost. */
Test(console, a_slow_reader, .init = setup, .fini = teardown, .timeout = 60)
{
	static char got[sizeof(large)];
	struct guest_buffer b;
	size_t n;

	fill_large();
	b = (struct guest_buffer){guest_alloc(&g, sizeof(large), 1), sizeof(large), false};
	memcpy(guest_at(&g, b.at, sizeof(large)), large, sizeof(large));
	guest_add(&g, OUTPUT, &b, 1);
	guest_kick(&g, OUTPUT);
	n = take(out[0], got, 1000);
	cr_assert_eq(guest_take(&g, OUTPUT, NULL), GUEST_NOTHING, "it cannot be through");
	n += take(out[0], got + n, sizeof(got) - n);
	cr_assert_eq(n, sizeof(got));
	cr_assert_eq(memcmp(got, large, n), 0);
	cr_assert_eq(guest_wait(&g, OUTPUT, NULL), 0);
}

Test(console, nobody_reads, .init = setup, .fini = teardown, .timeout = 60)
{
	fill_large();
	large[sizeof(large) - 1] = '\0';
	close(out[0]);
	for (int i = 0; i < 10; i++)
		cr_assert_eq(say(large), 0);
	cr_assert_not(guest_lied(&g));
}

Test(console, reset_with_a_request_in_hand, .init = setup, .fini = teardown, .timeout = 60)
{
	struct guest_buffer b = {guest_alloc(&g, sizeof(large), 1), sizeof(large), false};
	static char got[sizeof(large)];
	char *end;
	size_t n = 0;

	guest_add(&g, OUTPUT, &b, 1);
	guest_kick(&g, OUTPUT);
	cr_assert_eq(take(out[0], got, 1), 1);
	guest_start(&g, UINT64_MAX);
	b = (struct guest_buffer){guest_alloc(&g, 5, 1), 5, false};
	memcpy(guest_at(&g, b.at, 5), "after", 5);
	guest_add(&g, OUTPUT, &b, 1);
	guest_kick(&g, OUTPUT);
	do {
		n += take(out[0], got + n, 1);
		end = n >= 5 ? got + n - 5 : got;
	} while (n < sizeof(got) && memcmp(end, "after", 5));
	cr_assert_lt(n, sizeof(got), "what was not in the buffer yet is dropped");
}

/* Limits. */

static void setup_limited(void)
{
	start(1000, 1);
}

Test(console, a_limit, .init = setup_limited, .fini = teardown, .timeout = 60)
{
	static char got[4096];
	size_t n;

	fill_large();
	large[1500] = '\0';
	for (int i = 0; i < 50; i++)
		cr_assert_eq(say(large), 0, "it never waits");
	n = take(out[0], got, 1000);
	cr_assert_eq(n, 1000);
	cr_assert_eq(memcmp(got, large, 1000), 0);
	for (struct pollfd p = {.fd = out[0], .events = POLLIN}; poll(&p, 1, 100) == 1 && n < sizeof(got);)
		n += take(out[0], got, 1);
	cr_assert_lt(n, sizeof(got));
	/* A second later there is a byte more, and a word about what was dropped. */
	for (int i = 0; i < 200; i++) {
		struct pollfd p = {.fd = out[0], .events = POLLIN};

		cr_assert_eq(say("."), 0);
		if (poll(&p, 1, 50) == 1)
			break;
	}
	memset(got, 0, sizeof(got));
	n = take(out[0], got, 10);
	cr_assert_eq(n, 10);
	cr_assert(strchr(got, '['), "%s", got);
}

Test(console, a_limit_and_nobody_who_reads, .init = setup_limited, .fini = teardown, .timeout = 60)
{
	fill_large();
	large[100000] = '\0';
	for (int i = 0; i < 20; i++)
		cr_assert_eq(say(large), 0);
}

/* Other kinds of descriptors. */

Test(console, a_socket_for_both, .fini = teardown, .timeout = 60)
{
	int s[2];
	char text[6] = "";

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	start_with(s[0], s[0], 0, 0);
	cr_assert_eq(say("there"), 0);
	cr_assert_eq(take(s[1], text, 5), 5);
	cr_assert_str_eq(text, "there");
	give_room(10);
	cr_assert_eq(write(s[1], "back", 4), 4);
	must_read("back");
}

Test(console, a_terminal_stays_as_it_is_for_others, .fini = teardown, .timeout = 60)
{
	int master, slave;
	char text[6] = "";

	cr_assert_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
	start_with(slave, slave, 0, 0);
	cr_assert_eq(say("there"), 0);
	cr_assert_eq(take(master, text, 5), 5);
	cr_assert_str_eq(text, "there");
	give_room(10);
	cr_assert_eq(write(master, "x\n", 2), 2);
	must_read("x\n");
	cr_assert_eq(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
}

Test(console, the_master_of_a_terminal, .fini = teardown, .timeout = 60)
{
	int master, slave;
	char text[7] = "";

	cr_assert_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
	start_with(master, master, 0, 0);
	cr_assert_eq(say("there\n"), 0);
	cr_assert_eq(take(slave, text, 6), 6);
	cr_assert_str_eq(text, "there\n");
}

Test(console, a_file, .fini = teardown, .timeout = 60)
{
	char path[] = "/tmp/nacre-console-XXXXXX", text[20] = "";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, "before ", 7), 7);
	start_with(-EBADF, fd, 0, 0);
	cr_assert_eq(say("after"), 0);
	for (int i = 0; i < 10000 && lseek(fd, 0, SEEK_END) < 12; i++)
		usleep(1000);
	cr_assert_eq(pread(fd, text, sizeof(text), 0), 12);
	cr_assert_str_eq(text, "before after");
	unlink(path);
}

Test(console, nothing_at_all, .fini = teardown, .timeout = 60)
{
	start_with(-EBADF, -EBADF, 0, 0);
	give_room(10);
	cr_assert_eq(say("unheard"), 0);
	cr_assert_eq(guest_take(&g, INPUT, NULL), GUEST_NOTHING);
}

Test(console, a_descriptor_that_is_none)
{
	struct console_config config = {.in = 9999, .out = -EBADF};
	struct error e = ERROR_NONE;

	cr_assert_eq(console_new(&config, &console, &e), -EBADF);
	cr_assert_str_eq(e.msg, "console: descriptor 9999: Bad file descriptor");
}

/* Lies. */

Test(console, output_to_be_written, .init = setup, .fini = teardown, .timeout = 60)
{
	char text[4] = "abc";

	cr_assert_eq(guest_ask(&g, OUTPUT, text, 4, text, 4), GUEST_NOTHING);
	cr_assert(guest_lied(&g));
	cr_assert_str_eq(g.why.msg, "virtio console: output with something to write");
}

Test(console, input_to_be_read, .init = setup, .fini = teardown, .timeout = 60)
{
	char text[4] = "abc";

	cr_assert_eq(write(in[1], "x", 1), 1);
	cr_assert_eq(guest_ask(&g, INPUT, text, 4, text, 4), GUEST_NOTHING);
	cr_assert(guest_lied(&g));
	cr_assert_str_eq(g.why.msg, "virtio console: room for input with something to read");
}

Test(console, has_a_size, .init = setup, .fini = teardown, .timeout = 60)
{
	struct virtio_console_config c;

	console_set_size(console, 25, 80);
	guest_config(&g, 0, &c, sizeof(c));
	cr_assert_eq(c.rows, 25);
	cr_assert_eq(c.cols, 80);
	cr_assert(guest_read(&g, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
	cr_assert(g.features >> VIRTIO_CONSOLE_F_SIZE & 1);
}
