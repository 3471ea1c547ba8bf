/* test_fs_file.c: what is done with open files and folders. */
#include <criterion/criterion.h>
#include <linux/capability.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fuse.h"

TestSuite(fs_file, .init = fuse_setup, .fini = fuse_teardown, .timeout = 120);

static uint64_t node, fh;

static void create(const char *name, int flags)
{
	fh = fuse_create(fuse.top, name, flags, 0644, &node, NULL);
	cr_assert(fh);
}

Test(fs_file, created_written_read_and_closed)
{
	create("a", O_RDWR);
	cr_assert_eq(fuse_write(node, fh, 0, "hello world", 11, 0, 0), 11);
	cr_assert_eq(fuse_read(node, fh, 6, 100), 5);
	cr_assert_eq(memcmp(fuse.body, "world", 5), 0);
	cr_assert_eq(fuse_read(node, fh, 11, 100), 0);
	cr_assert_eq(fuse_read(node, fh, UINT64_C(1) << 40, 100), 0);
	cr_assert_str_eq(host_read("a"), "hello world");
	cr_assert_eq(fuse_getattr(node)->size, 11);
	cr_assert_eq(fuse_release(node, fh, false), 0);
	cr_assert_eq(fuse_read(node, fh, 0, 10), -EBADF);
	cr_assert_eq(fuse_release(node, fh, false), -EBADF);
}

Test(fs_file, data_of_many_pieces_lands_where_it_belongs)
{
	struct fuse_in_header h = {.opcode = FUSE_WRITE, .unique = 7};
	struct fuse_write_in in = {.size = 10000};
	struct fuse_read_in rd = {.size = 10000};
	struct guest_buffer b[9];
	unsigned char *p;
	uint32_t written;

	create("a", O_RDWR);
	h.nodeid = node;
	in.fh = rd.fh = fh;
	h.len = sizeof(h) + sizeof(in) + 10000;
	b[0] = (struct guest_buffer){guest_alloc(&fuse.g, 4096, 4096), sizeof(h) + sizeof(in), false};
	p = guest_at(&fuse.g, b[0].at, 4096);
	memcpy(p, &h, sizeof(h));
	memcpy(p + sizeof(h), &in, sizeof(in));
	for (int i = 1; i < 6; i++) {
		b[i] = (struct guest_buffer){guest_alloc(&fuse.g, 4096, 4096), 2000, false};
		memset(guest_at(&fuse.g, b[i].at, 2000), 'a' + i, 2000);
	}
	b[6] = (struct guest_buffer){guest_alloc(&fuse.g, 4096, 4096), 24, true};
	guest_add(&fuse.g, 1, b, 7);
	guest_kick(&fuse.g, 1);
	cr_assert_neq(guest_take(&fuse.g, 1, &written), GUEST_NOTHING);
	cr_assert_eq(written, 24);
	/* Read back into pieces of other sizes, the first of which is shorter than the header. */
	h = (struct fuse_in_header){.len = sizeof(h) + sizeof(rd), .opcode = FUSE_READ, .nodeid = node};
	memcpy(p, &h, sizeof(h));
	memcpy(p + sizeof(h), &rd, sizeof(rd));
	b[0].len = h.len;
	b[1] = (struct guest_buffer){guest_alloc(&fuse.g, 4096, 4096), 9, true};
	b[2] = (struct guest_buffer){guest_alloc(&fuse.g, 4096, 4096), 10, true};
	b[3] = (struct guest_buffer){guest_alloc(&fuse.g, 16384, 4096), 12000, true};
	guest_add(&fuse.g, 1, b, 4);
	guest_kick(&fuse.g, 1);
	cr_assert_neq(guest_take(&fuse.g, 1, &written), GUEST_NOTHING);
	cr_assert_eq(written, 16 + 10000);
	p = guest_at(&fuse.g, b[2].at, 10);
	cr_assert_eq(p[7], 'b');
	p = guest_at(&fuse.g, b[3].at, 12000);
	cr_assert_eq(p[1996], 'b');
	cr_assert_eq(p[1997], 'c');
	cr_assert_eq(p[9996], 'f');
	cr_assert_eq(p[9997], 0, "not a byte beyond");
}

