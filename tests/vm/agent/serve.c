/* serve.c: the guest's end: starts commands for the host, a process a connection.
 *
 * Why not ssh: under emulation a login costs seconds of key exchange, PAM and logind; this costs one fork and
 * one exec. It carries stdin, stdout and stderr apart, the exact exit status and signals, and does not wait
 * for background processes that keep stdout open.
 */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STRING_MAX  (1U << 20)
#define STRINGS_MAX 65536U

/* What was asked for: its strings, and how many of them are arguments. */
struct request {
	char **strings;
	uint32_t n, arguments;
};

struct session {
	int host, signals;
	int in, out, err; /* our ends of the command's pipes */
	pid_t pid;
	int status;
	bool ended, input_ends;
	struct queue to_host, to_command;
	struct reader from_host;
};

/* A restored guest's clock stands where the snapshot was taken. Set here, since a program that does it takes
 * a while to start. */
static void set_clock(const char *now)
{
	double seconds = strtod(now, NULL);
	struct timespec t = {.tv_sec = (time_t)seconds,
			     .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};

	clock_settime(CLOCK_REALTIME, &t);
}

static bool read_strings(int fd, struct request *r)
{
	if (read_all(fd, &r->n, sizeof(r->n)) < 0 || r->n < 3 || r->n > STRINGS_MAX)
		return false;
	r->strings = calloc(r->n + 1, sizeof(*r->strings));
	if (!r->strings)
		return false;
	for (uint32_t i = 0; i < r->n; i++) {
		uint32_t size;

		if (read_all(fd, &size, sizeof(size)) < 0 || size > STRING_MAX)
			return false;
		r->strings[i] = calloc(size + 1, 1);
		if (!r->strings[i] || read_all(fd, r->strings[i], size) < 0)
			return false;
	}
	r->arguments = (uint32_t)strtoul(r->strings[1], NULL, 10);
	return r->arguments >= 1 && r->arguments <= r->n - 2;
}

static bool read_request(int fd, const char token[TOKEN_SIZE], struct request *r)
{
	char magic[sizeof(WIRE_MAGIC) - 1], got[TOKEN_SIZE];
	unsigned char differs = 0;

	if (read_all(fd, magic, sizeof(magic)) < 0 || memcmp(magic, WIRE_MAGIC, sizeof(magic)) != 0 ||
	    read_all(fd, got, sizeof(got)) < 0)
		return false;
	for (size_t i = 0; i < sizeof(got); i++)
		differs |= (unsigned char)(got[i] ^ token[i]);
	return !differs && read_strings(fd, r);
}

static _Noreturn void become_command(const struct request *r, int in, int out, int err, int failure)
{
	char **argv = calloc(r->arguments + 1, sizeof(*argv));
	sigset_t none;
	int e;

	for (uint32_t i = 2 + r->arguments; i < r->n; i++)
		putenv(r->strings[i]);
	if (argv)
		memcpy(argv, r->strings + 2, r->arguments * sizeof(*argv));
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	setsid();
	signal(SIGPIPE, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	errno = ENOMEM;
	if (argv && (r->strings[0][0] == '\0' || chdir(r->strings[0]) == 0))
		execvp(argv[0], argv);
	e = errno;
	_exit(write(failure, &e, sizeof(e)) < 0 ? 126 : 127);
}

/* 0, or the errno for which the command could not be started; -1: we could not even try. */
static int start_command(struct session *s, const struct request *r)
{
	int in[2], out[2], err[2], failure[2], e = 0;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	s->signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signals < 0 || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) ||
	    pipe2(failure, O_CLOEXEC))
		return -1;
	s->pid = fork();
	if (s->pid < 0)
		return -1;
	if (s->pid == 0)
		become_command(r, in[0], out[1], err[1], failure[1]);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	close(failure[1]);
	if (read(failure[0], &e, sizeof(e)) != sizeof(e))
		e = 0;
	close(failure[0]);
	s->in = in[1];
	s->out = out[0];
	s->err = err[0];
	set_nonblocking(s->host);
	set_nonblocking(s->in);
	set_nonblocking(s->out);
	set_nonblocking(s->err);
	return e;
}

