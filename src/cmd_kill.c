/* cmd_kill.c: `kill`: a signal to a container's first process or to all of them; and the walk over ids that
 * delete shares. */
#include <regex.h>
#include <signal.h>
#include <stdlib.h>

#include "base/auto.h"
#include "core/store.h"
#include "src/commands.h"
#include "src/output.h"
#include "src/signals.h"

static void free_ids(char **ids)
{
	for (char **id = ids; id && *id; id++)
		free(*id);
	free(ids);
}

static int each_match(const struct lifecycle_global *g, const regex_t *regex, each_fn one, void *data,
		      struct error *err)
{
	char **ids = NULL;
	size_t n = 0;
	int ret = lifecycle_list(g, &ids, &n, err), status = 0;

	if (ret < 0)
		return ret;
	for (size_t i = 0; i < n; i++) {
		struct error why = ERROR_NONE;

		if (regexec(regex, ids[i], 0, NULL, 0) != 0 || one(g, ids[i], data, &why) >= 0)
			continue;
		output_failure(&why);
		status = 1;
	}
	free_ids(ids);
	return status;
}

int each_container(const struct lifecycle_global *g, const char *id, bool regex, each_fn one, void *data,
		   struct error *err)
{
	regex_t compiled;
	int ret;

	if (!regex) {
		ret = store_check_id(id, err);
		return ret < 0 ? ret : one(g, id, data, err);
	}
	ret = regcomp(&compiled, id, REG_EXTENDED | REG_NOSUB);
	if (ret != 0) {
		char why[128];

		regerror(ret, &compiled, why, sizeof(why));
		return error_set(err, -EINVAL, "regular expression \"%.100s\": %s", id, why);
	}
	ret = each_match(g, &compiled, one, data, err);
	regfree(&compiled);
	return ret;
}

struct kill_options {
	bool all, regex;
	int signo;
};

static int kill_one(const struct lifecycle_global *g, const char *id, void *data, struct error *err)
{
	const struct kill_options *o = data;

	return lifecycle_kill(g, id, o->signo, o->all, err);
}

static int run(const struct lifecycle_global *g, void *options, int argc, char **argv, struct error *err)
{
	struct kill_options *o = options;

	o->signo = SIGTERM;
	if (argc > 1 && signal_parse(argv[1], &o->signo, err) < 0)
		return err->code;
	return each_container(g, argv[0], o->regex, kill_one, o, err);
}

static const struct option_row rows[] = {
    {"all",	    'a', OPTION_FLAG, offsetof(struct kill_options, all), NULL,
     "signal every process of the container"},
    {"regex", 'r', OPTION_FLAG, offsetof(struct kill_options, regex), NULL,
     "ID is an extended regular expression: all that match"},
    {NULL	 },
};

const struct command command_kill = {
    .name = "kill",
    .arguments = "[options] ID [SIGNAL]",
    .help = "send a signal (default: TERM) to a container",
    .options = rows,
    .size = sizeof(struct kill_options),
    .least = 1,
    .most = 2,
    .run = run,
};
