/* fuzz_blk.c: any bytes as what a guest does with its disk. With bit 7 of the first byte it may
 * write too; without, the disk stays what it is. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "script.h"
#include "vmm/virtio/blk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SECTORS = 40, BYTES = SECTORS * BLK_SECTOR };

static unsigned char before[BYTES], after[BYTES];

static int make_disk(void)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	memset(before, 0x55, sizeof(before));
	if (fd < 0 || write(fd, before, sizeof(before)) != sizeof(before))
		abort();
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct blk_config config = {.fd = make_disk(), .name = "disk", .read_only = !size || !(data[0] & 0x80), .id = "12345678901234567890"};
	struct device *blk;
	int own = dup(config.fd);

	if (own < 0 || blk_new(&config, &blk, NULL))
		abort();
	script_run(blk, data, size, NULL);
	blk->ops->free(blk);
	if (lseek(own, 0, SEEK_END) != BYTES)
		abort();
	if (config.read_only && (pread(own, after, BYTES, 0) != BYTES || memcmp(before, after, BYTES) != 0))
		abort();
	close(own);
	return 0;
}
