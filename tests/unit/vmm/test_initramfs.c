/* test_initramfs.c: the archive, read back by the kernel's rules (buffer-format.rst). */
#include "vmm/initramfs.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static struct initramfs *ram;

static void open_one(void)
{
	cr_assert_eq(initramfs_new(&ram, NULL), 0);
}

static void close_one(void)
{
	initramfs_free(ram);
}

TestSuite(initramfs, .init = open_one, .fini = close_one);

struct seen {
	unsigned int mode, size, major, minor, links;
	const char *name;
	const unsigned char *data;
};

static unsigned int number(const unsigned char *head, int field)
{
	char text[9] = { 0 };

	memcpy(text, head + 6 + 8 * field, 8);
	return (unsigned int)strtoul(text, NULL, 16);
}

/* The next entry of an archive of n bytes; *at moves on. */
static struct seen next(const unsigned char *p, size_t n, size_t *at)
{
	const unsigned char *head = p + *at;
	unsigned int name = number(head, 11), size = number(head, 6);
	size_t data = (*at + 110 + name + 3) / 4 * 4;

	cr_assert_leq(*at + 110, n);
	cr_assert_eq(memcmp(head, "070701", 6), 0);
	cr_assert_eq(*at % 4, 0);
	cr_assert_leq(data + size, n);
	cr_assert_eq(head[110 + name - 1], 0);
	*at = (data + size + 3) / 4 * 4;
	return (struct seen){ number(head, 1), size, number(head, 9), number(head, 10), number(head, 4), (const char *)head + 110, p + data };
}

static unsigned char *write_all(size_t *n)
{
	unsigned char *to;

	*n = initramfs_size(ram);
	to = malloc(*n + 8);
	memset(to, 0x5a, *n + 8);
	initramfs_write(ram, to);
	for (int i = 0; i < 8; i++)
		cr_assert_eq(to[*n + i], 0x5a, "nothing is written behind it");
	return to;
}

Test(initramfs, empty)
{
	size_t n, at = 0;
	unsigned char *p = write_all(&n);

	cr_assert_str_eq(next(p, n, &at).name, "TRAILER!!!");
	cr_assert_eq(at, n);
	free(p);
}

Test(initramfs, all_kinds)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	size_t n, at = 0;
	unsigned char *p;
	struct seen s;

	cr_assert_eq(write(fd, "12345", 5), 5);
	cr_assert_eq(initramfs_add_folder(ram, "/dev", 0755, NULL), 0);
	cr_assert_eq(initramfs_add_node(ram, "/dev/console", S_IFCHR | 0600, makedev(5, 1), NULL), 0);
	cr_assert_eq(initramfs_add_file(ram, "/init", 0755, fd, NULL), 0);
	close(fd);
	cr_assert_eq(initramfs_add_text(ram, "empty", 0644, "", 0, NULL), 0);
	cr_assert_eq(initramfs_add_text(ram, "abc", 0400, "abcd", 4, NULL), 0);
	p = write_all(&n);
	s = next(p, n, &at);
	cr_assert_str_eq(s.name, "dev");
	cr_assert_eq(s.mode, S_IFDIR | 0755);
	cr_assert_eq(s.size, 0);
	s = next(p, n, &at);
	cr_assert_str_eq(s.name, "dev/console");
	cr_assert_eq(s.mode, S_IFCHR | 0600);
	cr_assert_eq(s.major, 5);
	cr_assert_eq(s.minor, 1);
	s = next(p, n, &at);
	cr_assert_str_eq(s.name, "init");
	cr_assert_eq(s.mode, S_IFREG | 0755);
	cr_assert_eq(s.links, 1);
	cr_assert_eq(memcmp(s.data, "12345", 5), 0);
	s = next(p, n, &at);
	cr_assert_eq(s.size, 0);
	s = next(p, n, &at);
	cr_assert_eq(s.mode, S_IFREG | 0400);
	cr_assert_eq(memcmp(s.data, "abcd", 4), 0);
	cr_assert_str_eq(next(p, n, &at).name, "TRAILER!!!");
	cr_assert_eq(at, n);
	free(p);
}

Test(initramfs, refusals)
{
	char name[300];
	int p[2], fd;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	cr_assert_eq(initramfs_add_folder(ram, name, 0755, NULL), -EINVAL);
	cr_assert_eq(initramfs_add_folder(ram, "/", 0755, NULL), -EINVAL);
	cr_assert_eq(initramfs_add_folder(ram, "TRAILER!!!", 0755, NULL), -EINVAL, "it would end the archive");
	cr_assert_eq(initramfs_add_node(ram, "dev/x", S_IFREG | 0600, 0, NULL), -EINVAL);
	cr_assert_eq(initramfs_add_text(ram, "big", 0600, NULL, 257ul << 20, NULL), -EFBIG);
	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(initramfs_add_file(ram, "pipe", 0600, p[0], NULL), -EINVAL);
	fd = memfd_create("file", MFD_CLOEXEC);
	cr_assert_eq(ftruncate(fd, 257l << 20), 0);
	cr_assert_eq(initramfs_add_file(ram, "big", 0600, fd, NULL), -EFBIG);
	for (int i = 0; i < 1024; i++)
		cr_assert_eq(initramfs_add_folder(ram, "x", 0755, NULL), 0);
	cr_assert_eq(initramfs_add_folder(ram, "x", 0755, NULL), -E2BIG);
}
