/* spawn.h: makes the process that will be the container's first, or one more in a running container.
 *
 * Both return twice, as fork(2) does: 0 in the child, the pid in the caller, whose child it always is; *pidfd is a descriptor of it, or
 * -EBADF on kernels without. The child has default signal handlers and shares nothing but descriptors.
 */
#ifndef NS_SPAWN_H
#define NS_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "ns/namespaces.h"

/* One clone3 with everything the plan makes, born in the cgroup behind cgroup_fd (-EBADF: ours). Namespaces to join are entered by
 * the caller just for the clone and left again, since afterwards, in a new user namespace, the child would not be allowed to. Only a
 * user namespace to join takes a second process in between. Cgroup and time namespaces are left to the child (namespaces.h).
 * *into_cgroup tells whether the kernel took the cgroup at birth. */
pid_t ns_spawn(const struct ns_plan *plan, int cgroup_fd, int *pidfd, bool *into_cgroup, struct error *err);

/* A process in all namespaces of `target` (a pidfd or -EBADF, and its pid). There always is a process in between, which enters them; `first`
 * (may be NULL) is what that one does before, still with the host's view: the place to enter cgroups, which the child then inherits. */
typedef int (*ns_first_fn)(void *data, struct error *err);
pid_t ns_spawn_into(int target_pidfd, pid_t target, int cgroup_fd, ns_first_fn first, void *data, int *pidfd, bool *into_cgroup,
		    struct error *err);

/* In the child, where there is a user namespace: be its root. Groups are given up where that is allowed. */
int ns_become_root(struct error *err);

#endif