Test(fs_file, a_guessed_handle_opens_nothing)
{
	uint64_t folder = fuse_opendir(fuse.top, NULL), other;
	struct fuse_read_in dir = {.size = 4096};
	struct fuse_lseek_in seek = {.whence = SEEK_DATA};
	struct fuse_copy_file_range_in copy = {.len = 10};
	struct fuse_fsync_in sync = {0};
	struct fuse_fallocate_in alloc = {.length = 10};

	create("a", O_RDWR);
	cr_assert(fuse_create(fuse.top, "b", O_RDWR, 0644, &other, NULL));
	for (uint64_t guess = 0; guess < 300; guess++) {
		cr_assert_eq(fuse_read(node, guess, 0, 10), -EBADF);
		cr_assert_eq(fuse_write(node, guess << 32 | (fh & 0xffffffff), 0, "x", 1, 0, 0),
			     guess == fh >> 32 ? 1 : -EBADF);
		dir.fh = seek.fh = copy.fh_in = sync.fh = alloc.fh = guess;
		cr_assert_eq(FUSE_CALL(FUSE_READDIR, fuse.top, &dir, sizeof(dir)), -EBADF);
		cr_assert_eq(FUSE_CALL(FUSE_READDIRPLUS, fuse.top, &dir, sizeof(dir)), -EBADF);
		cr_assert_eq(FUSE_CALL(FUSE_LSEEK, node, &seek, sizeof(seek)), -EBADF);
		cr_assert_eq(FUSE_CALL(FUSE_COPY_FILE_RANGE, node, &copy, sizeof(copy)), -EBADF);
		cr_assert_eq(FUSE_CALL(FUSE_FSYNC, node, &sync, sizeof(sync)), -EBADF);
		cr_assert_eq(FUSE_CALL(FUSE_FALLOCATE, node, &alloc, sizeof(alloc)), -EBADF);
	}
	cr_assert_eq(fuse_read(node, UINT64_MAX, 0, 10), -EBADF);
	cr_assert_eq(fuse_read(other, fh, 0, 10), -EBADF, "of another file");
	cr_assert_eq(fuse_read(fuse.top, folder, 0, 10), -EBADF, "a folder");
	dir.fh = fh;
	cr_assert_eq(FUSE_CALL(FUSE_READDIR, node, &dir, sizeof(dir)), -EBADF, "a file");
}

Test(fs_file, offsets_that_overflow)
{
	struct fuse_fallocate_in alloc = {.offset = INT64_MAX, .length = 1};
	struct fuse_lseek_in seek = {.offset = UINT64_MAX, .whence = SEEK_HOLE};
	struct fuse_copy_file_range_in copy = {.off_in = INT64_MAX, .len = 10};
	struct fuse_setattr_in size = {.valid = FATTR_SIZE, .size = UINT64_MAX};

	create("a", O_RDWR);
	alloc.fh = seek.fh = copy.fh_in = copy.fh_out = fh;
	copy.nodeid_out = node;
	cr_assert_eq(fuse_read(node, fh, INT64_MAX, 1), -EINVAL);
	cr_assert_eq(fuse_read(node, fh, UINT64_MAX, 1), -EINVAL);
	cr_assert_eq(fuse_write(node, fh, INT64_MAX, "x", 1, 0, 0), -EFBIG);
	cr_assert_eq(fuse_write(node, fh, UINT64_MAX, "x", 1, O_APPEND, 0), -EFBIG);
	cr_assert_eq(FUSE_CALL(FUSE_FALLOCATE, node, &alloc, sizeof(alloc)), -EFBIG);
	alloc.mode = FALLOC_FL_INSERT_RANGE;
	cr_assert_eq(FUSE_CALL(FUSE_FALLOCATE, node, &alloc, sizeof(alloc)), -EOPNOTSUPP);
	cr_assert_eq(FUSE_CALL(FUSE_LSEEK, node, &seek, sizeof(seek)), -EINVAL);
	seek = (struct fuse_lseek_in){.fh = fh, .whence = SEEK_SET};
	cr_assert_eq(FUSE_CALL(FUSE_LSEEK, node, &seek, sizeof(seek)), -EINVAL, "the guest's own business");
	cr_assert_eq(FUSE_CALL(FUSE_COPY_FILE_RANGE, node, &copy, sizeof(copy)), -EINVAL);
	cr_assert_eq(fuse_setattr(node, &size), -EFBIG);
	size.valid |= FATTR_FH;
	size.fh = fh;
	cr_assert_eq(fuse_setattr(node, &size), -EFBIG);
	cr_assert_eq(fuse_getattr(node)->size, 0);
}

