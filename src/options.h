/* options.h: reads a command line by a table of option rows, and writes --help and the man page's list from
 * the same table.
 *
 * The forms are those of Go's flag packages and of getopt_long together, since callers of runc use the first
 * and callers of crun the second: "--name value", "--name=value", "-name value" (a whole name after one dash
 * wins over a cluster of letters), "-n value",
 * "-nvalue", "-n=value", "-abc" for three flags, "--flag=false", and "--", which ends the options. An option
 * may be repeated: the last one wins, or all of them count where the row says so. A lone "-" is an argument.
 */
#ifndef SRC_OPTIONS_H
#define SRC_OPTIONS_H

#include "base/str.h"
#include "src/command.h"

/* What is no option, in order. v ends in NULL and borrows its strings from the command line; only v itself is
 * to be freed. */
struct arguments {
	char **v;
	int n;
};

/* Reads argv (without the program's and the command's name) into the struct at `out`, which must be zeroed,
 * and *rest. permute: options may stand after arguments; otherwise the first argument ends them. `program`
 * ("nacre run") is only for messages.
 *
 * 0, or -EINVAL with a sentence; 1 (OPTIONS_HELP) as soon as --help, -h or -? is met, which every table has
 * without naming it. What was read before a failure stays in *out: main needs --log to tell about a bad
 * option behind it. options_free() and free(rest->v) after whatever was returned. */
#define OPTIONS_HELP 1
int options_parse(const struct option_row *rows, const char *program, bool permute, int argc,
		  char *const argv[], void *out, struct arguments *rest, struct error *err);

/* Frees what the rows own (vectors and paths), not the struct. */
void options_free(const struct option_row *rows, void *out);

/* The value of the OPTION_NUMBER of this name; -1 where the table has none. */
int options_number(const struct option_row *rows, const void *out, const char *name);

/* A line or two for each option, help included. */
void options_help(const struct option_row *rows, struct text *to);

/* "PROGRAM --name" and "PROGRAM -n" lines, a form each; `--help` only if with_help. */
void options_list(const struct option_row *rows, const char *program, bool with_help, struct text *to);

#endif
