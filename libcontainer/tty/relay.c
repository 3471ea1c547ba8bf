/* relay.c: the foreground's two copy directions, by non-blocking reads and writes under one epoll loop. */
#include "tty/relay.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"

enum { BUFFER_SIZE = 64 * 1024, SILENCE_MS = 200, TERMINAL_HOLDS = 256 * 1024 };

struct buffer {
	size_t start, end; /* what waits to be written is data[start..end) */
	char data[BUFFER_SIZE];
};

/* One descriptor and what the loop is asked about it. */
struct end {
	int fd;
	uint32_t watched;
	bool added, done;
	int old_flags; /* to be set again at the end, or -1 */
};

struct relay {
	struct loop *loop;
	struct end in, out, master;
	struct buffer to_master, to_out;
	struct termios old;
	struct sigaction old_pipe;
	bool raw, in_is_terminal, eof_due, mid_line, hung;
	int window; /* the descriptor that knows the window size, or -1 */
};

static bool waiting(const struct buffer *b)
{
	return b->end > b->start;
}
static bool has_room(const struct buffer *b)
{
	return b->end - b->start < BUFFER_SIZE;
}

/* Reads once. The number of bytes, 0 at the end, -EAGAIN, or another error. */
static ssize_t fill(struct buffer *b, int fd)
{
	ssize_t n;

	if (b->end == BUFFER_SIZE) {
		memmove(b->data, b->data + b->start, b->end - b->start);
		b->end -= b->start;
		b->start = 0;
	}
	do {
		n = read(fd, b->data + b->end, BUFFER_SIZE - b->end);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	b->end += (size_t)n;
	return n;
}

/* Writes as much as fd takes. 0, also when something is left, or the error. */
static int spill(struct buffer *b, int fd)
{
	while (waiting(b)) {
		ssize_t n = write(fd, b->data + b->start, b->end - b->start);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		b->start += (size_t)n;
	}
	b->start = b->end = 0;
	return 0;
}

/* A terminal or pipe is shared with whoever started us, and so is its O_NONBLOCK: we take an open file of our
 * own where proc gives one (not for a regular file, whose position is to stay shared: that never blocks). The
 * flag is set, to be taken back at the end, only where that fails. */
static void end_open(struct end *e, int fd, int access)
{
	struct stat st;

	e->old_flags = -1;
	e->fd = fd;
	if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode))
		return;
	if (S_ISFIFO(st.st_mode) || isatty(fd)) {
		int own = open(fd_path(fd).text, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

		if (own >= 0) {
			e->fd = own;
			return;
		}
	}
	e->old_flags = fcntl(fd, F_GETFL);
	if (e->old_flags >= 0 && (e->old_flags & O_NONBLOCK))
		e->old_flags = -1;
	else if (e->old_flags >= 0)
		fcntl(fd, F_SETFL, e->old_flags | O_NONBLOCK);
}

static void end_close(struct end *e, int fd)
{
	if (e->old_flags >= 0)
		fcntl(fd, F_SETFL, e->old_flags);
	if (e->fd >= 0 && e->fd != fd)
		close(e->fd);
}

/* Asks the loop for just these events. None means leaving the loop: epoll reports a hang-up to whoever is in
 * it, again and again. */
static int watch(struct relay *r, struct end *e, uint32_t events, loop_fd_fn fn, struct error *err)
{
	int ret = 0;

	if ((e->added ? e->watched : 0) == events)
		return 0;
	if (!events) {
		loop_remove(r->loop, e->fd);
		e->added = false;
		return 0;
	}
	ret = e->added ? loop_change(r->loop, e->fd, events, err)
		       : loop_add(r->loop, e->fd, events, fn, r, err);
	if (ret < 0)
		return ret;
	e->added = true;
	e->watched = events;
	return 0;
}

/* The end of stdin as the terminal's own character for it; twice in the middle of a line, as there the first one only hands over what has been
 * typed. Shells that edit their line themselves have switched that off, and end by the same character all the same; once is enough for these. */
