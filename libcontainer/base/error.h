/* error.h: what went wrong, in one fixed-size value.
 *
 * A struct error never allocates: it can be filled in a child after clone3(),
 * copied over a socket as it is, and dropped without being freed.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <errno.h>

struct error {
	int code;       /* negative errno; 0 while nothing went wrong */
	char msg[500];  /* "mount /proc: open /proc/self/fd: Permission denied" */
};

#define ERROR_NONE ((struct error){ 0 })
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* Each returns the negative code it stored, so that `return error_…()` reads well. err may be NULL; errno survives.
 * Messages are one line: control characters become '?', whatever the arguments held; what is too long is cut. */

/* A fresh error. code is a negative errno (0, a slip, becomes -EIO). */
int error_set(struct error *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The text, then ": " and what errno means; the code is -errno (-EIO where errno holds no error). */
int error_errno(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Puts the text and ": " in front of what err says already; the code stays. With err NULL there is no code to keep:
 * -EIO. One who has a code to return should return that. */
int error_wrap(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Makes text from elsewhere one harmless line, in place: control characters (str_control_len() in base/str.h) become '?'. */
void error_tame(char *s);

#endif
