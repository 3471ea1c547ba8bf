/* schema_read.c: fills a struct by its table, token by token.
 *
 * A stack of frames says which table, struct and property the next token belongs to, so no tree is ever
 * built.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "oci-spec/quote.h"
#include "oci-spec/schema_inner.h"

static struct frame *top(struct reader *r)
{
	return &r->frames[r->n - 1];
}

/* The element of a map that is being read; its key comes first in both kinds. */
static char **last_key(const struct frame *f)
{
	return (char **)((char *)f->list->v + (f->list->n - 1) * schema_element_size(f->field));
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
		else if (f->list && f->list->n && schema_is_map(f->field))
			quote_add_key(where, room, *last_key(f), strlen(*last_key(f)));
		else if (f->list && f->list->n)
			snprintf(where + used, room - used, "[%zu]", f->list->n - 1);
	}
}

/* All of these return 0, which ends the reading. */
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

int reader_fail_memory(struct reader *r)
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
	size_t size = schema_element_size(f->field), room = f->room;
	char *v = f->list->v;

	if (f->list->n + 1 >= room) {
		room = room ? room * 2 : size <= sizeof(struct pair) ? 8 : 2;
		v = reallocarray(v, room, size);
		if (!v) {
			reader_fail_memory(r);
			return NULL;
		}
		memset(v + f->room * size, 0, (room - f->room) * size);
		f->list->v = v;
		f->room = room;
	}
	return v + f->list->n++ * size;
}

void schema_prepare(const struct schema *s, void *obj)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->fields[i].kind == FIELD_ENUM)
			*(int *)((char *)obj + s->fields[i].at) = -1;
}

static int enter_object(struct reader *r, const struct schema *s, void *obj)
{
	schema_prepare(s, obj);
	if (s->n > 64)
		return complain(r, "bad table");
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
	if (f->kind == FIELD_UINTS || f->kind == FIELD_COUNTS)
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
		return reader_fail_memory(r);
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
		return *(void **)slot ? enter_object(r, f->of, *(void **)slot) : reader_fail_memory(r);
	case FIELD_STRINGS:
	case FIELD_UINTS:
	case FIELD_OBJECTS:
		return v->token == TOKEN_ARRAY ? enter_list(r, f, slot) : complain_type(r, "an array", v);
	case FIELD_PAIRS:
	case FIELD_COUNTS:
	case FIELD_NAMED:
		return v->token == TOKEN_OBJECT ? enter_list(r, f, slot) : complain_type(r, "an object", v);
	}
	return complain(r, "bad table");
}

/* An element of an array, or the value to a key of a map (whose element was made with the key). */
static int read_element(struct reader *r, struct frame *f, const struct value *v)
{
	char *slot = schema_is_map(f->field) ? (char *)last_key(f) : append(r, f);

	if (!slot)
		return 0;
	switch (f->field->kind) {
	case FIELD_STRINGS:
		return read_string(r, v, (char **)slot);
	case FIELD_UINTS:
		return read_number(r, v, f->field, slot);
	case FIELD_PAIRS:
		return read_string(r, v, &((struct pair *)slot)->value);
	case FIELD_COUNTS:
		return read_number(r, v, f->field, &((struct count *)slot)->value);
	default:
		return v->token == TOKEN_OBJECT ? enter_object(r, f->field->of, slot)
						: complain_type(r, "an object", v);
	}
}

int reader_value(struct reader *r, const struct value *v)
{
	struct frame *f;

	if (v->token == TOKEN_STRING && memchr(v->text, '\0', v->n)) {
		if (r->n && top(r)->list && !schema_is_map(top(r)->field) && !append(r, top(r)))
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

int reader_key(struct reader *r, const char *text, size_t n)
{
	struct value key = {TOKEN_STRING, text, n};
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
	size_t n = f->list->n, size = schema_element_size(f->field);
	const char **keys;
	int ok = 1;

	if (n < 2)
		return 1;
	keys = malloc(n * sizeof(*keys));
	if (!keys)
		return reader_fail_memory(r);
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
		f->list->v = calloc(1, schema_element_size(f->field));
	if (!f->list->v)
		return reader_fail_memory(r);
	return schema_is_map(f->field) ? check_keys(r, f) : 1;
}

int reader_end(struct reader *r)
{
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
