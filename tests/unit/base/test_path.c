/* test_path.c: hostile paths stay beneath the root, by openat2(2) and by the walk. */
#include "base/path.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/sys.h"
#include "base/table.h"
#include "lack.h"
#include "tree.h"

static void lack_openat2(int e)
{
	lack_call(SYS_openat2, e);
	errno = 0;
	cr_assert_eq(sys_openat2(AT_FDCWD, "/", &(struct open_how){.flags = O_PATH}, sizeof(struct open_how)),
		     -1);
	cr_assert_eq(errno, e, "the filter is in force");
}

/* Every test runs as the kernel is, as on one without openat2(2), and below a filter that denies it. */
#define ALL(name)                                                                                            \
	static void name(void);                                                                              \
	Test(path, name, .init = tree_make, .fini = tree_remove)                                             \
	{                                                                                                    \
		name();                                                                                      \
	}                                                                                                    \
	Test(path_without_openat2, name, .init = tree_make, .fini = tree_remove)                             \
	{                                                                                                    \
		lack_openat2(ENOSYS);                                                                        \
		name();                                                                                      \
	}                                                                                                    \
	Test(path_denied_openat2, name, .init = tree_make, .fini = tree_remove)                              \
	{                                                                                                    \
		lack_openat2(EPERM);                                                                         \
		name();                                                                                      \
	}                                                                                                    \
	static void name(void)

static void opens(const char *path, int flags, const char *what)
{
	struct error e = ERROR_NONE;
	int fd = path_open_beneath(tree.root, path, flags, &e);

	cr_assert_geq(fd, 0, "%s: %s", path, e.msg);
	cr_assert(tree_is(fd, what), "%s is not %s", path, what);
	cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

static void refuses(const char *path, int flags, int code)
{
	struct error e = ERROR_NONE;
	int before = count_fds(), ret = path_open_beneath(tree.root, path, flags, &e);

	cr_assert_eq(ret, code, "'%s': %d, not %d", path, ret, code);
	cr_assert_eq(e.code, code);
	cr_assert_not_null(strstr(e.msg, "open "), "%s", e.msg);
	cr_assert_eq(count_fds(), before);
}

ALL(plain_paths)
{
	opens("etc/passwd", O_RDONLY, "root/etc/passwd");
	opens("/etc/passwd", O_RDWR, "root/etc/passwd");
	opens("//etc///.//passwd", O_PATH, "root/etc/passwd");
	opens("etc/deep/../passwd", O_PATH, "root/etc/passwd");
	opens("etc/deep/er/", O_RDONLY | O_DIRECTORY, "root/etc/deep/er");
	opens("etc/deep/er/.", O_PATH, "root/etc/deep/er");
	refuses("", O_PATH, -ENOENT);
	refuses("none", O_PATH, -ENOENT);
	refuses("none/../etc", O_PATH, -ENOENT);
	refuses("etc/passwd/", O_PATH, -ENOTDIR);
	refuses("etc/passwd/..", O_PATH, -ENOTDIR);
	refuses("etc/passwd", O_PATH | O_DIRECTORY, -ENOTDIR);
	refuses("etc", O_RDWR, -EISDIR);
}

ALL(root_has_no_parent)
{
	static const char *const roots[] = {"/",     ".",	 "..",	 "/..", "../../..", "etc/../../..",
					    "slash", "slash/..", "/../."};

	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		opens(roots[i], O_PATH, "root");
		opens(roots[i], O_RDONLY | O_DIRECTORY, "root");
	}
	refuses("../secret", O_PATH, -ENOENT);
	refuses("../outside/secret", O_PATH, -ENOENT);
}

ALL(links_stay_inside)
{
	opens("abs", O_RDONLY, "root/etc/passwd");
	opens("up", O_RDONLY, "root/etc/passwd");
	opens("slash/etc/passwd", O_RDONLY, "root/etc/passwd");
	opens("etc/self/self/deep/../self/passwd", O_RDONLY, "root/etc/passwd");
	opens("slash/slash/slash/abs", O_PATH, "root/etc/passwd");
	refuses("out", O_PATH, -ENOENT);
	refuses("out/secret", O_RDONLY, -ENOENT);
	refuses("far/secret", O_RDONLY, -ENOENT);
	refuses("slash/../../out/secret", O_RDONLY, -ENOENT);
	refuses("dangling", O_RDONLY, -ENOENT);
	refuses("loop1", O_PATH, -ELOOP);
	refuses("loop1/etc", O_PATH, -ELOOP);
	refuses("abs/", O_PATH, -ENOTDIR);
}

