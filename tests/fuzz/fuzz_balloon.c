/* fuzz_balloon.c: any bytes as what a guest does with its balloon, while the host's side asks and sets targets. */
#include <stdlib.h>

#include "script.h"
#include "vmm/virtio/balloon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void host(struct device *d, struct script *s)
{
	struct balloon_stats stats;

	balloon_ask_stats(d);
	balloon_get_stats(d, &stats);
	balloon_set_target(d, script_take(s, 2) * BALLOON_PAGE);
	if (balloon_actual(d) > (uint64_t)UINT32_MAX * BALLOON_PAGE)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct device *balloon;

	if (balloon_new(&balloon, NULL))
		abort();
	script_run(balloon, data, size, host);
	balloon->ops->free(balloon);
	return 0;
}
