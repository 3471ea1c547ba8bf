/* document.c: see document.h. */
#include "document.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#include "base/fd.h"
#include "base/str.h"

char *document_read(const char *path)
{
	char *full = *path == '/' ? strdup(path) : str_printf("%s/%s", TESTS_DIR, path), *text = NULL;
	struct error err = ERROR_NONE;

	cr_assert_eq(file_read_at(AT_FDCWD, full, 1 << 20, &text, NULL, &err), 0, "%s", err.msg);
	free(full);
	return text;
}

char *document_wrap(const char *rest)
{
	char *text = str_printf("{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"rootfs\"},%s", rest);

	cr_assert_not_null(text);
	return text;
}

static bool same(yajl_val a, yajl_val b);

static bool same_object(yajl_val a, yajl_val b)
{
	if (a->u.object.len != b->u.object.len)
		return false;
	for (size_t i = 0; i < a->u.object.len; i++) {
		yajl_val other = NULL;

		for (size_t k = 0; k < b->u.object.len && !other; k++)
			if (!strcmp(a->u.object.keys[i], b->u.object.keys[k]))
				other = b->u.object.values[k];
		if (!other || !same(a->u.object.values[i], other))
			return false;
	}
	return true;
}

static bool same(yajl_val a, yajl_val b)
{
	if (a->type != b->type)
		return false;
	if (YAJL_IS_OBJECT(a))
		return same_object(a, b);
	if (YAJL_IS_STRING(a))
		return !strcmp(a->u.string, b->u.string);
	if (YAJL_IS_NUMBER(a))
		return !strcmp(a->u.number.r, b->u.number.r);
	if (!YAJL_IS_ARRAY(a))
		return true;
	if (a->u.array.len != b->u.array.len)
		return false;
	for (size_t i = 0; i < a->u.array.len; i++)
		if (!same(a->u.array.values[i], b->u.array.values[i]))
			return false;
	return true;
}

bool document_same(const char *a, const char *b)
{
	char why[200] = "";
	yajl_val x = yajl_tree_parse(a, why, sizeof(why)), y = yajl_tree_parse(b, why, sizeof(why));
	bool yes = x && y && same(x, y);

	cr_assert(x && y, "%s", why);
	yajl_tree_free(x);
	yajl_tree_free(y);
	return yes;
}
