/* cmd_delete.c: `delete`: removes what a container holds. */
#include "src/commands.h"

struct delete_options {
	bool force, regex;
};

static int delete_one(const struct lifecycle_global *g, const char *id, void *data, struct error *err)
{
	const struct delete_options *o = data;

	return lifecycle_delete(g, id, o->force, err);
}

static int run(const struct lifecycle_global *g, void *options, int argc, char **argv, struct error *err)
{
	struct delete_options *o = options;

	return each_container(g, argv[0], o->regex, delete_one, o, err);
}

static const struct option_row rows[] = {
    {"force",      'f', OPTION_FLAG, offsetof(struct delete_options, force), NULL,
     "kill it first if it runs; no error if there is none"},
    {"regex", 'r', OPTION_FLAG, offsetof(struct delete_options, regex), NULL,
     "ID is an extended regular expression: all that match"},
    {NULL	 },
};

const struct command command_delete = {
    .name = "delete",
    .arguments = "[options] ID",
    .help = "remove a stopped container",
    .options = rows,
    .size = sizeof(struct delete_options),
    .least = 1,
    .most = 1,
    .run = run,
};
