/* error.c: see error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

enum { ERRNO_LARGEST = 4095, TAIL_AT_LEAST = 240 };

void error_tame(char *s)
{
	while (*s) {
		size_t control = str_control_len(s), n = control ? control : str_utf8_len(s);

		memset(s, '?', control);
		s += n ? n : 1;
	}
}

/* Writes "head: tail". Where both do not fit, the tail, which names the cause, keeps TAIL_AT_LEAST bytes. */
static int fill(struct error *err, int code, const char *tail, const char *fmt, va_list ap)
{
	char head[sizeof(err->msg)];
	int saved = errno, room = (int)sizeof(err->msg) - 1 - 2;

	if (!err)
		return code;
	if (vsnprintf(head, sizeof(head), fmt, ap) < 0)
		strcpy(head, "(text lost)");
	err->code = code;
	if (tail) {
		int tail_len = (int)strlen(tail), least = tail_len < TAIL_AT_LEAST ? tail_len : TAIL_AT_LEAST;

		snprintf(err->msg, sizeof(err->msg), "%.*s: %s", room - least, head, tail);
	} else {
		memcpy(err->msg, head, sizeof(err->msg));
	}
	error_tame(err->msg);
	errno = saved;
	return code;
}

int error_set(struct error *err, int code, const char *fmt, ...)
{
	va_list ap;

	/* A caller's slip must not turn a failure into a success. */
	code = code < 0 ? code : code ? -code : -EIO;
	va_start(ap, fmt);
	fill(err, code, NULL, fmt, ap);
	va_end(ap);
	return code;
}

int error_errno(struct error *err, const char *fmt, ...)
{
	int code = errno > 0 && errno <= ERRNO_LARGEST ? -errno : -EIO;
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	fill(err, code, strerror(-code), fmt, ap);
	va_end(ap);
	return code;
}

int error_wrap(struct error *err, const char *fmt, ...)
{
	char inner[sizeof(err->msg)];
	va_list ap;

	if (!err)
		return -EIO;
	memcpy(inner, err->msg, sizeof(inner));
	inner[sizeof(inner) - 1] = '\0';
	va_start(ap, fmt);
	fill(err, err->code < 0 ? err->code : -EIO, inner[0] ? inner : NULL, fmt, ap);
	va_end(ap);
	return err->code;
}
