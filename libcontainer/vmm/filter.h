/* filter.h: the system calls that each kind of the monitor's threads may make, once the guest can have taken it over.
 *
 * A table of rows, each with its reason, becomes a seccomp program of our own (no library: the monitor's memory is small). Whatever stands in
 * no row ends the whole process, and with it the machine: no guest needs it, so somebody else does.
 *
 * No kind may open a file, make a socket, or map anything to be executed; only the broker has calls with a path, and it stands in a folder
 * of descriptors. Filters add up: a thread that is started by a filtered one has both.
 */
#ifndef VMM_FILTER_H
#define VMM_FILTER_H

#include <stddef.h>

#include "base/error.h"

enum filter_kind {
	FILTER_VCPU,   /* a processor: runs the guest, and the registers of its devices */
	FILTER_WORKER, /* devices: the guest's memory and the host's descriptors */
	FILTER_MAIN,   /* the loop: the agent, signals, the control socket */
	FILTER_BROKER, /* the process that resolves names for the shared file system */
	FILTER_KIND_MAX,
};
extern const char *const filter_kind_names[FILTER_KIND_MAX + 1];

struct sock_filter;

/* For the calling thread, for good. no_new_privs must be set, or CAP_SYS_ADMIN be there. */
int filter_enter(enum filter_kind kind, struct error *err);

/* The program, for tests: *n instructions, malloc()ed. */
int filter_program(enum filter_kind kind, struct sock_filter **code, size_t *n, struct error *err);
/* The reason of a call's row, or NULL where it stands in none. */
const char *filter_reason(enum filter_kind kind, int call);

#endif
