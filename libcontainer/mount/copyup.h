/* copyup.h: tmpcopyup: what a directory holds, copied into the tmpfs that is about to cover it. */
#ifndef MOUNT_COPYUP_H
#define MOUNT_COPYUP_H

#include "base/error.h"

/* Copies below's content into top: directories, files, links, and device nodes where that is allowed, with
 * owner, mode, extended attributes and times. Every step is by descriptor and follows no link; directories of
 * other file systems stay empty. -ELOOP deeper than 128. */
int copyup_fill(int top, int below, struct error *err);

#endif
