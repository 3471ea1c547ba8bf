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

size_t str_utf8_len(const char *text)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *s = (const unsigned char *)text;
	size_t n = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
	uint32_t c = n == 1 ? s[0] : n ? s[0] & (0x7fu >> n) : 0;

	for (size_t i = 1; i < n; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (n && (c < least[n] || c > 0x10ffff || c >> 11 == 0xd800 >> 11))
		return 0;
	return n;
}

size_t str_control_len(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = str_utf8_len(text);

	if (n == 0)
		return s[0] >= 0x80 && s[0] < 0xa0;
	if (n == 1)
		return s[0] < 0x20 || s[0] == 0x7f;
	return n == 2 && s[0] == 0xc2 && s[1] < 0xa0 ? n : 0;
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
