/* owner.h: hands a cgroup to the user that runs the container (config-linux.md, "Cgroup ownership"). */
#ifndef CGROUP_OWNER_H
#define CGROUP_OWNER_H

#include "cgroup/inner.h"

/* The v2 folder and those files of it that /sys/kernel/cgroup/delegate names (or the specification's list
 * where that is missing). */
int owner_delegate(const struct cgroup *c, uid_t owner, struct error *err);

#endif
