/* test_fs_mount.c: what programs do with a root file system, through a kernel's FUSE client, the device and
 * the broker. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fuse_mount.h"

enum { MODEL = 300000 };

static char base[64];
static struct fuse_mount mounted;

static int open_at(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	mkdir(path, 0755);
	return open(path, O_PATH | O_CLOEXEC);
}

/* The current folder is the share's; HOST is the same folder on the host. */
#define HOST "../../host/"
static void setup(void)
{
	static char at[80];
	struct fs_share shares[2];
	int ret;

	strcpy(base, "/tmp/nacre-mount-XXXXXX");
	cr_assert(mkdtemp(base));
	chmod(base, 0755);
	umask(022);
	shares[0] = (struct fs_share){"root", open_at("host"), false};
	shares[1] = (struct fs_share){"fixed", shares[0].fd, true};
	close(open_at("guest"));
	snprintf(at, sizeof(at), "%s/guest", base);
	ret = fuse_mount(&mounted, at, shares, 2);
	if (ret == -ENOTSUP) {
		mounted.server = 0;
		cr_skip_test("needs root and /dev/fuse");
	}
	cr_assert_eq(ret, 0);
	cr_assert_eq(chdir(at), 0);
	cr_assert_eq(chdir("root"), 0);
}

static void teardown(void)
{
	char command[128];

	cr_assert_eq(chdir("/"), 0);
	if (mounted.server)
		cr_assert_eq(fuse_unmount(&mounted), 0);
	snprintf(command, sizeof(command), "rm -rf %s", base);
	cr_assert_eq(system(command), 0);
}

TestSuite(fs_mount, .init = setup, .fini = teardown, .timeout = 300);

static unsigned char model[MODEL], got[MODEL];
static size_t size;
static unsigned int seed = 1;

static size_t any(size_t below)
{
	return below ? (size_t)rand_r(&seed) % below : 0;
}

static void check(int fd, const char *after, int step)
{
	struct stat st;

	cr_assert_eq(fstat(fd, &st), 0);
	cr_assert_eq((size_t)st.st_size, size, "size after %s, step %d: %zu", after, step,
		     (size_t)st.st_size);
	cr_assert_eq(pread(fd, got, MODEL, 0), (ssize_t)size);
	for (size_t i = 0; i < size; i++)
		cr_assert_eq(got[i], model[i], "byte %zu after %s, step %d", i, after, step);
}

static void grow_to(size_t n)
{
	if (n > size)
		size = n;
}

static const char *one_step(int *fd)
{
	size_t at = any(MODEL - 70000), n = 1 + any(70000), old = size;
	off_t from, to;
	char *map;

	switch (any(8)) {
	case 0:
	case 1:
		for (size_t i = 0; i < n; i++)
			model[at + i] = (unsigned char)any(256);
		if (at > old)
			memset(model + old, 0, at - old);
		cr_assert_eq(pwrite(*fd, model + at, n, (off_t)at), (ssize_t)n);
		grow_to(at + n);
		return "write";
	case 2:
		if (at > old)
			memset(model + old, 0, at - old);
		size = at;
		cr_assert_eq(ftruncate(*fd, (off_t)at), 0);
		return "truncate";
	case 3:
		if (!size)
			return "nothing";
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
		cr_assert_neq(map, MAP_FAILED);
		at = any(size);
		n = n < size - at ? n : size - at;
		for (size_t i = 0; i < n; i++)
			map[at + i] = (char)(model[at + i] = (unsigned char)any(256));
		if (any(2))
			cr_assert_eq(msync(map, size, MS_SYNC), 0);
		cr_assert_eq(munmap(map, size), 0);
		return "mmap";
	case 4:
		if (fallocate(*fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)n) < 0) {
			cr_assert_eq(errno, EOPNOTSUPP);
			return "nothing";
		}
		for (size_t i = at; i < at + n && i < size; i++)
			model[i] = 0;
		return "punch";
	case 5:
		if (size < 2)
			return "nothing";
		n = 1 + any(size / 2);
		from = 0;
		to = (off_t)(size / 2 + any(size / 2));
		n = n < (size_t)to ? n : (size_t)to;
		n = n < MODEL - (size_t)to ? n : MODEL - (size_t)to;
		old = (size_t)to;
		cr_assert_eq(copy_file_range(*fd, &from, *fd, &to, n, 0), (ssize_t)n, "%s", strerror(errno));
		memmove(model + old, model, n);
		grow_to(old + n);
		return "copy";
	case 6:
		if (size + 100 > MODEL)
			return "nothing";
		cr_assert_eq(fcntl(*fd, F_SETFL, O_APPEND), 0);
		for (size_t i = 0; i < 100; i++)
			model[size + i] = (unsigned char)any(256);
		cr_assert_eq(write(*fd, model + size, 100), 100);
		size += 100;
		cr_assert_eq(fcntl(*fd, F_SETFL, 0), 0);
		return "append";
	default:
		close(*fd);
		*fd = open("file", O_RDWR | O_CLOEXEC);
		cr_assert_geq(*fd, 0);
		return "reopen";
	}
}

