/* clients.h: who talks to the monitor over its control socket (control.h): exec, kill, update, events. On the monitor's loop. */
#ifndef CORE_VM_CLIENTS_H
#define CORE_VM_CLIENTS_H

#include "base/loop.h"
#include "core/agent/host.h"

struct vm_clients;

/* balloon: the machine's (vmm/virtio/balloon.h); control: listening; both borrowed. Lives as long as the process. */
struct device;
int vm_clients_new(struct agent_host *agent, struct device *balloon, struct loop *loop, int control, struct vm_clients **out, struct error *err);
/* Process `id` (not 0) has ended: from agent_host_events. */
void vm_clients_exited(struct vm_clients *c, uint32_t id, int status);
/* The container has ended, and so many were killed for memory: to whoever watches. */
void vm_clients_end(struct vm_clients *c, uint64_t oom_kills);

#endif
