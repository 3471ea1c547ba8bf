/* vsock.c: queues and packets of the socket device. See vsock.h. */
#include "vmm/virtio/vsock.h"

#include <endian.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/virtio/vsock_inner.h"

static struct vsock *vsock_of(struct device *d)
{
	return (struct vsock *)d;
}

struct device *vsock_device(struct vsock *v)
{
	return &v->device;
}

static bool is_waiting(const struct vsock *v, uint32_t first, uint32_t last)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->all[i]->waiting && v->all[i]->port >= first && v->all[i]->port <= last)
			return true;
	return false;
}

int vsock_flush(struct vsock *v, uint32_t first, uint32_t last, void (*fn)(void *data), void *data)
{
	struct vsock_flush f = { fn, data, first, last };
	int ret = 0;

	pthread_mutex_lock(&v->device.lock);
	if (is_waiting(v, first, last)) {
		ret = -EBUSY;
		for (size_t i = 0; ret < 0 && i < VSOCK_FLUSHES_MAX; i++)
			if (!v->flushes[i].fn) {
				v->flushes[i] = f;
				ret = 0;
			}
	} else {
		fn(data);
	}
	pthread_mutex_unlock(&v->device.lock);
	return ret;
}

static void look_at_flushes(struct vsock *v)
{
	for (size_t i = 0; i < VSOCK_FLUSHES_MAX; i++) {
		struct vsock_flush f = v->flushes[i];

		if (!f.fn || is_waiting(v, f.first, f.last))
			continue;
		v->flushes[i].fn = NULL;
		f.fn(f.data);
	}
}

static void leave_all(struct vsock *v)
{
	/* Backwards: one that is freed makes room for the last. */
	for (size_t i = v->n; i-- > 0;) {
		connection_leave(v->all[i]);
		connection_settle(v->all[i]);
	}
	v->n_nobodies = 0;
	v->was_reset = false;
}

void vsock_head(const struct vsock *v, const struct connection *c, struct virtio_vsock_hdr *h)
{
	*h = (struct virtio_vsock_hdr){
		.src_cid = htole64(VSOCK_CID_HOST),
		.dst_cid = htole64(v->guest_cid),
		.src_port = htole32(c->port),
		.dst_port = htole32(c->peer),
		.type = htole16(VIRTIO_VSOCK_TYPE_STREAM),
		.buf_alloc = htole32(VSOCK_BUFFER),
		.fwd_cnt = htole32(c->written),
	};
}

/* A packet without payload. 1; 0 where the guest has no buffer for it. */
static int put(struct vsock *v, const struct virtio_vsock_hdr *h, struct error *err)
{
	struct queue *q = &v->device.queues[VSOCK_RX];
	struct chain chain;
	int ret = queue_next(q, &chain, err);

	if (ret <= 0)
		return ret;
	if (chain_write(&chain, 0, h, sizeof(*h)) != sizeof(*h))
		return error_set(err, -EPROTO, "a buffer of %llu bytes, less than a packet", (unsigned long long)chain.out_size);
	queue_done(q, &chain, sizeof(*h));
	return 1;
}

static int put_op(struct connection *c, uint16_t op, uint32_t flags, struct error *err)
{
	struct virtio_vsock_hdr h;
	int ret;

	vsock_head(c->vsock, c, &h);
	h.op = htole16(op);
	h.flags = htole32(flags);
	ret = put(c->vsock, &h, err);
	if (ret > 0) {
		c->told = c->written;
		c->credit = false;
	}
	return ret;
}

/* What c is owed, in the order in which it makes sense. 1 when that is all. */
static int put_owed(struct connection *c, struct error *err)
{
	int ret = 1;

	if (c->answer) {
		ret = put_op(c, VIRTIO_VSOCK_OP_RESPONSE, 0, err);
		c->answer = ret <= 0;
	}
	if (ret > 0 && c->shut != c->told_shut && !c->gone) {
		ret = put_op(c, VIRTIO_VSOCK_OP_SHUTDOWN, c->shut, err);
		if (ret > 0)
			c->told_shut = c->shut;
	}
	if (ret > 0 && c->reset) {
		ret = put_op(c, VIRTIO_VSOCK_OP_RST, 0, err);
		if (ret > 0)
			connection_leave(c);
	}
	if (ret > 0 && c->credit)
		ret = put_op(c, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, err);
	return ret;
}

