/* test_quote.c: text of others in messages, and what is UTF-8. */
#include <criterion/criterion.h>
#include <string.h>

#include "oci-spec/quote.h"

Test(quote, plain)
{
	cr_assert_str_eq(quote("abc").text, "\"abc\"");
	cr_assert_str_eq(quote("").text, "\"\"");
	cr_assert_str_eq(quote(NULL).text, "\"\"");
	cr_assert_str_eq(quote_bytes("abc", 2).text, "\"ab\"");
	cr_assert_str_eq(quote_bare("12", 2).text, "12");
	cr_assert_str_eq(quote("\xc3\xa4").text, "\"\xc3\xa4\"");
}

Test(quote, control_characters)
{
	cr_assert_str_eq(quote("a\n\t\x1b[2J\x7f").text, "\"a???[2J?\"");
	cr_assert_str_eq(quote("\xc2\x80\xc2\x9b\xc2\xa0").text, "\"??\xc2\xa0\"");
	cr_assert_str_eq(quote("\xff\xc0\x80\xe2\x82").text, "\"?????\"");
	cr_assert_str_eq(quote_bytes("a\0b", 3).text, "\"a?b\"");
}

Test(quote, bounded)
{
	char text[200], want[200];

	memset(text, 'x', sizeof(text));
	cr_assert_eq(strlen(quote_bytes(text, 64).text), 66);
	memset(want, 'x', sizeof(want));
	want[0] = '"';
	strcpy(want + 65, "...\"");
	cr_assert_str_eq(quote_bytes(text, 65).text, want);
	cr_assert_str_eq(quote_bytes(text, sizeof(text)).text, want);
}

Test(quote, never_cuts_a_character)
{
	char text[80];
	struct quoted q;

	memset(text, 'x', 63);
	strcpy(text + 63, "\xe2\x82\xac");
	q = quote(text);
	cr_assert_str_eq(q.text + 1 + 63, "...\"");
	memset(text, 'x', 61);
	strcpy(text + 61, "\xe2\x82\xac");
	q = quote(text);
	cr_assert_str_eq(q.text + 1 + 61, "\xe2\x82\xac\"");
}

Test(quote, keys)
{
	char where[64] = "";

	quote_add_key(where, sizeof(where), "linux", 5);
	quote_add_key(where, sizeof(where), "net-dev_1", 9);
	cr_assert_str_eq(where, "linux.net-dev_1");
	quote_add_key(where, sizeof(where), "a.b", 3);
	cr_assert_str_eq(where, "linux.net-dev_1[\"a.b\"]");
	quote_add_key(where, sizeof(where), "", 0);
	cr_assert_str_eq(where, "linux.net-dev_1[\"a.b\"][\"\"]");
	for (int i = 0; i < 20; i++)
		quote_add_key(where, sizeof(where), "abcdef", 6);
	cr_assert_eq(strlen(where), sizeof(where) - 1);
}

Test(quote, utf8)
{
	/* clang-format off */
	static const struct { const char *s; size_t len; } cases[] = {
		{ "a", 1 },
		{ "\x7f", 1 },
		{ "\xc2\x80", 2 },
		{ "\xdf\xbf", 2 },
		{ "\xe0\xa0\x80", 3 },
		{ "\xed\x9f\xbf", 3 },
		{ "\xee\x80\x80", 3 },
		{ "\xf0\x90\x80\x80", 4 },
		{ "\xf4\x8f\xbf\xbf", 4 },
		{ "\x80", 0 },
		{ "\xbf", 0 },
		{ "\xc0\x80", 0 },          /* NUL in two bytes */
		{ "\xc1\xbf", 0 },
		{ "\xe0\x9f\xbf", 0 },      /* overlong */
		{ "\xed\xa0\x80", 0 },      /* a surrogate */
		{ "\xf0\x8f\xbf\xbf", 0 },
		{ "\xf4\x90\x80\x80", 0 },  /* above U+10FFFF */
		{ "\xf5\x80\x80\x80", 0 },
		{ "\xff", 0 },
		{ "\xc3", 0 },
		{ "\xc3(", 0 },
		{ "\xe2\x82", 0 },
		{ "\xe2\x82(", 0 },
		{ "\xf0\x9f\x98", 0 },
		{ "\xf0\x9f\x98(", 0 },
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		cr_assert_eq(utf8_sequence(cases[i].s, strlen(cases[i].s)), cases[i].len, "case %zu", i);
}
