/* attach.h: puts one mount at one place, both given by descriptors.
 *
 * A mount is made hanging nowhere, gets its attributes and content there, and is attached complete: nobody
 * can see it half done, and no path is resolved twice. That is fsopen(2), open_tree(2), mount_setattr(2),
 * move_mount(2). This is also the one place that knows what to do where a kernel (before 5.2; 5.12 for
 * mount_setattr) or a filter around us does not have them: mount(2) on /proc/self/fd/N, and the attributes
 * afterwards. What mount(2) cannot say (idmapped mounts, the recursive attributes) is an error then.
 */
#ifndef MOUNT_ATTACH_H
#define MOUNT_ATTACH_H

#include "mount/piece.h"
#include "mount/root.h"

/* *top (may be NULL): a descriptor of the mount's top, the caller's. -EINVAL, -EPERM … as from the system
 * calls; the text says what was tried, the caller adds for which entry. */
int attach_piece(struct root *r, const struct piece *p, const struct place *at, int *top, struct error *err);

/* Changes a mount that is already there; fd is its top. tree and spread (PROPAGATIONS_MAX of them) may be
 * NULL. */
int attach_change(struct root *r, int fd, const struct attributes *one, const struct attributes *tree,
		  const struct propagation *spread, struct error *err);

/* remount of a file system's own flags and data. */
int attach_remount(struct root *r, int fd, unsigned long super, const char *const *data, size_t data_n,
		   struct error *err);

/* Moves the mount whose top is fd onto `to`, a path. */
int attach_move(struct root *r, int fd, const char *to, struct error *err);

#endif
