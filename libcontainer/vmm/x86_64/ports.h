/* ports.h: the few ports through which a PC's kernel ends or resets its machine, and those it looks at in passing. */
#ifndef VMM_X86_64_PORTS_H
#define VMM_X86_64_PORTS_H

#include "vmm/bus.h"
#include "vmm/vm.h"

struct ports {
	void (*end)(void *data, enum vm_end why); /* the guest wants it; any processor's thread */
	void *data;
};

/* Adds them to the bus of ports. p stays the caller's, as long as the bus. */
int ports_add(struct bus *b, struct ports *p, struct error *err);

#endif
