/* isolation.h: what a back end is: a choice of segments for the list of stages, and what only it knows. */
#ifndef CORE_ISOLATION_H
#define CORE_ISOLATION_H

#include "base/error.h"

struct stage;
struct container;

struct isolation {
	const char *name; /* in state.json: "namespaces" */
	const struct stage *const *create; /* the list of segments */
	const struct stage *const *exec;
	/* A signal to the container's first process. */
	int (*signal)(struct container *c, int signo, struct error *err);
};

extern const struct isolation isolation_namespaces;

/* The back end of this name, or NULL. */
const struct isolation *isolation_find(const char *name);

#endif
