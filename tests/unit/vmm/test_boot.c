/* test_boot.c: kernels good and bad: what is loaded where, and one line about each that cannot be. */
#include "vmm/x86_64/boot.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stub.h"
#include "vmm/x86_64/layout.h"

#define MIB (UINT64_C(1) << 20)

static struct memory *memory;

static void make_memory(void)
{
	cr_assert_eq(memory_new(64 * MIB, &memory, NULL), 0);
}

static void free_memory(void)
{
	memory_free(memory);
}

TestSuite(boot, .init = make_memory, .fini = free_memory);

static struct boot boot(int fd)
{
	return (struct boot){.kernel = fd, .kernel_name = "vmlinuz", .parameters = "quiet", .initrd = -EBADF};
}

static struct boot_params *zero_page(void)
{
	return memory_at(memory, LAYOUT_ZERO_PAGE, sizeof(struct boot_params));
}

/* One line, with these words in it. */
static void expect_refused(const struct boot *b, int code, const char *words)
{
	struct error err = ERROR_NONE;
	gpa_t entry = 0;
	int ret = boot_load(memory, b, &entry, &err);

	cr_expect_eq(ret, code, "%d in place of %d: %s", ret, code, err.msg);
	cr_expect_eq(err.code, code);
	cr_expect_not_null(strstr(err.msg, words), "\"%s\" is not in \"%s\"", words, err.msg);
	cr_expect_null(strchr(err.msg, '\n'));
	cr_expect_eq(entry, 0);
	if (b->kernel >= 0)
		close(b->kernel);
}

static void expect_bzimage_refused(const struct stub_bzimage *image, int code, const char *words)
{
	struct boot b = boot(stub_file(image, sizeof(*image)));

	expect_refused(&b, code, words);
}

static void expect_elf_refused(const struct stub_elf *image, int code, const char *words)
{
	struct boot b = boot(stub_elf_file(image));

	expect_refused(&b, code, words);
}

Test(boot, bzimage)
{
	struct stub_bzimage image;
	struct boot_params *zero = zero_page();
	struct error err = ERROR_NONE;
	struct boot b;
	gpa_t entry = 0;
	int ret;

	stub_bzimage(&image);
	b = boot(stub_file(&image, sizeof(image)));
	ret = boot_load(memory, &b, &entry, &err);
	cr_assert_eq(ret, 0, "%s", err.msg);
	cr_assert_eq(entry, STUB_AT + 0x200);
	cr_assert_arr_eq(memory_at(memory, STUB_AT, 512), image.code, 512);
	cr_assert_eq(zero->hdr.type_of_loader, 0xff);
	cr_assert_eq(zero->hdr.cmd_line_ptr, LAYOUT_COMMAND_LINE);
	cr_assert_str_eq(memory_at(memory, LAYOUT_COMMAND_LINE, 6), "quiet");
	cr_assert_eq(zero->hdr.ramdisk_size, 0);
	cr_assert_eq(zero->acpi_rsdp_addr, LAYOUT_RSDP);
	cr_assert_eq(zero->e820_entries, 3);
	cr_assert_eq(zero->e820_table[0].addr, 0);
	cr_assert_eq(zero->e820_table[0].size, LAYOUT_LOW_END);
	cr_assert_eq(zero->e820_table[1].type, 2);
	cr_assert_eq(zero->e820_table[2].addr, MIB);
	cr_assert_eq(zero->e820_table[2].size, 63 * MIB);
	close(b.kernel);
}

Test(boot, elf)
{
	const char code[] = "some code";
	struct stub_elf image;
	struct boot_params *zero = zero_page();
	struct error err = ERROR_NONE;
	struct boot b;
	gpa_t entry = 0;
	int ret;

	stub_elf(&image, code, sizeof(code));
	b = boot(stub_elf_file(&image));
	ret = boot_load(memory, &b, &entry, &err);
	cr_assert_eq(ret, 0, "%s", err.msg);
	cr_assert_eq(entry, STUB_AT);
	cr_assert_str_eq(memory_at(memory, STUB_AT, sizeof(code)), code);
	cr_assert_eq(zero->hdr.boot_flag, 0xaa55);
	cr_assert_eq(memcmp(&zero->hdr.header, "HdrS", 4), 0);
	cr_assert_neq(zero->hdr.kernel_alignment, 0);
	close(b.kernel);
}

