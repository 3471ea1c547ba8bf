/* irq.c: see irq.h. */
#include "vmm/irq.h"

#include <linux/kvm.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "base/auto.h"

int irq_new(int vm, uint32_t gsi, int *fd, struct error *err)
{
	auto_close int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct kvm_irqfd irq = {.gsi = gsi};

	if (event < 0)
		return error_errno(err, "make an eventfd for interrupt %u", gsi);
	irq.fd = (uint32_t)event;
	if (ioctl(vm, KVM_IRQFD, &irq) < 0)
		return error_errno(err, "connect interrupt %u (KVM_IRQFD)", gsi);
	*fd = TAKE_FD(event);
	return 0;
}

int irq_notify(int vm, uint64_t at, uint32_t value, int fd, struct error *err)
{
	struct kvm_ioeventfd event = {
	    .datamatch = value,
	    .addr = at,
	    .len = 4,
	    .fd = fd,
	    .flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
	};

	if (ioctl(vm, KVM_IOEVENTFD, &event) < 0)
		return error_errno(err, "connect the notification at 0x%llx (KVM_IOEVENTFD)", (unsigned long long)at);
	return 0;
}

void irq_raise(int fd)
{
	uint64_t one = 1;
	/* A counter that is full has been raised often enough. */
	ssize_t n = write(fd, &one, sizeof(one));

	(void)n;
}
