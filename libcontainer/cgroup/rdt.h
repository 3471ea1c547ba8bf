/* rdt.h: linux.intelRdt: a class of service in the kernel's resctrl file system for the container's process
 * (config-linux.md, "IntelRdt").
 *
 * A class is a folder of that file system; what its tasks may use of the caches and of the memory bandwidth
 * stands in its file "schemata". A folder is taken away again only where we named it ourselves, after the
 * container, and made it.
 */
#ifndef CGROUP_RDT_H
#define CGROUP_RDT_H

#include <stdbool.h>
#include <sys/types.h>

#include "oci-spec/config.h"

struct rdt {
	char *class;   /* the folder of the class, absolute */
	char *monitor; /* the folder that counts for this container alone, or NULL */
	bool ours;     /* the class goes with the container */
};

/* Where resctrl is mounted, from this process' mountinfo; malloc()ed. -ENOENT: "linux.intelRdt: resctrl is
 * not mounted on this host". */
int rdt_find_mount(char **out, struct error *err);

/* Finds or makes the folders, in the resctrl mounted at `mount`, by the rules of the specification: a class
 * that is only named must exist; one that exists already must have what l3CacheSchema and memBwSchema say.
 * Undoes itself on failure. *out: rdt_free(). */
int rdt_claim(const char *mount, const struct oci_intel_rdt *wanted, const char *id, struct rdt *out,
	      struct error *err);
/* l3CacheSchema, memBwSchema, then schemata, a line a write; nothing where there are none. The error has the
 * kernel's own reason. */
int rdt_write_schemata(const struct rdt *r, const char *mount, const struct oci_intel_rdt *wanted,
		       struct error *err);
/* All three steps. */
int rdt_make(const struct oci_intel_rdt *wanted, const char *id, struct rdt *out, struct error *err);

/* Moves the process into the class and the monitoring group. Children that it forks later are in them as
 * well. */
int rdt_enter(const struct rdt *r, pid_t pid, struct error *err);

/* Takes away what is the container's; fine twice. */
int rdt_remove(const struct rdt *r, struct error *err);

/* To and from the state: one line of text, malloc()ed. */
int rdt_save(const struct rdt *r, char **text, struct error *err);
int rdt_load(const char *text, struct rdt *out, struct error *err);
void rdt_free(struct rdt *r);

#endif
