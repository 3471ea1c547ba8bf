/* schema.c: reads and frees a struct by its table. See schema.h.
 *
 * yajl calls back for each token; a stack of frames says which table, struct and property that token belongs
 * to, so no tree is ever built. This is the one file that knows yajl.
 */
#include "oci-spec/schema.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/str.h"
#include "base/table.h"
#include "oci-spec/quote.h"

/* Every array in every table has this shape. */
/* clang-format off */
struct __attribute__((may_alias)) list { void *v; size_t n; };
/* clang-format on */

enum token { TOKEN_NULL, TOKEN_FALSE, TOKEN_TRUE, TOKEN_NUMBER, TOKEN_STRING, TOKEN_OBJECT, TOKEN_ARRAY };

struct value {
	enum token token;
	const char *text; /* of a number or a string; does not end in NUL */
	size_t n;
};

/* An object by its table, or (list != NULL) the array or the map that the property `field` is. */
struct frame {
	const struct schema *schema;
	char *obj;
	const struct field *field; /* the property being read; NULL: unknown */
	struct list *list;
	size_t room;	       /* elements that list->v has room for */
	size_t next;	       /* the field after the last one: properties mostly come in the table's order */
	uint64_t seen, filled; /* bit i: fields[i] occurred, and was not null */
};

/* What yajl has allocated. It never asks whether that succeeded, so a failure must not return to it. */
struct pool {
	jmp_buf out;
	void *live[16];
};

struct reader {
	const char *document;
	struct error *err;
	int ret;
	const struct schema *schema;
	void *root;
	int depth; /* open objects and arrays */
	int skip;  /* how many of them are inside an unknown property */
	int n;
	struct frame frames[SCHEMA_DEPTH_MAX];
	struct pool pool;
};

static struct frame *top(struct reader *r)
{
	return &r->frames[r->n - 1];
}

static size_t element_size(const struct field *f)
{
	switch (f->kind) {
	case FIELD_STRINGS:
		return sizeof(char *);
	case FIELD_UINTS:
		return sizeof(uint64_t);
	case FIELD_PAIRS:
		return sizeof(struct pair);
	default:
		return f->of->size;
	}
}

/* The element of a map that is being read; its key comes first in both kinds. */
static char **last_key(const struct frame *f)
{
	return (char **)((char *)f->list->v + (f->list->n - 1) * element_size(f->field));
}

static bool is_map(const struct field *f)
{
	return f->kind == FIELD_PAIRS || f->kind == FIELD_NAMED;
}

/* The object itself, not the property of it that was read last. */
static const char no_key[] = "";

/* linux.namespaces[2].type; with `key`, the top frame's own property is that one. */
static void place(const struct reader *r, const char *key, char *where, size_t room)
{
	*where = '\0';
	for (int i = 0; i < r->n; i++) {
		const struct frame *f = &r->frames[i];
		size_t used = strlen(where);

		if (key == no_key && i == r->n - 1)
			break;
		if (key && i == r->n - 1)
			quote_add_key(where, room, key, strlen(key));
		else if (!f->list && f->field)
			quote_add_key(where, room, f->field->name, strlen(f->field->name));
		else if (f->list && f->list->n && is_map(f->field))
			quote_add_key(where, room, *last_key(f), strlen(*last_key(f)));
		else if (f->list && f->list->n)
			snprintf(where + used, room - used, "[%zu]", f->list->n - 1);
	}
}

/* All of these return 0, which ends yajl's work. */
static int complain_key(struct reader *r, const char *key, const char *what)
{
	char where[256];

	place(r, key, where, sizeof(where));
	r->ret = error_set(r->err, -EINVAL, "%s: %s%s%s", r->document, where, *where ? ": " : "", what);
	return 0;
}

static int complain(struct reader *r, const char *what)
{
	return complain_key(r, NULL, what);
}

static int complain_memory(struct reader *r)
{
	r->ret = error_set(r->err, -ENOMEM, "%s: out of memory", r->document);
	return 0;
}

static int complain_type(struct reader *r, const char *expected, const struct value *v)
{
	static const char *const found[] = {"null",	   "false",	"true",	   "the number ",
					    "the string ", "an object", "an array"};
	struct quoted q = {""};
	char what[200];

	if (v->token == TOKEN_NUMBER)
		q = quote_bare(v->text, v->n);
	else if (v->token == TOKEN_STRING)
		q = quote_bytes(v->text, v->n);
	snprintf(what, sizeof(what), "expected %s, found %s%s", expected, found[v->token], q.text);
	return complain(r, what);
}

