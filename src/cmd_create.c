/* cmd_create.c: `create`: everything but the execve of the container's program. */
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/path.h"
#include "core/store.h"
#include "src/commands.h"
#include "src/descriptors.h"

/* As crun does: "config.json" is the bundle's, any other relative name is the caller's. */
static int absolute_config(struct lifecycle_create *create, char **config, struct error *err)
{
	if (!create->config || !strcmp(create->config, "config.json"))
		return 0;
	if (path_absolute(create->config, config, err) < 0)
		return error_wrap(err, "option --config");
	create->config = *config;
	return 0;
}

int create_complete(struct lifecycle_create *create, const char *id, char **config, struct error *err)
{

	if (store_check_id(id, err) < 0)
		return err->code;
	create->id = id;
	create->listen_fds = descriptors_listen();
	return absolute_config(create, config, err);
}

static int run(const struct lifecycle_global *g, void *options, int argc, char **argv, struct error *err)
{
	struct lifecycle_create *create = options;
	auto_free char *config = NULL;
	int ret = create_complete(create, argv[0], &config, err);

	return ret < 0 ? ret : lifecycle_create(g, create, err);
}

static const struct option_row rows[] = {ROWS_CREATE, {NULL}};

const struct command command_create = {
    .name = "create",
    .arguments = "[options] ID",
    .help = "make a container from a bundle; its program waits for start",
    .options = rows,
    .size = sizeof(struct lifecycle_create),
    .least = 1,
    .most = 1,
    .seals = true,
    .run = run,
};
