/* default.h: the config that `spec` writes: the same as runc's, so that scripts which edit it keep working.
 */
#ifndef OCI_SPEC_DEFAULT_H
#define OCI_SPEC_DEFAULT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* malloc()ed text of a config.json, indented by tabs, ending in a newline. rootless: a user namespace that
 * maps 0 to uid/gid, no network namespace's sysfs, /sys as a recursive bind, no resources. cgroup_v2 adds the
 * cgroup namespace and mount form. */
int oci_default_config(bool rootless, uid_t uid, gid_t gid, char **text, struct error *err);

#endif
