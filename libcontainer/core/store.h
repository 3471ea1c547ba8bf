/* store.h: the state root: one folder a container, with its lock, its config and its state.
 *
 *   ROOT/ID/config.json   the config it was created with; later edits of the bundle's do not matter (runtime.md)
 *   ROOT/ID/making.json   struct saved_state of a container in the making: what must be taken away if its maker dies
 *   ROOT/ID/state.json    struct saved_state of a created one; put there by rename, and never changed
 *   ROOT/ID/lock          flock()ed by every command that changes the container
 *   ROOT/ID/gate          the listening socket of a created container
 *   ROOT/ID/control       that of a virtual machine's monitor (core/vm/control.h)
 *   ROOT/ID/console       what a virtual machine's kernel said, where log lines are for debugging
 *   ROOT/ID/notify/       notify.sock: where the program says that it is ready (core/ready.h); the container sees this folder
 *   ROOT/.kvm@fast        the host's boot_id, when KVM was found to be good for something (core/vm/machine.c)
 *
 * A folder without state.json belongs to a create that is under way (its lock is held), or that died (the lock is free): then
 * `delete --force` takes it apart. Whether a container has been started is not written down: the gate knows.
 */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "oci-spec/schema.h"

/* What is remembered of a container. Written and read by the table in store.c. */
struct saved_state {
	char *oci_version, *id, *bundle, *rootfs, *created, *isolation;
	struct opt_int pid;
	struct opt_uint start_time;   /* of pid, see base/proc.h */
	char *cgroup;                 /* cgroup_save() */
	char *rdt;                    /* rdt_save(), or NULL */
	bool own_pid_namespace;
	struct pairs annotations;
};

struct store {
	int root;      /* the state root */
	int folder;    /* ROOT/ID */
	int lock;
	char *path;    /* ROOT/ID, absolute */
};
#define STORE_NONE ((struct store){ -EBADF, -EBADF, -EBADF, NULL })

/* "$XDG_RUNTIME_DIR/nacre" for an ordinary user, or for root inside a user namespace (rootless podman); "/run/nacre" for root. malloc()ed. */
char *store_default_root(void);

/* -EINVAL with a sentence unless id is [a-zA-Z0-9_+-.]+, not "." or "..", at most 200 bytes. */
int store_check_id(const char *id, struct error *err);

/* A new folder for id, locked. -EEXIST: `container "x": a container with this id exists already` */
int store_claim(const char *root, const char *id, struct store *out, struct error *err);
/* The folder of an existing container; -ENOENT: `container "x" does not exist`. wait: take the lock (bounded wait); otherwise not. */
int store_open(const char *root, const char *id, bool lock, struct store *out, struct error *err);
/* Lets others work on the container for a while, and takes the lock again: -ENOENT where it is gone by then. */
void store_unlock(const struct store *s);
int store_lock(const struct store *s, struct error *err);
/* Once while it is being made, once when it is created. */
int store_save(const struct store *s, const struct saved_state *state, bool created, struct error *err);
/* *out to be freed by saved_state_free(); *created tells which of the two it was. -ENODATA where there is neither yet. */
int store_load(const struct store *s, struct saved_state **out, bool *created, struct error *err);
void saved_state_free(struct saved_state *state);
int store_write_config(const struct store *s, const char *text, size_t len, struct error *err);
int store_read_config(const struct store *s, char **text, size_t *len, struct error *err);
/* Removes the files that are ours and the folder. */
int store_remove(struct store *s, struct error *err);
void store_close(struct store *s);
/* Names under root, sorted, NULL-terminated, malloc()ed. A root that is missing has none. */
int store_list(const char *root, char ***names, size_t *n, struct error *err);

#endif
