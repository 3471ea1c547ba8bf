/* fuzz_fs.c: a guest that asks for anything in the shared file system, of the device and through it of the
 * broker, which serves real folders (on /dev/shm where there is one). Whatever it asks, what lies beside the
 * shares, and in the read-only one, stays as it is.
 *
 * Input: steps. A byte says what; the others come from the input as they are needed: see ask().
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/vmm/guest.h"
#include "base/table.h"
#include "vmm/virtio/fs.h"
#include "vmm/virtio/fs_broker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 200, KNOWN = 16, REQUEST_MAX = 70000, ROOM_MAX = 70000, FILE_MAX = 8 << 20 };

static struct {
	const uint8_t *p;
	size_t n;
} input;

static uint64_t nodes[KNOWN], handles[KNOWN];
static unsigned int n_nodes, n_handles;
static struct fs_share shares[3];
static int base = -1, outside, fixed, root;

static uint64_t take(size_t bytes)
{
	uint64_t v = 0;

	for (size_t i = 0; i < bytes && input.n; i++, input.n--)
		v = v << 8 | *input.p++;
	return v;
}

static void must(bool what, const char *name)
{
	if (what)
		return;
	fprintf(stderr, "%s\n", name);
	abort();
}

static void put(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), name);
	close(fd);
}

static int folder(const char *name)
{
	mkdirat(base, name, 0755);
	return openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void empty(int dir)
{
	DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	for (struct dirent *e; d && (e = readdir(d));) {
		int sub;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || unlinkat(dir, e->d_name, 0) == 0)
			continue;
		sub = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0) {
			empty(sub);
			close(sub);
		}
		unlinkat(dir, e->d_name, AT_REMOVEDIR);
	}
	closedir(d);
}

static char path[64];

static void remove_world(void)
{
	empty(base);
	rmdir(path);
}

/* Once. */
static void make_world(void)
{
	struct rlimit most = {FILE_MAX, FILE_MAX};

	snprintf(path, sizeof(path), "%s/nacre-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(path), "a folder");
	base = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	atexit(remove_world);
	outside = folder("outside");
	fixed = folder("fixed");
	root = folder("root");
	put(outside, "secret", "secret");
	put(fixed, "a", "fixed");
	mkdirat(fixed, "d", 0755);
	shares[0] = (struct fs_share){"root", openat(base, "root", O_PATH | O_CLOEXEC), false};
	shares[1] = (struct fs_share){"fixed", openat(base, "fixed", O_PATH | O_CLOEXEC), true};
	shares[2] = (struct fs_share){"file", openat(base, "fixed/a", O_PATH | O_CLOEXEC), true};
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &most);
}

static void fill_root(void)
{
	fchmod(root, 0755);
	empty(root);
	put(root, "a", "text");
	mkdirat(root, "d", 0755);
	put(root, "d/b", "more text");
	must(symlinkat("../outside", root, "up") == 0, "a link");
	must(mknodat(root, "fifo", S_IFIFO | 0666, 0) == 0, "a pipe");
}