static int put_all(struct vsock *v, struct error *err)
{
	int ret = 1;

	while (ret > 0 && v->n_nobodies) {
		const struct vsock_nobody *n = &v->nobodies[v->n_nobodies - 1];
		struct virtio_vsock_hdr h = {
			.src_cid = htole64(n->cid),
			.dst_cid = htole64(v->guest_cid),
			.src_port = htole32(n->port),
			.dst_port = htole32(n->peer),
			.type = htole16(n->type),
			.op = htole16(VIRTIO_VSOCK_OP_RST),
		};

		ret = put(v, &h, err);
		if (ret > 0)
			v->n_nobodies--;
	}
	for (size_t i = v->n; i-- > 0;) {
		struct connection *c = v->all[i];

		if (ret > 0 && !c->gone)
			ret = put_owed(c, err);
		if (ret < 0)
			return ret;
		connection_settle(c);
	}
	return ret < 0 ? ret : 0;
}

static void owe_reset(struct vsock *v, const struct virtio_vsock_hdr *h)
{
	if (le16toh(h->op) == VIRTIO_VSOCK_OP_RST || v->n_nobodies == VSOCK_NOBODIES_MAX)
		return;
	v->nobodies[v->n_nobodies++] = (struct vsock_nobody){ le64toh(h->dst_cid), le32toh(h->dst_port), le32toh(h->src_port),
							      le16toh(h->type) };
}

static struct connection *find(const struct vsock *v, const struct virtio_vsock_hdr *h)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->all[i]->port == le32toh(h->dst_port) && v->all[i]->peer == le32toh(h->src_port) && !v->all[i]->gone)
			return v->all[i];
	return NULL;
}

static struct connection *accept_one(struct vsock *v, const struct virtio_vsock_hdr *h)
{
	struct vsock_ends ends = { -EBADF, -EBADF };
	struct connection *c = NULL;

	if (v->n == VSOCK_CONNECTIONS_MAX || v->connect(v->data, le32toh(h->dst_port), le32toh(h->src_port), &ends) < 0 ||
	    connection_new(v, le32toh(h->dst_port), le32toh(h->src_port), &ends, &c) < 0)
		owe_reset(v, h);
	return c;
}

/* A packet of a connection that there is. */
static void handle(struct connection *c, const struct virtio_vsock_hdr *h, const struct chain *chain, uint32_t len)
{
	switch (le16toh(h->op)) {
	case VIRTIO_VSOCK_OP_RW:
		/* After its own word that it would send no more, or beyond what it was granted. */
		if (c->guest_sends_no_more || connection_take(c, chain, len) < 0)
			c->reset = true;
		break;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		c->guest_receives_no_more |= (le32toh(h->flags) & VIRTIO_VSOCK_SHUTDOWN_RCV) != 0;
		c->guest_sends_no_more |= (le32toh(h->flags) & VIRTIO_VSOCK_SHUTDOWN_SEND) != 0;
		break;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		c->credit = true;
		break;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
		break;
	case VIRTIO_VSOCK_OP_RST:
		connection_leave(c);
		break;
	default:
		c->reset = true;
	}
	if (c->reset)
		connection_close_from(c);
}

static int take_packet(struct vsock *v, const struct chain *chain, struct error *err)
{
	struct virtio_vsock_hdr h;
	struct connection *c;
	uint32_t len;

	if (chain_read(chain, 0, &h, sizeof(h)) != sizeof(h))
		return error_set(err, -EPROTO, "a packet of %llu bytes", (unsigned long long)chain->in_size);
	len = le32toh(h.len);
	if (len > chain->in_size - sizeof(h))
		return error_set(err, -EPROTO, "a packet of %u bytes in %llu", len, (unsigned long long)chain->in_size);
	if (le64toh(h.src_cid) != v->guest_cid)
		return error_set(err, -EPROTO, "a packet from %llu", (unsigned long long)le64toh(h.src_cid));
	if (le64toh(h.dst_cid) != VSOCK_CID_HOST || le16toh(h.type) != VIRTIO_VSOCK_TYPE_STREAM) {
		owe_reset(v, &h);
		return 0;
	}
	c = find(v, &h);
	if (c && !c->reset)
		handle(c, &h, chain, len);
	else if (c)
		; /* it is owed a RST, whatever it says */
	else if (le16toh(h.op) == VIRTIO_VSOCK_OP_REQUEST)
		c = accept_one(v, &h);
	else
		owe_reset(v, &h);
	if (c) {
		c->peer_room = le32toh(h.buf_alloc);
		c->peer_taken = le32toh(h.fwd_cnt);
		connection_settle(c);
	}
	return 0;
}

static int take_packets(struct vsock *v, struct error *err)
{
	struct queue *q = &v->device.queues[VSOCK_TX];
	struct chain chain;
	int ret = 0;

	/* One that is owed too many answers waits until it gives buffers for them. */
	while (v->n_nobodies < VSOCK_NOBODIES_MAX && (ret = queue_next(q, &chain, err)) > 0) {
		ret = take_packet(v, &chain, err);
		if (ret < 0)
			return ret;
		queue_done(q, &chain, 0);
	}
	return ret < 0 ? ret : 0;
}

