/* test_vm.c: whole machines with kernels of a few instructions: each end is told from the others. Needs /dev/kvm, of any speed. */
#include "vmm/vm.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stub.h"
#include "vmm/kvm.h"
#include "vmm/probe.h"
#include "vmm/virtio/rng.h"
#include "vmm/x86_64/layout.h"

#define MIB (UINT64_C(1) << 20)
#define NEED_KVM()                                                                                                                                   \
	do {                                                                                                                                         \
		int fd_ = -EBADF;                                                                                                                    \
		if (kvm_open(&fd_, NULL) < 0)                                                                                                        \
			cr_skip_test("no /dev/kvm for us");                                                                                          \
		close(fd_);                                                                                                                          \
	} while (0)

/* mov dx, PORT; mov al, VALUE; out dx, al */
#define OUT(port, value) 0x66, 0xba, (port) & 0xff, (port) >> 8, 0xb0, (value), 0xee
#define HANG 0xf4, 0xeb, 0xfd

static struct vm_config config(const void *code, size_t n)
{
	struct stub_elf image;

	stub_elf(&image, code, n);
	return (struct vm_config){
	    .kvm = -EBADF,
	    .memory = 32 * MIB,
	    .vcpus = 1,
	    .kernel = stub_elf_file(&image),
	    .kernel_name = "stub",
	    .initrd = -EBADF,
	    .early_console = -EBADF,
	};
}

static enum vm_end run(const struct vm_config *c, struct error *more)
{
	struct error err = ERROR_NONE;
	struct vm *vm = NULL;
	enum vm_end why = VM_RUNNING;
	struct pollfd p = {.events = POLLIN};

	cr_assert_eq(vm_make(c, &vm, &err), 0, "%s", err.msg);
	p.fd = vm_ended_fd(vm);
	cr_assert_eq(poll(&p, 1, 0), 0);
	cr_assert_eq(vm_start(vm, &err), 0, "%s", err.msg);
	cr_assert_eq(vm_wait(vm, &why, more), 0);
	cr_assert_eq(poll(&p, 1, 0), 1);
	vm_free(vm);
	return why;
}

#define RUN(more, ...)                                                                                                                               \
	({                                                                                                                                           \
		const unsigned char code_[] = {__VA_ARGS__, HANG};                                                                                   \
		struct vm_config c_ = config(code_, sizeof(code_));                                                                                  \
		enum vm_end why_ = run(&c_, more);                                                                                                   \
		close(c_.kernel);                                                                                                                    \
		why_;                                                                                                                                \
	})

TestSuite(vm, .timeout = 120);

Test(vm, each_end)
{
	struct error more = ERROR_NONE;

	NEED_KVM();
	cr_expect_eq(RUN(&more, OUT(LAYOUT_PORT_SLEEP, 0x34)), VM_POWERED_OFF);
	cr_expect_eq(more.code, 0);
	cr_expect_eq(RUN(&more, OUT(LAYOUT_PORT_RESET, 1)), VM_RESET);
	cr_expect_eq(RUN(&more, OUT(0x64, 0xfe)), VM_RESET);
	cr_expect_eq(RUN(&more, OUT(0xcf9, 0x06)), VM_RESET);
	cr_expect_eq(RUN(&more, OUT(LAYOUT_PORT_PANIC, 1)), VM_PANICKED);
	cr_expect_eq(more.code, 0);
	cr_expect_eq(RUN(&more, 0x0f, 0x0b), VM_CRASHED); /* ud2, and nobody who handles it */
	cr_expect_eq(more.code, -EIO);
	cr_expect_str_eq(more.msg, "processor 0: a triple fault");
}

/* What does not mean the end is none: other sleep states and resets that are not ready. */
Test(vm, not_the_end)
{
	NEED_KVM();
	cr_expect_eq(RUN(NULL, OUT(LAYOUT_PORT_SLEEP, 0x14), OUT(LAYOUT_PORT_RESET, 0), OUT(0x64, 0xd1), OUT(0xcf9, 2), OUT(LAYOUT_PORT_PANIC, 2),
			 OUT(LAYOUT_PORT_SLEEP, 0x34)),
		     VM_POWERED_OFF);
}

static enum vm_end run_with_console(const unsigned char *code, size_t n, char *text, size_t size, struct error *more)
{
	struct vm_config c = config(code, n);
	int pipes[2];
	enum vm_end why;
	ssize_t got;

	cr_assert_eq(pipe2(pipes, O_NONBLOCK), 0);
	c.early_console = pipes[1];
	why = run(&c, more);
	got = read(pipes[0], text, size - 1);
	text[got > 0 ? got : 0] = '\0';
	close(pipes[0]);
	close(pipes[1]);
	close(c.kernel);
	return why;
}

