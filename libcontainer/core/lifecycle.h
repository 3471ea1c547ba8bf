/* lifecycle.h: the operations on containers: what the command line calls, one function a command.
 *
 * Each returns 0 or a negative code with one line of error. Nothing here prints.
 */
#ifndef CORE_LIFECYCLE_H
#define CORE_LIFECYCLE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "cgroup/cgroup.h"
#include "oci-spec/config.h"
#include "oci-spec/features.h"
#include "oci-spec/state.h"

/* The global options. */
struct lifecycle_global {
	const char *root;            /* state root; NULL: store_default_root() */
	enum cgroup_driver cgroup_driver;
	const char *program;         /* the name we were called by; may choose the isolation */
	const char *notify_socket;   /* $NOTIFY_SOCKET: who is to be told when the program is ready (core/ready.h), or NULL */
};

/* create and run. */
struct lifecycle_create {
	const char *id, *bundle, *config;   /* bundle NULL: the current directory; config NULL: config.json in the bundle */
	const char *console_socket, *pid_file, *pidfd_socket;
	int preserve_fds;
	const char *isolation;              /* the name of a back end; NULL: isolation_choose() */
	char *kernel;                       /* of a virtual machine, where the config names none; NULL: found */
	bool no_pivot, no_new_keyring;
	int listen_fds;                     /* $LISTEN_FDS where LISTEN_PID is us; else 0 */
	/* run only */
	bool foreground;                    /* it is `run`, not `create`; set by lifecycle_run() */
	bool detach, keep;
};
int lifecycle_create(const struct lifecycle_global *g, const struct lifecycle_create *o, struct error *err);
/* Lets a created container go; an execve that failed is this function's error. With a g->notify_socket, here as in create, it returns once the
 * program has said that it is ready, or has ended. */
int lifecycle_start(const struct lifecycle_global *g, const char *id, struct error *err);
/* create, start and, unless detached, stay until the end; *status is then the exit status (128+signal), and the container is deleted unless
 * o->keep. Where the kernel killed it for memory, *err says so although 0 is returned. */
int lifecycle_run(const struct lifecycle_global *g, const struct lifecycle_create *o, int *status, struct error *err);

struct lifecycle_exec {
	const char *id;
	/* Once, with the container's own process, or NULL where its config has none: *process is the one to run, complete and checked. It may be
	 * `own`, changed; else it stays the caller's. */
	int (*make)(void *data, struct oci_process *own, struct oci_process **process, struct error *err);
	void *data;
	const char *console_socket, *pid_file, *pidfd_socket;
	const char *const *cgroups;         /* --cgroup values "[ctrl:]path", NULL-terminated; NULL: the container's own */
	int preserve_fds, listen_fds;
	bool detach, ignore_paused;
};
int lifecycle_exec(const struct lifecycle_global *g, const struct lifecycle_exec *o, int *status, struct error *err);

/* signo 0 only asks. all: every process of the container's cgroup; a stopped container is then no error. */
int lifecycle_kill(const struct lifecycle_global *g, const char *id, int signo, bool all, struct error *err);
int lifecycle_delete(const struct lifecycle_global *g, const char *id, bool force, struct error *err);
int lifecycle_pause(const struct lifecycle_global *g, const char *id, struct error *err);
int lifecycle_resume(const struct lifecycle_global *g, const char *id, struct error *err);
int lifecycle_update(const struct lifecycle_global *g, const char *id, const struct oci_resources *resources, const struct oci_intel_rdt *rdt,
		     struct error *err);
/* *pids malloc()ed: the host's view, all of the cgroup. */
int lifecycle_ps(const struct lifecycle_global *g, const char *id, pid_t **pids, size_t *n, struct error *err);

/* *state to be freed by oci_state_free(). */
int lifecycle_state(const struct lifecycle_global *g, const char *id, struct oci_state **state, struct error *err);
/* Every container under the root; an entry that is not ours or cannot be read is passed over. ids is a NULL-terminated malloc()ed vector of
 * malloc()ed strings, sorted. */
int lifecycle_list(const struct lifecycle_global *g, char ***ids, size_t *n, struct error *err);

/* The config the container was created with (the saved copy). oci_config_free(). */
int lifecycle_config(const struct lifecycle_global *g, const char *id, struct oci_config **config, struct error *err);

/* What this build and host can do, gathered from the tables; schema_free(&oci_features_schema, *out). */
int lifecycle_features(struct oci_features **out, struct error *err);

#endif