/* In the manner of fsx: any operations on one file, compared to a copy in memory. */
Test(fs_mount, random_operations_on_a_file_agree_with_a_model)
{
	int fd = open("file", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644), host;

	cr_assert_geq(fd, 0);
	for (int step = 0; step < 400; step++)
		check(fd, one_step(&fd), step);
	cr_assert_eq(fsync(fd), 0);
	host = open(HOST "file", O_RDONLY | O_CLOEXEC);
	check(host, "all, on the host", 0);
	close(host);
	close(fd);
}

Test(fs_mount, files_without_a_name_and_with_many)
{
	char proc[64];
	struct stat st;
	int fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0640), fd2;

	/* Kernels before 6.2 do not ask. */
	if (fd >= 0) {
		cr_assert_eq(write(fd, "text", 4), 4);
		snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
		cr_assert_eq(linkat(AT_FDCWD, proc, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), 0, "%s",
			     strerror(errno));
		cr_assert_eq(stat(HOST "named", &st), 0);
		cr_assert_eq(st.st_size, 4);
		cr_assert_eq(st.st_mode, S_IFREG | 0640);
		close(fd);
	} else {
		cr_assert_eq(errno, EOPNOTSUPP);
	}
	fd = open("a", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	cr_assert_eq(link("a", "b"), 0);
	cr_assert_eq(unlink("a"), 0);
	cr_assert_eq(write(fd, "x", 1), 1);
	fd2 = open("b", O_RDONLY | O_CLOEXEC);
	cr_assert_eq(fstat(fd2, &st), 0);
	cr_assert_eq(st.st_size, 1);
	cr_assert_eq(st.st_nlink, 1);
	cr_assert_eq(unlink("b"), 0);
	cr_assert_eq(pwrite(fd, "yz", 2, 1), 2);
	cr_assert_eq(fstat(fd2, &st), 0);
	cr_assert_eq(st.st_nlink, 0);
	cr_assert_eq(pread(fd2, got, 10, 0), 3);
	cr_assert_eq(memcmp(got, "xyz", 3), 0);
	close(fd);
	close(fd2);
	cr_assert_eq(symlink("a/../b", "link"), 0);
	cr_assert_eq(readlink("link", (char *)got, 100), 6);
	cr_assert_eq(memcmp(got, "a/../b", 6), 0);
	cr_assert_eq(access("link", F_OK), -1);
}

Test(fs_mount, renames)
{
	struct stat a, b, c;

	cr_assert_eq(mkdir("d", 0755), 0);
	close(open("a", O_CREAT | O_WRONLY, 0644));
	close(open("d/b", O_CREAT | O_WRONLY, 0644));
	stat("a", &a);
	stat("d/b", &b);
	cr_assert_eq(renameat2(AT_FDCWD, "a", AT_FDCWD, "d/b", RENAME_NOREPLACE), -1);
	cr_assert_eq(errno, EEXIST);
	cr_assert_eq(renameat2(AT_FDCWD, "a", AT_FDCWD, "d/b", RENAME_EXCHANGE), 0);
	stat("a", &c);
	cr_assert_eq(c.st_ino, b.st_ino);
	stat("d/b", &c);
	cr_assert_eq(c.st_ino, a.st_ino);
	cr_assert_eq(rename("a", "d/b"), 0);
	stat("d/b", &c);
	cr_assert_eq(c.st_ino, b.st_ino);
	cr_assert_eq(access("a", F_OK), -1);
	cr_assert_eq(rename("d", "d/x"), -1);
	cr_assert_eq(errno, EINVAL);
	cr_assert_eq(rmdir("d"), -1);
	cr_assert_eq(errno, ENOTEMPTY);
	cr_assert_eq(unlink("d/b"), 0);
	cr_assert_eq(rmdir("d"), 0);
}

