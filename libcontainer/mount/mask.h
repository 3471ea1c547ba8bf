/* mask.h: what the container may not see (maskedPaths) and may not write (readonlyPaths). */
#ifndef MOUNT_MASK_H
#define MOUNT_MASK_H

#include "mount/root.h"

/* Both lists of config.linux, after the pivot. */
int mask_apply(struct root *r, struct error *err);

#endif
