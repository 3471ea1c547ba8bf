/* rlimit.h: resource limits (config.md, process.rlimits). */
#ifndef PROCESS_RLIMIT_H
#define PROCESS_RLIMIT_H

#include <stdbool.h>
#include <sys/types.h>

#include "oci-spec/config.h"

/* prlimit(2) on pid (0: this process) for each entry, from the host's side: inside a user namespace it would
 * be too late. */
int rlimit_apply(const struct oci_process *process, pid_t pid, struct error *err);

/* Is "RLIMIT_NOFILE" a name we know? For oci checks and tests. */
bool rlimit_known(const char *type);

#endif
