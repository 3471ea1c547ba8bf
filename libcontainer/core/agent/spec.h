/* spec.h: in the guest: what the host has asked for, as a struct container that INSIDE can walk on with. */
#ifndef CORE_AGENT_SPEC_H
#define CORE_AGENT_SPEC_H

#include "core/agent/wire.h"
#include "core/container.h"

/* Folders of the guest. */
struct agent_places {
	const char *shares; /* where the host's shares are: "root", and "0", "1" …: mounts[] that are bind mounts */
	const char *cgroup; /* the container's, as in linux.cgroupsPath */
};

/* All of guest_create_list's part of struct container (core/stages.h), cgroup included. *c is yet to be initialised, and stays as long as the
 * guest does: nothing frees it. */
int agent_spec_create(struct container *c, const struct agent_create *asked, const struct agent_places *places, struct error *err);

/* Of guest_exec_list's, for one more process of `first`, which keeps all that is borrowed from it. agent_spec_free() when it has ended. */
int agent_spec_exec(struct container *c, const struct container *first, const struct agent_exec *asked, struct error *err);
void agent_spec_free(struct container *c);

/* What of these means something in a guest: processors, block devices, huge pages are the host's to deal out. Borrows from r; unified.v
 * is to be freed, nothing else. memory: where the copy of it goes. */
int agent_spec_resources(const struct oci_resources *r, struct oci_resources *out, struct oci_memory *memory, struct error *err);

#endif
