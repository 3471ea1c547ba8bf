/* probe.h: can this host run virtual machines, and fast enough? */
#ifndef VMM_PROBE_H
#define VMM_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* A million instructions take a real processor less than a millisecond, and an emulated one that runs a real machine (QEMU without KVM) some
 * tens. A KVM that needs longer emulates each instruction itself: a Linux kernel would boot for many minutes. */
#define PROBE_SLOW_NS UINT64_C(100000000)

enum probe_result {
	PROBE_GOOD,
	PROBE_ABSENT,    /* no /dev/kvm */
	PROBE_FORBIDDEN, /* it is not for this user */
	PROBE_LACKING,   /* it lacks what a machine needs */
	PROBE_BROKEN,    /* it cannot run the simplest program */
	PROBE_SLOW,      /* it emulates */
	PROBE_RESULT_MAX,
};
extern const char *const probe_result_names[PROBE_RESULT_MAX + 1];

struct probe {
	enum probe_result result;
	uint64_t ns;        /* processor time for a million instructions, from shorter runs; 0 where it was not measured */
	struct error error; /* unless PROBE_GOOD: what is wrong and what to do about it, in one line */
};

/* Opens /dev/kvm, asks, and lets a guest of one page run a loop: a millisecond or two; a quarter of a second where KVM is slow. */
void vm_probe(struct probe *out);
/* Does the caller take a slow one all the same? $NACRE_KVM_SLOW is set, and is neither empty nor "0". */
bool probe_accepts_slow(void);

#endif
