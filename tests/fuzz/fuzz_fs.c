/* fuzz_fs.c: a guest that asks for anything in the shared file system, of the device and through it of the broker, which serves real folders.
 * Whatever it asks, what lies beside the shares, and in the read-only one, stays as it is.
 *
 * Input: steps. A byte says what, the others are as share.h and ask() need them.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/vmm/guest.h"
#include "share.h"
#include "vmm/virtio/fs.h"
#include "vmm/virtio/fs_broker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 200, ROOM_MAX = 70000 };

static void *broker(void *socket)
{
	/* A current folder of its own. */
	share_must(unshare(CLONE_FS) == 0 && chdir("/proc/self/fd") == 0, "/proc/self/fd");
	umask(0);
	fs_broker_run((int)(intptr_t)socket, shares, SHARES, NULL);
	close((int)(intptr_t)socket);
	return NULL;
}

static void learn(const struct share_request *r, const unsigned char *answer, int64_t n)
{
	struct fuse_out_header h;
	struct fuse_entry_out entry = { .nodeid = r->h.nodeid };
	size_t at = sizeof(h);
	uint64_t fh;

	if (n < (int64_t)sizeof(h))
		return;
	memcpy(&h, answer, sizeof(h));
	share_must(h.len == n && h.error <= 0 && (!h.error || n == sizeof(h)), "an answer");
	if (h.error)
		return;
	if (r->op->answer >= (int)sizeof(entry) && n >= (int64_t)(at + sizeof(entry))) {
		memcpy(&entry, answer + at, sizeof(entry));
		share_learn_node(entry.nodeid);
		at += sizeof(entry);
	}
	if ((r->h.opcode == FUSE_OPEN || r->h.opcode == FUSE_OPENDIR || r->op->answer > (int)sizeof(entry)) && n >= (int64_t)(at + sizeof(fh))) {
		memcpy(&fh, answer + at, sizeof(fh));
		share_learn_handle(entry.nodeid, fh, r->h.opcode == FUSE_OPENDIR);
	}
}

static struct share_request request;
static unsigned char answer[ROOM_MAX];

static void ask(struct guest *g)
{
	uint64_t how = share_take(1);
	gpa_t before = g->next;
	size_t room;

	share_ask(&request);
	room = request.op->silent ? 0 : how & 2 ? (size_t)share_take(2) : 5000;
	learn(&request, answer, guest_ask(g, how & 1, request.bytes, (uint32_t)request.len, answer, (uint32_t)room));
	g->next = before;
}

/* Known to every guest: what a mount begins with. */
static void begin(struct guest *g)
{
	struct {
		struct fuse_in_header h;
		struct fuse_init_in in;
	} init = { { .len = sizeof(init), .opcode = FUSE_INIT }, { .major = 7, .minor = 38, .flags = UINT32_MAX } };

	guest_start(g, UINT64_MAX);
	guest_ask(g, 1, &init, sizeof(init), answer, sizeof(answer));
	share_forget();
	for (int i = 0; i < SHARES; i++) {
		struct share_request look = { .h = { .opcode = FUSE_LOOKUP, .nodeid = FUSE_ROOT_ID }, .op = &fs_ops[FUSE_LOOKUP] };
		int64_t n;

		look.h.len = (uint32_t)(sizeof(look.h) + strlen(shares[i].name) + 1);
		memcpy(look.bytes, &look.h, sizeof(look.h));
		strcpy((char *)look.bytes + sizeof(look.h), shares[i].name);
		n = guest_ask(g, 1, look.bytes, look.h.len, answer, sizeof(answer));
		share_must(n > 100, "a share is looked up");
		learn(&look, answer, n);
	}
}

static void step(struct guest *g)
{
	uint64_t what = share_take(1);

	if (what < 248) {
		ask(g);
	} else if (what < 254) {
		share_meddle();
	} else {
		guest_reset(g);
		begin(g);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest g;
	struct device *d;
	pthread_t thread;
	int pair[2];

	share_begin(data, size);
	share_must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "a socket");
	share_must(pthread_create(&thread, NULL, broker, (void *)(intptr_t)pair[1]) == 0, "a thread");
	share_must(fs_new("nacre", shares, SHARES, pair[0], &d, NULL) == 0, "a device");
	guest_make(&g, d, 0);
	begin(&g);
	for (int i = 0; i < STEPS_MAX && share_left() && !guest_lied(&g); i++)
		step(&g);
	guest_end(&g);
	d->ops->free(d);
	pthread_join(thread, NULL);
	share_judge();
	return 0;
}
