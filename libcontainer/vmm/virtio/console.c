/* console.c: see console.h. */
#include "vmm/virtio/console.h"

#include <fcntl.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"

enum {
	INPUT, /* the queues; section 5.3.2 */
	OUTPUT,
	CHUNK = 4096, /* PIPE_BUF: a pipe that is ready takes it without blocking */
};

/* A descriptor of the host's side. */
struct end {
	int fd; /* -EBADF: none, or its other side has gone */
	bool heard;
	bool socket;
};

struct console {
	struct device device;
	struct virtio_console_config size;
	struct end in, out;
	/* Under the lock: the request whose bytes are not all in the buffer yet. */
	bool in_hand;
	uint64_t at;
	struct chain chain;
	/* The worker's alone. */
	unsigned char buffer[CONSOLE_BUFFER];
	size_t start, len;
	/* The limit. */
	bool limited;
	uint64_t allowed; /* bytes that may still be taken now */
	uint64_t burst, per_second;
	uint64_t filled_ms; /* when `allowed` was last added to */
	uint64_t dropped;
};

static int on_input(void *data, int fd, uint32_t events, struct error *err);
static int on_output(void *data, int fd, uint32_t events, struct error *err);

/* Off is off: a descriptor that is only not listened to would still report that it was hung up, for ever. */
static int listen_to(struct console *c, struct end *e, bool on, struct error *err)
{
	bool input = e == &c->in;

	if (e->fd < 0 || e->heard == on)
		return 0;
	e->heard = on;
	if (on)
		return loop_add(c->device.loop, e->fd, input ? EPOLLIN : EPOLLOUT, input ? on_input : on_output, c, err);
	loop_remove(c->device.loop, e->fd);
	return 0;
}

static void close_end(struct console *c, struct end *e)
{
	listen_to(c, e, false, NULL);
	auto_closep(&e->fd);
	e->fd = -EBADF;
}

/* What the guest writes. */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void refill(struct console *c)
{
	uint64_t now = now_ms(), more = (now - c->filled_ms) * c->per_second / 1000;

	if (!more)
		return;
	c->filled_ms = now;
	c->allowed = c->allowed + more < c->burst ? c->allowed + more : c->burst;
}

static size_t room(const struct console *c)
{
	return sizeof(c->buffer) - c->len;
}

/* Up to `len` bytes at c->at of the request into the buffer; how many there were. */
static size_t put_from_chain(struct console *c, uint64_t len)
{
	size_t done = 0;

	while (done < len && room(c)) {
		size_t to = (c->start + c->len) % sizeof(c->buffer);
		size_t n = sizeof(c->buffer) - to < room(c) ? sizeof(c->buffer) - to : room(c);

		n = chain_read(&c->chain, c->at, c->buffer + to, n < len - done ? n : (size_t)(len - done));
		if (!n)
			break;
		c->at += n;
		c->len += n;
		done += n;
	}
	return done;
}

static void put_text(struct console *c, const char *text)
{
	for (; *text && room(c); text++, c->len++)
		c->buffer[(c->start + c->len) % sizeof(c->buffer)] = (unsigned char)*text;
}

static void tell_of_dropped(struct console *c)
{
	char text[80];

	snprintf(text, sizeof(text), "\r\n[%llu bytes of console output were dropped]\r\n", (unsigned long long)c->dropped);
	if (room(c) < strlen(text))
		return;
	put_text(c, text);
	c->dropped = 0;
}

/* With a limit: as much as is allowed and fits, the rest is gone. */
static void put_limited(struct console *c)
{
	uint64_t len = c->chain.in_size, taken;

	refill(c);
	if (c->dropped && c->allowed)
		tell_of_dropped(c);
	taken = put_from_chain(c, len < c->allowed ? len : c->allowed);
	c->allowed -= taken;
	c->dropped += len - taken;
	c->at = len;
}

static int put_request(struct console *c, struct error *err)
{
	if (c->chain.n_out)
		return error_set(err, -EPROTO, "output with something to write");
	if (c->out.fd < 0)
		c->at = c->chain.in_size; /* nobody reads it */
	else if (c->limited)
		put_limited(c);
	else
		put_from_chain(c, UINT64_MAX);
	if (c->at < c->chain.in_size)
		return 0;
	queue_done(&c->device.queues[OUTPUT], &c->chain, 0);
	c->in_hand = false;
	return 0;
}

/* Takes requests as long as there is room for them, and sees to it that the buffer is emptied. */
static int take_output(struct device *d, struct error *err)
{
	struct console *c = (struct console *)d;
	int ret = 0;

	while (!ret) {
		if (!c->in_hand) {
			ret = queue_next(&d->queues[OUTPUT], &c->chain, err);
			if (ret <= 0)
				break;
			c->in_hand = true;
			c->at = 0;
		}
		ret = put_request(c, err);
		if (c->in_hand)
			break;
	}
	device_interrupt(d, &d->queues[OUTPUT]);
	return ret < 0 ? ret : listen_to(c, &c->out, c->len > 0, err);
}

