/* seal.h: the runtime runs from an image of itself that nobody can write to.
 *
 * A process that enters a container is the runtime's own image until execve; /proc/PID/exe leads there, and must not lead to the program on the
 * host (CVE-2019-5736). The image is therefore the program's file on a read-only mount that is in no mount namespace: no path leads to it, and
 * nobody, whatever their capabilities, can bind it elsewhere or make it writable (test_seal tries). Its pages are those of the file, so that it costs
 * no memory and next to no time. Where such a mount is not to be had, it is a copy in a memfd with all seals set.
 */
#ifndef BASE_SEAL_H
#define BASE_SEAL_H

#include "base/error.h"

/* Returns 0 where this process already runs from a sealed image; otherwise makes one of /proc/self/exe and
 * executes it with the same arguments and environment, and only returns on failure. To be called first thing by the
 * commands that enter a container (create, run, exec); argv[0] stays what it was. */
int seal_self(char *const argv[], struct error *err);

/* The folder the program was started from, also in the sealed image, to which seal_self() hands it on; malloc()ed. NULL where nobody can tell.
 * For what is installed beside it. */
char *seal_folder(void);

#endif
