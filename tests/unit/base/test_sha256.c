/* test_sha256.c: the examples of FIPS 180-4 and its lengths around a block. */
#include "base/sha256.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void expect_sum(const char *text, size_t times, const char *wanted)
{
	uint8_t sum[SHA256_SIZE];
	char got[2 * SHA256_SIZE + 1];
	struct sha256 s;

	sha256_start(&s);
	for (size_t i = 0; i < times; i++)
		sha256_add(&s, text, strlen(text));
	sha256_end(&s, sum);
	sha256_text(sum, got);
	cr_expect_str_eq(got, wanted, "%zu times \"%.20s\": %s", times, text, got);
}

Test(sha256, examples)
{
	expect_sum("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect_sum("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect_sum("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		   "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	expect_sum("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu", 1,
		   "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
	expect_sum("a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

Test(sha256, pieces_make_the_same_as_the_whole)
{
	uint8_t bytes[300], whole[SHA256_SIZE], pieces[SHA256_SIZE];
	struct sha256 s;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		sha256_start(&s);
		sha256_add(&s, bytes, len);
		sha256_end(&s, whole);
		sha256_start(&s);
		for (size_t at = 0, n = 1; at < len; at += n, n = n % 70 + 1) {
			n = n < len - at ? n : len - at;
			sha256_add(&s, bytes + at, n);
		}
		sha256_end(&s, pieces);
		cr_assert_arr_eq(whole, pieces, SHA256_SIZE, "%zu bytes", len);
	}
}

Test(sha256, items_have_ends)
{
	uint8_t one[SHA256_SIZE], two[SHA256_SIZE];
	struct sha256 s;

	sha256_start(&s);
	sha256_add_item(&s, "ab", 2);
	sha256_add_item(&s, "c", 1);
	sha256_end(&s, one);
	sha256_start(&s);
	sha256_add_item(&s, "a", 1);
	sha256_add_item(&s, "bc", 2);
	sha256_end(&s, two);
	cr_expect_arr_neq(one, two, SHA256_SIZE);
}
