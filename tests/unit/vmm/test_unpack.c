/* test_unpack.c: kernels unpacked once and kept, and moved to a random address. */
#include "vmm/unpack.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stub.h"
#include "vmm/x86_64/kaslr.h"

#define TEXT "the kernel proper, such as it is"

static char base[] = "/tmp/test-unpack-XXXXXX";
static char folder[64];

static void setup(void)
{
	cr_assert_not_null(mkdtemp(base));
	snprintf(folder, sizeof(folder), "%s/cache", base);
}

static size_t list(char names[][300], size_t most)
{
	DIR *dir = opendir(folder);
	struct dirent *d;
	size_t n = 0;

	while (dir && (d = readdir(dir)))
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, "..") && n < most)
			strcpy(names[n++], d->d_name);
	if (dir)
		closedir(dir);
	return n;
}

static void teardown(void)
{
	char names[16][300], path[400];

	for (size_t n = list(names, 16); n-- > 0;) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[n]);
		remove(path);
	}
	rmdir(folder);
	rmdir(base);
}

TestSuite(unpack, .init = setup, .fini = teardown);

/* One frame of one raw block: as valid as any other, and made by hand (RFC 8878, section 3.1). */
static size_t put_zstd(unsigned char *to, const char *text)
{
	const unsigned char head[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, (unsigned char)strlen(text)};
	uint32_t n = (uint32_t)strlen(text), block = n << 3 | 1;

	memcpy(to, head, sizeof(head));
	memcpy(to + 6, &block, 3);
	memcpy(to + 9, text, n);
	memcpy(to + 9 + n, &n, 4);
	return 9 + n + 4;
}

/* One block of nothing but literals (lz4_Block_format.md). */
static size_t put_lz4(unsigned char *to, const char *text)
{
	uint32_t n = (uint32_t)strlen(text), block = n + 2;

	memcpy(to, "\x02\x21\x4c\x18", 4);
	memcpy(to + 4, &block, 4);
	to[8] = 0xf0; /* 15 and more */
	to[9] = (unsigned char)(n - 15);
	memcpy(to + 10, text, n);
	memcpy(to + 10 + n, &n, 4);
	return 10 + n + 4;
}

static int try(const void *payload, size_t n, size_t max, char *said, size_t room)
{
	struct error err = ERROR_NONE;
	void *out = NULL;
	size_t size = 0;
	int ret = unpack(payload, n, max, &out, &size, &err);

	snprintf(said, room, "%.*s", ret == 0 ? (int)size : (int)strlen(err.msg), ret == 0 ? (char *)out : err.msg);
	free(out);
	return ret;
}

Test(unpack, streams)
{
	size_t (*const put[])(unsigned char *to, const char *text) = {put_zstd, put_lz4};
	unsigned char payload[256];
	char said[256];

	for (size_t i = 0; i < 2; i++) {
		size_t n = put[i](payload, TEXT);
		int ret = try(payload, n, 1 << 20, said, sizeof(said));

		if (ret == -ENOTSUP)
			cr_skip_test("%s", said);
		cr_assert_eq(ret, 0, "%s", said);
		cr_assert_str_eq(said, TEXT);
		cr_assert_eq(try(payload, n, strlen(TEXT) - 1, said, sizeof(said)), -EBADMSG);
		cr_assert_not_null(strstr(said, "it claims to have 32 bytes"), "%s", said);
		/* Cut off anywhere, or with one wrong bit in what describes it. */
		for (size_t k = 16; k < n - 4; k++) {
			unsigned char part[256];

			memcpy(part, payload, k);
			memcpy(part + k, payload + n - 4, 4);
			cr_expect_eq(try(part, k + 4, 1 << 20, said, sizeof(said)), -EBADMSG, "%zu of %zu: %s", k, n, said);
		}
		payload[n - 4]++; /* another length than it has */
		cr_expect_eq(try(payload, n, 1 << 20, said, sizeof(said)), -EBADMSG);
		cr_expect_not_null(strstr(said, "damaged"), "%s", said);
	}
	cr_expect_eq(try("something else altogether", 25, SIZE_MAX, said, sizeof(said)), -ENOTSUP);
	cr_expect_eq(try("short", 5, 1 << 20, said, sizeof(said)), -EBADMSG);
}

