/* sha256.h: SHA-256 (FIPS 180-4), for names that stand for a content. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32 };

struct sha256 {
	uint32_t state[8];
	uint64_t len; /* bytes so far */
	uint8_t block[64];
};

/* Start, any number of adds, end. */
void sha256_start(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t len);
/* The bytes with their length before them: of two neighbours, none can end where the other begins. */
void sha256_add_item(struct sha256 *s, const void *data, size_t len);
void sha256_end(struct sha256 *s, uint8_t out[SHA256_SIZE]);

/* 64 digits and a NUL. */
void sha256_text(const uint8_t sum[SHA256_SIZE], char out[2 * SHA256_SIZE + 1]);

#endif