Test(fs_file, sizes_beyond_what_was_agreed_on)
{
	struct fuse_write_in in = {.size = 4096};

	create("a", O_RDWR);
	in.fh = fh;
	cr_assert_eq(FUSE_CALL(FUSE_WRITE, node, &in, sizeof(in), .more = fuse.body, .more_len = 4095),
		     -EINVAL);
	in.size = UINT32_MAX;
	cr_assert_eq(FUSE_CALL(FUSE_WRITE, node, &in, sizeof(in), .more = fuse.body, .more_len = 4095),
		     -EINVAL);
	cr_assert_eq(fuse_read(node, fh, 0, 0), 0);
}

Test(fs_file, append_goes_to_the_end_and_written_back_pages_do_not)
{
	create("a", O_RDWR | O_APPEND);
	host_write("a", "0123456789");
	cr_assert_eq(fuse_write(node, fh, 0, "ab", 2, O_RDWR | O_APPEND, 0), 2);
	cr_assert_str_eq(host_read("a"), "0123456789ab");
	cr_assert_eq(fuse_write(node, fh, 1, "cd", 2, O_RDWR | O_APPEND, FUSE_WRITE_CACHE), 2);
	cr_assert_str_eq(host_read("a"), "0cd3456789ab");
}

Test(fs_file, sparse_huge_and_punched)
{
	struct fuse_lseek_in seek = {.whence = SEEK_DATA};
	struct fuse_fallocate_in punch = {.mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE};
	const uint64_t far = UINT64_C(5) << 30;
	const struct fuse_lseek_out *out = (const void *)fuse.body;

	create("a", O_RDWR);
	cr_assert_eq(fuse_write(node, fh, far, "end", 3, 0, 0), 3);
	cr_assert_eq(fuse_getattr(node)->size, far + 3);
	seek.fh = punch.fh = fh;
	cr_assert_eq(FUSE_CALL(FUSE_LSEEK, node, &seek, sizeof(seek)), 0);
	cr_assert_leq(out->offset, far);
	cr_assert_gt(out->offset, far - (1 << 20));
	seek.whence = SEEK_HOLE;
	cr_assert_eq(FUSE_CALL(FUSE_LSEEK, node, &seek, sizeof(seek)), 0);
	cr_assert_eq(out->offset, 0);
	seek.whence = SEEK_DATA;
	seek.offset = far + 3;
	cr_assert_eq(FUSE_CALL(FUSE_LSEEK, node, &seek, sizeof(seek)), -ENXIO);
	punch.length = far + 3;
	cr_assert_eq(FUSE_CALL(FUSE_FALLOCATE, node, &punch, sizeof(punch)), 0);
	cr_assert_eq(fuse_read(node, fh, far, 3), 3);
	cr_assert_eq(memcmp(fuse.body, "\0\0", 3), 0);
}

Test(fs_file, truncated_by_handle_by_node_and_on_open)
{
	struct fuse_setattr_in size = {.valid = FATTR_SIZE | FATTR_FH, .size = 4};
	struct fuse_setattr_in both = {.valid = FATTR_SIZE | FATTR_FH | FATTR_MODE, .size = 3, .mode = 0600};
	const struct fuse_attr_out *out = (const void *)fuse.body;

	create("a", O_RDWR);
	cr_assert_eq(fuse_write(node, fh, 0, "0123456789", 10, 0, 0), 10);
	size.fh = both.fh = fh;
	cr_assert_eq(fuse_setattr(node, &size), 0);
	cr_assert_eq(out->attr.size, 4);
	cr_assert_eq(fuse_setattr(node, &both), 0);
	cr_assert_eq(out->attr.size, 3);
	cr_assert_eq(out->attr.mode, S_IFREG | 0600);
	size = (struct fuse_setattr_in){.valid = FATTR_SIZE, .size = 2};
	cr_assert_eq(fuse_setattr(node, &size), 0);
	cr_assert_str_eq(host_read("a"), "01");
	cr_assert(fuse_open(node, O_WRONLY | O_TRUNC, NULL));
	cr_assert_str_eq(host_read("a"), "");
}