static void put_eof(struct relay *r)
{
	struct buffer *b = &r->to_master;
	struct termios t;

	if (!r->eof_due || BUFFER_SIZE - b->end < 2)
		return;
	r->eof_due = false;
	if (tcgetattr(r->master.fd, &t) < 0 || t.c_cc[VEOF] == _POSIX_VDISABLE)
		return;
	if (r->mid_line && t.c_lflag & ICANON)
		b->data[b->end++] = (char)t.c_cc[VEOF];
	b->data[b->end++] = (char)t.c_cc[VEOF];
}

static void read_in(struct relay *r)
{
	struct buffer *b = &r->to_master;
	ssize_t n = fill(b, r->in.fd);

	if (n > 0) {
		r->mid_line = b->data[b->end - 1] != '\n';
	} else if (n != -EAGAIN) {
		r->in.done = true;
		r->eof_due = !r->in_is_terminal;
	}
}

static void read_master(struct relay *r)
{
	ssize_t n = fill(&r->to_out, r->master.fd);

	if (n > 0) {
		r->hung = false;
		/* Nobody reads our output: it is still read, so that the container is not stopped by a full
		 * terminal. */
		if (r->out.done)
			r->to_out.start = r->to_out.end = 0;
	} else if (n == -EIO || n == 0) {
		r->hung = true;
	} else if (n != -EAGAIN) {
		r->master.done = true;
	}
}

static void write_out(struct relay *r)
{
	if (spill(&r->to_out, r->out.fd) < 0) {
		r->out.done = true;
		r->to_out.start = r->to_out.end = 0;
	}
}

static void write_master(struct relay *r)
{
	/* Typed at a terminal that nobody has open (EIO): kept, as somebody may open it again. */
	int ret = spill(&r->to_master, r->master.fd);

	if (ret == -EIO)
		r->hung = true;
	else if (ret < 0)
		r->master.done = true;
}

static int on_in(void *data, int fd, uint32_t events, struct error *err);
static int on_out(void *data, int fd, uint32_t events, struct error *err);
static int on_master(void *data, int fd, uint32_t events, struct error *err);

/* What can be done at once is done, then the loop is asked about the rest. */
static int advance(struct relay *r, struct error *err)
{
	uint32_t master = 0;
	int ret;

	if (waiting(&r->to_out) && !r->out.done)
		write_out(r);
	for (int i = 0; (i == 0 || (i == 1 && r->eof_due)) && !r->master.done; i++) {
		/* The second time there may be room for it. */
		put_eof(r);
		if (waiting(&r->to_master))
			write_master(r);
	}
	if (!r->master.done && has_room(&r->to_out))
		master |= EPOLLIN;
	if (!r->master.done && waiting(&r->to_master))
		master |= EPOLLOUT;
	/* Closed by all who had it, which is not the end: an init may open /dev/console again. Until then the
	 * hang-up would be reported without pause; edge-triggered, only what is new is. */
	if (master && r->hung)
		master |= EPOLLET;
	ret = watch(r, &r->master, master, on_master, err);
	if (ret == 0)
		ret =
		    watch(r, &r->in, !r->in.done && !r->master.done && has_room(&r->to_master) ? EPOLLIN : 0,
			  on_in, err);
	if (ret == 0)
		ret = watch(r, &r->out, !r->out.done && waiting(&r->to_out) ? EPOLLOUT : 0, on_out, err);
	return ret;
}

static int on_in(void *data, int fd, uint32_t events, struct error *err)
{
	struct relay *r = data;

	if (!r->in.done && has_room(&r->to_master))
		read_in(r);
	return advance(r, err);
}

static int on_out(void *data, int fd, uint32_t events, struct error *err)
{
	return advance(data, err);
}

static int on_master(void *data, int fd, uint32_t events, struct error *err)
{
	struct relay *r = data;

	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !r->master.done && has_room(&r->to_out))
		read_master(r);
	return advance(r, err);
}

void relay_resize(struct relay *r)
{
	struct winsize size;

	if (r->window < 0 || ioctl(r->window, TIOCGWINSZ, &size) < 0)
		return;
	/* A serial line does not know; then what config.json said stays. */
	if (size.ws_row || size.ws_col)
		ioctl(r->master.fd, TIOCSWINSZ, &size);
}

