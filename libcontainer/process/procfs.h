/* procfs.h: files of a trusted procfs, and never of anything that was mounted over a part of it
 * (CVE-2025-52881). */
#ifndef PROCESS_PROCFS_H
#define PROCESS_PROCFS_H

#include "base/error.h"

/* Opens `path` beneath `proc` (the top of a procfs). -EXDEV unless what was found lies on procfs and on the
 * very mount of `proc`. flags as for open(2); O_CLOEXEC is added. The descriptor, or negative. */
int procfs_open(int proc, const char *path, int flags, struct error *err);

/* One write(2) of text into it. */
int procfs_write(int proc, const char *path, const char *text, struct error *err);

#endif
