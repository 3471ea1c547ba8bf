/* seal.c: see seal.h. */
#include "base/seal.h"

#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/sys.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

/* What the kernel says about the image itself: a mark in the environment could come from anybody. A file is the root of its own file system,
 * "/", on a mount that is in no namespace only. */
static bool is_sealed(int image)
{
	int seals = fcntl(image, F_GET_SEALS);
	struct statvfs fs;
	char path[sizeof("/ (deleted)")];
	ssize_t n;

	/* Any file of a tmpfs has seals, but not these. */
	if (seals >= 0 && (seals & SEALS) == SEALS)
		return true;
	n = readlink("/proc/self/exe", path, sizeof(path));
	if (n <= 0 || n == sizeof(path) || fstatvfs(image, &fs) < 0)
		return false;
	path[n] = '\0';
	return fs.f_flag & ST_RDONLY && (!strcmp(path, "/") || !strcmp(path, "/ (deleted)"));
}

/* The program's file on a read-only mount of its own, which nobody else has and which leaves the last namespace with the descriptor. -1 where
 * that is not to be had: for ordinary users, before Linux 5.12, or where the program's mount is not in our own namespace. */
static int new_mount(int image)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	int fd = sys_open_tree(image, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (fd >= 0 && sys_mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* A memfd that may be executed. MFD_EXEC says so since Linux 6.3, where the sysctl vm.memfd_noexec can make
 * the opposite the default; older kernels do not know it. */
static int new_memfd(void)
{
	int fd = memfd_create("nacre", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("nacre", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

/* Where the last byte stands that execve(2) needs: debug information and section headers lie behind it, and are often most of the file.
 * The whole size for what is no ELF file of our own kind. */
static off_t image_end(int fd, off_t size)
{
	char begin[4096]; /* linkers put the table of parts right behind the head */
	ElfW(Ehdr) head;
	off_t end = 0;
	ssize_t n = pread(fd, begin, sizeof(begin), 0);

	if (n < (ssize_t)sizeof(head))
		return size;
	memcpy(&head, begin, sizeof(head));
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_phentsize != sizeof(ElfW(Phdr)) || head.e_phoff > sizeof(begin) ||
	    head.e_phoff + (size_t)head.e_phnum * sizeof(ElfW(Phdr)) > (size_t)n)
		return size;
	for (int i = 0; i < head.e_phnum; i++) {
		ElfW(Phdr) part;

		memcpy(&part, begin + head.e_phoff + (size_t)i * sizeof(part), sizeof(part));
		if (part.p_type != PT_NULL && (off_t)(part.p_offset + part.p_filesz) > end)
			end = (off_t)(part.p_offset + part.p_filesz);
	}
	return end > 0 && end < size ? end : size;
}

/* As many bytes as the image had when we looked, no more: whoever makes it grow meanwhile does not keep us
 * here. */
static int copy_image(int from, int to, struct error *err)
{
	struct stat st;
	off_t left;

	if (fstat(from, &st) < 0)
		return error_errno(err, "stat /proc/self/exe");
	for (left = image_end(from, st.st_size); left > 0;) {
		ssize_t n = sendfile(to, from, NULL, (size_t)left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "copy /proc/self/exe");
		if (n == 0)
			return error_set(err, -EIO, "copy /proc/self/exe: it became shorter");
		left -= n;
	}
	return 0;
}

/* Where the copy was made from: the only thing about the program that the copy cannot ask the kernel. */
static const char original[] = "NACRE_PROGRAM";

/* Whoever could set it for a program that is not sealed yet is overruled; nobody else makes sealed ones. */
static void remember_original(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0)
		return;
	path[n] = '\0';
	(void)setenv(original, path, 1);
}

char *seal_folder(void)
{
	auto_close int image = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const char *program;
	char *slash;

	if (image < 0)
		return NULL;
	if (!is_sealed(image))
		remember_original();
	program = getenv(original);
	slash = program ? strrchr(program, '/') : NULL;
	return slash ? strndup(program, slash == program ? 1 : (size_t)(slash - program)) : NULL;
}

/* A page of the copy that somebody still holds, a list of pages that another processor has not put away say, makes the kernel wait for a
 * while, and answer EBUSY in the end: on a machine that has more to do than it can that is no reason to fail. */
static int add_seals(int copy)
{
	enum { TRIES = 20 };
	int ret;

	for (int i = 0; (ret = fcntl(copy, F_ADD_SEALS, SEALS)) < 0 && errno == EBUSY && i < TRIES; i++)
		sched_yield();
	return ret;
}

/* Returns only on failure. */
static int execute(int image, char *const argv[], struct error *err)
{
	remember_original();
	sys_execveat(image, "", argv, environ, AT_EMPTY_PATH);
	if (sys_missing(errno, true))
		execve(fd_path(image).text, argv, environ);
	return error_errno(err, "execute the sealed image of /proc/self/exe");
}

int seal_self(char *const argv[], struct error *err)
{
	auto_close int mount = -EBADF;
	auto_close int image = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	auto_close int copy = -EBADF;
	int ret;

	if (image < 0)
		return error_errno(err, "open /proc/self/exe");
	if (is_sealed(image)) {
		/* Executed by descriptor, the process was named after the descriptor. */
		prctl(PR_SET_NAME, program_invocation_short_name);
		return 0;
	}
	mount = new_mount(image);
	if (mount >= 0)
		execute(mount, argv, NULL);
	copy = new_memfd();
	if (copy < 0)
		return error_errno(err, "create a memfd for the sealed copy");
	ret = copy_image(image, copy, err);
	if (ret < 0)
		return ret;
	if (add_seals(copy) < 0)
		return error_errno(err, "seal the copy of /proc/self/exe");
	return execute(copy, argv, err);
}
