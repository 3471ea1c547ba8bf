/* boot.c: see boot.h. */
#include "vmm/x86_64/boot.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/auto.h"
#include "vmm/x86_64/image.h"
#include "vmm/x86_64/layout.h"

#define PAGE_MASK UINT64_C(0xfff)
/* SETUP_RNG_SEED: not in every libc's headers yet. A kernel that does not know it passes over it. */
#define SEED_TYPE 9
#define SEED_SIZE 32

static int put_parameters(const struct memory *m, const struct boot *b, const struct image *image, struct boot_params *zero,
			  struct error *err)
{
	const char *parameters = b->parameters ? b->parameters : "";
	size_t n = strlen(parameters);
	char *to = memory_at(m, LAYOUT_COMMAND_LINE, n + 1);

	if (n > image->parameters_max || n >= LAYOUT_COMMAND_LINE_MAX || !to)
		return error_set(err, -E2BIG, "%s: parameters of %zu bytes; it takes %u", b->kernel_name, n, image->parameters_max);
	memcpy(to, parameters, n + 1);
	zero->hdr.cmd_line_ptr = (uint32_t)LAYOUT_COMMAND_LINE;
	return 0;
}

/* As high as it may lie: the kernel unpacks itself from below. */
static int put_initrd(const struct memory *m, const struct boot *b, const struct image *image, struct boot_params *zero,
		      struct error *err)
{
	size_t n;
	const struct memory_region *low = memory_regions(m, &n);
	uint64_t size = 0, end = low->size < image->initrd_end ? low->size : image->initrd_end, start;
	void *to;
	int ret = 0;

	if (b->initramfs && b->initrd >= 0)
		return error_set(err, -EINVAL, "an initial RAM disk in a file and one of our own");
	if (b->initramfs)
		size = initramfs_size(b->initramfs);
	else if (b->initrd >= 0)
		ret = image_size(b->initrd, "initial RAM disk", &size, err);
	else
		return 0;
	if (ret < 0)
		return ret;
	if (!size)
		return error_set(err, -ENOEXEC, "the initial RAM disk is empty");
	end &= ~PAGE_MASK;
	start = size < end ? (end - size) & ~PAGE_MASK : 0;
	if (start < image->end)
		return error_set(err, -ENOMEM,
				 "%s: kernel and initial RAM disk need %llu MiB of memory to start; the machine has %llu MiB", b->kernel_name,
				 (unsigned long long)((image->end + size + (1 << 20)) >> 20), (unsigned long long)(low->size >> 20));
	to = memory_at(m, start, size);
	if (!to)
		return error_set(err, -EFAULT, "the initial RAM disk lies outside memory");
	if (b->initramfs)
		initramfs_write(b->initramfs, to);
	else
		ret = image_read(b->initrd, "initial RAM disk", 0, to, size, err);
	zero->hdr.ramdisk_image = (uint32_t)start;
	zero->hdr.ramdisk_size = (uint32_t)size;
	return ret;
}

/* What is memory and what is not. */
static void put_map(const struct memory *m, struct boot_params *zero)
{
	enum { RAM = 1, RESERVED = 2 };
	size_t n;
	const struct memory_region *r = memory_regions(m, &n);
	struct boot_e820_entry map[] = {
	    {0, LAYOUT_LOW_END, RAM},
	    {LAYOUT_LOW_END, LAYOUT_HIGH_START - LAYOUT_LOW_END, RESERVED},
	    {LAYOUT_HIGH_START, r[0].size - LAYOUT_HIGH_START, RAM},
	    {0, 0, RAM},
	};

	if (n > 1)
		map[3] = (struct boot_e820_entry){r[1].at, r[1].size, RAM};
	zero->e820_entries = n > 1 ? 4 : 3;
	memcpy(zero->e820_table, map, zero->e820_entries * sizeof(*map));
}

/* So that the guest has good random numbers before it has a driver for the device. */
static int put_seed(const struct memory *m, struct boot_params *zero, struct error *err)
{
	struct setup_data *data = memory_at(m, LAYOUT_SETUP_DATA, sizeof(*data) + SEED_SIZE);

	if (!data)
		return error_set(err, -EFAULT, "no memory for the random seed");
	if (getrandom(data->data, SEED_SIZE, 0) != SEED_SIZE)
		return error_errno(err, "get random numbers");
	data->next = 0;
	data->type = SEED_TYPE;
	data->len = SEED_SIZE;
	zero->hdr.setup_data = LAYOUT_SETUP_DATA;
	return 0;
}

/* All the BIOS there is. Linux jumps to it for a reset where ACPI is hardware-reduced, unless a parameter says otherwise: it means to ask
 * an EFI that is not there. */
static int put_bios(const struct memory *m, struct error *err)
{
	static const unsigned char code[] = {
	    0xba, LAYOUT_PORT_RESET & 0xff, LAYOUT_PORT_RESET >> 8, /* mov dx, … */
	    0xb0, 0x01,						    /* mov al, 1 */
	    0xee,						    /* out dx, al */
	    0xf4, 0xeb, 0xfd,					    /* hlt, again */
	};
	void *to = memory_at(m, LAYOUT_BIOS_ENTRY, sizeof(code));

	if (!to)
		return error_set(err, -EFAULT, "no memory for the BIOS");
	memcpy(to, code, sizeof(code));
	return 0;
}

