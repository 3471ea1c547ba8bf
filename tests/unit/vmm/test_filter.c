/* test_filter.c: the monitor's system call filters: what stands in no row ends the process, what stands there with an argument only with that. */
#include "vmm/filter.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct call {
	long number;
	unsigned long arguments[6];
};

/* The status of a process that enters the filter and makes this call. */
static int try(enum filter_kind kind, const struct call *c)
{
	pid_t pid = fork();
	int status = 0;

	cr_assert(pid >= 0);
	if (pid == 0) {
		const unsigned long *a = c->arguments;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 || filter_enter(kind, NULL) < 0)
			syscall(SYS_exit_group, 99);
		syscall(c->number, a[0], a[1], a[2], a[3], a[4], a[5]);
		syscall(SYS_exit_group, 0);
	}
	cr_assert(waitpid(pid, &status, 0) == pid);
	return status;
}

static void expect_death(enum filter_kind kind, struct call c, const char *what)
{
	int status = try(kind, &c);

	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%s: %s does not end the process (status %#x)", filter_kind_names[kind], what,
		  (unsigned)status);
}

static void expect_life(enum filter_kind kind, struct call c, const char *what)
{
	int status = try(kind, &c);

	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: %s ends the process (status %#x)", filter_kind_names[kind], what, (unsigned)status);
}

Test(filter, what_no_monitor_needs)
{
	static char room[512];
	static const enum filter_kind monitor[] = { FILTER_VCPU, FILTER_WORKER, FILTER_MAIN };

	for (size_t i = 0; i < sizeof(monitor) / sizeof(*monitor); i++) {
		enum filter_kind k = monitor[i];

		expect_death(k, (struct call){ SYS_openat, { (unsigned long)AT_FDCWD, (unsigned long)(uintptr_t)"/", O_RDONLY } }, "openat");
		expect_death(k, (struct call){ SYS_open, { (unsigned long)(uintptr_t)"/", O_RDONLY } }, "open");
		expect_death(k, (struct call){ SYS_openat2, { 0 } }, "openat2");
		/* By a folder's descriptor and "..", the host's whole tree could be looked at, whatever our own root is. */
		expect_death(k, (struct call){ SYS_newfstatat, { (unsigned long)AT_FDCWD, (unsigned long)(uintptr_t)"..", (unsigned long)(uintptr_t)room } },
			     "newfstatat");
		expect_death(k, (struct call){ SYS_statx, { (unsigned long)AT_FDCWD, (unsigned long)(uintptr_t)"..", 0, 0, (unsigned long)(uintptr_t)room } },
			     "statx");
		expect_death(k, (struct call){ SYS_socket, { AF_UNIX, SOCK_STREAM } }, "socket");
		expect_death(k, (struct call){ SYS_connect, { 0 } }, "connect");
		expect_death(k, (struct call){ SYS_execve, { 0 } }, "execve");
		expect_death(k, (struct call){ SYS_execveat, { 0 } }, "execveat");
		expect_death(k, (struct call){ SYS_clone, { SIGCHLD } }, "clone");
		expect_death(k, (struct call){ SYS_clone3, { 0 } }, "clone3");
		expect_death(k, (struct call){ SYS_fork, { 0 } }, "fork");
		expect_death(k, (struct call){ SYS_ptrace, { 0 } }, "ptrace");
		expect_death(k, (struct call){ SYS_mount, { 0 } }, "mount");
		expect_death(k, (struct call){ SYS_setns, { 0 } }, "setns");
		expect_death(k, (struct call){ SYS_unshare, { 0 } }, "unshare");
		expect_death(k, (struct call){ SYS_bpf, { 0 } }, "bpf");
		expect_death(k, (struct call){ SYS_io_uring_setup, { 0 } }, "io_uring_setup");
		expect_death(k, (struct call){ SYS_process_vm_writev, { 0 } }, "process_vm_writev");
		expect_death(k, (struct call){ SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, (unsigned long)-1, 0 } },
			     "memory that can be executed");
		expect_death(k, (struct call){ SYS_mprotect, { 0, 4096, PROT_EXEC } }, "memory made executable");
		expect_death(k, (struct call){ SYS_tgkill, { 1, 1, 0 } }, "a signal to somebody else");
		expect_death(k, (struct call){ SYS_ioctl, { 0, KVM_CREATE_VM, 0 } }, "KVM_CREATE_VM");
		expect_death(k, (struct call){ SYS_ioctl, { 0, KVM_SET_USER_MEMORY_REGION, 0 } }, "KVM_SET_USER_MEMORY_REGION");
		expect_death(k, (struct call){ SYS_ioctl, { 0, TIOCSTI, 0 } }, "TIOCSTI");
	}
}

