/* test_schema_print.c: structs written as JSON. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oci-spec/schema.h"
#include "oci-spec/tables.h"

struct inner {
	char *key;
	struct opt_bool on;
};
struct outer {
	char *s;
	bool flag, must;
	struct opt_int i;
	struct opt_uint u;
	int word;
	struct strings strings;
	struct uints uints;
	struct pairs pairs;
	struct inner *one;
	ARRAY_OF(struct inner) list, named;
};

static const char *const words[] = {"a", "b", NULL};
/* clang-format off */
SCHEMA(inner, OPT_BOOL("on", inner, on));
SCHEMA(outer,
	STRING("s", outer, s),
	BOOL("flag", outer, flag),
	MUST(FIELD_BOOL, "must", outer, must),
	INT("i", outer, i),
	UINT("u", outer, u),
	ENUM("word", outer, word, words),
	STRINGS("strings", outer, strings),
	UINTS("uints", outer, uints),
	PAIRS("pairs", outer, pairs),
	OBJECT("one", outer, one, inner),
	OBJECTS("list", outer, list, inner),
	NAMED("named", outer, named, inner));
/* clang-format on */

/* clang-format off */
static void expect(const struct outer *o, const char *indent, const char *want)
{
	struct error err = ERROR_NONE;
	char *text = NULL;
	int ret = indent ? schema_print_pretty(&outer_schema, o, indent, &text, &err) : schema_print(&outer_schema, o, &text, &err);

	cr_assert_eq(ret, 0, "%s", err.msg);
	cr_assert_str_eq(text, want);
	free(text);
}

struct tallied {
	struct counts counts;
	ARRAY_OF(struct inner) list;
};
/* clang-format off */
SCHEMA(tallied,
	COUNTS("counts", tallied, counts),
	FIELD("list", FIELD_OBJECTS, true, tallied, list, &inner_schema, NULL));
/* clang-format on */

Test(schema_print, counts_and_an_array_that_must_be_there)
{
	static char a[] = "a", b[] = "b";
	struct count v[] = {{a, 0}, {b, UINT64_MAX}};
	struct inner one = {.key = NULL};
	struct error err = ERROR_NONE;
	struct tallied t = {0};
	char *text = NULL;

	cr_assert_eq(schema_print(&tallied_schema, &t, &text, &err), 0);
	cr_assert_str_eq(text, "{\"list\":null}");
	free(text);
	t.counts.v = v;
	t.counts.n = 2;
	t.list.v = &one;
	cr_assert_eq(schema_print(&tallied_schema, &t, &text, &err), 0);
	cr_assert_str_eq(text, "{\"counts\":{\"a\":0,\"b\":18446744073709551615},\"list\":[]}");
	free(text);
}

Test(schema_print, absent_things_are_left_out)
{
	struct outer o = { .word = -1 };

	expect(&o, NULL, "{\"must\":false}");
	expect(&o, "\t", "{\n\t\"must\": false\n}");
}

Test(schema_print, empty_things_are_not)
{
	struct inner none = { 0 };
	char *strings = NULL;
	uint64_t number = 0;
	struct pair pair = { 0 };
	struct outer o = { .word = -1, .must = true, .strings = { &strings, 0 }, .uints = { &number, 0 }, .pairs = { &pair, 0 },
			   .one = &none, .list = { &none, 0 }, .named = { &none, 0 } };

	expect(&o, NULL, "{\"must\":true,\"strings\":[],\"uints\":[],\"pairs\":{},\"one\":{},\"list\":[],\"named\":{}}");
	expect(&o, "  ", "{\n  \"must\": true,\n  \"strings\": [],\n  \"uints\": [],\n  \"pairs\": {},\n  \"one\": {},\n"
			 "  \"list\": [],\n  \"named\": {}\n}");
}

Test(schema_print, values)
{
	struct inner off = { .on = { true, false } }, inners[] = { { .key = (char *)"k", .on = { true, true } }, { .key = (char *)"l" } };
	char *strings[] = { (char *)"a/b", (char *)"" };
	uint64_t numbers[] = { 0, UINT64_MAX };
	struct pair pairs[] = { { (char *)"x\"", (char *)"y" } };
	struct outer o = { .s = (char *)"s", .flag = true, .i = { true, INT64_MIN }, .u = { true, 1000000000000000000 }, .word = 1,
			   .strings = { strings, 2 }, .uints = { numbers, 2 }, .pairs = { pairs, 1 }, .one = &off,
			   .list = { inners, 2 }, .named = { inners, 2 } };

	expect(&o, NULL,
	       "{\"s\":\"s\",\"flag\":true,\"must\":false,\"i\":-9223372036854775808,\"u\":1000000000000000000,\"word\":\"b\","
	       "\"strings\":[\"a/b\",\"\"],\"uints\":[0,18446744073709551615],\"pairs\":{\"x\\\"\":\"y\"},\"one\":{\"on\":false},"
	       "\"list\":[{\"on\":true},{}],\"named\":{\"k\":{\"on\":true},\"l\":{}}}");
}

Test(schema_print, pretty)
{
	struct inner inners[] = { { .key = (char *)"k", .on = { true, true } }, { .key = (char *)"l" } };
	struct outer o = { .word = 0, .list = { inners, 2 }, .named = { inners, 1 } };

	expect(&o, "  ",
	       "{\n  \"must\": false,\n  \"word\": \"a\",\n  \"list\": [\n    {\n      \"on\": true\n    },\n    {}\n  ],\n"
	       "  \"named\": {\n    \"k\": {\n      \"on\": true\n    }\n  }\n}");
}

Test(schema_print, strings)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "plain", "plain" },
		{ "\"\\/", "\\\"\\\\/" },
		{ "\b\f\n\r\t", "\\b\\f\\n\\r\\t" },
		{ "\x01\x1f\x7f", "\\u0001\\u001f\x7f" },
		{ "\xc3\xa4\xf0\x9f\x98\x80", "\xc3\xa4\xf0\x9f\x98\x80" },
		{ "a\xff" "b", "a\xef\xbf\xbd" "b" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "<&>\xe2\x80\xa8", "<&>\xe2\x80\xa8" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct outer o = { .s = (char *)cases[i].in, .word = -1 };
		char want[100];

		snprintf(want, sizeof(want), "{\"s\":\"%s\",\"must\":false}", cases[i].out);
		expect(&o, NULL, want);
	}
}
