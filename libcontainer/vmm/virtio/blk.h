/* blk.h: a disk (virtio 1.2, section 5.2): a raw file or a block device of the host's.
 *
 * It reads and writes with preadv(2) and pwritev(2) and blocks in them: give it a worker of its own.
 */
#ifndef VMM_VIRTIO_BLK_H
#define VMM_VIRTIO_BLK_H

#include "vmm/virtio/device.h"

#define BLK_SECTOR 512 /* bytes; what sizes and places are counted in */
#define BLK_ID_MAX 20  /* bytes */

struct blk_config {
	int fd;           /* taken over if blk_new() succeeds; open for reading, and for writing unless read_only; not O_APPEND */
	const char *name; /* for errors */
	bool read_only;
	const char *id;   /* the serial number that the guest sees, up to BLK_ID_MAX bytes; NULL: none */
};

/* -EINVAL where fd is no disk: neither file nor block device, empty, no multiple of BLK_SECTOR, opened otherwise. ops->free() by the caller. */
int blk_new(const struct blk_config *config, struct device **out, struct error *err);

#endif
