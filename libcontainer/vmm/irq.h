/* irq.h: interrupts and notifications as eventfds: afterwards neither side needs an ioctl, nor an exit of the processor. */
#ifndef VMM_IRQ_H
#define VMM_IRQ_H

#include <stdint.h>

#include "base/error.h"

/* An eventfd (the caller's): each write is an edge on the line `gsi` of the machine `vm` (KVM_IRQFD). */
int irq_new(int vm, uint32_t gsi, int *fd, struct error *err);
/* The guest's write of `value`, 4 bytes, at `at` in memory is a write to `fd` (KVM_IOEVENTFD); the processor goes on at once. */
int irq_notify(int vm, uint64_t at, uint32_t value, int fd, struct error *err);
/* Any thread. */
void irq_raise(int fd);

#endif
