/* process.h: the process that `exec` starts: process.json, or the container's own, changed by the command
 * line. */
#ifndef SRC_PROCESS_H
#define SRC_PROCESS_H

#include "base/str.h"
#include "oci-spec/config.h"

/* What the options of exec say about the process. Zeroed: nothing. */
struct process_change {
	const char *cwd, *user, *process_label, *apparmor;
	int tty, no_new_privs; /* OPTION_SWITCH */
	struct strv env, caps, additional_gids;
	char **args; /* NULL-terminated; NULL: as they are */
};

/* Changes *process; its strings stay malloc()ed, so that oci_process_free() fits. known_caps: every
 * capability name there is, used if caps are asked for. After a failure *process may be half changed and is
 * only good to be freed. */
int process_apply(struct oci_process *process, const struct process_change *change,
		  const struct strings *known_caps, struct error *err);

#endif
