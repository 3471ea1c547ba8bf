/* stub.h: kernels of a few bytes, made by the test. */
#ifndef UNIT_VMM_STUB_H
#define UNIT_VMM_STUB_H

#include <asm/bootparam.h>
#include <elf.h>
#include <stddef.h>

#define STUB_AT UINT64_C(0x1000000) /* where they lie */

/* An anonymous file with these bytes; the caller's. Aborts where there can be none. */
int stub_file(const void *bytes, size_t n);

/* An ELF image: a segment with `code` at STUB_AT, entered there. Its headers may be changed before stub_elf_file(). */
struct stub_elf {
	Elf64_Ehdr head;
	Elf64_Phdr segment;
	unsigned char code[4096];
};
void stub_elf(struct stub_elf *e, const void *code, size_t n);
int stub_elf_file(const struct stub_elf *e);

/* A bzImage of five sectors with a valid header, and one of code. */
struct stub_bzimage {
	unsigned char setup[0x1f1];
	struct setup_header header;
	unsigned char rest[5 * 512 - 0x1f1 - sizeof(struct setup_header)];
	unsigned char code[512];
} __attribute__((packed));
void stub_bzimage(struct stub_bzimage *b);

#endif
