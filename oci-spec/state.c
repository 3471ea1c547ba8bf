/* state.c: see state.h. */
#include "oci-spec/state.h"

#include "oci-spec/tables.h"

/* In the order in which runc prints them: people compare. */
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

void oci_state_free(struct oci_state *state)
{
	schema_free(&oci_state_schema, state);
}

int oci_state_print(const struct oci_state *state, bool pretty, char **text, struct error *err)
{
	return schema_print_pretty(&oci_state_schema, state, pretty ? "  " : NULL, text, err);
}
