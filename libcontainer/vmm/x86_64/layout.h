/* layout.h: what lies where in the guest's physical address space.
 *
 *   0x000500            the descriptor table and the identity page tables of the first processor's first instructions
 *   0x007000            the zero page (Documentation/arch/x86/zero-page.rst of the kernel)
 *   0x020000            the command line
 *   0x09fc00            reserved up to 1 MiB, as on every PC: the ACPI tables lie there, and the BIOS
 *   0x100000            memory up to 3 GiB: the kernel where it wants to be, the initial RAM disk at the top
 *   0xc0000000          the hole: registers
 *   0x100000000         the rest of memory
 */
#ifndef VMM_X86_64_LAYOUT_H
#define VMM_X86_64_LAYOUT_H

#include <stdint.h>

#define LAYOUT_GDT           UINT64_C(0x500)
#define LAYOUT_IDT           UINT64_C(0x520) /* empty: an exception before the kernel has its own is a triple fault */
#define LAYOUT_SETUP_DATA    UINT64_C(0x6000) /* the random seed */
#define LAYOUT_ZERO_PAGE     UINT64_C(0x7000)
#define LAYOUT_STACK         UINT64_C(0x8ff0)
#define LAYOUT_PAGE_TABLES   UINT64_C(0x9000) /* PML4, PDPT, four directories: six pages */
#define LAYOUT_COMMAND_LINE  UINT64_C(0x20000)
#define LAYOUT_COMMAND_LINE_MAX 0x10000
#define LAYOUT_LOW_END       UINT64_C(0x9fc00)
#define LAYOUT_RSDP          UINT64_C(0xe0000)
#define LAYOUT_TABLES        UINT64_C(0xe1000)
#define LAYOUT_TABLES_END    UINT64_C(0xff000)
#define LAYOUT_BIOS_ENTRY    UINT64_C(0xffff0) /* where a processor begins after a reset */
#define LAYOUT_HIGH_START    UINT64_C(0x100000)

/* Memory beyond the hole goes on at 4 GiB. */
#define LAYOUT_HOLE          UINT64_C(0xc0000000)
#define LAYOUT_HOLE_END      UINT64_C(0x100000000)

/* A device each, with an interrupt of its own: the I/O APIC has 24, the first five are a PC's. */
#define LAYOUT_MMIO          UINT64_C(0xd0000000)
#define LAYOUT_MMIO_STEP     UINT64_C(0x1000)
#define LAYOUT_MMIO_GSI      5
#define LAYOUT_GSI_MAX       23

#define LAYOUT_IOAPIC        UINT64_C(0xfec00000)
#define LAYOUT_LAPIC         UINT64_C(0xfee00000)
/* Three pages and one that KVM itself needs on Intel processors: in the hole, where no memory is. */
#define LAYOUT_TSS           UINT64_C(0xfffbd000)
#define LAYOUT_IDENTITY_MAP  UINT64_C(0xfffbc000)

/* Ports. */
#define LAYOUT_PORT_COM1     0x3f8
#define LAYOUT_GSI_COM1      4
#define LAYOUT_PORT_PANIC    0x505 /* pvpanic */
#define LAYOUT_PORT_RESET    0x604 /* ACPI reset register */
#define LAYOUT_PORT_SLEEP    0x605 /* ACPI sleep control */
#define LAYOUT_PORT_SLEEP_STATUS 0x606

#endif