/* Makes one more element, all zero, with a zero one behind it. NULL when out of memory. */
static void *append(struct reader *r, struct frame *f)
{
	size_t size = element_size(f->field), room = f->room;
	char *v = f->list->v;

	if (f->list->n + 1 >= room) {
		room = room ? room * 2 : size <= sizeof(struct pair) ? 8 : 2;
		v = reallocarray(v, room, size);
		if (!v) {
			complain_memory(r);
			return NULL;
		}
		memset(v + f->room * size, 0, (room - f->room) * size);
		f->list->v = v;
		f->room = room;
	}
	return v + f->list->n++ * size;
}

static void prepare(const struct schema *s, char *obj)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->fields[i].kind == FIELD_ENUM)
			*(int *)(obj + s->fields[i].at) = -1;
}

static int enter_object(struct reader *r, const struct schema *s, void *obj)
{
	prepare(s, obj);
	r->frames[r->n++] = (struct frame){.schema = s, .obj = obj};
	return 1;
}

static int enter_list(struct reader *r, const struct field *f, void *list)
{
	r->frames[r->n++] = (struct frame){.field = f, .list = list};
	return 1;
}

/* yajl's own reading of numbers is not used: it loses values above INT64_MAX. */
static int read_number(struct reader *r, const struct value *v, const struct field *f, void *slot)
{
	bool is_signed = f->kind == FIELD_INT, ranged = is_signed ? f->min || f->max : f->max;
	int64_t min = ranged ? f->min : is_signed ? INT64_MIN : 0, i = 0;
	uint64_t max = ranged ? f->max : is_signed ? INT64_MAX : UINT64_MAX, u = 0;
	char text[24] = "", what[160];
	int ret = -ERANGE;

	if (v->token != TOKEN_NUMBER)
		return complain_type(r, "a number", v);
	for (size_t k = 0; k < v->n; k++)
		if (v->text[k] == '.' || v->text[k] == 'e' || v->text[k] == 'E') {
			snprintf(what, sizeof(what), "%s is not an integer", quote_bare(v->text, v->n).text);
			return complain(r, what);
		}
	if (v->n < sizeof(text)) {
		memcpy(text, v->text, v->n);
		ret = is_signed ? number_parse_i64(text, min, (int64_t)max, &i)
				: number_parse_u64(text, 0, max, &u);
	}
	if (ret < 0) {
		snprintf(what, sizeof(what), "%s is out of range (%lld to %llu)",
			 quote_bare(v->text, v->n).text, (long long)min, (unsigned long long)max);
		return complain(r, what);
	}
	if (f->kind == FIELD_UINTS)
		*(uint64_t *)slot = u;
	else if (is_signed)
		*(struct opt_int *)slot = (struct opt_int){true, i};
	else
		*(struct opt_uint *)slot = (struct opt_uint){true, u};
	return 1;
}

static int read_string(struct reader *r, const struct value *v, char **slot)
{
	if (v->token != TOKEN_STRING)
		return complain_type(r, "a string", v);
	*slot = malloc(v->n + 1);
	if (!*slot)
		return complain_memory(r);
	memcpy(*slot, v->text, v->n);
	(*slot)[v->n] = '\0';
	return 1;
}

static int find_name(const char *const *names, const struct value *v)
{
	for (int i = 0; names && names[i]; i++)
		if (!strncmp(names[i], v->text, v->n) && !names[i][v->n])
			return i;
	return -1;
}

static int read_enum(struct reader *r, const struct field *f, const struct value *v, int *slot)
{
	char what[128];
	int i;

	if (v->token != TOKEN_STRING)
		return complain_type(r, "a string", v);
	i = find_name(f->names, v);
	if (i < 0)
		i = find_name(f->aliases, v);
	if (i < 0) {
		snprintf(what, sizeof(what), "unknown value %s", quote_bytes(v->text, v->n).text);
		return complain(r, what);
	}
	*slot = i;
	return 1;
}

static int read_bool(struct reader *r, const struct field *f, const struct value *v, void *slot)
{
	bool yes = v->token == TOKEN_TRUE;

	if (v->token != TOKEN_TRUE && v->token != TOKEN_FALSE)
		return complain_type(r, "true or false", v);
	if (f->kind == FIELD_BOOL)
		*(bool *)slot = yes;
	else
		*(struct opt_bool *)slot = (struct opt_bool){true, yes};
	return 1;
}

