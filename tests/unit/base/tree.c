/* tree.c: see tree.h. */
#include "tree.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tree tree;

static void file(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	cr_assert_geq(fd, 0);
	cr_assert_gt(write(fd, name, strlen(name)), 0);
	close(fd);
}

static int folder(int dir, const char *name)
{
	int fd;

	cr_assert_eq(mkdirat(dir, name, 0755), 0);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	return fd;
}

void tree_make(void)
{
	char far[128];
	int etc;

	strcpy(tree.path, "/tmp/test-tree-XXXXXX");
	cr_assert_not_null(mkdtemp(tree.path));
	tree.base = open(tree.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tree.root = folder(tree.base, "root");
	tree.outside = folder(tree.base, "outside");
	etc = folder(tree.root, "etc");
	file(tree.base, "secret");
	file(tree.outside, "secret");
	file(etc, "passwd");
	close(folder(etc, "deep"));
	cr_assert_eq(mkdirat(etc, "deep/er", 0755), 0);
	cr_assert_eq(symlinkat("/etc/passwd", tree.root, "abs"), 0);
	cr_assert_eq(symlinkat("../../../../etc/passwd", tree.root, "up"), 0);
	cr_assert_eq(symlinkat("/", tree.root, "slash"), 0);
	cr_assert_eq(symlinkat(".", etc, "self"), 0);
	cr_assert_eq(symlinkat("../outside", tree.root, "out"), 0);
	cr_assert_eq(symlinkat("loop2", tree.root, "loop1"), 0);
	cr_assert_eq(symlinkat("loop1", tree.root, "loop2"), 0);
	cr_assert_eq(symlinkat("/etc/none", tree.root, "dangling"), 0);
	cr_assert_eq(symlinkat("../outside/new", tree.root, "hole"), 0);
	snprintf(far, sizeof(far), "%s/outside", tree.path);
	cr_assert_eq(symlinkat(far, tree.root, "far"), 0);
	strcat(far, "/new");
	cr_assert_eq(symlinkat(far, tree.root, "fark"), 0);
	close(etc);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	remove(path);
	return 0;
}

void tree_remove(void)
{
	nftw(tree.path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	close(tree.base);
	close(tree.root);
	close(tree.outside);
}

int tree_is(int fd, const char *path)
{
	struct stat a, b;

	if (fstat(fd, &a) < 0 || fstatat(tree.base, path, &b, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int tree_count(const char *path)
{
	int fd = openat(tree.base, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = -2;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		return -1;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}
