/* console.h: one console port (virtio 1.2, section 5.3), the guest's hvc0: for its kernel's messages and for debugging.
 *
 * The device never waits for the host's side. What the guest writes goes into a small buffer and from there to `out` as that takes it.
 * Without a limit the guest waits while the buffer is full; with one, it never waits: what exceeds it is dropped, and a line says how much.
 */
#ifndef VMM_VIRTIO_CONSOLE_H
#define VMM_VIRTIO_CONSOLE_H

#include "vmm/virtio/device.h"

#define CONSOLE_BUFFER 16384 /* bytes between guest and host */

struct console_config {
	int in, out;         /* a file, pipe, socket or terminal each, may be the same; the caller's (it works on its own copies); -EBADF: none */
	/* A limit, for an `out` that is stored: `burst` bytes at once (at least those of a second), and so many more each second. 0 and
	 * 0: none. */
	uint32_t burst, per_second;
};

int console_new(const struct console_config *config, struct device **out, struct error *err); /* ops->free() by the caller */
/* The size of the terminal that the guest's is shown on; any thread, any time. */
void console_set_size(struct device *d, uint16_t rows, uint16_t columns);

#endif