/* Runs fn as an ordinary user; its return. */
static int as_user(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (setgid(1000) < 0 || setuid(1000) < 0)
			_exit(99);
		_exit(fn());
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static int use_as_user(void)
{
	int fd;

	if (mkdir("mine", 0755) == 0 || errno != EACCES)
		return 1;
	if (open("secret", O_RDONLY) >= 0 || errno != EACCES)
		return 2;
	if (mkdir("open/mine", 0750) < 0 || mkfifo("open/mine/fifo", 0600) < 0 ||
	    symlink("x", "open/mine/link") < 0)
		return 3;
	/* Read-only for everybody, and yet its maker writes to it. */
	fd = open("open/mine/file", O_CREAT | O_WRONLY, 0444);
	if (fd < 0 || write(fd, "x", 1) != 1)
		return 4;
	if (mknod("open/mine/null", S_IFCHR | 0666, makedev(1, 3)) == 0 || errno != EPERM)
		return 5;
	if (unlink("open/roots") == 0 || errno != EPERM)
		return 6;
	if (chown("open/mine/file", 0, 0) == 0 || errno != EPERM)
		return 7;
	fd = open("suid", O_WRONLY);
	return fd >= 0 && write(fd, "x", 1) == 1 ? 0 : 8;
}

Test(fs_mount, owners_and_modes_are_kept_and_heeded)
{
	static const char *const made[] = {"open/mine", "open/mine/fifo", "open/mine/link", "open/mine/file"};
	char path[64];
	struct stat st;

	cr_assert_eq(mkdir("open", 0755), 0);
	cr_assert_eq(chmod("open", 01777), 0);
	close(open("open/roots", O_CREAT | O_WRONLY, 0644));
	close(open("secret", O_CREAT | O_WRONLY, 0600));
	close(open("suid", O_CREAT | O_WRONLY, 0666));
	cr_assert_eq(chmod("suid", 06777), 0);
	cr_assert_eq(stat(HOST "suid", &st), 0);
	cr_assert_eq(st.st_mode, S_IFREG | 06777);
	cr_assert_eq(as_user(use_as_user), 0);
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), HOST "%s", made[i]);
		cr_assert_eq(lstat(path, &st), 0);
		cr_assert(st.st_uid == 1000 && st.st_gid == 1000, "%s", path);
	}
	cr_assert_eq(chown("open/mine/file", 5, 6), 0);
	cr_assert_eq(lchown("open/mine/link", 7, 8), 0);
	cr_assert_eq(lstat(HOST "open/mine/link", &st), 0);
	cr_assert(st.st_uid == 7 && st.st_gid == 8);
	/* A folder hands its group down. */
	cr_assert_eq(mkdir("group", 0755), 0);
	cr_assert_eq(chown("group", 0, 77), 0);
	cr_assert_eq(chmod("group", 02755), 0);
	cr_assert_eq(mkdir("group/sub", 0755), 0);
	cr_assert_eq(stat(HOST "group/sub", &st), 0);
	cr_assert_eq(st.st_gid, 77);
	cr_assert_eq(st.st_mode, S_IFDIR | 02755);
	umask(027);
	close(open("masked", O_CREAT | O_WRONLY, 0666));
	cr_assert_eq(stat(HOST "masked", &st), 0);
	cr_assert_eq(st.st_mode, S_IFREG | 0640);
}

