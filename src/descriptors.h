/* descriptors.h: which inherited descriptors stay: stdio, those of socket activation ($LISTEN_FDS), those of
 * --preserve-fds.
 *
 * Engines leak listening sockets and pipes into the runtime; none of them may reach a hook, a container or a
 * helper.
 */
#ifndef SRC_DESCRIPTORS_H
#define SRC_DESCRIPTORS_H

#include "base/error.h"

/* Opens /dev/null as 0, 1 and 2 where they are closed, so that no file of ours becomes somebody's stdout.
 * First thing in main. */
int descriptors_guard_stdio(struct error *err);

/* Keeps 3 to 2+n over an execve and marks all above close-on-exec. The last of them must be open (-EBADF); a
 * gap before it is filled by /dev/null, close-on-exec, so that no descriptor of ours gets a number that is
 * handed on: in the container it is a gap again (podman's --preserve-fd=5 comes as "--preserve-fds 3" with 3
 * and 4 closed). Before anything is opened that stays open. */
int descriptors_keep(int n, struct error *err);

/* $LISTEN_FDS where $LISTEN_PID is this process, else 0 (sd_listen_fds(3)); a value that is no number counts
 * as none. */
int descriptors_listen(void);

#endif
