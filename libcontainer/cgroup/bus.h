/* bus.h: the service manager over D-Bus, through libsystemd's sd-bus, which is loaded when first asked for.
 */
#ifndef CGROUP_BUS_H
#define CGROUP_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum property_kind {
	PROPERTY_BOOL,
	PROPERTY_U32,
	PROPERTY_I32,
	PROPERTY_U64,
	PROPERTY_I64,
	PROPERTY_STRING,
	PROPERTY_STRINGS,
	PROPERTY_BYTES,
	PROPERTY_PIDS
};

/* One property of a unit (org.freedesktop.systemd1(5)). */
struct property {
	char *name;
	enum property_kind kind;
	uint64_t number; /* bool, numbers, the pid */
	char *text;	 /* string; strings: one a line; bytes */
	size_t len;	 /* of bytes */
	bool optional;	 /* a file of the cgroup does the same: a manager too old to know it is no error */
};
struct properties {
	struct property *v;
	size_t n;
};

struct bus;

/* user: the user's own manager. -ENOTSUP without libsystemd. The error begins with "cgroup driver systemd:
 * connect to …". */
int bus_open(bool user, struct bus **out, struct error *err);
void bus_close(struct bus *b);

/* StartTransientUnit, StopUnit, SetUnitProperties; the first two return when the job is done (30 s at most).
 * Optional properties that this manager does not know are left out and forgotten in `p`. A failed left-over
 * of the same name is cleared away first. */
int bus_start_unit(struct bus *b, const char *unit, struct properties *p, struct error *err);
int bus_stop_unit(struct bus *b, const char *unit, struct error *err);
int bus_set_unit(struct bus *b, const char *unit, struct properties *p, struct error *err);

#endif
