/* cmd_run.c: `run`: create and start in one, and stay until the end unless detached. */
#include "base/auto.h"
#include "src/commands.h"
#include "src/output.h"

static int run(const struct lifecycle_global *g, void *options, int argc, char **argv, struct error *err)
{
	struct lifecycle_create *create = options;
	auto_free char *config = NULL;
	int status = 0, ret = create_complete(create, argv[0], &config, err);

	if (ret == 0 && create->console_socket && !create->detach)
		ret = error_set(err, -EINVAL,
				"cannot use console socket if the container is not detached (--detach)");
	if (ret == 0)
		ret = lifecycle_run(g, create, &status, err);
	if (ret == 0 && !create->detach && err->code)
		output_failure(err);
	return ret < 0 ? ret : status;
}

static const struct option_row rows[] = {
    ROWS_CREATE,
    ROW_CREATE("detach", 'd', OPTION_FLAG, detach, NULL, "return once the program runs"),
    ROW_CREATE("keep", 0, OPTION_FLAG, keep, NULL, "do not delete the container when it has ended"),
    {NULL},
};

const struct command command_run = {
    .name = "run",
    .arguments = "[options] ID",
    .help = "create and start a container, wait for its end and delete it",
    .options = rows,
    .size = sizeof(struct lifecycle_create),
    .least = 1,
    .most = 1,
    .seals = true,
    .run = run,
};