Test(fs_file, copies_between_files)
{
	uint64_t other, to = fuse_create(fuse.top, "b", O_RDWR, 0644, &other, NULL), closed;
	struct fuse_copy_file_range_in copy = {.off_in = 2, .off_out = 1, .len = 100};

	create("a", O_RDWR);
	cr_assert_eq(fuse_write(node, fh, 0, "0123456789", 10, 0, 0), 10);
	copy.fh_in = fh;
	copy.fh_out = to;
	copy.nodeid_out = other;
	cr_assert_eq(FUSE_CALL(FUSE_COPY_FILE_RANGE, node, &copy, sizeof(copy)), 0);
	cr_assert_eq(((const struct fuse_write_out *)fuse.body)->size, 8);
	cr_assert_eq(fuse_read(other, to, 1, 100), 8);
	cr_assert_eq(memcmp(fuse.body, "23456789", 8), 0);
	closed = fuse_open(other, O_RDONLY, NULL);
	copy.fh_out = closed;
	cr_assert_eq(FUSE_CALL(FUSE_COPY_FILE_RANGE, node, &copy, sizeof(copy)), -EBADF, "to be read only");
}

Test(fs_file, opened_for_reading_is_not_written_to)
{
	struct fuse_fallocate_in alloc = {.length = 10};
	struct fuse_setattr_in size = {.valid = FATTR_SIZE | FATTR_FH, .size = 1};

	host_write("a", "text");
	node = fuse_walk("root/a", NULL);
	fh = alloc.fh = size.fh = fuse_open(node, O_RDONLY, NULL);
	cr_assert_eq(fuse_write(node, fh, 0, "x", 1, 0, 0), -EBADF);
	cr_assert_eq(FUSE_CALL(FUSE_FALLOCATE, node, &alloc, sizeof(alloc)), -EBADF);
	fh = fuse_open(node, O_WRONLY, NULL);
	cr_assert_eq(fuse_read(node, fh, 0, 1), -EBADF);
	cr_assert_eq(fuse_open(node, O_ACCMODE, NULL), 0);
	cr_assert_str_eq(host_read("a"), "text");
}

Test(fs_file, a_deleted_file_lives_while_it_is_open)
{
	struct fuse_setattr_in mode = {.valid = FATTR_MODE, .mode = 0600};
	struct fuse_fsync_in sync = {0};

	create("a", O_RDWR);
	cr_assert_eq(FUSE_CALL(FUSE_UNLINK, fuse.top, .name = "a"), 0);
	cr_assert_eq(fuse_write(node, fh, 0, "text", 4, 0, 0), 4);
	cr_assert_eq(fuse_read(node, fh, 0, 10), 4);
	cr_assert_eq(fuse_getattr(node)->nlink, 0);
	cr_assert_eq(fuse_setattr(node, &mode), 0);
	cr_assert(fuse_open(node, O_RDONLY, NULL), "another time, too");
	sync.fh = fh;
	cr_assert_eq(FUSE_CALL(FUSE_FSYNC, node, &sync, sizeof(sync)), 0);
	sync.fsync_flags = FUSE_FSYNC_FDATASYNC;
	cr_assert_eq(FUSE_CALL(FUSE_FSYNC, node, &sync, sizeof(sync)), 0);
}

Test(fs_file, attributes_by_handle_and_by_node_are_the_same)
{
	struct fuse_getattr_in in = {.getattr_flags = FUSE_GETATTR_FH};
	struct fuse_attr a;

	create("a", O_RDWR);
	cr_assert_eq(fuse_write(node, fh, 0, "text", 4, 0, 0), 4);
	a = *fuse_getattr(node);
	in.fh = fh;
	cr_assert_eq(FUSE_CALL(FUSE_GETATTR, node, &in, sizeof(in)), 0);
	cr_assert_eq(memcmp(&a, &((const struct fuse_attr_out *)fuse.body)->attr, sizeof(a)), 0);
}

