/* main.c: the program: global options, the table of commands, and the one line about a failure.
 *
 * The order matters: the log is opened before anything else can fail (engines read the reason there), the
 * command line is complete before the program seals itself (a second execve), and inherited descriptors are
 * marked before anything is executed.
 */
#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/seal.h"
#include "base/table.h"
#include "src/commands.h"
#include "src/descriptors.h"
#include "src/options.h"
#include "src/output.h"

struct globals {
	char *root;
	const char *log, *log_format, *log_level, *cgroup_manager;
	bool debug, systemd_cgroup, version;
};

#define ROW(name, letter, kind, field, ...)                                                                  \
	{                                                                                                    \
		name, letter, kind, offsetof(struct globals, field), __VA_ARGS__                             \
	}

static const char *const log_formats[] = {"text", "json", NULL};
static const char *const rootless_words[] = {"true", "false", "auto", NULL};

static const struct option_row global_rows[] = {
    ROW("root", 0, OPTION_PATH, root, "DIR", "where the state of containers is kept (default: /run/nacre)"),
    ROW("log", 0, OPTION_TEXT, log, "FILE", "append log lines to this file"),
    ROW("log-format", 0, OPTION_TEXT, log_format, "FORMAT", "text (default) or json", log_formats),
    ROW("log-level", 0, OPTION_TEXT, log_level, "LEVEL", "error, warning (default), info or debug",
	log_level_names),
    ROW("debug", 0, OPTION_FLAG, debug, NULL, "the same as --log-level debug"),
    ROW("cgroup-manager", 0, OPTION_TEXT, cgroup_manager, "MANAGER",
	"cgroupfs (default), systemd or disabled", cgroup_driver_names),
    ROW("systemd-cgroup", 0, OPTION_FLAG, systemd_cgroup, NULL,
	"systemd, unless --cgroup-manager says otherwise"),
    {"rootless",	 0, OPTION_IGNORED, 0, "WHEN", "ignored, for callers that know runc: true, false or auto",
       rootless_words},
    {"criu", 0, OPTION_IGNORED, 0, "PATH", "ignored, for callers that know runc"},
    ROW("version", 'v', OPTION_FLAG, version, NULL, "show the version"),
    ROW("version", 'V', OPTION_FLAG, version, NULL, NULL),
    {NULL	 },
};

static const struct command command_help;

static const struct command *const commands[] = {
    &command_create, &command_start, &command_run,	&command_exec,	&command_kill,	 &command_delete,
    &command_state,  &command_list,  &command_ps,	&command_pause, &command_resume, &command_update,
    &command_events, &command_spec,  &command_features, &command_vm,    &command_check,  &command_help,
};

static const struct command *find_command(const char *name, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	error_set(err, -EINVAL, "unknown command \"%.60s\"; see nacre --help", name);
	return NULL;
}