/* Lengths that lie. */
Test(unpack, absurd_blocks)
{
	unsigned char payload[256];
	const uint32_t lengths[] = {0, 1000, INT32_MAX, UINT32_MAX};
	size_t n = put_lz4(payload, TEXT);
	char said[256];

	for (size_t i = 0; i < 4; i++) {
		int ret;

		memcpy(payload + 4, &lengths[i], 4);
		ret = try(payload, n, 1 << 20, said, sizeof(said));
		if (ret == -ENOTSUP)
			cr_skip_test("%s", said);
		cr_expect_eq(ret, -EBADMSG, "%s", said);
	}
}

static struct kernel make_kernel(const char *text)
{
	struct stub_bzimage image;
	struct kernel k = KERNEL_NONE;
	unsigned char payload[256];
	size_t n = put_zstd(payload, text);
	char path[64];

	stub_bzimage(&image);
	memcpy(image.code + 64, payload, n);
	image.header.payload_offset = 64;
	image.header.payload_length = (uint32_t)n;
	snprintf(path, sizeof(path), "%s/vmlinuz", base);
	k.fd = open(path, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0644);
	cr_assert_eq(write(k.fd, &image, sizeof(image)), (ssize_t)sizeof(image));
	unlink(path);
	k.path = strdup("vmlinuz");
	strcpy(k.release, "6.12.1-stub");
	return k;
}

static void expect_text(struct kernel *k, const char *text)
{
	char got[64] = {0};

	cr_assert_eq(pread(k->fd, got, sizeof(got) - 1, 0), (ssize_t)strlen(text));
	cr_assert_str_eq(got, text);
}

static bool unpacked(struct kernel *k)
{
	struct error err = ERROR_NONE;
	int ret = kernel_unpack_in(k, folder, &err);

	if (ret && strstr(err.msg, "is not installed"))
		cr_skip_test("%s", err.msg);
	cr_assert_eq(!ret, !err.code, "%s", err.msg);
	return !ret;
}

