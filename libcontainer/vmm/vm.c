/* vm.c: see vm.h. */
#include "vmm/vm.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/auto.h"
#include "base/table.h"
#include "vmm/inner.h"

const char *const vm_end_names[] = {
    "running", "powered off", "reset", "panicked", "crashed", "lied", "stopped", NULL,
};
NAMES_COMPLETE(vm_end_names, VM_END_MAX);

void vm_end(struct vm *vm, enum vm_end why, const struct error *err)
{
	uint64_t one = 1;

	pthread_mutex_lock(&vm->lock);
	if (vm->why == VM_RUNNING) {
		vm->why = why;
		if (err)
			vm->error = *err;
		for (unsigned int i = 0; i < vm->n_vcpus; i++)
			vcpu_stop(&vm->vcpus[i]);
		while (write(vm->ended, &one, sizeof(one)) < 0 && errno == EINTR)
			;
	}
	pthread_mutex_unlock(&vm->lock);
}

void vm_stop(struct vm *vm, enum vm_end why)
{
	vm_end(vm, why, NULL);
}

/* A kernel without a driver for pvpanic says on the serial port that it panics, and then resets the machine or stops. */
static void on_exit_port(void *data, enum vm_end why)
{
	struct vm *vm = data;
	struct error e = ERROR_NONE;

	pthread_mutex_lock(&vm->serial.lock);
	if (*vm->serial.panic)
		error_set(&e, -EIO, "%s", vm->serial.panic);
	pthread_mutex_unlock(&vm->serial.lock);
	if (why == VM_RESET && e.code)
		why = VM_PANICKED;
	vm_end(vm, why, e.code && why == VM_PANICKED ? &e : NULL);
}

int vm_make(const struct vm_config *config, struct vm **out, struct error *err)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int ret;

	if (!vm)
		return error_set(err, -ENOMEM, "make a machine: out of memory");
	vm->kvm = vm->fd = vm->serial_irq = -EBADF;
	vm->exits = (struct ports){on_exit_port, vm};
	vm->enter_vcpu = config->enter_vcpu;
	vm->enter_worker = config->enter_worker;
	vm->enter_data = config->enter_data;
	pthread_mutex_init(&vm->lock, NULL);
	serial_init(&vm->serial, -EBADF, -EBADF);
	vm->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = vm->ended < 0 ? error_errno(err, "make an eventfd") : vm_build(vm, config, err);
	if (ret < 0) {
		vm_free(vm);
		return ret;
	}
	*out = vm;
	return 0;
}

static int start_workers(struct vm *vm, struct error *err)
{
	int ret = vm->worker ? worker_start(vm->worker, vm->enter_worker, vm->enter_data, err) : 0;

	for (size_t i = 0; i < vm->n_slots && ret == 0; i++)
		if (vm->slots[i].worker)
			ret = worker_start(vm->slots[i].worker, vm->enter_worker, vm->enter_data, err);
	return ret;
}

/* The first processor last: it is the one that runs at once. */
static int start_processors(struct vm *vm, struct error *err)
{
	int ret = 0;

	pthread_mutex_lock(&vm->lock);
	for (unsigned int i = vm->n_vcpus; i-- > 0 && ret == 0;)
		ret = vcpu_start(&vm->vcpus[i], vm->enter_vcpu, vm->enter_data, err);
	pthread_mutex_unlock(&vm->lock);
	return ret;
}

int vm_start(struct vm *vm, struct error *err)
{
	int ret = start_workers(vm, err);

	return ret < 0 ? ret : start_processors(vm, err);
}

int vm_ended_fd(const struct vm *vm)
{
	return vm->ended;
}

static void join_processors(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		vcpu_join(&vm->vcpus[i]);
	serial_flush(&vm->serial);
}

int vm_wait(struct vm *vm, enum vm_end *why, struct error *err)
{
	struct pollfd p = {.fd = vm->ended, .events = POLLIN};

	while (poll(&p, 1, -1) < 0)
		if (errno != EINTR)
			return error_errno(err, "wait for the end of the machine");
	join_processors(vm);
	pthread_mutex_lock(&vm->lock);
	*why = vm->why;
	if (err)
		*err = vm->error;
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

static void free_devices(struct vm *vm)
{
	worker_end(vm->worker);
	for (size_t i = 0; i < vm->n_slots; i++) {
		struct slot *s = &vm->slots[i];

		worker_end(s->worker);
		if (s->device->irq >= 0)
			close(s->device->irq);
		s->device->irq = -EBADF;
		s->device->memory = NULL;
		s->device->lied = NULL;
	}
}

void vm_free(struct vm *vm)
{
	if (!vm)
		return;
	vm_stop(vm, VM_STOPPED);
	join_processors(vm);
	free_devices(vm);
	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		vcpu_fini(&vm->vcpus[i]);
	free(vm->vcpus);
	auto_closep(&vm->serial_irq);
	auto_closep(&vm->fd);
	if (vm->kvm_is_ours)
		close(vm->kvm);
	auto_closep(&vm->ended);
	memory_free(vm->memory);
	pthread_mutex_destroy(&vm->lock);
	free(vm);
}