/* Holes in the file: before, between and after what there is. */
Test(boot, elf_with_holes)
{
	enum { HOLE = 1 << 16, SIZE = 5 * HOLE };
	static const char none[HOLE];
	struct stub_elf image;
	struct boot b;
	gpa_t entry = 0;

	stub_elf(&image, "", 0);
	image.segment.p_offset = HOLE;
	image.segment.p_filesz = image.segment.p_memsz = SIZE;
	b = boot(stub_elf_file(&image));
	cr_assert_eq(pwrite(b.kernel, "one", 3, 2 * HOLE + 5), 3);
	cr_assert_eq(pwrite(b.kernel, "two", 3, 4 * HOLE - 3), 3);
	cr_assert_eq(ftruncate(b.kernel, HOLE + SIZE), 0);
	cr_assert_eq(boot_load(memory, &b, &entry, NULL), 0);
	cr_assert_arr_eq(memory_at(memory, STUB_AT, HOLE), none, HOLE);
	cr_assert_arr_eq(memory_at(memory, STUB_AT + HOLE + 5, 3), "one", 3);
	cr_assert_arr_eq(memory_at(memory, STUB_AT + 3 * HOLE - 3, 3), "two", 3);
	cr_assert_arr_eq(memory_at(memory, STUB_AT + 3 * HOLE, HOLE), none, HOLE);
	cr_assert_arr_eq(memory_at(memory, STUB_AT + 4 * HOLE, HOLE), none, HOLE);
	/* Nothing behind its end is read as one. */
	cr_assert_eq(ftruncate(b.kernel, HOLE + SIZE - 1), 0);
	cr_assert_eq(boot_load(memory, &b, &entry, NULL), -ENOEXEC);
	close(b.kernel);
}

/* One that is read in two halves, each page with its number, and words across the seam. */
Test(boot, large_elf)
{
	enum { PAGE = 4096, PAGES = 20 * 256 + 3 };
	struct stub_elf image;
	struct boot b;
	gpa_t entry = 0, seam = PAGES * PAGE / 2 & ~(2 * MIB - 1);

	stub_elf(&image, "", 0);
	image.segment.p_offset = PAGE;
	image.segment.p_filesz = image.segment.p_memsz = PAGES * PAGE;
	b = boot(stub_elf_file(&image));
	for (uint32_t i = 0; i < PAGES; i++)
		cr_assert_eq(pwrite(b.kernel, &i, sizeof(i), (i + 1) * PAGE + 64), sizeof(i));
	cr_assert_eq(pwrite(b.kernel, "sewn", 4, (off_t)(PAGE + seam - 2)), 4);
	cr_assert_eq(ftruncate(b.kernel, (PAGES + 1) * PAGE), 0);
	cr_assert_eq(boot_load(memory, &b, &entry, NULL), 0);
	for (uint32_t i = 0; i < PAGES; i++)
		cr_assert_arr_eq(memory_at(memory, STUB_AT + i * PAGE + 64, sizeof(i)), &i, sizeof(i), "page %u", i);
	cr_assert_arr_eq(memory_at(memory, STUB_AT + seam - 2, 4), "sewn", 4);
	close(b.kernel);
}

/* The guest's first random numbers: other ones each time. */
Test(boot, seed)
{
	unsigned char seeds[2][32], none[32] = {0};

	for (int i = 0; i < 2; i++) {
		struct stub_elf image;
		struct setup_data *data = memory_at(memory, LAYOUT_SETUP_DATA, sizeof(*data) + 32);
		struct boot b;
		gpa_t entry;

		stub_elf(&image, "", 0);
		b = boot(stub_elf_file(&image));
		cr_assert_eq(boot_load(memory, &b, &entry, NULL), 0);
		cr_assert_eq(zero_page()->hdr.setup_data, LAYOUT_SETUP_DATA);
		cr_assert_eq(data->type, 9);
		cr_assert_eq(data->len, 32);
		cr_assert_eq(data->next, 0);
		memcpy(seeds[i], data->data, 32);
		close(b.kernel);
	}
	cr_assert_neq(memcmp(seeds[0], seeds[1], 32), 0);
	cr_assert_neq(memcmp(seeds[0], none, 32), 0);
}

Test(boot, memory_beyond_the_hole)
{
	struct memory *large = NULL;
	struct boot_params *zero;
	struct stub_elf image;
	struct boot b;
	gpa_t entry;

	cr_assert_eq(memory_new(4096 * MIB, &large, NULL), 0);
	stub_elf(&image, "", 0);
	b = boot(stub_elf_file(&image));
	b.initrd = stub_file("disk", 4);
	cr_assert_eq(boot_load(large, &b, &entry, NULL), 0);
	zero = memory_at(large, LAYOUT_ZERO_PAGE, sizeof(*zero));
	cr_assert_eq(zero->e820_entries, 4);
	cr_assert_eq(zero->e820_table[2].size, LAYOUT_HOLE - MIB);
	cr_assert_eq(zero->e820_table[3].addr, LAYOUT_HOLE_END);
	cr_assert_eq(zero->e820_table[3].size, 1024 * MIB);
	/* At the top, but below what the kernel can reach. */
	cr_assert_eq(zero->hdr.ramdisk_image, 0x80000000 - 4096);
	memory_free(large);
	close(b.initrd);
	close(b.kernel);
}

