/* test_str.c: texts, vectors, and numbers that are nothing but numbers. */
#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/table.h"

Test(str, text_grows)
{
	auto_text struct text t = {0};

	for (int i = 0; i < 1000; i++) {
		text_addf(&t, "%d,", i);
		text_add(&t, "");
	}
	cr_assert_not(t.failed);
	cr_assert_eq(t.n, strlen(t.v));
	cr_assert_eq(t.n, 10u * 2 + 90 * 3 + 900 * 4);
	cr_assert_str_eq(t.v + t.n - 8, "998,999,");
}

Test(str, text_holds_bytes)
{
	auto_text struct text t = {0};

	text_add_bytes(&t, "a\0b", 3);
	text_add_bytes(&t, NULL, 0);
	cr_assert_eq(t.n, 3);
	cr_assert_eq(memcmp(t.v, "a\0b\0", 4), 0);
}

Test(str, text_that_failed_stays_failed)
{
	auto_text struct text t = {0};

	text_add(&t, "x");
	text_add_bytes(&t, "y", SIZE_MAX - 2);
	cr_assert(t.failed);
	text_add(&t, "z");
	cr_assert_str_eq(t.v, "x");
	text_free(&t);
	cr_assert_null(t.v);
	cr_assert_not(t.failed);
	text_free(&t);
}

Test(str, vector_ends_in_null)
{
	auto_strv struct strv s = {0};
	char one[] = "one";

	cr_assert_eq(strv_add(&s, one, NULL), 0);
	one[0] = 'X';
	for (int i = 0; i < 100; i++)
		cr_assert_eq(strv_add(&s, "more", NULL), 0);
	cr_assert_eq(s.n, 101);
	cr_assert_str_eq(s.v[0], "one", "it is a copy");
	cr_assert_null(s.v[101]);
	strv_free(&s);
	cr_assert_eq(s.n, 0);
	cr_assert_null(s.v);
}

Test(str, starts_and_ends)
{
	char *s = str_printf("%s-%d", "a", 5);

	cr_assert_str_eq(s, "a-5");
	cr_assert(str_starts(s, "a-"));
	cr_assert(str_starts(s, ""));
	cr_assert_not(str_starts(s, "a-55"));
	cr_assert(str_ends(s, "-5"));
	cr_assert(str_ends(s, ""));
	cr_assert_not(str_ends(s, "aa-5"));
	free(s);
}

Test(str, no_numbers)
{
	static const char *const bad[] = {"",	"+1", " 1",  "1 ",  "0x1", "1.0",   "1e3", "-", "--1", "- 1",
					  "1-", "a",  "1\n", "\t1", "٣",   "1,000", "-+1", "+", "0b1", "1_0"};
	uint64_t u = 77;
	int64_t i = 77;

	for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
		cr_assert_eq(number_parse_u64(bad[k], 0, UINT64_MAX, &u), -EINVAL, "u64 '%s'", bad[k]);
		cr_assert_eq(number_parse_i64(bad[k], INT64_MIN, INT64_MAX, &i), -EINVAL, "i64 '%s'", bad[k]);
		cr_assert_eq(number_parse_octal(bad[k], UINT64_MAX, &u), -EINVAL, "octal '%s'", bad[k]);
	}
	cr_assert_eq(number_parse_u64("-0", 0, UINT64_MAX, &u), -EINVAL);
	cr_assert_eq(number_parse_u64("-1", 0, UINT64_MAX, &u), -EINVAL);
	cr_assert_eq(number_parse_u64("99999999999999999999999x", 0, UINT64_MAX, &u), -EINVAL);
	cr_assert_eq(number_parse_octal("8", UINT64_MAX, &u), -EINVAL);
	cr_assert_eq(number_parse_octal("0o17", UINT64_MAX, &u), -EINVAL);
	cr_assert_eq(u, 77, "untouched");
	cr_assert_eq(i, 77, "untouched");
}

Test(str, numbers_at_the_edges)
{
	uint64_t u = 0;
	int64_t i = 0;

	cr_assert_eq(number_parse_u64("18446744073709551615", 0, UINT64_MAX, &u), 0);
	cr_assert_eq(u, UINT64_MAX);
	cr_assert_eq(number_parse_u64("18446744073709551616", 0, UINT64_MAX, &u), -ERANGE);
	cr_assert_eq(number_parse_u64("99999999999999999999999", 0, UINT64_MAX, &u), -ERANGE);
	cr_assert_eq(number_parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &i), 0);
	cr_assert_eq(i, INT64_MIN);
	cr_assert_eq(number_parse_i64("9223372036854775807", INT64_MIN, INT64_MAX, &i), 0);
	cr_assert_eq(i, INT64_MAX);
	cr_assert_eq(number_parse_i64("9223372036854775808", INT64_MIN, INT64_MAX, &i), -ERANGE);
	cr_assert_eq(number_parse_i64("-9223372036854775809", INT64_MIN, INT64_MAX, &i), -ERANGE);
	cr_assert_eq(number_parse_i64("-0", -1, 1, &i), 0);
	cr_assert_eq(i, 0);
	cr_assert_eq(number_parse_octal("1777777777777777777777", UINT64_MAX, &u), 0);
	cr_assert_eq(u, UINT64_MAX);
	cr_assert_eq(number_parse_octal("2000000000000000000000", UINT64_MAX, &u), -ERANGE);
}

Test(str, numbers_keep_to_their_range)
{
	uint64_t u = 77;
	int64_t i = 77;

	cr_assert_eq(number_parse_u64("4", 5, 10, &u), -ERANGE);
	cr_assert_eq(number_parse_u64("11", 5, 10, &u), -ERANGE);
	cr_assert_eq(number_parse_i64("-1001", -1000, 1000, &i), -ERANGE);
	cr_assert_eq(number_parse_octal("10000", 07777, &u), -ERANGE);
	cr_assert_eq(u, 77);
	cr_assert_eq(i, 77);
	cr_assert_eq(number_parse_u64("5", 5, 10, &u), 0);
	cr_assert_eq(u, 5);
	cr_assert_eq(number_parse_i64("-1000", -1000, 1000, &i), 0);
	cr_assert_eq(i, -1000);
	cr_assert_eq(number_parse_octal("0755", 07777, &u), 0);
	cr_assert_eq(u, 0755);
}
