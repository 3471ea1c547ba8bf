/* machine.h: a bundle -> a virtual machine: what is opened for it on the host, and what the monitor makes of that.
 *
 *   vm_parts_open()      HOST, before there is a process: everything that has a path, so that what is missing is told before anything is made
 *   vm_machine_make()    JAIL, in the bundle's namespaces: the broker, devices, memory, the kernel in it
 *   vm_network_join()    JAIL, when the container is started: see network.h
 */
#ifndef CORE_VM_MACHINE_H
#define CORE_VM_MACHINE_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/container.h"
#include "core/vm/size.h"
#include "vmm/vm.h"

#define VM_TAG "nacre"       /* of the shared file system */
#define VM_SHARE_ROOT "root" /* its folder with the container's root; those of bind mounts are "0", "1" …: the number in mounts[] */

/* From here to the monitor over the clone. */
struct vm_parts {
	int kvm, null;
	int console;              /* where the guest's kernel may write to, or -EBADF */
	struct vm_size size;
	struct kernel *kernel;
	struct modules *modules;
	struct initramfs *initramfs;
	struct fs_share *shares;
	size_t n_shares;
	char *parameters;
};

/* A guest has no user namespace that would refuse an id which is none in the container's: -EINVAL with the place in the process document. */
int vm_check_user(const struct oci_config *spec, const struct oci_process *p, struct error *err);

/* All checks that only this back end has, and all files. *out: vm_parts_free(). */
int vm_parts_open(struct container *c, struct vm_parts **out, struct error *err);
void vm_parts_free(struct vm_parts *p);

struct vm_machine {
	struct vm *vm;
	struct agent_host *agent;
	int null;                 /* /dev/null */
	pid_t broker;
	struct device *devices[VM_DEVICES_MAX];
	bool own_worker[VM_DEVICES_MAX];
	size_t n_devices;
	struct vm_network *network;
	struct device *balloon;   /* one of the devices */
};

/* Closes and frees what of the parts is needed no more. events: of the agent, with data. */
struct agent_host_events;
int vm_machine_make(struct container *c, struct vm_parts *p, const struct agent_host_events *events, void *data, struct vm_machine **out,
		    struct error *err);
/* A child of the monitor's has ended: -ECHILD if it was the broker. */
int vm_machine_reap(struct vm_machine *m, struct error *err);

#endif