Test(fs_mount, special_files_are_the_guests_own)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    c = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;
	char byte;
	int fd;

	cr_assert_eq(bind(s, (void *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(s, 1), 0);
	cr_assert_eq(connect(c, (void *)&address, sizeof(address)), 0);
	cr_assert_eq(mkfifo("fifo", 0600), 0);
	fd = open("fifo", O_RDWR | O_CLOEXEC);
	cr_assert_eq(write(fd, "x", 1), 1);
	cr_assert_eq(read(fd, &byte, 1), 1);
	close(fd);
	cr_assert_eq(mknod("null", S_IFCHR | 0666, makedev(1, 3)), 0);
	cr_assert_eq(stat("null", &st), 0);
	cr_assert_eq(st.st_rdev, makedev(1, 3));
	cr_assert_eq(stat(HOST "null", &st), 0);
	cr_assert_eq(st.st_rdev, makedev(1, 3));
	close(s);
	close(c);
}

Test(fs_mount, times_and_attributes)
{
	struct timespec t[2] = {
	    {1000000000, 123456789 },
	     {0,		 UTIME_OMIT}
	    };
	struct timespec old[2] = {
	    {-5,	 1	  },
	     {1500000000, 999999999}
	    };
	struct stat st, host;

	close(open("a", O_CREAT | O_WRONLY, 0644));
	cr_assert_eq(symlink("a", "l"), 0);
	cr_assert_eq(utimensat(AT_FDCWD, "a", old, 0), 0);
	cr_assert_eq(utimensat(AT_FDCWD, "a", t, 0), 0);
	cr_assert_eq(stat("a", &st), 0);
	cr_assert_eq(stat(HOST "a", &host), 0);
	cr_assert(st.st_atim.tv_sec == 1000000000 && st.st_atim.tv_nsec == 123456789);
	cr_assert(st.st_mtim.tv_sec == 1500000000 && st.st_mtim.tv_nsec == 999999999);
	cr_assert(host.st_mtim.tv_sec == 1500000000 && host.st_atim.tv_nsec == 123456789);
	cr_assert_eq(host.st_ino, st.st_ino);
	cr_assert_eq(utimensat(AT_FDCWD, "l", t, AT_SYMLINK_NOFOLLOW), 0);
	cr_assert_eq(lstat(HOST "l", &host), 0);
	cr_assert_eq(host.st_atim.tv_sec, 1000000000);
	cr_assert_eq(utimensat(AT_FDCWD, "a", NULL, 0), 0);
	cr_assert_eq(stat("a", &st), 0);
	cr_assert_gt(st.st_mtim.tv_sec, 1500000000);
}

Test(fs_mount, extended_attributes)
{
	/* cap_net_raw=p, as it is kept. */
	static const unsigned char cap[20] = {0, 0, 0, 2, 0, 0x20};
	struct statfs fs;
	int fd;

	close(open("a", O_CREAT | O_WRONLY, 0755));
	cr_assert_eq(setxattr("a", "security.capability", cap, sizeof(cap), 0), 0);
	cr_assert_eq(getxattr("a", "security.capability", got, 100), 20);
	/* Whoever may write to a program does not thereby get its capabilities (CVE-2021-20263). */
	fd = open("a", O_WRONLY | O_CLOEXEC);
	cr_assert_eq(write(fd, "text", 4), 4);
	cr_assert_eq(close(fd), 0);
	cr_assert_eq(getxattr(HOST "a", "security.capability", got, 100), -1);
	cr_assert_eq(errno, ENODATA);
	cr_assert_eq(setxattr("a", "security.capability", cap, sizeof(cap), 0), 0);
	cr_assert_eq(setxattr("a", "trusted.x", "1", 1, 0), -1);
	cr_assert_eq(errno, EOPNOTSUPP);
	cr_assert_eq(setxattr("a", "system.posix_acl_access", "1", 1, 0), -1);
	if (statfs(HOST, &fs) == 0 && fs.f_type == 0x01021994)
		return; /* tmpfs has no user.* before 6.6 */
	cr_assert_eq(setxattr("a", "user.x", "value", 5, XATTR_CREATE), 0);
	cr_assert_eq(setxattr("a", "user.x", "value", 5, XATTR_CREATE), -1);
	cr_assert_eq(errno, EEXIST);
	cr_assert_eq(getxattr("a", "user.x", NULL, 0), 5);
	cr_assert_eq(getxattr("a", "user.x", got, 3), -1);
	cr_assert_eq(errno, ERANGE);
	cr_assert_eq(listxattr("a", (char *)got, 1000), 27);
	cr_assert_eq(listxattr("a", NULL, 0), 27);
	cr_assert_eq(removexattr("a", "user.x"), 0);
	cr_assert_eq(getxattr("a", "user.x", got, 10), -1);
	cr_assert_eq(errno, ENODATA);
}

Test(fs_mount, locks_are_had)
{
	struct flock lock = {.l_type = F_WRLCK, .l_len = 10};
	int fd = open("a", O_CREAT | O_RDWR | O_CLOEXEC, 0644), fd2 = open("a", O_RDWR | O_CLOEXEC);

	cr_assert_eq(flock(fd, LOCK_EX), 0);
	cr_assert_eq(flock(fd2, LOCK_EX | LOCK_NB), -1);
	cr_assert_eq(errno, EWOULDBLOCK);
	cr_assert_eq(fcntl(fd, F_OFD_SETLK, &lock), 0);
	cr_assert_eq(fcntl(fd2, F_OFD_SETLK, &lock), -1);
	close(fd);
	cr_assert_eq(flock(fd2, LOCK_EX | LOCK_NB), 0);
	close(fd2);
}

Test(fs_mount, a_large_folder_can_be_gone_through_and_back)
{
	char name[32];
	long at = 0;
	int n = 0;
	DIR *d;

	cr_assert_eq(mkdir("big", 0755), 0);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "big/%d", i);
		close(open(name, O_CREAT | O_WRONLY, 0644));
	}
	d = opendir("big");
	for (struct dirent *e; (e = readdir(d)); n++) {
		if (n == 1000)
			at = telldir(d);
		if (n == 1001)
			strcpy(name, e->d_name);
	}
	cr_assert_eq(n, 3002);
	seekdir(d, at);
	/* telldir() was before the entry that came next. */
	cr_assert_str_eq(readdir(d)->d_name, name);
	rewinddir(d);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.')
			cr_assert_eq(unlinkat(dirfd(d), e->d_name, 0), 0);
	closedir(d);
	cr_assert_eq(rmdir("big"), 0);
}

