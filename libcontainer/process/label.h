/* label.h: AppArmor profile and SELinux label of the process that will be executed. */
#ifndef PROCESS_LABEL_H
#define PROCESS_LABEL_H

#include <stdbool.h>

#include "oci-spec/config.h"

/* Writes attr/apparmor/exec (or attr/exec) and SELinux's attr/exec below the trusted procfs `proc` (a
 * descriptor of its top; never the container's own /proc). A label asked for on a host without that module is
 * an error: `process.apparmorProfile: AppArmor is not enabled on this host`. SELinux likewise is an error.
 * Empty or NULL labels: nothing. */
int label_apply(const struct oci_process *process, int proc, struct error *err);

/* Joins a new session keyring "_ses.<id>" (with SELinux's key label where needed). ENOSYS, EPERM and EDQUOT
 * (filtered, quota) are passed over. */
int label_new_keyring(const char *id, const struct oci_process *process, struct error *err);

bool label_host_has_apparmor(void);
bool label_host_has_selinux(void);

#endif
