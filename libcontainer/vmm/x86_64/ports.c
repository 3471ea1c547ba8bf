/* ports.c: see ports.h. */
#include "vmm/x86_64/ports.h"

#include <string.h>

#include "base/table.h"
#include "vmm/x86_64/layout.h"

enum {
	SLEEP_ENABLE = 0x20, SLEEP_TYPE = 0x1c, SLEEP_OFF = 5 << 2, /* as _S5_ in tables.c says */
	PANIC_HAPPENED = 0x01,	/* the one event of pvpanic that we offer */
	CONTROLLER_RESET = 0xfe, /* i8042: pulse the processor's reset line */
	RESET_NOW = 0x04,	/* PCI's reset control register */
	TIMER_OUT = 0x20,	/* channel 2 has counted down: nobody waits for a timer that is not there */
};

static void answer(void *to, uint32_t len, uint8_t value)
{
	memset(to, 0, len);
	*(uint8_t *)to = value;
}

static void read_zero(void *data, uint32_t at, void *to, uint32_t len)
{
	answer(to, len, 0);
}

static void read_panic(void *data, uint32_t at, void *to, uint32_t len)
{
	answer(to, len, PANIC_HAPPENED);
}

static void read_timer(void *data, uint32_t at, void *to, uint32_t len)
{
	answer(to, len, TIMER_OUT);
}

static void end(const struct ports *p, bool really, enum vm_end why)
{
	if (really)
		p->end(p->data, why);
}

static void write_panic(void *data, uint32_t at, const void *from, uint32_t len)
{
	end(data, *(const uint8_t *)from & PANIC_HAPPENED, VM_PANICKED);
}

static void write_controller(void *data, uint32_t at, const void *from, uint32_t len)
{
	end(data, *(const uint8_t *)from == CONTROLLER_RESET, VM_RESET);
}

static void write_reset(void *data, uint32_t at, const void *from, uint32_t len)
{
	end(data, *(const uint8_t *)from == 1, VM_RESET);
}

static void write_sleep(void *data, uint32_t at, const void *from, uint32_t len)
{
	end(data, (*(const uint8_t *)from & (SLEEP_ENABLE | SLEEP_TYPE)) == (SLEEP_ENABLE | SLEEP_OFF), VM_POWERED_OFF);
}

static void write_pci_reset(void *data, uint32_t at, const void *from, uint32_t len)
{
	end(data, *(const uint8_t *)from & RESET_NOW, VM_RESET);
}

/* What is missing (PCI above all) reads as all ones; these must not. */
static const struct {
	uint16_t start, size;
	struct bus_ops ops;
} rows[] = {
    {0x60, 1, {read_zero, NULL}}, /* the keyboard's controller: 0x60 and 0x64 */
    {0x61, 1, {read_timer, NULL}},
    {0x64, 1, {read_zero, write_controller}},
    {0x70, 2, {read_zero, NULL}}, /* the real-time clock: not in the middle of an update */
    {0xcf9, 1, {NULL, write_pci_reset}},
    {LAYOUT_PORT_PANIC, 1, {read_panic, write_panic}},
    {LAYOUT_PORT_RESET, 1, {read_zero, write_reset}},
    {LAYOUT_PORT_SLEEP, 1, {read_zero, write_sleep}},
    {LAYOUT_PORT_SLEEP_STATUS, 1, {read_zero, NULL}},
};

int ports_add(struct bus *b, struct ports *p, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows) && ret == 0; i++)
		ret = bus_add(b, rows[i].start, rows[i].size, &rows[i].ops, p, err);
	return ret;
}
