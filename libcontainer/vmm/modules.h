/* modules.h: the kernel's modules that a guest needs, found in the kernel's folder on the host, in the order they must be loaded in.
 *
 * What is built into the kernel (modules.builtin) is needed no file. What depends on what is read from modules.dep, which depmod has written on
 * an installed system; where there is none, from the module itself (.modinfo), or, where that is compressed, from what we know of these few.
 */
#ifndef VMM_MODULES_H
#define VMM_MODULES_H

#include <stddef.h>

#include "vmm/initramfs.h"
#include "vmm/kernel.h"

struct modules;

/* For the kernel that calls itself `release`. Folders are those that hold one folder a release, ending in NULL; NULL: /usr/lib/modules and
 * /lib/modules. -ENOENT where there is no folder of this release, or a module is missing; the error names it and where it was looked for.
 * modules_free() by the caller, after initramfs_write(). */
int modules_find(const char *const *folders, const char *release, struct modules **out, struct error *err);
/* For this kernel, which need not be installed: where its folder is called after its release and has a modules.builtin (.../RELEASE/vmlinuz, as
 * `make modules_install` and depmod make it), the modules are those of that folder. Else as modules_find() without folders. */
int modules_find_of(const struct kernel *k, struct modules **out, struct error *err);
void modules_free(struct modules *m);

size_t modules_count(const struct modules *m);
/* The i-th to be loaded: "virtiofs.ko.xz", and its path on the host. */
const char *modules_file(const struct modules *m, size_t i);
const char *modules_path(const struct modules *m, size_t i);

/* Adds each as /modules/NAME, and /modules/order: their names, one a line. */
int modules_add(const struct modules *m, struct initramfs *i, struct error *err);

#endif
