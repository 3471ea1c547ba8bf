/* build.c: a machine, part by part. */
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "base/auto.h"
#include "base/table.h"
#include "vmm/inner.h"
#include "vmm/irq.h"
#include "vmm/kvm.h"
#include "vmm/x86_64/boot.h"
#include "vmm/x86_64/cpu.h"
#include "vmm/x86_64/layout.h"
#include "vmm/x86_64/tables.h"

#define HUGE_PAGE (UINT64_C(2) << 20)

static int check(struct vm *vm, const struct vm_config *config, struct error *err)
{
	if (!config->memory || config->memory % HUGE_PAGE)
		return error_set(err, -EINVAL, "a machine with %llu bytes of memory: it comes in pieces of 2 MiB",
				 (unsigned long long)config->memory);
	if (!config->vcpus || config->vcpus > CPU_VCPUS_MAX)
		return error_set(err, -EINVAL, "a machine with %u processors: it can have 1 to %d", config->vcpus, CPU_VCPUS_MAX);
	if (config->n_devices > VM_DEVICES_MAX)
		return error_set(err, -EINVAL, "a machine with %zu devices: it can have %d", config->n_devices, VM_DEVICES_MAX);
	return 0;
}

static int open_kvm(struct vm *vm, const struct vm_config *config, struct error *err)
{
	int ret = 0;

	vm->kvm = config->kvm;
	if (vm->kvm < 0) {
		ret = kvm_open(&vm->kvm, err);
		vm->kvm_is_ours = ret == 0;
	}
	return ret < 0 ? ret : kvm_check(vm->kvm, err);
}

static int make_memory(struct vm *vm, const struct vm_config *config, struct error *err)
{
	return memory_new(config->memory, &vm->memory, err);
}

static int load_kernel(struct vm *vm, const struct vm_config *config, struct error *err)
{
	const struct boot boot = {
	    .kernel = config->kernel,
	    .kernel_name = config->kernel_name,
	    .parameters = config->parameters,
	    .initramfs = config->initramfs,
	    .initrd = config->initrd,
	};
	int ret = boot_load(vm->memory, &boot, &vm->entry, err);

	if (ret == 0)
		ret = cpu_write_tables(vm->memory, err);
	return ret < 0 ? ret : tables_write(vm->memory, config->vcpus, config->n_devices, err);
}

static int give_memory(struct vm *vm, struct error *err)
{
	size_t n;
	const struct memory_region *r = memory_regions(vm->memory, &n);

	for (size_t i = 0; i < n; i++) {
		struct kvm_userspace_memory_region region = {
		    .slot = (uint32_t)i,
		    .guest_phys_addr = r[i].at,
		    .memory_size = r[i].size,
		    .userspace_addr = (uintptr_t)r[i].host,
		};

		if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
			return error_errno(err, "give the machine its memory (KVM_SET_USER_MEMORY_REGION)");
	}
	return 0;
}

/* A timer that only a kernel without the TSC's deadline needs; it costs a kernel thread. */
static int make_timer(struct vm *vm, struct error *err)
{
	struct kvm_pit_config timer = {.flags = KVM_PIT_SPEAKER_DUMMY};

	if (kvm_has(vm->kvm, KVM_CAP_TSC_DEADLINE_TIMER))
		return 0;
	return ioctl(vm->fd, KVM_CREATE_PIT2, &timer) < 0 ? error_errno(err, "make a timer (KVM_CREATE_PIT2)") : 0;
}

/* No counters of what the processor does: where KVM cannot leave them out, CPUID does not show them. */
static void refuse_counters(struct vm *vm)
{
#ifdef KVM_PMU_CAP_DISABLE
	struct kvm_enable_cap cap = {.cap = KVM_CAP_PMU_CAPABILITY, .args = {KVM_PMU_CAP_DISABLE}};

	ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
#endif
}

