/* user.h: user, groups, umask, home directory. Numeric ids only; never a lookup through NSS. */
#ifndef PROCESS_USER_H
#define PROCESS_USER_H

#include <stdbool.h>
#include <sys/types.h>

#include "oci-spec/config.h"

/* setgroups, setgid, setuid, umask (0022 where the config names none, as both peers do). user NULL: 0:0.
 * keep_groups: leave the supplementary groups alone (run.oci.keep_original_groups). In a user namespace where
 * setgroups is denied, an empty list is no error. */
int user_become(const struct oci_user *user, bool keep_groups, struct error *err);

/* The home directory of uid by the container's own /etc/passwd below root_fd, "/" where there is none.
 * malloc()ed. The file is hostile: bounded, opened beneath root_fd, regular files only. */
int user_home(int root_fd, uid_t uid, char **out, struct error *err);

#endif
