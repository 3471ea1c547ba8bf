/* destination.h: where a mount goes: found, or made, beneath the root, and looked at before anything is put
 * there.
 *
 * What is allowed is decided by what the descriptor leads to and not by the text of the path, which a link in
 * the image may bend (CVE-2019-19921, CVE-2021-30465, CVE-2023-27561, CVE-2023-28642).
 */
#ifndef MOUNT_DESTINATION_H
#define MOUNT_DESTINATION_H

#include "mount/root.h"

enum destination_kind {
	DESTINATION_DIRECTORY,
	DESTINATION_FILE,
	DESTINATION_PLAIN, /* a directory, and no link on the way to it: for proc and sysfs */
};

/* O_PATH; made where nothing is. A link that leads nowhere is followed inside the root to make its target. */
int destination_open(int root, const char *path, enum destination_kind kind, struct error *err);

enum destination_is { DESTINATION_ELSEWHERE, DESTINATION_TOP, DESTINATION_DEV };

/* Refuses places inside a procfs, but for a few files that engines replace, and its top to anything that is
 * no procfs: labels and sysctls are written there. `source`: what is to be mounted if it is a bind, or
 * -EBADF; procfs: it is a new procfs. Otherwise says whether the place is the root itself, or its /dev. */
int destination_check(const struct root *r, int fd, int source, bool procfs, struct error *err);

/* Is it this path, but for doubled and closing slashes and "."? */
bool destination_is_path(const char *destination, const char *path);

#endif
