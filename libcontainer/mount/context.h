/* context.h: linux.mountLabel: the SELinux context of the file systems that are made for the container, the runtime's own
 * ones that mask things among them. Binds keep what they have. */
#ifndef MOUNT_CONTEXT_H
#define MOUNT_CONTEXT_H

#include "mount/piece.h"
#include "mount/root.h"

/* While the host's /sys is still to be seen: -ENOTSUP if config wants a label and SELinux is not enabled
 * here. In a virtual machine, whose kernel knows none of the host's labels, there is none. */
int context_prepare(struct root *r, struct error *err);

/* *word: what the new file system `p` gets as one more word of its data, to be freed by the caller; NULL
 * where it gets none: nothing is asked for, its data says so already, or its superblock, and with it the
 * context, is everybody's. */
int context_word(const struct root *r, const struct piece *p, char **word, struct error *err);

/* A message queue file system is made with its ipc namespace, too early for a context: its top is labelled
 * instead, and what is made in it inherits that by the policy's rules. `top` may be O_PATH. */
int context_mark(const struct root *r, const struct piece *p, int top, struct error *err);

#endif
