/* test_fs_name.c: names and attributes, and every way out of a share that somebody has tried. */
#include <criterion/criterion.h>
#include <errno.h>
#include <grp.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuse.h"

TestSuite(fs_name, .init = fuse_setup, .fini = fuse_teardown, .timeout = 120);

static int make_folder(uint64_t in, const char *name)
{
	struct fuse_mkdir_in dir = {.mode = 0755};

	return FUSE_CALL(FUSE_MKDIR, in, &dir, sizeof(dir), name);
}

static int move(uint64_t from, const char *name, uint64_t to, const char *new_name, uint32_t flags)
{
	struct fuse_rename2_in in = {.newdir = to, .flags = flags};

	return FUSE_CALL(FUSE_RENAME2, from, &in, sizeof(in), name, new_name);
}

static int hard_link(uint64_t node, uint64_t folder, const char *name)
{
	struct fuse_link_in in = {.oldnodeid = node};

	return FUSE_CALL(FUSE_LINK, folder, &in, sizeof(in), name);
}

static int symbolic_link(uint64_t folder, const char *name, const char *to)
{
	return FUSE_CALL(FUSE_SYMLINK, folder, .name = name, .name2 = to);
}

static bool outside_is_untouched(void)
{
	char text[16] = {0};
	int fd = openat(fuse.outside, "secret", O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || read(fd, text, sizeof(text)) != 7 || fstat(fd, &st) < 0)
		return false;
	close(fd);
	return !strcmp(text, "secret\n") && st.st_nlink == 1 && st.st_mode == (S_IFREG | 0644);
}

Test(fs_name, names_that_are_none_are_refused_everywhere)
{
	static const char *const bad[] = {"",		".",	       "..", "a/b", "/",
					  "../outside", "/etc/passwd", "a/", "./a"};
	struct fuse_mknod_in nod = {.mode = S_IFREG | 0644};
	uint64_t sub;
	int error;

	cr_assert_eq(make_folder(fuse.top, "a"), 0);
	host_write("a/b", "text");
	sub = fuse_walk("root/a", NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		uint64_t in[] = {fuse.top, sub};

		for (int k = 0; k < 2; k++) {
			cr_assert_eq(fuse_lookup(in[k], bad[i], &error), 0);
			cr_assert_eq(error, -EINVAL, "%s", bad[i]);
			cr_assert_eq(make_folder(in[k], bad[i]), -EINVAL);
			cr_assert_eq(FUSE_CALL(FUSE_MKNOD, in[k], &nod, sizeof(nod), bad[i]), -EINVAL);
			cr_assert_eq(symbolic_link(in[k], bad[i], "x"), -EINVAL);
			cr_assert_eq(FUSE_CALL(FUSE_UNLINK, in[k], .name = bad[i]), -EINVAL);
			cr_assert_eq(FUSE_CALL(FUSE_RMDIR, in[k], .name = bad[i]), -EINVAL);
			cr_assert_eq(move(in[k], bad[i], fuse.top, "x", 0), -EINVAL);
			cr_assert_eq(move(fuse.top, "a", in[k], bad[i], 0), -EINVAL);
			cr_assert_eq(hard_link(fuse_walk("root/a/b", NULL), in[k], bad[i]), -EINVAL);
			cr_assert_eq(fuse_create(in[k], bad[i], O_RDWR, 0644, NULL, &error), 0);
			cr_assert_eq(error, -EINVAL);
		}
	}
	cr_assert_str_eq(host_read("a/b"), "text");
}

Test(fs_name, the_longest_name_and_one_longer)
{
	char name[300];
	int error;

	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	cr_assert_eq(make_folder(fuse.top, name), 0);
	cr_assert(fuse_lookup(fuse.top, name, NULL));
	name[255] = 'n';
	name[256] = '\0';
	cr_assert_eq(fuse_lookup(fuse.top, name, &error), 0);
	cr_assert_eq(error, -ENAMETOOLONG);
}

