/* quote.c: see quote.h. */
#include "oci-spec/quote.h"

#include <stdio.h>
#include <string.h>

size_t utf8_sequence(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (len > n)
		return 0;
	/* The second byte's range is narrower where the first alone would allow an overlong form or too large
	 * a value. */
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* Control characters as a terminal sees them: C0, DEL and C1 (which are two bytes in UTF-8). */
static bool is_control(const char *s, size_t len)
{
	unsigned char c = (unsigned char)s[0];

	return c < 0x20 || c == 0x7f || (len == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0);
}

static struct quoted make(const char *s, size_t n, const char *mark)
{
	struct quoted q;
	size_t used = strlen(mark), at = 0;

	memcpy(q.text, mark, used);
	while (at < n) {
		size_t len = utf8_sequence(s + at, n - at);

		if (at + (len ? len : 1) > QUOTE_MAX)
			break;
		if (!len || is_control(s + at, len))
			q.text[used++] = '?';
		else
			for (size_t i = 0; i < len; i++)
				q.text[used++] = s[at + i];
		at += len ? len : 1;
	}
	snprintf(q.text + used, sizeof(q.text) - used, "%s%s", at < n ? "..." : "", mark);
	return q;
}

struct quoted quote_bytes(const char *s, size_t n)
{
	return make(s, n, "\"");
}

struct quoted quote(const char *s)
{
	return s ? make(s, strlen(s), "\"") : make("", 0, "\"");
}

struct quoted quote_bare(const char *s, size_t n)
{
	return make(s, n, "");
}

void quote_add_key(char *where, size_t room, const char *key, size_t n)
{
	bool plain = n > 0 && n <= QUOTE_MAX;
	size_t used = strlen(where);

	for (size_t i = 0; i < n && plain; i++)
		plain = (key[i] >= 'a' && key[i] <= 'z') || (key[i] >= 'A' && key[i] <= 'Z') ||
			(key[i] >= '0' && key[i] <= '9') || key[i] == '_' || key[i] == '-';
	if (plain)
		snprintf(where + used, room - used, "%s%.*s", used ? "." : "", (int)n, key);
	else
		snprintf(where + used, room - used, "[%s]", quote_bytes(key, n).text);
}