Test(filter, kill_is_for_ourselves)
{
	expect_death(FILTER_MAIN, (struct call){ SYS_kill, { 1, 0 } }, "kill(1)");
	expect_death(FILTER_MAIN, (struct call){ SYS_kill, { (unsigned long)-1, 0 } }, "kill(-1)");
	expect_death(FILTER_VCPU, (struct call){ SYS_kill, { 0, 0 } }, "kill(0)");
}

Test(filter, what_they_need)
{
	expect_life(FILTER_VCPU, (struct call){ SYS_ioctl, { (unsigned long)-1, KVM_RUN, 0 } }, "KVM_RUN");
	expect_death(FILTER_WORKER, (struct call){ SYS_ioctl, { (unsigned long)-1, KVM_RUN, 0 } }, "KVM_RUN");
	expect_death(FILTER_MAIN, (struct call){ SYS_ioctl, { (unsigned long)-1, KVM_RUN, 0 } }, "KVM_RUN");
	expect_life(FILTER_MAIN, (struct call){ SYS_ioctl, { (unsigned long)-1, TIOCGWINSZ, 0 } }, "a terminal's size");
	expect_life(FILTER_WORKER, (struct call){ SYS_writev, { (unsigned long)-1, 0, 0 } }, "writev");
	expect_life(FILTER_WORKER, (struct call){ SYS_mmap, { 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (unsigned long)-1, 0 } },
		    "memory");
	expect_life(FILTER_WORKER, (struct call){ SYS_preadv, { (unsigned long)-1, 0, 0 } }, "preadv");
}

Test(filter, the_broker)
{
	expect_life(FILTER_BROKER, (struct call){ SYS_openat, { (unsigned long)-1, (unsigned long)(uintptr_t)"x", O_RDONLY } }, "openat");
	expect_death(FILTER_BROKER, (struct call){ SYS_socket, { AF_UNIX, SOCK_STREAM } }, "socket");
	expect_death(FILTER_BROKER, (struct call){ SYS_execve, { 0 } }, "execve");
	expect_death(FILTER_BROKER, (struct call){ SYS_ioctl, { 0, KVM_RUN, 0 } }, "ioctl");
	expect_death(FILTER_BROKER, (struct call){ SYS_prctl, { PR_SET_NAME, 0 } }, "prctl");
	expect_life(FILTER_BROKER, (struct call){ SYS_prctl, { PR_SET_PDEATHSIG, 0 } }, "prctl(PR_SET_PDEATHSIG)");
	expect_death(FILTER_BROKER, (struct call){ SYS_mount, { 0 } }, "mount");
	expect_death(FILTER_BROKER, (struct call){ SYS_kill, { 1, 0 } }, "kill");
}

Test(filter, another_architecture)
{
	/* x32 calls have a bit of their own; getpid is allowed, its x32 twin is not. */
	expect_death(FILTER_MAIN, (struct call){ SYS_getpid | 0x40000000, { 0 } }, "x32's getpid");
}

Test(filter, reasons)
{
	for (int k = 0; k < FILTER_KIND_MAX; k++)
		for (int call = 0; call < 500; call++) {
			const char *why = filter_reason((enum filter_kind)k, call);

			cr_expect(!why || *why, "call %d of %s has no reason", call, filter_kind_names[k]);
		}
	cr_expect(filter_reason(FILTER_VCPU, SYS_ioctl) && !filter_reason(FILTER_VCPU, SYS_openat));
}
