/* fuse.c: see fuse.h. */
#include "fuse.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allow.h"

struct fuse fuse;

static int at_base(const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fuse.base, name);
	fd = open(path, flags | O_CLOEXEC);
	cr_assert_geq(fd, 0, "%s", path);
	return fd;
}

void host_write(const char *path, const char *text)
{
	int fd = openat(fuse.root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	cr_assert_geq(fd, 0, "%s", path);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

const char *host_read(const char *path)
{
	static char text[4096];
	int fd = openat(fuse.root, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	cr_assert_geq(n, 0, "%s", path);
	text[n] = '\0';
	close(fd);
	return text;
}

void fuse_make_folders(void)
{
	static const char *const names[] = {"root", "fixed", "one"};

	memset(&fuse, 0, sizeof(fuse));
	fuse.uid = geteuid();
	fuse.gid = getegid();
	strcpy(fuse.base, "/tmp/nacre-fs-XXXXXX");
	cr_assert(mkdtemp(fuse.base));
	chmod(fuse.base, 0755);
	fuse.root = at_base(".", O_RDONLY | O_DIRECTORY);
	cr_assert_eq(mkdirat(fuse.root, "root", 0755), 0);
	cr_assert_eq(mkdirat(fuse.root, "outside", 0755), 0);
	host_write("one", "one\n");
	host_write("outside/secret", "secret\n");
	close(fuse.root);
	fuse.root = at_base("root", O_RDONLY | O_DIRECTORY);
	fuse.outside = at_base("outside", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 3; i++)
		fuse.shares[i] =
		    (struct fs_share){names[i], at_base(i == 2 ? "one" : "root", O_PATH), i == 1};
}

int fuse_init(uint32_t minor, uint32_t flags)
{
	struct fuse_init_in in = {.major = 7, .minor = minor, .max_readahead = 1 << 17, .flags = flags};

	return FUSE_CALL(FUSE_INIT, 0, &in, minor < 36 ? 16 : sizeof(in));
}

void fuse_setup(void)
{
	fuse_make_folders();
	cr_assert_eq(fs_broker_start(fuse.shares, 3, allow_only, (void *)fs_broker_calls, &fuse.broker, NULL),
		     0);
	cr_assert_eq(fs_new("nacre", fuse.shares, 3, fuse.broker.socket, &fuse.device, NULL), 0);
	guest_make(&fuse.g, fuse.device, 0);
	guest_start(&fuse.g, UINT64_MAX);
	cr_assert_eq(fuse_init(38, UINT32_MAX), 0);
	fuse.top = fuse_walk("root", NULL);
	cr_assert(fuse.top);
}

void fuse_teardown(void)
{
	char command[128];

	if (fuse.device)
		fuse.device->ops->free(fuse.device);
	if (fuse.broker.pid)
		waitpid(fuse.broker.pid, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf %s", fuse.base);
	cr_assert_eq(system(command), 0);
}

bool fuse_has_all_ids(void)
{
	char map[64] = "";
	int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	unsigned int inside = 1, outside = 1, n = 0;
	bool all = fd >= 0 && read(fd, map, sizeof(map) - 1) > 0 &&
		   sscanf(map, "%u %u %u", &inside, &outside, &n) == 3 && !inside && !outside &&
		   n == UINT32_MAX;

	close(fd);
	return all && geteuid() == 0;
}

int64_t fuse_raw(uint16_t q, const void *bytes, size_t len, size_t room)
{
	static unsigned char answer[1 << 16];
	gpa_t before = fuse.g.next;
	int64_t n = guest_ask(&fuse.g, q, bytes, (uint32_t)len, answer, (uint32_t)room);

	fuse.g.next = before;
	if (n >= (int64_t)sizeof(fuse.h)) {
		memcpy(&fuse.h, answer, sizeof(fuse.h));
		fuse.len = (size_t)n - sizeof(fuse.h);
		memcpy(fuse.body, answer + sizeof(fuse.h), fuse.len);
	}
	return n;
}

int fuse_call(const struct fuse_call *c)
{
	static unsigned char request[FS_MESSAGE_MAX * 2];
	struct fuse_in_header h = {.opcode = c->opcode,
				   .unique = ++fuse.unique,
				   .nodeid = c->node,
				   .uid = fuse.uid,
				   .gid = fuse.gid};
	size_t len = sizeof(h);
	int64_t n;

	memcpy(request + len, c->in ? c->in : "", c->in_len);
	len += c->in_len;
	for (int i = 0; i < 2; i++) {
		const char *name = i ? c->name2 : c->name;

		if (!name)
			continue;
		memcpy(request + len, name, strlen(name) + 1);
		len += strlen(name) + 1;
	}
	memcpy(request + len, c->more ? c->more : "", c->more_len);
	len += c->more_len;
	h.len = (uint32_t)len;
	memcpy(request, &h, sizeof(h));
	n = fuse_raw(1, request, len, sizeof(fuse.h) + (c->room ? c->room : 4096));
	cr_assert_geq(n, (int64_t)sizeof(fuse.h), "no answer: %s", fuse.g.why.msg);
	cr_assert_eq(fuse.h.unique, h.unique);
	cr_assert_eq(fuse.h.len, n);
	cr_assert(!fuse.h.error || !fuse.len);
	return fuse.h.error;
}

const struct fuse_entry_out *fuse_entry(void)
{
	return (const void *)fuse.body;
}

static void tell(int *error, int ret)
{
	if (error)
		*error = ret;
}

uint64_t fuse_lookup(uint64_t node, const char *name, int *error)
{
	int ret = FUSE_CALL(FUSE_LOOKUP, node, .name = name);

	tell(error, ret);
	return ret ? 0 : fuse_entry()->nodeid;
}

uint64_t fuse_walk(const char *path, int *error)
{
	char copy[256], *save, *name;
	uint64_t node = FUSE_ROOT_ID;

	snprintf(copy, sizeof(copy), "%s", path);
	for (name = strtok_r(copy, "/", &save); name && node; name = strtok_r(NULL, "/", &save))
		node = fuse_lookup(node, name, error);
	return node;
}

static uint64_t open_as(uint32_t opcode, uint64_t node, int flags, int *error)
{
	struct fuse_open_in in = {.flags = (uint32_t)flags};
	int ret = FUSE_CALL(opcode, node, &in, sizeof(in));

	tell(error, ret);
	return ret ? 0 : ((const struct fuse_open_out *)fuse.body)->fh;
}

uint64_t fuse_open(uint64_t node, int flags, int *error)
{
	return open_as(FUSE_OPEN, node, flags, error);
}

uint64_t fuse_opendir(uint64_t node, int *error)
{
	return open_as(FUSE_OPENDIR, node, O_RDONLY | O_DIRECTORY, error);
}

uint64_t fuse_create(uint64_t folder, const char *name, int flags, uint32_t mode, uint64_t *node, int *error)
{
	struct fuse_create_in in = {.flags = (uint32_t)flags, .mode = S_IFREG | mode};
	int ret = FUSE_CALL(FUSE_CREATE, folder, &in, sizeof(in), name);

	tell(error, ret);
	if (ret)
		return 0;
	if (node)
		*node = fuse_entry()->nodeid;
	return ((const struct fuse_open_out *)(fuse.body + sizeof(struct fuse_entry_out)))->fh;
}

int fuse_read(uint64_t node, uint64_t fh, uint64_t at, uint32_t size)
{
	struct fuse_read_in in = {.fh = fh, .offset = at, .size = size};
	int ret = FUSE_CALL(FUSE_READ, node, &in, sizeof(in), .room = size);

	return ret ? ret : (int)fuse.len;
}

int fuse_write(uint64_t node, uint64_t fh, uint64_t at, const void *p, uint32_t size, uint32_t file_flags,
	       uint32_t write_flags)
{
	struct fuse_write_in in = {
	    .fh = fh, .offset = at, .size = size, .flags = file_flags, .write_flags = write_flags};
	int ret = FUSE_CALL(FUSE_WRITE, node, &in, sizeof(in), .more = p, .more_len = size);

	return ret ? ret : (int)((const struct fuse_write_out *)fuse.body)->size;
}

int fuse_release(uint64_t node, uint64_t fh, bool folder)
{
	struct fuse_release_in in = {.fh = fh};

	return FUSE_CALL(folder ? FUSE_RELEASEDIR : FUSE_RELEASE, node, &in, sizeof(in));
}

int fuse_setattr(uint64_t node, const struct fuse_setattr_in *in)
{
	return FUSE_CALL(FUSE_SETATTR, node, in, sizeof(*in));
}

const struct fuse_attr *fuse_getattr(uint64_t node)
{
	struct fuse_getattr_in in = {0};

	return FUSE_CALL(FUSE_GETATTR, node, &in, sizeof(in))
		   ? NULL
		   : &((const struct fuse_attr_out *)fuse.body)->attr;
}

void fuse_forget(uint64_t node, uint64_t n)
{
	struct {
		struct fuse_in_header h;
		struct fuse_forget_in in;
	} f = {
	    {.len = sizeof(f),	       .opcode = FUSE_FORGET, .unique = ++fuse.unique, .nodeid = node},
		{n}
	   };

	cr_assert_eq(fuse_raw(0, &f, sizeof(f), 0), 0);
}

int fuse_list(uint64_t node, bool plus, uint32_t size,
	      void (*each)(const struct fuse_dirent *d, const struct fuse_entry_out *e))
{
	static unsigned char page[1 << 16];
	struct fuse_read_in in = {.size = size};
	int n = 0, ret;

	in.fh = fuse_opendir(node, &ret);
	if (ret)
		return ret;
	for (;;) {
		size_t len;

		ret = FUSE_CALL(plus ? FUSE_READDIRPLUS : FUSE_READDIR, node, &in, sizeof(in), .room = size);
		if (ret || !fuse.len)
			break;
		len = fuse.len;
		memcpy(page, fuse.body, len);
		for (size_t at = 0; at < len; n++) {
			const struct fuse_entry_out *e = plus ? (const void *)(page + at) : NULL;
			const struct fuse_dirent *d = (const void *)(page + at + (plus ? sizeof(*e) : 0));

			at += plus ? FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET_DIRENTPLUS + d->namelen)
				   : FUSE_DIRENT_SIZE(d);
			cr_assert_leq(at, len);
			if (each)
				each(d, e);
			in.offset = d->off;
		}
	}
	cr_assert_eq(fuse_release(node, in.fh, true), 0);
	return ret ? ret : n;
}
