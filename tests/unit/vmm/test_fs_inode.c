/* test_fs_inode.c: nodes, and what becomes of them when descriptors are few. */
#include "vmm/virtio/fs_inode.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct fs_inodes *t;
static struct fs_inode *folder;
static char base[64];
static int dir;

static struct fs_inode *look_up(const char *name)
{
	int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct fs_inode *i;
	struct fs_key key;
	struct statx st;

	cr_assert_geq(fd, 0, "%s", name);
	cr_assert_eq(fs_key_of(fd, 0, &key, &st), 0);
	cr_assert_eq(fs_inodes_look_up(t, &key, st.stx_mode, fd, folder, name, &i), 0);
	return i;
}

static void touch(const char *name)
{
	close(openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
}

static struct fs_inode *numbered(int k)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", k);
	touch(name);
	return look_up(name);
}

static void setup(void)
{
	strcpy(base, "/tmp/nacre-inode-XXXXXX");
	cr_assert(mkdtemp(base));
	dir = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(fs_inodes_new(64, &t), 0);
	folder = look_up(".");
	fs_inode_rename(folder, NULL, NULL);
}

static void teardown(void)
{
	char command[128];

	fs_inodes_free(t);
	close(dir);
	snprintf(command, sizeof(command), "rm -rf %s", base);
	cr_assert_eq(system(command), 0);
}

TestSuite(fs_inode, .init = setup, .fini = teardown);

Test(fs_inode, the_top_is_always_there_and_has_no_descriptor)
{
	struct fs_inode *top = fs_inodes_get(t, FUSE_ROOT_ID);

	cr_assert(top);
	cr_assert_eq(fs_inode_fd(t, top), -EBADF);
	fs_inodes_forget(t, FUSE_ROOT_ID, UINT64_MAX);
	fs_inodes_clear(t);
	cr_assert_eq(fs_inodes_get(t, FUSE_ROOT_ID), top);
	cr_assert_null(fs_inodes_get(t, 0));
}

Test(fs_inode, one_file_is_one_node_for_each_share)
{
	struct fs_inode *a = numbered(1), *other;
	struct fs_key key = a->key;
	size_t open = fs_inodes_open(t);

	cr_assert_eq(link("x", "y"), -1);
	cr_assert_eq(linkat(dir, "1", dir, "2", 0), 0);
	cr_assert_eq(look_up("2"), a);
	cr_assert_eq(fs_inodes_open(t), open, "the second descriptor was closed");
	key.share = 1;
	cr_assert_eq(
	    fs_inodes_look_up(t, &key, S_IFREG, openat(dir, "1", O_PATH | O_CLOEXEC), NULL, NULL, &other), 0);
	cr_assert_neq(other, a);
	cr_assert_neq(other->id, a->id);
}

Test(fs_inode, an_id_is_given_once)
{
	uint64_t last = 0;

	touch("a");
	for (int i = 0; i < 1000; i++) {
		uint64_t id = look_up("a")->id;

		cr_assert_neq(id, last);
		cr_assert_null(fs_inodes_get(t, last));
		fs_inodes_forget(t, id, 1);
		cr_assert_null(fs_inodes_get(t, id));
		last = id;
	}
	cr_assert_eq(fs_inodes_count(t), 1);
}

Test(fs_inode, what_was_closed_is_opened_again)
{
	uint64_t ids[200];

	for (int k = 0; k < 200; k++) {
		fs_inodes_trim(t);
		ids[k] = numbered(k)->id;
		cr_assert_leq(fs_inodes_open(t), 64);
	}
	for (int k = 0; k < 200; k++) {
		struct fs_inode *i = fs_inodes_get(t, ids[k]);
		struct fs_key key;
		int fd;

		fs_inodes_trim(t);
		cr_assert(i, "known, with a descriptor or without");
		fd = fs_inode_fd(t, i);
		cr_assert_geq(fd, 0);
		cr_assert_eq(fs_key_of(fd, 0, &key, NULL), 0);
		cr_assert_eq(key.inode, i->key.inode);
		cr_assert_leq(fs_inodes_open(t), 64);
	}
	/* And looked up again, it is the same node. */
	for (int k = 0; k < 200; k++) {
		fs_inodes_trim(t);
		cr_assert_eq(numbered(k)->id, ids[k]);
	}
}

/* Closes everything that may be: by looking at others. */
static void crowd_out(void)
{
	for (int k = 1000; k < 1200; k++) {
		fs_inodes_trim(t);
		numbered(k);
	}
}

Test(fs_inode, another_file_in_its_place_is_not_taken_for_it)
{
	struct fs_inode *a = numbered(1), *b = numbered(2), *c = numbered(3);

	crowd_out();
	cr_assert_eq(unlinkat(dir, "1", 0), 0);
	cr_assert_eq(fs_inode_fd(t, a), -ESTALE, "gone");
	touch("new");
	cr_assert_eq(renameat(dir, "new", dir, "2"), 0);
	cr_assert_eq(fs_inode_fd(t, b), -ESTALE, "replaced");
	cr_assert_eq(unlinkat(dir, "3", 0), 0);
	cr_assert_eq(symlinkat("/etc/passwd", dir, "3"), 0);
	cr_assert_eq(fs_inode_fd(t, c), -ESTALE, "a link now");
}

Test(fs_inode, without_a_name_it_keeps_its_descriptor)
{
	struct fs_inode *a = numbered(1), *b = numbered(2);

	fs_inode_unname(t, a);
	cr_assert_eq(unlinkat(dir, "1", 0), 0);
	crowd_out();
	cr_assert_geq(fs_inode_fd(t, a), 0);
	/* Renamed, it is found under its new name. */
	cr_assert_eq(renameat(dir, "2", dir, "two"), 0);
	fs_inode_rename(b, folder, "two");
	crowd_out();
	cr_assert_geq(fs_inode_fd(t, b), 0);
}

Test(fs_inode, where_nothing_can_be_closed_it_does_not_hang)
{
	for (int k = 0; k < 500; k++) {
		struct fs_inode *i;

		fs_inodes_trim(t);
		i = numbered(k);
		fs_inode_rename(i, NULL, NULL);
	}
	cr_assert_eq(fs_inodes_open(t), 501);
	fs_inodes_clear(t);
	cr_assert_eq(fs_inodes_open(t), 0);
}