Test(fs_mount, programs_run_from_it)
{
	cr_assert_eq(
	    system("cp /bin/true true && ./true && cp /bin/sh sh && ./sh -c './true && exit 7'") >> 8, 7);
}

Test(fs_mount, read_only_is_read_only)
{
	int fd = open("a", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	cr_assert_eq(write(fd, "text", 4), 4);
	close(fd);
	cr_assert_eq(chdir("../fixed"), 0);
	fd = open("a", O_RDONLY | O_CLOEXEC);
	cr_assert_eq(read(fd, got, 10), 4);
	cr_assert_eq(fchmod(fd, 0600), -1);
	cr_assert_eq(errno, EROFS);
	close(fd);
	cr_assert_eq(open("a", O_RDWR), -1);
	cr_assert_eq(errno, EROFS);
	cr_assert_eq(open("b", O_RDWR | O_CREAT, 0644), -1);
	cr_assert_eq(errno, EROFS);
	cr_assert_eq(truncate("a", 0), -1);
	cr_assert_eq(unlink("a"), -1);
	cr_assert_eq(errno, EROFS);
	cr_assert_eq(rename("a", "b"), -1);
	cr_assert_eq(link("a", "b"), -1);
	cr_assert_eq(mkdir("d", 0755), -1);
	cr_assert_eq(setxattr("a", "user.x", "1", 1, 0), -1);
	cr_assert_eq(link("a", "../root/c"), -1);
	cr_assert_eq(errno, EXDEV);
	/* The same file by two shares, of which one may be written to. */
	cr_assert_eq(access("../root/a", W_OK), 0);
}

Test(fs_mount, what_is_written_outside_is_seen_at_the_next_open)
{
	int fd = open("a", O_CREAT | O_RDWR | O_CLOEXEC, 0644), host = open(HOST "a", O_WRONLY | O_CLOEXEC);

	cr_assert_eq(write(fd, "aaaa", 4), 4);
	close(fd);
	for (char c = 'b'; c < 'j'; c++) {
		char text[4] = {c, c, c, c};

		cr_assert_eq(pwrite(host, text, 4, 0), 4);
		fd = open("a", O_RDONLY | O_CLOEXEC);
		cr_assert_eq(read(fd, got, 4), 4);
		cr_assert_eq(got[0], c);
		close(fd);
	}
	close(host);
}
