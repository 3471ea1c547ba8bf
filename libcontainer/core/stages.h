/* stages.h: the segments of the list that back ends share. The list of a back end is the whole story of a start: see
 * isolation_namespaces.c for one.
 */
#ifndef CORE_STAGES_H
#define CORE_STAGES_H

#include "core/container.h"

extern const struct stage stages_prepare[];  /* HOST: check, claim, ready, cgroup, filter, sources, console, gate */
extern const struct stage stages_rdt[];      /* HOST: a class of linux.intelRdt, before there is a process */
extern const struct stage stages_rdt_enter[]; /* HOST: the process goes into it */
/* l3CacheSchema and memBwSchema of a container that has a class: `update`. */
int rdt_update(const struct container *c, const struct oci_intel_rdt *wanted, struct error *err);
extern const struct stage stages_furnish[];  /* INSIDE and HOST: the root, names, hooks, pivot, identity */
extern const struct stage stages_announce[]; /* HOST: created */
extern const struct stage stages_gate[];     /* INSIDE: gate */
extern const struct stage stages_go[];       /* INSIDE: hooks, filter, execve */
/* INSIDE, for exec: terminal to execve, of a process that is in the container's namespaces already */
extern const struct stage stages_join[];

/* In a guest (stages_guest.c): the first rows of its INSIDE. */
extern const struct stage stages_guest_settle[]; /* settle, cgroup namespace, limits */
/* The guest's lists: what its walker runs, and what it waits for. The list of the monitor's side has the same rows from "power" on ("ask"
 * for exec), so one adds a constant to a row's number to know it there. Row 0 is done when the guest hears of the container.
 *
 * The walker in the guest is a struct container with, besides what is wanted: in_vm, privileged; user_namespace false; host.ns.create with
 * a flag for each namespace in the spec but user and network; root_path and the sources of bind mounts (in the spec) as they are called
 * there; carried.{filter, caps, proc, console_socket, hierarchies, cgroup_v2}; create with no_new_keyring and no_pivot; for exec: created,
 * exec, process. */
extern const struct stage *const guest_create_list[];
extern const struct stage *const guest_exec_list[];

/* A create that died before it could write anything down may have made its cgroup: found again by the saved config. Sets c->host.cgroup if
 * nobody is in it. */
int stage_find_cgroup(struct container *c, struct error *err);

/* Before a spawn: what mounts of type cgroup are to show. */
int stage_note_hierarchies(struct container *c, struct error *err);
/* The second half of every spawn: the new process as c->init, its channel as our neighbour in `place`; and the undo of it. */
int stage_adopt(struct container *c, enum place place, pid_t pid, int pidfd, int channel, struct error *err);
void stage_end(struct container *c);

/* One clone into the cgroup and the namespaces; the child walks on, INSIDE or, before a guest, as JAIL. Undone by stage_end(). */
int stage_spawn(struct container *c, struct error *err);
int stage_idmap(struct container *c, struct error *err);
bool stage_has_new_user_namespace(const struct container *c);
/* On cgroup v1 a process moves itself far more cheaply than it is moved (cgroup/cgroup.h), if it still sees the host's files. */
int stage_enter_cgroup(struct container *c, struct error *err);
bool stage_enters_itself(const struct container *c);
/* Into what neither the clone nor the process itself has entered. Each hierarchy waits for the kernel; INSIDE need not wait with it,
 * unless its cgroup namespace hangs on it. */
int stage_place(struct container *c, struct error *err);
/* Must INSIDE be where it belongs before it builds its root? */
bool stage_is_placed_first(const struct container *c);
bool stage_shows_scope(const struct container *c);
/* linux.netDevices into the new network namespace. */
int stage_net_devices(struct container *c, struct error *err);
bool stage_has_net_devices(const struct container *c);

/* INSIDE, first of all: away from the host's state folder, a session of its own, root of the user namespace. */
int stage_settle(struct container *c, struct error *err);
/* INSIDE, once it is in its cgroup. */
int stage_cgroup_namespace(struct container *c, struct error *err);
bool stage_has_cgroup_namespace(const struct container *c);

/* Rows that other lists use as well (exec). */
int stage_compile_filter(struct container *c, struct error *err);
bool stage_has_filter(const struct container *c);
int stage_console_host(struct container *c, struct error *err);
int stage_limits(struct container *c, struct error *err);
int stage_terminal(struct container *c, struct error *err);
int stage_names(struct container *c, struct error *err);
int stage_host_hooks(struct container *c, struct error *err);
bool stage_has_host_hooks(const struct container *c);
int stage_create_container_hooks(struct container *c, struct error *err);
bool stage_has_create_container_hooks(const struct container *c);
int stage_sched(struct container *c, struct error *err);
int stage_label(struct container *c, struct error *err);
int stage_lookup(struct container *c, struct error *err);
int stage_filter(struct container *c, struct error *err);
int stage_identity(struct container *c, struct error *err);
int stage_shed(struct container *c, struct error *err);
int stage_ready(struct container *c, struct error *err);
int stage_execve(struct container *c, struct error *err);
bool stage_filter_is_early(const struct container *c);
bool stage_filter_is_late(const struct container *c);
bool stage_has_terminal(const struct container *c);

/* Where the pid and a descriptor of the new process go, once it is certain. */
int stage_hand_out_pid(struct container *c, const char *pid_file, const char *pidfd_socket, struct error *err);

#endif
