/* rng.h: the entropy device (virtio 1.2, section 5.4): the host's random bytes. The smallest device there is:
 * read it first. */
#ifndef VMM_VIRTIO_RNG_H
#define VMM_VIRTIO_RNG_H

#include "vmm/virtio/device.h"

#define RNG_BYTES_MAX 4096 /* of one request; a driver asks again for more */

int rng_new(struct device **out, struct error *err); /* ops->free() by the caller */

#endif
