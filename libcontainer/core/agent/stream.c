/* stream.c: see stream.h. */
#include "core/agent/stream.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"

enum { ROOM = 64 << 10 };

struct stream {
	struct loop *loop;
	int from, to;          /* -EBADF: closed */
	bool hears_from, hears_to;
	void (*moved)(void *data);
	void *data;
	size_t first, n;       /* of the buffer */
	unsigned char buffer[ROOM];
};

static void close_from(struct stream *s)
{
	if (s->hears_from)
		loop_remove(s->loop, s->from);
	s->hears_from = false;
	if (s->from >= 0)
		close(TAKE_FD(s->from));
}

static void close_to(struct stream *s)
{
	if (s->hears_to)
		loop_remove(s->loop, s->to);
	s->hears_to = false;
	if (s->to < 0)
		return;
	/* Another copy of it may still be read from. */
	(void)shutdown(s->to, SHUT_WR);
	close(TAKE_FD(s->to));
}

static int on_from(void *data, int fd, uint32_t events, struct error *err);
static int on_to(void *data, int fd, uint32_t events, struct error *err);

/* Either it can be read, or it must be written. */
static int settle(struct stream *s, struct error *err)
{
	int ret = 0;

	if (s->from < 0 && !s->n)
		close_to(s);
	if (s->to < 0)
		close_from(s);
	if (s->hears_from && s->n) {
		loop_remove(s->loop, s->from);
		s->hears_from = false;
	} else if (!s->hears_from && s->from >= 0 && !s->n) {
		ret = loop_add(s->loop, s->from, EPOLLIN, on_from, s, err);
		s->hears_from = ret == 0;
	}
	if (s->hears_to && !s->n) {
		loop_remove(s->loop, s->to);
		s->hears_to = false;
	} else if (ret == 0 && !s->hears_to && s->to >= 0 && s->n) {
		ret = loop_add(s->loop, s->to, EPOLLOUT, on_to, s, err);
		s->hears_to = ret == 0;
	}
	return ret;
}

/* The last thing to do with it. */
static int settle_and_tell(struct stream *s, struct error *err)
{
	int ret = settle(s, err);

	s->moved(s->data);
	return ret;
}

static void write_some(struct stream *s)
{
	while (s->n && s->to >= 0) {
		ssize_t n = write(s->to, s->buffer + s->first, s->n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			s->n = 0;
			close_to(s);
			return;
		}
		s->first += (size_t)n;
		s->n -= (size_t)n;
	}
}

static int on_to(void *data, int fd, uint32_t events, struct error *err)
{
	struct stream *s = data;

	write_some(s);
	return settle_and_tell(s, err);
}

static int on_from(void *data, int fd, uint32_t events, struct error *err)
{
	struct stream *s = data;
	ssize_t n;

	do {
		n = read(s->from, s->buffer, ROOM);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		s->first = 0;
		s->n = (size_t)n;
		write_some(s);
	} else if (n == 0 || errno != EAGAIN) {
		/* A terminal that nobody has open says EIO. */
		close_from(s);
	}
	return settle_and_tell(s, err);
}

int stream_new(struct loop *loop, int from, int to, void (*moved)(void *data), void *data, struct stream **out, struct error *err)
{
	struct stream *s = malloc(sizeof(*s));
	int ret;

	if (!s || fcntl(from, F_SETFL, fcntl(from, F_GETFL) | O_NONBLOCK) < 0 || fcntl(to, F_SETFL, fcntl(to, F_GETFL) | O_NONBLOCK) < 0) {
		ret = s ? error_errno(err, "stream") : error_set(err, -ENOMEM, "out of memory");
		close(from);
		close(to);
		free(s);
		return ret;
	}
	/* Not the buffer: its pages come when they are used. */
	s->loop = loop;
	s->from = from;
	s->to = to;
	s->hears_from = s->hears_to = false;
	s->moved = moved;
	s->data = data;
	s->first = s->n = 0;
	ret = settle(s, err);
	if (ret < 0)
		stream_free(s);
	else
		*out = s;
	return ret;
}

bool stream_has_ended(const struct stream *s)
{
	return s->from < 0 && s->to < 0;
}

bool stream_is_idle(const struct stream *s)
{
	struct pollfd p = { .fd = s->from, .events = POLLIN };

	return !s->n && (s->from < 0 || (poll(&p, 1, 0) >= 0 && !p.revents));
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	close_from(s);
	close_to(s);
	free(s);
}
