/* test_fs.c: the shared file system as a device: its tag, INIT, and what no driver does. */
#include <criterion/criterion.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuse.h"

TestSuite(fs, .init = fuse_setup, .fini = fuse_teardown, .timeout = 120);

Test(fs, tells_its_tag_and_its_queues)
{
	char tag[FS_TAG_MAX];
	uint32_t queues;

	guest_config(&fuse.g, 0, tag, sizeof(tag));
	guest_config(&fuse.g, sizeof(tag), &queues, sizeof(queues));
	cr_assert_str_eq(tag, "nacre");
	cr_assert_eq(queues, 1);
}

Test(fs, init_agrees_on_what_both_know)
{
	const struct fuse_init_out *out = (const void *)fuse.body;

	cr_assert_eq(fuse_init(38, UINT32_MAX), 0);
	cr_assert_eq(fuse.len, sizeof(*out));
	cr_assert_eq(out->major, 7);
	cr_assert_geq(out->minor, 31);
	cr_assert_eq(out->max_write, 1 << 20);
	cr_assert_eq(out->max_pages, 256);
	cr_assert(out->flags & FUSE_HANDLE_KILLPRIV_V2);
	cr_assert_not(out->flags &
		      (FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS | FUSE_WRITEBACK_CACHE | FUSE_POSIX_ACL |
		       FUSE_EXPORT_SUPPORT | FUSE_DONT_MASK | FUSE_NO_OPEN_SUPPORT));
	cr_assert_eq(fuse_init(31, FUSE_BIG_WRITES), 0);
	cr_assert_eq(out->flags, FUSE_BIG_WRITES, "no more than was asked for");
	cr_assert_eq(fuse_init(30, UINT32_MAX), -EPROTO);
}

Test(fs, nothing_before_init_nor_after_destroy)
{
	int error;

	cr_assert_eq(FUSE_CALL(FUSE_DESTROY, FUSE_ROOT_ID), 0);
	cr_assert_eq(fuse_walk("root", &error), 0);
	cr_assert_eq(error, -EIO);
	cr_assert_eq(fuse_init(38, UINT32_MAX), 0);
	cr_assert(fuse_walk("root", NULL));
}

Test(fs, a_reset_leaves_nothing_open_and_nothing_known)
{
	uint64_t node, fh = fuse_create(fuse.top, "a", O_RDWR, 0644, &node, NULL);

	cr_assert(fh);
	guest_reset(&fuse.g);
	guest_start(&fuse.g, UINT64_MAX);
	cr_assert_eq(fuse_read(node, fh, 0, 10), -EIO, "not before INIT");
	cr_assert_eq(fuse_init(38, UINT32_MAX), 0);
	cr_assert_eq(fuse_read(node, fh, 0, 10), -EBADF);
	cr_assert_null(fuse_getattr(node));
	cr_assert_eq(fuse.h.error, -ESTALE);
	cr_assert(fuse_walk("root/a", NULL));
}

Test(fs, the_top_folder_has_the_shares_and_cannot_be_changed)
{
	struct fuse_mkdir_in dir = {.mode = 0755};
	struct fuse_setattr_in mode = {.valid = FATTR_MODE, .mode = 0777};
	const struct fuse_attr *a = fuse_getattr(FUSE_ROOT_ID);
	int error;

	cr_assert_eq(a->mode, S_IFDIR | 0555);
	cr_assert_eq(fuse_list(FUSE_ROOT_ID, false, 4096, NULL), 5);
	cr_assert_eq(fuse_list(FUSE_ROOT_ID, true, 4096, NULL), 5);
	cr_assert_eq(fuse_list(FUSE_ROOT_ID, true, 200, NULL), 5, "one by one");
	cr_assert_eq(FUSE_CALL(FUSE_MKDIR, FUSE_ROOT_ID, &dir, sizeof(dir), "x"), -EROFS);
	cr_assert_eq(fuse_setattr(FUSE_ROOT_ID, &mode), -EROFS);
	cr_assert_eq(FUSE_CALL(FUSE_UNLINK, FUSE_ROOT_ID, .name = "one"), -EROFS);
	cr_assert_eq(fuse_create(FUSE_ROOT_ID, "x", O_RDWR, 0644, NULL, &error), 0);
	cr_assert_lt(error, 0);
	cr_assert_eq(fuse_walk("none", &error), 0);
	cr_assert_eq(error, -ENOENT);
	cr_assert_eq(FUSE_CALL(FUSE_STATFS, FUSE_ROOT_ID), 0);
	/* Each folder is a file system of its own; a file is just a file. */
	fuse_walk("root", NULL);
	cr_assert(fuse_entry()->attr.flags & FUSE_ATTR_SUBMOUNT);
	fuse_walk("one", NULL);
	cr_assert_not(fuse_entry()->attr.flags & FUSE_ATTR_SUBMOUNT);
}

Test(fs, a_file_is_a_share)
{
	uint64_t node = fuse_walk("one", NULL), fh = fuse_open(node, O_RDWR, NULL);

	cr_assert(fh);
	cr_assert_eq(fuse_write(node, fh, 4, "two\n", 4, 0, 0), 4);
	cr_assert_eq(fuse_read(node, fh, 0, 100), 8);
	cr_assert_eq(memcmp(fuse.body, "one\ntwo\n", 8), 0);
}

Test(fs, what_is_not_known_is_said_so)
{
	static const uint32_t not_ours[] = {FUSE_GETLK,	       FUSE_SETLK, FUSE_SETLKW, FUSE_ACCESS,
					    FUSE_FLUSH,	       FUSE_BMAP,  FUSE_IOCTL,	FUSE_POLL,
					    FUSE_SETUPMAPPING, 7,	   FS_OPS,	UINT32_MAX};

	for (size_t i = 0; i < sizeof(not_ours) / sizeof(*not_ours); i++)
		cr_assert_eq(FUSE_CALL(not_ours[i], fuse.top, .in = fuse.body, .in_len = 64), -ENOSYS, "%u",
			     not_ours[i]);
}

