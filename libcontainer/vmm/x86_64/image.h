/* image.h: a kernel's file, understood and loaded: half of boot.h, which says what is promised. */
#ifndef VMM_X86_64_IMAGE_H
#define VMM_X86_64_IMAGE_H

#include <asm/bootparam.h>

#include "vmm/memory.h"

struct image {
	gpa_t entry;
	gpa_t end;                  /* [1 MiB, end) is the kernel's own until it knows what else there is */
	uint64_t initrd_end;        /* an initial RAM disk must end at or below this */
	uint32_t parameters_max;    /* bytes of the command line without its NUL */
	struct setup_header header; /* for the zero page; made up for an ELF image */
};

/* Exactly `len` bytes at `at` of the file; -ENOEXEC where it ends before. */
int image_read(int fd, const char *name, uint64_t at, void *to, uint64_t len, struct error *err);
/* The size of what must be a regular file. */
int image_size(int fd, const char *name, uint64_t *size, struct error *err);
/* The header of a bzImage, as far as it goes, and the file's size; -ENOEXEC where it is none. */
int image_header(int fd, const char *name, struct setup_header *out, uint64_t *size, struct error *err);
/* m: nobody has written to it yet, so that what an ELF image's file has holes for need not be read.
 * randomize: an ELF image with its relocations is moved, see kaslr.h. */
int image_load(const struct memory *m, int fd, const char *name, bool randomize, struct image *out, struct error *err);

#endif