Test(boot, initrd_in_a_file)
{
	struct stub_bzimage image;
	struct boot_params *zero = zero_page();
	struct error err = ERROR_NONE;
	struct boot b;
	gpa_t entry;
	int ret;

	stub_bzimage(&image);
	b = boot(stub_file(&image, sizeof(image)));
	b.initrd = stub_file("an initial RAM disk", 20);
	ret = boot_load(memory, &b, &entry, &err);
	cr_assert_eq(ret, 0, "%s", err.msg);
	cr_assert_eq(zero->hdr.ramdisk_image, 64 * MIB - 4096);
	cr_assert_eq(zero->hdr.ramdisk_size, 20);
	cr_assert_str_eq(memory_at(memory, zero->hdr.ramdisk_image, 20), "an initial RAM disk");
	close(b.initrd);
	close(b.kernel);
}

Test(boot, initrd_of_our_own)
{
	struct initramfs *i = NULL;
	struct stub_elf image;
	struct boot_params *zero = zero_page();
	struct error err = ERROR_NONE;
	struct boot b;
	gpa_t entry;
	int ret;

	cr_assert_eq(initramfs_new(&i, NULL), 0);
	cr_assert_eq(initramfs_add_text(i, "/init", 0755, "text", 4, NULL), 0);
	stub_elf(&image, "", 0);
	b = boot(stub_elf_file(&image));
	b.initramfs = i;
	ret = boot_load(memory, &b, &entry, &err);
	cr_assert_eq(ret, 0, "%s", err.msg);
	cr_assert_eq(zero->hdr.ramdisk_size, initramfs_size(i));
	cr_assert_eq(zero->hdr.ramdisk_image % 4096, 0);
	cr_assert_eq(memcmp(memory_at(memory, zero->hdr.ramdisk_image, 6), "070701", 6), 0);
	b.initrd = stub_file("x", 1);
	cr_assert_eq(boot_load(memory, &b, &entry, &err), -EINVAL);
	initramfs_free(i);
	close(b.initrd);
	close(b.kernel);
}

Test(boot, initrd_that_is_none)
{
	struct stub_elf image;
	struct boot b;
	int pipes[2];

	stub_elf(&image, "", 0);
	b = boot(stub_elf_file(&image));
	b.initrd = stub_file("", 0);
	expect_refused(&b, -ENOEXEC, "the initial RAM disk is empty");
	close(b.initrd);
	cr_assert_eq(pipe(pipes), 0);
	b = boot(stub_elf_file(&image));
	b.initrd = pipes[0];
	expect_refused(&b, -ENOEXEC, "not a regular file");
}

Test(boot, initrd_too_large)
{
	struct stub_elf image;
	struct boot b;

	stub_elf(&image, "", 0);
	b = boot(stub_elf_file(&image));
	b.initrd = stub_file("", 0);
	cr_assert_eq(ftruncate(b.initrd, 60 * MIB), 0);
	expect_refused(&b, -ENOMEM, "kernel and initial RAM disk need 77 MiB of memory to start; the machine has 64 MiB");
	b = (struct boot){stub_elf_file(&image), "vmlinuz", NULL, NULL, b.initrd};
	cr_assert_eq(ftruncate(b.initrd, INT64_MAX), 0);
	expect_refused(&b, -ENOMEM, "initial RAM disk need");
	close(b.initrd);
}

Test(boot, no_kernel)
{
	const char text[] = "#!/bin/sh\necho this is a script that is long enough to hold the header of a kernel, if it were one\n";
	char zeroes[4096] = {0};
	struct boot b = boot(stub_file(text, sizeof(text)));
	int pipes[2];

	expect_refused(&b, -ENOEXEC, "vmlinuz: no kernel");
	b = boot(stub_file(zeroes, sizeof(zeroes)));
	expect_refused(&b, -ENOEXEC, "vmlinuz: no kernel that can be booted: neither a bzImage nor an ELF image for x86-64");
	b = boot(stub_file("", 0));
	expect_refused(&b, -ENOEXEC, "only 0 bytes");
	cr_assert_eq(pipe(pipes), 0);
	b = boot(pipes[0]);
	expect_refused(&b, -ENOEXEC, "not a regular file");
	b = boot(-EBADF);
	expect_refused(&b, -EBADF, "vmlinuz");
}

