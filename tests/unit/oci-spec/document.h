/* document.h: documents for the tests of oci-spec, and whether two of them say the same. */
#ifndef TESTS_DOCUMENT_H
#define TESTS_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

/* The contents of a file below tests/ (or an absolute path), malloc()ed; fails the test where it cannot be
 * read. */
char *document_read(const char *path);

/* `rest` behind what every config needs; it begins with a property and ends with the last brace. malloc()ed.
 */
char *document_wrap(const char *rest);

/* Do both JSON texts hold the same? The order of properties does not matter; numbers are compared as they are
 * written. */
bool document_same(const char *a, const char *b);

#endif
