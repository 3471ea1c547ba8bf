/* kaslr.c: see kaslr.h. */
#include "vmm/x86_64/kaslr.h"

#include <string.h>
#include <sys/random.h>

/* Documentation/arch/x86/x86_64/mm.rst of the kernel. */
#define KERNEL_MAP UINT64_C(0xffffffff80000000) /* __START_KERNEL_map: physical address 0 */
#define KERNEL_ROOM (UINT64_C(1) << 30)		/* KERNEL_IMAGE_SIZE, where addresses are random */
#define STEP (UINT64_C(2) << 20)		/* what the kernel's address is a multiple of */

/* The lists in the table, in the order in which they are read: backwards. Each ends with a zero. */
enum kind { ADDRESS_32, INVERSE_32, ADDRESS_64 };
static const enum kind with_inverse[] = {ADDRESS_32, INVERSE_32, ADDRESS_64};
static const enum kind without[] = {ADDRESS_32, ADDRESS_64}; /* since Linux 6.15 */

/* Where the kernel lies: a quarter of a million places are looked up in it. */
struct kernel_range {
	unsigned char *host;
	gpa_t start;
	uint64_t size;
};

/* One list, backwards from *i, which becomes that of its zero. A table that was counted has one. */
static inline __attribute__((always_inline)) int move_places(const struct kernel_range *k, const uint32_t *table, size_t *i, size_t size,
							     uint64_t offset, struct error *err)
{
	/* An address of the kernel's, of which the table holds the lower half. */
	const uint64_t base = KERNEL_MAP + k->start, most = k->size - size;
	size_t n = *i;

	while (table[--n]) {
		uint64_t at = (uint64_t)(int64_t)(int32_t)table[n] - base, v = 0;

		if (at > most)
			return error_set(err, -ENOEXEC, "the kernel's relocations name 0x%x, where it is not", table[n]);
		memcpy(&v, k->host + at, size);
		v += offset;
		memcpy(k->host + at, &v, size);
	}
	*i = n;
	return 0;
}

static int move_list(const struct kernel_range *k, const uint32_t *table, size_t *i, enum kind kind, uint64_t offset, struct error *err)
{
	if (kind == ADDRESS_64)
		return move_places(k, table, i, 8, offset, err);
	return move_places(k, table, i, 4, kind == INVERSE_32 ? -offset : offset, err);
}

/* How many lists there are; 0 where the table is none: it begins with a zero, too. */
static size_t count_lists(const uint32_t *table, size_t n)
{
	size_t zeroes = 0;

	for (size_t i = 0; i < n; i++)
		zeroes += !table[i];
	return n && !table[0] ? zeroes : 0;
}

int kaslr_move(const struct memory *m, gpa_t start, gpa_t end, const uint32_t *table, size_t n, uint64_t offset, struct error *err)
{
	const struct kernel_range k = {memory_at(m, start, end - start), start, end - start};
	size_t lists, i = n /= sizeof(*table);
	const enum kind *kinds;
	int ret = 0;

	lists = count_lists(table, n);
	if (lists != 2 && lists != 3)
		return 0;
	if (!k.host || k.size < sizeof(uint64_t))
		return error_set(err, -EFAULT, "a kernel to be moved that is not in one piece of memory");
	kinds = lists == 3 ? with_inverse : without;
	for (size_t list = 0; list < lists && ret == 0; list++)
		ret = move_list(&k, table, &i, kinds[list], offset, err);
	return ret < 0 ? ret : 1;
}

/* As find_random_virt_addr() in arch/x86/boot/compressed/kaslr.c does. */
static int choose(gpa_t start, gpa_t end, uint64_t *offset, struct error *err)
{
	uint64_t slots = end < KERNEL_ROOM ? (KERNEL_ROOM - end) / STEP + 1 : 1, number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return error_errno(err, "get random numbers");
	*offset = number % slots * STEP;
	return 0;
}

int kaslr_apply(const struct memory *m, gpa_t start, gpa_t end, const uint32_t *table, size_t n, struct error *err)
{
	uint64_t offset = 0;
	int ret = choose(start, end, &offset, err);

	return ret < 0 ? ret : kaslr_move(m, start, end, table, n, offset, err);
}