/* Every operation, cut at each length: an error, never a hang nor a lie. */
Test(fs, truncated_requests_are_refused)
{
	static const unsigned char zeroes[160];

	for (uint32_t opcode = 0; opcode < FS_OPS; opcode++) {
		if (fs_ops[opcode].place == FS_UNKNOWN || fs_ops[opcode].silent)
			continue;
		for (size_t len = 0; len < fs_ops[opcode].body; len++)
			cr_assert_lt(FUSE_CALL(opcode, fuse.top, zeroes, len), 0, "%s of %zu",
				     fs_ops[opcode].name, len);
		/* Without its names, or with an empty one that has no end. */
		if (fs_ops[opcode].names)
			cr_assert_eq(FUSE_CALL(opcode, fuse.top, zeroes, fs_ops[opcode].body), -EINVAL);
	}
	cr_assert_eq(FUSE_CALL(FUSE_LOOKUP, fuse.top, .more = "abc", .more_len = 3), -EINVAL, "no end");
	cr_assert_eq(FUSE_CALL(FUSE_LOOKUP, fuse.top, .name = "a", .more = "bc", .more_len = 2), -EINVAL,
		     "something behind");
	cr_assert_not(guest_lied(&fuse.g));
	cr_assert(fuse_walk("root", NULL), "it still works");
}

Test(fs, room_for_the_answer_is_looked_at_before_anything_is_done)
{
	struct fuse_create_in in = {.flags = O_RDWR, .mode = S_IFREG | 0644};
	struct fuse_mkdir_in dir = {.mode = 0755};
	struct fuse_read_in read = {.size = 100};

	cr_assert_eq(
	    FUSE_CALL(FUSE_CREATE, fuse.top, &in, sizeof(in), "a", .room = sizeof(struct fuse_entry_out)),
	    -EINVAL);
	cr_assert_eq(FUSE_CALL(FUSE_MKDIR, fuse.top, &dir, sizeof(dir), "b", .room = 100), -EINVAL);
	cr_assert_eq(fuse_list(fuse.top, false, 4096, NULL), 2, "nothing was made");
	host_write("f", "text");
	read.fh = fuse_open(fuse_walk("root/f", NULL), O_RDONLY, NULL);
	cr_assert_eq(FUSE_CALL(FUSE_READ, fuse_walk("root/f", NULL), &read, sizeof(read), .room = 99),
		     -EINVAL);
}

Test(fs, an_answer_that_does_not_fit_is_an_error_and_no_more)
{
	struct fuse_getxattr_in all = {.size = 4096};

	host_write("f", "");
	cr_assert_eq(FUSE_CALL(FUSE_SYMLINK, fuse.top, .name = "l", .name2 = "0123456789"), 0);
	cr_assert_eq(FUSE_CALL(FUSE_READLINK, fuse_walk("root/l", NULL), .room = 9), -EINVAL);
	cr_assert_eq(FUSE_CALL(FUSE_READLINK, fuse_walk("root/l", NULL), .room = 10), 0);
	cr_assert_eq(FUSE_CALL(FUSE_LISTXATTR, fuse_walk("root/f", NULL), &all, sizeof(all), .room = 1), 0, "there are none");
}

Test(fs, too_long_a_request_is_refused)
{
	static char value[FS_MESSAGE_MAX];
	struct {
		uint32_t size, flags;
	} in = {.size = sizeof(value)};

	cr_assert_eq(FUSE_CALL(FUSE_SETXATTR, fuse.top, &in, sizeof(in), "user.x", .more = value,
			       .more_len = sizeof(value)),
		     -E2BIG);
}

static void lie(uint32_t len, size_t really, size_t room, const char *why)
{
	unsigned char bytes[256] = {0};
	struct fuse_in_header h = {.len = len, .opcode = FUSE_GETATTR, .nodeid = 1};

	memcpy(bytes, &h, sizeof(h));
	cr_assert_eq(fuse_raw(1, bytes, really, room), GUEST_NOTHING);
	cr_assert(guest_lied(&fuse.g));
	cr_assert(strstr(fuse.g.why.msg, why), "%s", fuse.g.why.msg);
}

Test(fs, a_request_without_a_header_is_a_lie)
{
	lie(39, 39, 200, "without a header");
}
Test(fs, a_length_beyond_the_request_is_a_lie)
{
	lie(57, 56, 200, "57 bytes in 56");
}
Test(fs, a_length_within_the_header_is_a_lie)
{
	lie(16, 56, 200, "16 bytes in 56");
}
Test(fs, no_room_for_an_answer_is_a_lie)
{
	lie(56, 56, 15, "without room");
}

Test(fs, the_broker_ends_with_the_device_and_its_death_is_an_error)
{
	uint64_t node, fh = fuse_create(fuse.top, "a", O_RDWR, 0644, &node, NULL);
	int error, status;

	kill(fuse.broker.pid, SIGKILL);
	cr_assert_eq(waitpid(fuse.broker.pid, &status, 0), fuse.broker.pid);
	fuse.broker.pid = 0;
	cr_assert_eq(fuse_walk("root", &error), 0);
	cr_assert_eq(error, -EIO);
	cr_assert_eq(fuse_write(node, fh, 0, "x", 1, 0, 0), 1, "what is open goes on");
	cr_assert_not(guest_lied(&fuse.g));
}
