/* dev.h: the container's /dev: opened once, without following a link, and used by its descriptor from then
 * on.
 *
 * An image may have anything at /dev and in it: a link to a directory of the host, a link in place of
 * /dev/null or /dev/console (CVE-2025-31133, CVE-2025-52565, CVE-2026-41579, CVE-2026-47766, CVE-2026-88264).
 * No name in it is ever followed.
 */
#ifndef MOUNT_DEV_H
#define MOUNT_DEV_H

#include "mount/root.h"

/* O_PATH of the directory /dev itself; made if it is missing and `make`. */
int dev_open(const struct root *r, bool make, struct error *err);

/* O_PATH of /dev/null, and it is: character device 1:3. */
int dev_open_null(const struct root *r, struct error *err);

#endif
