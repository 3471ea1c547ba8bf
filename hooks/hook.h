/* hook.h: runs one list of hooks (config.md, "POSIX-platform Hooks").
 *
 * A hook gets the state document on its stdin, exactly its own environment (or `env` where it names none),
 * the current directory of the caller, and no other descriptor of ours. Its output is kept (the last 4 KiB)
 * for the error text.
 */
#ifndef HOOKS_HOOK_H
#define HOOKS_HOOK_H

#include "oci-spec/config.h"

enum hook_kind {
	HOOK_PRESTART,
	HOOK_CREATE_RUNTIME,
	HOOK_CREATE_CONTAINER,
	HOOK_START_CONTAINER,
	HOOK_POSTSTART,
	HOOK_POSTSTOP,
	HOOK_KIND_MAX
};
extern const char *const hook_kind_names[HOOK_KIND_MAX + 1]; /* "prestart", "createRuntime", … */

/* The hooks of one kind; hooks may be NULL. */
const struct oci_hook_list *hook_list(const struct oci_hooks *hooks, enum hook_kind kind);

/* Runs them in order. Stops at the first that fails, exits with another status than 0, is ended by a signal,
 * or runs past its timeout (it and its process group are killed): `createRuntime hook 2 (/bin/x): exit status
 * 3: its last words`. With keep_going (poststop) a failure is logged as a warning and the rest still run. env
 * NULL: the caller's environ. */
int hook_run_list(const struct oci_hooks *hooks, enum hook_kind kind, const char *state_json,
		  char *const *env, bool keep_going, struct error *err);

#endif