Test(fs_name, a_symbolic_link_is_text_and_leads_nowhere)
{
	char absolute[128];
	uint64_t link;
	int error;

	snprintf(absolute, sizeof(absolute), "%s/outside", fuse.base);
	cr_assert_eq(symbolic_link(fuse.top, "up", "../outside"), 0);
	cr_assert_eq(symbolic_link(fuse.top, "abs", absolute), 0);
	cr_assert_eq(symlinkat("../outside/secret", fuse.root, "file"), 0);
	for (int i = 0; i < 2; i++) {
		link = fuse_lookup(fuse.top, i ? "abs" : "up", NULL);
		cr_assert(S_ISLNK(fuse_entry()->attr.mode));
		cr_assert_eq(FUSE_CALL(FUSE_READLINK, link), 0);
		cr_assert_eq(memcmp(fuse.body, i ? absolute : "../outside", fuse.len), 0);
		cr_assert_eq(fuse_lookup(link, "secret", &error), 0);
		cr_assert_eq(error, -ENOTDIR);
		cr_assert_eq(make_folder(link, "new"), -ENOTDIR);
		cr_assert_eq(FUSE_CALL(FUSE_UNLINK, link, .name = "secret"), -ENOTDIR);
		cr_assert_eq(fuse_create(link, "secret", O_RDWR, 0644, NULL, &error), 0);
		cr_assert_eq(error, -ENOTDIR);
		cr_assert_eq(fuse_opendir(link, &error), 0);
		cr_assert_eq(error, -ENOTDIR);
	}
	link = fuse_lookup(fuse.top, "file", NULL);
	for (int flags = 0; flags < 3; flags++) {
		cr_assert_eq(fuse_open(link, flags, &error), 0);
		cr_assert_lt(error, 0);
		cr_assert_eq(fuse_create(fuse.top, "file", flags, 0644, NULL, &error), 0,
			     "is there, and no file");
		cr_assert_lt(error, 0);
	}
	/* What changes a node changes the link, or nothing. */
	cr_assert_eq(fuse_setattr(link, &(struct fuse_setattr_in){.valid = FATTR_MODE, .mode = 0777}),
		     -EOPNOTSUPP);
	cr_assert_lt(fuse_setattr(link, &(struct fuse_setattr_in){.valid = FATTR_SIZE, .size = 0}), 0);
	cr_assert_eq(fuse_setattr(link, &(struct fuse_setattr_in){.valid = FATTR_MTIME, .mtime = 5}), 0);
	cr_assert_eq(hard_link(link, fuse.top, "file2"), 0);
	cr_assert(S_ISLNK(fuse_entry()->attr.mode));
	cr_assert(outside_is_untouched());
}

/* On the host, until it is killed: "swap" is a folder, then a link to outside, and so on. */
static pid_t keep_swapping(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	mkdirat(fuse.root, "swap", 0755);
	symlinkat("../outside", fuse.root, "other");
	for (;;)
		renameat2(fuse.root, "swap", fuse.root, "other", RENAME_EXCHANGE);
}

