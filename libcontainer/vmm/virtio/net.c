/* net.c: see net.h. */
#include "vmm/virtio/net.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/auto.h"

_Static_assert(sizeof(struct virtio_net_hdr_mrg_rxbuf) == NET_HEADER_SIZE, "the header of virtio 1.x");

enum { QUEUE_RX, QUEUE_TX, QUEUES };

/* The longest frame: 64 KiB less a byte behind an Ethernet header with a VLAN tag. */
#define FRAME_MAX (18 + 65535)
/* Buffers of the guest's, fetched and waiting for a frame: so many that the longest frame finds room in the
 * smallest buffers that Linux makes (1526 bytes), and with them the vectors of readv(). */
#define WINDOW_BUFFERS 64
#define WINDOW_VECTORS 512
_Static_assert(WINDOW_VECTORS >= QUEUE_CHAIN_MAX, "any one chain fits");
/* Frames at a time, then others get their turn. */
#define FRAMES_AT_ONCE 64
/* No TCP of today sends smaller segments; a large frame of one-byte segments would be an amplifier (cf.
 * CVE-2019-11478). */
#define SEGMENT_MIN 48

#define BIT(n) (UINT64_C(1) << (n))
#define FEATURES_ALWAYS                                                                                      \
	(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_MAC) |                     \
	 BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6) | BIT(VIRTIO_NET_F_HOST_TSO4) |         \
	 BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_NET_F_STATUS))

struct buffer {
	uint16_t head, n_vectors;
	uint32_t size;
};

/* Receiving, the guest's buffers are fetched ahead: how many a frame takes is known only when it has come. */
struct window {
	struct buffer buffers[WINDOW_BUFFERS];
	struct iovec vectors[WINDOW_VECTORS + 1]; /* one more, of our own: see receive_frame() */
	size_t n_buffers, n_vectors;
	uint64_t size;
};

struct net {
	struct device device; /* first */
	int tap;
	uint8_t mac[6];
	uint16_t mtu;
	bool gone;	    /* the tap has been removed by somebody: the guest sees no carrier */
	bool offloads_told; /* since the driver is there */
	uint32_t events;    /* what the loop waits for; the worker's alone */
	bool held;	    /* a frame of the guest's waits for room in the tap */
	struct window window;
	struct chain chain; /* here for its size */
	struct iovec vectors[QUEUE_CHAIN_MAX + 1];
};

static struct net *net_of(struct device *d)
{
	return (struct net *)d;
}

static bool has(const struct net *n, unsigned int feature)
{
	return n->device.features & BIT(feature);
}

/* Tells the loop what to wait for. The tap's readiness is a level: to wait for what nobody can handle now
 * would be a busy loop. */
static int wait_for(struct net *n, uint32_t events, struct error *err)
{
	int r;

	if (events == n->events || n->gone)
		return 0;
	r = loop_change(n->device.loop, n->tap, events, err);
	if (r == 0)
		n->events = events;
	return r;
}

/* The tap has gone with its namespace, or by somebody's hand: a cable that was pulled. Under the lock. */
static void lose_tap(struct net *n)
{
	if (n->gone)
		return;
	n->gone = true;
	loop_remove(n->device.loop, n->tap);
	device_config_changed(&n->device);
}

/* What the tap may leave to the guest. Told here and not in activate(), as processors' threads make no calls
 * of their own. */
static int tell_offloads(struct net *n, struct error *err)
{
	unsigned int flags = 0;

	if (n->offloads_told)
		return 0;
	if (has(n, VIRTIO_NET_F_GUEST_CSUM)) {
		flags = TUN_F_CSUM;
		flags |= has(n, VIRTIO_NET_F_GUEST_TSO4) ? TUN_F_TSO4 : 0;
		flags |= has(n, VIRTIO_NET_F_GUEST_TSO6) ? TUN_F_TSO6 : 0;
	}
	/* A socket has no such setting, and a tap that is gone none any more. */
	if (ioctl(n->tap, TUNSETOFFLOAD, (unsigned long)flags) < 0 && errno != ENOTTY && errno != EBADFD)
		return error_errno(err, "tell the tap device what the guest can do");
	n->offloads_told = true;
	return 0;
}

/* --- from the tap to the guest --- */

/* Enough for any frame that can come; or as much as this guest will ever give. */
static bool window_is_enough(const struct net *n)
{
	const struct window *w = &n->window;

	if (!has(n, VIRTIO_NET_F_MRG_RXBUF))
		return w->n_buffers > 0;
	return w->size >= NET_HEADER_SIZE + FRAME_MAX || w->n_buffers == WINDOW_BUFFERS ||
	       w->n_vectors > WINDOW_VECTORS - QUEUE_CHAIN_MAX ||
	       w->n_vectors >= n->device.queues[QUEUE_RX].size;
}

static void window_add(struct window *w, const struct chain *c)
{
	struct buffer *b = &w->buffers[w->n_buffers++];

	b->head = c->head;
	b->n_vectors = c->n_out;
	b->size = (uint32_t)c->out_size;
	memcpy(&w->vectors[w->n_vectors], c->v, c->n_out * sizeof(*c->v));
	w->n_vectors += c->n_out;
	w->size += b->size;
}

