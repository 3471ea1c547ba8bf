/* namespaces.h: which namespaces a container gets: new ones, or those behind a path.
 *
 * One table row a type: its name, its flag, its file in /proc/PID/ns. A plan is made and checked on the host before any process
 * exists, and carried out by spawn.h.
 */
#ifndef NS_NAMESPACES_H
#define NS_NAMESPACES_H

#include <stdbool.h>
#include <stdint.h>

#include "oci-spec/config.h"

struct ns_type {
	enum oci_namespace_type type;
	uint64_t flag;    /* CLONE_NEW… */
	const char *file; /* below /proc/PID/ns */
};
extern const struct ns_type ns_types[OCI_NS_MAX]; /* by enum oci_namespace_type */

struct ns_plan {
	uint64_t create;      /* flags of the namespaces to make */
	uint64_t joined;      /* flags of those to join */
	int join[OCI_NS_MAX]; /* descriptors of the latter, by type; -EBADF elsewhere */
};
#define NS_PLAN_NONE ((struct ns_plan){ 0, 0, { -EBADF, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF } })

/* Opens the paths, and checks with NS_GET_NSTYPE that each is a namespace of its type. A path that leads to our own namespace is left out
 * of the plan. To be closed by ns_plan_close(). */
int ns_plan_make(const struct oci_config *config, struct ns_plan *plan, struct error *err);
void ns_plan_close(struct ns_plan *plan);

/* Are we in a user namespace other than the host's first one? (rootless engines start us as root in one) */
bool ns_in_user_namespace(void);

/* INSIDE, once: a new cgroup namespace (its root is the cgroup we are in by now) and a new time namespace with its offsets, which can only
 * be set before anybody lives in it. Needs the host's /proc. */
int ns_unshare_cgroup(struct error *err);
int ns_unshare_time(const struct oci_time_offsets *offsets, struct error *err);

#endif
