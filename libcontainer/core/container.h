/* container.h: one container while we work on it: what is wanted, where its parts are, how far it got.
 *
 * Stages hand values on through it, so the parts are named by the place they are valid in: a stage that touches another place's part is
 * wrong at sight. After the clone each walker has a copy of its own.
 */
#ifndef CORE_CONTAINER_H
#define CORE_CONTAINER_H

#include <stdbool.h>

#include "base/proc.h"
#include "cgroup/cgroup.h"
#include "core/isolation.h"
#include "core/pipeline.h"
#include "core/store.h"
#include "mount/root.h"
#include "ns/namespaces.h"
#include "oci-spec/config.h"
#include "oci-spec/state.h"
#include "process/caps.h"
#include "process/exec.h"
#include "seccomp/filter.h"

enum container_status {
	CONTAINER_CREATING,
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_STOPPED,
	CONTAINER_STATUS_MAX,
};
extern const char *const container_status_names[CONTAINER_STATUS_MAX + 1];

struct vm_parts;
struct vm_monitor;

struct container {
	const struct lifecycle_global *global;
	const struct isolation *isolation;
	struct pipeline line;

	/* What is wanted. Read once, never changed (but for a mount that ready_offer() adds). */
	char *id;
	char *bundle;                        /* absolute */
	struct oci_config *spec;
	const struct oci_process *process;   /* spec->process; for exec the one to be executed */
	const struct lifecycle_create *create;  /* options; NULL when loaded */
	const struct lifecycle_exec *exec;      /* options of exec; else NULL */
	char *config_text;                   /* the document itself, for the saved copy */
	size_t config_size;
	char *root_path;                     /* root.path, absolute */
	bool privileged;                     /* root, and not in somebody's user namespace */
	bool user_namespace;                 /* the container has one of its own, or joins one */
	bool in_vm;                          /* INSIDE is a guest: known to all walkers */
	int preserved;                       /* descriptors 3 … 3+n-1 are the container's */

	/* How far it got. */
	struct proc init;                    /* of exec: the new process */
	struct saved_state *saved;           /* as it stands in the state folder; NULL before `claim` */
	bool created;                        /* it was made to the end */

	/* Valid in HOST. */
	struct {
		struct store store;
		struct cgroup *cgroup;
		bool cgroup_entered;         /* by the clone itself */
		struct ns_plan ns;
		int terminal;                /* receives the master of the container's terminal, for our own foreground */
		bool pid_file;               /* one was written */
	} host;

	/* Made in HOST, used INSIDE: inherited over the clone. */
	struct {
		struct filter filter;
		struct caps caps;
		int *sources;                /* one a mount, or NULL */
		int gate;                    /* listening */
		int proc;                    /* the host's /proc: trusted, for labels and sysctls, whatever the rootfs holds */
		int listener;                /* connection to linux.seccomp.listenerPath */
		volatile pid_t *host_pid;    /* shared memory: the new process's pid as the host counts; NULL without a listener */
		int console_socket;          /* where the terminal's master goes; -EBADF: no terminal */
		struct root_hierarchy *hierarchies;
		bool cgroup_v2;              /* what INSIDE finds is cgroup v2 and nothing else */
	} carried;

	/* Made in HOST, used in JAIL. */
	struct vm_parts *parts;
	int control;                         /* listening, see core/vm/control.h */

	/* Valid in JAIL. */
	struct {
		struct vm_monitor *monitor;
		int pid;                     /* our own, as the host counts */
		int terminal;                /* the slave of the first process's, or -EBADF */
	} jail;

	/* Valid INSIDE. */
	struct {
		struct root root;
		struct exec_plan plan;
		bool in_cwd;
	} inside;
};

/* Everything at its null value; it has no isolation yet. */
void container_init(struct container *c, const struct lifecycle_global *global);

/* The back end, and HOST's place at the start of its list. */
void container_isolate(struct container *c, const struct isolation *isolation);

/* From a bundle: parses its config, chooses the isolation. */
int container_from_bundle(struct container *c, const struct lifecycle_create *options, struct error *err);

/* From the state root, locked if the command will change it. A container that is half made has no spec. */
int container_load(struct container *c, const struct lifecycle_global *global, const char *id, bool lock, struct error *err);

/* Parses the saved config of a loaded container into c->spec, which container_load() leaves alone: most commands need none. */
int container_load_spec(struct container *c, struct error *err);

/* What it is doing now: asks the kernel. */
enum container_status container_status(struct container *c);

/* Has the kernel killed somebody in it for memory? Then *err says so: "killed: memory limit of 512 KiB reached". To be asked while its
 * cgroup is there. container_tell_memory() makes the text; limit in bytes, negative: none of its own. */
void container_tell_memory(long long limit, struct error *err);
bool container_killed_for_memory(const struct container *c, struct error *err);

/* The state document; pid as given. For hooks and `state`; oci_state_free(). */
int container_state(const struct container *c, enum container_status status, int pid, struct oci_state **out, struct error *err);

/* Lets go of memory and descriptors; undoes nothing. */
void container_close(struct container *c);

/* In a fresh child: walks the rest of the list as `me` and never returns. */
_Noreturn void container_walk_on(struct container *c, enum place me, int peer);

#endif
