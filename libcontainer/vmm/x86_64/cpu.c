/* cpu.c: see cpu.h. */
#include "vmm/x86_64/cpu.h"

#include <string.h>
#include <sys/ioctl.h>

#include "base/table.h"
#include "vmm/x86_64/layout.h"

/* AMD's and Intel's manuals agree about these. */
enum {
	CR0_PE = 1 << 0, CR4_PAE = 1 << 5, EFER_LME = 1 << 8, EFER_LMA = 1 << 10,
	SELECTOR_CODE = 8, SELECTOR_DATA = 16, SELECTOR_TASK = 24,
	APIC_LINT0 = 0x350, APIC_LINT1 = 0x360, APIC_MODE = 7 << 8, APIC_EXTINT = 7 << 8, APIC_NMI = 4 << 8,
};
#define CR0_PG (UINT64_C(1) << 31)
#define GDT_CODE UINT64_C(0x00af9b000000ffff) /* 64 bits, flat */
#define GDT_DATA UINT64_C(0x00cf93000000ffff)
#define GDT_TASK UINT64_C(0x008f8b000000ffff)
#define PAGE_PRESENT 3 /* and writable */
#define PAGE_LARGE 0x80

static void set_bits(uint32_t *v, unsigned int at, unsigned int n, uint32_t to)
{
	uint32_t mask = ((1u << n) - 1) << at;

	*v = (*v & ~mask) | (to << at & mask);
}

int cpu_features(int kvm, bool deadline, struct cpu_features *out, struct error *err)
{
	*out = (struct cpu_features){.head.nent = ARRAY_LEN(out->entries)};
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, out) < 0)
		return error_errno(err, "ask KVM for the processor's features (KVM_GET_SUPPORTED_CPUID)");
	for (size_t i = 0; i < out->head.nent; i++) {
		struct kvm_cpuid_entry2 *e = &out->entries[i];

		switch (e->function) {
		case 1:
			e->ecx |= 1u << 31; /* there is a hypervisor */
			e->ecx &= ~(1u << 5 | 1u << 15); /* no VMX: guests of the guest are not offered; no counters, see below */
			set_bits(&e->ecx, 24, 1, deadline);
			break;
		case 0x80000001:
			e->ecx &= ~(1u << 2 | 1u << 23 | 1u << 24 | 1u << 28); /* no SVM, no counters */
			break;
		case 0xa:	 /* no performance counters: a way to watch the host */
		case 0x80000022:
		case 0x8000000a: /* SVM's details */
			e->eax = e->ebx = e->ecx = e->edx = 0;
			break;
		}
	}
	return 0;
}

unsigned int cpu_address_bits(const struct cpu_features *f)
{
	for (size_t i = 0; i < f->head.nent; i++)
		if (f->entries[i].function == 0x80000008)
			return f->entries[i].eax & 0xff;
	return 36;
}

/* Bits to number n things. */
static unsigned int width(unsigned int n)
{
	unsigned int bits = 0;

	while (1u << bits < n)
		bits++;
	return bits;
}

/* Caches (Intel leaf 4, AMD 0x8000001d): the first two levels are a processor's own, the others all share. */
static void share_cache(struct kvm_cpuid_entry2 *e, unsigned int n)
{
	unsigned int level = e->eax >> 5 & 7;

	if (e->eax & 0x1f)
		set_bits(&e->eax, 14, 12, level > 2 ? n - 1 : 0);
}

/* Leaves 0xb and 0x1f: one thread a core, n cores a package. */
static void place_core(struct kvm_cpuid_entry2 *e, unsigned int i, unsigned int n)
{
	enum { THREAD = 1, CORE = 2 };

	e->eax = e->ebx = 0;
	e->ecx = e->index & 0xff;
	e->edx = i;
	if (e->index == 0) {
		e->ebx = 1;
		e->ecx |= THREAD << 8;
	} else if (e->index == 1) {
		e->eax = width(n);
		e->ebx = n;
		e->ecx |= CORE << 8;
	}
}

void cpu_features_of(struct cpu_features *f, unsigned int i, unsigned int n)
{
	for (size_t k = 0; k < f->head.nent; k++) {
		struct kvm_cpuid_entry2 *e = &f->entries[k];

		switch (e->function) {
		case 1:
			set_bits(&e->ebx, 24, 8, i);
			set_bits(&e->ebx, 16, 8, n);
			set_bits(&e->edx, 28, 1, n > 1); /* the number above counts */
			break;
		case 4:
			share_cache(e, n);
			if (e->eax & 0x1f)
				set_bits(&e->eax, 26, 6, n > 64 ? 63 : n - 1);
			break;
		case 0xb:
		case 0x1f:
			place_core(e, i, n);
			break;
		case 0x80000008:
			set_bits(&e->ecx, 0, 8, n - 1);
			set_bits(&e->ecx, 12, 4, width(n));
			break;
		case 0x8000001d:
			share_cache(e, n);
			break;
		case 0x8000001e:
			e->eax = i;
			e->ebx = i & 0xff; /* a core of one thread */
			e->ecx = 0;
			break;
		}
	}
}

int cpu_write_tables(const struct memory *m, struct error *err)
{
	static const uint64_t gdt[] = {0, GDT_CODE, GDT_DATA, GDT_TASK};
	enum { ENTRIES = 512, GIBS = 4 };
	void *to = memory_at(m, LAYOUT_GDT, sizeof(gdt));
	uint64_t *table = memory_at(m, LAYOUT_PAGE_TABLES, (2 + GIBS) * 4096);

	if (!to || !table)
		return error_set(err, -EFAULT, "no memory for the first page tables");
	memcpy(to, gdt, sizeof(gdt));
	table[0] = (LAYOUT_PAGE_TABLES + 4096) | PAGE_PRESENT;
	for (uint64_t i = 0; i < GIBS; i++)
		table[ENTRIES + i] = (LAYOUT_PAGE_TABLES + (2 + i) * 4096) | PAGE_PRESENT;
	for (uint64_t i = 0; i < GIBS * ENTRIES; i++)
		table[2 * ENTRIES + i] = i << 21 | PAGE_LARGE | PAGE_PRESENT;
	return 0;
}

