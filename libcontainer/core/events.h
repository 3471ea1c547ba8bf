/* events.h: what a container uses, at intervals, and who in it dies for want of memory. */
#ifndef CORE_EVENTS_H
#define CORE_EVENTS_H

#include <stdbool.h>

#include "core/lifecycle.h"

/* Gets one JSON document without a newline; a negative return ends everything with it. */
typedef int (*events_line_fn)(void *data, const char *line, struct error *err);

/* The container's counters as they are now, as one line: `events --stats`. -EINVAL where it is not running.
 */
int events_stats(const struct lifecycle_global *g, const char *id, events_line_fn fn, void *data,
		 struct error *err);

/* A line of counters every interval_ms, and one of type "oom" for each process that the kernel kills in it
 * for memory meanwhile, until the container's first process ends; then 0. Asks nothing of the container and
 * takes no lock. */
int events_watch(const struct lifecycle_global *g, const char *id, int interval_ms, events_line_fn fn,
		 void *data, struct error *err);

#endif
