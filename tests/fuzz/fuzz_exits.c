/* fuzz_exits.c: a guest that touches any port and any register: the processor's side of the machine, the serial port and what ends it. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/serial.h"
#include "vmm/vcpu.h"
#include "vmm/x86_64/layout.h"
#include "vmm/x86_64/ports.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As KVM hands it over: the data of an access to a port lies behind, at most a page. */
static struct {
	struct kvm_run run;
	unsigned char data[4096];
} shared;

/* One exit in the input. */
struct step {
	uint8_t kind, size, count, direction;
	uint16_t port;
	uint8_t value[8];
} __attribute__((packed));

static unsigned int ends;

static void on_port_end(void *data, enum vm_end why)
{
	if (why <= VM_RUNNING || why >= VM_END_MAX)
		abort();
	ends++;
}

static void on_vcpu_end(void *data, enum vm_end why, const struct error *err)
{
	if (err && (err->code >= 0 || !*err->msg))
		abort();
	on_port_end(data, why);
}

static void fill(const struct step *s)
{
	static const uint8_t sizes[] = {1, 2, 4, 8};
	struct kvm_run *r = &shared.run;

	memset(r, 0, sizeof(*r));
	for (size_t i = 0; i < sizeof(shared.data); i++)
		shared.data[i] = s->value[i % sizeof(s->value)];
	switch (s->kind % 4) {
	case 0:
	case 1:
		r->exit_reason = KVM_EXIT_IO;
		r->io.direction = s->direction & 1;
		r->io.size = sizes[s->size % 3];
		r->io.count = 1 + s->count; /* 256 of 4 bytes fit */
		r->io.port = s->kind & 4 ? s->port : (uint16_t)(LAYOUT_PORT_COM1 + s->port % 8);
		r->io.data_offset = offsetof(__typeof__(shared), data);
		break;
	case 2:
		r->exit_reason = KVM_EXIT_MMIO;
		r->mmio.phys_addr = LAYOUT_MMIO + s->port;
		r->mmio.len = sizes[s->size % 4];
		r->mmio.is_write = s->direction & 1;
		memcpy(r->mmio.data, s->value, 8);
		break;
	default: /* what comes without data: those with data come from KVM, and are as above */
		r->exit_reason = s->port % 64;
		if (r->exit_reason == KVM_EXIT_IO || r->exit_reason == KVM_EXIT_MMIO)
			r->exit_reason = KVM_EXIT_SYSTEM_EVENT;
		memcpy(&r->system_event, s->value, sizeof(s->value));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int out = -1;
	static struct serial serial;
	static struct bus ports, mmio;
	static struct ports exits = {on_port_end, NULL};
	struct vcpu c = {.ports = &ports, .mmio = &mmio, .end = on_vcpu_end};
	struct step s;

	if (out < 0) {
		out = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (bus_add(&ports, LAYOUT_PORT_COM1, SERIAL_PORTS, &serial_ops, &serial, NULL) || ports_add(&ports, &exits, NULL))
			abort();
	}
	serial_init(&serial, out, -EBADF);
	for (; size >= sizeof(s); data += sizeof(s), size -= sizeof(s)) {
		memcpy(&s, data, sizeof(s));
		fill(&s);
		ends = 0;
		if (vcpu_handle(&c, &shared.run) && !ends)
			abort();
		if (serial.n >= sizeof(serial.text) || memchr(serial.panic, '\n', sizeof(serial.panic)))
			abort();
	}
	serial_flush(&serial);
	return 0;
}