/* Cut off anywhere, it is an error and never half a kernel. */
Test(boot, cut_off)
{
	struct stub_bzimage image;
	struct stub_elf elf;

	stub_bzimage(&image);
	for (size_t n = 0; n < sizeof(image); n += 97) {
		struct boot b = boot(stub_file(&image, n));
		struct error err = ERROR_NONE;
		gpa_t entry;

		cr_expect_eq(boot_load(memory, &b, &entry, &err), -ENOEXEC, "%zu bytes: %s", n, err.msg);
		cr_expect_neq(*err.msg, '\0');
		close(b.kernel);
	}
	stub_elf(&elf, "", 0);
	for (size_t n = 0; n < sizeof(elf); n += 97) {
		struct boot b = boot(stub_file(&elf, n));
		struct error err = ERROR_NONE;
		gpa_t entry;

		cr_expect_eq(boot_load(memory, &b, &entry, &err), -ENOEXEC, "%zu bytes: %s", n, err.msg);
		close(b.kernel);
	}
}

#define REFUSED(field, value, code, words)                                                                                                           \
	do {                                                                                                                                         \
		stub_bzimage(&image);                                                                                                                \
		image.header.field = value;                                                                                                          \
		expect_bzimage_refused(&image, code, words);                                                                                         \
	} while (0)

Test(boot, bzimage_with_absurd_fields)
{
	struct stub_bzimage image;

	REFUSED(boot_flag, 0, -ENOEXEC, "no kernel");
	REFUSED(header, 0, -ENOEXEC, "no kernel");
	REFUSED(version, 0x0204, -ENOEXEC, "boot protocol 2.04; 2.12 is needed");
	REFUSED(jump, 0x10eb, -ENOEXEC, "a kernel's header of 33 bytes");
	REFUSED(xloadflags, 0, -ENOEXEC, "not a kernel for x86-64");
	REFUSED(loadflags, 0, -ENOEXEC, "not a kernel for x86-64");
	REFUSED(setup_sects, 255, -ENOEXEC, "cut off");
	REFUSED(setup_sects, 5, -ENOEXEC, "cut off");
	REFUSED(syssize, 0, -ENOEXEC, "cut off");
	REFUSED(syssize, 1000, -ENOEXEC, "cut off");
	REFUSED(syssize, UINT32_MAX, -ENOEXEC, "cut off");
	REFUSED(pref_address, 0, -ENOEXEC, "names no place");
	REFUSED(pref_address, 0x1000001, -ENOEXEC, "names no place");
	REFUSED(pref_address, 0x7000, -ENOEXEC, "wants to lie at 0x7000, where no kernel can be");
	REFUSED(pref_address, UINT64_MAX - 4095, -ENOEXEC, "where no kernel can be");
	REFUSED(pref_address, LAYOUT_HOLE_END, -ENOEXEC, "where no kernel can be");
	REFUSED(init_size, 0, -ENOEXEC, "names no place");
	REFUSED(init_size, UINT32_MAX, -ENOEXEC, "where no kernel can be");
	REFUSED(init_size, 49 << 20, -ENOMEM, "the kernel needs 65 MiB of memory to start; the machine has 64 MiB");
	REFUSED(cmdline_size, 4, -E2BIG, "parameters of 5 bytes; it takes 4");
}

#define ELF_REFUSED(field, value, code, words)                                                                                                       \
	do {                                                                                                                                         \
		stub_elf(&image, "", 0);                                                                                                             \
		image.field = value;                                                                                                                 \
		expect_elf_refused(&image, code, words);                                                                                             \
	} while (0)

