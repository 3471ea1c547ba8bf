/* test_schema.c: reading structs by a table of the test's own: every kind of field, and what must be refused.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oci-spec/schema.h"
#include "oci-spec/tables.h"

struct leaf {
	char *name;
	struct opt_int n;
};
struct named_leaf {
	char *key;
	struct opt_uint n;
	int colour;
};
struct tree {
	bool flag, must;
	struct opt_bool maybe;
	struct opt_int i, ranged;
	struct opt_uint u, small;
	char *s;
	int colour;
	struct strings strings;
	struct uints uints;
	struct pairs pairs;
	struct counts counts;
	struct leaf *leaf;
	ARRAY_OF(struct leaf) leaves;
	ARRAY_OF(struct named_leaf) named;
};

static const char *const colours[] = {"red", "green", NULL};
static const char *const colour_aliases[] = {"rot", "gruen", NULL};
/* clang-format off */
SCHEMA(leaf, MUST(FIELD_STRING, "name", leaf, name), INT("n", leaf, n));
SCHEMA(named_leaf, UINT("n", named_leaf, n), ENUM("colour", named_leaf, colour, colours));
PUBLIC_SCHEMA(tree, "doc",
	BOOL("flag", tree, flag),
	MUST(FIELD_BOOL, "must", tree, must),
	OPT_BOOL("maybe", tree, maybe),
	INT("i", tree, i),
	INT_IN("ranged", tree, ranged, -5, 5),
	UINT("u", tree, u),
	UINT_TO("small", tree, small, 255),
	STRING("s", tree, s),
	{ .name = "colour", .kind = FIELD_ENUM, .at = AT(tree, colour), .names = colours, .aliases = colour_aliases },
	STRINGS("strings", tree, strings),
	UINTS_TO("uints", tree, uints, 9),
	PAIRS("pairs", tree, pairs),
	COUNTS("counts", tree, counts),
	OBJECT("leaf", tree, leaf, leaf),
	OBJECTS("leaves", tree, leaves, leaf),
	NAMED("named", tree, named, named_leaf));
/* clang-format on */

static struct tree *parse(const char *text)
{
	struct error err = ERROR_NONE;
	void *out = NULL;

	cr_assert_eq(schema_parse(&tree_schema, text, strlen(text), &out, &err), 0, "%s: %s", text, err.msg);
	return out;
}

static void refuse_bytes(const char *text, size_t n, const char *message)
{
	struct error err = ERROR_NONE;
	void *out = &err;

	cr_assert_eq(schema_parse(&tree_schema, text, n, &out, &err), -EINVAL, "%s", text);
	cr_assert_eq(err.code, -EINVAL);
	cr_assert_str_eq(err.msg, message);
	cr_assert_eq(out, &err, "*out was touched");
	cr_assert_eq(schema_parse(&tree_schema, text, n, &out, NULL), -EINVAL);
}

static void refuse(const char *text, const char *message)
{
	refuse_bytes(text, strlen(text), message);
}

Test(schema, every_kind)
{
	struct tree *t =
	    parse("{\"flag\":true,\"must\":false,\"maybe\":false,\"i\":-9223372036854775808,\"ranged\":-5,"
		  "\"u\":18446744073709551615,\"small\":255,\"s\":\"x\",\"colour\":\"green\",\"strings\":["
		  "\"a\",\"\"],"
		  "\"uints\":[0,9],\"pairs\":{\"k\":\"v\",\"l\":\"\"},\"counts\":{\"k\":0,\"l\":18446744073709551615},\"leaf\":{\"name\":\"n\",\"n\":-1},"
		  "\"leaves\":[{\"name\":\"1\"},{\"name\":\"2\",\"n\":2},{\"name\":\"3\"}],"
		  "\"named\":{\"one\":{\"n\":1,\"colour\":\"red\"},\"two\":{}}}");

	cr_assert(t->flag && !t->must && t->maybe.set && !t->maybe.v);
	cr_assert(t->i.set && t->i.v == INT64_MIN);
	cr_assert(t->ranged.set && t->ranged.v == -5);
	cr_assert(t->u.set && t->u.v == UINT64_MAX);
	cr_assert(t->small.set && t->small.v == 255);
	cr_assert_str_eq(t->s, "x");
	cr_assert_eq(t->colour, 1);
	cr_assert_eq(t->strings.n, 2);
	cr_assert_str_eq(t->strings.v[0], "a");
	cr_assert_str_eq(t->strings.v[1], "");
	cr_assert_null(t->strings.v[2]);
	cr_assert(t->uints.n == 2 && t->uints.v[0] == 0 && t->uints.v[1] == 9);
	cr_assert_eq(t->pairs.n, 2);
	cr_assert_str_eq(t->pairs.v[1].key, "l");
	cr_assert_str_eq(t->pairs.v[0].value, "v");
	cr_assert_eq(t->counts.n, 2);
	cr_assert_str_eq(t->counts.v[0].key, "k");
	cr_assert_str_eq(t->counts.v[1].key, "l");
	cr_assert(t->counts.v[0].value == 0 && t->counts.v[1].value == UINT64_MAX);
	cr_assert_str_eq(t->leaf->name, "n");
	cr_assert(t->leaf->n.set && t->leaf->n.v == -1);
	cr_assert_eq(t->leaves.n, 3);
	cr_assert_str_eq(t->leaves.v[2].name, "3");
	cr_assert(!t->leaves.v[0].n.set && t->leaves.v[1].n.v == 2);
	cr_assert_null(t->leaves.v[3].name);
	cr_assert_eq(t->named.n, 2);
	cr_assert_str_eq(t->named.v[0].key, "one");
	cr_assert_eq(t->named.v[0].colour, 0);
	cr_assert_eq(t->named.v[1].colour, -1);
	schema_free(&tree_schema, t);
}

