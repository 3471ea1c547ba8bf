/* exec.h: one more process in a guest, and the process on the host that stands for it. */
#ifndef CORE_VM_EXEC_H
#define CORE_VM_EXEC_H

#include "core/container.h"

/* The list of the kvm back end: HOST bears a process, which asks the monitor for one in the guest and lives as long as that one. What is done
 * to it is done to the other: signals go there, its end takes the other along, and it ends as the other ends. */
extern const struct stage *const exec_list_kvm[];

/* Ends this process as waitpid(2)'s status says: by the same signal where that can be. The first process of a pid namespace cannot kill
 * itself, and some signals end nobody; then 128 and the signal's number. */
_Noreturn void vm_end_as(int status);

#endif