static int print_help(struct error *err)
{
	auto_text struct text out = {0};

	text_add(&out, "Usage: nacre [global options] COMMAND [options] [arguments]\n\nnacre is a runtime "
		       "for OCI containers.\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		text_addf(&out, "  %-10s%s\n", commands[i]->name, commands[i]->help);
	text_add(&out, "\nGlobal options:\n");
	options_help(global_rows, &out);
	text_add(&out, "\n\"nacre COMMAND --help\" tells more about a command.\n");
	return output_text(&out, err);
}

static int print_command_help(const struct command *c, struct error *err)
{
	auto_text struct text out = {0};

	text_addf(&out, "Usage: nacre [global options] %s%s%s\n\n%s\n\nOptions:\n", c->name,
		  *c->arguments ? " " : "", c->arguments, c->help);
	options_help(c->options, &out);
	return output_text(&out, err);
}

static int print_lists(struct error *err)
{
	auto_text struct text out = {0};

	options_list(global_rows, "nacre", true, &out);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		options_list(commands[i]->options, commands[i]->name, false, &out);
	return output_text(&out, err);
}

/* Engines read the lines "NAME version X" and "commit: …", crun's tests the first line that begins with a
 * plus. */
static int print_version(struct error *err)
{
	auto_text struct text out = {0};

	text_addf(&out, "nacre version %s\ncommit: %s\nspec: %s\n", PACKAGE_VERSION, NACRE_COMMIT,
		  OCI_VERSION);
	text_add(&out, "+SYSTEMD +SELINUX +APPARMOR +CAP +SECCOMP +EBPF +YAJL +MNL\n");
	return output_text(&out, err);
}

struct help_options {
	bool man;
};

static int run_help(const struct lifecycle_global *g, void *options, int argc, char **argv, struct error *err)
{
	const struct help_options *o = options;
	const struct command *c;

	if (o->man)
		return print_lists(err);
	if (!argc)
		return print_help(err);
	c = find_command(argv[0], err);
	return c ? print_command_help(c, err) : err->code;
}

static const struct option_row help_options[] = {
    {"man",	    0, OPTION_FLAG, offsetof(struct help_options, man), NULL,
     "list every option, for the test of the man page"},
    {NULL},
};

static const struct command command_help = {
    .name = "help",
    .arguments = "[options] [COMMAND]",
    .help = "show help for nacre or for a command",
    .options = help_options,
    .size = sizeof(struct help_options),
    .most = 1,
    .run = run_help,
};

/* A command line that was understood. */
struct invocation {
	const struct command *command;
	void *options;
	struct arguments rest;
};

static int check_count(const struct command *c, int n, struct error *err)
{
	if (n < c->least)
		return error_set(err, -EINVAL, "%s needs %s; see nacre %s --help", c->name,
				 n ? "more arguments" : "the id of a container", c->name);
	if (c->most >= 0 && n > c->most)
		return error_set(err, -EINVAL, "%s takes at most %d argument%s; see nacre %s --help", c->name,
				 c->most, c->most == 1 ? "" : "s", c->name);
	return 0;
}

/* 0, OPTIONS_HELP or negative. Whatever came out, free_invocation(). */
static int read_command(const struct arguments *words, struct invocation *in, struct error *err)
{
	auto_free char *program = NULL;
	const struct command *c;
	int ret;

	if (!words->n)
		return error_set(err, -EINVAL, "no command given; see nacre --help");
	c = find_command(words->v[0], err);
	if (!c)
		return err->code;
	in->command = c;
	in->options = calloc(1, c->size ? c->size : 1);
	program = str_printf("nacre %s", c->name);
	if (!in->options || !program)
		return error_set(err, -ENOMEM, "%s: out of memory", c->name);
	/* What follows the id of exec and ps are the words of another program. */
	ret = options_parse(c->options, program, c->most >= 0, words->n - 1, words->v + 1, in->options,
			    &in->rest, err);
	return ret ? ret : check_count(c, in->rest.n, err);
}

static void free_invocation(struct invocation *in)
{
	if (in->options)
		options_free(in->command->options, in->options);
	free(in->options);
	free(in->rest.v);
}

/* Everything inherited but stdio, $LISTEN_FDS and --preserve-fds is not to survive an execve of ours. */
static int keep_descriptors(const struct invocation *in, struct error *err)
{
	int preserve = options_number(in->command->options, in->options, "preserve-fds");
	int listen = preserve < 0 ? 0 : descriptors_listen();

	if (preserve > INT_MAX - listen)
		return error_set(err, -EBADF, "option --preserve-fds: there are not so many descriptors");
	return descriptors_keep(preserve < 0 ? 0 : preserve + listen, err);
}

static int open_log(const struct globals *o, struct error *err)
{
	enum log_level level =
	    o->log_level ? (enum log_level)name_lookup(log_level_names, o->log_level) : LOG_WARNING;
	bool json = o->log_format && !strcmp(o->log_format, "json");

	if (o->log && (str_starts(o->log, "journald:") || str_starts(o->log, "syslog:")))
		return error_set(err, -EINVAL, "option --log: \"%.60s\": only files are supported", o->log);
	return log_open(o->log, json, o->debug ? LOG_DEBUG : level, err);
}

/* The exit status, or negative. */
static int run_command(const struct globals *o, const struct invocation *in, char **argv, struct error *err)
{
	const struct command *c = in->command;
	struct lifecycle_global g = {
	    .root = o->root,
	    .program = argv[0],
	    .notify_socket = getenv("NOTIFY_SOCKET"),
	    .cgroup_driver = o->systemd_cgroup ? CGROUP_SYSTEMD : CGROUP_FS,
	};
	int ret = 0;

	if (g.notify_socket && !*g.notify_socket)
		g.notify_socket = NULL;
	if (o->root && !o->root[strspn(o->root, "/")])
		return error_set(err, -EINVAL, "option --root: the root folder itself cannot keep the state");
	if (o->cgroup_manager)
		g.cgroup_driver = (enum cgroup_driver)name_lookup(cgroup_driver_names, o->cgroup_manager);
	if (c->seals)
		ret = seal_self(argv, err);
	if (ret < 0)
		return ret;
	ret = c->run(&g, in->options, in->rest.n, in->rest.v, err);
	if (ret < 0 && c->fail_status) {
		output_failure(err);
		ret = c->fail_status;
	}
	return ret;
}

/* The exit status, or negative. A failure before the log is open waits until it is: engines look for the
 * reason there. */
static int run(const struct globals *o, const struct arguments *words, int so_far, char **argv,
	       struct error *err)
{
	struct error log_err = ERROR_NONE;
	struct invocation in = {0};
	int ret = so_far;

	if (ret == 0)
		ret = read_command(words, &in, err);
	if (ret == 0)
		ret = keep_descriptors(&in, err);
	if (open_log(o, &log_err) < 0 && ret != OPTIONS_HELP) {
		*err = log_err;
		ret = err->code;
	}
	if (ret == OPTIONS_HELP)
		ret = print_command_help(in.command, err);
	else if (ret == 0)
		ret = run_command(o, &in, argv, err);
	free_invocation(&in);
	return ret;
}

int main(int argc, char *argv[])
{
	struct error err = ERROR_NONE;
	struct arguments words = {0};
	struct globals o = {0};
	int ret = descriptors_guard_stdio(&err);

	if (ret == 0)
		ret = options_parse(global_rows, "nacre", false, argc > 0 ? argc - 1 : 0, argv + 1, &o,
				    &words, &err);
	if (ret == OPTIONS_HELP)
		ret = print_help(&err);
	else if (ret == 0 && o.version)
		ret = print_version(&err);
	else
		ret = run(&o, &words, ret, argv, &err);
	if (ret < 0) {
		output_failure(&err);
		ret = EXIT_FAILURE;
	}
	options_free(global_rows, &o);
	free(words.v);
	return ret;
}
