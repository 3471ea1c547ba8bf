/* check_inner.h: what the files of check*.c share. For them alone. */
#ifndef OCI_SPEC_CHECK_INNER_H
#define OCI_SPEC_CHECK_INNER_H

#include <stdarg.h>

#include "oci-spec/check.h"
#include "oci-spec/quote.h"

/* Where messages go, and how they begin. */
struct check {
	const char *document;
	const char *at; /* of the process: "process." in a config, "" alone */
	struct error *err;
};

/* -EINVAL with "<document>: <text>". */
int check_fail(const struct check *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

typedef int (*check_config_fn)(const struct check *c, const struct oci_config *config);
struct check_row {
	const char *name; /* of the property, as it stands in the document */
	check_config_fn fn;
};
extern const struct check_row check_linux_rows[]; /* end in { NULL, NULL }; only for a config with "linux" */

int check_process(const struct check *c, const struct oci_process *p);
int check_resources(const struct check *c, const struct oci_resources *r);

/* Shared pieces; the place in the document comes last, as a format: it is only put together when it is
 * needed. Each returns 0 or what check_fail() did. */
int check_absolute(const struct check *c, const char *path, const char *place, ...) PRINTF_LIKE(3, 4);
int check_env(const struct check *c, const struct strings *env, const char *place, ...) PRINTF_LIKE(3, 4);
int check_word(const struct check *c, const char *const *known, const char *word, const char *place, ...)
    PRINTF_LIKE(4, 5);
int check_words(const struct check *c, const char *const *known, const struct strings *words,
		const char *place, ...) PRINTF_LIKE(4, 5);
int check_mappings(const struct check *c, const struct oci_id_mapping_list *list, const char *place, ...)
    PRINTF_LIKE(3, 4);
/* The form of cpuset(7): "0-3,8,10-14:2/4"; empty is fine. */
int check_list(const struct check *c, const char *text, const char *place, ...) PRINTF_LIKE(3, 4);

/* A place that was put together; for one expression, as quote(). */
struct check_place {
	char text[200];
};
struct check_place check_place(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

#endif