Test(schema, absent_null_and_empty)
{
	struct tree *t =
	    parse("{\"must\":true,\"flag\":null,\"maybe\":null,\"i\":null,\"s\":null,\"colour\":null,"
		  "\"strings\":null,\"leaf\":null,\"leaves\":null,\"pairs\":{},\"named\":{},\"uints\":[]}");

	cr_assert(!t->flag && !t->maybe.set && !t->i.set && !t->u.set && !t->s && !t->leaf);
	cr_assert_eq(t->colour, -1);
	cr_assert(!t->strings.v && !t->leaves.v);
	cr_assert(t->pairs.v && !t->pairs.n && t->named.v && !t->named.n && t->uints.v && !t->uints.n);
	schema_free(&tree_schema, t);
}

Test(schema, counts)
{
	refuse("{\"must\":true,\"counts\":{\"a\":1,\"b\":\"2\"}}", "doc: counts.b: expected a number, found the string \"2\"");
	refuse("{\"must\":true,\"counts\":{\"a\":-1}}", "doc: counts.a: -1 is out of range (0 to 18446744073709551615)");
	refuse("{\"must\":true,\"counts\":{\"a\":1,\"a\":1}}", "doc: counts.a: stands there twice");
	refuse("{\"must\":true,\"counts\":[1]}", "doc: counts: expected an object, found an array");
}

Test(schema, aliases_and_unknown_properties)
{
	struct tree *t = parse(" {\"x\":{\"must\":7,\"a\":[{},[1.5e3,null]],\"must\":8},\"must\":true,\"y\":"
			       "\"\",\"z\":null,\"z\":1,"
			       "\"colour\":\"gruen\",\"Flag\":9,\"fla\":1,\"flagg\":2,\"\":0}\n");

	cr_assert(t->must && !t->flag);
	cr_assert_eq(t->colour, 1);
	schema_free(&tree_schema, t);
}

Test(schema, any_order_and_escapes)
{
	struct tree *t = parse(
	    "{\"s\":\"\\u00e4\\ud83d\\ude00\\\"\\\\\\/\\n\",\"m\\u0075st\":true,\"i\":1,\"flag\":true}");

	cr_assert_str_eq(t->s, "\xc3\xa4\xf0\x9f\x98\x80\"\\/\n");
	cr_assert(t->flag && t->i.v == 1);
	schema_free(&tree_schema, t);
}

Test(schema, many_elements)
{
	enum { N = 10000 };
	char *text = malloc(N * 32 + 100), *at = text;
	struct tree *t;

	at += sprintf(at, "{\"must\":true,\"pairs\":{\"k\":\"\"");
	for (int i = 0; i < N; i++)
		at += sprintf(at, ",\"k%d\":\"%d\"", i, i);
	sprintf(at, "}}");
	t = parse(text);
	cr_assert_eq(t->pairs.n, N + 1);
	cr_assert_str_eq(t->pairs.v[N].value, "9999");
	schema_free(&tree_schema, t);
	sprintf(at, ",\"k7777\":\"\"}}");
	refuse(text, "doc: pairs.k7777: stands there twice");
	free(text);
}

Test(schema, text_ends_where_it_is_said_to)
{
	struct error err = ERROR_NONE;
	void *out;

	cr_assert_eq(schema_parse(&tree_schema, "{\"must\":true}garbage", 13, &out, &err), 0, "%s", err.msg);
	schema_free(&tree_schema, out);
	refuse_bytes("{\"must\":true}", 12, "doc: line 1, column 13: premature EOF");
}

Test(schema, not_json)
{
	refuse("", "doc: line 1, column 1: premature EOF");
	refuse(" \n\n ", "doc: line 3, column 2: premature EOF");
	refuse("{\n\t\"must\": true,\n\t\"s\": nul\n}",
	       "doc: line 3, column 10: invalid string in json text");
	refuse("{\n\"s\": \"a\nb\"}", "doc: line 2, column 8: invalid character inside string");
	refuse("{\"\xc3\xa4\":\n \"\xe2\x82\xac\" ?}", "doc: line 2, column 6: invalid char in json text");
	refuse_bytes("{\"must\":\0true}", 14, "doc: line 1, column 9: invalid char in json text");
	refuse_bytes("{\"must\":true}\0", 14, "doc: line 1, column 14: trailing garbage");
}

