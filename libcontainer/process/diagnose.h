/* diagnose.h: why execve(2) failed, in words that say which file is to blame. */
#ifndef PROCESS_DIAGNOSE_H
#define PROCESS_DIAGNOSE_H

#include <stddef.h>

#include "base/error.h"

/* Fills *err from the errno value `e` that execve(2) left for `file`, and returns -e. Looks into the file:
 * for ENOENT of one that exists it names the missing interpreter, for ENOEXEC what the file seems to be. The
 * file is hostile: bounded reads, regular files only. To be called where execve was (same root, same working
 * directory). */
int diagnose_exec(const char *file, int e, struct error *err);

/* `n` bytes of somebody else's text, fit for one line: anything but printable ASCII and UTF-8 becomes "?",
 * what does not fit is cut. Returns dst. */
char *diagnose_quote(char *dst, size_t size, const char *text, size_t n);

#endif
