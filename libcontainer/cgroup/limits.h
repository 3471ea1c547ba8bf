/* limits.h: linux.resources (config-linux.md, "Control groups") -> files of the controllers, v1 or v2 each as
 * the host has it. */
#ifndef CGROUP_LIMITS_H
#define CGROUP_LIMITS_H

#include "cgroup/inner.h"

/* Writes all that is asked for. Errors name the place in the document, the file and the value. Devices are
 * not among it (devices.h). update: the cgroup is in use: only differences in order and in what counts as
 * absent. */
int limits_apply(const struct cgroup *c, const struct oci_resources *resources, struct error *err);

/* What can be wrong with them before anything is written, checkBeforeUpdate among it. limits_apply() does it itself: for who has somebody else
 * write first. */
int limits_check(const struct cgroup *c, const struct oci_resources *resources, struct error *err);

/* The place of the first limit that is really asked for ("linux.resources.memory.limit"), or NULL: zeros and
 * the like are none. */
const char *limits_first(const struct oci_resources *resources);

#endif