ALL(final_link_unfollowed)
{
	opens("abs", O_PATH | O_NOFOLLOW, "root/abs");
	opens("slash/", O_PATH | O_NOFOLLOW, "root");
	opens("slash/abs", O_PATH | O_NOFOLLOW, "root/abs");
	refuses("abs", O_RDONLY | O_NOFOLLOW, -ELOOP);
	refuses("slash", O_PATH | O_NOFOLLOW | O_DIRECTORY, -ENOTDIR);
}

ALL(chains_of_links)
{
	char name[32], target[32];

	for (int i = 0; i < 41; i++) {
		snprintf(name, sizeof(name), "chain%d", i);
		snprintf(target, sizeof(target), "chain%d", i - 1);
		cr_assert_eq(symlinkat(i ? target : "etc", tree.root, name), 0);
	}
	opens("chain39", O_PATH, "root/etc");
	refuses("chain40", O_PATH, -ELOOP);
}

ALL(flags_that_create_are_refused)
{
	refuses("new", O_CREAT | O_WRONLY, -EINVAL);
	refuses("etc", O_TMPFILE | O_WRONLY, -EINVAL);
	refuses("etc", O_PATH | O_RDWR, -EINVAL);
	cr_assert_eq(tree_count("root/etc"), 3);
}

/* The refusal of a device that a filter or a mount option forbids is not to be taken for a lack of
 * openat2(2), and a bad root is a bad root. */
ALL(other_errors_are_kept)
{
	cr_assert_eq(path_open_beneath(-1, "etc", O_PATH, NULL), -EBADF);
	cr_assert_eq(path_make_dir(-1, "etc", 0755, NULL), -EBADF);
}

ALL(magic_links_are_refused)
{
	static const char *const magic[] = {
	    "proc/self/root",	    "proc/self/root/etc",      "proc/self/cwd",
	    "proc/self/exe",	    "proc/self/fd/0",	       "proc/self/ns/mnt",
	    "proc/thread-self/cwd", "/proc/self/../self/root", "proc/self/task/../root/"};
	auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char path[64];
	int fd;

	if (access("/proc/self/stat", F_OK))
		cr_skip_test("/proc");
	for (size_t i = 0; i < ARRAY_LEN(magic); i++)
		cr_assert_eq(path_open_beneath(root, magic[i], O_PATH, NULL), -ELOOP, "%s", magic[i]);
	snprintf(path, sizeof(path), "proc/self/fd/%d/secret", tree.outside);
	cr_assert_eq(path_open_beneath(root, path, O_RDONLY, NULL), -ELOOP);
	/* With the root in the procfs itself. */
	auto_close int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(path_open_beneath(self, "root", O_PATH, NULL), -ELOOP);
	cr_assert_eq(path_make_dir(self, "root/tmp/never-made", 0755, NULL), -ELOOP);
	/* Ordinary links there, and unfollowed ones, are fine. */
	fd = path_open_beneath(root, "proc/self/status", O_RDONLY, NULL);
	cr_assert_geq(fd, 0);
	cr_assert(fd_is_on(fd, PROC_SUPER_MAGIC));
	close(fd);
	fd = path_open_beneath(root, "proc/mounts", O_RDONLY, NULL);
	cr_assert_geq(fd, 0);
	close(fd);
	fd = path_open_beneath(root, "proc/self/exe", O_PATH | O_NOFOLLOW, NULL);
	cr_assert_geq(fd, 0);
	close(fd);
}

/* `make` as dir, or file; returns what path_make_…() did. */
static int make(const char *path, bool file, struct error *err)
{
	return file ? path_make_file(tree.root, path, 0640, err) : path_make_dir(tree.root, path, 0750, err);
}

