/* cmd_check.c: `check`: what this host can do, a line each, with the reason and the remedy. */
#include "base/auto.h"
#include "core/host_check.h"
#include "src/commands.h"
#include "src/output.h"

/* Containers cannot run; only virtual machines cannot. */
enum { STATUS_NO_CONTAINERS = 1, STATUS_NO_MACHINES = 2 };

static int run(const struct lifecycle_global *g, void *options, int argc, char **argv, struct error *err)
{
	struct host_finding found[HOST_FINDINGS_MAX];
	auto_text struct text out = {0};
	int n = host_check(found), status = 0, ret;

	for (int i = 0; i < n; i++) {
		text_addf(&out, "%-11s %-7s %s\n", found[i].subject, host_verdict_names[found[i].verdict], found[i].text);
		if (found[i].verdict != HOST_NO)
			continue;
		if (!found[i].for_vm)
			status = STATUS_NO_CONTAINERS;
		else if (!status)
			status = STATUS_NO_MACHINES;
	}
	ret = output_text(&out, err);
	return ret < 0 ? ret : status;
}

static const struct option_row rows[] = {{NULL}};

const struct command command_check = {
    .name = "check",
    .arguments = "",
    .help = "say what this host can do, and what is missing",
    .options = rows,
    .run = run,
};