static int read_field(struct reader *r, const struct field *f, const struct value *v, void *slot)
{
	switch (f->kind) {
	case FIELD_BOOL:
	case FIELD_OPT_BOOL:
		return read_bool(r, f, v, slot);
	case FIELD_INT:
	case FIELD_UINT:
		return read_number(r, v, f, slot);
	case FIELD_STRING:
		return read_string(r, v, slot);
	case FIELD_ENUM:
		return read_enum(r, f, v, slot);
	case FIELD_OBJECT:
		if (v->token != TOKEN_OBJECT)
			return complain_type(r, "an object", v);
		*(void **)slot = calloc(1, f->of->size);
		return *(void **)slot ? enter_object(r, f->of, *(void **)slot) : complain_memory(r);
	case FIELD_STRINGS:
	case FIELD_UINTS:
	case FIELD_OBJECTS:
		return v->token == TOKEN_ARRAY ? enter_list(r, f, slot) : complain_type(r, "an array", v);
	case FIELD_PAIRS:
	case FIELD_NAMED:
		return v->token == TOKEN_OBJECT ? enter_list(r, f, slot) : complain_type(r, "an object", v);
	}
	return complain(r, "bad table");
}

/* An element of an array, or the value to a key of a map (whose element was made with the key). */
static int read_element(struct reader *r, struct frame *f, const struct value *v)
{
	char *slot = is_map(f->field) ? (char *)last_key(f) : append(r, f);

	if (!slot)
		return 0;
	switch (f->field->kind) {
	case FIELD_STRINGS:
		return read_string(r, v, (char **)slot);
	case FIELD_UINTS:
		return read_number(r, v, f->field, slot);
	case FIELD_PAIRS:
		return read_string(r, v, &((struct pair *)slot)->value);
	default:
		return v->token == TOKEN_OBJECT ? enter_object(r, f->field->of, slot)
						: complain_type(r, "an object", v);
	}
}

static int read_value(struct reader *r, const struct value *v)
{
	struct frame *f;

	if (v->token == TOKEN_STRING && memchr(v->text, '\0', v->n)) {
		if (r->n && top(r)->list && !is_map(top(r)->field) && !append(r, top(r)))
			return 0;
		return complain(r, "NUL in a string");
	}
	if (v->token >= TOKEN_OBJECT && ++r->depth > SCHEMA_DEPTH_MAX)
		return complain(r, "nested too deep");
	if (r->skip) {
		r->skip += v->token >= TOKEN_OBJECT;
		return 1;
	}
	if (!r->n)
		return v->token == TOKEN_OBJECT ? enter_object(r, r->schema, r->root)
						: complain_type(r, "an object", v);
	f = top(r);
	if (f->list)
		return read_element(r, f, v);
	if (!f->field) {
		r->skip = v->token >= TOKEN_OBJECT;
		return 1;
	}
	if (v->token == TOKEN_NULL)
		return 1;
	f->filled |= 1ULL << (f->field - f->schema->fields);
	return read_field(r, f->field, v, f->obj + f->field->at);
}

static const struct field *find_field(struct frame *f, const char *key, size_t n)
{
	const struct schema *s = f->schema;

	for (size_t k = 0; k < s->n; k++) {
		size_t i = f->next + k < s->n ? f->next + k : f->next + k - s->n;

		if (!strncmp(s->fields[i].name, key, n) && !s->fields[i].name[n]) {
			f->next = i + 1 < s->n ? i + 1 : 0;
			return &s->fields[i];
		}
	}
	return NULL;
}

static int on_key(void *ctx, const unsigned char *text, size_t n)
{
	struct reader *r = ctx;
	struct value key = {TOKEN_STRING, (const char *)text, n};
	struct frame *f = top(r);
	uint64_t bit;
	char **slot;

	if (memchr(text, '\0', n))
		return complain_key(r, no_key, "NUL in a property's name");
	if (r->skip)
		return 1;
	if (f->list) {
		slot = append(r, f);
		if (slot && !read_string(r, &key, slot))
			f->list->n--; /* an element without its key is none */
		return r->ret == 0;
	}
	f->field = find_field(f, key.text, n);
	if (!f->field)
		return 1;
	bit = 1ULL << (f->field - f->schema->fields);
	if (f->seen & bit)
		return complain(r, "stands there twice");
	f->seen |= bit;
	return 1;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* By sorting: a hostile document may have a million keys. */
static int check_keys(struct reader *r, const struct frame *f)
{
	size_t n = f->list->n, size = element_size(f->field);
	const char **keys;
	int ok = 1;

	if (n < 2)
		return 1;
	keys = malloc(n * sizeof(*keys));
	if (!keys)
		return complain_memory(r);
	for (size_t i = 0; i < n; i++)
		keys[i] = *(char **)((char *)f->list->v + i * size);
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < n && ok; i++)
		if (!strcmp(keys[i - 1], keys[i]))
			ok = complain_key(r, keys[i], "stands there twice");
	free(keys);
	return ok;
}

