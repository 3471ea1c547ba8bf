/* kaslr.h: the kernel's code at a random address, as the kernel's own unpacking program would have put it there.
 *
 * Who boots an unpacked kernel does that program's work. Behind the ELF image of a bzImage's payload lie the places that hold an address
 * (arch/x86/tools/relocs.c of the kernel writes them, handle_relocations() in arch/x86/boot/compressed/misc.c is who reads them else).
 */
#ifndef VMM_X86_64_KASLR_H
#define VMM_X86_64_KASLR_H

#include "vmm/memory.h"

/* The kernel has been loaded to [start, end). table: `n` bytes, what lies behind the ELF image in the file. Moves it by a random offset and is
 * 1; 0 where there is no such table: the kernel stays as it is; -ENOEXEC where a place lies outside the kernel. */
int kaslr_apply(const struct memory *m, gpa_t start, gpa_t end, const uint32_t *table, size_t n, struct error *err);
/* By this offset; for tests. */
int kaslr_move(const struct memory *m, gpa_t start, gpa_t end, const uint32_t *table, size_t n, uint64_t offset, struct error *err);

#endif
