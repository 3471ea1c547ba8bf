/* schema_inner.h: what the files of schema*.c share: the shape of arrays, and the reader that yajl's door
 * feeds. For them alone. */
#ifndef OCI_SPEC_SCHEMA_INNER_H
#define OCI_SPEC_SCHEMA_INNER_H

#include "oci-spec/schema.h"

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
};

/* What the text holds, in its order. 1, or 0 where reading must end: ret and *err say why. */
int reader_value(struct reader *r, const struct value *v);
int reader_key(struct reader *r, const char *text, size_t n);
int reader_end(struct reader *r); /* of an object or an array */

/* Sets r->ret and *err; 0. */
int reader_fail_memory(struct reader *r);

/* A zeroed struct in which nothing is there. */
void schema_prepare(const struct schema *s, void *obj);

/* The size of one element of the array or the map. */
static inline size_t schema_element_size(const struct field *f)
{
	switch (f->kind) {
	case FIELD_STRINGS:
		return sizeof(char *);
	case FIELD_UINTS:
		return sizeof(uint64_t);
	case FIELD_PAIRS:
		return sizeof(struct pair);
	case FIELD_COUNTS:
		return sizeof(struct count);
	default:
		return f->of->size;
	}
}

static inline bool schema_is_map(const struct field *f)
{
	return f->kind == FIELD_PAIRS || f->kind == FIELD_COUNTS || f->kind == FIELD_NAMED;
}

#endif
