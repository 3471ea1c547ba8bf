/* cgroup.h: the container's cgroup: named, made, limited, entered, frozen, killed, removed.
 *
 * One face for pure v2 hosts, hybrid and v1 hosts (the same limits through other files), and the systemd driver. Nothing in it
 * knows a container: it gets a path and a piece of spec. A struct cgroup can be written to the state as text and made from it again.
 */
#ifndef CGROUP_CGROUP_H
#define CGROUP_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/str.h"
#include "oci-spec/config.h"

enum cgroup_driver { CGROUP_FS, CGROUP_SYSTEMD, CGROUP_DISABLED, CGROUP_DRIVER_MAX };
extern const char *const cgroup_driver_names[CGROUP_DRIVER_MAX + 1];  /* "cgroupfs", "systemd", "disabled" */

/* What the host has: found once a process, from /proc/self/mountinfo. */
enum cgroup_layout { CGROUP_LAYOUT_NONE, CGROUP_LAYOUT_V2, CGROUP_LAYOUT_HYBRID, CGROUP_LAYOUT_V1 };
enum cgroup_layout cgroup_host_layout(void);

struct cgroup;

/* What is asked for. All of it borrowed for the call only. */
struct cgroup_request {
	enum cgroup_driver driver;
	const char *path;                 /* linux.cgroupsPath, or NULL */
	const char *id;                   /* the container's id: the name where there is no path */
	bool rootless;                    /* an ordinary user: no permission is no error unless limits were asked for */
	const struct oci_resources *resources;   /* may be NULL */
	bool chown;                       /* hand the delegate files to owner (specification: "Cgroup ownership") */
	uid_t owner;
	const struct pairs *annotations;  /* org.systemd.property.* */
};

/* Finds the name and makes the folders; limits and the device program are set before anyone is in them. A cgroup that exists
 * already and holds processes, or is frozen, is refused. Undoes itself on failure. *out is to be freed by cgroup_free(). Where the
 * host gives no cgroup (rootless without delegation, no limits asked) *out is a struct cgroup that does nothing. */
int cgroup_make(const struct cgroup_request *request, struct cgroup **out, struct error *err);

/* Where cgroup_make() would have made it: for a maker that died before it could save anything. Touches nothing. It may be somebody
 * else's; so whoever removes it must see to it that nobody is in it. */
int cgroup_plan(const struct cgroup_request *request, struct cgroup **out, struct error *err);

/* A descriptor of the v2 folder for CLONE_INTO_CGROUP, or -EBADF where that is not the way in (v1 only; systemd). Borrowed. */
int cgroup_clone_fd(const struct cgroup *c);

/* Moves pid into all hierarchies that the clone did not cover (the v1 ones; all, if `cloned_into` is false; for systemd starts the
 * scope with it). After the clone, before the child goes on.
 *
 * On v1 another process can only be moved by taking a lock that waits for an RCU grace period (8 ms on an idle host); a thread that
 * moves itself needs no such lock (0.1 ms for nine hierarchies). So where cgroup_joins_itself() the *child* should make the call, with
 * pid 0, as its first step after the clone and before it changes its namespaces or ids (it uses the descriptors it inherited; it must
 * have a single thread). Only where it is false, or as a fallback, the parent calls with the child's pid. */
int cgroup_enter(struct cgroup *c, pid_t pid, bool cloned_into, struct error *err);
bool cgroup_joins_itself(const struct cgroup *c);

/* For a process in it that wants to know where it is (cgroup_hierarchies()), once another has entered it with cgroup_enter(): a scope's folders are
 * the service manager's choice. Nothing to be done where they are known already. */
int cgroup_find_self(struct cgroup *c, struct error *err);

/* For exec into a container whose init has made sub-cgroups of its own and moved there (systemd in a container: on v2 nobody can
 * enter the container's top folder then, clone3 fails with EBUSY): the cgroups at or below c's in which `pid` is. To be entered as
 * above and freed. -ESRCH where pid is gone; -EINVAL where it is not below c. */
int cgroup_of(const struct cgroup *c, pid_t pid, struct cgroup **out, struct error *err);

/* For exec: a sub-cgroup below the container's (relative path, no ".."; must exist), to be entered as above and freed. controller: a v1
 * controller's name or NULL for all. */
int cgroup_sub(const struct cgroup *c, const char *controller, const char *path, struct cgroup **out, struct error *err);

/* New limits on an existing one (update). 0 and absent values stay as they are, -1 is unlimited; device rules, if there are any, take the
 * place of all before. rootless as in the request. */
int cgroup_update(struct cgroup *c, const struct oci_resources *resources, bool rootless, struct error *err);

int cgroup_freeze(struct cgroup *c, bool frozen, struct error *err);  /* returns when it is so */
bool cgroup_is_frozen(const struct cgroup *c);

/* All pids in it and below, host's view; *pids malloc()ed. A vanished cgroup has none. */
int cgroup_pids(const struct cgroup *c, pid_t **pids, size_t *n, struct error *err);

/* Every process in it and below gets the signal; SIGKILL through cgroup.kill where there is one, thawing what is frozen on v1. */
int cgroup_kill(struct cgroup *c, int signo, struct error *err);

/* Removes it and everything below; retries EBUSY for a bounded time. A vanished one is fine. Never removes a folder it did not make
 * (by state). */
int cgroup_remove(struct cgroup *c, struct error *err);

/* The kernel killed somebody in it for memory (memory.events oom_kill, v1 memory.oom_control): how often. 0 where it cannot tell. Once a
 * service manager has removed it: what could be told since the last call; see cgroup_vanishes(). */
long cgroup_oom_kills(const struct cgroup *c);
/* memory limit in bytes; -1: none. After its removal as with cgroup_oom_kills(). */
long long cgroup_memory_limit(const struct cgroup *c);

/* The paths inside the host's mounts, for mounts of type "cgroup" and for state: one a hierarchy; ends with name NULL. Valid as long as c. */
struct cgroup_hierarchy { const char *name, *options, *host_path; };
const struct cgroup_hierarchy *cgroup_hierarchies(const struct cgroup *c);

/* To and from the state file: one line of text without newline (malloc()ed). cgroup_load() opens nothing that is not needed. */
int cgroup_save(const struct cgroup *c, char **text, struct error *err);
int cgroup_load(const char *text, struct cgroup **out, struct error *err);
void cgroup_free(struct cgroup *c);

#endif
