/* state.h: the state document of the specification (runtime.md, "State"), as printed by `state` and given to
 * hooks. */
#ifndef OCI_SPEC_STATE_H
#define OCI_SPEC_STATE_H

#include "oci-spec/schema.h"

#define OCI_VERSION "1.3.0"

/* clang-format off */
struct oci_state {
	char *oci_version, *id, *status;  /* status: creating, created, running, stopped, paused */
	struct opt_int pid;               /* of the init process, as the reader sees it; 0 when stopped */
	char *bundle;
	char *rootfs, *created, *owner;   /* beyond the specification; as runc and crun print them; NULL: left out */
	struct pairs annotations;
};
/* clang-format on */

extern const struct schema oci_state_schema;

/* One line of JSON without a newline (hooks), or indented by two blanks (the `state` command). malloc()ed,
 * the caller's to free. "/" is not escaped: scripts read it with sed. */
int oci_state_print(const struct oci_state *state, bool pretty, char **text, struct error *err);

/* The "container process state" (config-linux.md), which goes to a seccomp listener with its descriptor. One
 * line of JSON. pid: the process's, as the host sees it; metadata: linux.seccomp.listenerMetadata, may be
 * NULL. */
int oci_process_state_print(const struct oci_state *state, int pid, const char *metadata, char **text,
			    struct error *err);

/* The struct and its strings, all malloc()ed. NULL is fine. */
void oci_state_free(struct oci_state *state);

#endif
