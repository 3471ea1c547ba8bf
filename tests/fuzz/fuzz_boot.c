/* fuzz_boot.c: any bytes as a kernel: it is loaded within the guest's memory, or refused with one line. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <asm/bootparam.h>

#include "vmm/x86_64/boot.h"
#include "vmm/x86_64/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct memory *memory;
static int file = -1;

/* One for all: a new one each time would cost more than what is tested. */
static void make(void)
{
	file = memfd_create("kernel", MFD_CLOEXEC);
	if (file < 0 || memory_new(UINT64_C(64) << 20, &memory, NULL) < 0)
		abort();
}

static void judge_message(const struct error *err)
{
	if (err->code >= 0 || !*err->msg)
		abort();
	for (const char *p = err->msg; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			abort();
}

/* What became of it must be told by what the guest would read. */
static void judge_result(gpa_t entry)
{
	const struct boot_params *zero = memory_at(memory, LAYOUT_ZERO_PAGE, sizeof(*zero));
	uint64_t at = zero->hdr.ramdisk_image;

	if (!memory_at(memory, entry, 1) || entry < LAYOUT_HIGH_START)
		abort();
	if (!memory_at(memory, at, zero->hdr.ramdisk_size) || at % 4096)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_NONE;
	char release[65];
	gpa_t entry = 0;
	struct boot b;

	if (!memory)
		make();
	if (ftruncate(file, 0) < 0 || pwrite(file, data, size, 0) != (ssize_t)size)
		abort();
	b = (struct boot){.kernel = file, .kernel_name = "kernel", .parameters = "quiet", .initrd = size ? file : -EBADF};
	if (boot_load(memory, &b, &entry, &err) < 0)
		judge_message(&err);
	else
		judge_result(entry);
	if (boot_release(file, "kernel", release, sizeof(release), NULL) == 0 && (!*release || strpbrk(release, "/ \n")))
		abort();
	return 0;
}