static void makes(const char *path, bool file, const char *what, mode_t mode)
{
	struct error e = ERROR_NONE;
	struct stat st;
	int fd = make(path, file, &e);

	cr_assert_geq(fd, 0, "%s: %s", path, e.msg);
	cr_assert(tree_is(fd, what), "%s is not %s", path, what);
	cr_assert(fcntl(fd, F_GETFL) & O_PATH);
	cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	cr_assert_eq(fstat(fd, &st), 0);
	if (mode)
		cr_assert_eq(st.st_mode, mode, "%s: %o", path, (unsigned)st.st_mode);
	close(fd);
}

static void makes_not(const char *path, bool file, int code)
{
	struct error e = ERROR_NONE;
	int before = count_fds(), root = tree_count("root"), etc = tree_count("root/etc"),
	    ret = make(path, file, &e);

	cr_assert_eq(ret, code, "'%s': %d, not %d: %s", path, ret, code, e.msg);
	cr_assert_eq(e.code, code);
	cr_assert_eq(count_fds(), before);
	cr_assert_eq(tree_count("root"), root, "%s left something", path);
	cr_assert_eq(tree_count("root/etc"), etc, "%s left something", path);
	cr_assert_eq(tree_count("outside"), 1, "%s reached outside", path);
	cr_assert_eq(tree_count("."), 3, "%s reached outside", path);
}

ALL(makes_directories)
{
	umask(0);
	makes("etc", false, "root/etc", 0);
	makes("/", false, "root", 0);
	makes("a", false, "root/a", S_IFDIR | 0750);
	makes("a/b/c/", false, "root/a/b/c", S_IFDIR | 0750);
	makes("/a//x/./y", false, "root/a/x/y", S_IFDIR | 0750);
	makes("n1/../n2/../../../n3", false, "root/n3", S_IFDIR | 0750);
	cr_assert_geq(tree_count("root/n1"), 0, "like mkdir -p, the way exists");
	makes("slash/etc/self/new", false, "root/etc/new", S_IFDIR | 0750);
	makes("../../m", false, "root/m", S_IFDIR | 0750);
	makes("p/.", false, "root/p", S_IFDIR | 0750);
	makes("q/..", false, "root", 0);
	cr_assert_eq(tree_count("outside"), 1);
	cr_assert_eq(tree_count("."), 3);
}

ALL(makes_files)
{
	umask(0);
	makes("etc/passwd", true, "root/etc/passwd", S_IFREG | 0644);
	makes("abs", true, "root/etc/passwd", 0);
	makes("etc", true, "root/etc", 0);
	makes("f", true, "root/f", S_IFREG | 0640);
	makes("dev/pts/x", true, "root/dev/pts/x", S_IFREG | 0640);
	makes("slash/etc/g", true, "root/etc/g", S_IFREG | 0640);
	cr_assert_eq(mkfifoat(tree.root, "fifo", 0600), 0);
	makes("fifo", true, "root/fifo", S_IFIFO | 0600);
}

ALL(makes_nothing_through_dangling_links)
{
	for (int file = 0; file <= 1; file++) {
		makes_not("dangling", file, -ENOENT);
		makes_not("hole", file, -ENOENT);
		makes_not("fark", file, -ENOENT);
		makes_not("hole/x", file, -ENOENT);
		makes_not("fark/x/y", file, -ENOENT);
		makes_not("out/x", file, -ENOENT);
		makes_not("far/x", file, -ENOENT);
		makes_not("slash/far/x", file, -ENOENT);
		makes_not("loop1", file, -ELOOP);
		makes_not("loop1/x", file, -ELOOP);
		makes_not("etc/passwd/x", file, -ENOTDIR);
		makes_not("", file, -ENOENT);
	}
	makes_not("etc/passwd", false, -ENOTDIR);
	makes_not("new/", true, -EISDIR);
	makes_not("new/.", true, -EISDIR);
	makes_not("new/..", true, -EISDIR);
}