Test(schema, not_utf8)
{
	refuse("{\n \"s\":\"\xff\"}", "doc: line 2, column 7: not UTF-8");
	refuse("{\"s\":\"0123456789\xc0\x80\"}", "doc: line 1, column 17: not UTF-8");
	refuse("{\"x\":\"\xed\xa0\x80\"}", "doc: line 1, column 7: not UTF-8");
	refuse("{\"must\":true} \xe2\x82", "doc: line 1, column 15: not UTF-8");
	refuse("\xef\xbb\xbf{}", "doc: line 1, column 1: invalid char in json text");
}

Test(schema, places)
{
	refuse("{\"leaf\":{\"name\":1}}", "doc: leaf.name: expected a string, found the number 1");
	refuse("{\"leaf\":{}}", "doc: leaf.name: required, and missing");
	refuse("{\"leaf\":{\"name\":null}}", "doc: leaf.name: required, and missing");
	refuse("{\"leaves\":[{\"name\":\"a\"},{\"n\":1}]}", "doc: leaves[1].name: required, and missing");
	refuse("{\"leaves\":[{\"name\":\"a\"},null]}", "doc: leaves[1]: expected an object, found null");
	refuse("{\"leaves\":[[]]}", "doc: leaves[0]: expected an object, found an array");
	refuse("{\"named\":{\"a\":{},\"b\":{\"colour\":\"blue\"}}}",
	       "doc: named.b.colour: unknown value \"blue\"");
	refuse("{\"named\":{\"a b\":{\"n\":-1}}}",
	       "doc: named[\"a b\"].n: -1 is out of range (0 to 18446744073709551615)");
	refuse("{\"named\":{\"a\":{\"n\":1,\"n\":1}}}", "doc: named.a.n: stands there twice");
	refuse("{\"named\":{\"a\":{},\"b\":{},\"a\":{}}}", "doc: named.a: stands there twice");
	refuse("{\"named\":{\"a\":{},\"b\":null}}", "doc: named.b: expected an object, found null");
	refuse("{\"uints\":[1,2,10]}", "doc: uints[2]: 10 is out of range (0 to 9)");
	refuse("{\"x\":1}", "doc: must: required, and missing");
}

Test(schema, numbers)
{
	refuse("{\"i\":9223372036854775808}",
	       "doc: i: 9223372036854775808 is out of range (-9223372036854775808 to 9223372036854775807)");
	refuse("{\"i\":-9223372036854775809}",
	       "doc: i: -9223372036854775809 is out of range (-9223372036854775808 to 9223372036854775807)");
	refuse("{\"u\":18446744073709551616}",
	       "doc: u: 18446744073709551616 is out of range (0 to 18446744073709551615)");
	refuse("{\"small\":256}", "doc: small: 256 is out of range (0 to 255)");
	refuse("{\"ranged\":6}", "doc: ranged: 6 is out of range (-5 to 5)");
	refuse("{\"ranged\":-6}", "doc: ranged: -6 is out of range (-5 to 5)");
	refuse("{\"i\":1.0}", "doc: i: 1.0 is not an integer");
	refuse("{\"u\":1e2}", "doc: u: 1e2 is not an integer");
	refuse("{\"u\":-1.5E+2}", "doc: u: -1.5E+2 is not an integer");
}

Test(schema, depth)
{
	char text[400];
	struct tree *t;

	for (int depth = 30; depth < 40; depth++) {
		char *at = text + sprintf(text, "{\"must\":true,\"x\":");

		memset(at, '[', depth);
		memset(at + depth, ']', depth);
		strcpy(at + 2 * depth, "}");
		if (depth + 1 <= SCHEMA_DEPTH_MAX) {
			t = parse(text);
			schema_free(&tree_schema, t);
		} else {
			refuse(text, "doc: nested too deep");
		}
	}
}

Test(schema, size)
{
	size_t n = SCHEMA_TEXT_MAX + 1;
	char *text = malloc(n + 1);
	struct error err = ERROR_NONE;
	void *out;

	memset(text, ' ', n);
	memcpy(text, "{\"must\":true}", 13);
	cr_assert_eq(schema_parse(&tree_schema, text, n - 1, &out, &err), 0, "%s", err.msg);
	schema_free(&tree_schema, out);
	refuse_bytes(text, n, "doc: larger than 16 MiB");
	free(text);
}

Test(schema, document_name)
{
	struct error err = ERROR_NONE;
	void *out;

	cr_assert_eq(schema_parse_document(&tree_schema, "other.json", "{}", 2, &out, &err), -EINVAL);
	cr_assert_str_eq(err.msg, "other.json: must: required, and missing");
}

Test(schema, free_of_nothing)
{
	schema_free(&tree_schema, NULL);
	schema_free(&tree_schema, calloc(1, sizeof(struct tree)));
}