static int make_raw(struct relay *r, struct error *err)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &r->old) < 0)
		return error_errno(err, "read the mode of the terminal on stdin");
	raw = r->old;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
		return error_errno(err, "set the terminal on stdin to raw mode");
	r->raw = true;
	return 0;
}

/* From the background, changing a terminal's mode would stop us, at the very end, for good. */
static void restore_terminal(struct relay *r)
{
	sigset_t block, old;

	if (!r->raw)
		return;
	sigemptyset(&block);
	sigaddset(&block, SIGTTOU);
	sigprocmask(SIG_BLOCK, &block, &old);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &r->old);
	sigprocmask(SIG_SETMASK, &old, NULL);
	r->raw = false;
}

static void leave_loop(struct relay *r)
{
	struct end *ends[] = {&r->in, &r->out, &r->master};

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (ends[i]->added)
			loop_remove(r->loop, ends[i]->fd);
}

static void tear_down(struct relay *r)
{
	leave_loop(r);
	restore_terminal(r);
	end_close(&r->in, STDIN_FILENO);
	end_close(&r->out, STDOUT_FILENO);
	close(r->master.fd);
	sigaction(SIGPIPE, &r->old_pipe, NULL);
	free(r);
}

int relay_start(struct loop *loop, int master, struct relay **out, struct error *err)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct relay *r = calloc(1, sizeof(*r));
	int ret, flags;

	if (!r) {
		close(master);
		return error_set(err, -ENOMEM, "out of memory");
	}
	r->loop = loop;
	r->master.fd = master;
	r->in_is_terminal = isatty(STDIN_FILENO);
	r->window = r->in_is_terminal ? STDIN_FILENO : isatty(STDOUT_FILENO) ? STDOUT_FILENO : -1;
	sigaction(SIGPIPE, &ignore, &r->old_pipe);
	end_open(&r->in, STDIN_FILENO, O_RDONLY);
	end_open(&r->out, STDOUT_FILENO, O_WRONLY);
	flags = fcntl(master, F_GETFL);
	if (flags < 0 || fcntl(master, F_SETFL, flags | O_NONBLOCK) < 0)
		ret = error_errno(err, "make the container's terminal non-blocking");
	else
		ret = r->in_is_terminal ? make_raw(r, err) : 0;
	if (ret == 0) {
		relay_resize(r);
		ret = advance(r, err);
	}
	if (ret < 0) {
		tear_down(r);
		return error_wrap(err, "relay the terminal");
	}
	*out = r;
	return 0;
}

/* May we go on waiting for a reader that doesn't read? The loop has our signals blocked, so this is how they
 * are heard here. */
static bool told_to_end(void)
{
	sigset_t pending;

	if (sigpending(&pending) < 0)
		return true;
	return sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1 ||
	       sigismember(&pending, SIGHUP) == 1 || sigismember(&pending, SIGQUIT) == 1;
}

static void drain(struct relay *r)
{
	size_t taken = 0;
	bool reading = !r->master.done;

	while (!r->out.done) {
		struct pollfd fds[2] = {
		    {.fd = reading && has_room(&r->to_out) ? r->master.fd : -1, .events = POLLIN },
		    {.fd = waiting(&r->to_out) ? r->out.fd : -1,		 .events = POLLOUT},
		};
		int n;

		if (fds[0].fd < 0 && fds[1].fd < 0)
			return;
		n = poll(fds, 2, SILENCE_MS);
		if (n < 0 && errno != EINTR)
			return;
		if (n == 0 && fds[0].fd >= 0)
			reading = false;
		if (n <= 0) {
			if (told_to_end())
				return;
			continue;
		}
		if (fds[0].revents) {
			size_t before = r->to_out.end - r->to_out.start;

			read_master(r);
			taken += r->to_out.end - r->to_out.start - before;
			/* Whoever said it has ended: more than a terminal holds is said by somebody who has
			 * not. */
			reading = !r->hung && !r->master.done && taken < TERMINAL_HOLDS;
		}
		write_out(r);
	}
}

void relay_end(struct relay *r)
{
	if (!r)
		return;
	leave_loop(r);
	r->in.added = r->out.added = r->master.added = false;
	drain(r);
	tear_down(r);
}
