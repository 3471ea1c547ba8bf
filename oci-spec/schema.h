/* schema.h: a table that says how one JSON object becomes one C struct.
 *
 * The same table reads the struct, writes it and frees it, so a property is named once. Unknown properties
 * are passed over, as the specification asks; null for a property is the same as leaving it out.
 *
 * Everything in a struct is malloc()ed piece by piece: a struct may as well be built, or a string in it
 * replaced, by hand, and still goes with schema_free().
 */
#ifndef OCI_SPEC_SCHEMA_H
#define OCI_SPEC_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Documents larger or deeper than this, unknown properties included, are refused. */
#define SCHEMA_TEXT_MAX	 ((size_t)16 << 20)
#define SCHEMA_DEPTH_MAX 32

/* Shapes that every table shares. An absent array is { NULL, 0 }, one that is there but empty has v != NULL;
 * behind the last element stands one that is all zero. An absent number has set == false. */
/* clang-format off */
struct opt_bool { bool set, v; };
struct opt_int { bool set; int64_t v; };
struct opt_uint { bool set; uint64_t v; };
struct strings { char **v; size_t n; };
struct pair { char *key, *value; };
struct pairs { struct pair *v; size_t n; };
struct uints { uint64_t *v; size_t n; };
struct count { char *key; uint64_t value; };
struct counts { struct count *v; size_t n; };
#define ARRAY_OF(type) struct { type *v; size_t n; }
/* clang-format on */

/* clang-format off */
enum field_kind {
	FIELD_BOOL,     /* bool; written only when true, or required */
	FIELD_OPT_BOOL, /* struct opt_bool: false and absent differ */
	FIELD_INT,      /* struct opt_int */
	FIELD_UINT,     /* struct opt_uint */
	FIELD_STRING,   /* char * */
	FIELD_ENUM,     /* int, through a NULL-terminated list of names; -1 when absent */
	FIELD_STRINGS,  /* struct strings */
	FIELD_UINTS,    /* struct uints */
	FIELD_PAIRS,    /* struct pairs: an object of strings */
	FIELD_COUNTS,   /* struct counts: an object of numbers */
	FIELD_OBJECT,   /* pointer to a struct; NULL when absent */
	FIELD_OBJECTS,  /* ARRAY_OF(struct ...): an array of objects; written as null where it is required and absent */
	FIELD_NAMED,    /* ARRAY_OF(struct ...) that begins with char *key: an object of objects */
};
/* clang-format on */

struct schema;

/* clang-format off */
struct field {
	const char *name;
	enum field_kind kind;
	bool required;
	size_t at;                   /* offset in the struct */
	const struct schema *of;     /* FIELD_OBJECT, _OBJECTS, _NAMED */
	const char *const *names;    /* FIELD_ENUM */
	const char *const *aliases;  /* FIELD_ENUM, may be NULL: second names of the same values, read but never written */
	int64_t min;                 /* FIELD_INT: range, unless both are 0 */
	uint64_t max;                /* FIELD_INT; FIELD_UINT, _UINTS and _COUNTS: largest value, unless 0 */
};
/* clang-format on */

struct schema {
	const char *name; /* what messages call the document, where schema_parse() reads it */
	size_t size;
	const struct field *fields;
	size_t n; /* at most 64 */
};

/* *out is a fresh struct of s->size, to be given to schema_free(). text need not end in NUL.
 *
 * -EINVAL with a line that begins with s->name and says where the fault is: "state.json: line 3, column 7: …"
 * for what is no JSON in UTF-8, "state.json: annotations.a: expected a string, found the number 3" for what
 * does not fit the table. A property that stands there twice and a string that holds NUL are refused.
 * -ENOMEM. *out is untouched then. */
int schema_parse(const struct schema *s, const char *text, size_t len, void **out, struct error *err);
/* The same, where the document has another name than the schema. */
int schema_parse_document(const struct schema *s, const char *document, const char *text, size_t len,
			  void **out, struct error *err);

/* *text is a malloc()ed NUL-terminated string: one line without blanks, "/" not escaped, properties in the
 * order of the table. What is not UTF-8 in a string is written as U+FFFD. Fails only with -ENOMEM. */
int schema_print(const struct schema *s, const void *in, char **text, struct error *err);
/* The same with a line for each value, indented by `indent` (blanks or a tab) a level; no newline at the end.
 */
int schema_print_pretty(const struct schema *s, const void *in, const char *indent, char **text,
			struct error *err);

/* Frees the struct and all that hangs on it; NULL is fine. */
void schema_free(const struct schema *s, void *obj);

#endif
