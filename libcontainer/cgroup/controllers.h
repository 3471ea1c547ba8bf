/* controllers.h: v2 gives a folder only those controllers that every folder above it hands down. */
#ifndef CGROUP_CONTROLLERS_H
#define CGROUP_CONTROLLERS_H

#include "cgroup/inner.h"

/* Has all controllers that the host's root has handed down to c's v2 folder, top first. A controller that
 * some folder cannot hand down is no error here: the limit that needs it will say so. rootless: begins at the
 * first folder that could be ours. Two reads where all is there already. -EOPNOTSUPP where the folder came
 * out unusable because it lies below a threaded one. */
int controllers_enable(const struct cgroup *c, bool rootless, struct error *err);

#endif
