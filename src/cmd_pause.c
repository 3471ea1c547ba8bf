/* cmd_pause.c: `pause` and `resume`: freezes the container's cgroup and thaws it. */
#include "core/store.h"
#include "src/commands.h"

static int run_pause(const struct lifecycle_global *g, void *options, int argc, char **argv,
		     struct error *err)
{
	int ret = store_check_id(argv[0], err);

	return ret < 0 ? ret : lifecycle_pause(g, argv[0], err);
}

static int run_resume(const struct lifecycle_global *g, void *options, int argc, char **argv,
		      struct error *err)
{
	int ret = store_check_id(argv[0], err);

	return ret < 0 ? ret : lifecycle_resume(g, argv[0], err);
}

static const struct option_row rows[] = {{NULL}};

const struct command command_pause = {
    .name = "pause",
    .arguments = "ID",
    .help = "freeze all processes of a container",
    .options = rows,
    .least = 1,
    .most = 1,
    .run = run_pause,
};

const struct command command_resume = {
    .name = "resume",
    .arguments = "ID",
    .help = "let a paused container go on",
    .options = rows,
    .least = 1,
    .most = 1,
    .run = run_resume,
};
