/* cmd_ps.c: `ps`: the processes of a container, by pid on the host. */
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/proc.h"
#include "core/store.h"
#include "src/commands.h"
#include "src/output.h"

struct ps_options {
	const char *format;
};

struct pids {
	pid_t *v;
	size_t n;
};

/* The n-th word of a line, counted from 0; its length in *len. NULL where there are fewer. */
static const char *word_of(const char *line, size_t line_len, int nth, size_t *len)
{
	const char *end = line + line_len;

	for (const char *p = line;; nth--) {
		while (p < end && isspace((unsigned char)*p))
			p++;
		if (p == end)
			return NULL;
		for (*len = 0; p + *len < end && !isspace((unsigned char)p[*len]);)
			++*len;
		if (nth == 0)
			return p;
		p += *len;
	}
}

static int pid_column(const char *line, size_t line_len)
{
	const char *word;
	size_t len;

	for (int nth = 0; (word = word_of(line, line_len, nth, &len)); nth++)
		if (len == 3 && !strncmp(word, "PID", 3))
			return nth;
	return -1;
}

static bool is_ours(const char *line, size_t line_len, int column, const struct pids *pids)
{
	size_t len = 0;
	const char *word = word_of(line, line_len, column, &len);
	long pid = word ? strtol(word, NULL, 10) : 0;

	for (size_t i = 0; i < pids->n; i++)
		if (pids->v[i] == pid)
			return true;
	return false;
}

static int filter(const char *table, const struct pids *pids, struct text *out, struct error *err)
{
	int column = pid_column(table, strcspn(table, "\n"));

	if (column < 0)
		return error_set(err, -EINVAL, "ps: its output has no PID column");
	for (const char *line = table; *line;) {
		size_t len = strcspn(line, "\n");

		if (line == table || is_ours(line, len, column, pids)) {
			text_add_bytes(out, line, len);
			text_add(out, "\n");
		}
		line += len + (line[len] == '\n');
	}
	return 0;
}

/* Starts ps with its stdout in a pipe. -ENOENT where the host has none. quietly: what it complains of is not shown. */
static int spawn_ps(char *const args[], bool quietly, int out, pid_t *pid, struct error *err)
{
	posix_spawn_file_actions_t actions;
	int ret = posix_spawn_file_actions_init(&actions);

	if (ret == 0)
		ret = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (ret == 0 && quietly)
		ret = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (ret == 0)
		ret = posix_spawnp(pid, "ps", &actions, NULL, args, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (ret == ENOENT)
		return error_set(err, -ret, "ps(1) is not installed, for what follows the container's id (package procps)");
	return ret ? error_set(err, -ret, "execute ps: %s", strerror(ret)) : 0;
}

static int run_ps(char *const args[], bool quietly, char **table, struct error *err)
{
	enum { OUTPUT_MAX = 64 << 20 };
	int pipe_fds[2], status = 0, ret;
	auto_close int in = -EBADF, out = -EBADF;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_errno(err, "make a pipe for ps");
	in = pipe_fds[0];
	out = pipe_fds[1];
	ret = spawn_ps(args, quietly, out, &pid, err);
	if (ret < 0)
		return ret;
	close(TAKE_FD(out));
	ret = fd_read_all(in, OUTPUT_MAX, table, NULL, err);
	close(TAKE_FD(in));
	if (proc_reap(pid, &status, ret < 0 ? NULL : err) < 0)
		return ret < 0 ? ret : err->code;
	if (ret == 0 && proc_exit_code(status) != 0)
		ret = error_set(err, -EINVAL, "ps: it ended with status %d", proc_exit_code(status));
	return ret;
}

/* Of its own accord ps shows the processes of its terminal. */
static void name_pids(const struct pids *pids, struct text *out)
{
	text_add(out, "-p");
	for (size_t i = 0; i < pids->n; i++)
		text_addf(out, "%s%d", i ? "," : "", pids->v[i]);
}

static int print_table(const struct pids *pids, int argc, char **argv, struct text *out, struct error *err)
{
	auto_free char **args = calloc((size_t)argc + 3, sizeof(*args));
	auto_free char *table = NULL;
	auto_text struct text named = {0};
	int ret = -EINVAL;

	name_pids(pids, &named);
	if (!args || named.failed)
		return error_set(err, -ENOMEM, "ps: out of memory");
	args[0] = (char[]){"ps"};
	args[1] = (char[]){"-ef"};
	if (argc > 0) {
		memcpy(args + 1, argv, (size_t)argc * sizeof(*args));
		args[argc + 1] = named.v;
		ret = run_ps(args, true, &table, NULL);
		args[argc + 1] = NULL;
	}
	/* Not every ps has this option, and it does not go with every other. */
	if (ret < 0) {
		free(TAKE_PTR(table));
		ret = run_ps(args, false, &table, err);
	}
	if (ret == 0)
		return filter(table, pids, out, err);
	if (ret != -ENOENT || argc > 0)
		return ret;
	text_add(out, "PID\n");
	for (size_t i = 0; i < pids->n; i++)
		text_addf(out, "%d\n", pids->v[i]);
	return 0;
}

static void print_json(const struct pids *pids, struct text *out)
{
	text_add(out, "[");
	for (size_t i = 0; i < pids->n; i++)
		text_addf(out, "%s%d", i ? "," : "", pids->v[i]);
	text_add(out, "]\n");
}

static int run(const struct lifecycle_global *g, void *options, int argc, char **argv, struct error *err)
{
	const struct ps_options *o = options;
	bool json = o->format && !strcmp(o->format, "json");
	auto_text struct text out = {0};
	struct pids pids = {0};
	int ret = store_check_id(argv[0], err);

	/* The arguments are those of the host's ps, which JSON does not ask. */
	if (ret == 0 && json && argc > 1)
		ret = error_set(err, -EINVAL, "ps: arguments for ps(1) and --format json exclude each other");
	if (ret == 0)
		ret = lifecycle_ps(g, argv[0], &pids.v, &pids.n, err);
	if (ret == 0 && json)
		print_json(&pids, &out);
	else if (ret == 0)
		ret = print_table(&pids, argc - 1, argv + 1, &out, err);
	if (ret == 0)
		ret = output_text(&out, err);
	free(pids.v);
	return ret;
}

static const char *const formats[] = {"table", "json", NULL};

static const struct option_row rows[] = {
    {"format",     'f', OPTION_TEXT, offsetof(struct ps_options, format), "FORMAT",
     "table (default; what ps(1) prints) or json (the pids)", formats},
    {NULL},
};

const struct command command_ps = {
    .name = "ps",
    .arguments = "[options] ID [PS-OPTION]...",
    .help = "list the processes of a container",
    .options = rows,
    .size = sizeof(struct ps_options),
    .least = 1,
    .most = -1,
    .run = run,
};
