/* table.h: arrays with a known length, and names for the values of an enum.
 *
 * An enum and its names stand side by side; NAMES_COMPLETE() fails the build when one has more entries
 * than the other.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stddef.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* names[] ends in NULL and has one entry for each value below `max`. */
#define NAMES_COMPLETE(names, max) _Static_assert(ARRAY_LEN(names) == (max) + 1, #names " and " #max " differ")

/* The value called `name`, or -1. */
static inline int name_lookup(const char *const *names, const char *name)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

#endif
