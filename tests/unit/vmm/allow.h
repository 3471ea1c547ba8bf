/* allow.h: a system call filter of a list and nothing more, to prove that the list is enough: any other call
 * kills the process. */
#ifndef UNIT_VMM_ALLOW_H
#define UNIT_VMM_ALLOW_H

#include "base/error.h"

/* For the `enter` of what takes one; data: the list, ending in -1. Does nothing in a build whose sanitizers
 * make calls of their own. */
int allow_only(void *data, struct error *err);

#endif
