/* cmd_state.c: `state`: the state document of the specification. */
#include <stdlib.h>

#include "base/auto.h"
#include "core/store.h"
#include "src/commands.h"
#include "src/output.h"

static int run(const struct lifecycle_global *g, void *options, int argc, char **argv, struct error *err)
{
	auto_text struct text out = {0};
	auto_free char *json = NULL;
	struct oci_state *state = NULL;
	int ret = store_check_id(argv[0], err);

	if (ret == 0)
		ret = lifecycle_state(g, argv[0], &state, err);
	if (ret == 0)
		ret = oci_state_print(state, true, &json, err);
	oci_state_free(state);
	if (ret < 0)
		return ret;
	text_addf(&out, "%s\n", json);
	return output_text(&out, err);
}

static const struct option_row rows[] = {{NULL}};

const struct command command_state = {
    .name = "state",
    .arguments = "ID",
    .help = "print the state of a container as JSON",
    .options = rows,
    .least = 1,
    .most = 1,
    .run = run,
};
