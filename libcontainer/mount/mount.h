/* mount.h: one entry of config.mounts, from its words to its place. */
#ifndef MOUNT_MOUNT_H
#define MOUNT_MOUNT_H

#include "mount/options.h"
#include "mount/root.h"

/* Mounts config.mounts[i] beneath r->fd; see root_mount_all(). */
int mount_entry(struct root *r, size_t i, struct error *err);

/* Is it a bind mount: by its words, or by the type "bind"? */
bool mount_is_bind(const struct oci_mount *m, const struct mount_words *w);

/* Of a bind mount whose source comes from outside, so that a virtual machine must be given it. */
struct mount_share {
	bool read_only; /* nobody may write to it through this mount */
	bool idmapped;  /* it asks for ids of its own, by words or mappings */
	bool alone;     /* what is mounted below its source is not meant */
};
/* False: it is another kind of mount. For one that mount_check() has taken. */
bool mount_is_shared(const struct oci_mount *m, struct mount_share *out);

#endif
