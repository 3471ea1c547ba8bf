/* client.c: the host's end: hands a command to the guest and passes its streams, signals and exit status. */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t signal_seen, time_is_over;

static void on_signal(int signo)
{
	if (signo == SIGALRM)
		time_is_over = 1;
	else
		signal_seen = signo;
}

struct options {
	uint16_t port;
	const char *token, *directory;
	unsigned timeout, patience; /* seconds: for the command; for the guest to listen */
	bool no_input, clock;
};

struct call {
	int guest;
	struct queue to_guest;
	struct reader from_guest;
	bool input_open, end_told, pipe_told, timed_out;
	const char *command;
};

static int connect_to(const struct options *o)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons(o->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;

	for (unsigned tries = o->patience * 20;; tries--) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
			return fd;
		}
		if (tries == 0)
			give_up("connect to port %u: %s", o->port, strerror(errno));
		if (fd >= 0)
			close(fd);
		usleep(50000);
	}
}

static void put_string(FILE *f, const char *s)
{
	uint32_t size = (uint32_t)strlen(s);

	fwrite(&size, sizeof(size), 1, f);
	fwrite(s, 1, size, f);
}

static void send_request(int fd, const struct options *o, int argc, char **argv)
{
	uint32_t n = 2 + (uint32_t)argc + o->clock;
	char token[TOKEN_SIZE], number[16], now[64], *text = NULL;
	struct timespec t;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	load_token(o->token, token);
	if (!f)
		give_up("out of memory");
	snprintf(number, sizeof(number), "%d", argc);
	fwrite(WIRE_MAGIC, 1, strlen(WIRE_MAGIC), f);
	fwrite(token, 1, sizeof(token), f);
	fwrite(&n, sizeof(n), 1, f);
	put_string(f, o->directory);
	put_string(f, number);
	for (int i = 0; i < argc; i++)
		put_string(f, argv[i]);
	if (o->clock) {
		clock_gettime(CLOCK_REALTIME, &t);
		snprintf(now, sizeof(now), CLOCK_VARIABLE "%lld.%09ld", (long long)t.tv_sec, t.tv_nsec);
		put_string(f, now);
	}
	if (fclose(f) != 0)
		give_up("out of memory");
	if (write_all(fd, text, size) < 0)
		give_up("the guest hung up");
	free(text);
}

static bool tell_guest(struct call *c)
{
	if (c->to_guest.left > 0)
		return false;
	if (time_is_over) {
		time_is_over = 0;
		c->timed_out = true;
		queue_frame(&c->to_guest, SIGNAL, NULL, 0, SIGKILL);
	} else if (signal_seen) {
		queue_frame(&c->to_guest, SIGNAL, NULL, 0, (uint32_t)signal_seen);
		signal_seen = 0;
	} else if (!c->input_open && !c->end_told) {
		c->end_told = true;
		queue_frame(&c->to_guest, INPUT_ENDS, NULL, 0, 0);
	} else {
		return false;
	}
	return true;
}

static void take_input(struct call *c)
{
	ssize_t n = read(STDIN_FILENO, c->to_guest.bytes + HEADER_SIZE, CHUNK_SIZE);

	if (n > 0)
		queue_frame(&c->to_guest, INPUT, c->to_guest.bytes + HEADER_SIZE, (uint32_t)n, (uint32_t)n);
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		c->input_open = false;
}

/* The exit status, or -1 as long as there is none. */
static int take_answer(struct call *c)
{
	static unsigned char bytes[CHUNK_SIZE];
	enum frame_type type = 0;
	size_t n = 0;
	uint32_t value = 0;
	int ret = reader_next(&c->from_guest, c->guest, &type, bytes, sizeof(bytes), &n, &value);

	if (ret < 0)
		give_up("the connection to the guest is lost%s",
			c->timed_out ? " (after the time was over)" : "");
	if (ret == 0)
		return -1;
	switch (type) {
	case OUTPUT:
	case ERRORS:
		/* A closed output ends the command as a pipe would. */
		if (write_all(type == OUTPUT ? STDOUT_FILENO : STDERR_FILENO, bytes, n) < 0 &&
		    errno == EPIPE && !c->pipe_told) {
			c->pipe_told = true;
			signal_seen = SIGPIPE;
		}
		return -1;
	case EXITED:
		return c->timed_out ? 124 : (int)value;
	case NOT_STARTED:
		fprintf(stderr, "lab-agent: %s: %s\n", c->command, strerror((int)value));
		return value == ENOENT ? 127 : 126;
	default:
		return -1;
	}
}

static int relay(struct call *c)
{
	for (;;) {
		int status;

		if (queue_flush(&c->to_guest, c->guest) < 0)
			c->to_guest.left = 0; /* take_answer() tells of the end */
		if (tell_guest(c))
			continue;
		struct pollfd p[] = {
		    {.fd = c->guest,						   .events = (short)(POLLIN | (c->to_guest.left > 0 ? POLLOUT : 0))},
		    {.fd = c->input_open && c->to_guest.left == 0 ? STDIN_FILENO : -1, .events = POLLIN						       },
		};
		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			give_up("poll: %s", strerror(errno));
		}
		if (p[1].revents)
			take_input(c);
		if (!(p[0].revents & (POLLIN | POLLHUP | POLLERR)))
			continue;
		status = take_answer(c);
		if (status >= 0)
			return status;
	}
}

static void read_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt(argc, argv, "+p:k:C:T:w:nt")) != -1) {
		switch (c) {
		case 'p':
			o->port = (uint16_t)strtoul(optarg, NULL, 10);
			break;
		case 'k':
			o->token = optarg;
			break;
		case 'C':
			o->directory = optarg;
			break;
		case 'T':
			o->timeout = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'w':
			o->patience = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'n':
			o->no_input = true;
			break;
		case 't':
			o->clock = true;
			break;
		default:
			give_up("unknown option");
		}
	}
	if (!o->port || !o->token || optind >= argc)
		give_up("usage: lab-agent exec -p PORT -k TOKEN [-C DIRECTORY] [-T SECONDS] [-w SECONDS] "
			"[-n] [-t] -- COMMAND…");
}

int client(int argc, char **argv)
{
	static struct call c;
	static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM};
	struct options o = {.directory = ""};
	struct sigaction action = {.sa_handler = on_signal};

	read_options(argc, argv, &o);
	signal(SIGPIPE, SIG_IGN);
	c.guest = connect_to(&o);
	send_request(c.guest, &o, argc - optind, argv + optind);
	set_nonblocking(c.guest);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		sigaction(passed_on[i], &action, NULL);
	alarm(o.timeout);
	c.command = argv[optind];
	c.input_open = !o.no_input;
	return relay(&c);
}
