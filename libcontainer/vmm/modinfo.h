/* modinfo.h: what a kernel module says of itself. */
#ifndef VMM_MODINFO_H
#define VMM_MODINFO_H

#include "base/str.h"

/* The names in "depends=" of the .modinfo section of an uncompressed module (an ELF file of 64 bits in memory), appended to out. -ENOEXEC where
 * it is no such file; nothing in it is trusted. */
int modinfo_depends(const void *elf, size_t size, struct strv *out, struct error *err);

#endif