static ssize_t write_some(const struct end *e, const void *data, size_t len)
{
	return e->socket ? send(e->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) : write(e->fd, data, len);
}

static int on_output(void *data, int fd, uint32_t events, struct error *err)
{
	struct console *c = data;
	size_t len = sizeof(c->buffer) - c->start < c->len ? sizeof(c->buffer) - c->start : c->len;
	ssize_t n = write_some(&c->out, c->buffer + c->start, len < CHUNK ? len : CHUNK);
	int ret;

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		close_end(c, &c->out);
		n = (ssize_t)c->len;
	}
	if (n > 0) {
		c->start = (c->start + (size_t)n) % sizeof(c->buffer);
		c->len -= (size_t)n;
	}
	ret = device_run(&c->device, take_output);
	return ret > 0 ? listen_to(c, &c->out, c->len > 0, err) : 0; /* no driver now: only what is left */
}

/* What the guest reads. */

/* 0 once there is nothing more to do for now: no input, or nowhere to put it. */
static int give_input(struct device *d, struct error *err)
{
	struct console *c = (struct console *)d;
	struct queue *queue = &d->queues[INPUT];
	unsigned char text[CHUNK];
	struct chain chain;
	ssize_t n;
	int ret = queue_next(queue, &chain, err);

	if (ret <= 0)
		return ret < 0 ? ret : listen_to(c, &c->in, false, err);
	if (chain.n_in)
		return error_set(err, -EPROTO, "room for input with something to read");
	n = read(c->in.fd, text, chain.out_size < sizeof(text) ? chain.out_size : sizeof(text));
	if (n <= 0) {
		queue_undo_next(queue);
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			close_end(c, &c->in);
		return 0;
	}
	queue_done(queue, &chain, (uint32_t)chain_write(&chain, 0, text, (size_t)n));
	device_interrupt(d, queue);
	return 0;
}

static int on_input(void *data, int fd, uint32_t events, struct error *err)
{
	struct console *c = data;

	return device_run(&c->device, give_input) ? listen_to(c, &c->in, false, err) : 0;
}

static int console_kick(struct device *d, uint16_t q, struct error *err)
{
	struct console *c = (struct console *)d;

	if (q == OUTPUT)
		return take_output(d, err);
	/* There is room now. Looked at when there is something to read. */
	return listen_to(c, &c->in, true, err);
}

static void console_reset(struct device *d)
{
	((struct console *)d)->in_hand = false;
}

static void console_config_read(struct device *d, uint32_t at, void *to, uint32_t len)
{
	const struct console *c = (struct console *)d;

	device_config_copy(&c->size, sizeof(c->size), at, to, len);
}

void console_set_size(struct device *d, uint16_t rows, uint16_t columns)
{
	struct console *c = (struct console *)d;

	pthread_mutex_lock(&d->lock);
	c->size.rows = rows;
	c->size.cols = columns;
	device_config_changed(d);
	pthread_mutex_unlock(&d->lock);
}

static void console_free(struct device *d)
{
	struct console *c = (struct console *)d;

	auto_closep(&c->in.fd);
	auto_closep(&c->out.fd);
	device_fini(d);
	free(c);
}

static const struct device_ops console_ops = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.n_queues = 2,
	.queue_size = 64,
	.config_read = console_config_read,
	.kick = console_kick,
	.reset = console_reset,
	.free = console_free,
};

/* Terminals and pipes are opened once more, so that they can be made not to block without doing that to others who have them open. Not the
 * master of a terminal: that would be another terminal. */
static int open_own(int fd, int flags, struct end *e, struct error *err)
{
	unsigned int number;
	struct stat st;

	e->fd = -EBADF;
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return error_errno(err, "console: descriptor %d", fd);
	e->socket = S_ISSOCK(st.st_mode);
	if (S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && ioctl(fd, TIOCGPTN, &number) < 0))
		e->fd = open(fd_path(fd).text, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (e->fd < 0)
		e->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return e->fd < 0 ? error_errno(err, "console: descriptor %d", fd) : 0;
}

int console_new(const struct console_config *config, struct device **out, struct error *err)
{
	struct console *c = calloc(1, sizeof(*c));
	int ret;

	if (!c)
		return error_set(err, -ENOMEM, "out of memory for a console");
	device_init(&c->device, &console_ops, 1 << VIRTIO_CONSOLE_F_SIZE);
	c->out.fd = -EBADF;
	ret = open_own(config->in, O_RDONLY, &c->in, err);
	if (!ret)
		ret = open_own(config->out, O_WRONLY, &c->out, err);
	if (ret) {
		console_free(&c->device);
		return ret;
	}
	c->limited = config->burst || config->per_second;
	c->allowed = c->burst = config->burst > config->per_second ? config->burst : config->per_second;
	c->per_second = config->per_second;
	c->filled_ms = now_ms();
	*out = &c->device;
	return 0;
}
