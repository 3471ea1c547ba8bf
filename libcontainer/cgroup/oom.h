/* oom.h: news of processes that the kernel kills for memory. */
#ifndef CGROUP_OOM_H
#define CGROUP_OOM_H

#include "cgroup/cgroup.h"

/* A descriptor that becomes readable when cgroup_oom_kills() may have something new to say; close it. It is
 * only a bell: read all that is in it, then ask. v1 rings *before* the victim is counted, so one should ask
 * again a little later; and both ring for other reasons, the end of the cgroup among them. -ENOTSUP where
 * there is no memory controller. */
int cgroup_oom_watch(const struct cgroup *c, struct error *err);

/* Somebody else (the service manager) removes the cgroup as soon as it is empty: who wants to know afterwards whether anybody was killed for
 * memory must call cgroup_oom_kills() before it begins, and each time the bell rings. */
bool cgroup_vanishes(const struct cgroup *c);

#endif
