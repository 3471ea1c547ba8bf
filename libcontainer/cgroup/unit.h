/* unit.h: a container's scope in systemd's words: its name, its slice, its properties. Text and numbers only,
 * no bus. */
#ifndef CGROUP_UNIT_H
#define CGROUP_UNIT_H

#include "cgroup/bus.h"
#include "cgroup/cgroup.h"

/* "slice:prefix:name" -> slice and "prefix-name.scope"; "name" -> "name.scope"; none -> "nacre-ID.scope". An
 * empty slice becomes system.slice, or user.slice for a user's manager. Both malloc()ed. -EINVAL for paths
 * and for what is no name of a slice. */
int unit_names(const char *path, const char *id, bool rootless, char **unit, char **slice, struct error *err);

/* What the limits are as properties; v2: of the cgroup version that the manager uses. Those it has none for
 * are left to files. */
int unit_limits(const struct oci_resources *resources, bool v2, struct properties *out, struct error *err);

/* Annotations "org.systemd.property.NAME" = GVariant text: booleans, integers with or without a type,
 * strings, arrays of strings. */
int unit_annotations(const struct pairs *annotations, struct properties *out, struct error *err);

int properties_add(struct properties *p, const char *name, enum property_kind kind, uint64_t number,
		   const char *text, size_t len, struct error *err);
void properties_free(struct properties *p);

/* "0-2,5" -> bytes of a bit mask, lowest first. */
int unit_mask(const char *list, unsigned char *mask, size_t size, size_t *len);

#endif
