/* caps.h: the five capability sets, through libcap. */
#ifndef PROCESS_CAPS_H
#define PROCESS_CAPS_H

#include <stdint.h>

#include "oci-spec/config.h"

/* Sets as bit masks: bit n is capability n. */
struct caps {
	uint64_t bounding, permitted, effective, inheritable, ambient;
};

/* Names ("CAP_CHOWN", any case) to masks. A name that is unknown is warned about and skipped, as the
 * specification asks. spec NULL: all sets empty. */
int caps_parse(const struct oci_capabilities *spec, struct caps *out, struct error *err);

/* Adds one capability by name to bounding, permitted, effective and inheritable-none, for exec --cap;
 * unknown: -EINVAL. */
int caps_add(struct caps *caps, const char *name, struct error *err);

/* Before the ids change: drops the bounding set (while CAP_SETPCAP is still there) and keeps permitted ones
 * over setuid. */
int caps_before_ids(const struct caps *caps, struct error *err);

/* After the ids changed: permitted, effective, inheritable, ambient. What our own permitted or bounding set
 * lacks is left out (with a debug line), as runc does. */
int caps_after_ids(const struct caps *caps, struct error *err);

/* Names of all capabilities that the running kernel knows, NULL-terminated, for `features`. Static. */
const char *const *caps_names(void);

#endif