/* The broker lets descriptors go where the guest knows many files. */
Test(fs_file, an_open_file_stays_itself_whatever_is_done_to_its_name)
{
	char name[32];
	uint64_t ino;

	create("a", O_RDWR);
	ino = fuse_getattr(node)->ino;
	for (int k = 0; k < 9000; k++) {
		snprintf(name, sizeof(name), "%d", k);
		host_write(name, "");
		cr_assert(fuse_lookup(fuse.top, name, NULL));
	}
	cr_assert_eq(renameat(fuse.root, "a", fuse.outside, "a"), 0);
	host_write("a", "another");
	cr_assert_eq(fuse_getattr(node)->ino, ino);
	cr_assert_eq(fuse_write(node, fh, 0, "text", 4, 0, 0), 4);
	cr_assert_str_eq(host_read("a"), "another");
	cr_assert_eq(fuse_release(node, fh, false), 0);
	cr_assert_null(fuse_getattr(node), "now it is lost");
	cr_assert_eq(fuse.h.error, -ESTALE);
	cr_assert_neq(fuse_lookup(fuse.top, "a", NULL), node);
}

static char seen[2000];
static uint64_t nodes;

static void mark(const struct fuse_dirent *d, const struct fuse_entry_out *e)
{
	int k;

	if (d->name[0] == '.') {
		cr_assert(!e || !e->nodeid, "not looked up");
		return;
	}
	cr_assert_eq(sscanf(d->name, "file-%4d", &k), 1);
	cr_assert_not(seen[k], "twice");
	seen[k] = 1;
	if (e) {
		nodes += e->nodeid != 0;
		cr_assert_eq(e->attr.size, k % 7);
		cr_assert_eq(e->attr.ino, d->ino);
	}
}

Test(fs_file, a_large_folder_is_read_whole_in_any_portions)
{
	static const uint32_t sizes[] = {300, 4096, 60000};

	for (int k = 0; k < 2000; k++) {
		char name[32];

		snprintf(name, sizeof(name), "file-%04d", k);
		host_write(name, "0123456" + 7 - k % 7);
	}
	for (int i = 0; i < 6; i++) {
		memset(seen, 0, sizeof(seen));
		nodes = 0;
		cr_assert_eq(fuse_list(fuse.top, i & 1, sizes[i / 2], mark), 2002);
		cr_assert_eq(nodes, i & 1 ? 2000 : 0);
	}
}

Test(fs_file, a_folder_is_read_on_from_any_place)
{
	struct fuse_read_in in = {.size = 400};
	const struct fuse_dirent *d = (const void *)fuse.body;
	char third[16];
	uint64_t after_two;

	for (int k = 0; k < 50; k++)
		host_write((char[]){(char)('A' + k % 26), (char)('a' + k / 26), 0}, "");
	in.fh = fuse_opendir(fuse.top, NULL);
	cr_assert_eq(FUSE_CALL(FUSE_READDIR, fuse.top, &in, sizeof(in)), 0);
	d = (const void *)(fuse.body + FUSE_DIRENT_SIZE(d));
	after_two = d->off;
	d = (const void *)((const unsigned char *)d + FUSE_DIRENT_SIZE(d));
	snprintf(third, sizeof(third), "%.*s", (int)d->namelen, d->name);
	in.offset = ((const struct fuse_dirent *)((const unsigned char *)d + FUSE_DIRENT_SIZE(d)))->off;
	cr_assert_eq(FUSE_CALL(FUSE_READDIR, fuse.top, &in, sizeof(in)), 0);
	in.offset = after_two;
	cr_assert_eq(FUSE_CALL(FUSE_READDIR, fuse.top, &in, sizeof(in)), 0);
	d = (const void *)fuse.body;
	cr_assert_eq(strncmp(d->name, third, d->namelen), 0);
	in.offset = UINT64_MAX;
	cr_assert_lt(FUSE_CALL(FUSE_READDIR, fuse.top, &in, sizeof(in)), 0);
	in = (struct fuse_read_in){.fh = in.fh, .size = 10};
	cr_assert_eq(FUSE_CALL(FUSE_READDIR, fuse.top, &in, sizeof(in)), -EINVAL, "not one fits");
}