ALL(failure_takes_back_what_was_made)
{
	char path[NAME_MAX + 64];

	strcpy(path, "new/er/");
	memset(path + 7, 'n', NAME_MAX + 1);
	path[7 + NAME_MAX + 1] = '\0';
	for (int file = 0; file <= 1; file++)
		makes_not(path, file, -ENAMETOOLONG);
	strcat(path, "/x");
	for (int file = 0; file <= 1; file++)
		makes_not(path, file, -ENAMETOOLONG);
	makes_not("new/er/../../dangling/x", false, -ENOENT);
	makes_not("new/../etc/passwd/x", false, -ENOTDIR);
	/* What was there before stays. */
	makes_not("etc/deep/er/../../deep/new/../../../hole/y", false, -ENOENT);
	cr_assert_eq(tree_count("root/etc/deep"), 1);
}

ALL(parents)
{
	struct error e = ERROR_NONE;
	char *name = NULL;
	int fd;

	fd = path_open_parent(tree.root, "/etc/passwd", false, &name, &e);
	cr_assert_geq(fd, 0, "%s", e.msg);
	cr_assert_str_eq(name, "passwd");
	cr_assert(tree_is(fd, "root/etc"));
	close(fd);
	free(name);
	fd = path_open_parent(tree.root, "x", false, &name, &e);
	cr_assert(tree_is(fd, "root"));
	cr_assert_str_eq(name, "x");
	close(fd);
	free(name);
	fd = path_open_parent(tree.root, "slash/n1/n2/x//", true, &name, &e);
	cr_assert(tree_is(fd, "root/n1/n2"));
	cr_assert_str_eq(name, "x");
	close(fd);
	free(name);
	name = NULL;
	cr_assert_eq(path_open_parent(tree.root, "none/x", false, &name, &e), -ENOENT);
	cr_assert_eq(path_open_parent(tree.root, "far/x", true, &name, &e), -ENOENT);
	static const char *const bad[] = {"", "/", "//", ".", "..", "etc/.", "etc/..", "etc/../", "/etc/./"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_assert_eq(path_open_parent(tree.root, bad[i], true, &name, &e), -EINVAL, "'%s'", bad[i]);
	cr_assert_null(name, "untouched");
}

Test(path, clean)
{
	static const char *const clean[] = {"/", "/a", "/a/", "/a/b.c/..d", "/...", "/a/.b"};
	static const char *const dirty[] = {"",	   "a",	   "//",    "/a//b",  "/a//",	 "/.",
					    "/..", "/a/.", "/a/..", "/a/./b", "/a/../b", "./a"};

	for (size_t i = 0; i < ARRAY_LEN(clean); i++)
		cr_assert(path_is_clean(clean[i]), "%s", clean[i]);
	for (size_t i = 0; i < ARRAY_LEN(dirty); i++)
		cr_assert_not(path_is_clean(dirty[i]), "%s", dirty[i]);
}

Test(path, join)
{
	static const char *const cases[][3] = {
	    {"a",	  "b",     "a/b"    },
	       {"a/",  "b",	   "a/b"	},
		   {"a//", "//b",	  "a/b"    },
		  {"/",	"b",     "/b"	 },
	    {"",	 "b",     "/b"	  },
	       {"/a",  "/b/c/", "/a/b/c/"},
		   {"a",	 "",	     "a/"	 }
	  };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *joined = path_join(cases[i][0], cases[i][1]);

		cr_assert_str_eq(joined, cases[i][2]);
	}
}

Test(path, absolute, .init = tree_make, .fini = tree_remove)
{
	auto_free char *out = NULL;
	char want[128];

	cr_assert_eq(fchdir(tree.root), 0);
	cr_assert_eq(path_absolute("etc/self/deep/..", &out, NULL), 0);
	snprintf(want, sizeof(want), "%s/root/etc", tree.path);
	cr_assert_str_eq(out, want);
	cr_assert_eq(path_absolute("none", &out, NULL), -ENOENT);
	cr_assert_str_eq(out, want, "untouched");
}

Test(path, file_system_magic)
{
	auto_close int fd = open("/proc", O_PATH | O_CLOEXEC);

	cr_assert(fd_is_on(fd, PROC_SUPER_MAGIC));
	cr_assert_not(fd_is_on(fd, TMPFS_MAGIC));
	cr_assert_not(fd_is_on(-1, PROC_SUPER_MAGIC));
}
