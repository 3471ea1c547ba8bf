/* isolation.h: what a back end is: a choice of segments for the lists of stages, and what only it knows. */
#ifndef CORE_ISOLATION_H
#define CORE_ISOLATION_H

#include <stdbool.h>

#include "base/error.h"
#include "oci-spec/config.h"

struct stage;
struct container;
struct agent_stats;

#define ISOLATION_UNIFIED_MAX 64
/* Resources for the host's cgroup in place of those in the spec; borrows from them. */
struct isolation_resources {
	struct oci_resources all;
	struct oci_memory memory;                    /* all.memory, unless that is NULL */
	struct pair unified[ISOLATION_UNIFIED_MAX];  /* all.unified */
};

struct isolation {
	const char *name; /* in state.json, of --isolation, of the annotation: "namespaces" */
	bool in_vm;       /* INSIDE is a guest with a kernel of its own */
	const struct stage *const *create; /* the list of segments */
	const struct stage *const *exec;
	/* A signal to the container's first process. */
	int (*signal)(struct container *c, int signo, struct error *err);
	/* To all of its processes. NULL: to those in its cgroup. */
	int (*signal_all)(struct container *c, int signo, struct error *err);
	/* What the host's cgroup gets of these; spec: of the container as it was created. NULL: all of it. */
	void (*host_resources)(const struct oci_config *spec, const struct oci_resources *asked, struct isolation_resources *out);
	/* New limits: the host's cgroup has them already. NULL: that is all there is to do. */
	int (*update)(struct container *c, const struct oci_resources *resources, struct error *err);
	/* What the container uses in its guest. NULL: there is none. */
	int (*stats)(struct container *c, struct agent_stats *out, struct error *err);
	/* Where its end cannot be asked any more what it has counted: a descriptor that becomes readable then, and how many were killed for memory
	 * until then; -EAGAIN: not yet; -ECONNRESET: it will not be told. NULL where `stats` is. */
	int (*watch)(struct container *c, struct error *err);
	int (*watched)(int fd, uint64_t *oom_kills, struct error *err);
};

extern const struct isolation isolation_namespaces, isolation_kvm;

/* The resources for the host's cgroup: asked, or *room filled in. asked may be NULL. */
const struct oci_resources *isolation_resources(const struct isolation *i, const struct oci_config *spec, const struct oci_resources *asked,
						struct isolation_resources *room);

/* The back end of this name, or NULL. */
const struct isolation *isolation_find(const char *name);
/* All names, NULL-terminated; for the command line. */
extern const char *const isolation_names[];

#define ISOLATION_ANNOTATION "nacre.isolation"

/* Which back end a new container gets. The first that says something decides:
 *
 *   option    --isolation: whoever calls us
 *   program   the name we were called by (a whole path or not): an engine's administrator who registered "nacre-kvm"
 *   the annotation nacre.isolation: whoever wrote the config
 *   a `vm` object: the config is for a virtual machine
 *   else namespaces
 *
 * Afterwards it stands in state.json and is not asked again. option and program may be NULL. -EINVAL where a word is no back end. */
int isolation_choose(const struct oci_config *config, const char *option, const char *program, const struct isolation **out,
		     struct error *err);

#endif
