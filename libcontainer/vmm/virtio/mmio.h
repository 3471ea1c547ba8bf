/* mmio.h: the virtio-mmio transport, version 2 (virtio 1.2, section 4.2): 4 KiB of registers a device. */
#ifndef VMM_VIRTIO_MMIO_H
#define VMM_VIRTIO_MMIO_H

#include "vmm/virtio/device.h"

#define MMIO_SIZE   0x1000
#define MMIO_NOTIFY 0x50 /* the register that KVM turns into d->kicks[] (KVM_IOEVENTFD, datamatch = queue)   \
			  */

/* All but device and its constants under device->lock: each processor of the guest may come at the same time.
 */
struct mmio {
	struct device *device;
	uint32_t status, feature_page, driver_page, queue;
	uint64_t driver_features;
};

void mmio_init(struct mmio *t, struct device *d);
/* A guest's access at `at` (< MMIO_SIZE) of `len` bytes (1 to 8). Any value at all may come; reads fill all
 * of data. What no register is, or is not accessed as one (4 bytes, aligned), reads as zeroes and is written
 * to without effect, and so is what may not be written any more: features after FEATURES_OK, queues once they
 * are ready. */
void mmio_read(struct mmio *t, uint32_t at, void *data, uint32_t len);
void mmio_write(struct mmio *t, uint32_t at, const void *data, uint32_t len);

#endif