static unsigned int count(int dir)
{
	DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	unsigned int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void is_still(int dir, const char *name, const char *text, unsigned int entries)
{
	char got[16] = {0};
	struct stat st;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	must(fd >= 0 && fstat(fd, &st) == 0 && st.st_mode == (S_IFREG | 0644) && st.st_nlink == 1, name);
	must(read(fd, got, sizeof(got)) == (ssize_t)strlen(text) && !strcmp(got, text), name);
	must(count(dir) == entries, "a folder with other entries");
	close(fd);
}

static void *broker(void *socket)
{
	/* A current folder of its own. */
	must(unshare(CLONE_FS) == 0 && chdir("/proc/self/fd") == 0, "/proc/self/fd");
	umask(0);
	fs_broker_run((int)(intptr_t)socket, shares, 3, NULL);
	close((int)(intptr_t)socket);
	return NULL;
}

static uint64_t one_of(const uint64_t *known, unsigned int n)
{
	uint64_t pick = take(1);

	n = n < KNOWN ? n : KNOWN;
	return pick < 240 && n ? known[pick % n] : pick < 250 ? pick - 240 : take(8);
}

static size_t add_name(char *to)
{
	static const char *const usual[] = {"a",
					    "d",
					    "b",
					    "up",
					    "fifo",
					    "root",
					    "fixed",
					    "file",
					    "..",
					    "secret",
					    "user.x",
					    "../outside/secret",
					    "security.capability",
					    "/proc/self/fd/3",
					    "new",
					    ""};
	uint64_t pick = take(1);
	size_t n = 0;

	if (pick < 200) {
		strcpy(to, usual[pick % ARRAY_LEN(usual)]);
		return strlen(to) + 1;
	}
	for (n = 0; n < pick; n++)
		to[n] = (char)take(1);
	to[n] = '\0';
	return strlen(to) + 1;
}

/* Numbers in requests are small, or known, or at a limit; or anything. */
static uint64_t number(void)
{
	static const uint64_t limits[] = {INT64_MAX, UINT64_MAX, UINT32_MAX,
					  1 << 20,   4096,	 (uint64_t)1 << 63};
	uint64_t pick = take(1);

	return pick < 128   ? pick
	       : pick < 160 ? limits[pick % ARRAY_LEN(limits)]
	       : pick < 200 ? one_of(handles, n_handles)
			    : take(8);
}

static size_t add_body(unsigned char *to, const struct fs_op *op, bool by_handle)
{
	for (size_t at = 0; at < op->body; at += 8) {
		uint64_t v = take(1) & 1 ? number() : (uint32_t)number() | (uint64_t)(uint32_t)number() << 32;

		if (at == 0 && by_handle)
			v = one_of(handles, n_handles);
		memcpy(to + at, &v, op->body - at < 8 ? op->body - at : 8);
	}
	return op->body;
}

static void learn(uint32_t opcode, const unsigned char *answer, int64_t n)
{
	const struct fs_op *op = opcode < FS_OPS ? &fs_ops[opcode] : NULL;
	struct fuse_out_header h;
	struct fuse_entry_out entry;
	uint64_t fh;

	if (!op || n < (int64_t)sizeof(h))
		return;
	memcpy(&h, answer, sizeof(h));
	must(h.len == n && h.error <= 0 && (!h.error || n == sizeof(h)), "an answer");
	if (h.error || n < (int64_t)(sizeof(h) + sizeof(fh)))
		return;
	if (op->answer >= (int)sizeof(entry)) {
		memcpy(&entry, answer + sizeof(h), sizeof(entry));
		nodes[n_nodes++ % KNOWN] = entry.nodeid;
	}
	if (opcode == FUSE_OPEN || opcode == FUSE_OPENDIR || op->answer > (int)sizeof(entry)) {
		memcpy(&fh, answer + sizeof(h) + (op->answer > (int)sizeof(entry) ? sizeof(entry) : 0),
		       sizeof(fh));
		handles[n_handles++ % KNOWN] = fh;
	}
}

static void ask(struct guest *g)
{
	static unsigned char request[REQUEST_MAX + 1024], answer[ROOM_MAX];
	struct fuse_in_header h = {.opcode = (uint32_t)take(1) % (FS_OPS + 2), .unique = take(1)};
	const struct fs_op *op = h.opcode < FS_OPS ? &fs_ops[h.opcode] : &fs_ops[0];
	uint64_t how = take(1);
	size_t len = sizeof(h), more = op->bytes || how & 1 ? take(how & 2 ? 2 : 1) : 0, room;
	gpa_t before = g->next;

	h.nodeid = one_of(nodes, n_nodes);
	h.uid = how & 4 ? (uint32_t)number() : 0;
	h.gid = how & 8 ? (uint32_t)number() : 0;
	len += add_body(request + len, op, op->place == FS_MONITOR || how & 16);
	for (int i = 0; i < op->names; i++)
		len += add_name((char *)request + len);
	for (; more && len < REQUEST_MAX; more--)
		request[len++] = (unsigned char)take(1);
	if (h.opcode == FUSE_INIT) {
		struct fuse_init_in in = {
		    .major = how & 32 ? (uint32_t)take(1) : 7, .minor = 38, .flags = UINT32_MAX};

		memcpy(request + sizeof(h), &in, 16);
	}
	h.len = (uint32_t)(how >= 250 ? take(4) : len);
	memcpy(request, &h, sizeof(h));
	room = how & 64 ? (size_t)take(2) : 5000;
	if (op->silent)
		room = 0;
	learn(h.opcode, answer,
	      guest_ask(g, how & 1, request, (uint32_t)(how == 249 ? take(1) : len), answer, (uint32_t)room));
	g->next = before;
}

/* Known to every guest: what a mount begins with. */
static void begin(struct guest *g)
{
	struct {
		struct fuse_in_header h;
		struct fuse_init_in in;
	} init = {
	    {.len = sizeof(init), .opcode = FUSE_INIT},
		{ .major = 7,	     .minor = 38, .flags = UINT32_MAX}
	      };
	unsigned char answer[256];

	guest_start(g, UINT64_MAX);
	guest_ask(g, 1, &init, sizeof(init), answer, sizeof(answer));
	n_nodes = n_handles = 0;
	nodes[n_nodes++] = FUSE_ROOT_ID;
	for (int i = 0; i < 3; i++) {
		struct {
			struct fuse_in_header h;
			char name[8];
		} look = {
		    {.opcode = FUSE_LOOKUP, .nodeid = FUSE_ROOT_ID},
		     {0		       }
		};
		int64_t n;

		strcpy(look.name, shares[i].name);
		look.h.len = (uint32_t)(sizeof(look.h) + strlen(look.name) + 1);
		n = guest_ask(g, 1, &look, look.h.len, answer, sizeof(answer));
		must(n > 100, "a share is looked up");
		learn(FUSE_LOOKUP, answer, n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest g;
	struct device *d;
	pthread_t thread;
	int pair[2];

	if (base < 0)
		make_world();
	fill_root();
	input.p = data;
	input.n = size;
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "a socket");
	must(pthread_create(&thread, NULL, broker, (void *)(intptr_t)pair[1]) == 0, "a thread");
	must(fs_new("nacre", shares, 3, pair[0], &d, NULL) == 0, "a device");
	guest_make(&g, d, 0);
	begin(&g);
	for (int i = 0; i < STEPS_MAX && input.n && !guest_lied(&g); i++) {
		ask(&g);
		if (take(1) == 255 && !guest_lied(&g)) {
			guest_reset(&g);
			begin(&g);
		}
	}
	guest_end(&g);
	d->ops->free(d);
	pthread_join(thread, NULL);
	is_still(outside, "secret", "secret", 3);
	is_still(fixed, "a", "fixed", 4);
	return 0;
}
