/* test_tables.c: the ACPI tables: each is found from the one before it, and its sum is right. */
#include "vmm/x86_64/tables.h"

#include <criterion/criterion.h>
#include <string.h>

#include "vmm/vm.h"
#include "vmm/x86_64/cpu.h"
#include "vmm/x86_64/layout.h"

static struct memory *memory;

static void setup(void)
{
	cr_assert_eq(memory_new(2 << 20, &memory, NULL), 0);
}

static void teardown(void)
{
	memory_free(memory);
}

TestSuite(tables, .init = setup, .fini = teardown);

static uint32_t get32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t get64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static unsigned char sum(const unsigned char *p, size_t n)
{
	unsigned char s = 0;

	while (n--)
		s += *p++;
	return s;
}

static const unsigned char *table(gpa_t at, const char *signature)
{
	const unsigned char *p = memory_at(memory, at, 36);

	cr_assert_geq(at, LAYOUT_TABLES);
	cr_assert_not_null(p);
	cr_assert_eq(memcmp(p, signature, 4), 0);
	cr_assert_leq(at + get32(p + 4), LAYOUT_TABLES_END);
	cr_assert_eq(sum(p, get32(p + 4)), 0, "%s", signature);
	return p;
}

static const unsigned char *xsdt(void)
{
	const unsigned char *rsdp = memory_at(memory, LAYOUT_RSDP, 36);

	cr_assert_eq(memcmp(rsdp, "RSD PTR ", 8), 0);
	cr_assert_eq(sum(rsdp, 20), 0);
	cr_assert_eq(sum(rsdp, 36), 0);
	return table(get64(rsdp + 24), "XSDT");
}

static size_t count(const unsigned char *p, size_t n, const char *word)
{
	size_t found = 0;

	for (size_t i = 0; i + strlen(word) <= n; i++)
		found += !memcmp(p + i, word, strlen(word));
	return found;
}

Test(tables, found_from_the_first)
{
	const unsigned char *fadt, *madt, *dsdt;

	cr_assert_eq(tables_write(memory, 3, 2, NULL), 0);
	fadt = table(get64(xsdt() + 36), "FACP");
	madt = table(get64(xsdt() + 44), "APIC");
	dsdt = table(get64(fadt + 140), "DSDT");
	cr_assert_eq(get32(xsdt() + 4), 36 + 2 * 8);
	cr_assert_eq(get32(fadt + 4), 276);
	cr_assert(get32(fadt + 112) & 1 << 20, "hardware-reduced");
	cr_assert_eq(get64(fadt + 120), LAYOUT_PORT_RESET);
	cr_assert_eq(fadt[128], 1);
	cr_assert_eq(get64(fadt + 248), LAYOUT_PORT_SLEEP);
	cr_assert_eq(get32(madt + 4), 36 + 8 + 12 + 3 * 8);
	cr_assert_eq(madt[36 + 8 + 12 + 2 * 8 + 3], 2);
	cr_assert_eq(count(dsdt, get32(dsdt + 4), "LNRO0005"), 2);
	cr_assert_eq(count(dsdt, get32(dsdt + 4), "QEMU0001"), 1);
	cr_assert_eq(count(dsdt, get32(dsdt + 4), "_S5_"), 1);
}

static bool has_bytes(const unsigned char *p, size_t n, const unsigned char *bytes, size_t len)
{
	return memmem(p, n, bytes, len);
}

Test(tables, resources)
{
	const unsigned char registers[] = {0x86, 9, 0, 1, 0x00, 0x10, 0x00, 0xd0, 0x00, 0x10, 0, 0};
	const unsigned char interrupt[] = {0x89, 6, 0, 3, 1, 6, 0, 0, 0};
	const unsigned char *fadt, *dsdt;

	cr_assert_eq(tables_write(memory, 1, 2, NULL), 0);
	fadt = table(get64(xsdt() + 36), "FACP");
	dsdt = table(get64(fadt + 140), "DSDT");
	cr_assert(has_bytes(dsdt, get32(dsdt + 4), registers, sizeof(registers)));
	cr_assert(has_bytes(dsdt, get32(dsdt + 4), interrupt, sizeof(interrupt)));
}

/* The lengths inside are of one, two or three bytes: what the largest and the smallest machine need both. */
Test(tables, all_sizes)
{
	for (size_t devices = 0; devices <= VM_DEVICES_MAX; devices++) {
		const unsigned char *fadt, *dsdt;
		size_t n, encoded;

		cr_assert_eq(tables_write(memory, CPU_VCPUS_MAX, devices, NULL), 0);
		fadt = table(get64(xsdt() + 36), "FACP");
		dsdt = table(get64(fadt + 140), "DSDT");
		n = get32(dsdt + 4);
		/* Scope (_SB_) begins behind its header and ends where _S5_ begins, 14 bytes before the end. */
		cr_assert_eq(dsdt[36], 0x10);
		encoded = dsdt[37] >> 6 ? (dsdt[37] & 0xf) | dsdt[38] << 4 | (dsdt[37] >> 6 > 1 ? dsdt[39] << 12 : 0) : dsdt[37];
		cr_assert_eq(37 + encoded, n - 14, "%zu devices", devices);
	}
}

Test(tables, no_room)
{
	struct memory *small = NULL;

	cr_assert_eq(memory_new(64 << 10, &small, NULL), 0);
	cr_expect_eq(tables_write(small, 1, 1, NULL), -EFAULT);
	cr_expect_eq(tables_write(memory, 1, 3000, NULL), -ENOSPC);
	memory_free(small);
}