static int make_machine(struct vm *vm, const struct vm_config *config, struct error *err)
{
	uint64_t identity = LAYOUT_IDENTITY_MAP;

	do
		vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0UL);
	while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0)
		return error_errno(err, "make a virtual machine (KVM_CREATE_VM)");
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, (unsigned long)LAYOUT_TSS) < 0 ||
	    ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0)
		return error_errno(err, "place KVM's own pages");
	/* Before the processors: each gets its APIC. */
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0UL) < 0)
		return error_errno(err, "make the interrupt controllers (KVM_CREATE_IRQCHIP)");
	refuse_counters(vm);
	return give_memory(vm, err);
}

static int make_platform(struct vm *vm, const struct vm_config *config, struct error *err)
{
	int ret = make_timer(vm, err);

	if (ret == 0)
		ret = irq_new(vm->fd, LAYOUT_GSI_COM1, &vm->serial_irq, err);
	if (ret < 0)
		return ret;
	serial_init(&vm->serial, config->early_console, vm->serial_irq);
	ret = bus_add(&vm->ports, LAYOUT_PORT_COM1, SERIAL_PORTS, &serial_ops, &vm->serial, err);
	return ret < 0 ? ret : ports_add(&vm->ports, &vm->exits, err);
}

static void read_device(void *data, uint32_t at, void *to, uint32_t len)
{
	mmio_read(data, at, to, len);
}

static void write_device(void *data, uint32_t at, const void *from, uint32_t len)
{
	mmio_write(data, at, from, len);
}

static const struct bus_ops mmio_ops = {read_device, write_device};

static void on_lie(void *data, struct device *d, const struct error *why)
{
	vm_end(data, VM_LIED, why);
}

static int find_worker(struct vm *vm, struct slot *s, bool own, struct error *err)
{
	char name[16];

	if (own) {
		snprintf(name, sizeof(name), "virtio-%.8s", s->device->ops->name);
		return worker_new(name, &s->worker, err);
	}
	return vm->worker ? 0 : worker_new("virtio", &vm->worker, err);
}

/* The guest's notification of a queue goes to the device's worker, and its interrupt to the guest, without us. */
static int connect_device(struct vm *vm, struct slot *s, size_t i, struct error *err)
{
	struct device *d = s->device;
	uint64_t at = LAYOUT_MMIO + i * LAYOUT_MMIO_STEP;
	int ret = irq_new(vm->fd, (uint32_t)(LAYOUT_MMIO_GSI + i), &d->irq, err);

	for (uint16_t q = 0; ret == 0 && q < d->ops->n_queues; q++)
		ret = irq_notify(vm->fd, at + MMIO_NOTIFY, q, d->kicks[q], err);
	return ret < 0 ? ret : bus_add(&vm->mmio, at, MMIO_SIZE, &mmio_ops, &s->transport, err);
}

static int make_devices(struct vm *vm, const struct vm_config *config, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < config->n_devices && ret == 0; i++) {
		struct slot *s = &vm->slots[i];

		s->device = config->devices[i];
		vm->n_slots = i + 1;
		s->device->memory = vm->memory;
		s->device->lied = on_lie;
		s->device->lied_data = vm;
		mmio_init(&s->transport, s->device);
		ret = find_worker(vm, s, config->own_worker && config->own_worker[i], err);
		if (ret == 0)
			ret = worker_add(s->worker ? s->worker : vm->worker, s->device, err);
		if (ret == 0)
			ret = connect_device(vm, s, i, err);
		if (ret < 0)
			error_wrap(err, "virtio %s", s->device->ops->name);
	}
	return ret;
}

static void on_vcpu_end(void *data, enum vm_end why, const struct error *err)
{
	vm_end(data, why, err);
}

static int make_processor(struct vm *vm, struct cpu_features *f, unsigned int i, size_t run_size, unsigned int n,
			  struct error *err)
{
	struct vcpu *c = &vm->vcpus[i];
	int ret;

