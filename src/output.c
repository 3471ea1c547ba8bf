/* output.c: see output.h. */
#include "src/output.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

int output_text(const struct text *text, struct error *err)
{
	if (text->failed)
		return error_set(err, -ENOMEM, "write to stdout: out of memory");
	if (fd_write_all(STDOUT_FILENO, text->v, text->n, err) < 0)
		return error_wrap(err, "write to stdout");
	return 0;
}

void output_failure(const struct error *err)
{
	/* On the stack: this has to work when there is no memory left. */
	char line[sizeof(err->msg) + 2];
	size_t n;

	snprintf(line, sizeof(line) - 1, "%s", err->msg[0] ? err->msg : "failed without saying why");
	error_tame(line);
	if (log_has_file())
		log_line(LOG_ERROR, "%s", line);
	n = strlen(line);
	line[n++] = '\n';
	/* Nobody is left to be told when this fails. */
	while (write(STDERR_FILENO, line, n) < 0 && errno == EINTR)
		;
}

static bool continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Columns are counted in characters, not in bytes: paths may be UTF-8. */
static size_t width_of(const char *cell)
{
	size_t n = 0;

	for (; *cell; cell++)
		n += !continues(*cell);
	return n;
}

static void add_cell(struct text *to, const char *cell, size_t width)
{
	for (const char *p = cell; *p; p++)
		text_add_bytes(to, (unsigned char)*p < ' ' || *p == 0x7f ? "?" : p, 1);
	for (size_t n = width_of(cell); n < width; n++)
		text_add(to, " ");
}

void output_table(struct text *to, size_t columns, size_t rows, const char *const *cells)
{
	enum { LEAST = 12, APART = 3, COLUMNS_MAX = 16 };
	size_t width[COLUMNS_MAX] = {0};

	for (size_t c = 0; c + 1 < columns && c < COLUMNS_MAX; c++) {
		width[c] = LEAST;
		for (size_t r = 0; r < rows; r++)
			if (width_of(cells[r * columns + c]) + APART > width[c])
				width[c] = width_of(cells[r * columns + c]) + APART;
	}
	for (size_t i = 0; i < rows * columns; i++) {
		size_t c = i % columns;

		add_cell(to, cells[i], c < COLUMNS_MAX ? width[c] : 0);
		if (c + 1 == columns)
			text_add(to, "\n");
	}
}

static void new_line(struct text *to, int blanks)
{
	text_addf(to, "\n%*s", blanks, "");
}

void output_indented(struct text *to, const char *compact, int indent)
{
	int depth = 0;
	bool in_string = false;

	for (const char *p = compact; *p; p++) {
		if (in_string) {
			text_add_bytes(to, p, 1);
			if (*p == '\\' && p[1])
				text_add_bytes(to, ++p, 1);
			else if (*p == '"')
				in_string = false;
			continue;
		}
		switch (*p) {
		case ' ':
		case '\t':
		case '\n':
		case '\r':
			break;
		case '{':
		case '[':
			text_add_bytes(to, p, 1);
			if (p[1] == *p + 2) /* "{}", "[]": '}' is '{' + 2, ']' is '[' + 2 */
				text_add_bytes(to, ++p, 1);
			else
				new_line(to, ++depth * indent);
			break;
		case '}':
		case ']':
			new_line(to, --depth * indent);
			text_add_bytes(to, p, 1);
			break;
		case ',':
			text_add(to, ",");
			new_line(to, depth * indent);
			break;
		case ':':
			text_add(to, ": ");
			break;
		default:
			in_string = *p == '"';
			text_add_bytes(to, p, 1);
		}
	}
}
