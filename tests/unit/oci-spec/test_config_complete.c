/* test_config_complete.c: holds the tables against the specification's own JSON schemas: each property must
 * be in a table, as the right kind, and required where it is there. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yajl/yajl_tree.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/table.h"
#include "oci-spec/config.h"
#include "oci-spec/features.h"
#include "oci-spec/state.h"

/* Where Debian's golang-github-opencontainers-specs-dev puts them. */
#define INSTALLED "/usr/share/gocode/src/github.com/opencontainers/runtime-spec/schema"

/* A place in one of the schemas' files. */
struct node {
	char *file;
	yajl_val v;
};

static const char *folder;
static struct node files[16];
static int seen, wrong;

static struct node load(const char *file)
{
	struct error err = ERROR_NONE;
	char *path, *text = NULL, why[200];
	size_t i = 0;

	for (; files[i].file; i++)
		if (!strcmp(files[i].file, file))
			return files[i];
	cr_assert_lt(i, ARRAY_LEN(files) - 1);
	path = path_join(folder, file);
	cr_assert_eq(file_read_at(AT_FDCWD, path, 1 << 20, &text, NULL, &err), 0, "%s", err.msg);
	files[i] = (struct node){strdup(file), yajl_tree_parse(text, why, sizeof(why))};
	cr_assert_not_null(files[i].v, "%s: %s", file, why);
	free(path);
	free(text);
	return files[i];
}

static void forget(void)
{
	for (size_t i = 0; files[i].file; i++) {
		free(files[i].file);
		yajl_tree_free(files[i].v);
	}
}

static struct node child(struct node in, const char *key)
{
	return (struct node){in.file,
			     in.v ? yajl_tree_get(in.v, (const char *[]){key, NULL}, yajl_t_any) : NULL};
}

/* "defs.json#/definitions/Mount", "#/definitions/Major" */
static struct node resolve(struct node n)
{
	while (n.v && child(n, "$ref").v) {
		char *ref = strdup(YAJL_GET_STRING(child(n, "$ref").v)), *at = strchr(ref, '#'), *word;

		cr_assert_not_null(at, "%s", ref);
		*at++ = '\0';
		n = load(*ref ? ref : n.file);
		for (word = strtok(at, "/"); word; word = strtok(NULL, "/"))
			n = child(n, word);
		cr_assert_not_null(n.v);
		free(ref);
	}
	return n;
}

static bool kind_fits(const char *type, enum field_kind kind)
{
	/* clang-format off */
	static const struct { const char *type; enum field_kind kind; } fits[] = {
		{ "boolean", FIELD_BOOL },  { "boolean", FIELD_OPT_BOOL }, { "integer", FIELD_INT },   { "integer", FIELD_UINT },
		{ "string", FIELD_STRING }, { "string", FIELD_ENUM },      { "array", FIELD_STRINGS }, { "array", FIELD_UINTS },
		{ "array", FIELD_OBJECTS }, { "object", FIELD_OBJECT },    { "object", FIELD_PAIRS },  { "object", FIELD_NAMED },
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_LEN(fits); i++)
		if (kind == fits[i].kind && !strcmp(type, fits[i].type))
			return true;
	return false;
}

static const struct field *find(const struct schema *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->fields[i].name, name))
			return &s->fields[i];
	return NULL;
}

static void complain(const char *place, const char *name, const char *what)
{
	fprintf(stderr, "%s.%s: %s\n", place, name, what);
	wrong++;
}

static void walk(struct node n, const struct schema *s, const char *place);

static void walk_property(struct node n, const struct field *f, const char *place)
{
	struct node type = child(n, "type");

	seen++;
	if (type.v && !kind_fits(YAJL_GET_STRING(type.v), f->kind))
		complain(place, f->name, "of another kind in the table");
	if (f->kind == FIELD_OBJECT)
		walk(n, f->of, place);
	else if (f->kind == FIELD_OBJECTS)
		walk(resolve(child(n, "items")), f->of, place);
	else if (f->kind == FIELD_NAMED)
		walk(resolve(child(n, "additionalProperties")), f->of, place);
	else if (f->kind == FIELD_UINTS || f->kind == FIELD_STRINGS)
		cr_assert_str_eq(YAJL_GET_STRING(child(resolve(child(n, "items")), "type").v),
				 f->kind == FIELD_UINTS ? "integer" : "string", "%s.%s", place, f->name);
}

/* The parts of a schema that say more about the same object. */
static void walk_parts(struct node n, const char *key, const struct schema *s, const char *place)
{
	yajl_val parts = child(n, key).v;

	for (size_t i = 0; parts && i < parts->u.array.len; i++)
		walk(resolve((struct node){n.file, parts->u.array.values[i]}), s, place);
}

static void walk(struct node n, const struct schema *s, const char *place)
{
	/* Other platforms', what only they have, and what 1.3 has no more. */
	static const char *const others[] = {
	    "solaris", "windows", "zos", "freebsd", "commandLine", "enableCMT", "enableMBM", NULL,
	};
	yajl_val properties = child(n, "properties").v, required = child(n, "required").v;

	walk_parts(n, "allOf", s, place);
	walk_parts(n, "anyOf", s, place);
	for (size_t i = 0; properties && i < properties->u.object.len; i++) {
		const char *name = properties->u.object.keys[i];
		const struct field *f = find(s, name);
		char below[200];

		snprintf(below, sizeof(below), "%s.%s", place, name);
		if (f)
			walk_property(resolve((struct node){n.file, properties->u.object.values[i]}), f,
				      below);
		else if (name_lookup(others, name) < 0)
			complain(place, name, "not in the table");
	}
	for (size_t i = 0; required && i < required->u.array.len; i++) {
		const struct field *f = find(s, YAJL_GET_STRING(required->u.array.values[i]));

		if (f && !f->required)
			complain(place, f->name, "required, but not in the table");
	}
}

static void choose_folder(void)
{
	folder = getenv("OCI_SCHEMA");
	if (!folder)
		folder = INSTALLED;
	if (access(folder, R_OK) < 0)
		cr_skip_test("the JSON schemas of runtime-spec (OCI_SCHEMA=folder, "
			     "golang-github-opencontainers-specs-dev)");
}

Test(config_complete, config)
{
	choose_folder();
	walk(load("config-schema.json"), &oci_config_schema, "config");
	cr_assert_gt(seen, 150, "only %d properties were looked at", seen);
	cr_assert_eq(wrong, 0, "%d properties of %d", wrong, seen);
	forget();
}

Test(config_complete, state)
{
	choose_folder();
	walk(load("state-schema.json"), &oci_state_schema, "state");
	cr_assert_gt(seen, 5);
	cr_assert_eq(wrong, 0);
	forget();
}

Test(config_complete, features)
{
	char *path;

	choose_folder();
	path = path_join(folder, "features-schema.json");
	if (access(path, R_OK) < 0)
		cr_skip_test("features-schema.json: the schemas are from before 1.1");
	free(path);
	walk(load("features-schema.json"), &oci_features_schema, "features");
	cr_assert_gt(seen, 25, "only %d properties were looked at", seen);
	cr_assert_eq(wrong, 0);
	forget();
}
