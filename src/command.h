/* command.h: what a command is: a row in main.c's table, with a table of options of its own.
 *
 * The option rows are the only place that names an option: parsing, --help, `help --man` and the test that
 * holds man/nacre.8 against them all read the rows.
 */
#ifndef SRC_COMMAND_H
#define SRC_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "core/lifecycle.h"

enum option_kind {
	OPTION_FLAG,   /* bool: no value; "--x=false" and "--x=true" are taken as well (Go's flag packages do)
			*/
	OPTION_SWITCH, /* int: as a flag, but 1 when on, -1 when "=false", 0 when not given: it may overrule a
			  config both ways */
	OPTION_TEXT,   /* const char *: the last one wins; never empty */
	OPTION_PATH,   /* char *: as a text, but made absolute: commands may enter another folder;
			  options_free() */
	OPTION_NUMBER, /* int, >= 0, strictly read */
	OPTION_TEXTS,  /* struct strv: may be repeated; none is empty */
	OPTION_IGNORED, /* taken and ignored, as both peers do; with a value if `value` is set */
};

/* A row whose name is that of the row before it gives the same option another letter. */
struct option_row {
	const char *name; /* long name without dashes; NULL ends the table */
	char letter;	  /* short form, or 0 */
	enum option_kind kind;
	size_t at;	   /* offset of its variable in the command's struct of options */
	const char *value; /* what the value is called in --help: "FILE"; NULL for flags and switches */
	const char *help;  /* one line */
	const char *const *words; /* the only values allowed, NULL-terminated; NULL: any */
};

struct command {
	const char *name;
	const char *arguments; /* "[options] ID" */
	const char *help;      /* one line */
	const struct option_row *options;
	size_t size;	 /* of the struct that the rows fill; zeroed before */
	int least, most; /* number of arguments; most -1: any (options end at the first argument) */
	bool seals;	 /* enters a container: main seals the program first */
	/* Returns the exit status, or a negative code with *err filled: main prints it and exits with 1
	 * (fail_status if not 0). */
	int (*run)(const struct lifecycle_global *g, void *options, int argc, char **argv, struct error *err);
	int fail_status;
};

#endif
