/* test_config_complete.c: holds the tables against the specification's own JSON schemas: each property must be in a table,
 * with the right kind, and be required where it is there. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yajl/yajl_tree.h>

#include "base/fd.h"
#include "base/str.h"
#include "oci-spec/config.h"
#include "oci-spec/features.h"
#include "oci-spec/state.h"

/* Where Debian's golang-github-opencontainers-specs-dev puts them. */
#define INSTALLED "/usr/share/gocode/src/github.com/opencontainers/runtime-spec/schema"

struct node {
	const char *file;
	yajl_val v;
};

static const char *folder;
static struct node files[16];
static int seen, wrong;

static yajl_val load(const char *file)
{
	struct error err = ERROR_NONE;
	char *text, why[200];
	int i = 0;

	for (; files[i].file; i++)
		if (!strcmp(files[i].file, file))
			return files[i].v;
	cr_assert_lt(i, 15);
	text = path_join(folder, file);
	cr_assert_eq(file_read_at(AT_FDCWD, text, 1 << 20, &files[i].file ? &text : NULL, NULL, &err), 0, "%s", err.msg);
	files[i].file = strdup(file);
	files[i].v = yajl_tree_parse(text, why, sizeof(why));
	cr_assert_not_null(files[i].v, "%s: %s", file, why);
	free(text);
	return files[i].v;
}
