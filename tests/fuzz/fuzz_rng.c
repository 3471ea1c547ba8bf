/* fuzz_rng.c: any bytes as what a guest does with its entropy device. */
#include <stdlib.h>

#include "script.h"
#include "vmm/virtio/rng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct device *rng;

	if (rng_new(&rng, NULL))
		abort();
	script_run(rng, data, size, NULL);
	rng->ops->free(rng);
	return 0;
}
