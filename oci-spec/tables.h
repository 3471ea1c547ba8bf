/* tables.h: the words in which a schema table is written: one row a property. Only files that hold tables
 * include it.
 *
 *   SCHEMA(oci_mount,
 *          MUST(FIELD_STRING, "destination", oci_mount, destination),
 *          STRINGS("options", oci_mount, options));
 *
 * defines `static const struct schema oci_mount_schema`.
 */
#ifndef OCI_SPEC_TABLES_H
#define OCI_SPEC_TABLES_H

#include "oci-spec/schema.h"

/* clang-format off */
#define AT(type, member) offsetof(struct type, member)
#define FIELD(json, kind_, req, type, member, of_, names_) \
	{ .name = json, .kind = kind_, .required = req, .at = AT(type, member), .of = of_, .names = names_ }
#define BOOL(json, t, m)        FIELD(json, FIELD_BOOL, false, t, m, NULL, NULL)
#define INT(json, t, m)         FIELD(json, FIELD_INT, false, t, m, NULL, NULL)
#define UINT(json, t, m)        FIELD(json, FIELD_UINT, false, t, m, NULL, NULL)
#define STRING(json, t, m)      FIELD(json, FIELD_STRING, false, t, m, NULL, NULL)
#define STRINGS(json, t, m)     FIELD(json, FIELD_STRINGS, false, t, m, NULL, NULL)
#define UINTS(json, t, m)       FIELD(json, FIELD_UINTS, false, t, m, NULL, NULL)
#define PAIRS(json, t, m)       FIELD(json, FIELD_PAIRS, false, t, m, NULL, NULL)
#define COUNTS(json, t, m)      FIELD(json, FIELD_COUNTS, false, t, m, NULL, NULL)
#define ENUM(json, t, m, names) FIELD(json, FIELD_ENUM, false, t, m, NULL, names)
#define OBJECT(json, t, m, s)   FIELD(json, FIELD_OBJECT, false, t, m, &s##_schema, NULL)
#define OBJECTS(json, t, m, s)  FIELD(json, FIELD_OBJECTS, false, t, m, &s##_schema, NULL)
#define NAMED(json, t, m, s)    FIELD(json, FIELD_NAMED, false, t, m, &s##_schema, NULL)
/* With the smallest and the largest value that fit. */
#define UINT_TO(json, t, m, max_)       { .name = json, .kind = FIELD_UINT, .at = AT(t, m), .max = max_ }
#define UINTS_TO(json, t, m, max_)      { .name = json, .kind = FIELD_UINTS, .at = AT(t, m), .max = max_ }
#define INT_IN(json, t, m, min_, max_)  { .name = json, .kind = FIELD_INT, .at = AT(t, m), .min = min_, .max = max_ }
#define MUST_UINT_TO(json, t, m, max_)  { .name = json, .kind = FIELD_UINT, .required = true, .at = AT(t, m), .max = max_ }
#define MUST_ENUM(json, t, m, names)    FIELD(json, FIELD_ENUM, true, t, m, NULL, names)
#define MUST_OBJECT(json, t, m, s)      FIELD(json, FIELD_OBJECT, true, t, m, &s##_schema, NULL)
#define OPT_BOOL(json, t, m)            FIELD(json, FIELD_OPT_BOOL, false, t, m, NULL, NULL)
#define MUST(kind_, json, t, m) FIELD(json, kind_, true, t, m, NULL, NULL)
#define SCHEMA(type, ...) \
	static const struct field type##_fields[] = { __VA_ARGS__ }; \
	static const struct schema type##_schema = { #type, sizeof(struct type), type##_fields, sizeof(type##_fields) / sizeof(struct field) }
/* The same, visible outside; messages call the document `name_`. */
#define PUBLIC_SCHEMA(type, name_, ...) \
	static const struct field type##_fields[] = { __VA_ARGS__ }; \
	const struct schema type##_schema = { name_, sizeof(struct type), type##_fields, sizeof(type##_fields) / sizeof(struct field) }
/* clang-format on */

#endif
