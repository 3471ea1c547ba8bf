/* output.h: what the program prints: whole texts on stdout, aligned tables, indented JSON, and the one line
 * about a failure. */
#ifndef SRC_OUTPUT_H
#define SRC_OUTPUT_H

#include "base/error.h"
#include "base/str.h"

/* All of `text` on stdout. Also fails (-ENOMEM) for a text that could not be put together. */
int output_text(const struct text *text, struct error *err);

/* The line about a failure: the bare message on stderr, in one write (engines read it with a single read),
 * and a line of level "error" in the log where --log named a file. Control characters become "?": a message
 * may hold parts of a bundle, or come from another process. */
void output_failure(const struct error *err);

/* Aligned columns as runc prints them: each but the last at least 12 wide and 3 apart. cells: rows * columns
 * strings, row by row. Control characters are shown as "?". */
void output_table(struct text *to, size_t columns, size_t rows, const char *const *cells);

/* The valid JSON text `compact`, indented by `indent` blanks a level. */
void output_indented(struct text *to, const char *compact, int indent);

#endif
