/* state.c: see state.h. */
#include "oci-spec/state.h"

#include "oci-spec/tables.h"

/* In the order in which runc prints them: people compare. */
/* clang-format off */
PUBLIC_SCHEMA(oci_state, "state.json",
	MUST(FIELD_STRING, "ociVersion", oci_state, oci_version),
	MUST(FIELD_STRING, "id", oci_state, id),
	INT("pid", oci_state, pid),
	MUST(FIELD_STRING, "status", oci_state, status),
	MUST(FIELD_STRING, "bundle", oci_state, bundle),
	STRING("rootfs", oci_state, rootfs),
	STRING("created", oci_state, created),
	PAIRS("annotations", oci_state, annotations),
	STRING("owner", oci_state, owner));
/* clang-format on */

void oci_state_free(struct oci_state *state)
{
	schema_free(&oci_state_schema, state);
}

int oci_state_print(const struct oci_state *state, bool pretty, char **text, struct error *err)
{
	return schema_print_pretty(&oci_state_schema, state, pretty ? "  " : NULL, text, err);
}

struct oci_process_state {
	char *oci_version, *metadata;
	struct strings fds;
	struct opt_int pid;
	struct oci_state *state;
};
/* clang-format off */
SCHEMA(oci_process_state,
	MUST(FIELD_STRING, "ociVersion", oci_process_state, oci_version),
	STRINGS("fds", oci_process_state, fds),
	INT("pid", oci_process_state, pid),
	STRING("metadata", oci_process_state, metadata),
	OBJECT("state", oci_process_state, state, oci_state));
/* clang-format on */

int oci_process_state_print(const struct oci_state *state, int pid, const char *metadata, char **text,
			    struct error *err)
{
	static char name[] = "seccompFd", version[] = OCI_VERSION;
	char *fds[] = {name, NULL};
	/* clang-format off */
	const struct oci_process_state whole = { version, (char *)metadata, { fds, 1 }, { true, pid }, (struct oci_state *)state };
	/* clang-format on */

	return schema_print(&oci_process_state_schema, &whole, text, err);
}