static int set_msrs(int vcpu, struct error *err)
{
	/* What a reset leaves undefined or firmware would have set: system calls, time, string instructions, and memory cached
	 * unless the page tables say otherwise. */
	static const struct kvm_msr_entry entries[] = {
	    {.index = 0x174},				  /* SYSENTER_CS */
	    {.index = 0x175},				  /* SYSENTER_ESP */
	    {.index = 0x176},				  /* SYSENTER_EIP */
	    {.index = 0xc0000081},			  /* STAR */
	    {.index = 0xc0000082},			  /* LSTAR */
	    {.index = 0xc0000083},			  /* CSTAR */
	    {.index = 0xc0000084},			  /* SYSCALL_MASK */
	    {.index = 0xc0000102},			  /* KERNEL_GS_BASE */
	    {.index = 0x10},				  /* TSC */
	    {.index = 0x1a0, .data = 1},		  /* MISC_ENABLE: fast strings */
	    {.index = 0x2ff, .data = 1 << 11 | 6},	  /* MTRRdefType: on, write-back */
	};
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entries[ARRAY_LEN(entries)];
	} msrs = {.head.nmsrs = ARRAY_LEN(entries)};
	int n;

	memcpy(msrs.entries, entries, sizeof(entries));
	n = ioctl(vcpu, KVM_SET_MSRS, &msrs);
	if (n < 0)
		return error_errno(err, "set a processor's MSRs (KVM_SET_MSRS)");
	if (n < (int)ARRAY_LEN(entries))
		return error_set(err, -EIO, "KVM refuses MSR 0x%x", entries[n].index);
	return 0;
}

static int set_fpu(int vcpu, struct error *err)
{
	struct kvm_fpu fpu = {.fcw = 0x37f, .mxcsr = 0x1f80};

	if (ioctl(vcpu, KVM_SET_FPU, &fpu) < 0)
		return error_errno(err, "set a processor's floating point (KVM_SET_FPU)");
	return 0;
}

static int set_lines(int vcpu, struct error *err)
{
	struct kvm_lapic_state apic;
	uint32_t lines[2];

	if (ioctl(vcpu, KVM_GET_LAPIC, &apic) < 0)
		return error_errno(err, "get a processor's APIC (KVM_GET_LAPIC)");
	memcpy(&lines[0], apic.regs + APIC_LINT0, 4);
	memcpy(&lines[1], apic.regs + APIC_LINT1, 4);
	lines[0] = (lines[0] & ~(uint32_t)APIC_MODE) | APIC_EXTINT;
	lines[1] = (lines[1] & ~(uint32_t)APIC_MODE) | APIC_NMI;
	memcpy(apic.regs + APIC_LINT0, &lines[0], 4);
	memcpy(apic.regs + APIC_LINT1, &lines[1], 4);
	if (ioctl(vcpu, KVM_SET_LAPIC, &apic) < 0)
		return error_errno(err, "set a processor's APIC (KVM_SET_LAPIC)");
	return 0;
}

int cpu_enter(int vcpu, gpa_t entry, struct error *err)
{
	const struct kvm_segment code = {.limit = 0xffffffff, .selector = SELECTOR_CODE, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
	const struct kvm_segment data = {.limit = 0xffffffff, .selector = SELECTOR_DATA, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1};
	const struct kvm_segment task = {.limit = 0xfffff, .selector = SELECTOR_TASK, .type = 11, .present = 1, .g = 1};
	struct kvm_regs regs = {
	    .rip = entry,
	    .rsi = LAYOUT_ZERO_PAGE,
	    .rsp = LAYOUT_STACK,
	    .rbp = LAYOUT_STACK,
	    .rflags = 2,
	};
	struct kvm_sregs s;

	if (ioctl(vcpu, KVM_GET_SREGS, &s) < 0)
		return error_errno(err, "get a processor's registers (KVM_GET_SREGS)");
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.tr = task;
	s.gdt.base = LAYOUT_GDT;
	s.gdt.limit = 4 * 8 - 1;
	s.idt.base = LAYOUT_IDT;
	s.idt.limit = 0;
	s.cr3 = LAYOUT_PAGE_TABLES;
	s.cr4 |= CR4_PAE;
	s.cr0 |= CR0_PG | CR0_PE;
	s.efer |= EFER_LME | EFER_LMA;
	if (ioctl(vcpu, KVM_SET_SREGS, &s) < 0)
		return error_errno(err, "set a processor's registers (KVM_SET_SREGS)");
	if (ioctl(vcpu, KVM_SET_REGS, &regs) < 0)
		return error_errno(err, "set a processor's registers (KVM_SET_REGS)");
	return 0;
}

int cpu_init(int vcpu, struct cpu_features *f, unsigned int i, unsigned int n, struct error *err)
{
	int ret;

	cpu_features_of(f, i, n);
	if (ioctl(vcpu, KVM_SET_CPUID2, f) < 0)
		return error_errno(err, "set a processor's features (KVM_SET_CPUID2)");
	ret = set_msrs(vcpu, err);
	if (ret == 0)
		ret = set_fpu(vcpu, err);
	return ret < 0 ? ret : set_lines(vcpu, err);
}
