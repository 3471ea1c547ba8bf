/* seal.h: the runtime runs from a sealed copy of itself.
 *
 * A process that enters a container is the runtime's own image until execve; /proc/PID/exe leads there. The image is
 * therefore a memfd with all seals set, so that no container can write to the program on the host (CVE-2019-5736).
 */
#ifndef BASE_SEAL_H
#define BASE_SEAL_H

#include "base/error.h"

/* Returns 0 where this process already runs from a sealed copy; otherwise copies /proc/self/exe into a sealed memfd and
 * executes it with the same arguments and environment, and only returns on failure. To be called first thing by the
 * commands that enter a container (create, run, exec); argv[0] stays what it was. */
int seal_self(char *const argv[], struct error *err);

/* The folder the program was started from, also in the sealed copy, to which seal_self() hands it on; malloc()ed. NULL where nobody can tell.
 * For what is installed beside it. */
char *seal_folder(void);

#endif
