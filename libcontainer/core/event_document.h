/* event_document.h: the JSON lines of `events`, in the shape that runc's users parse. */
#ifndef CORE_EVENT_DOCUMENT_H
#define CORE_EVENT_DOCUMENT_H

#include "base/error.h"
#include "cgroup/stats.h"

/* {"type":"stats","id":…,"data":{…}}: one line without its end, malloc()ed. Keys, their order and which of
 * them are left out at 0 are runc's. guest: of a virtual machine, else NULL; it becomes one more key, and the number
 * of processes is the guest's. -ENOMEM. */
struct agent_stats;
int event_print_stats(const char *id, const struct cgroup_stats *stats, const struct agent_stats *guest, char **line,
		      struct error *err);

/* {"type":"oom","id":…}, likewise. */
int event_print_oom(const char *id, char **line, struct error *err);

#endif
