/* str.h: text that grows, vectors of strings, and numbers read strictly. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A growing, NUL-terminated text. { 0 } is a valid empty one. After a failed allocation `failed` is set, all
 * further additions are ignored, and the user asks once at the end. Free with text_free(). */
struct text {
	char *v;
	size_t n, room;
	bool failed;
};
void text_add(struct text *t, const char *s);
void text_add_bytes(struct text *t, const void *p, size_t n);
void text_addf(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void text_free(struct text *t);  /* fine twice; leaves { 0 } */
#define auto_text __attribute__((cleanup(text_free)))

/* A vector of malloc()ed strings that always ends in NULL, fit for execve(). */
struct strv {
	char **v;
	size_t n;
};
int strv_add(struct strv *s, const char *one, struct error *err);  /* copies */
void strv_free(struct strv *s);
#define auto_strv __attribute__((cleanup(strv_free)))

/* malloc()ed, formatted; NULL when out of memory. */
char *str_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* Bytes of the UTF-8 sequence at s, 0 if there is none: not overlong, no surrogate, not above U+10FFFF. */
size_t str_utf8_len(const char *s);
/* Bytes of the control character at s, which a terminal might obey, 0 if there is none: below 0x20, 0x7f, U+0080 to U+009F, and bytes of those
 * numbers that belong to no UTF-8 sequence. */
size_t str_control_len(const char *s);

/* Numbers, strictly: the whole text is the number, base 10, no blanks, no sign for unsigned, no leading '+';
 * -EINVAL where it is no number, -ERANGE outside [min, max]; *out untouched then. No error text: the caller
 * knows what the number was for. */
int number_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out);
int number_parse_i64(const char *text, int64_t min, int64_t max, int64_t *out);
/* Octal, for modes and umasks: digits 0-7 only. */
int number_parse_octal(const char *text, uint64_t max, uint64_t *out);

#endif
