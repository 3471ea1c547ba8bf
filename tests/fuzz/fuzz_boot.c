/* fuzz_boot.c: any bytes as a kernel: it is loaded within the guest's memory, or refused with one line. How many they are says what else there
 * is: a first root in a file, one of our own, none; and a machine with hardly any memory.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <asm/bootparam.h>

#include "vmm/x86_64/boot.h"
#include "vmm/x86_64/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct memory *memory, *little;
static struct initramfs *own;
static int file = -1;

/* One for all: a new one each time would cost more than what is tested. */
static void make(void)
{
	file = memfd_create("kernel", MFD_CLOEXEC);
	if (file < 0 || memory_new(UINT64_C(64) << 20, &memory, NULL) < 0 || memory_new(LAYOUT_HIGH_START * 3, &little, NULL) < 0 ||
	    initramfs_new(&own, NULL) < 0 || initramfs_add_text(own, "init", 0755, "init", 4, NULL) < 0)
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
static void judge_result(const struct memory *m, gpa_t entry, uint64_t initrd)
{
	const struct boot_params *zero = memory_at(m, LAYOUT_ZERO_PAGE, sizeof(*zero));
	uint64_t at = zero->hdr.ramdisk_image;

	if (!memory_at(m, entry, 1) || entry < LAYOUT_HIGH_START)
		abort();
	if (zero->hdr.ramdisk_size != initrd || (initrd && (!memory_at(m, at, initrd) || at < LAYOUT_HIGH_START || at % 4096)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_NONE;
	char release[65];
	const struct memory *m;
	uint64_t initrd = size;
	gpa_t entry = 0;
	struct boot b;

	if (!memory)
		make();
	m = memory;
	if (ftruncate(file, 0) < 0 || pwrite(file, data, size, 0) != (ssize_t)size)
		abort();
	b = (struct boot){.kernel = file, .kernel_name = "kernel", .parameters = "quiet", .initrd = -EBADF};
	switch (size % 4) {
	case 0:
		b.initrd = file;
		break;
	case 1:
		b.initramfs = own;
		initrd = initramfs_size(own);
		break;
	case 2:
		m = little;
		initrd = 0;
		break;
	default:
		b.parameters = "quiet nokaslr";
		initrd = 0;
	}
	if (boot_load(m, &b, &entry, &err) < 0)
		judge_message(&err);
	else
		judge_result(m, entry, initrd);
	if (boot_release(file, "kernel", release, sizeof(release), NULL) == 0 && (!*release || strpbrk(release, "/ \n")))
		abort();
	return 0;
}
