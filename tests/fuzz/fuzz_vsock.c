/* fuzz_vsock.c: any bytes as what a guest does with its socket device: packets, buffers of any size, resets, while the host's side of the
 * connections speaks and falls silent. Whatever it is, the device keeps within memory, and what was told to one connection stays there. */
#include <fcntl.h>
#include <linux/virtio_vsock.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../unit/vmm/guest.h"
#include "vmm/virtio/vsock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RX, TX, ENDS_MAX = 32, MEMORY_FIRST = 0x1000 };

struct host {
	int others[ENDS_MAX]; /* of what stands behind connections */
	int n;
};

static int on_connect(void *data, uint32_t port, uint32_t peer, struct vsock_ends *ends)
{
	struct host *h = data;
	int s[2];

	if (h->n == ENDS_MAX || port % 8 == 7)
		return -ECONNREFUSED;
	if (port % 8 < 4) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s))
			abort();
		*ends = (struct vsock_ends){ port % 8 & 1 ? -EBADF : s[0], port % 8 & 2 ? -EBADF : s[0] };
		if (port % 8 == 3)
			close(s[0]);
	} else {
		if (pipe2(s, O_CLOEXEC))
			abort();
		*ends = port % 8 == 4 ? (struct vsock_ends){ s[0], -EBADF } : (struct vsock_ends){ -EBADF, s[1] };
		if (port % 8 == 4)
			s[0] = s[1];
		s[1] = s[0];
	}
	(void)fcntl(s[1], F_SETFL, O_NONBLOCK);
	h->others[h->n++] = s[1];
	return 0;
}

/* It is always ready, and perhaps the first of a round: the second round ends the loop. */
static int on_enough(void *data, int fd, uint32_t events, struct error *err)
{
	static unsigned int rounds;

	return rounds++ % 2;
}

/* Whatever is ready in the loop now. */
static void run_loop(struct loop *loop)
{
	(void)loop_run(loop, NULL);
}

static void host_speaks(const struct host *h, uint8_t how)
{
	char bytes[3000];
	int fd;

	if (!h->n)
		return;
	fd = h->others[how % h->n];
	memset(bytes, how, sizeof(bytes));
	if (how & 0x80)
		(void)!read(fd, bytes, sizeof(bytes));
	else if (how & 0x40)
		(void)shutdown(fd, how & 1 ? SHUT_WR : SHUT_RDWR);
	else
		(void)!write(fd, bytes, 1u + how * 11u);
}

/* One step; how many bytes of p it took. */
static size_t step(struct guest *g, struct loop *loop, struct host *h, const uint8_t *p, size_t n)
{
	struct virtio_vsock_hdr head = { .src_cid = 3, .dst_cid = 2, .type = VIRTIO_VSOCK_TYPE_STREAM, .buf_alloc = 65536 };
	struct guest_buffer b = { .write = true };

	if (n < 8)
		return n;
	switch (p[0] % 8) {
	case 0: /* buffers for the guest */
		b.len = p[1] < 16 ? p[1] * 4u : p[1] * 32u;
		for (int i = 0; b.len && i < p[2] % 16; i++) {
			b.at = g->next;
			guest_add(g, RX, &b, 1);
		}
		guest_kick(g, RX);
		return 3;
	case 1:
		host_speaks(h, p[1]);
		run_loop(loop);
		return 2;
	case 2: /* any header at all */
		memcpy(&head, p, n < sizeof(head) ? n : sizeof(head));
		break;
	case 3:
		if (p[1] % 32 == 0) {
			guest_reset(g);
			run_loop(loop);
			/* Its rings lie where the ones before lay: memory is not to run out. */
			g->next = MEMORY_FIRST;
			guest_start(g, UINT64_MAX);
		}
		return 2;
	default:
		head.src_port = p[1] % 4;
		head.dst_port = p[2] % 16;
		head.op = p[3] % 9;
		head.flags = p[4];
		head.len = p[5] * 64u;
		head.fwd_cnt = p[6] * 128u;
		if (p[7] < 8)
			head.buf_alloc = p[7] * 64u;
	}
	b = (struct guest_buffer){ g->next, (uint32_t)sizeof(head) + (head.len < 20000 ? head.len : 20000), false };
	memcpy(guest_at(g, b.at, sizeof(head)), &head, sizeof(head));
	guest_add(g, TX, &b, 1);
	guest_kick(g, TX);
	run_loop(loop);
	return 8;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host host = { .n = 0 };
	struct vsock *v = NULL;
	struct loop *loop = NULL;
	struct guest g;
	int enough = eventfd(1, EFD_CLOEXEC);

	(void)signal(SIGPIPE, SIG_IGN);
	if (enough < 0 || vsock_new(3, on_connect, &host, &v, NULL) || loop_new(&loop, NULL) ||
	    loop_add(loop, enough, EPOLLIN, on_enough, NULL, NULL))
		abort();
	guest_make(&g, vsock_device(v), 1 << 20);
	g.next = MEMORY_FIRST;
	vsock_device(v)->loop = loop;
	if (vsock_device(v)->ops->attach(vsock_device(v), NULL))
		abort();
	guest_start(&g, size && data[0] & 1 ? UINT64_MAX : 0);
	while (size && !guest_lied(&g)) {
		size_t n = step(&g, loop, &host, data, size);

		data += n;
		size -= n;
	}
	run_loop(loop);
	loop_free(loop);
	guest_end(&g);
	vsock_device(v)->ops->free(vsock_device(v));
	for (int i = 0; i < host.n; i++)
		close(host.others[i]);
	close(enough);
	return 0;
}
