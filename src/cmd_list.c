/* cmd_list.c: `list`: the containers below the state root. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/log.h"
#include "src/commands.h"
#include "src/output.h"

enum { COLUMNS = 6 };

struct list_options {
	const char *format;
	bool quiet;
};

struct list {
	struct oci_state **v;
	size_t n;
};

static void list_free(struct list *list)
{
	for (size_t i = 0; i < list->n; i++)
		oci_state_free(list->v[i]);
	free(list->v);
}

/* A container that goes away while we look, or that cannot be read, must not hide the others. */
static int list_load(const struct lifecycle_global *g, char *const *ids, size_t n, struct list *list,
		     struct error *err)
{
	list->v = calloc(n + 1, sizeof(struct oci_state *));
	if (!list->v)
		return error_set(err, -ENOMEM, "list containers: out of memory");
	for (size_t i = 0; i < n; i++) {
		struct error why = ERROR_NONE;

		if (lifecycle_state(g, ids[i], &list->v[list->n], &why) < 0)
			log_line(LOG_WARNING, "list: %s is left out: %s", ids[i], why.msg);
		else
			list->n++;
	}
	return 0;
}

static int print_table(const struct list *list, struct text *out, struct error *err)
{
	static const char *const header[COLUMNS] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};
	auto_free const char **cells = calloc((list->n + 1) * COLUMNS, sizeof(*cells));
	auto_free struct {
		char text[24];
	} *pids = calloc(list->n + 1, sizeof(*pids));

	if (!cells || !pids)
		return error_set(err, -ENOMEM, "list containers: out of memory");
	memcpy(cells, header, sizeof(header));
	for (size_t i = 0; i < list->n; i++) {
		const struct oci_state *s = list->v[i];
		const char *row[COLUMNS] = {s->id, pids[i].text, s->status, s->bundle, s->created, s->owner};

		snprintf(pids[i].text, sizeof(pids[i].text), "%lld", s->pid.set ? (long long)s->pid.v : 0LL);
		for (size_t c = 0; c < COLUMNS; c++)
			cells[(i + 1) * COLUMNS + c] = row[c] ? row[c] : "";
	}
	output_table(out, COLUMNS, list->n + 1, cells);
	return 0;
}

/* Only those that could be read: another runtime may keep its folders below the same root. */
static void print_ids(const struct list *list, struct text *out)
{
	for (size_t i = 0; i < list->n; i++)
		text_addf(out, "%s\n", list->v[i]->id);
}

static int print_json(const struct list *list, struct text *out, struct error *err)
{
	if (!list->n)
		text_add(out, "null");
	for (size_t i = 0; i < list->n; i++) {
		auto_free char *one = NULL;
		int ret = oci_state_print(list->v[i], false, &one, err);

		if (ret < 0)
			return ret;
		text_addf(out, "%c%s", i ? ',' : '[', one);
	}
	text_add(out, list->n ? "]\n" : "\n");
	return 0;
}

static int run(const struct lifecycle_global *g, void *options, int argc, char **argv, struct error *err)
{
	const struct list_options *o = options;
	auto_text struct text out = {0};
	struct list list = {0};
	char **ids = NULL;
	size_t n = 0;
	int ret = lifecycle_list(g, &ids, &n, err);

	if (ret == 0)
		ret = list_load(g, ids, n, &list, err);
	if (ret == 0 && o->quiet)
		print_ids(&list, &out);
	else if (ret == 0)
		ret = o->format && !strcmp(o->format, "json") ? print_json(&list, &out, err)
							      : print_table(&list, &out, err);
	if (ret == 0)
		ret = output_text(&out, err);
	list_free(&list);
	for (size_t i = 0; i < n; i++)
		free(ids[i]);
	free(ids);
	return ret;
}

static const char *const formats[] = {"table", "json", NULL};

static const struct option_row rows[] = {
    {"format",     'f', OPTION_TEXT, offsetof(struct list_options, format), "FORMAT", "table (default) or json",
     formats},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct list_options, quiet), NULL, "print the ids only"},
    {NULL	 },
};

const struct command command_list = {
    .name = "list",
    .arguments = "[options]",
    .help = "list containers",
    .options = rows,
    .size = sizeof(struct list_options),
    .run = run,
};
