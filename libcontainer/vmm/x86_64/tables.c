/* tables.c: see tables.h. */
#include "vmm/x86_64/tables.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "vmm/x86_64/layout.h"

/* Bytes of AML (ACPI 6.4, section 20). */
enum {
	AML_ZERO = 0x00, AML_ONE = 0x01, AML_NAME = 0x08, AML_BYTE = 0x0a, AML_WORD = 0x0b, AML_DWORD = 0x0c, AML_STRING = 0x0d,
	AML_SCOPE = 0x10, AML_BUFFER = 0x11, AML_PACKAGE = 0x12, AML_EXTENDED = 0x5b, AML_DEVICE = 0x82,
};

static void add_byte(struct text *t, unsigned int v)
{
	text_add_bytes(t, &(char){(char)v}, 1);
}

static void add_word(struct text *t, uint16_t v)
{
	text_add_bytes(t, &v, sizeof(v));
}

static void add_dword(struct text *t, uint32_t v)
{
	text_add_bytes(t, &v, sizeof(v));
}

static void add_qword(struct text *t, uint64_t v)
{
	text_add_bytes(t, &v, sizeof(v));
}

static void add_integer(struct text *t, uint32_t v)
{
	if (v < 2) {
		add_byte(t, v ? AML_ONE : AML_ZERO);
	} else if (v < 0x100) {
		add_byte(t, AML_BYTE);
		add_byte(t, v);
	} else {
		add_byte(t, AML_DWORD);
		add_dword(t, v);
	}
}

/* Name (NAME, …): the value follows. */
static void add_name(struct text *t, const char *name)
{
	add_byte(t, AML_NAME);
	text_add_bytes(t, name, 4);
}

static void add_name_integer(struct text *t, const char *name, uint32_t v)
{
	add_name(t, name);
	add_integer(t, v);
}

static void add_name_string(struct text *t, const char *name, const char *v)
{
	add_name(t, name);
	add_byte(t, AML_STRING);
	text_add_bytes(t, v, strlen(v) + 1);
}

/* A length that counts its own one to three bytes (20.2.4), then the content. */
static void add_package(struct text *t, const struct text *content)
{
	size_t n = content->n;

	if (n + 1 < 64) {
		add_byte(t, (unsigned int)(n + 1));
	} else if (n + 2 < 4096) {
		add_byte(t, 0x40 | ((n + 2) & 0xf));
		add_byte(t, (unsigned int)((n + 2) >> 4));
	} else {
		add_byte(t, 0x80 | ((n + 3) & 0xf));
		add_byte(t, (unsigned int)(((n + 3) >> 4) & 0xff));
		add_byte(t, (unsigned int)((n + 3) >> 12));
	}
	text_add_bytes(t, content->v, n);
	t->failed = t->failed || content->failed;
}

/* Device (NAME) { body } */
static void add_device(struct text *to, const char *name, const struct text *body)
{
	auto_text struct text inner = {0};

	text_add_bytes(&inner, name, 4);
	text_add_bytes(&inner, body->v, body->n);
	inner.failed = inner.failed || body->failed;
	add_byte(to, AML_EXTENDED);
	add_byte(to, AML_DEVICE);
	add_package(to, &inner);
}

/* Name (_CRS, ResourceTemplate () { … }) */
static void add_resources(struct text *t, const struct text *resources)
{
	auto_text struct text buffer = {0};

	add_byte(&buffer, AML_WORD);
	add_word(&buffer, (uint16_t)(resources->n + 2));
	text_add_bytes(&buffer, resources->v, resources->n);
	add_byte(&buffer, 0x79); /* the end; a checksum of zero is none (6.4.2.9) */
	add_byte(&buffer, 0);
	add_name(t, "_CRS");
	add_byte(t, AML_BUFFER);
	add_package(t, &buffer);
}

static void resource_memory(struct text *t, uint32_t at, uint32_t size)
{
	add_byte(t, 0x86); /* 32-bit fixed memory (6.4.3.4), writable */
	add_word(t, 9);
	add_byte(t, 1);
	add_dword(t, at);
	add_dword(t, size);
}

