/* cmd_exec.c: `exec`: another process in a running container. */
#include <fcntl.h>
#include <stdlib.h>

#include "base/auto.h"
#include "base/fd.h"
#include "core/store.h"
#include "oci-spec/check.h"
#include "src/commands.h"
#include "src/descriptors.h"
#include "src/process.h"

enum { PROCESS_FILE_MAX = 1 << 20 };

struct exec_options {
	struct process_change change;
	const char *process;
	char *console_socket, *pid_file, *pidfd_socket;
	struct strv cgroups;
	int preserve_fds;
	bool detach, ignore_paused;
};

/* process.json. Engines delete it as soon as we return, or sooner. */
static int read_process(const char *file, struct oci_process **out, struct error *err)
{
	auto_free char *text = NULL;
	size_t len;
	int ret = file_read_at(AT_FDCWD, file, PROCESS_FILE_MAX, &text, &len, err);

	return ret < 0 ? ret : oci_process_parse(text, len, file, out, err);
}

/* A process.json without capabilities has the container's; --cap adds to these. */
static int inherit_caps(const struct lifecycle_global *g, const char *id, struct oci_process *process, struct error *err)
{
	struct oci_config *config = NULL;
	int ret = lifecycle_config(g, id, &config, err);

	if (ret < 0)
		return ret;
	if (config->process)
		process->capabilities = TAKE_PTR(config->process->capabilities);
	oci_config_free(config);
	return 0;
}

/* The kernel's capabilities are only asked for where --cap needs them. */
static int apply(struct oci_process *process, const struct process_change *change, struct error *err)
{
	struct oci_features *features = NULL;
	const struct strings *known = NULL;
	int ret = change->caps.n ? lifecycle_features(&features, err) : 0;

	if (ret == 0 && features && features->linux_)
		known = &features->linux_->capabilities;
	if (ret == 0)
		ret = process_apply(process, change, known, err);
	schema_free(&oci_features_schema, features);
	return ret;
}

/* A terminal without anybody at its other end would hang; a socket without a terminal would wait for ever. */
static int check_terminal(const struct exec_options *o, const struct oci_process *process, struct error *err)
{
	if (o->detach && process->terminal && !o->console_socket)
		return error_set(
		    err, -EINVAL,
		    "cannot allocate a terminal for a detached process without --console-socket");
	if (o->console_socket && !(o->detach && process->terminal))
		return error_set(
		    err, -EINVAL,
		    "cannot use console socket if the process is not detached or has no terminal");
	return 0;
}

struct asked {
	const struct lifecycle_global *global;
	const char *id;
	struct exec_options *options;
	struct oci_process *process; /* from --process; else NULL, and the container's own is meant */
};

static int make_process(void *data, struct oci_process *own, struct oci_process **out, struct error *err)
{
	const struct asked *asked = data;
	const struct exec_options *o = asked->options;
	struct oci_process *process = asked->process ? asked->process : own;
	int ret = 0;

	if (!process)
		return error_set(err, -EINVAL, "container \"%s\": its config has no process; give one with --process", asked->id);
	/* A terminal is not inherited: whoever wants one says -t. */
	if (!asked->process)
		process->terminal = false;
	else if (o->change.caps.n && !process->capabilities)
		ret = inherit_caps(asked->global, asked->id, process, err);
	if (ret == 0)
		ret = apply(process, &o->change, err);
	if (ret == 0)
		ret = oci_check_process(process, o->process ? o->process : "process", err);
	if (ret == 0)
		ret = check_terminal(o, process, err);
	*out = process;
	return ret;
}

