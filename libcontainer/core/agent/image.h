/* image.h: the agent's program, a static one of this build, on the host.
 *
 * A file of its own and not a part of nacre: every command that enters a container first copies its own image (base/seal.h), and 1.2 MB more
 * would cost each of them 0.3 ms, with a virtual machine or without.
 */
#ifndef CORE_AGENT_IMAGE_H
#define CORE_AGENT_IMAGE_H

#include "vmm/initramfs.h"

/* Adds it to a guest's first root as /init. It is $NACRE_AGENT where that is set; else it stands beside the program (`agent`, as in a build
 * folder), in ../libexec/nacre from there, or where this build installs it. -ENOENT and the remedy where there is none. */
int agent_image_add(struct initramfs *i, struct error *err);

#endif
