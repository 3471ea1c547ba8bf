/* unpack.h: a kernel that need not unpack itself at each start.
 *
 * A bzImage is a small program and the kernel proper, compressed. Unpacked once on the host and kept, a guest starts with it a fifth of its
 * instructions earlier. What is kept lies in /var/cache/nacre, for an ordinary user in $XDG_CACHE_HOME/nacre or ~/.cache/nacre: one file for
 * each release, named after the bzImage's inode, size and times, so that another kernel is never mistaken for it.
 *
 * Only for kernels that belong to root and that nobody else can write to: a compressed stream from elsewhere is unpacked in the guest and not
 * by us. The libraries (zstd, lz4) are loaded for that one moment.
 */
#ifndef VMM_UNPACK_H
#define VMM_UNPACK_H

#include <stddef.h>

#include "vmm/kernel.h"

/* 0: k->fd is the unpacked kernel, an ELF image with its relocations. 1: k stays as it is; err says why (there is nothing wrong with that, but it may
 * be worth a line in the log). */
int kernel_unpack(struct kernel *k, struct error *err);
/* The same with another folder and whatever owner; for tests. folder: absolute, made with 0700 where it is missing. */
int kernel_unpack_in(struct kernel *k, const char *folder, struct error *err);

/* A payload (boot.rst, "payload_offset"): ZSTD or LZ4 (the old frame). *out is malloc()ed, *size its size, at most max. -ENOTSUP where the library is
 * missing or the compression is another one, -EBADMSG where it is damaged. */
int unpack(const void *payload, size_t n, size_t max, void **out, size_t *size, struct error *err);

#endif
