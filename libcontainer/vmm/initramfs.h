/* initramfs.h: the first root of the guest, made in memory: a "newc" archive (Documentation/driver-api/early-userspace/buffer-format.rst of
 * the kernel) of our agent and the kernel's modules. Nothing of it ever is a file on the host.
 */
#ifndef VMM_INITRAMFS_H
#define VMM_INITRAMFS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct initramfs;

int initramfs_new(struct initramfs **out, struct error *err);
void initramfs_free(struct initramfs *i);
int initramfs_add_folder(struct initramfs *i, const char *path, mode_t mode, struct error *err);
int initramfs_add_node(struct initramfs *i, const char *path, mode_t mode, dev_t device, struct error *err);
/* A file with these bytes, which stay the caller's and alive until it was written. */
int initramfs_add_text(struct initramfs *i, const char *path, mode_t mode, const void *text, size_t size, struct error *err);
/* A file with what fd holds now (mapped; fd stays the caller's and may be closed). */
int initramfs_add_file(struct initramfs *i, const char *path, mode_t mode, int fd, struct error *err);

/* Bytes of the whole archive. */
uint64_t initramfs_size(const struct initramfs *i);
/* Writes it all to `to`, exactly initramfs_size() bytes. */
void initramfs_write(const struct initramfs *i, void *to);

#endif
