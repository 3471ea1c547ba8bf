/* str.c: see str.h. */
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for `more` bytes and the NUL. */
static bool reserve(struct text *t, size_t more)
{
	size_t need, room = t->room ? t->room : 64;
	char *v;

	if (t->failed)
		return false;
	if (__builtin_add_overflow(t->n, more, &need) || __builtin_add_overflow(need, 1, &need))
		goto fail;
	if (need <= t->room)
		return true;
	while (room < need)
		if (__builtin_mul_overflow(room, 2, &room))
			goto fail;
	v = realloc(t->v, room);
	if (!v)
		goto fail;
	t->v = v;
	t->room = room;
	return true;
fail:
	t->failed = true;
	return false;
}

void text_add_bytes(struct text *t, const void *p, size_t n)
{
	if (!reserve(t, n))
		return;
	if (n)
		memcpy(t->v + t->n, p, n);
	t->n += n;
	t->v[t->n] = '\0';
}

void text_add(struct text *t, const char *s)
{
	text_add_bytes(t, s, strlen(s));
}

void text_addf(struct text *t, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		t->failed = true;
	else if (reserve(t, (size_t)n)) {
		vsnprintf(t->v + t->n, (size_t)n + 1, fmt, again);
		t->n += (size_t)n;
	}
	va_end(again);
}

void text_free(struct text *t)
{
	free(t->v);
	*t = (struct text){0};
}

/* The vector is as large as its contents: it may as well have been made by somebody who counted first. */
int strv_add(struct strv *s, const char *one, struct error *err)
{
	char *copy = strdup(one);
	char **v = copy ? reallocarray(s->v, s->n + 2, sizeof(*v)) : NULL;

	if (v)
		s->v = v;
	if (!v) {
		free(copy);
		return error_set(err, -ENOMEM, "out of memory for a string");
	}
	v[s->n++] = copy;
	v[s->n] = NULL;
	return 0;
}

void strv_free(struct strv *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct strv){0};
}

char *str_printf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}

bool str_starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !memcmp(s + n - m, suffix, m);
}

/* Digits of this base to the very end. Reads on after an overflow: "99…9x" is no number, not one too large.
 */
static int digits(const char *s, unsigned base, uint64_t *out)
{
	bool over = false;
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		unsigned d = (unsigned)(unsigned char)*s - '0';

		if (d >= base)
			return -EINVAL;
		over |= __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v);
	}
	if (over)
		return -ERANGE;
	*out = v;
	return 0;
}

int number_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v;
	int ret = digits(text, 10, &v);

	if (ret < 0)
		return ret;
	if (v < min || v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

int number_parse_i64(const char *text, int64_t min, int64_t max, int64_t *out)
{
	bool minus = text[0] == '-';
	uint64_t v;
	int64_t n;
	int ret = digits(text + minus, 10, &v);

	if (ret < 0)
		return ret;
	if (v > (uint64_t)INT64_MAX + minus)
		return -ERANGE;
	n = minus ? (int64_t)(0 - v) : (int64_t)v;
	if (n < min || n > max)
		return -ERANGE;
	*out = n;
	return 0;
}

int number_parse_octal(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t v;
	int ret = digits(text, 8, &v);

	if (ret < 0)
		return ret;
	if (v > max)
		return -ERANGE;
	*out = v;
	return 0;
}
