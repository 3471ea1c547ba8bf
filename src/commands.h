/* commands.h: the commands, one file each, and what two of them share. */
#ifndef SRC_COMMANDS_H
#define SRC_COMMANDS_H

#include "core/isolation.h"
#include "src/command.h"

extern const struct command command_check, command_create, command_delete, command_events, command_exec, command_features, command_kill,
    command_list, command_pause, command_ps, command_resume, command_run, command_spec, command_start,
    command_state, command_update, command_vm;

/* The options that create and run have in common; they fill a struct lifecycle_create. */
#define ROW_CREATE(name, letter, kind, field, ...)                                                           \
	{                                                                                                    \
		name, letter, kind, offsetof(struct lifecycle_create, field), __VA_ARGS__                    \
	}
#define ROWS_CREATE                                                                                          \
	ROW_CREATE("bundle", 'b', OPTION_TEXT, bundle, "DIR",                                                \
		   "folder of the bundle (default: the current one)"),                                       \
	    ROW_CREATE("config", 'f', OPTION_TEXT, config, "FILE",                                           \
		       "another file than config.json of the bundle"),                                       \
	    ROW_CREATE("console-socket", 0, OPTION_PATH, console_socket, "SOCKET",                           \
		       "send the terminal's master side there"),                                             \
	    ROW_CREATE("pid-file", 0, OPTION_PATH, pid_file, "FILE",                                         \
		       "write the pid of the container's first process there"),                              \
	    ROW_CREATE("pidfd-socket", 0, OPTION_PATH, pidfd_socket, "SOCKET",                               \
		       "send a pidfd of that process there"),                                                \
	    ROW_CREATE("preserve-fds", 0, OPTION_NUMBER, preserve_fds, "N",                                  \
		       "hand descriptors 3 to 2+N on (after $LISTEN_FDS)"),                                  \
	    ROW_CREATE("isolation", 0, OPTION_TEXT, isolation, "KIND",                                       \
		       "namespaces (default) or kvm, a virtual machine", isolation_names),                    \
	    ROW_CREATE("vm-kernel", 0, OPTION_PATH, kernel, "FILE",                                          \
		       "the virtual machine's kernel (default: the running one)"),                            \
	    ROW_CREATE("no-pivot", 0, OPTION_FLAG, no_pivot, NULL,                                           \
		       "move the root instead of pivot_root(2), for an initramfs"),                          \
	    ROW_CREATE("no-new-keyring", 0, OPTION_FLAG, no_new_keyring, NULL,                               \
		       "keep the caller's session keyring"),                                                 \
	{                                                                                                    \
		"no-subreaper", 0, OPTION_IGNORED, 0, NULL, "ignored, for callers that know runc"            \
	}

/* The id, what the environment says ($LISTEN_FDS), and --config as an absolute path, which
 * *config then owns (malloc()ed). */
int create_complete(struct lifecycle_create *create, const char *id, char **config, struct error *err);

/* Calls one(g, ID, data, err) for `id`, or with `regex` for every container whose id matches the POSIX
 * extended regular expression (none: no error). There each failure is told at once and the others go on; the
 * exit status is 1 then. */
typedef int (*each_fn)(const struct lifecycle_global *g, const char *id, void *data, struct error *err);
int each_container(const struct lifecycle_global *g, const char *id, bool regex, each_fn one, void *data,
		   struct error *err);

#endif
