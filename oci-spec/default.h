/* default.h: the config that `spec` writes: the same as runc's, so that scripts which edit it keep working.
 */
#ifndef OCI_SPEC_DEFAULT_H
#define OCI_SPEC_DEFAULT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* *text is a config.json, indented by tabs, ending in a newline; malloc()ed, the caller's to free. rootless:
 * a user namespace that maps 0 to uid and gid, the host's network and with it its /sys by a recursive bind,
 * and no resources. Where /sys/fs/cgroup is cgroup v2 alone there is a cgroup namespace as well. -ENOMEM. */
int oci_default_config(bool rootless, uid_t uid, gid_t gid, char **text, struct error *err);

#endif
