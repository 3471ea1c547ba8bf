/* vcpu.h: a processor of the guest: a thread that runs it and answers its accesses. */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>

#include "vmm/bus.h"
#include "vmm/vm.h"

struct kvm_run;

struct vcpu {
	int fd;
	unsigned int number;
	struct kvm_run *run;
	size_t run_size;
	const struct bus *ports, *mmio;
	/* The guest cannot go on, or does not want to. On the processor's thread; err (may be NULL) says more. */
	void (*end)(void *data, enum vm_end why, const struct error *err);
	void *data;
	pthread_t thread;
	bool started;
	bool stop; /* atomic */
	sem_t entered;
	int (*enter)(void *data, struct error *err);
	void *enter_data;
	int result;
	struct error error;
};

/* Processor `number` of the machine vm; run_size as KVM_GET_VCPU_MMAP_SIZE says. vcpu_fini() also after a failure. */
int vcpu_init(struct vcpu *c, int vm, unsigned int number, size_t run_size, struct error *err);
/* The thread; returns when it has run `enter`, with its error. */
int vcpu_start(struct vcpu *c, int (*enter)(void *data, struct error *err), void *data, struct error *err);
/* Soon it does not run any more. From any thread, its own too. */
void vcpu_stop(struct vcpu *c);
/* Waits for its thread, which must have been stopped. Fine twice, and without a thread. */
void vcpu_join(struct vcpu *c);
void vcpu_fini(struct vcpu *c);

/* What a processor does with one exit: 0, or 1 when it has called c->end(). Apart, so that it can be tested and fuzzed without KVM. */
int vcpu_handle(struct vcpu *c, struct kvm_run *run);

#endif
