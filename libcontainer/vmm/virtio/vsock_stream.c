/* vsock_stream.c: a connection of the guest's, and the descriptors behind it. See vsock.h. */
#include <endian.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "vmm/virtio/vsock_inner.h"

enum {
	PIECE = 4096,      /* what a pipe that says it is writable takes without blocking */
	GIVE_MAX = 64 << 10, /* a packet's payload: what Linux takes at most */
	GIVE_ROUNDS = 16,  /* packets of one connection before others have their turn */
};

static struct vsock_end end_of(int fd)
{
	struct vsock_end e = { .fd = fd, .kind = END_OTHER, .open = fd >= 0 };
	struct stat st;
	int flags;

	if (fd < 0 || sys_fstat(fd, &st) < 0)
		return e;
	flags = fcntl(fd, F_GETFL);
	if (S_ISSOCK(st.st_mode))
		e.kind = END_SOCKET;
	else if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || (flags >= 0 && flags & O_NONBLOCK))
		e.kind = END_FILE;
	return e;
}

int connection_new(struct vsock *v, uint32_t port, uint32_t peer, const struct vsock_ends *ends, struct connection **out)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c) {
		if (ends->from_host >= 0)
			close(ends->from_host);
		if (ends->to_host >= 0 && ends->to_host != ends->from_host)
			close(ends->to_host);
		return -ENOMEM;
	}
	c->vsock = v;
	c->port = port;
	c->peer = peer;
	c->from = end_of(ends->from_host);
	c->to = end_of(ends->to_host);
	c->shared = c->from.open && ends->from_host == ends->to_host;
	c->answer = true;
	c->shut = (c->from.open ? 0 : VIRTIO_VSOCK_SHUTDOWN_SEND) | (c->to.open ? 0 : VIRTIO_VSOCK_SHUTDOWN_RCV);
	v->all[v->n++] = c;
	*out = c;
	return 0;
}

/* keep: also when there is nothing to hear but that it is broken. Others may have closed the other side with data in it: then a descriptor
 * that is listed for nothing would be told of again and again. */
static void listen_to(struct connection *c, struct vsock_end *e, uint32_t events, bool keep)
{
	struct loop *loop = c->vsock->device.loop;

	if (!loop || (e->listed && e->events == events && (events || keep)))
		return;
	if (e->listed && !events && !keep) {
		loop_remove(loop, e->fd);
		e->listed = false;
	} else if (e->listed) {
		(void)loop_change(loop, e->fd, events, NULL);
	} else if (events || keep) {
		e->listed = loop_add(loop, e->fd, events, vsock_on_event, c, NULL) == 0;
	}
	e->events = events;
}

static void close_end(struct connection *c, struct vsock_end *e, struct vsock_end *other)
{
	if (!e->open)
		return;
	e->open = false;
	if (c->shared && other->open)
		return;
	listen_to(c, c->shared ? &c->from : e, 0, false);
	close(e->fd);
}

static void drop_buffer(struct connection *c)
{
	c->written += (uint32_t)c->waiting;
	c->waiting = c->first = 0;
	free(c->buffer);
	c->buffer = NULL;
}

void connection_close_from(struct connection *c)
{
	close_end(c, &c->from, &c->to);
	c->shut |= VIRTIO_VSOCK_SHUTDOWN_SEND;
}

void connection_close_to(struct connection *c)
{
	/* The reader shall see the end although we may still read from the same socket. */
	if (c->to.open && c->to.kind == END_SOCKET)
		(void)shutdown(c->to.fd, SHUT_WR);
	close_end(c, &c->to, &c->from);
	drop_buffer(c);
	c->shut |= VIRTIO_VSOCK_SHUTDOWN_RCV;
}

void connection_free(struct connection *c)
{
	struct vsock *v = c->vsock;

	connection_close_from(c);
	connection_close_to(c);
	for (size_t i = 0; i < v->n; i++)
		if (v->all[i] == c)
			v->all[i] = v->all[--v->n];
	if (v->heard == c)
		v->heard = NULL;
	free(c);
}

void connection_leave(struct connection *c)
{
	c->gone = true;
	c->answer = c->credit = c->reset = false;
	connection_close_from(c);
}

/* Bytes, as many as it takes without waiting; -1: it takes none any more. */
static ssize_t write_some(const struct vsock_end *e, const unsigned char *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t piece = n - done;
		ssize_t ret;

		if (e->kind == END_OTHER) {
			struct pollfd poll_fd = { .fd = e->fd, .events = POLLOUT };

			if (poll(&poll_fd, 1, 0) <= 0)
				break;
			if (piece > PIECE)
				piece = PIECE;
		}
		ret = e->kind == END_SOCKET ? send(e->fd, p + done, piece, MSG_DONTWAIT | MSG_NOSIGNAL) : write(e->fd, p + done, piece);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0 && errno == EAGAIN)
			break;
		if (ret < 0)
			return -1;
		done += (size_t)ret;
	}
	return (ssize_t)done;
}

/* The guest is told of the room once a good part of it is free again, not for each byte. */
static void wrote(struct connection *c, size_t n)
{
	c->written += (uint32_t)n;
	if (c->written - c->told >= VSOCK_BUFFER / 4)
		c->credit = true;
}