static void resource_interrupt(struct text *t, uint32_t gsi)
{
	add_byte(t, 0x89); /* extended interrupt (6.4.3.6): a consumer, edge, active high, not shared */
	add_word(t, 6);
	add_byte(t, 3);
	add_byte(t, 1);
	add_dword(t, gsi);
}

static void resource_ports(struct text *t, uint16_t at, uint8_t n)
{
	add_byte(t, 0x47); /* I/O ports (6.4.2.5), all 16 bits decoded */
	add_byte(t, 1);
	add_word(t, at);
	add_word(t, at);
	add_byte(t, 1);
	add_byte(t, n);
}

static void add_virtio(struct text *t, size_t i)
{
	auto_text struct text body = {0}, resources = {0};
	char name[8];

	add_name_string(&body, "_HID", "LNRO0005");
	add_name_integer(&body, "_UID", (uint32_t)i);
	add_name_integer(&body, "_CCA", 1);
	resource_memory(&resources, (uint32_t)(LAYOUT_MMIO + i * LAYOUT_MMIO_STEP), LAYOUT_MMIO_STEP);
	resource_interrupt(&resources, (uint32_t)(LAYOUT_MMIO_GSI + i));
	add_resources(&body, &resources);
	snprintf(name, sizeof(name), "V%03u", (unsigned int)i % 1000);
	add_device(t, name, &body);
}

static void add_serial(struct text *t)
{
	auto_text struct text body = {0}, resources = {0};

	add_name_integer(&body, "_HID", 0x0105d041); /* EISAID ("PNP0501") */
	add_name_integer(&body, "_UID", 0);
	resource_ports(&resources, LAYOUT_PORT_COM1, 8);
	resource_interrupt(&resources, LAYOUT_GSI_COM1);
	add_resources(&body, &resources);
	add_device(t, "COM1", &body);
}

static void add_panic(struct text *t)
{
	auto_text struct text body = {0}, resources = {0};

	add_name_string(&body, "_HID", "QEMU0001");
	add_name_integer(&body, "_STA", 0xf);
	resource_ports(&resources, LAYOUT_PORT_PANIC, 1);
	add_resources(&body, &resources);
	add_device(t, "PEVT", &body);
}

static void make_dsdt(struct text *t, size_t devices)
{
	/* Name (_S5_, Package () { 5, 5, 0, 0 }): power off is type 5. */
	static const unsigned char s5[] = {AML_NAME, '_', 'S', '5', '_', AML_PACKAGE, 8, 4, AML_BYTE, 5, AML_BYTE, 5, AML_ZERO, AML_ZERO};
	auto_text struct text scope = {0};

	text_add(&scope, "_SB_");
	for (size_t i = 0; i < devices; i++)
		add_virtio(&scope, i);
	add_serial(&scope);
	add_panic(&scope);
	add_byte(t, AML_SCOPE);
	add_package(t, &scope);
	text_add_bytes(t, s5, sizeof(s5));
}

static void put_register(unsigned char *to, uint16_t port)
{
	/* A generic address (5.2.3.2): in I/O space, 8 bits wide, accessed as a byte. */
	to[0] = 1;
	to[1] = 8;
	to[3] = 1;
	memcpy(to + 4, &port, sizeof(port));
}

#define HEADER 36

static void make_fadt(struct text *t, uint64_t dsdt)
{
	/* Offsets as in table 5.9, from the table's start. */
	enum { BOOT_FLAGS = 109, FLAGS = 112, RESET = 116, RESET_VALUE = 128, MINOR = 131, X_DSDT = 140, SLEEP = 244,
	       SLEEP_STATUS = 256, SIZE = 276 };
	const uint16_t boot_flags = 1 << 2 | 1 << 5;	  /* no VGA, no real-time clock in CMOS */
	const uint32_t flags = 1 << 4 | 1 << 5 | 1 << 10 | 1 << 20; /* no power, no sleep button; reset register; hardware-reduced */
	unsigned char v[SIZE] = {0};

	memcpy(v + BOOT_FLAGS, &boot_flags, sizeof(boot_flags));
	memcpy(v + FLAGS, &flags, sizeof(flags));
	put_register(v + RESET, LAYOUT_PORT_RESET);
	v[RESET_VALUE] = 1;
	v[MINOR] = 4;
	memcpy(v + X_DSDT, &dsdt, sizeof(dsdt));
	put_register(v + SLEEP, LAYOUT_PORT_SLEEP);
	put_register(v + SLEEP_STATUS, LAYOUT_PORT_SLEEP_STATUS);
	text_add_bytes(t, v + HEADER, SIZE - HEADER);
}