Test(boot, elf_with_absurd_fields)
{
	struct stub_elf image;

	ELF_REFUSED(head.e_ident[EI_CLASS], ELFCLASS32, -ENOEXEC, "not a kernel for x86-64");
	ELF_REFUSED(head.e_ident[EI_DATA], ELFDATA2MSB, -ENOEXEC, "not a kernel for x86-64");
	ELF_REFUSED(head.e_machine, EM_AARCH64, -ENOEXEC, "not a kernel for x86-64");
	ELF_REFUSED(head.e_type, ET_CORE, -ENOEXEC, "not a kernel for x86-64");
	ELF_REFUSED(head.e_phnum, 0, -ENOEXEC, "0 segments of 56 bytes");
	ELF_REFUSED(head.e_phnum, UINT16_MAX, -ENOEXEC, "65535 segments of 56 bytes");
	ELF_REFUSED(head.e_phentsize, 1, -ENOEXEC, "1 segments of 1 bytes");
	ELF_REFUSED(head.e_phoff, UINT64_MAX, -ENOEXEC, "cut off");
	ELF_REFUSED(head.e_phoff, sizeof(image) - 1, -ENOEXEC, "cut off");
	ELF_REFUSED(head.e_entry, STUB_AT - 1, -ENOEXEC, "its entry 0xffffff lies in none of its segments");
	ELF_REFUSED(head.e_entry, STUB_AT + 4096, -ENOEXEC, "lies in none of its segments");
	ELF_REFUSED(head.e_entry, UINT64_C(0xffffffff81000000), -ENOEXEC, "lies in none of its segments");
	ELF_REFUSED(segment.p_type, PT_NOTE, -ENOEXEC, "lies in none of its segments");
	ELF_REFUSED(segment.p_filesz, 8193, -ENOEXEC, "larger in the file than in memory");
	ELF_REFUSED(segment.p_offset, UINT64_MAX, -ENOEXEC, "cut off");
	ELF_REFUSED(segment.p_offset, sizeof(image) - 4095, -ENOEXEC, "cut off");
	ELF_REFUSED(segment.p_paddr, 0, -ENOEXEC, "wants to lie at 0x0, where no kernel can be");
	ELF_REFUSED(segment.p_paddr, UINT64_MAX, -ENOEXEC, "where no kernel can be");
	ELF_REFUSED(segment.p_paddr, LAYOUT_MMIO, -ENOEXEC, "where no kernel can be");
	ELF_REFUSED(segment.p_paddr, 64 * MIB - 4096, -ENOMEM, "needs 65 MiB of memory to start; the machine has 64 MiB");
	ELF_REFUSED(segment.p_memsz, UINT64_MAX, -ENOEXEC, "where no kernel can be");
}

Test(boot, too_many_parameters)
{
	static char parameters[200000];
	struct stub_bzimage image;
	struct stub_elf elf;
	struct boot b;

	memset(parameters, 'a', 2048);
	stub_elf(&elf, "", 0);
	b = boot(stub_elf_file(&elf));
	b.parameters = parameters;
	expect_refused(&b, -E2BIG, "vmlinuz: parameters of 2048 bytes; it takes 2047");
	memset(parameters, 'a', sizeof(parameters) - 1);
	stub_bzimage(&image);
	image.header.cmdline_size = UINT32_MAX;
	b = boot(stub_file(&image, sizeof(image)));
	b.parameters = parameters;
	expect_refused(&b, -E2BIG, "parameters of 199999 bytes");
}

Test(boot, too_little_memory_for_any)
{
	struct memory *small = NULL, *before = memory;
	struct stub_elf image;
	struct boot b;

	cr_assert_eq(memory_new(MIB, &small, NULL), 0);
	stub_elf(&image, "", 0);
	b = boot(stub_elf_file(&image));
	memory = small;
	expect_refused(&b, -ENOMEM, "1024 KiB of memory are too little for any kernel");
	memory = before;
	memory_free(small);
}

static int release(const struct stub_bzimage *image, char *to, size_t size)
{
	int fd = stub_file(image, sizeof(*image));
	int ret = boot_release(fd, "vmlinuz", to, size, NULL);

	close(fd);
	return ret;
}

Test(boot, release)
{
	const char *const bad[] = {"../../etc x", ". x", "", " x", "6.1/.. x", "6.1\n x", "6..1 x"};
	struct stub_bzimage image;
	char text[64];

	stub_bzimage(&image);
	cr_assert_eq(release(&image, text, sizeof(text)), 0);
	cr_assert_str_eq(text, "6.12.1-stub");
	cr_assert_eq(release(&image, text, 11), -ENODATA);
	image.header.kernel_version = 0;
	cr_assert_eq(release(&image, text, sizeof(text)), -ENODATA);
	image.header.kernel_version = UINT16_MAX;
	cr_assert_eq(release(&image, text, sizeof(text)), -ENODATA);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		stub_bzimage(&image);
		memcpy((char *)&image + 0x500, bad[i], strlen(bad[i]) + 1);
		cr_expect_eq(release(&image, text, sizeof(text)), -ENODATA, "%s", bad[i]);
	}
	image.header.header = 0;
	cr_assert_eq(release(&image, text, sizeof(text)), -ENOEXEC);
}
