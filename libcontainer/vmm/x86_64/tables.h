/* tables.h: the ACPI tables by which the guest finds its processors and devices (ACPI 6.4).
 *
 * Hardware-reduced ACPI (section 4.1): no PM timer, no SCI; sleep and reset are each one register. XSDT, FADT, MADT and a DSDT with
 * a LNRO0005 for each virtio-mmio device, the serial port and pvpanic. Nothing else: what is not declared is not probed.
 */
#ifndef VMM_X86_64_TABLES_H
#define VMM_X86_64_TABLES_H

#include "vmm/memory.h"

/* Writes them between LAYOUT_RSDP and LAYOUT_TABLES_END. -ENOSPC where they do not fit, -EFAULT where there is no memory. */
int tables_write(const struct memory *m, unsigned int vcpus, size_t devices, struct error *err);

#endif