	vm->n_vcpus = i + 1;
	ret = vcpu_init(c, vm->fd, i, run_size, err);
	if (ret < 0)
		return ret;
	c->ports = &vm->ports;
	c->mmio = &vm->mmio;
	c->end = on_vcpu_end;
	c->data = vm;
	return cpu_init(c->fd, f, i, n, err);
}

static int make_processors(struct vm *vm, const struct vm_config *config, struct error *err)
{
	auto_free struct cpu_features *f = malloc(sizeof(*f));
	int run_size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), most = ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS), ret;

	if (run_size < 0)
		return error_errno(err, "ask KVM for the size of a processor");
	if (most > 0 && config->vcpus > (unsigned int)most)
		return error_set(err, -EINVAL, "a machine with %u processors: this KVM can do %d", config->vcpus, most);
	vm->vcpus = calloc(config->vcpus, sizeof(*vm->vcpus));
	if (!vm->vcpus || !f)
		return error_set(err, -ENOMEM, "make the processors: out of memory");
	ret = cpu_features(vm->kvm, kvm_has(vm->kvm, KVM_CAP_TSC_DEADLINE_TIMER), f, err);
	if (ret == 0 && config->memory > LAYOUT_HOLE &&
	    (config->memory - LAYOUT_HOLE + LAYOUT_HOLE_END) >> cpu_address_bits(f))
		return error_set(err, -EINVAL, "a machine with %llu MiB of memory: the processor cannot address it",
				 (unsigned long long)(config->memory >> 20));
	for (unsigned int i = 0; i < config->vcpus && ret == 0; i++)
		ret = make_processor(vm, f, i, (size_t)run_size, config->vcpus, err);
	return ret;
}

/* Who has /dev/kvm can make machines; nothing below needs it any more. */
static int close_kvm(struct vm *vm, const struct vm_config *config, struct error *err)
{
	if (vm->kvm_is_ours)
		close(vm->kvm);
	vm->kvm = -EBADF;
	vm->kvm_is_ours = false;
	return 0;
}

typedef int (*part_fn)(struct vm *vm, const struct vm_config *config, struct error *err);

static int make_parts(struct vm *vm, const struct vm_config *config, const part_fn *parts, size_t n, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < n && ret == 0; i++)
		ret = parts[i](vm, config, err);
	return ret;
}

struct loading {
	struct vm *vm;
	const struct vm_config *config;
	struct error error;
	int result;
};

static void *load_aside(void *data)
{
	struct loading *l = data;

	l->result = load_kernel(l->vm, l->config, &l->error);
	return NULL;
}

/* What needs nothing but memory, not what is in it. */
static const part_fn beside[] = {make_machine, make_platform, make_devices, make_processors};

/* Side by side: KVM spends most of its time waiting for grace periods, and the kernel's file is large. A kernel that is none is the likeliest
 * mistake, and told first. */
static int load_and_make(struct vm *vm, const struct vm_config *config, struct error *err)
{
	struct loading l = {.vm = vm, .config = config, .error = ERROR_NONE};
	pthread_t thread;
	bool aside = pthread_create(&thread, NULL, load_aside, &l) == 0;
	int ret;

	if (!aside)
		load_aside(&l);
	ret = make_parts(vm, config, beside, ARRAY_LEN(beside), err);
	if (aside)
		pthread_join(thread, NULL);
	if (l.result < 0 && err)
		*err = l.error;
	return l.result < 0 ? l.result : ret;
}

static int enter(struct vm *vm, const struct vm_config *config, struct error *err)
{
	return cpu_enter(vm->vcpus[0].fd, vm->entry, err);
}

int vm_build(struct vm *vm, const struct vm_config *config, struct error *err)
{
	static const part_fn parts[] = {check, open_kvm, make_memory, load_and_make, enter, close_kvm};

	return make_parts(vm, config, parts, ARRAY_LEN(parts), err);
}
