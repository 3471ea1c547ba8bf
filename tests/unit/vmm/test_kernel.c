/* test_kernel.c: which kernel is found, below a root that the test has made. */
#include "vmm/kernel.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stub.h"

static char root[] = "/tmp/test-kernel-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void make_folder(const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s%s", root, path);
	cr_assert_eq(mkdir(full, 0755), 0, "%s", full);
}

static void setup(void)
{
	cr_assert_not_null(mkdtemp(root));
	make_folder("/boot");
	make_folder("/usr");
	make_folder("/usr/lib");
	make_folder("/usr/lib/modules");
}

static void teardown(void)
{
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(kernel, .init = setup, .fini = teardown);

static void put(const char *path, const void *bytes, size_t n)
{
	char full[256];
	int fd;

	snprintf(full, sizeof(full), "%s%s", root, path);
	fd = open(full, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

static void put_kernel(const char *path, const char *release)
{
	struct stub_bzimage image;

	stub_bzimage(&image);
	snprintf((char *)&image + 0x500, 64, "%s (x@y)", release);
	put(path, &image, sizeof(image));
}

static void expect_found(const char *path, const char *release)
{
	struct kernel k = KERNEL_NONE;
	struct error err = ERROR_NONE;
	char full[256];
	int ret = kernel_find(root, "6.1.0-running", &k, &err);

	snprintf(full, sizeof(full), "%s%s", root, path);
	cr_assert_eq(ret, 0, "%s", err.msg);
	cr_assert_str_eq(k.path, full);
	cr_assert_str_eq(k.release, release);
	cr_assert(fcntl(k.fd, F_GETFD) & FD_CLOEXEC);
	kernel_close(&k);
	cr_assert_eq(k.fd, -EBADF);
	cr_assert_null(k.path);
	kernel_close(&k);
}

Test(kernel, the_running_one_first)
{
	make_folder("/usr/lib/modules/6.1.0-running");
	put_kernel("/boot/vmlinuz-9.9.9", "9.9.9");
	put_kernel("/boot/vmlinuz-6.1.0-running", "6.1.0-running");
	expect_found("/boot/vmlinuz-6.1.0-running", "6.1.0-running");
	put_kernel("/usr/lib/modules/6.1.0-running/vmlinuz", "6.1.0-running");
	expect_found("/usr/lib/modules/6.1.0-running/vmlinuz", "6.1.0-running");
}

/* 6.12.100 is newer than 6.12.9, whatever the alphabet says; one that is no kernel is passed over. */
Test(kernel, else_the_newest)
{
	put_kernel("/boot/vmlinuz-6.12.9", "6.12.9");
	put_kernel("/boot/vmlinuz-6.12.100", "6.12.100");
	put_kernel("/boot/vmlinuz-5.99", "5.99");
	expect_found("/boot/vmlinuz-6.12.100", "6.12.100");
	make_folder("/usr/lib/modules/6.13");
	expect_found("/boot/vmlinuz-6.12.100", "6.12.100");
	put_kernel("/usr/lib/modules/6.13/vmlinuz", "6.13");
	put_kernel("/boot/vmlinuz-6.13", "6.13");
	expect_found("/usr/lib/modules/6.13/vmlinuz", "6.13");
	put("/boot/vmlinuz-7.0", "no kernel", 9);
	expect_found("/usr/lib/modules/6.13/vmlinuz", "6.13");
}

static void expect_none(const char *words)
{
	struct kernel k = KERNEL_NONE;
	struct error err = ERROR_NONE;

	cr_assert_eq(kernel_find(root, "6.1.0-running", &k, &err), -ENOENT);
	cr_assert_eq(k.fd, -EBADF);
	cr_assert_not_null(strstr(err.msg, words), "\"%s\" is not in \"%s\"", words, err.msg);
	cr_assert_not_null(strstr(err.msg, "/usr/lib/modules/6.1.0-running/vmlinuz: No such file or directory"), "%s", err.msg);
}

Test(kernel, none)
{
	expect_none("/boot/vmlinuz-6.1.0-running: No such file or directory; and there is none in /tmp/");
	put("/boot/vmlinuz-6.1.0-running", "no kernel", 9);
	expect_none("/boot/vmlinuz-6.1.0-running: no kernel: only 9 bytes");
}

Test(kernel, by_its_path)
{
	struct kernel k = KERNEL_NONE;
	struct error err = ERROR_NONE;
	char path[256];

	put_kernel("/boot/mine", "6.6.6");
	snprintf(path, sizeof(path), "%s/boot/mine", root);
	cr_assert_eq(kernel_open(path, &k, &err), 0, "%s", err.msg);
	cr_assert_str_eq(k.release, "6.6.6");
	kernel_close(&k);
	snprintf(path, sizeof(path), "%s/boot/yours", root);
	cr_assert_eq(kernel_open(path, &k, &err), -ENOENT);
	cr_assert_not_null(strstr(err.msg, "/boot/yours: No such file or directory"));
	cr_assert_eq(kernel_open(root, &k, &err), -ENOEXEC);
	cr_assert_eq(k.fd, -EBADF);
	/* Nobody ever writes to it: that must not matter. */
	snprintf(path, sizeof(path), "%s/pipe", root);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_eq(kernel_open(path, &k, &err), -ENOEXEC);
}

Test(kernel, elf)
{
	struct kernel k = KERNEL_NONE;
	struct error err = ERROR_NONE;
	struct stub_elf image;
	char path[256];

	stub_elf(&image, "", 0);
	put("/boot/vmlinux", &image, sizeof(image));
	snprintf(path, sizeof(path), "%s/boot/vmlinux", root);
	cr_assert_eq(kernel_open(path, &k, &err), 0, "%s", err.msg);
	cr_assert_str_empty(k.release);
	kernel_close(&k);
	strcpy((char *)image.code + 1000, "Linux version is what it says");
	strcpy((char *)image.code + 2000, "Linux version 6.12.1-stub (x@y)");
	put("/boot/vmlinux", &image, sizeof(image));
	cr_assert_eq(kernel_open(path, &k, &err), 0, "%s", err.msg);
	cr_assert_str_eq(k.release, "6.12.1-stub");
	kernel_close(&k);
}