/* 1: there is room for a frame; 0: not now. */
static int fill_window(struct net *n, struct error *err)
{
	struct chain *c = &n->chain;
	int r;

	while (!window_is_enough(n)) {
		r = queue_next(&n->device.queues[QUEUE_RX], c, err);
		if (r <= 0)
			return r;
		if (c->n_in > 0 || c->out_size < NET_HEADER_SIZE || c->out_size > UINT32_MAX)
			return error_set(err, -EPROTO,
					 "a receive buffer of %llu bytes to fill and %u pieces to read",
					 (unsigned long long)c->out_size, c->n_in);
		window_add(&n->window, c);
	}
	return 1;
}

/* A byte at `at` of the window: the header's last field may lie across buffers, nothing forbids it. */
static void window_poke(struct window *w, size_t at, uint8_t value)
{
	for (size_t i = 0; i < w->n_vectors; at -= w->vectors[i++].iov_len)
		if (at < w->vectors[i].iov_len) {
			((uint8_t *)w->vectors[i].iov_base)[at] = value;
			return;
		}
}

/* Hands the first buffers back, filled with the frame; all at once, as the driver takes the first for a
 * promise of the others. */
static void window_done(struct net *n, size_t len)
{
	struct window *w = &n->window;
	struct queue_used used[WINDOW_BUFFERS];
	size_t k = 0, vectors = 0;

	for (; len > 0; k++) {
		const struct buffer *b = &w->buffers[k];

		used[k].head = b->head;
		used[k].written = len < b->size ? (uint32_t)len : b->size;
		len -= used[k].written;
		vectors += b->n_vectors;
		w->size -= b->size;
	}
	/* tun(4) fills in the header but for the number of buffers. */
	window_poke(w, offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers), (uint8_t)k);
	window_poke(w, offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers) + 1, 0);
	queue_done_all(&n->device.queues[QUEUE_RX], used, k);
	w->n_buffers -= k;
	w->n_vectors -= vectors;
	memmove(w->buffers, w->buffers + k, w->n_buffers * sizeof(*w->buffers));
	memmove(w->vectors, w->vectors + vectors, w->n_vectors * sizeof(*w->vectors));
}

