/* classic.h: mount(2) for attach.c, which alone decides when: places and sources are descriptors, named
 * through /proc/thread-self/fd.
 *
 * That directory is opened while /proc is still the host's, and names in it are resolved from a descriptor:
 * after the pivot the container's /proc, which may hold anything, is never asked.
 */
#ifndef MOUNT_CLASSIC_H
#define MOUNT_CLASSIC_H

#include "mount/piece.h"
#include "mount/root.h"

/* Mounts and fills p: a descriptor of the mount's top, the caller's. *rest: the attributes that it does not have yet. */
int classic_attach(struct root *r, const struct piece *p, const struct place *at, struct attributes *rest, struct error *err);

/* Attributes and propagation of the mount whose top is fd; `one` in place of p->one. */
int classic_change(struct root *r, int fd, const struct piece *p, const struct attributes *one,
		   struct error *err);

int classic_remount(struct root *r, int fd, unsigned long super, const char *const *data, size_t data_n,
		    struct error *err);
int classic_move(struct root *r, int fd, const char *to, struct error *err);

#endif
