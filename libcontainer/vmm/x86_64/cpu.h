/* cpu.h: a processor as the 64-bit boot protocol wants to find it. */
#ifndef VMM_X86_64_CPU_H
#define VMM_X86_64_CPU_H

#include <linux/kvm.h>

#include "vmm/memory.h"

#define CPU_VCPUS_MAX 254 /* what can be numbered by an APIC without extensions */

/* What KVM can show a guest: KVM_GET_SUPPORTED_CPUID, less what it is not to have. */
struct cpu_features {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[256];
};

/* kvm: a descriptor on /dev/kvm. Adds the TSC-deadline timer where KVM has it (deadline). */
int cpu_features(int kvm, bool deadline, struct cpu_features *out, struct error *err);
/* The same, for processor i of n: its number, and how they lie together. */
void cpu_features_of(struct cpu_features *f, unsigned int i, unsigned int n);
/* How many bits of a physical address there are. */
unsigned int cpu_address_bits(const struct cpu_features *f);

/* The descriptor table, and page tables that map the first 4 GiB to themselves. -EFAULT. */
int cpu_write_tables(const struct memory *m, struct error *err);
/* CPUID, then what depends on it: MSRs, floating point, the APIC's lines. f is changed. */
int cpu_init(int vcpu, struct cpu_features *f, unsigned int i, unsigned int n, struct error *err);
/* The first processor into long mode, at `entry`; the others wait until the guest wakes them. */
int cpu_enter(int vcpu, gpa_t entry, struct error *err);

#endif
