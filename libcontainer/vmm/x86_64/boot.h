/* boot.h: the kernel into memory, and what it is told about the machine: the 64-bit boot protocol
 * (Documentation/arch/x86/boot.rst of the kernel) for a bzImage and for an ELF vmlinux.
 *
 * The file may be anything at all: each field is checked before it is used, and it is read with pread(2), so that a file which shrinks
 * meanwhile is an error and no signal.
 */
#ifndef VMM_X86_64_BOOT_H
#define VMM_X86_64_BOOT_H

#include <stdbool.h>

#include "vmm/initramfs.h"
#include "vmm/memory.h"

struct boot {
	int kernel;                        /* a regular file; the caller's */
	const char *kernel_name;           /* for errors */
	const char *parameters;            /* the command line; NULL: empty */
	const struct initramfs *initramfs; /* or NULL */
	int initrd;                        /* a regular file; -EBADF: none. Not both */
};

/* Reads it all into memory. *entry: where the first processor starts, in long mode (cpu.h). -ENOEXEC where the file is no kernel of a
 * kind that we boot, -ENOMEM where memory is too small (the error says what is needed), -E2BIG for parameters too long. */
int boot_load(const struct memory *m, const struct boot *b, gpa_t *entry, struct error *err);

/* The release that the kernel calls itself by, "6.12.118+deb13-amd64": fit to be a part of a path. -ENODATA where it does not say one, -ENOEXEC for a
 * file that is no kernel. to: room for `size` bytes. An ELF image is searched for it, which takes some milliseconds. */
int boot_release(int kernel, const char *name, char *to, size_t size, struct error *err);

#endif
