/* mount.h: one entry of config.mounts, from its words to its place. */
#ifndef MOUNT_MOUNT_H
#define MOUNT_MOUNT_H

#include "mount/options.h"
#include "mount/root.h"

/* Mounts config.mounts[i] beneath r->fd; see root_mount_all(). */
int mount_entry(struct root *r, size_t i, struct error *err);

/* Is it a bind mount: by its words, or by the type "bind"? */
bool mount_is_bind(const struct oci_mount *m, const struct mount_words *w);

#endif
