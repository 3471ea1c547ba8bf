/* json.h: JSON for bundle.c. */
#ifndef TESTS_RUN_JSON_H
#define TESTS_RUN_JSON_H

/* The document after a merge patch (RFC 7396); a key "+name" appends to the array `name`. */
char *json_merge(const char *document, const char *patch);

#endif
