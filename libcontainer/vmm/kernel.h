/* kernel.h: which kernel the guest gets: a distribution's own, unmodified. */
#ifndef VMM_KERNEL_H
#define VMM_KERNEL_H

#include "base/error.h"

struct kernel {
	int fd;
	char *path;
	char release[128]; /* "6.12.118+deb13-amd64": names the folder of its modules; empty where it does not say */
};
#define KERNEL_NONE ((struct kernel){.fd = -EBADF})

/* path: that one or none. NULL: the running kernel's own image (/usr/lib/modules/RELEASE/vmlinuz, /boot/vmlinuz-RELEASE), else the newest in
 * /usr/lib/modules/.../vmlinuz and /boot/vmlinuz-... that can be opened and is a kernel of our kind. -ENOENT: the error lists where it looked, and
 * why not. kernel_close() by the caller. */
int kernel_open(const char *path, struct kernel *out, struct error *err);
/* Leaves KERNEL_NONE. */
void kernel_close(struct kernel *k);

/* The same below another root; for tests. root: a trusted folder, "" for /. running: uname's release. */
int kernel_find(const char *root, const char *running, struct kernel *out, struct error *err);

#endif
