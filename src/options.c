/* options.c: see options.h. */
#include "src/options.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/table.h"

static const struct option_row help_rows[] = {
    {"help",	     'h', OPTION_FLAG, 0, NULL, "show this help"},
    {"help", '?', OPTION_FLAG, 0, NULL, NULL},
    {NULL	 },
};

/* Where in the command line we are. */
struct reader {
	const struct option_row *rows;
	const char *program;
	int argc, at;
	char *const *argv;
	void *out;
	struct error *err;
};

static bool is_help(const struct option_row *row)
{
	return row >= help_rows && row < help_rows + ARRAY_LEN(help_rows);
}

static const struct option_row *find_name(const struct option_row *rows, const char *name, size_t len)
{
	for (; rows->name; rows++)
		if (strlen(rows->name) == len && !strncmp(rows->name, name, len))
			return rows;
	return rows == &help_rows[ARRAY_LEN(help_rows) - 1] ? NULL : find_name(help_rows, name, len);
}

static const struct option_row *find_letter(const struct option_row *rows, char letter)
{
	for (; rows->name; rows++)
		if (rows->letter == letter)
			return rows;
	return rows == &help_rows[ARRAY_LEN(help_rows) - 1] ? NULL : find_letter(help_rows, letter);
}

/* The spellings that Go's strconv.ParseBool takes: callers hand on what their own flag packages printed. */
static int parse_bool(const char *text)
{
	static const char *const words[] = {"false", "true",  "0",    "1",     "f",    "t", "F",
					    "T",     "FALSE", "TRUE", "False", "True", NULL};
	int i = name_lookup(words, text);

	return i < 0 ? i : i % 2;
}

static int check_word(const struct reader *r, const struct option_row *row, const char *value)
{
	auto_text struct text all = {0};
	int ret;

	if (!row->words || name_lookup(row->words, value) >= 0)
		return 0;
	for (size_t i = 0; row->words[i]; i++)
		text_addf(&all, "%s%s", i ? ", " : "", row->words[i]);
	ret = error_set(r->err, -EINVAL, "option --%s: \"%.60s\" is none of: %s", row->name, value,
			all.v ? all.v : "");
	return ret;
}

static int take_path(const struct reader *r, const struct option_row *row, const char *value, char **slot)
{
	auto_free char *here = NULL;
	char *path;

	if (*value != '/' && !(here = getcwd(NULL, 0)))
		return error_errno(r->err, "option --%s: find the current folder", row->name);
	path = here ? str_printf("%s/%s", here, value) : strdup(value);
	if (!path)
		return error_set(r->err, -ENOMEM, "option --%s: out of memory", row->name);
	free(*slot);
	*slot = path;
	return 0;
}

/* value: NULL where a flag stands alone. */
static int take(const struct reader *r, const struct option_row *row, const char *value)
{
	char *slot = (char *)r->out + row->at;
	uint64_t number;
	int on = 1;

	if (!row->value && value && (on = parse_bool(value)) < 0)
		return error_set(r->err, -EINVAL, "option --%s: \"%.60s\" is neither true nor false",
				 row->name, value);
	if (row->value && row->kind != OPTION_IGNORED && !*value)
		return error_set(r->err, -EINVAL, "option --%s: the value is empty", row->name);
	if (row->value && check_word(r, row, value) < 0)
		return -EINVAL;
	if (is_help(row))
		return on ? OPTIONS_HELP : 0;
	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)slot = on;
		break;
	case OPTION_SWITCH:
		*(int *)slot = on ? 1 : -1;
		break;
	case OPTION_TEXT:
		*(const char **)slot = value;
		break;
	case OPTION_PATH:
		return take_path(r, row, value, (char **)slot);
	case OPTION_NUMBER:
		if (number_parse_u64(value, 0, INT_MAX, &number) < 0)
			return error_set(r->err, -EINVAL, "option --%s: \"%.60s\" is not a number from 0 on",
					 row->name, value);
		*(int *)slot = (int)number;
		break;
	case OPTION_TEXTS:
		return strv_add((struct strv *)slot, value, r->err);
	case OPTION_IGNORED:
		break;
	}
	return 0;
}

static int unknown(const struct reader *r, const char *word, size_t len)
{
	return error_set(r->err, -EINVAL, "unknown option %.*s; see %s --help", (int)(len > 80 ? 80 : len),
			 word, r->program);
}

