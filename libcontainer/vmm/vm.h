/* vm.h: a virtual machine, from its configuration to its end. Knows nothing of containers.
 *
 *   vm_make()   everything is opened and allocated: memory, kernel, devices, processors. Afterwards no path is needed any more
 *               and the caller may lock itself in.
 *   vm_start()  the threads: one a processor, one a worker
 *   vm_stop()   from any thread, also from a device's: the machine ends as `why`
 *   vm_wait()   until it has ended
 *
 * A machine belongs to the process that made it: KVM serves no other. It uses the last real-time signal, directed at its own threads alone.
 *
 * System calls from vm_start() on, for who filters them:
 *   processors  ioctl(KVM_RUN) and no other ioctl; write (eventfds, the early console); futex; rt_sigreturn; at the machine's end also getpid,
 *               tgkill, rt_sigprocmask, madvise, exit. restart_syscall where a processor was stopped by SIGSTOP or the freezer.
 *   workers     see worker.h and each device's header
 *   the caller  poll, futex, munmap, close, tgkill, rt_sigprocmask; in vm_start() clone3, mmap, mprotect, rt_sigprocmask, prctl(PR_SET_NAME)
 */
#ifndef VMM_VM_H
#define VMM_VM_H

#include "vmm/virtio/device.h"

struct vm;

#define VM_DEVICES_MAX 18

enum vm_end {
	VM_RUNNING,
	VM_POWERED_OFF,  /* by ACPI */
	VM_RESET,        /* the guest asked for a reset */
	VM_PANICKED,     /* its kernel said so: by pvpanic, or on the serial port before a reset */
	VM_CRASHED,      /* a triple fault, or something KVM cannot run */
	VM_LIED,         /* a device saw what no driver writes */
	VM_STOPPED,      /* vm_stop() from outside: not the guest's doing */
	VM_END_MAX,
};
extern const char *const vm_end_names[VM_END_MAX + 1];

/* One file or folder of the initial RAM disk's archive; see initramfs.h for what makes a list of them. */
struct initramfs;

struct vm_config {
	int kvm;                      /* /dev/kvm, opened for reading and writing; the caller's, who may close it after vm_make(). Whoever makes a
				       * machine from within a cgroup with device rules has opened it before. -EBADF: opened here */
	uint64_t memory;              /* bytes, a multiple of 2 MiB */
	unsigned int vcpus;
	int kernel;                   /* a descriptor on a bzImage or an ELF vmlinux; the caller's */
	const char *kernel_name;      /* for errors */
	const char *parameters;       /* the kernel's command line */
	const struct initramfs *initramfs; /* written straight into memory; or NULL */
	int initrd;                   /* a descriptor on one in a file instead; -EBADF: none */
	struct device **devices;      /* in the order of their addresses; the caller's */
	bool *own_worker;             /* one each: it blocks, so it has a thread of its own */
	size_t n_devices;
	int early_console;            /* where the serial port's output goes, at most SERIAL_MOST bytes; the caller's. -EBADF: nowhere */
	int (*enter_vcpu)(void *data, struct error *err);   /* first thing on each processor's thread; NULL: nothing */
	int (*enter_worker)(void *data, struct error *err);
	void *enter_data;
};

int vm_make(const struct vm_config *config, struct vm **out, struct error *err);
/* Returns when every thread runs and has been through its enter_…(), with the error of the first that failed. Once. */
int vm_start(struct vm *vm, struct error *err);
/* The first to say why it ends is right; later calls change nothing. Does not wait. Not from a signal handler. */
void vm_stop(struct vm *vm, enum vm_end why);
/* Waits until its end is known and no processor runs any more. *why and, in err (may be NULL, its code is 0 where there is none), one line about it
 * where there is more to say. Negative only where poll(2) fails. One thread, not one of the machine's. */
int vm_wait(struct vm *vm, enum vm_end *why, struct error *err);
/* Becomes readable when the end is known; the machine's. */
int vm_ended_fd(const struct vm *vm);
/* Ends it if it runs, joins all threads, frees everything but the devices. NULL is nothing. */
void vm_free(struct vm *vm);

#endif
