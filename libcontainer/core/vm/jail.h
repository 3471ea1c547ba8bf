/* jail.h: the monitor locks itself in, before the guest runs its first instruction.
 *
 * What it keeps are its descriptors and the namespaces of the bundle: engines look at those. All else goes: an empty read-only root in a mount
 * namespace of its own, no capability in any set, no_new_privs, Landlock where the kernel has it (no file, no port, no signal or abstract
 * socket beyond itself), no core dump, no tracer, no page that is written and then executed. The filters of system calls (vmm/filter.h) come with
 * the threads.
 */
#ifndef CORE_VM_JAIL_H
#define CORE_VM_JAIL_H

#include <stdint.h>

#include "base/error.h"

/* Before there are children or a guest's memory; all of it goes on to children. What has no path and no privilege: no tracer, no core dump, no
 * memory that is written and then executed (Linux 6.3), none that is merged with other processes' (Linux 6.4), and where processors share a
 * core, a core that is shared with nobody else's threads (Linux 5.14, CONFIG_SCHED_CORE). */
int vm_jail_prepare(struct error *err);
/* Before there is a broker: what a guest that has broken out of its kernel could ask of it, and the container was never to have, is given up.
 * That is to make device nodes and programs with capabilities, in volumes that the host's users may reach too. bounding: the container's
 * capabilities, bit n is capability n. */
int vm_jail_give_up(uint64_t bounding, struct error *err);
/* One thread still. Everything that has a path has been opened. */
int vm_jail_enter(struct error *err);
/* All of it but the root: for a process on the host that only stands for one in a guest, and hears nobody but the monitor. */
int vm_jail_stand_by(struct error *err);

#endif
