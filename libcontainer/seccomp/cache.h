/* cache.h: compiled filters, kept for the next process with the same profile.
 *
 * A folder below the state root holds a file for each filter. A file's name is a SHA-256 over everything that shapes the filter: every
 * property of linux.seccomp but where its listener is, this program and the libraries it runs with (their build ids), the machine's kind
 * and the kernel. Folder and files must belong to us and be nobody else's business, and a file must be whole: what is not so is as good
 * as not there.
 */
#ifndef SECCOMP_CACHE_H
#define SECCOMP_CACHE_H

#include "seccomp/filter.h"

/* Below the state root. The colon makes it a name that no container can have. */
#define CACHE_FOLDER  ".seccomp:filters"
#define CACHE_ENTRIES 64 /* the least recently used goes first */

/* As filter_compile(), which it saves where it can: `root` is the state root (O_PATH will do); negative: there is none, and nothing is
 * kept. Trouble with the cache is no error, only slower. */
int cache_compile(int root, const struct oci_seccomp *seccomp, struct filter *out, struct error *err);

#endif
