/* exec.h: one more process in a running container: a short list of the same stages. */
#ifndef CORE_EXEC_H
#define CORE_EXEC_H

#include "core/container.h"

/* Starts the process; it has been executed when this returns 0, and its pid file is written. c is loaded and locked or not; c->exec is set.
 * c->init is replaced by the new process. */
int exec_start(struct container *c, struct error *err);

/* The list of the namespaces back end. */
extern const struct stage *const exec_list_namespaces[];

#endif