Test(fs_name, a_race_with_renames_on_the_host_never_leads_out)
{
	pid_t pid = keep_swapping();
	int folders = 0, links = 0;

	for (int i = 0; i < 200000 && (i < 2000 || folders < 20 || links < 20); i++) {
		int error = 0;
		uint64_t node = fuse_lookup(fuse.top, "swap", NULL);

		if (!node)
			continue;
		folders += S_ISDIR(fuse_entry()->attr.mode);
		links += S_ISLNK(fuse_entry()->attr.mode);
		cr_assert_eq(fuse_lookup(node, "secret", &error), 0);
		cr_assert(error == -ENOENT || error == -ENOTDIR, "%d", error);
		/* May be made in the folder; what must not be is looked at below. */
		fuse_create(node, "new", O_RDWR, 0644, NULL, NULL);
		fuse_forget(node, 1);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cr_assert(folders && links, "%d folders, %d links", folders, links);
	cr_assert(outside_is_untouched());
	cr_assert_eq(faccessat(fuse.outside, "new", F_OK, 0), -1);
}

Test(fs_name, a_folder_moved_away_on_the_host_has_no_way_up)
{
	uint64_t folder;
	int error;

	mkdirat(fuse.root, "a", 0755);
	folder = fuse_walk("root/a", NULL);
	cr_assert_eq(renameat(fuse.root, "a", fuse.outside, "a"), 0);
	cr_assert_eq(fuse_lookup(folder, "..", &error), 0);
	cr_assert_eq(error, -EINVAL);
	cr_assert_eq(fuse_lookup(folder, "secret", &error), 0);
	cr_assert_eq(error, -ENOENT);
}

static void no_host_number(const struct fuse_dirent *d, const struct fuse_entry_out *e)
{
	if (d->namelen == 2 && !memcmp(d->name, "..", 2))
		cr_assert_eq(d->ino, FUSE_ROOT_ID);
	cr_assert(!e || !e->nodeid || d->name[0] != '.');
}

Test(fs_name, above_a_share_there_is_nothing)
{
	cr_assert_eq(fuse_list(fuse.top, false, 4096, no_host_number), 2);
	cr_assert_eq(fuse_list(fuse.top, true, 4096, no_host_number), 2);
}

Test(fs_name, pipes_sockets_and_devices_are_never_opened)
{
	struct fuse_mknod_in nod = {.mode = S_IFCHR | 0666, .rdev = fs_device_encode(1, 3)};
	static const char *const names[] = {"fifo", "socket", "null"};
	int error;

	cr_assert_eq(mknodat(fuse.root, "fifo", S_IFIFO | 0666, 0), 0);
	cr_assert_eq(mknodat(fuse.root, "socket", S_IFSOCK | 0666, 0), 0);
	error = FUSE_CALL(FUSE_MKNOD, fuse.top, &nod, sizeof(nod), "null");
	cr_assert(error == 0 || error == -EPERM, "where the machine lets root");
	for (int i = 0; i < (error ? 2 : 3); i++) {
		uint64_t node = fuse_lookup(fuse.top, names[i], NULL);
		struct fuse_setattr_in size = {.valid = FATTR_SIZE};

		cr_assert(node);
		for (int flags = 0; flags < 3; flags++) {
			cr_assert_eq(fuse_open(node, flags, &error), 0);
			cr_assert_eq(error, -ENXIO);
			cr_assert_eq(fuse_create(fuse.top, names[i], flags, 0644, NULL, &error), 0);
			cr_assert_eq(error, -ENXIO);
		}
		cr_assert_eq(fuse_setattr(node, &size), -EINVAL);
		cr_assert_eq(fuse_setattr(node, &(struct fuse_setattr_in){.valid = FATTR_MODE, .mode = 0600}),
			     0);
		cr_assert_eq(FUSE_CALL(FUSE_UNLINK, fuse.top, .name = names[i]), 0);
	}
}

Test(fs_name, read_only_is_judged_on_the_host)
{
	struct fuse_create_in tmp = {.flags = O_RDWR, .mode = S_IFREG | 0600};
	struct fuse_mknod_in nod = {.mode = S_IFREG | 0644};
	struct {
		uint32_t size, flags;
	} set = {.size = 1};
	uint64_t node, fh, top = fuse_walk("fixed", NULL), writable;
	int error;

	host_write("a", "text");
	mkdirat(fuse.root, "d", 0755);
	node = fuse_walk("fixed/a", NULL);
	writable = fuse_walk("root/a", NULL);
	cr_assert_neq(node, writable, "one file, and yet two nodes");
	for (int flags = 1; flags < 3; flags++) {
		cr_assert_eq(fuse_open(node, flags, &error), 0);
		cr_assert_eq(error, -EROFS);
	}
	cr_assert_eq(fuse_open(node, O_RDONLY | O_TRUNC, &error), 0);
	cr_assert_eq(error, -EROFS);
	fh = fuse_open(node, O_RDONLY, NULL);
	cr_assert(fh);
	cr_assert_eq(fuse_write(node, fh, 0, "x", 1, 0, 0), -EBADF);
	cr_assert_eq(fuse_create(top, "new", O_RDWR, 0644, NULL, &error), 0);
	cr_assert_eq(error, -EROFS);
	cr_assert(fuse_create(top, "a", O_RDONLY, 0644, NULL, &error), "it is there already");
	cr_assert_eq(fuse_create(top, "a", O_RDWR, 0644, NULL, &error), 0);
	cr_assert_eq(error, -EROFS);
	cr_assert_eq(make_folder(top, "new"), -EROFS);
	cr_assert_eq(symbolic_link(top, "new", "x"), -EROFS);
	cr_assert_eq(FUSE_CALL(FUSE_MKNOD, top, &nod, sizeof(nod), "new"), -EROFS);
	cr_assert_eq(FUSE_CALL(FUSE_UNLINK, top, .name = "a"), -EROFS);
	cr_assert_eq(FUSE_CALL(FUSE_RMDIR, top, .name = "d"), -EROFS);
	cr_assert_eq(move(top, "a", top, "b", 0), -EROFS);
	cr_assert_eq(move(top, "a", fuse.top, "b", 0), -EROFS);
	cr_assert_eq(move(fuse.top, "a", top, "b", 0), -EXDEV);
	cr_assert_eq(hard_link(node, top, "b"), -EROFS);
	cr_assert_eq(hard_link(writable, top, "b"), -EROFS);
	cr_assert_eq(hard_link(node, fuse.top, "b"), -EXDEV);
	cr_assert_eq(FUSE_CALL(FUSE_TMPFILE, top, &tmp, sizeof(tmp), "/"), -EROFS);
	cr_assert_eq(fuse_setattr(node, &(struct fuse_setattr_in){.valid = FATTR_MODE, .mode = 0777}),
		     -EROFS);
	cr_assert_eq(fuse_setattr(node, &(struct fuse_setattr_in){.valid = FATTR_SIZE | FATTR_FH, .fh = fh}),
		     -EROFS);
	cr_assert_eq(fuse_setattr(node, &(struct fuse_setattr_in){.valid = FATTR_MTIME_NOW}), -EROFS);
	cr_assert_eq(FUSE_CALL(FUSE_SETXATTR, node, &set, sizeof(set), "user.x", .more = "1", .more_len = 1),
		     -EROFS);
	cr_assert_eq(FUSE_CALL(FUSE_REMOVEXATTR, node, .name = "user.x"), -EROFS);
	cr_assert_str_eq(host_read("a"), "text");
}

Test(fs_name, forgetting_too_much_or_too_often_harms_nobody)
{
	uint64_t a, b, one = fuse_walk("one", NULL);

	host_write("a", "text");
	a = fuse_lookup(fuse.top, "a", NULL);
	cr_assert_eq(fuse_lookup(fuse.top, "a", NULL), a);
	fuse_forget(a, 1);
	cr_assert(fuse_getattr(a), "looked up twice");
	fuse_forget(a, UINT64_MAX);
	cr_assert_null(fuse_getattr(a));
	cr_assert_eq(fuse.h.error, -ESTALE);
	fuse_forget(a, UINT64_MAX);
	host_write("b", "other");
	b = fuse_lookup(fuse.top, "b", NULL);
	cr_assert_neq(b, a, "an id is given once");
	fuse_forget(a, 1);
	cr_assert(fuse_getattr(b));
	for (int i = 0; i < 3; i++) {
		fuse_forget(FUSE_ROOT_ID, UINT64_MAX);
		fuse_forget(fuse.top, UINT64_MAX);
		fuse_forget(one, UINT64_MAX);
		fuse_forget(0, UINT64_MAX);
		fuse_forget(UINT64_MAX, 1);
	}
	cr_assert(fuse_getattr(FUSE_ROOT_ID));
	cr_assert(fuse_getattr(fuse.top), "the top of a share stays");
	cr_assert(fuse_getattr(one));
}

Test(fs_name, forgetting_many_at_once)
{
	struct {
		struct fuse_in_header h;
		struct fuse_batch_forget_in in;
		struct fuse_forget_one one[3];
	} f = {
	    {.len = sizeof(f), .opcode = FUSE_BATCH_FORGET, .unique = 99},
		   {.count = 1000000   },
	       {{0}}
	    };
	uint64_t nodes[2];

	host_write("a", "");
	host_write("b", "");
	f.one[0] = (struct fuse_forget_one){nodes[0] = fuse_lookup(fuse.top, "a", NULL), 1};
	f.one[1] = (struct fuse_forget_one){nodes[1] = fuse_lookup(fuse.top, "b", NULL), 5};
	f.one[2] = (struct fuse_forget_one){12345, 5};
	cr_assert_eq(fuse_raw(1, &f, sizeof(f), 0), 0, "more were announced than there are");
	cr_assert_null(fuse_getattr(nodes[0]));
	cr_assert_null(fuse_getattr(nodes[1]));
	cr_assert(fuse_getattr(fuse.top));
}

Test(fs_name, renaming_and_linking)
{
	uint64_t d, a;
	struct stat st;

	host_write("a", "A");
	host_write("b", "B");
	cr_assert_eq(make_folder(fuse.top, "d"), 0);
	d = fuse_entry()->nodeid;
	a = fuse_lookup(fuse.top, "a", NULL);
	cr_assert_eq(move(fuse.top, "a", d, "x", RENAME_NOREPLACE), 0);
	cr_assert_str_eq(host_read("d/x"), "A");
	cr_assert(fuse_getattr(a));
	cr_assert_eq(move(fuse.top, "b", d, "x", RENAME_NOREPLACE), -EEXIST);
	cr_assert_eq(move(fuse.top, "b", d, "x", RENAME_EXCHANGE), 0);
	cr_assert_str_eq(host_read("d/x"), "B");
	cr_assert_eq(move(fuse.top, "b", d, "x", 1u << 30), -EINVAL);
	cr_assert_eq(move(fuse.top, "b", 4711, "x", 0), -ESTALE);
	cr_assert_eq(move(fuse.top, "none", d, "y", 0), -ENOENT);
	cr_assert_eq(hard_link(a, d, "z"), 0);
	cr_assert_eq(fuse_entry()->nodeid, a);
	cr_assert_eq(fstatat(fuse.root, "d/z", &st, 0), 0);
	cr_assert_eq(st.st_nlink, 2);
	cr_assert_eq(FUSE_CALL(FUSE_RENAME, d, &(struct fuse_rename_in){fuse.top}, 8, "x", "b"), 0);
	cr_assert_str_eq(host_read("b"), "B");
	cr_assert_eq(FUSE_CALL(FUSE_RMDIR, fuse.top, .name = "d"), -ENOTEMPTY);
	cr_assert_eq(FUSE_CALL(FUSE_UNLINK, d, .name = "z"), 0);
	cr_assert_eq(FUSE_CALL(FUSE_RMDIR, fuse.top, .name = "d"), 0);
}

Test(fs_name, what_is_made_belongs_to_who_makes_it)
{
	struct stat st;
	uint64_t node;
	int error;

	if (!fuse_has_all_ids())
		cr_skip_test("needs root of all users");
	fuse.uid = 1000;
	fuse.gid = 1001;
	/* In root's folder: that was for the guest's kernel to judge. */
	cr_assert_eq(make_folder(fuse.top, "d"), 0);
	cr_assert_eq(symbolic_link(fuse.top, "l", "x"), 0);
	cr_assert(fuse_create(fuse.top, "f", O_WRONLY, 0400, &node, &error));
	cr_assert_eq(fstatat(fuse.root, "d", &st, 0), 0);
	cr_assert(st.st_uid == 1000 && st.st_gid == 1001);
	cr_assert_eq(fstatat(fuse.root, "l", &st, AT_SYMLINK_NOFOLLOW), 0);
	cr_assert(st.st_uid == 1000 && st.st_gid == 1001);
	cr_assert_eq(fstatat(fuse.root, "f", &st, 0), 0);
	cr_assert(st.st_uid == 1000 && st.st_gid == 1001);
	/* And ourselves again. */
	fuse.uid = fuse.gid = 0;
	cr_assert_eq(make_folder(fuse.top, "r"), 0);
	cr_assert_eq(fstatat(fuse.root, "r", &st, 0), 0);
	cr_assert(st.st_uid == 0 && st.st_gid == 0);
	fuse.uid = UINT32_MAX;
	cr_assert_eq(make_folder(fuse.top, "nobody"), -EOVERFLOW);
	fuse.uid = 0;
	cr_assert_eq(make_folder(fuse.top, "r2"), 0);
}

/* With groups that are none of the guest's. */
static void setup_in_group_77(void)
{
	const gid_t group = 77;

	(void)setgroups(1, &group);
	fuse_setup();
}

/* CVE-2022-0358: in a folder that hands its group down, whoever is not of that group makes no program that runs as of it. */
Test(fs_name, no_set_group_id_program_for_another_group, .init = setup_in_group_77)
{
	struct stat st;
	uint64_t node;
	int error;

	if (!fuse_has_all_ids())
		cr_skip_test("needs root of all users");
	cr_assert_eq(mkdirat(fuse.root, "d", 0755), 0);
	cr_assert_eq(fchownat(fuse.root, "d", 0, 77, 0), 0);
	cr_assert_eq(fchmodat(fuse.root, "d", 02777, 0), 0);
	fuse.uid = 1000;
	fuse.gid = 1001;
	cr_assert(fuse_create(fuse_lookup(fuse.top, "d", &error), "f", O_WRONLY, 02755, &node, &error));
	cr_assert_eq(fstatat(fuse.root, "d/f", &st, 0), 0);
	cr_assert(st.st_uid == 1000 && st.st_gid == 77);
	cr_assert_eq(st.st_mode, S_IFREG | 0755, "%o", st.st_mode);
	/* Root may. */
	fuse.uid = fuse.gid = 0;
	cr_assert(fuse_create(fuse_lookup(fuse.top, "d", &error), "r", O_WRONLY, 02755, &node, &error));
	cr_assert_eq(fstatat(fuse.root, "d/r", &st, 0), 0);
	cr_assert_eq(st.st_mode, S_IFREG | 02755, "%o", st.st_mode);
}

/* Root of a user namespace with one id: the only one that can own anything. */
Test(fs_name, an_id_that_the_host_lacks_makes_nothing)
{
	struct stat st;

	fuse.uid = fuse_has_all_ids() ? UINT32_MAX : 1;
	cr_assert_eq(make_folder(fuse.top, "d"), -EOVERFLOW);
	cr_assert_eq(fstatat(fuse.root, "d", &st, 0), -1);
	fuse.uid = geteuid();
	fuse.gid = getegid();
	cr_assert_eq(make_folder(fuse.top, "d"), 0);
	cr_assert_eq(fstatat(fuse.root, "d", &st, 0), 0);
	cr_assert_eq(st.st_uid, geteuid());
}

Test(fs_name, extended_attributes_of_the_hosts_are_not_the_guests)
{
	static const char *const theirs[] = {"trusted.overlay.opaque",
					     "security.selinux",
					     "security.ima",
					     "system.posix_acl_access",
					     "security.capability.x",
					     "use",
					     ""};
	struct {
		uint32_t size, flags;
	} set = {.size = 1};
	struct fuse_getxattr_in get = {.size = 100};
	uint64_t node;

	host_write("a", "");
	node = fuse_walk("root/a", NULL);
	for (size_t i = 0; i < sizeof(theirs) / sizeof(*theirs); i++) {
		cr_assert_eq(
		    FUSE_CALL(FUSE_SETXATTR, node, &set, sizeof(set), theirs[i], .more = "y", .more_len = 1),
		    -EOPNOTSUPP);
		cr_assert_eq(FUSE_CALL(FUSE_GETXATTR, node, &get, sizeof(get), theirs[i]), -EOPNOTSUPP);
		cr_assert_eq(FUSE_CALL(FUSE_REMOVEXATTR, node, .name = theirs[i]), -EOPNOTSUPP);
	}
	set.size = 2;
	cr_assert_eq(FUSE_CALL(FUSE_SETXATTR, node, &set, sizeof(set), "user.x", .more = "y", .more_len = 1),
		     -EINVAL);
	set.size = UINT32_MAX;
	cr_assert_eq(FUSE_CALL(FUSE_SETXATTR, node, &set, sizeof(set), "user.x", .more = "y", .more_len = 1),
		     -EINVAL);
	cr_assert_eq(FUSE_CALL(FUSE_LISTXATTR, node, &get, sizeof(get)), 0);
}

Test(fs_name, statfs_and_syncfs)
{
	struct fuse_syncfs_in in = {0};
	struct stat st;

	cr_assert_eq(FUSE_CALL(FUSE_STATFS, fuse.top), 0);
	cr_assert_gt(((const struct fuse_statfs_out *)fuse.body)->st.bsize, 0);
	cr_assert_eq(FUSE_CALL(FUSE_SYNCFS, fuse.top, &in, sizeof(in)), 0);
	cr_assert_eq(FUSE_CALL(FUSE_SYNCFS, FUSE_ROOT_ID, &in, sizeof(in)), 0);
	cr_assert_eq(fstatat(fuse.root, ".", &st, 0), 0);
	cr_assert_eq(fuse_getattr(fuse.top)->ino, st.st_ino);
}