/* The end of everything that happens under the lock on the worker. */
static int finish(struct vsock *v, struct error *err)
{
	bool full;
	int ret;

	do {
		full = v->n_nobodies == VSOCK_NOBODIES_MAX;
		ret = put_all(v, err);
		if (ret == 0 && full && v->n_nobodies < VSOCK_NOBODIES_MAX)
			ret = take_packets(v, err);
		else
			full = false;
	} while (ret == 0 && full);
	device_interrupt(&v->device, &v->device.queues[VSOCK_TX]);
	device_interrupt(&v->device, &v->device.queues[VSOCK_RX]);
	look_at_flushes(v);
	return ret;
}

static int vsock_kick(struct device *d, uint16_t q, struct error *err)
{
	struct vsock *v = vsock_of(d);
	int ret = 0;

	if (v->was_reset)
		leave_all(v);
	if (q == VSOCK_TX)
		ret = take_packets(v, err);
	else if (q == VSOCK_RX)
		for (size_t i = 0; i < v->n; i++)
			v->all[i]->starved = false;
	return ret < 0 ? ret : finish(v, err);
}

/* What has come from a descriptor, as far as the guest is not concerned. */
static void hear_to(struct connection *c, int fd, uint32_t events)
{
	bool is_to = c->to.open && fd == c->to.fd;

	if (is_to && c->waiting && events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		connection_write(c);
	else if (is_to && !c->shared && events & (EPOLLERR | EPOLLHUP))
		connection_close_to(c);
}

static int hear(struct device *d, struct error *err)
{
	struct vsock *v = vsock_of(d);
	struct connection *c = v->heard;
	int ret = 0;

	if (v->was_reset) {
		leave_all(v);
		return finish(v, err);
	}
	hear_to(c, v->heard_fd, v->heard_events);
	if (c->from.open && v->heard_fd == c->from.fd && v->heard_events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		ret = connection_give(c, err);
	if (ret < 0)
		return ret;
	connection_settle(c);
	return finish(v, err);
}

int vsock_on_event(void *data, int fd, uint32_t events, struct error *err)
{
	struct connection *c = data;
	struct vsock *v = c->vsock;

	v->heard = c;
	v->heard_fd = fd;
	v->heard_events = events;
	if (device_run(&v->device, hear) == 0)
		return 0;
	/* There is no driver, or none that is believed: what it sent before is still written out. One that was believed until a moment ago may
	 * have cost us c. */
	pthread_mutex_lock(&v->device.lock);
	if (v->heard)
		hear_to(v->heard, fd, events);
	leave_all(v);
	look_at_flushes(v);
	pthread_mutex_unlock(&v->device.lock);
	return 0;
}

static int on_wake(void *data, int fd, uint32_t events, struct error *err)
{
	struct vsock *v = data;
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
	pthread_mutex_lock(&v->device.lock);
	if (v->was_reset)
		leave_all(v);
	look_at_flushes(v);
	pthread_mutex_unlock(&v->device.lock);
	return 0;
}

static int vsock_attach(struct device *d, struct error *err)
{
	return loop_add(d->loop, vsock_of(d)->wake, EPOLLIN, on_wake, d, err);
}

/* On a processor's thread, where the loop is not to be touched. */
static void vsock_reset(struct device *d)
{
	uint64_t one = 1;

	vsock_of(d)->was_reset = true;
	(void)!write(vsock_of(d)->wake, &one, sizeof(one));
}

static void vsock_config_read(struct device *d, uint32_t at, void *to, uint32_t len)
{
	struct virtio_vsock_config config = { htole64(vsock_of(d)->guest_cid) };

	device_config_copy(&config, sizeof(config), at, to, len);
}

static void vsock_free(struct device *d)
{
	struct vsock *v = vsock_of(d);

	d->loop = NULL;
	while (v->n)
		connection_free(v->all[0]);
	close(v->wake);
	device_fini(d);
	free(v);
}

static const struct device_ops vsock_ops = {
	.name = "vsock",
	.id = VIRTIO_ID_VSOCK,
	.n_queues = VSOCK_QUEUES,
	.queue_size = 128,
	.config_read = vsock_config_read,
	.kick = vsock_kick,
	.reset = vsock_reset,
	.attach = vsock_attach,
	.free = vsock_free,
};

int vsock_new(uint64_t guest_cid, vsock_connect_fn connect, void *data, struct vsock **out, struct error *err)
{
	struct vsock *v = calloc(1, sizeof(*v));

	if (!v)
		return error_set(err, -ENOMEM, "out of memory for a socket device");
	v->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (v->wake < 0) {
		free(v);
		return error_errno(err, "eventfd");
	}
	device_init(&v->device, &vsock_ops, 0);
	v->guest_cid = guest_cid;
	v->connect = connect;
	v->data = data;
	*out = v;
	return 0;
}