static int check_required(struct reader *r, struct frame *f)
{
	for (size_t i = 0; i < f->schema->n; i++)
		if (f->schema->fields[i].required && !(f->filled >> i & 1))
			return complain_key(r, f->schema->fields[i].name, "required, and missing");
	return 1;
}

/* v != NULL tells an empty array from none. */
static int finish_list(struct reader *r, struct frame *f)
{
	if (!f->list->v)
		f->list->v = calloc(1, element_size(f->field));
	if (!f->list->v)
		return complain_memory(r);
	return is_map(f->field) ? check_keys(r, f) : 1;
}

static int on_end(void *ctx)
{
	struct reader *r = ctx;
	struct frame *f;

	r->depth--;
	if (r->skip) {
		r->skip--;
		return 1;
	}
	f = top(r);
	if (!(f->list ? finish_list(r, f) : check_required(r, f)))
		return 0;
	r->n--;
	return 1;
}

/* clang-format off */
static int on_null(void *ctx) { return read_value(ctx, &(struct value){ TOKEN_NULL }); }
static int on_bool(void *ctx, int yes) { return read_value(ctx, &(struct value){ yes ? TOKEN_TRUE : TOKEN_FALSE }); }
static int on_number(void *ctx, const char *text, size_t n) { return read_value(ctx, &(struct value){ TOKEN_NUMBER, text, n }); }
static int on_string(void *ctx, const unsigned char *text, size_t n) { return read_value(ctx, &(struct value){ TOKEN_STRING, (const char *)text, n }); }
static int on_object(void *ctx) { return read_value(ctx, &(struct value){ TOKEN_OBJECT }); }
static int on_array(void *ctx) { return read_value(ctx, &(struct value){ TOKEN_ARRAY }); }
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

static int run(struct reader *r, const char *text, size_t len)
{
	yajl_alloc_funcs memory = {pool_malloc, pool_realloc, pool_free, &r->pool};
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
	if (len > SCHEMA_TEXT_MAX)
		return error_set(r->err, -EINVAL, "%s: larger than %zu MiB", r->document,
				 SCHEMA_TEXT_MAX >> 20);
	if (check_utf8(r, text, len) < 0)
		return r->ret;
	r->root = calloc(1, r->schema->size);
	if (!r->root) {
		complain_memory(r);
		return r->ret;
	}
	prepare(r->schema, r->root);
	if (!setjmp(r->pool.out))
		return run(r, text, len);
	for (size_t i = 0; i < ARRAY_LEN(r->pool.live); i++)
		free(r->pool.live[i]);
	complain_memory(r);
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
	memset(r.pool.live, 0, sizeof(r.pool.live));
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

static void clear_object(const struct schema *s, char *obj);

static void clear_list(const struct field *f, struct list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		char *one = (char *)list->v + i * element_size(f);

		if (f->kind != FIELD_OBJECTS && f->kind != FIELD_UINTS)
			free(*(char **)one); /* the string, or the key */
		if (f->kind == FIELD_PAIRS)
			free(((struct pair *)one)->value);
		if (f->kind == FIELD_OBJECTS || f->kind == FIELD_NAMED)
			clear_object(f->of, one);
	}
	free(list->v);
}

static void clear_object(const struct schema *s, char *obj)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct field *f = &s->fields[i];
		void *slot = obj + f->at;

		switch (f->kind) {
		case FIELD_BOOL:
		case FIELD_OPT_BOOL:
		case FIELD_INT:
		case FIELD_UINT:
		case FIELD_ENUM:
			break;
		case FIELD_STRING:
			free(*(char **)slot);
			break;
		case FIELD_OBJECT:
			schema_free(f->of, *(void **)slot);
			break;
		case FIELD_STRINGS:
		case FIELD_UINTS:
		case FIELD_PAIRS:
		case FIELD_OBJECTS:
		case FIELD_NAMED:
			clear_list(f, slot);
			break;
		}
	}
}

void schema_free(const struct schema *s, void *obj)
{
	if (!obj)
		return;
	clear_object(s, obj);
	free(obj);
}