static int put_zero_page(const struct memory *m, const struct boot *b, const struct image *image, struct error *err)
{
	struct boot_params *zero = memory_at(m, LAYOUT_ZERO_PAGE, sizeof(*zero));
	int ret;

	if (!zero)
		return error_set(err, -EFAULT, "no memory for the zero page");
	memset(zero, 0, sizeof(*zero));
	zero->hdr = image->header;
	zero->hdr.type_of_loader = 0xff; /* none with a number */
	zero->hdr.loadflags |= LOADED_HIGH;
	zero->hdr.ramdisk_image = 0;
	zero->hdr.ramdisk_size = 0;
	zero->acpi_rsdp_addr = LAYOUT_RSDP;
	put_map(m, zero);
	ret = put_seed(m, zero, err);
	if (ret == 0)
		ret = put_parameters(m, b, image, zero, err);
	return ret < 0 ? ret : put_initrd(m, b, image, zero, err);
}

/* The kernel's own unpacking program looks for the word, too. */
static bool wants_random_addresses(const char *parameters)
{
	for (const char *p = parameters; p && (p = strstr(p, "nokaslr")); p++)
		if ((p == parameters || p[-1] == ' ') && (!p[7] || p[7] == ' '))
			return false;
	return true;
}

int boot_load(const struct memory *m, const struct boot *b, gpa_t *entry, struct error *err)
{
	struct image image;
	int ret = memory_at(m, 0, 2 * LAYOUT_HIGH_START) ? 0 : -ENOMEM;

	if (ret < 0)
		return error_set(err, ret, "%llu KiB of memory are too little for any kernel", (unsigned long long)(memory_size(m) >> 10));
	ret = image_load(m, b->kernel, b->kernel_name, wants_random_addresses(b->parameters), &image, err);
	if (ret == 0)
		ret = put_zero_page(m, b, &image, err);
	if (ret == 0)
		ret = put_bios(m, err);
	if (ret == 0)
		*entry = image.entry;
	return ret;
}

/* In a bzImage the text is "6.12.1-amd64 (builder@host) #1 …" at 0x200 + kernel_version (boot.rst, "kernel_version"). */
static int read_bzimage_banner(int kernel, const char *name, char *to, size_t size, struct error *err)
{
	struct setup_header h;
	uint64_t file;
	int ret = image_header(kernel, name, &h, &file, err);

	if (ret < 0)
		return ret;
	if (!h.kernel_version || h.kernel_version >= h.setup_sects * 512 || h.kernel_version + 0x200 + size > file)
		return error_set(err, -ENODATA, "%s: does not say its version", name);
	return image_read(kernel, name, h.kernel_version + 0x200, to, size, err);
}

/* In an ELF image it is somewhere, behind "Linux version ": the text that the kernel says first. */
static int read_elf_banner(int kernel, const char *name, char *to, size_t size, struct error *err)
{
	static const char sign[] = "Linux version ";
	enum { CHUNK = 1 << 18 };
	auto_free char *chunk = malloc(CHUNK);
	uint64_t file, at = 0;
	int ret = chunk ? image_size(kernel, name, &file, err) : error_set(err, -ENOMEM, "%s: out of memory", name);

	while (ret == 0 && at + sizeof(sign) + size < file) {
		uint64_t n = file - at < CHUNK ? file - at : CHUNK;
		const char *found;

		ret = image_read(kernel, name, at, chunk, n, err);
		found = ret == 0 ? memmem(chunk, n - size, sign, sizeof(sign) - 1) : NULL;
		/* The parameters' help has the words too, without a number. */
		if (found && found[sizeof(sign) - 1] >= '0' && found[sizeof(sign) - 1] <= '9') {
			memcpy(to, found + sizeof(sign) - 1, size);
			return 0;
		}
		at += found ? (uint64_t)(found - chunk) + 1 : n - size - sizeof(sign);
	}
	return ret < 0 ? ret : error_set(err, -ENODATA, "%s: does not say its version", name);
}

int boot_release(int kernel, const char *name, char *to, size_t size, struct error *err)
{
	char text[256] = {0}, magic[SELFMAG] = {0};
	uint64_t file;
	size_t n;
	int ret = image_size(kernel, name, &file, err);

	if (ret == 0)
		ret = image_read(kernel, name, 0, magic, sizeof(magic), err);
	if (ret == 0 && !memcmp(magic, ELFMAG, SELFMAG))
		ret = read_elf_banner(kernel, name, text, sizeof(text) - 1, err);
	else if (ret == 0)
		ret = read_bzimage_banner(kernel, name, text, sizeof(text) - 1, err);
	if (ret < 0)
		return ret;
	n = strcspn(text, " ");
	text[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-_~", text[i]))
			n = 0;
	/* It becomes a part of a path. */
	if (!n || n >= size || text[0] == '.' || strstr(text, ".."))
		return error_set(err, -ENODATA, "%s: says a version that is none", name);
	memcpy(to, text, n + 1);
	return 0;
}