/* Also a line without an end. */
Test(vm, early_console)
{
	const unsigned char code[] = {OUT(0x3f8, 'h'), OUT(0x3f8, 'i'), OUT(0x3f8, '\n'), OUT(0x3f8, '!'), OUT(LAYOUT_PORT_SLEEP, 0x34), HANG};
	char text[64];

	NEED_KVM();
	cr_assert_eq(run_with_console(code, sizeof(code), text, sizeof(text), NULL), VM_POWERED_OFF);
	cr_assert_str_eq(text, "hi\n!");
}

/* lea rsi, [rip + TEXT]; mov ecx, N; mov dx, 0x3f8; rep outsb; then the reset register. */
Test(vm, panic_that_only_the_console_tells)
{
	static const char text[] = "[    1.0] Kernel panic - not syncing: no init\n";
	const unsigned char code[] = {0x48, 0x8d, 0x35, 0x12, 0,    0, 0, 0xb9, sizeof(text) - 1, 0, 0, 0, 0x66, 0xba, 0xf8, 0x03, 0xf3, 0x6e,
				      OUT(LAYOUT_PORT_RESET, 1)};
	unsigned char all[sizeof(code) + sizeof(text)];
	struct error more = ERROR_NONE;
	char said[128];

	NEED_KVM();
	memcpy(all, code, sizeof(code));
	memcpy(all + sizeof(code), text, sizeof(text));
	cr_assert_eq(run_with_console(all, sizeof(all), said, sizeof(said), &more), VM_PANICKED);
	cr_assert_str_eq(said, text);
	cr_assert_str_eq(more.msg, "no init");
}

/* mov eax, [0xd0000000]; cmp eax, "virt"; jne out; the same for the interrupt of the next device, which is not there. */
Test(vm, device)
{
	const unsigned char code[] = {
	    0xb8, 0x00, 0x00, 0x00, 0xd0,	/* mov eax, 0xd0000000 */
	    0x81, 0x38, 'v', 'i', 'r', 't',	/* cmp dword [rax], "virt" */
	    0x75, 0x17,				/* jne hang */
	    0xc7, 0x40, 0x50, 0x00, 0x00, 0x00, 0x00, /* mov dword [rax + 0x50], 0: notifies queue 0 */
	    0x83, 0xb8, 0x00, 0x10, 0x00, 0x00, 0xff, /* cmp dword [rax + 0x1000], -1 */
	    0x75, 0x07,				/* jne hang */
	    OUT(LAYOUT_PORT_SLEEP, 0x34),
	    OUT(LAYOUT_PORT_RESET, 1),
	    HANG,
	};
	struct vm_config c = config(code, sizeof(code));
	struct device *d = NULL;
	struct error err = ERROR_NONE;

	NEED_KVM();
	cr_assert_eq(rng_new(&d, &err), 0, "%s", err.msg);
	for (int own = 0; own < 2; own++) {
		bool own_worker = own;

		c.devices = &d;
		c.own_worker = &own_worker;
		c.n_devices = 1;
		cr_assert_eq(run(&c, NULL), VM_POWERED_OFF);
		cr_assert_eq(d->irq, -EBADF);
	}
	d->ops->free(d);
	close(c.kernel);
}

Test(vm, stopped)
{
	const unsigned char halt[] = {HANG}, busy[] = {0xeb, 0xfe};
	const struct {
		const unsigned char *code;
		size_t n;
	} codes[] = {{halt, sizeof(halt)}, {busy, sizeof(busy)}};

	NEED_KVM();
	for (size_t i = 0; i < 2; i++) {
		struct vm_config c = config(codes[i].code, codes[i].n);
		struct vm *vm = NULL;
		enum vm_end why = VM_RUNNING;

		c.vcpus = 3;
		cr_assert_eq(vm_make(&c, &vm, NULL), 0);
		cr_assert_eq(vm_start(vm, NULL), 0);
		vm_stop(vm, VM_STOPPED);
		vm_stop(vm, VM_LIED); /* too late */
		cr_assert_eq(vm_wait(vm, &why, NULL), 0);
		cr_assert_eq(why, VM_STOPPED);
		cr_assert_eq(vm_wait(vm, &why, NULL), 0);
		vm_free(vm);
		/* Never started; and freed while it runs. */
		cr_assert_eq(vm_make(&c, &vm, NULL), 0);
		vm_free(vm);
		cr_assert_eq(vm_make(&c, &vm, NULL), 0);
		cr_assert_eq(vm_start(vm, NULL), 0);
		vm_free(vm);
		close(c.kernel);
	}
	vm_free(NULL);
}

