/* probe.c: see probe.h. */
#include "vmm/probe.h"

#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "base/auto.h"
#include "base/table.h"
#include "vmm/kvm.h"
#include "vmm/memory.h"
#include "vmm/x86_64/layout.h"

#define CODE_AT 0x1000
#define CODE_SIZE 0x2000 /* of memory */
#define ITERATION 2	 /* instructions */
#define ROUND 10000	 /* instructions */
#define MILLION 1000000
#define ROUNDS 50	 /* before we believe that it is slow: the processor may have had other things to do */

const char *const probe_result_names[] = {"good", "absent", "forbidden", "lacking", "broken", "slow", NULL};
NAMES_COMPLETE(probe_result_names, PROBE_RESULT_MAX);

/* Real mode: counts ecx down and says so, for ever. What is in ecx comes from outside. */
static const unsigned char code[] = {
    0x66, 0x49,	      /* again: dec ecx */
    0x75, 0xfc,	      /* jnz again */
    0xe6, 0x10,	      /* out 0x10, al */
    0xeb, 0xf8,	      /* jmp again */
};

struct stub {
	int vm, vcpu;
	struct memory *memory;
	struct kvm_run *run;
	size_t run_size;
};

static void stub_end(struct stub *s)
{
	if (s->run != MAP_FAILED)
		munmap(s->run, s->run_size);
	auto_closep(&s->vcpu);
	auto_closep(&s->vm);
	memory_free(s->memory);
}

static int stub_make_machine(struct stub *s, int kvm, struct error *err)
{
	struct kvm_userspace_memory_region region = {.guest_phys_addr = 0, .memory_size = CODE_SIZE};
	int ret = memory_new(CODE_SIZE, &s->memory, err);

	if (ret < 0)
		return ret;
	memcpy(memory_at(s->memory, CODE_AT, sizeof(code)), code, sizeof(code));
	region.userspace_addr = (uintptr_t)memory_at(s->memory, 0, CODE_SIZE);
	s->vm = ioctl(kvm, KVM_CREATE_VM, 0UL);
	if (s->vm < 0)
		return error_errno(err, "make a virtual machine (KVM_CREATE_VM)");
	if (ioctl(s->vm, KVM_SET_TSS_ADDR, (unsigned long)LAYOUT_TSS) < 0)
		return error_errno(err, "place KVM's own pages (KVM_SET_TSS_ADDR)");
	if (ioctl(s->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return error_errno(err, "give the machine its memory (KVM_SET_USER_MEMORY_REGION)");
	return 0;
}

static int stub_make_processor(struct stub *s, int kvm, struct error *err)
{
	struct kvm_regs regs = {.rip = CODE_AT, .rflags = 2};
	struct kvm_sregs sregs;
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	s->vcpu = ioctl(s->vm, KVM_CREATE_VCPU, 0UL);
	if (s->vcpu < 0 || size < 0)
		return error_errno(err, "make a processor (KVM_CREATE_VCPU)");
	s->run_size = (size_t)size;
	s->run = mmap(NULL, s->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, s->vcpu, 0);
	if (s->run == MAP_FAILED)
		return error_errno(err, "map a processor");
	if (ioctl(s->vcpu, KVM_GET_SREGS, &sregs) < 0)
		return error_errno(err, "get a processor's registers (KVM_GET_SREGS)");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(s->vcpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(s->vcpu, KVM_SET_REGS, &regs) < 0)
		return error_errno(err, "set a processor's registers (KVM_SET_SREGS, KVM_SET_REGS)");
	return 0;
}

/* Waiting for others to let us run is not counted. */
static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int stub_count(struct stub *s, uint64_t instructions, uint64_t *ns, struct error *err)
{
	struct kvm_regs regs = {.rip = CODE_AT, .rflags = 2, .rcx = instructions / ITERATION};
	uint64_t start;
	int ret;

	if (ioctl(s->vcpu, KVM_SET_REGS, &regs) < 0)
		return error_errno(err, "set a processor's registers (KVM_SET_REGS)");
	start = now();
	do
		ret = ioctl(s->vcpu, KVM_RUN, 0);
	while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	*ns = now() - start;
	if (ret < 0)
		return error_errno(err, "run a guest (KVM_RUN)");
	if (s->run->exit_reason != KVM_EXIT_IO || s->run->io.port != 0x10)
		return error_set(err, -EIO, "run a guest: it ended with exit %u of KVM in place of its own", s->run->exit_reason);
	/* KVM finishes an access only when it enters again: it must not count it to the next round. */
	s->run->immediate_exit = 1;
	ioctl(s->vcpu, KVM_RUN, 0);
	s->run->immediate_exit = 0;
	return 0;
}

/* The best of some rounds, and the first that is good enough: a host with much to do is not taken for one that emulates. */
static int stub_measure(struct stub *s, uint64_t *ns, struct error *err)
{
	uint64_t best = UINT64_MAX, one = 0;

	for (int i = 0; i < ROUNDS && best > PROBE_SLOW_NS; i++) {
		int ret = stub_count(s, ROUND, &one, err);

		if (ret < 0)
			return ret;
		one *= MILLION / ROUND;
		if (i > 0 && one < best) /* the first one also pays for the guest's first pages */
			best = one;
	}
	*ns = best ? best : 1;
	return 0;
}

static int measure(int kvm, uint64_t *ns, struct error *err)
{
	struct stub s = {-EBADF, -EBADF, NULL, MAP_FAILED, 0};
	int ret = stub_make_machine(&s, kvm, err);

	if (ret == 0)
		ret = stub_make_processor(&s, kvm, err);
	if (ret == 0)
		ret = stub_measure(&s, ns, err);
	stub_end(&s);
	return ret;
}

bool probe_accepts_slow(void)
{
	const char *v = getenv("NACRE_KVM_SLOW");

	return v && *v && strcmp(v, "0");
}

void vm_probe(struct probe *out)
{
	auto_close int kvm = -EBADF;
	int ret;

	*out = (struct probe){PROBE_GOOD, 0, ERROR_NONE};
	ret = kvm_open(&kvm, &out->error);
	if (ret < 0) {
		out->result = ret == -EACCES || ret == -EPERM ? PROBE_FORBIDDEN : PROBE_ABSENT;
		return;
	}
	if (kvm_check(kvm, &out->error) < 0) {
		out->result = PROBE_LACKING;
		return;
	}
	if (measure(kvm, &out->ns, &out->error) < 0) {
		out->result = PROBE_BROKEN;
		return;
	}
	if (out->ns <= PROBE_SLOW_NS)
		return;
	out->result = PROBE_SLOW;
	error_set(&out->error, -EOPNOTSUPP,
		  KVM_PATH ": it emulates: a million instructions take %llu ms; set NACRE_KVM_SLOW=1 to use it all the same",
		  (unsigned long long)(out->ns / 1000000));
}
