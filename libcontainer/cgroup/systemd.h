/* systemd.h: the second driver: a transient scope of the service manager, asked for over D-Bus. */
#ifndef CGROUP_SYSTEMD_H
#define CGROUP_SYSTEMD_H

#include "cgroup/inner.h"

/* Checks the request and keeps what systemd_start() needs: a scope cannot be without a process. */
int systemd_make(struct cgroup *c, const struct cgroup_request *request, struct error *err);
void systemd_deferred_free(struct deferred *d);

/* Starts the scope with pid in it, then sets what systemd has no property for. Fills c's folders. */
int systemd_start(struct cgroup *c, pid_t pid, struct error *err);

/* Fills the folders of a copy of c that was made before systemd_start(), in the process that is in the scope now. */
int systemd_find_self(struct cgroup *c, struct error *err);

/* The limits that systemd has properties for, so that it does not undo ours at its next reload. */
int systemd_update(struct cgroup *c, const struct oci_resources *resources, struct error *err);

/* Stops the scope; a vanished one is fine. */
int systemd_stop(struct cgroup *c, struct error *err);

#endif
