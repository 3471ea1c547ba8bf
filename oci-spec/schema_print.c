/* schema_print.c: writes a struct as JSON by its table. See schema.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "oci-spec/quote.h"
#include "oci-spec/schema_inner.h"

struct writer {
	struct text text;
	const char *indent; /* NULL: all on one line */
	int depth;
};

static void start_line(struct writer *w)
{
	if (!w->indent)
		return;
	text_add_bytes(&w->text, "\n", 1);
	for (int i = 0; i < w->depth; i++)
		text_add(&w->text, w->indent);
}

static void open_with(struct writer *w, const char *bracket)
{
	text_add_bytes(&w->text, bracket, 1);
	w->depth++;
}

static void close_with(struct writer *w, const char *bracket, bool empty)
{
	w->depth--;
	if (!empty)
		start_line(w);
	text_add_bytes(&w->text, bracket, 1);
}

/* Before each element; *empty becomes false. */
static void begin_element(struct writer *w, bool *empty)
{
	if (!*empty)
		text_add_bytes(&w->text, ",", 1);
	*empty = false;
	start_line(w);
}

static void write_escape(struct writer *w, unsigned char c)
{
	static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\";
	const char *at = letters;

	while (*at && (unsigned char)*at != c)
		at += 2;
	if (*at)
		text_addf(&w->text, "\\%c", at[1]);
	else
		text_addf(&w->text, "\\u%04x", (unsigned)c);
}

static void write_string(struct writer *w, const char *s)
{
	size_t n = s ? strlen(s) : 0, done = 0, step;

	text_add_bytes(&w->text, "\"", 1);
	for (size_t i = 0; i < n; i += step) {
		unsigned char c = (unsigned char)s[i];

		step = utf8_sequence(s + i, n - i);
		if (step && c >= 0x20 && c != '"' && c != '\\')
			continue;
		text_add_bytes(&w->text, s + done, i - done);
		if (step)
			write_escape(w, c);
		else
			text_add(&w->text, "\xef\xbf\xbd");
		step = 1;
		done = i + 1;
	}
	if (n)
		text_add_bytes(&w->text, s + done, n - done);
	text_add_bytes(&w->text, "\"", 1);
}

static void write_key(struct writer *w, const char *key)
{
	write_string(w, key);
	text_add(&w->text, w->indent ? ": " : ":");
}

static bool is_absent(const struct field *f, const char *slot)
{
	switch (f->kind) {
	case FIELD_BOOL:
		return !f->required && !*(const bool *)slot;
	case FIELD_OPT_BOOL:
	case FIELD_INT:
	case FIELD_UINT:
		return !*(const bool *)slot; /* .set comes first in all three */
	case FIELD_ENUM:
		return *(const int *)slot < 0;
	case FIELD_STRING:
	case FIELD_OBJECT:
	case FIELD_STRINGS:
	case FIELD_UINTS:
	case FIELD_PAIRS:
	case FIELD_COUNTS:
	case FIELD_NAMED:
		return !*(void *const *)slot;
	case FIELD_OBJECTS:
		return !f->required && !*(void *const *)slot;
	}
	return true;
}

static void write_object(struct writer *w, const struct schema *s, const char *in);

static void write_list(struct writer *w, const struct field *f, const struct list *list)
{
	bool map = schema_is_map(f), empty = true;

	if (!list->v) {
		text_add(&w->text, "null");
		return;
	}
	open_with(w, map ? "{" : "[");
	for (size_t i = 0; i < list->n; i++) {
		begin_element(w, &empty);
		if (f->kind == FIELD_STRINGS) {
			write_string(w, ((char **)list->v)[i]);
		} else if (f->kind == FIELD_UINTS) {
			text_addf(&w->text, "%" PRIu64, ((uint64_t *)list->v)[i]);
		} else if (f->kind == FIELD_PAIRS) {
			write_key(w, ((struct pair *)list->v)[i].key);
			write_string(w, ((struct pair *)list->v)[i].value);
		} else if (f->kind == FIELD_COUNTS) {
			write_key(w, ((struct count *)list->v)[i].key);
			text_addf(&w->text, "%" PRIu64, ((struct count *)list->v)[i].value);
		} else {
			const char *one = (const char *)list->v + i * f->of->size;

			if (map)
				write_key(w, *(char *const *)one);
			write_object(w, f->of, one);
		}
	}
	close_with(w, map ? "}" : "]", empty);
}

static void write_field(struct writer *w, const struct field *f, const char *slot)
{
	switch (f->kind) {
	case FIELD_BOOL:
		text_add(&w->text, *(const bool *)slot ? "true" : "false");
		break;
	case FIELD_OPT_BOOL:
		text_add(&w->text, ((const struct opt_bool *)slot)->v ? "true" : "false");
		break;
	case FIELD_INT:
		text_addf(&w->text, "%" PRId64, ((const struct opt_int *)(const void *)slot)->v);
		break;
	case FIELD_UINT:
		text_addf(&w->text, "%" PRIu64, ((const struct opt_uint *)(const void *)slot)->v);
		break;
	case FIELD_STRING:
		write_string(w, *(char *const *)slot);
		break;
	case FIELD_ENUM:
		write_string(w, f->names[*(const int *)slot]);
		break;
	case FIELD_OBJECT:
		write_object(w, f->of, *(char *const *)slot);
		break;
	case FIELD_STRINGS:
	case FIELD_UINTS:
	case FIELD_PAIRS:
	case FIELD_COUNTS:
	case FIELD_OBJECTS:
	case FIELD_NAMED:
		write_list(w, f, (const struct list *)(const void *)slot);
		break;
	}
}

static void write_object(struct writer *w, const struct schema *s, const char *in)
{
	bool empty = true;

	open_with(w, "{");
	for (size_t i = 0; i < s->n; i++) {
		const struct field *f = &s->fields[i];

		if (is_absent(f, in + f->at))
			continue;
		begin_element(w, &empty);
		write_key(w, f->name);
		write_field(w, f, in + f->at);
	}
	close_with(w, "}", empty);
}

int schema_print_pretty(const struct schema *s, const void *in, const char *indent, char **text,
			struct error *err)
{
	struct writer w = {.indent = indent};

	write_object(&w, s, in);
	if (w.text.failed) {
		text_free(&w.text);
		return error_set(err, -ENOMEM, "%s: out of memory", s->name);
	}
	*text = w.text.v;
	return 0;
}

int schema_print(const struct schema *s, const void *in, char **text, struct error *err)
{
	return schema_print_pretty(s, in, NULL, text, err);
}
