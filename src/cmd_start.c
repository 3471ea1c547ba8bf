/* cmd_start.c: `start`: lets the program of a created container go. */
#include "core/store.h"
#include "src/commands.h"

static int run(const struct lifecycle_global *g, void *options, int argc, char **argv, struct error *err)
{
	int ret = store_check_id(argv[0], err);

	return ret < 0 ? ret : lifecycle_start(g, argv[0], err);
}

static const struct option_row rows[] = {{NULL}};

const struct command command_start = {
    .name = "start",
    .arguments = "ID",
    .help = "start the program of a created container",
    .options = rows,
    .least = 1,
    .most = 1,
    .run = run,
};