Test(fs_file, pages_are_kept_only_of_what_nobody_changed)
{
	const struct fuse_open_out *out = (const void *)fuse.body;
	struct timespec past[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct timespec wait = {.tv_nsec = 50 * 1000 * 1000};

	host_write("a", "text");
	node = fuse_walk("root/a", NULL);
	cr_assert(fuse_open(node, O_RDONLY, NULL));
	cr_assert_eq(out->open_flags, 0, "never seen before");
	/* Older than a tick of the clock: that alone can be compared. */
	nanosleep(&wait, NULL);
	cr_assert(fuse_open(node, O_RDONLY, NULL));
	cr_assert(fuse_open(node, O_RDONLY, NULL));
	cr_assert_eq(out->open_flags, FOPEN_KEEP_CACHE);
	/* The same size and time of modification, by somebody who hides it. */
	host_write("a", "TEXT");
	cr_assert_eq(utimensat(fuse.root, "a", past, 0), 0);
	cr_assert(fuse_open(node, O_RDONLY, NULL));
	cr_assert_eq(out->open_flags, 0);
}

/* The worker's thread has no capabilities. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	cr_assert_eq(syscall(SYS_capget, &head, data), 0);
	data[0].effective = data[1].effective = 0;
	cr_assert_eq(syscall(SYS_capset, &head, data), 0);
}

Test(fs_file, set_user_id_bits_go_with_a_write_or_a_truncation)
{
	struct fuse_setattr_in mode = {.valid = FATTR_MODE, .mode = 04755};
	struct fuse_setattr_in size = {.valid = FATTR_SIZE | FATTR_KILL_SUIDGID, .size = 1};
	struct fuse_open_in trunc = {.flags = O_WRONLY | O_TRUNC, .open_flags = FUSE_OPEN_KILL_SUIDGID};

	if (!fuse_has_all_ids())
		cr_skip_test("needs root of all users");
	create("a", O_RDWR);
	drop_capabilities();
	cr_assert_eq(fuse_setattr(node, &mode), 0);
	cr_assert_eq(fuse_getattr(node)->mode, S_IFREG | 04755);
	cr_assert_eq(fuse_write(node, fh, 0, "text", 4, 0, FUSE_WRITE_KILL_SUIDGID), 4);
	cr_assert_eq(fuse_getattr(node)->mode, S_IFREG | 0755);
	cr_assert_eq(fuse_setattr(node, &mode), 0);
	cr_assert_eq(fuse_setattr(node, &size), 0);
	cr_assert_eq(fuse_getattr(node)->mode, S_IFREG | 0755);
	cr_assert_eq(fuse_setattr(node, &mode), 0);
	cr_assert_eq(FUSE_CALL(FUSE_OPEN, node, &trunc, sizeof(trunc)), 0);
	cr_assert_eq(fuse_getattr(node)->mode, S_IFREG | 0755);
	/* Who may keep them, does: with the broker it is exact. */
	cr_assert_eq(fuse_setattr(node, &mode), 0);
	size.valid = FATTR_SIZE;
	size.size = 0;
	cr_assert_eq(fuse_setattr(node, &size), 0);
	cr_assert_eq(fuse_getattr(node)->mode, S_IFREG | 04755);
}

static void setup_with_few_descriptors(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){400, 400}), 0);
	/* Who has this one could have more. */
	cr_assert_eq(syscall(SYS_capget, &head, data), 0);
	data[0].effective &= ~(UINT32_C(1) << CAP_SYS_RESOURCE);
	cr_assert_eq(syscall(SYS_capset, &head, data), 0);
	fuse_setup();
}

Test(fs_file, what_the_guest_opens_leaves_descriptors_to_the_monitor, .init = setup_with_few_descriptors)
{
	enum { OTHERS = 80 };
	int error = 0, others = 0;
	uint64_t opened = 0, first;

	create("a", O_RDWR);
	first = fh;
	for (uint64_t more; (more = fuse_open(node, O_RDONLY, &error)); opened++)
		;
	cr_assert_eq(error, -ENFILE, "%d after %llu files", error, (unsigned long long)opened);
	cr_assert_geq(opened, 100);
	while (others < OTHERS && dup(0) >= 0)
		others++;
	cr_assert_eq(others, OTHERS, "the monitor itself has only %d left", others);
	/* One that is closed makes room for one. */
	cr_assert_eq(fuse_release(node, first, false), 0);
	cr_assert(fuse_open(node, O_RDONLY, NULL));
	cr_assert_eq(fuse_open(node, O_RDONLY, &error), 0);
	cr_assert_eq(error, -ENFILE);
}
