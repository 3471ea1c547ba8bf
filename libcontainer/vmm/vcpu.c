/* vcpu.c: see vcpu.h. */
#include "vmm/vcpu.h"

#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Wakes a processor out of the guest. The last one is the least likely to mean anything to the guest's programs. */
#define KICK SIGRTMAX

int vcpu_init(struct vcpu *c, int vm, unsigned int number, size_t run_size, struct error *err)
{
	*c = (struct vcpu){.fd = -EBADF, .number = number, .run = MAP_FAILED, .run_size = run_size};
	sem_init(&c->entered, 0, 0);
	c->fd = ioctl(vm, KVM_CREATE_VCPU, (unsigned long)number);
	if (c->fd < 0)
		return error_errno(err, "make processor %u (KVM_CREATE_VCPU)", number);
	c->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (c->run == MAP_FAILED)
		return error_errno(err, "map processor %u", number);
	return 0;
}

void vcpu_fini(struct vcpu *c)
{
	vcpu_join(c);
	if (c->run && c->run != MAP_FAILED)
		munmap(c->run, c->run_size);
	if (c->fd >= 0)
		close(c->fd);
	c->run = MAP_FAILED;
	c->fd = -EBADF;
	sem_destroy(&c->entered);
}

/* A string instruction is one exit with several accesses. */
static void handle_port(struct vcpu *c, struct kvm_run *run)
{
	unsigned char *data = (unsigned char *)run + run->io.data_offset;

	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_OUT)
			bus_write(c->ports, run->io.port, data, run->io.size);
		else
			bus_read(c->ports, run->io.port, data, run->io.size);
	}
}

static void handle_mmio(struct vcpu *c, struct kvm_run *run)
{
	if (run->mmio.is_write)
		bus_write(c->mmio, run->mmio.phys_addr, run->mmio.data, run->mmio.len);
	else
		bus_read(c->mmio, run->mmio.phys_addr, run->mmio.data, run->mmio.len);
}

static int end(struct vcpu *c, enum vm_end why, const struct error *err)
{
	c->end(c->data, why, err);
	return 1;
}

static int crash(struct vcpu *c, const char *what, unsigned long long detail)
{
	struct error e = ERROR_NONE;

	error_set(&e, -EIO, "processor %u: %s (0x%llx)", c->number, what, detail);
	return end(c, VM_CRASHED, &e);
}

static int handle_event(struct vcpu *c, const struct kvm_run *run)
{
	switch (run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		return end(c, VM_POWERED_OFF, NULL);
	case KVM_SYSTEM_EVENT_RESET:
		return end(c, VM_RESET, NULL);
	case KVM_SYSTEM_EVENT_CRASH:
		return end(c, VM_PANICKED, NULL);
	default:
		return crash(c, "an event that is not known", run->system_event.type);
	}
}

int vcpu_handle(struct vcpu *c, struct kvm_run *run)
{
	struct error e = ERROR_NONE;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		handle_port(c, run);
		return 0;
	case KVM_EXIT_MMIO:
		handle_mmio(c, run);
		return 0;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_HLT:
		return 0;
	case KVM_EXIT_SHUTDOWN:
		error_set(&e, -EIO, "processor %u: a triple fault", c->number);
		return end(c, VM_CRASHED, &e);
	case KVM_EXIT_SYSTEM_EVENT:
		return handle_event(c, run);
	case KVM_EXIT_INTERNAL_ERROR:
		return crash(c, "KVM cannot run what the guest asks for", run->internal.suberror);
	case KVM_EXIT_FAIL_ENTRY:
		return crash(c, "KVM cannot enter the guest", run->fail_entry.hardware_entry_failure_reason);
	default:
		return crash(c, "an exit that is not known", run->exit_reason);
	}
}

static bool stopping(const struct vcpu *c)
{
	return __atomic_load_n(&c->stop, __ATOMIC_SEQ_CST);
}

static void run_guest(struct vcpu *c)
{
	struct error e = ERROR_NONE;

	while (!stopping(c)) {
		if (ioctl(c->fd, KVM_RUN, 0) < 0) {
			/* EAGAIN: a processor that waited to be started has been */
			if (errno == EINTR || errno == EAGAIN)
				continue;
			error_errno(&e, "processor %u: run the guest (KVM_RUN)", c->number);
			end(c, VM_CRASHED, &e);
			return;
		}
		if (vcpu_handle(c, c->run))
			return;
	}
}

static void on_kick(int signo) {}

static void *work(void *data)
{
	struct vcpu *c = data;
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", c->number);
	pthread_setname_np(pthread_self(), name);
	c->result = c->enter ? c->enter(c->enter_data, &c->error) : 0;
	sem_post(&c->entered);
	if (c->result == 0)
		run_guest(c);
	return NULL;
}

/* All signals but the kick are for others. */
static int start_thread(struct vcpu *c)
{
	struct sigaction action = {.sa_handler = on_kick};
	sigset_t others, before;
	int ret;

	sigfillset(&others);
	sigdelset(&others, KICK);
	if (sigaction(KICK, &action, NULL) < 0)
		return -errno;
	pthread_sigmask(SIG_SETMASK, &others, &before);
	ret = -pthread_create(&c->thread, NULL, work, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}

int vcpu_start(struct vcpu *c, int (*enter)(void *data, struct error *err), void *data, struct error *err)
{
	int ret;

	c->enter = enter;
	c->enter_data = data;
	ret = start_thread(c);
	if (ret < 0)
		return error_set(err, ret, "start processor %u: %s", c->number, strerror(-ret));
	c->started = true;
	while (sem_wait(&c->entered) < 0 && errno == EINTR)
		;
	if (c->result < 0 && err)
		*err = c->error;
	return c->result;
}

/* immediate_exit is for a thread that is about to enter the guest: it will come right back (api.rst, KVM_RUN). */
void vcpu_stop(struct vcpu *c)
{
	__atomic_store_n(&c->stop, true, __ATOMIC_SEQ_CST);
	if (c->run && c->run != MAP_FAILED)
		__atomic_store_n(&c->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (c->started && !pthread_equal(c->thread, pthread_self()))
		pthread_kill(c->thread, KICK);
}

void vcpu_join(struct vcpu *c)
{
	if (c->started)
		pthread_join(c->thread, NULL);
	c->started = false;
}