static bool keep(struct connection *c, const unsigned char *p, size_t n)
{
	if (!c->buffer)
		c->buffer = malloc(VSOCK_BUFFER);
	if (!c->buffer)
		return false;
	if (c->first + c->waiting + n > VSOCK_BUFFER) {
		memmove(c->buffer, c->buffer + c->first, c->waiting);
		c->first = 0;
	}
	memcpy(c->buffer + c->first + c->waiting, p, n);
	c->waiting += n;
	return true;
}

/* The rest of a packet; what the descriptor does not take now waits. */
static void take_piece(struct connection *c, const unsigned char *p, size_t n)
{
	ssize_t done = 0;

	if (c->to.open && !c->waiting)
		done = write_some(&c->to, p, n);
	if (done >= 0)
		wrote(c, (size_t)done);
	if (done >= 0 && c->to.open && ((size_t)done == n || keep(c, p + done, n - (size_t)done)))
		return;
	/* Broken: as if it had been written. */
	wrote(c, n - (size_t)(done < 0 ? 0 : done));
	connection_close_to(c);
}

int connection_take(struct connection *c, const struct chain *chain, uint32_t len)
{
	struct iovec v[QUEUE_CHAIN_MAX];
	size_t n;

	if (len > VSOCK_BUFFER - (c->received - c->written))
		return -EPROTO;
	c->received += len;
	n = chain_readable(chain, VSOCK_HEADER, len, v);
	for (size_t i = 0; i < n; i++)
		take_piece(c, v[i].iov_base, v[i].iov_len);
	return 0;
}

void connection_write(struct connection *c)
{
	ssize_t n = write_some(&c->to, c->buffer + c->first, c->waiting);

	if (n < 0) {
		connection_close_to(c);
		return;
	}
	c->first += (size_t)n;
	c->waiting -= (size_t)n;
	wrote(c, (size_t)n);
	if (!c->waiting)
		drop_buffer(c);
}

static uint32_t credit(const struct connection *c)
{
	uint32_t out = c->sent - c->peer_taken;

	return out < c->peer_room ? c->peer_room - out : 0;
}

static ssize_t read_some(const struct vsock_end *e, struct iovec *v, size_t n)
{
	struct msghdr h = { .msg_iov = v, .msg_iovlen = n };
	struct pollfd poll_fd = { .fd = e->fd, .events = POLLIN };
	ssize_t ret;

	if (e->kind == END_OTHER && poll(&poll_fd, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	do {
		ret = e->kind == END_SOCKET ? recvmsg(e->fd, &h, MSG_DONTWAIT) : readv(e->fd, v, (int)n);
	} while (ret < 0 && errno == EINTR);
	return ret;
}

/* One packet. 1; 0 where there is nothing more to be had for now. */
static int give_one(struct connection *c, struct error *err)
{
	struct queue *q = &c->vsock->device.queues[VSOCK_RX];
	uint32_t max = credit(c);
	struct virtio_vsock_hdr h;
	struct iovec v[QUEUE_CHAIN_MAX];
	struct chain chain;
	ssize_t n;
	int ret;

	if (!max)
		return 0;
	ret = queue_next(q, &chain, err);
	if (ret <= 0) {
		c->starved = true;
		return ret;
	}
	if (chain.out_size <= VSOCK_HEADER)
		return error_set(err, -EPROTO, "a buffer of %llu bytes, less than a packet", (unsigned long long)chain.out_size);
	n = read_some(&c->from, v, chain_writable(&chain, VSOCK_HEADER, max < GIVE_MAX ? max : GIVE_MAX, v));
	if (n <= 0) {
		queue_undo_next(q);
		/* A terminal without its other side says EIO. */
		if (n == 0 || errno != EAGAIN)
			connection_close_from(c);
		return 0;
	}
	c->sent += (uint32_t)n;
	vsock_head(c->vsock, c, &h);
	h.op = htole16(VIRTIO_VSOCK_OP_RW);
	h.len = htole32((uint32_t)n);
	c->told = c->written;
	c->credit = false;
	chain_write(&chain, 0, &h, sizeof(h));
	queue_done(q, &chain, VSOCK_HEADER + (uint32_t)n);
	return 1;
}

int connection_give(struct connection *c, struct error *err)
{
	int ret = 1;

	for (int i = 0; ret > 0 && i < GIVE_ROUNDS && c->from.open; i++)
		ret = give_one(c, err);
	return ret < 0 ? ret : 0;
}

static void hear(struct connection *c)
{
	bool in = c->from.open && !c->answer && !c->reset && !c->starved && credit(c);
	uint32_t events = c->waiting ? EPOLLOUT : 0;

	if (c->shared) {
		if (c->from.open || c->to.open)
			listen_to(c, &c->from, events | (in ? EPOLLIN : 0), false);
		return;
	}
	if (c->from.open)
		listen_to(c, &c->from, in ? EPOLLIN : 0, false);
	/* A pipe without a reader says so unasked; the guest shall know. */
	if (c->to.open)
		listen_to(c, &c->to, events, true);
}

void connection_settle(struct connection *c)
{
	if (c->guest_receives_no_more)
		connection_close_from(c);
	if ((c->guest_sends_no_more || c->gone || c->reset) && !c->waiting)
		connection_close_to(c);
	if (c->guest_sends_no_more && c->guest_receives_no_more && !c->waiting && !c->gone)
		c->reset = true;
	if (c->gone && !c->waiting) {
		connection_free(c);
		return;
	}
	hear(c);
}