static void make_madt(struct text *t, unsigned int vcpus)
{
	add_dword(t, LAYOUT_LAPIC);
	add_dword(t, 0); /* no 8259 to be switched off */
	add_byte(t, 1);	 /* I/O APIC (5.2.12.3) number 0, from interrupt 0 on */
	add_byte(t, 12);
	add_word(t, 0);
	add_dword(t, LAYOUT_IOAPIC);
	add_dword(t, 0);
	for (unsigned int i = 0; i < vcpus; i++) {
		add_byte(t, 0); /* a processor's APIC (5.2.12.2), enabled */
		add_byte(t, 8);
		add_byte(t, i);
		add_byte(t, i);
		add_dword(t, 1);
	}
}

static unsigned char checksum(const unsigned char *v, size_t n)
{
	unsigned char sum = 0;

	while (n--)
		sum += *v++;
	return (unsigned char)-sum;
}

/* Where the next table goes, and what went wrong so far. */
struct place {
	const struct memory *memory;
	gpa_t at;
	int ret;
};

static gpa_t put_table(struct place *p, const char *signature, unsigned char revision, const struct text *body)
{
	uint64_t size = HEADER + body->n;
	unsigned char *to = size > LAYOUT_TABLES_END - p->at ? NULL : memory_at(p->memory, p->at, size);
	gpa_t at = p->at;
	uint32_t length = (uint32_t)size, one = 1;

	if (body->failed)
		p->ret = -ENOMEM;
	else if (!to && p->ret == 0)
		p->ret = size > LAYOUT_TABLES_END - p->at ? -ENOSPC : -EFAULT;
	if (p->ret < 0)
		return 0;
	memset(to, 0, HEADER);
	memcpy(to, signature, 4);
	memcpy(to + 4, &length, sizeof(length));
	to[8] = revision;
	memcpy(to + 10, "NACRE ", 6);
	memcpy(to + 16, "NACREVM ", 8);
	memcpy(to + 24, &one, sizeof(one));
	memcpy(to + 28, "NACR", 4);
	memcpy(to + 32, &one, sizeof(one));
	memcpy(to + HEADER, body->v, body->n);
	to[9] = checksum(to, size);
	p->at = (at + size + 63) & ~UINT64_C(63);
	return at;
}

static void put_rsdp(struct place *p, uint64_t xsdt)
{
	unsigned char *to = memory_at(p->memory, LAYOUT_RSDP, 36);

	if (!to) {
		p->ret = -EFAULT;
		return;
	}
	memset(to, 0, 36);
	memcpy(to, "RSD PTR ", 8);
	memcpy(to + 9, "NACRE ", 6);
	to[15] = 2;
	to[20] = 36;
	memcpy(to + 24, &xsdt, sizeof(xsdt));
	to[8] = checksum(to, 20);
	to[32] = checksum(to, 36);
}

int tables_write(const struct memory *m, unsigned int vcpus, size_t devices, struct error *err)
{
	auto_text struct text dsdt = {0}, fadt = {0}, madt = {0}, xsdt = {0};
	struct place p = {m, LAYOUT_TABLES, 0};

	make_dsdt(&dsdt, devices);
	make_fadt(&fadt, put_table(&p, "DSDT", 2, &dsdt));
	add_qword(&xsdt, put_table(&p, "FACP", 6, &fadt));
	make_madt(&madt, vcpus);
	add_qword(&xsdt, put_table(&p, "APIC", 5, &madt));
	put_rsdp(&p, put_table(&p, "XSDT", 1, &xsdt));
	return p.ret < 0 ? error_set(err, p.ret, "write the guest's ACPI tables: %s", strerror(-p.ret)) : 0;
}