static void take_output(struct session *s, int *fd, enum frame_type type)
{
	ssize_t n;

	if (*fd < 0 || s->to_host.left > 0)
		return;
	n = read(*fd, s->to_host.bytes + HEADER_SIZE, CHUNK_SIZE);
	if (n > 0) {
		queue_frame(&s->to_host, type, s->to_host.bytes + HEADER_SIZE, (uint32_t)n, (uint32_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(*fd);
		*fd = -1;
	}
}

static int take_frame(struct session *s)
{
	enum frame_type type = 0;
	size_t n = 0;
	uint32_t value = 0;
	int ret = reader_next(&s->from_host, s->host, &type, s->to_command.bytes, CHUNK_SIZE, &n, &value);

	if (ret <= 0)
		return ret;
	if (type == INPUT && s->in >= 0) {
		s->to_command.from = 0;
		s->to_command.left = n;
	} else if (type == INPUT_ENDS) {
		s->input_ends = true;
	} else if (type == SIGNAL && !s->ended) {
		kill(-s->pid, (int)value);
	}
	return 0;
}

static void wait_for_something(struct session *s)
{
	struct pollfd p[] = {
	    {.fd = s->host,
	     .events = (short)((s->to_host.left > 0 ? POLLOUT : 0) | (s->to_command.left > 0 ? 0 : POLLIN))},
	    {.fd = s->to_host.left > 0 ? -1 : s->out,   .events = POLLIN				      },
	    {.fd = s->to_host.left > 0 ? -1 : s->err,   .events = POLLIN				      },
	    {.fd = s->ended ? -1 : s->signals,	       .events = POLLIN				       },
	    {.fd = s->to_command.left > 0 ? s->in : -1, .events = POLLOUT					 },
	};

	poll(p, sizeof(p) / sizeof(p[0]), -1);
}

static void look_for_end(struct session *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) > 0)
		;
	if (!s->ended && waitpid(s->pid, &s->status, WNOHANG) == s->pid)
		s->ended = true;
}

/* 0 when the command has ended and all that it wrote before is sent; -1 when the host has gone. */
static int relay(struct session *s)
{
	for (;;) {
		bool had_ended = s->ended;

		if (queue_flush(&s->to_host, s->host) < 0)
			return -1;
		if (s->to_command.left > 0 && queue_flush(&s->to_command, s->in) < 0)
			s->to_command.left = 0; /* it has closed its input */
		if (s->input_ends && s->to_command.left == 0 && s->in >= 0) {
			close(s->in);
			s->in = -1;
		}
		take_output(s, &s->out, OUTPUT);
		take_output(s, &s->err, ERRORS);
		if (s->to_host.left > 0) {
			if (queue_flush(&s->to_host, s->host) < 0)
				return -1;
			if (s->to_host.left == 0)
				continue;
		} else if (had_ended) {
			return 0;
		}
		wait_for_something(s);
		look_for_end(s);
		if (s->to_command.left == 0 && take_frame(s) < 0)
			return -1;
	}
}

static void end_command(struct session *s)
{
	if (s->ended)
		return;
	kill(-s->pid, SIGTERM);
	for (int i = 0; i < 20 && waitpid(s->pid, NULL, WNOHANG) == 0; i++)
		usleep(100000);
	kill(-s->pid, SIGKILL);
}

static void run_session(int host, const char token[TOKEN_SIZE])
{
	static struct session s;
	struct request r = {.n = 0};
	uint32_t status;
	int e;

	s.host = host;
	if (!read_request(host, token, &r))
		return;
	for (uint32_t i = 2 + r.arguments; i < r.n; i++)
		if (!strncmp(r.strings[i], CLOCK_VARIABLE, strlen(CLOCK_VARIABLE)))
			set_clock(r.strings[i] + strlen(CLOCK_VARIABLE));
	e = start_command(&s, &r);
	if (e < 0)
		return;
	if (e == 0 && relay(&s) < 0) {
		end_command(&s);
		return;
	}
	status = WIFEXITED(s.status) ? (uint32_t)WEXITSTATUS(s.status) : 128U + (uint32_t)WTERMSIG(s.status);
	queue_frame(&s.to_host, e ? NOT_STARTED : EXITED, NULL, 0, e ? (uint32_t)e : status);
	fcntl(host, F_SETFL, fcntl(host, F_GETFL) & ~O_NONBLOCK);
	if (write_all(host, s.to_host.bytes, s.to_host.left) < 0)
		return;
	/* Closing with input unread would reset the connection and lose the last frame. */
	shutdown(host, SHUT_WR);
	while (read(host, s.to_command.bytes, sizeof(s.to_command.bytes)) > 0)
		;
}

int serve(const char *port, const char *token_path)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
	char token[TOKEN_SIZE];
	int one = 1, fd;

	load_token(token_path, token);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	address.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 64))
		give_up("listen on port %s: %s", port, strerror(errno));
	for (;;) {
		int host = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (host < 0)
			continue;
		if (fork() == 0) {
			close(fd);
			signal(SIGCHLD, SIG_DFL);
			setsockopt(host, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
			run_session(host, token);
			_exit(0);
		}
		close(host);
	}
}
