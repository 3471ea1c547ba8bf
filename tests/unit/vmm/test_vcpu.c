/* test_vcpu.c: what a processor does with each way out of the guest; without a guest. And what it is shown to be. */
#include "vmm/vcpu.h"

#include <criterion/criterion.h>
#include <linux/kvm.h>
#include <string.h>
#include <unistd.h>

#include "vmm/kvm.h"
#include "vmm/x86_64/cpu.h"

static struct {
	struct kvm_run run;
	unsigned char data[4096];
} shared;
static struct bus ports, mmio;
static struct vcpu vcpu;
static enum vm_end ended;
static struct error said;
static unsigned int ends, writes;
static uint64_t written;

static void on_end(void *data, enum vm_end why, const struct error *err)
{
	ends++;
	ended = why;
	said = err ? *err : ERROR_NONE;
}

static void on_read(void *data, uint32_t at, void *to, uint32_t len)
{
	memset(to, (int)at + 1, len);
}

static void on_write(void *data, uint32_t at, const void *from, uint32_t len)
{
	writes++;
	written = at;
	memcpy(&written, from, len);
}

static const struct bus_ops ops = {on_read, on_write};

static void setup(void)
{
	vcpu = (struct vcpu){.number = 7, .ports = &ports, .mmio = &mmio, .end = on_end};
	bus_add(&ports, 0x10, 4, &ops, NULL, NULL);
	bus_add(&mmio, 0xd0000000, 0x1000, &ops, NULL, NULL);
	shared.run.io.data_offset = sizeof(shared.run);
}

TestSuite(vcpu, .init = setup);

static int leave(uint32_t reason)
{
	shared.run.exit_reason = reason;
	return vcpu_handle(&vcpu, &shared.run);
}

static void port(uint8_t direction, uint16_t at, uint8_t size, uint32_t count)
{
	shared.run.io.direction = direction;
	shared.run.io.port = at;
	shared.run.io.size = size;
	shared.run.io.count = count;
	cr_assert_eq(leave(KVM_EXIT_IO), 0);
}

Test(vcpu, ports)
{
	port(KVM_EXIT_IO_IN, 0x11, 2, 1);
	cr_assert_eq(memcmp(shared.data, "\2\2\0", 3), 0);
	port(KVM_EXIT_IO_IN, 0x12, 1, 5); /* a string instruction */
	cr_assert_eq(memcmp(shared.data, "\3\3\3\3\3\0", 6), 0);
	port(KVM_EXIT_IO_IN, 0x99, 4, 1);
	cr_assert_eq(memcmp(shared.data, "\xff\xff\xff\xff", 4), 0);
	memcpy(shared.data, "abc", 3);
	port(KVM_EXIT_IO_OUT, 0x10, 1, 3);
	cr_assert_eq(writes, 3);
	cr_assert_eq(written, 'c');
	port(KVM_EXIT_IO_OUT, 0x99, 4, 1);
	cr_assert_eq(writes, 3);
	cr_assert_eq(ends, 0);
}

Test(vcpu, memory)
{
	shared.run.mmio.phys_addr = 0xd0000ffc;
	shared.run.mmio.len = 4;
	cr_assert_eq(leave(KVM_EXIT_MMIO), 0);
	cr_assert_eq(memcmp(shared.run.mmio.data, "\xfd\xfd\xfd\xfd\0", 5), 0);
	shared.run.mmio.phys_addr = 0xfffffffffffffff8;
	shared.run.mmio.len = 8;
	cr_assert_eq(leave(KVM_EXIT_MMIO), 0);
	cr_assert_eq(memcmp(shared.run.mmio.data, "\xff\xff\xff\xff\xff\xff\xff\xff", 8), 0);
	shared.run.mmio.phys_addr = 0xd0000000;
	shared.run.mmio.len = 2;
	shared.run.mmio.is_write = 1;
	memcpy(shared.run.mmio.data, "ab", 2);
	cr_assert_eq(leave(KVM_EXIT_MMIO), 0);
	cr_assert_eq(writes, 1);
	cr_assert_eq(written & 0xffff, 'a' | 'b' << 8);
	cr_assert_eq(ends, 0);
}

