/* share.c: see share.h. */
#include "share.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/table.h"

enum { KNOWN = 16, FILE_MAX = 8 << 20 };

struct fs_share shares[SHARES];

static struct {
	const uint8_t *p;
	size_t n;
} input;
static uint64_t nodes[KNOWN];
static struct {
	uint64_t node, id;
	bool folder;
} handles[KNOWN];
static unsigned int n_nodes, n_handles;
static int base = -1, outside, fixed, root;
static char path[64];

void share_must(bool what, const char *name)
{
	if (what)
		return;
	fprintf(stderr, "%s\n", name);
	abort();
}

bool share_left(void)
{
	return input.n;
}

uint64_t share_take(size_t bytes)
{
	uint64_t v = 0;

	for (size_t i = 0; i < bytes && input.n; i++, input.n--)
		v = v << 8 | *input.p++;
	return v;
}

/* The folders. */

static void put(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	share_must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), name);
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

static void remove_world(void)
{
	empty(base);
	rmdir(path);
}

/* Once. */
static void make_world(void)
{
	struct rlimit most = { FILE_MAX, FILE_MAX };

	snprintf(path, sizeof(path), "%s/nacre-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	share_must(mkdtemp(path), "a folder");
	base = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	atexit(remove_world);
	outside = folder("outside");
	fixed = folder("fixed");
	root = folder("root");
	put(outside, "secret", "secret");
	put(fixed, "a", "fixed");
	mkdirat(fixed, "d", 0755);
	shares[0] = (struct fs_share){ "root", openat(base, "root", O_PATH | O_CLOEXEC), false };
	shares[1] = (struct fs_share){ "fixed", openat(base, "fixed", O_PATH | O_CLOEXEC), true };
	shares[2] = (struct fs_share){ "file", openat(base, "fixed/a", O_PATH | O_CLOEXEC), true };
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
	share_must(symlinkat("../outside", root, "up") == 0, "a link");
	share_must(mknodat(root, "fifo", S_IFIFO | 0666, 0) == 0, "a pipe");
}

void share_meddle(void)
{
	int sub;

	switch (share_take(1) % 6) {
	case 0:
		unlinkat(root, "a", 0);
		break;
	case 1:
		close(openat(root, "a", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644));
		break;
	case 2:
		renameat(root, "d", root, "new");
		break;
	case 3:
		renameat(root, "new", root, "d");
		break;
	case 4:
		sub = openat(root, "d", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		unlinkat(sub, "b", 0);
		symlinkat("../../outside/secret", sub, "b");
		close(sub);
		break;
	default:
		renameat2(root, "d", root, "up", RENAME_EXCHANGE);
	}
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
	char got[16] = { 0 };
	struct stat st;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	share_must(fd >= 0 && fstat(fd, &st) == 0 && st.st_mode == (S_IFREG | 0644) && st.st_nlink == 1, name);
	share_must(read(fd, got, sizeof(got)) == (ssize_t)strlen(text) && !strcmp(got, text), name);
	share_must(count(dir) == entries, "a folder with other entries");
	close(fd);
}

void share_judge(void)
{
	is_still(outside, "secret", "secret", 3);
	is_still(fixed, "a", "fixed", 4);
}

bool share_is_fixed(const struct stat *st)
{
	struct stat file, dir, sub, secret, out;

	share_must(fstatat(fixed, "a", &file, 0) == 0 && fstat(fixed, &dir) == 0 && fstatat(fixed, "d", &sub, 0) == 0 &&
		   fstatat(outside, "secret", &secret, 0) == 0 && fstat(outside, &out) == 0, "what is fixed");
	share_must(st->st_ino != secret.st_ino && st->st_ino != out.st_ino, "nothing from outside");
	return st->st_ino == file.st_ino || st->st_ino == dir.st_ino || st->st_ino == sub.st_ino;
}

void share_begin(const uint8_t *data, size_t size)
{
	if (base < 0)
		make_world();
	fill_root();
	input.p = data;
	input.n = size;
	share_forget();
}

/* Requests. */

void share_forget(void)
{
	n_nodes = n_handles = 0;
	share_learn_node(FUSE_ROOT_ID);
}

void share_learn_node(uint64_t node)
{
	nodes[n_nodes++ % KNOWN] = node;
}

void share_learn_handle(uint64_t node, uint64_t handle, bool is_folder)
{
	unsigned int i = n_handles++ % KNOWN;

	handles[i].node = node;
	handles[i].id = handle;
	handles[i].folder = is_folder;
}

static uint64_t a_node(void)
{
	uint64_t pick = share_take(1);
	unsigned int n = n_nodes < KNOWN ? n_nodes : KNOWN;

	return pick < 240 ? nodes[pick % n] : pick < 250 ? pick - 240 : share_take(8);
}

/* One of a kind, if there is one; *node: its own. */
static uint64_t a_handle(bool is_folder, uint64_t *node)
{
	uint64_t pick = share_take(1);
	unsigned int n = n_handles < KNOWN ? n_handles : KNOWN;

	for (unsigned int i = 0; pick < 250 && i < n; i++) {
		unsigned int at = (unsigned int)(pick + i) % n;

		if (handles[at].folder != is_folder)
			continue;
		*node = handles[at].node;
		return handles[at].id;
	}
	return share_take(8);
}

/* Numbers are small, or at a limit; or anything. */
static uint64_t a_number(void)
{
	static const uint64_t limits[] = { INT64_MAX, UINT64_MAX, UINT32_MAX, 1 << 20, 4096, (uint64_t)1 << 63 };
	uint64_t pick = share_take(1);

	return pick < 200 ? pick : pick < 240 ? limits[pick % ARRAY_LEN(limits)] : share_take(8);
}

static size_t add_name(unsigned char *to)
{
	static const char *const usual[] = { "a", "d", "b", "up", "fifo", "root", "fixed", "file", "..", "secret", "user.x", "../outside/secret",
		"security.capability", "/proc/self/fd/3", "new", "" };
	uint64_t pick = share_take(1);

	if (pick < 200)
		return (size_t)(stpcpy((char *)to, usual[pick % ARRAY_LEN(usual)]) - (char *)to) + 1;
	for (uint64_t i = 0; i < pick; i++)
		to[i] = (unsigned char)share_take(1);
	to[pick] = '\0';
	return strlen((char *)to) + 1;
}

static uint32_t open_flags(void)
{
	static const uint32_t usual[] = { O_RDONLY, O_RDWR, O_WRONLY | O_TRUNC, O_RDWR | O_EXCL, O_RDONLY | O_TRUNC, O_WRONLY | O_APPEND, O_ACCMODE };
	uint64_t pick = share_take(1);

	return pick < 240 ? usual[pick % ARRAY_LEN(usual)] : (uint32_t)share_take(4);
}

static uint32_t mode(void)
{
	static const uint32_t types[] = { S_IFREG, S_IFIFO, S_IFCHR, S_IFBLK, S_IFSOCK, S_IFDIR, S_IFLNK, 0 };

	return types[share_take(1) % ARRAY_LEN(types)] | (uint32_t)share_take(2) % 010000;
}

union body {
	unsigned char bytes[256];
	struct fuse_read_in read;
	struct fuse_write_in write;
	struct fuse_setattr_in setattr;
	struct fuse_mknod_in mknod;
	struct fuse_mkdir_in mkdir;
	struct fuse_rename2_in rename;
	struct fuse_link_in link;
	struct fuse_open_in open;
	struct fuse_create_in create;
	struct fuse_release_in release;
	struct fuse_fsync_in fsync;
	struct fuse_setxattr_in setxattr;
	struct fuse_getxattr_in getxattr;
	struct fuse_init_in init;
	struct fuse_forget_in forget;
	struct fuse_batch_forget_in forget_many;
	struct fuse_fallocate_in fallocate;
	struct fuse_lseek_in lseek;
	struct fuse_copy_file_range_in copy;
};

/* One that could be a guest's. more: how many bytes will follow. */
static void fill_sensibly(struct fuse_in_header *h, union body *b, size_t more)
{
	uint64_t other;

	switch (h->opcode) {
	case FUSE_READ:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
		b->read.fh = a_handle(h->opcode != FUSE_READ, &h->nodeid);
		b->read.offset = a_number();
		b->read.size = 4096;
		break;
	case FUSE_WRITE:
		b->write.fh = a_handle(false, &h->nodeid);
		b->write.offset = a_number();
		b->write.size = (uint32_t)more;
		b->write.write_flags = (uint32_t)share_take(1);
		b->write.flags = open_flags();
		break;
	case FUSE_SETATTR:
		b->setattr.valid = (uint32_t)share_take(2);
		b->setattr.size = a_number();
		b->setattr.mode = mode();
		b->setattr.uid = b->setattr.gid = (uint32_t)share_take(1);
		if (b->setattr.valid & FATTR_FH)
			b->setattr.fh = a_handle(false, &h->nodeid);
		break;
	case FUSE_MKNOD:
		b->mknod.mode = mode();
		b->mknod.rdev = (uint32_t)share_take(2);
		break;
	case FUSE_MKDIR:
		b->mkdir.mode = mode();
		break;
	case FUSE_RENAME:
	case FUSE_RENAME2:
		b->rename.newdir = a_node();
		b->rename.flags = (uint32_t)share_take(1) % 8;
		break;
	case FUSE_LINK:
		b->link.oldnodeid = a_node();
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		b->open.flags = open_flags();
		b->open.open_flags = (uint32_t)share_take(1) % 2;
		break;
	case FUSE_CREATE:
	case FUSE_TMPFILE:
		b->create.flags = open_flags();
		b->create.mode = mode();
		break;
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		b->release.fh = a_handle(h->opcode == FUSE_RELEASEDIR, &h->nodeid);
		break;
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
		b->fsync.fh = a_handle(h->opcode == FUSE_FSYNCDIR, &h->nodeid);
		b->fsync.fsync_flags = (uint32_t)share_take(1);
		break;
	case FUSE_SETXATTR:
		b->setxattr.size = (uint32_t)more;
		b->setxattr.flags = (uint32_t)share_take(1) % 3;
		break;
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
		b->getxattr.size = (uint32_t)share_take(1) * 16;
		break;
	case FUSE_INIT:
		b->init = (struct fuse_init_in){ .major = 7, .minor = 38, .flags = UINT32_MAX };
		break;
	case FUSE_FORGET:
		b->forget.nlookup = a_number();
		break;
	case FUSE_FALLOCATE:
		b->fallocate.fh = a_handle(false, &h->nodeid);
		b->fallocate.offset = a_number();
		b->fallocate.length = a_number();
		b->fallocate.mode = (uint32_t)share_take(1);
		break;
	case FUSE_LSEEK:
		b->lseek.fh = a_handle(false, &h->nodeid);
		b->lseek.offset = a_number();
		b->lseek.whence = (uint32_t)share_take(1) % 6;
		break;
	case FUSE_COPY_FILE_RANGE:
		b->copy.fh_in = a_handle(false, &h->nodeid);
		b->copy.fh_out = a_handle(false, &other);
		b->copy.nodeid_out = other;
		b->copy.off_in = a_number();
		b->copy.off_out = a_number();
		b->copy.len = a_number();
		break;
	case FUSE_BATCH_FORGET:
		b->forget_many.count = (uint32_t)share_take(1);
		break;
	default:
		break;
	}
}

void share_ask(struct share_request *r)
{
	static const struct fs_op unknown;
	union body body = { .bytes = { 0 } };
	uint64_t how, more;

	r->h = (struct fuse_in_header){ .opcode = (uint32_t)share_take(1) % (FS_OPS + 2), .unique = share_take(1) };
	r->op = r->h.opcode < FS_OPS ? &fs_ops[r->h.opcode] : &unknown;
	how = share_take(1);
	r->h.nodeid = a_node();
	if (how & 1) {
		r->h.uid = (uint32_t)a_number();
		r->h.gid = (uint32_t)a_number();
	}
	more = r->op->bytes || how == 254 ? share_take(how & 2 ? 2 : 1) : 0;
	if (how < 240)
		fill_sensibly(&r->h, &body, more);
	else
		for (size_t at = 0; at < r->op->body; at++)
			body.bytes[at] = (unsigned char)share_take(1);
	r->len = sizeof(r->h);
	memcpy(r->bytes + r->len, &body, r->op->body);
	r->len += r->op->body;
	for (int i = 0; i < r->op->names; i++)
		r->len += add_name(r->bytes + r->len);
	/* As the monitor asks the broker. */
	for (more = r->h.opcode == FUSE_READDIRPLUS ? more % 8 : more; more && r->h.opcode == FUSE_READDIRPLUS; more--)
		r->len += add_name(r->bytes + r->len);
	for (; more && r->len < SHARE_REQUEST_MAX; more--)
		r->bytes[r->len++] = (unsigned char)share_take(1);
	if (how == 253)
		r->len = share_take(1) % (r->len + 1);
	r->h.len = (uint32_t)(how == 252 ? share_take(4) : r->len);
	memcpy(r->bytes, &r->h, sizeof(r->h));
}
