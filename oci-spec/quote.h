/* quote.h: text that somebody else wrote, made fit for a message of one line. */
#ifndef OCI_SPEC_QUOTE_H
#define OCI_SPEC_QUOTE_H

#include <stdbool.h>
#include <stddef.h>

/* At most this many bytes of a value appear in a message. */
#define QUOTE_MAX 64

/* Big enough for QUOTE_MAX bytes, the quotation marks and the dots that stand for the rest. */
struct quoted {
	char text[QUOTE_MAX + 8];
};

/* The text between quotation marks: control characters become '?', what is too long ends in "...". Never cuts
 * a UTF-8 sequence in two. Used as quote(s).text within one expression. NULL is taken as "". */
struct quoted quote(const char *s);
struct quoted quote_bytes(const char *s, size_t n);
/* The same without the marks, for numbers. */
struct quoted quote_bare(const char *s, size_t n);

/* Adds ".key" to the place in `where`, or `["key"]` where the key is no plain word. room counts the NUL. */
void quote_add_key(char *where, size_t room, const char *key, size_t n);

/* How many bytes the UTF-8 sequence at s has (1 to 4), 0 where it is none. Strict (RFC 3629): no overlong
 * forms, no surrogates, nothing above U+10FFFF. n > 0. */
size_t utf8_sequence(const char *s, size_t n);

#endif