static int refuse(void *data, struct error *err)
{
	int *calls = data;

	return __atomic_add_fetch(calls, 1, __ATOMIC_SEQ_CST) == 2 ? error_set(err, -EPERM, "not here") : 0;
}

/* The second thread's own set-up fails: no processor goes on. */
Test(vm, thread_that_cannot_enter)
{
	const unsigned char code[] = {OUT(LAYOUT_PORT_SLEEP, 0x34), HANG};
	struct vm_config c = config(code, sizeof(code));
	struct error err = ERROR_NONE;
	struct vm *vm = NULL;
	int calls = 0;

	NEED_KVM();
	c.vcpus = 2;
	c.enter_vcpu = refuse;
	c.enter_data = &calls;
	cr_assert_eq(vm_make(&c, &vm, &err), 0, "%s", err.msg);
	cr_assert_eq(vm_start(vm, &err), -EPERM);
	cr_assert_str_eq(err.msg, "not here");
	cr_assert_eq(calls, 2);
	vm_free(vm);
	close(c.kernel);
}

static void expect_refused(struct vm_config c, int code, const char *words)
{
	struct error err = ERROR_NONE;
	struct vm *vm = NULL;

	cr_expect_eq(vm_make(&c, &vm, &err), code, "%s", err.msg);
	cr_expect_null(vm);
	cr_expect_not_null(strstr(err.msg, words), "\"%s\" is not in \"%s\"", words, err.msg);
}

Test(vm, machines_that_cannot_be)
{
	struct vm_config good = config("", 0), c = good;

	c.memory = 0;
	expect_refused(c, -EINVAL, "pieces of 2 MiB");
	c.memory = 3 * MIB;
	expect_refused(c, -EINVAL, "pieces of 2 MiB");
	c = good;
	c.vcpus = 0;
	expect_refused(c, -EINVAL, "1 to 254");
	c.vcpus = 255;
	expect_refused(c, -EINVAL, "1 to 254");
	c = good;
	c.n_devices = VM_DEVICES_MAX + 1;
	expect_refused(c, -EINVAL, "19 devices");
	NEED_KVM();
	c = good;
	c.kernel = STDIN_FILENO;
	c.kernel_name = "bad";
	expect_refused(c, -ENOEXEC, "bad: ");
	c = good;
	c.memory = 16 * MIB;
	expect_refused(c, -ENOMEM, "the machine has 16 MiB");
	c = good;
	c.kvm = good.kernel;
	expect_refused(c, -ENOTTY, "/dev/kvm");
	close(good.kernel);
}

static int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Whatever becomes of it, nothing stays open; a descriptor of the caller's on /dev/kvm does. */
Test(vm, leaves_nothing)
{
	const unsigned char code[] = {OUT(LAYOUT_PORT_SLEEP, 0x34), HANG};
	struct vm_config c = config(code, sizeof(code)), bad = c;
	int before = open_descriptors(), kvm = -EBADF;

	NEED_KVM();
	cr_assert_eq(run(&c, NULL), VM_POWERED_OFF);
	cr_assert_eq(open_descriptors(), before);
	bad.memory = 16 * MIB;
	expect_refused(bad, -ENOMEM, "16 MiB");
	cr_assert_eq(open_descriptors(), before);
	cr_assert_eq(kvm_open(&kvm, NULL), 0);
	c.kvm = kvm;
	cr_assert_eq(run(&c, NULL), VM_POWERED_OFF);
	cr_assert_eq(open_descriptors(), before + 1);
	close(kvm);
	close(c.kernel);
}

Test(probe, result)
{
	struct probe p;

	vm_probe(&p);
	cr_assert_lt(p.result, PROBE_RESULT_MAX);
	if (p.result == PROBE_GOOD || p.result == PROBE_SLOW)
		cr_assert_gt(p.ns, 0);
	cr_assert_eq(p.result == PROBE_GOOD, p.ns && p.ns <= PROBE_SLOW_NS);
	cr_assert_eq(p.result == PROBE_GOOD, p.error.code == 0, "%s", p.error.msg);
	setenv("NACRE_KVM_SLOW", "", 1);
	cr_assert_not(probe_accepts_slow());
	setenv("NACRE_KVM_SLOW", "0", 1);
	cr_assert_not(probe_accepts_slow());
	setenv("NACRE_KVM_SLOW", "1", 1);
	cr_assert(probe_accepts_slow());
	unsetenv("NACRE_KVM_SLOW");
	cr_assert_not(probe_accepts_slow());
}
