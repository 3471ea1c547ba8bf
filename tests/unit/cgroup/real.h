/* real.h: a cgroup on this host for a test, with a process to put in. */
#ifndef TEST_CGROUP_REAL_H
#define TEST_CGROUP_REAL_H

#include <sys/types.h>

#include "cgroup/cgroup.h"
#include "cgroup/inner.h"

/* Skips the test where this host or user may not make cgroups. */
void real_need(void);

/* "/nacre-test-PID" and `below`, e.g. "/x"; static buffer. */
const char *real_path(const char *below);

/* cgroup_make() with these resources (JSON or NULL). */
int real_make(const char *path, const char *resources, struct cgroup **out, struct error *err);

/* A child that joins c (itself, where that is the way) and then sleeps; `fork_too` gives it a child in the
 * same cgroup. */
pid_t real_child(struct cgroup *c, bool fork_too);
void real_reap(pid_t pid);

/* The content of a controller's file of c ("" if there is none), without the last newline; static buffer. */
const char *real_file(const struct cgroup *c, const char *controller, const char *file);

/* How many folders of that name are left in the host's hierarchies. */
int real_left(const char *path);

bool real_is_v2(const struct cgroup *c, const char *controller);

#endif
