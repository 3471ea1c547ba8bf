/* subtree.h: visits a folder and all folders below it, made by whomever, holding one descriptor at a time. */
#ifndef CGROUP_SUBTREE_H
#define CGROUP_SUBTREE_H

#include <stdbool.h>

#include "base/error.h"

/* Called with each folder's descriptor (O_RDONLY|O_DIRECTORY). A negative return ends the walk. */
typedef int (*subtree_fn)(int dir, void *data, struct error *err);

/* A container may delegate and so nest as deep as it likes: neither the stack nor the descriptors grow with
 * the depth. What vanishes meanwhile is passed over. visit may be NULL. With `remove` everything *below* top
 * goes, leaves first; what is busy stays and makes it -EBUSY. */
int subtree_walk(const char *top, subtree_fn visit, void *data, bool remove, struct error *err);

#endif
