/* host_mounts.h: for --no-pivot, which leaves the host's mounts below the container's root. */
#ifndef MOUNT_HOST_MOUNTS_H
#define MOUNT_HOST_MOUNTS_H

#include "mount/root.h"

/* Takes away every procfs and sysfs outside the root, or covers it where it is locked: a container that gets
 * out of its chroot shall not find one that shows all of it, which would also let a user namespace mount a
 * new one. */
int host_mounts_hide(struct root *r, struct error *err);

/* Undoes the escapes of a mountinfo field (\040 and so on), in place. */
void host_mounts_unescape(char *path);

#endif
