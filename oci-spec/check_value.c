/* check_value.c: what the checks say of single values: words, paths, variables, lists of numbers. See check_inner.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/table.h"
#include "oci-spec/check_inner.h"

int check_fail(const struct check *c, const char *fmt, ...)
{
	char text[sizeof(c->err->msg)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return error_set(c->err, -EINVAL, "%s: %s", c->document, text);
}

struct check_place check_place(const char *fmt, va_list ap)
{
	struct check_place p;

	vsnprintf(p.text, sizeof(p.text), fmt, ap);
	return p;
}

static int fail_at(const struct check *c, const char *place, va_list ap, const char *value, const char *what)
{
	return check_fail(c, "%s: %s %s", check_place(place, ap).text, quote(value).text, what);
}

int check_absolute(const struct check *c, const char *path, const char *place, ...)
{
	va_list ap;
	int ret = 0;

	va_start(ap, place);
	if (*path != '/')
		ret = fail_at(c, place, ap, path, "is not an absolute path");
	va_end(ap);
	return ret;
}

int check_env(const struct check *c, const struct strings *env, const char *place, ...)
{
	va_list ap;
	int ret = 0;

	va_start(ap, place);
	for (size_t i = 0; i < env->n && ret == 0; i++)
		if (*env->v[i] == '=' || !strchr(env->v[i], '='))
			ret = check_fail(c, "%s[%zu]: %s has no %s", check_place(place, ap).text, i,
					 quote(env->v[i]).text, *env->v[i] == '=' ? "name" : "\"=\"");
	va_end(ap);
	return ret;
}

int check_word(const struct check *c, const char *const *known, const char *word, const char *place, ...)
{
	va_list ap;
	int ret = 0;

	va_start(ap, place);
	if (name_lookup(known, word) < 0)
		ret = check_fail(c, "%s: unknown value %s", check_place(place, ap).text, quote(word).text);
	va_end(ap);
	return ret;
}

int check_words(const struct check *c, const char *const *known, const struct strings *words,
		const char *place, ...)
{
	va_list ap;
	int ret = 0;

	va_start(ap, place);
	for (size_t i = 0; i < words->n && ret == 0; i++)
		if (name_lookup(known, words->v[i]) < 0)
			ret = check_fail(c, "%s[%zu]: unknown value %s", check_place(place, ap).text, i,
					 quote(words->v[i]).text);
	va_end(ap);
	return ret;
}

static bool read_digits(const char **at, unsigned long *n)
{
	const char *s = *at;

	*n = 0;
	for (; *s >= '0' && *s <= '9'; s++)
		if (*n < 100000000)
			*n = *n * 10 + (unsigned long)(*s - '0');
	if (s == *at)
		return false;
	*at = s;
	return true;
}

/* N, N-M or N-M:used/group */
static bool read_range(const char **at)
{
	unsigned long first, last, used, group;

	if (!read_digits(at, &first))
		return false;
	if (**at != '-')
		return true;
	++*at;
	if (!read_digits(at, &last) || last < first)
		return false;
	if (**at != ':')
		return true;
	++*at;
	if (!read_digits(at, &used) || **at != '/')
		return false;
	++*at;
	return read_digits(at, &group) && used && group && used <= group;
}

static bool is_list(const char *at)
{
	bool ok;

	if (!*at)
		return true;
	do {
		at += strspn(at, " ");
		ok = read_range(&at);
		at += strspn(at, " ");
	} while (ok && *at == ',' && at++);
	return ok && !*at;
}

int check_list(const struct check *c, const char *text, const char *place, ...)
{
	va_list ap;
	int ret = 0;

	va_start(ap, place);
	if (!is_list(text))
		ret = fail_at(c, place, ap, text, "is not a list of numbers and ranges");
	va_end(ap);
	return ret;
}
