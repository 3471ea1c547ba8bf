/* size.h: how large a machine a container gets, and what its cgroup on the host must give then. */
#ifndef CORE_VM_SIZE_H
#define CORE_VM_SIZE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/isolation.h"

/* What the guest's kernel, the agent and its page tables take of the guest's memory (measured: 71 to 75 MB with Debian's kernels), with
 * room for what they grow by while files are read. */
#define VM_GUEST_OVERHEAD   (UINT64_C(96) << 20)
/* What the host's cgroup is charged beyond the guest's memory: the monitor and the broker, their page tables and buffers, KVM's own. */
#define VM_MONITOR_OVERHEAD (UINT64_C(16) << 20)
#define VM_MEMORY_DEFAULT   (UINT64_C(256) << 20)
#define VM_MEMORY_LEAST     (UINT64_C(128) << 20)
#define VM_VCPUS_MOST       64u

struct vm_size {
	uint64_t memory; /* bytes, a multiple of 2 MiB */
	unsigned int vcpus;
};

/* Memory: vm.hwConfig.memory; else linux.resources.memory.limit and VM_GUEST_OVERHEAD, so that the limit is what the container may use; else
 * VM_MEMORY_DEFAULT. Processors: vm.hwConfig.vcpus; else linux.resources.cpu.quota, rounded up; else one. Never more than the host has.
 * -EINVAL with the place in the document. */
int vm_size_plan(const struct oci_config *spec, struct vm_size *out, struct error *err);

/* Whether this file of a cgroup, as linux.resources.unified names it, is set in the guest and not on the host: a guest has no swap. */
static inline bool vm_size_is_guests(const char *file)
{
	return !strncmp(file, "pids.", 5) || (!strncmp(file, "memory.", 7) && strncmp(file, "memory.swap.", 12));
}

/* The resources that the host's cgroup gets in place of `asked`: all but what is meant for the processes of the container, which acts
 * inside the guest (pids, and the files of those two controllers in unified, but for swap's); memory with what is needed around it, and
 * never less than the machine has, which once touched cannot be taken away. */
void vm_size_host(const struct oci_config *spec, const struct oci_resources *asked, struct isolation_resources *out);

/* Of `update`: how much of its memory a guest can do without, in bytes, if its container may use `limit` from now on (<= 0: as much as it
 * likes): see vmm/virtio/balloon.h. */
uint64_t vm_size_spare(const struct oci_config *spec, int64_t limit);
/* As vm_size_host() for memory alone (out->all has nothing else), once the guest has given back what it can do without. */
void vm_size_host_shrunk(const struct oci_memory *asked, struct isolation_resources *out);

#endif
