/* cmd_features.c: `features`: what this build on this host can do, as the specification's features document.
 */
#include <stdlib.h>

#include "base/auto.h"
#include "src/commands.h"
#include "src/output.h"

static int run(const struct lifecycle_global *g, void *options, int argc, char **argv, struct error *err)
{
	auto_text struct text out = {0};
	auto_free char *json = NULL;
	struct oci_features *features = NULL;
	int ret = lifecycle_features(&features, err);

	if (ret == 0)
		ret = schema_print(&oci_features_schema, features, &json, err);
	schema_free(&oci_features_schema, features);
	if (ret < 0)
		return ret;
	output_indented(&out, json, 4);
	text_add(&out, "\n");
	return output_text(&out, err);
}

static const struct option_row rows[] = {{NULL}};

const struct command command_features = {
    .name = "features",
    .arguments = "",
    .help = "print what this runtime supports as JSON",
    .options = rows,
    .run = run,
};