/* 1: one has been handled; 0: none is there; -ENODEV: there will never be one again. */
static int receive_frame(struct net *n)
{
	struct window *w = &n->window;
	uint8_t spill;
	ssize_t len;

	/* A frame that reaches our own byte was longer than the guest's buffers: dropped. */
	w->vectors[w->n_vectors] = (struct iovec){&spill, 1};
	do {
		len = readv(n->tap, w->vectors, (int)w->n_vectors + 1);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return errno == EBADFD || errno == EIO ? -ENODEV : 0;
	if (len == 0) /* of a socket only: its other end is closed */
		return -ENODEV;
	if (len > NET_HEADER_SIZE && (uint64_t)len <= w->size)
		window_done(n, (size_t)len);
	return 1;
}

static int receive(struct device *d, struct error *err)
{
	struct net *n = net_of(d);
	int r = tell_offloads(n, err), frames = 0;
	bool room = false;

	if (r < 0)
		return r;
	while (frames < FRAMES_AT_ONCE) {
		r = fill_window(n, err);
		room = r > 0;
		if (r <= 0)
			break;
		r = receive_frame(n);
		if (r <= 0)
			break;
		frames++;
	}
	if (frames > 0)
		device_interrupt(d, &d->queues[QUEUE_RX]);
	if (r == -ENODEV) {
		lose_tap(n);
		return 0;
	}
	if (r < 0)
		return r;
	return wait_for(n, (n->events & ~(uint32_t)EPOLLIN) | (room ? EPOLLIN : 0), err);
}

/* --- from the guest to the tap --- */

/* Whether the host's kernel may see a frame with this header; `len` is the frame's. */
static bool header_is_good(const struct net *n, const struct virtio_net_hdr *h, uint64_t len)
{
	bool sum = h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;

	if (len < 14 || len > FRAME_MAX || (h->flags & ~VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return false;
	if (sum && (!has(n, VIRTIO_NET_F_CSUM) || (uint64_t)h->csum_start + h->csum_offset + 2 > len))
		return false;
	switch (h->gso_type) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		if (!has(n, VIRTIO_NET_F_HOST_TSO4))
			return false;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		if (!has(n, VIRTIO_NET_F_HOST_TSO6))
			return false;
		break;
	default:
		return false;
	}
	/* TCP's own checksum, behind the headers of Ethernet and IPv4 at least; hdr_len is a hint, but no
	 * lie. */
	return sum && h->csum_offset == 16 && h->csum_start >= 14 + 20 && h->gso_size >= SEGMENT_MIN &&
	       h->hdr_len <= len;
}

/* Prepares writev(): our checked copy of the header, then the frame where the guest has it. How many vectors;
 * 0: not to be sent. */
static int aim(struct net *n, struct virtio_net_hdr_mrg_rxbuf *header)
{
	const struct chain *c = &n->chain;

	chain_read(c, 0, header, sizeof(*header));
	header->num_buffers = 0;
	if (!header_is_good(n, &header->hdr, c->in_size - NET_HEADER_SIZE))
		return 0;
	n->vectors[0] = (struct iovec){header, sizeof(*header)};
	return 1 + (int)chain_readable(c, NET_HEADER_SIZE, UINT64_MAX, n->vectors + 1);
}

/* 1: the chain is handled; 0: the tap has no room. */
static int send_frame(struct net *n)
{
	struct virtio_net_hdr_mrg_rxbuf header;
	int k = aim(n, &header);
	ssize_t len;

	if (k == 0 || n->gone)
		return 1;
	do {
		len = writev(n->tap, n->vectors, k);
	} while (len < 0 && errno == EINTR);
	/* Any other failure is this frame's alone: the tap is down, or the kernel does not like it. */
	return len >= 0 || errno != EAGAIN;
}

static int transmit(struct device *d, struct error *err)
{
	struct net *n = net_of(d);
	struct queue *q = &d->queues[QUEUE_TX];
	int r, frames = 0;

	n->held = false;
	while ((r = queue_next(q, &n->chain, err)) > 0) {
		if (n->chain.n_out > 0 || n->chain.in_size < NET_HEADER_SIZE)
			return error_set(err, -EPROTO,
					 "a frame of %llu bytes with its header, and %u pieces to fill",
					 (unsigned long long)n->chain.in_size, n->chain.n_out);
		if (send_frame(n) == 0) {
			queue_undo_next(q);
			n->held = true;
			break;
		}
		queue_done(q, &n->chain, 0);
		frames++;
	}
	if (frames > 0)
		device_interrupt(d, q);
	if (r < 0)
		return r;
	return wait_for(n, (n->events & ~(uint32_t)EPOLLOUT) | (n->held ? EPOLLOUT : 0), err);
}

/* --- the device --- */

static int net_kick(struct device *d, uint16_t q, struct error *err)
{
	/* While the tap has no room the guest need not tell us twice; so with new buffers while we wait for a
	 * frame. */
	if (q == QUEUE_TX)
		return net_of(d)->held ? 0 : transmit(d, err);
	return net_of(d)->events & EPOLLIN ? 0 : receive(d, err);
}

static int on_tap(void *data, int fd, uint32_t events, struct error *err)
{
	struct net *n = data;
	int r = 0;

	(void)fd;
	if (events & (EPOLLERR | EPOLLHUP)) {
		pthread_mutex_lock(&n->device.lock);
		lose_tap(n);
		pthread_mutex_unlock(&n->device.lock);
		return 0;
	}
	if (events & EPOLLOUT)
		r = device_run(&n->device, transmit);
	if (r == 0 && events & EPOLLIN)
		r = device_run(&n->device, receive);
	/* The driver has left: nobody takes or sends anything until the next one kicks. */
	return r == 0 ? 0 : wait_for(n, 0, err);
}

static void net_config_read(struct device *d, uint32_t at, void *to, uint32_t len)
{
	struct net *n = net_of(d);
	struct virtio_net_config c = {.mtu = n->mtu, .max_virtqueue_pairs = 1};

	memcpy(c.mac, n->mac, sizeof(c.mac));
	c.status = n->gone ? 0 : VIRTIO_NET_S_LINK_UP;
	device_config_copy(&c, sizeof(c), at, to, len);
}

static void net_reset(struct device *d)
{
	struct net *n = net_of(d);

	n->window.n_buffers = n->window.n_vectors = 0;
	n->window.size = 0;
	n->offloads_told = n->held = false;
}

static int net_attach(struct device *d, struct error *err)
{
	struct net *n = net_of(d);

	n->events = 0;
	return loop_add(d->loop, n->tap, 0, on_tap, n, err);
}

static void net_free(struct device *d)
{
	struct net *n = net_of(d);

	close(n->tap);
	device_fini(d);
	free(n);
}

static const struct device_ops net_ops = {
    .name = "net",
    .id = VIRTIO_ID_NET,
    .n_queues = QUEUES,
    .queue_size = QUEUE_SIZE_MAX,
    .config_read = net_config_read,
    .kick = net_kick,
    .reset = net_reset,
    .attach = net_attach,
    .free = net_free,
};

int net_new(const struct net_config *config, struct device **out, struct error *err)
{
	int flags = fcntl(config->tap, F_GETFL);
	struct net *n;

	if (flags < 0 || fcntl(config->tap, F_SETFL, flags | O_NONBLOCK) < 0)
		return error_errno(err, "make the tap device non-blocking");
	n = calloc(1, sizeof(*n));
	if (!n)
		return error_set(err, -ENOMEM, "out of memory for a network card");
	device_init(&n->device, &net_ops, FEATURES_ALWAYS | (config->mtu ? BIT(VIRTIO_NET_F_MTU) : 0));
	n->tap = config->tap;
	memcpy(n->mac, config->mac, sizeof(n->mac));
	n->mtu = config->mtu;
	*out = &n->device;
	return 0;
}
