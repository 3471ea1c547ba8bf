/* inner.h: what a machine is made of; for vm.c and build.c alone. */
#ifndef VMM_INNER_H
#define VMM_INNER_H

#include "vmm/serial.h"
#include "vmm/vcpu.h"
#include "vmm/virtio/mmio.h"
#include "vmm/vm.h"
#include "vmm/worker.h"
#include "vmm/x86_64/ports.h"

/* A device with what belongs to it alone. */
struct slot {
	struct device *device;
	struct mmio transport;
	struct worker *worker; /* NULL: it shares vm->worker */
};

struct vm {
	int kvm; /* only while it is being made */
	bool kvm_is_ours;
	int fd;
	struct memory *memory;
	gpa_t entry;
	struct bus ports, mmio;
	struct serial serial;
	int serial_irq;
	struct ports exits;
	struct slot slots[VM_DEVICES_MAX];
	size_t n_slots;
	struct worker *worker;
	struct vcpu *vcpus;
	unsigned int n_vcpus;

	int (*enter_vcpu)(void *data, struct error *err);
	int (*enter_worker)(void *data, struct error *err);
	void *enter_data;

	pthread_mutex_t lock; /* of what follows, and of starting and stopping processors */
	enum vm_end why;
	struct error error; /* more about it; code 0: nothing */
	int ended;	    /* an eventfd: the end is known */
};

/* Makes the parts in their order; what was made is freed by vm_free(), also after a failure. */
int vm_build(struct vm *vm, const struct vm_config *config, struct error *err);
/* The end, if there was none before. err may be NULL. */
void vm_end(struct vm *vm, enum vm_end why, const struct error *err);

#endif