static int take_next(struct reader *r, const struct option_row *row)
{
	if (r->at + 1 >= r->argc)
		/* podman and CRI-O look for these words when they probe for an option */
		return error_set(r->err, -EINVAL, "option --%s requires an argument", row->name);
	return take(r, row, r->argv[++r->at]);
}

/* -a, -abc, -bVALUE, -b=VALUE, -b VALUE */
static int take_letters(struct reader *r, const char *word)
{
	int ret = 0;

	for (const char *p = word + 1; *p && ret == 0; p++) {
		const struct option_row *row = find_letter(r->rows, *p);

		if (!row && p == word + 1)
			return unknown(r, word, strcspn(word, "="));
		if (!row)
			return unknown(r, (char[]){'-', *p}, 2);
		if (p[1] == '=')
			return take(r, row, p + 2);
		if (row->value)
			return p[1] ? take(r, row, p + 1) : take_next(r, row);
		ret = take(r, row, NULL);
	}
	return ret;
}

static int take_word(struct reader *r)
{
	const char *word = r->argv[r->at], *name = word + (word[1] == '-' ? 2 : 1);
	size_t len = strcspn(name, "=");
	const struct option_row *row = len > 1 ? find_name(r->rows, name, len) : NULL;

	if (!row && len == 1)
		row = find_letter(r->rows, *name);
	if (!row && word[1] != '-')
		return take_letters(r, word);
	if (!row)
		return unknown(r, word, (size_t)(name - word) + len);
	if (name[len] == '=')
		return take(r, row, name + len + 1);
	return row->value ? take_next(r, row) : take(r, row, NULL);
}

int options_parse(const struct option_row *rows, const char *program, bool permute, int argc,
		  char *const argv[], void *out, struct arguments *rest, struct error *err)
{
	struct reader r = {rows, program, argc, 0, argv, out, err};
	bool options_over = false;
	int ret;

	*rest = (struct arguments){calloc((size_t)argc + 1, sizeof(*rest->v)), 0};
	if (!rest->v)
		return error_set(err, -ENOMEM, "read the command line: out of memory");
	for (; r.at < argc; r.at++) {
		char *word = argv[r.at];

		if (options_over || word[0] != '-' || !word[1]) {
			rest->v[rest->n++] = word;
			options_over = options_over || !permute;
		} else if (!strcmp(word, "--")) {
			options_over = true;
		} else if ((ret = take_word(&r)) != 0) {
			return ret;
		}
	}
	return 0;
}

void options_free(const struct option_row *rows, void *out)
{
	for (; rows->name; rows++) {
		char *slot = (char *)out + rows->at;

		if (rows->kind == OPTION_TEXTS)
			strv_free((struct strv *)slot);
		if (rows->kind == OPTION_PATH)
			free(*(char **)slot);
		if (rows->kind == OPTION_PATH)
			*(char **)slot = NULL;
	}
}

int options_number(const struct option_row *rows, const void *out, const char *name)
{
	for (; rows->name; rows++)
		if (rows->kind == OPTION_NUMBER && !strcmp(rows->name, name))
			return *(const int *)((const char *)out + rows->at);
	return -1;
}

static void help_for(const struct option_row *rows, struct text *to)
{
	enum { COLUMN = 30 };

	for (const struct option_row *row = rows; row->name; row++) {
		const struct option_row *first = row;
		auto_text struct text left = {0};

		text_add(&left, "  ");
		for (;; row++) {
			if (row->letter)
				text_addf(&left, "-%c, ", row->letter);
			if (!row[1].name || strcmp(row[1].name, first->name))
				break;
		}
		text_addf(&left, "%s--%s%s%s", first->letter ? "" : "    ", first->name,
			  first->value ? " " : "", first->value ? first->value : "");
		if (left.n > COLUMN - 2) {
			text_addf(to, "%s\n", left.v);
			left.n = 0;
		}
		text_addf(to, "%-*s%s\n", COLUMN, left.n ? left.v : "", first->help);
	}
}

void options_help(const struct option_row *rows, struct text *to)
{
	help_for(rows, to);
	help_for(help_rows, to);
}

void options_list(const struct option_row *rows, const char *program, bool with_help, struct text *to)
{
	for (const struct option_row *row = rows; row->name; row++) {
		if (row == rows || strcmp(row->name, row[-1].name))
			text_addf(to, "%s --%s\n", program, row->name);
		if (row->letter)
			text_addf(to, "%s -%c\n", program, row->letter);
	}
	if (with_help)
		options_list(help_rows, program, false, to);
}
