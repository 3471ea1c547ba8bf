/* sysctl.h: kernel parameters of the container's own namespaces, and no other. */
#ifndef PROCESS_SYSCTL_H
#define PROCESS_SYSCTL_H

#include "oci-spec/config.h"

/* Is this key allowed, given which namespaces the container has to itself? Rules as both peers':
 * kernel.{msgmax,msgmnb,msgmni,sem,shmall, shmmax,shmmni,shm_rmid_forced} and fs.mqueue.* need an ipc
 * namespace, net.* a network namespace, kernel.domainname a uts namespace; kernel.hostname is refused (use
 * `hostname`); user.* needs a user namespace. Part of the checks, nothing is touched. The error names
 * `linux.sysctl["net.foo"]`. */
int sysctl_check(const struct oci_config *config, struct error *err);

/* Writes them below the trusted procfs `proc` (descriptor of its top), beneath sys/ only: no link, no "..",
 * same file system. */
int sysctl_apply(const struct oci_config *config, int proc, struct error *err);

#endif