Test(unpack, kept)
{
	char names[16][300], path[400];
	struct kernel k = make_kernel(TEXT), again = k;
	struct stat st;

	again.fd = dup(k.fd);
	cr_assert(unpacked(&k));
	expect_text(&k, TEXT);
	cr_assert_eq(list(names, 16), 1);
	cr_assert_eq(strncmp(names[0], "vmlinux-6.12.1-stub@", 20), 0);
	cr_assert_eq(stat(folder, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0700);
	/* Found the second time: what is written there by hand comes back. */
	snprintf(path, sizeof(path), "%s/%s", folder, names[0]);
	close(k.fd);
	k.fd = open(path, O_WRONLY | O_CLOEXEC);
	cr_assert_eq(write(k.fd, "THE", 3), 3);
	close(k.fd);
	cr_assert(unpacked(&again));
	expect_text(&again, "THE kernel proper, such as it is");
	close(again.fd);
	free(k.path);
}

/* Text, zeroes and text: a raw block, one of a byte that is repeated, another raw one. */
static size_t put_zstd_with_zeroes(unsigned char *to, uint32_t zeroes)
{
	const uint32_t n = sizeof(TEXT) - 1, size = n + zeroes + n, blocks[] = {n << 3, zeroes << 3 | 1 << 1, n << 3 | 1};
	unsigned char *p = to;

	p = mempcpy(p, "\x28\xb5\x2f\xfd\xa0", 5);
	p = mempcpy(p, &size, 4);
	p = mempcpy(mempcpy(p, &blocks[0], 3), TEXT, n);
	p = mempcpy(mempcpy(p, &blocks[1], 3), "", 1);
	p = mempcpy(mempcpy(p, &blocks[2], 3), TEXT, n);
	p = mempcpy(p, &size, 4);
	return (size_t)(p - to);
}

/* Zeroes are not written, and come back all the same. */
Test(unpack, holes)
{
	enum { ZEROES = 131072 }; /* one block's most */
	static const char none[ZEROES];
	static char got[ZEROES + 2 * sizeof(TEXT)];
	struct kernel k = make_kernel(TEXT);
	struct stub_bzimage image;
	const size_t n = sizeof(TEXT) - 1;
	struct stat st;

	cr_assert_eq(pread(k.fd, &image, sizeof(image), 0), (ssize_t)sizeof(image));
	image.header.payload_length = (uint32_t)put_zstd_with_zeroes(image.code + 64, ZEROES);
	cr_assert_eq(pwrite(k.fd, &image, sizeof(image), 0), (ssize_t)sizeof(image));
	cr_assert(unpacked(&k));
	cr_assert_eq(pread(k.fd, got, sizeof(got), 0), (ssize_t)(ZEROES + 2 * n));
	cr_assert_arr_eq(got, TEXT, n);
	cr_assert_arr_eq(got + n, none, ZEROES);
	cr_assert_arr_eq(got + n + ZEROES, TEXT, n);
	cr_assert_eq(fstat(k.fd, &st), 0);
	cr_assert_lt(st.st_blocks * 512, ZEROES);
	kernel_close(&k);
}

/* Another kernel of the same release takes the place of the first, whatever the first left; another release does not. */
Test(unpack, replaced)
{
	char names[16][300];
	struct kernel one = make_kernel(TEXT), two = make_kernel("another text of the same release"), other = make_kernel(TEXT);

	strcpy(other.release, "6.12.1-stub2");
	cr_assert(unpacked(&other));
	cr_assert(unpacked(&one));
	cr_assert_eq(list(names, 16), 2);
	cr_assert(unpacked(&two));
	expect_text(&two, "another text of the same release");
	expect_text(&one, TEXT); /* whoever has it open keeps it */
	cr_assert_eq(list(names, 16), 2);
	kernel_close(&one);
	kernel_close(&two);
	kernel_close(&other);
}

/* What is kept is used only if it is whole and nobody else can have written it. */
Test(unpack, not_trusted)
{
	char names[16][300], path[400];
	struct kernel k = make_kernel(TEXT), again = k;

	again.fd = dup(k.fd);
	cr_assert(unpacked(&k));
	close(k.fd);
	cr_assert_eq(list(names, 16), 1);
	snprintf(path, sizeof(path), "%s/%s", folder, names[0]);
	cr_assert_eq(truncate(path, 3), 0);
	k.fd = dup(again.fd);
	cr_assert(unpacked(&k));
	expect_text(&k, TEXT);
	close(k.fd);
	cr_assert_eq(chmod(path, 0666), 0);
	k.fd = dup(again.fd);
	cr_assert(unpacked(&k));
	expect_text(&k, TEXT);
	close(k.fd);
	cr_assert_eq(chmod(folder, 0777), 0);
	cr_assert_not(unpacked(&again));
	cr_assert_eq(chmod(folder, 0700), 0);
	kernel_close(&again);
}

Test(unpack, nothing_to_be_unpacked)
{
	struct stub_elf elf;
	struct stub_bzimage image;
	struct kernel k = KERNEL_NONE;
	int before;

	k.path = strdup("vmlinux");
	stub_elf(&elf, "", 0);
	before = k.fd = stub_elf_file(&elf);
	cr_assert_not(unpacked(&k));
	cr_assert_eq(k.fd, before);
	close(k.fd);
	stub_bzimage(&image);
	for (uint32_t i = 0; i < 4; i++) {
		const uint32_t at[] = {0, UINT32_MAX, 64, 500}, n[] = {0, 64, UINT32_MAX, 64};

		image.header.payload_offset = at[i];
		image.header.payload_length = n[i];
		k.fd = stub_file(&image, sizeof(image));
		cr_assert_not(unpacked(&k));
		close(k.fd);
	}
	k.fd = -EBADF;
	kernel_close(&k);
}

#define AT(physical) (0x80000000u + (uint32_t)(physical))

static struct memory *memory;

static uint64_t peek(gpa_t at, size_t size)
{
	uint64_t v = 0;

	memcpy(&v, memory_at(memory, at, size), size);
	return v;
}

static void poke(gpa_t at, uint64_t v, size_t size)
{
	memcpy(memory_at(memory, at, size), &v, size);
}

static int move(const uint32_t *table, size_t n, uint64_t offset)
{
	return kaslr_move(memory, STUB_AT, STUB_AT + 4096, table, n, offset, NULL);
}

static void make_memory(void)
{
	cr_assert_eq(memory_new(32 << 20, &memory, NULL), 0);
}

static void free_memory(void)
{
	memory_free(memory);
}

TestSuite(kaslr, .init = make_memory, .fini = free_memory);

Test(kaslr, three_lists)
{
	const uint32_t table[] = {0, AT(STUB_AT), AT(STUB_AT + 4088), 0, AT(STUB_AT + 16), 0, AT(STUB_AT + 32), AT(STUB_AT + 36)};

	poke(STUB_AT, 0xffffffff81000000, 8);
	poke(STUB_AT + 4088, 0xffffffff81000008, 8);
	poke(STUB_AT + 16, 0x1000, 4);
	poke(STUB_AT + 20, 0x77, 4);
	poke(STUB_AT + 32, 0x81000000, 4);
	poke(STUB_AT + 36, 0xffffffff, 4);
	cr_assert_eq(move(table, sizeof(table), 0x200000), 1);
	cr_assert_eq(peek(STUB_AT, 8), 0xffffffff81200000);
	cr_assert_eq(peek(STUB_AT + 4088, 8), 0xffffffff81200008);
	cr_assert_eq(peek(STUB_AT + 16, 4), 0xffe01000);
	cr_assert_eq(peek(STUB_AT + 20, 4), 0x77);
	cr_assert_eq(peek(STUB_AT + 32, 4), 0x81200000);
	cr_assert_eq(peek(STUB_AT + 36, 4), 0x1fffff);
	cr_assert_eq(peek(STUB_AT + 40, 4), 0);
}

Test(kaslr, two_lists)
{
	const uint32_t table[] = {0, AT(STUB_AT), 0, AT(STUB_AT + 16)};

	cr_assert_eq(move(table, sizeof(table), 0x200000), 1);
	cr_assert_eq(peek(STUB_AT, 8), 0x200000);
	cr_assert_eq(peek(STUB_AT + 16, 8), 0x200000);
}

/* No table is no reason to complain; one that reaches out of the kernel is. */
Test(kaslr, tables_that_are_none)
{
	const uint32_t no_start[] = {AT(STUB_AT), 0, AT(STUB_AT), 0, AT(STUB_AT)}, one[] = {0, AT(STUB_AT)}, four[] = {0, 0, 0, 0}, empty[] = {0, 0, 0};
	const uint32_t places[] = {1, 0x7fffffff, AT(0), AT(STUB_AT - 1), AT(STUB_AT + 4093), AT(STUB_AT + 4096), UINT32_MAX, 0x80000000};

	cr_expect_eq(move(no_start, sizeof(no_start), 0x200000), 0);
	cr_expect_eq(move(one, sizeof(one), 0x200000), 0);
	cr_expect_eq(move(four, sizeof(four), 0x200000), 0);
	cr_expect_eq(move(NULL, 0, 0x200000), 0);
	cr_expect_eq(move(empty, sizeof(empty), 0x200000), 1);
	cr_expect_eq(peek(STUB_AT, 8), 0);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		const uint32_t low[] = {0, 0, places[i]}, high[] = {0, places[i], 0};

		cr_expect_eq(move(low, sizeof(low), 0x200000), -ENOEXEC, "0x%x", places[i]);
		cr_expect_eq(move(high, sizeof(high), 0x200000), -ENOEXEC, "0x%x", places[i]);
	}
}

/* The offset is another one each time, whole steps of 2 MiB, and leaves the kernel in its room. */
Test(kaslr, random_offsets)
{
	const uint32_t table[] = {0, AT(STUB_AT), 0};
	uint64_t first = 0, differ = 0;

	for (int i = 0; i < 64; i++) {
		poke(STUB_AT, 0, 8);
		cr_assert_eq(kaslr_apply(memory, STUB_AT, STUB_AT + 4096, table, sizeof(table), NULL), 1);
		cr_assert_eq(peek(STUB_AT, 8) % (2 << 20), 0);
		cr_assert_leq(peek(STUB_AT, 8) + STUB_AT + 4096, 1 << 30);
		first = i ? first : peek(STUB_AT, 8);
		differ += peek(STUB_AT, 8) != first;
	}
	cr_assert_gt(differ, 0);
}
