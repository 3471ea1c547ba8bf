/* schema.c: the door to yajl: feeds the reader (schema_read.c), and says where a text is no JSON. See
 * schema.h.
 *
 * This is the one file that knows yajl.
 */
#include "oci-spec/schema.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/table.h"
#include "oci-spec/quote.h"
#include "oci-spec/schema_inner.h"

/* What yajl has allocated. It never asks whether that succeeded, so a failure must not return to it. */
struct pool {
	jmp_buf out;
	void *live[16];
};

/* clang-format off */
static int on_null(void *ctx) { return reader_value(ctx, &(struct value){ TOKEN_NULL }); }
static int on_bool(void *ctx, int yes) { return reader_value(ctx, &(struct value){ yes ? TOKEN_TRUE : TOKEN_FALSE }); }
static int on_number(void *ctx, const char *text, size_t n) { return reader_value(ctx, &(struct value){ TOKEN_NUMBER, text, n }); }
static int on_string(void *ctx, const unsigned char *text, size_t n) { return reader_value(ctx, &(struct value){ TOKEN_STRING, (const char *)text, n }); }
static int on_object(void *ctx) { return reader_value(ctx, &(struct value){ TOKEN_OBJECT }); }
static int on_array(void *ctx) { return reader_value(ctx, &(struct value){ TOKEN_ARRAY }); }
static int on_key(void *ctx, const unsigned char *text, size_t n) { return reader_key(ctx, (const char *)text, n); }
static int on_end(void *ctx) { return reader_end(ctx); }
/* clang-format on */

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_array,
    .yajl_end_array = on_end,
};

static void *pool_realloc(void *ctx, void *old, size_t size)
{
	struct pool *pool = ctx;
	void *fresh;

	for (size_t i = 0; i < ARRAY_LEN(pool->live); i++)
		if (pool->live[i] == old) {
			fresh = realloc(old, size);
			if (!fresh)
				break;
			return pool->live[i] = fresh;
		}
	longjmp(pool->out, 1);
}

static void *pool_malloc(void *ctx, size_t size)
{
	return pool_realloc(ctx, NULL, size);
}

static void pool_free(void *ctx, void *old)
{
	struct pool *pool = ctx;

	for (size_t i = 0; i < ARRAY_LEN(pool->live) && old; i++)
		if (pool->live[i] == old) {
			pool->live[i] = NULL;
			free(old);
			return;
		}
}

/* "line 3, column 7": both from 1, a column is a character. */
static int complain_text(struct reader *r, const char *text, size_t at, const char *what)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < at; i++) {
		if (text[i] == '\n') {
			line++;
			column = 1;
		} else if ((text[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	return r->ret = error_set(r->err, -EINVAL, "%s: line %zu, column %zu: %s", r->document, line, column,
				  what);
}

/* Stricter than yajl, which lets overlong forms and surrogates pass. */
static int check_utf8(struct reader *r, const char *text, size_t len)
{
	for (size_t i = 0, step; i < len; i += step) {
		uint64_t eight;

		if (len - i >= sizeof(eight)) {
			memcpy(&eight, text + i, sizeof(eight));
			step = sizeof(eight);
			if (!(eight & 0x8080808080808080ULL))
				continue;
		}
		step = utf8_sequence(text + i, len - i);
		if (!step)
			return complain_text(r, text, i, "not UTF-8");
	}
	return 0;
}

/* Where the token begins that the byte at `at` belongs to. */
static size_t token_start(const char *text, size_t len, size_t at)
{
	static const char word[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-.";
	size_t i = 0, start;

	do {
		start = i;
		if (text[i] == '"') {
			for (i++; i < len && text[i] != '"'; i++)
				i += text[i] == '\\';
			i++;
		} else {
			do
				i++;
			while (i < len && strchr(word, text[start]) && text[start] && strchr(word, text[i]) &&
			       text[i]);
		}
	} while (i <= at && i < len);
	return start;
}

/* yajl says "parse error: reason\n"; the reason is enough. Where it stopped is mostly behind the fault. */
static int complain_syntax(struct reader *r, yajl_handle h, const char *text, size_t len, bool at_end)
{
	size_t at = at_end ? len : yajl_get_bytes_consumed(h), n;
	unsigned char *why = yajl_get_error(h, 0, (const unsigned char *)text, len);
	const char *reason = strstr((const char *)why, ": ");
	bool token = !strncmp((const char *)why, "parse", 5);
	char what[160];

	reason = reason ? reason + 2 : (const char *)why;
	n = strcspn(reason, "\n");
	while (n && (reason[n - 1] == '.' || reason[n - 1] == ' '))
		n--;
	/* Only for this one it has stepped back itself, not always far enough. */
	if (at > 0 && (token ? strncmp(reason, "after key", 9) : !strncmp(reason, "invalid char in", 15)))
		at--;
	if (token && at < len && !at_end)
		at = token_start(text, len, at);
	snprintf(what, sizeof(what), "%.*s", (int)n, reason);
	yajl_free_error(h, why);
	return complain_text(r, text, at_end || at > len ? len : at, what);
}

static int run(struct reader *r, struct pool *pool, const char *text, size_t len)
{
	yajl_alloc_funcs memory = {pool_malloc, pool_realloc, pool_free, pool};
	yajl_handle h = yajl_alloc(&callbacks, &memory, r);
	yajl_status status;
	bool at_end;

	yajl_config(h, yajl_dont_validate_strings, 1);
	status = yajl_parse(h, (const unsigned char *)text, len);
	at_end = status == yajl_status_ok;
	if (at_end)
		status = yajl_complete_parse(h);
	if (status == yajl_status_error && !r->ret)
		complain_syntax(r, h, text, len, at_end);
	yajl_free(h);
	return r->ret;
}

static int read_text(struct reader *r, const char *text, size_t len)
{
	struct pool pool;

	if (len > SCHEMA_TEXT_MAX)
		return error_set(r->err, -EINVAL, "%s: larger than %zu MiB", r->document,
				 SCHEMA_TEXT_MAX >> 20);
	if (check_utf8(r, text, len) < 0)
		return r->ret;
	r->root = calloc(1, r->schema->size);
	if (!r->root) {
		reader_fail_memory(r);
		return r->ret;
	}
	schema_prepare(r->schema, r->root);
	memset(pool.live, 0, sizeof(pool.live));
	if (!setjmp(pool.out))
		return run(r, &pool, text, len);
	for (size_t i = 0; i < ARRAY_LEN(pool.live); i++)
		free(pool.live[i]);
	reader_fail_memory(r);
	return r->ret;
}

int schema_parse_document(const struct schema *s, const char *document, const char *text, size_t len,
			  void **out, struct error *err)
{
	struct reader r;
	int ret;

	/* Not = { }: the frames are 3 KiB that are filled one by one. */
	r.document = document;
	r.err = err;
	r.schema = s;
	r.root = NULL;
	r.ret = r.depth = r.skip = r.n = 0;
	ret = read_text(&r, text, len);
	if (ret < 0)
		schema_free(s, r.root);
	else
		*out = r.root;
	return ret;
}

int schema_parse(const struct schema *s, const char *text, size_t len, void **out, struct error *err)
{
	return schema_parse_document(s, s->name, text, len, out, err);
}