static int run(const struct lifecycle_global *g, void *options, int argc, char **argv, struct error *err)
{
	struct exec_options *o = options;
	struct asked asked = {g, argv[0], o, NULL};
	int status = 0, ret = store_check_id(argv[0], err);

	o->change.args = argc > 1 ? argv + 1 : NULL;
	if (ret == 0 && !o->process && argc < 2)
		ret = error_set(err, -EINVAL, "exec needs a command or --process; see nacre exec --help");
	if (ret == 0 && o->process)
		ret = read_process(o->process, &asked.process, err);
	if (ret == 0)
		ret = lifecycle_exec(g,
				     &(struct lifecycle_exec){
					 .id = argv[0],
					 .make = make_process,
					 .data = &asked,
					 .console_socket = o->console_socket,
					 .pid_file = o->pid_file,
					 .pidfd_socket = o->pidfd_socket,
					 .cgroups = o->cgroups.n ? (const char *const *)o->cgroups.v : NULL,
					 .preserve_fds = o->preserve_fds,
					 .listen_fds = descriptors_listen(),
					 .detach = o->detach,
					 .ignore_paused = o->ignore_paused,
				     },
				     &status, err);
	oci_process_free(asked.process);
	return ret < 0 ? ret : status;
}

#define ROW(name, letter, kind, field, ...)                                                                  \
	{                                                                                                    \
		name, letter, kind, offsetof(struct exec_options, field), __VA_ARGS__                        \
	}

static const struct option_row rows[] = {
    ROW("process", 'p', OPTION_TEXT, process, "FILE",
	"take the process from this process.json, changed by the options below"),
    ROW("cwd", 0, OPTION_TEXT, change.cwd, "DIR", "working directory"),
    ROW("env", 'e', OPTION_TEXTS, change.env, "NAME=VALUE",
	"set a variable in the container's environment (repeatable)"),
    ROW("tty", 't', OPTION_SWITCH, change.tty, NULL, "give it a terminal"),
    ROW("user", 'u', OPTION_TEXT, change.user, "UID[:GID]", "user and group, as numbers"),
    ROW("additional-gids", 'g', OPTION_TEXTS, change.additional_gids, "GID",
	"one more group, as a number (repeatable)"),
    ROW("cap", 'c', OPTION_TEXTS, change.caps, "CAP", "add a capability (repeatable)"),
    ROW("no-new-privs", 0, OPTION_SWITCH, change.no_new_privs, NULL, "no privileges by execve(2)"),
    ROW("apparmor", 0, OPTION_TEXT, change.apparmor, "PROFILE", "AppArmor profile"),
    ROW("process-label", 0, OPTION_TEXT, change.process_label, "LABEL", "SELinux label"),
    ROW("cgroup", 0, OPTION_TEXTS, cgroups, "[CTRL:]PATH",
	"run in this cgroup below the container's (repeatable)"),
    ROW("ignore-paused", 0, OPTION_FLAG, ignore_paused, NULL,
	"also in a paused container: the process then waits"),
    ROW("detach", 'd', OPTION_FLAG, detach, NULL, "return once the command runs"),
    ROW("pid-file", 0, OPTION_PATH, pid_file, "FILE", "write the pid of the command there"),
    ROW("pidfd-socket", 0, OPTION_PATH, pidfd_socket, "SOCKET", "send a pidfd of the command there"),
    ROW("console-socket", 0, OPTION_PATH, console_socket, "SOCKET", "send the terminal's master side there"),
    ROW("preserve-fds", 0, OPTION_NUMBER, preserve_fds, "N",
	"hand descriptors 3 to 2+N on (after $LISTEN_FDS)"),
    {"no-subreaper",  0, OPTION_IGNORED, 0, NULL, "ignored, for callers that know runc"},
    {NULL},
};

const struct command command_exec = {
    .name = "exec",
    .arguments = "[options] ID COMMAND [ARGUMENT]... | --process FILE [options] ID",
    .help = "run a command in a running container",
    .options = rows,
    .size = sizeof(struct exec_options),
    .least = 1,
    .most = -1,
    .seals = true,
    .run = run,
    .fail_status = 255, /* runc's; 1 could be the command's own */
};