Test(vcpu, ends)
{
	cr_assert_eq(leave(KVM_EXIT_INTR), 0);
	cr_assert_eq(leave(KVM_EXIT_HLT), 0);
	cr_assert_eq(ends, 0);
	cr_assert_eq(leave(KVM_EXIT_SHUTDOWN), 1);
	cr_assert_eq(ended, VM_CRASHED);
	cr_assert_str_eq(said.msg, "processor 7: a triple fault");
	shared.run.internal.suberror = 1;
	cr_assert_eq(leave(KVM_EXIT_INTERNAL_ERROR), 1);
	cr_assert_str_eq(said.msg, "processor 7: KVM cannot run what the guest asks for (0x1)");
	cr_assert_eq(leave(KVM_EXIT_FAIL_ENTRY), 1);
	cr_assert_eq(leave(12345), 1);
	cr_assert_str_eq(said.msg, "processor 7: an exit that is not known (0x3039)");
	cr_assert_eq(ended, VM_CRASHED);
	shared.run.system_event.type = KVM_SYSTEM_EVENT_SHUTDOWN;
	cr_assert_eq(leave(KVM_EXIT_SYSTEM_EVENT), 1);
	cr_assert_eq(ended, VM_POWERED_OFF);
	shared.run.system_event.type = KVM_SYSTEM_EVENT_RESET;
	cr_assert_eq(leave(KVM_EXIT_SYSTEM_EVENT), 1);
	cr_assert_eq(ended, VM_RESET);
	shared.run.system_event.type = KVM_SYSTEM_EVENT_CRASH;
	cr_assert_eq(leave(KVM_EXIT_SYSTEM_EVENT), 1);
	cr_assert_eq(ended, VM_PANICKED);
	shared.run.system_event.type = 99;
	cr_assert_eq(leave(KVM_EXIT_SYSTEM_EVENT), 1);
	cr_assert_eq(ended, VM_CRASHED);
}

static struct kvm_cpuid_entry2 *add(struct cpu_features *f, uint32_t function, uint32_t index)
{
	struct kvm_cpuid_entry2 *e = &f->entries[f->head.nent++];

	*e = (struct kvm_cpuid_entry2){.function = function, .index = index, .eax = 0xffffffff, .ebx = 0xffffffff, .ecx = 0xffffffff, .edx = 0xffffffff};
	return e;
}

/* Each is told its own number, and the numbers agree with each other. */
Test(cpu, places)
{
	static struct cpu_features f;
	struct kvm_cpuid_entry2 *one = add(&f, 1, 0), *thread = add(&f, 0xb, 0), *core = add(&f, 0xb, 1), *none = add(&f, 0xb, 2);
	struct kvm_cpuid_entry2 *amd = add(&f, 0x80000008, 0), *node = add(&f, 0x8000001e, 0), *cache = add(&f, 4, 0);

	amd->eax = 40;
	cache->eax = 1 | 1 << 5; /* data, first level */
	cr_assert_eq(cpu_address_bits(&f), 40);
	cpu_features_of(&f, 2, 3);
	cr_assert_eq(one->ebx >> 24, 2);
	cr_assert_eq(one->ebx >> 16 & 0xff, 3);
	cr_assert(one->edx & 1 << 28);
	cr_assert_eq(thread->edx, 2);
	cr_assert_eq(thread->eax, 0);
	cr_assert_eq(thread->ebx, 1);
	cr_assert_eq(thread->ecx, 0x100);
	cr_assert_eq(core->eax, 2);
	cr_assert_eq(core->ebx, 3);
	cr_assert_eq(core->ecx, 0x201);
	cr_assert_eq(none->ebx, 0);
	cr_assert_eq(none->ecx, 2);
	cr_assert_eq(amd->ecx & 0xff, 2);
	cr_assert_eq(amd->ecx >> 12 & 0xf, 2);
	cr_assert_eq(node->eax, 2);
	cr_assert_eq(cache->eax >> 14 & 0xfff, 0);
	cr_assert_eq(cache->eax >> 26, 2);
	cpu_features_of(&f, 0, 1);
	cr_assert_eq(one->ebx >> 24, 0);
	cr_assert_not(one->edx & 1 << 28);
	cr_assert_eq(core->eax, 0);
}

/* As this host's KVM says, less what would show a guest more than itself. */
Test(cpu, features)
{
	static struct cpu_features f;
	bool one = false;
	int kvm = -EBADF;

	if (kvm_open(&kvm, NULL) < 0)
		cr_skip_test("no /dev/kvm for us");
	for (int deadline = 0; deadline < 2; deadline++) {
		cr_assert_eq(cpu_features(kvm, deadline, &f, NULL), 0);
		for (size_t i = 0; i < f.head.nent; i++) {
			const struct kvm_cpuid_entry2 *e = &f.entries[i];

			if (e->function == 1) {
				one = true;
				cr_expect(e->ecx & 1u << 31);
				cr_expect_not(e->ecx & 1u << 5);
				cr_expect_eq(e->ecx >> 24 & 1, (unsigned int)deadline);
			}
			if (e->function == 0x80000001)
				cr_expect_not(e->ecx & 1u << 2);
			if (e->function == 0xa)
				cr_expect_eq(e->eax, 0);
		}
	}
	cr_assert(one);
	cr_assert_geq(cpu_address_bits(&f), 36);
	close(kvm);
}

Test(cpu, no_memory_for_tables)
{
	struct memory *small = NULL;

	cr_assert_eq(memory_new(4096, &small, NULL), 0);
	cr_assert_eq(cpu_write_tables(small, NULL), -EFAULT);
	memory_free(small);
}
