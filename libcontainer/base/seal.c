/* seal.c: see seal.h. */
#include "base/seal.h"

#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/sys.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

/* What the kernel says about the image itself: a mark in the environment could come from anybody. */
static bool is_sealed(int image)
{
	int seals = fcntl(image, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS;
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

int seal_self(char *const argv[], struct error *err)
{
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
	copy = new_memfd();
	if (copy < 0)
		return error_errno(err, "create a memfd for the sealed copy");
	ret = copy_image(image, copy, err);
	if (ret < 0)
		return ret;
	if (fcntl(copy, F_ADD_SEALS, SEALS) < 0)
		return error_errno(err, "seal the copy of /proc/self/exe");
	remember_original();
	sys_execveat(copy, "", argv, environ, AT_EMPTY_PATH);
	if (sys_missing(errno, true))
		execve(fd_path(copy).text, argv, environ);
	return error_errno(err, "execute the sealed copy of /proc/self/exe");
}
