/* test_vm_jail.c: what the monitor of a virtual machine has left once it is locked in, seen from within. */
#include "core/vm/jail.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CORE = 62, CORE_GET = 0, CORE_CREATE = 1, SET_MDWE = 65, GET_MDWE = 66, SET_MERGE = 67, GET_MERGE = 68 };

/* What was asked of the kernel about cores, and what it is to have said: not every machine has two processors in a core. */
static struct { int calls, error; unsigned long pid, scope; } core;

int __real_prctl(int what, ...);
int __wrap_prctl(int what, ...);
int __wrap_prctl(int what, ...)
{
	unsigned long a[4];
	va_list ap;

	va_start(ap, what);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	if (what == CORE && a[0] == CORE_CREATE) {
		core.calls++;
		core.pid = a[1];
		core.scope = a[2];
		errno = core.error;
		if (core.error)
			return -1;
	}
	return __real_prctl(what, a[0], a[1], a[2], a[3]);
}

/* What a process finds that locks itself in and looks. */
enum { WELL, BAD, NOT_LOCKED, LACKING };

static int in(int (*lock)(struct error *err), int (*look)(void))
{
	int status = 0;
	pid_t pid = fork();

	cr_assert(pid >= 0);
	if (pid == 0) {
		/* An ordinary user is root of a namespace, as the monitor is there. */
		if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0)
			_exit(LACKING);
		_exit(lock(NULL) < 0 ? NOT_LOCKED : look());
	}
	cr_assert(waitpid(pid, &status, 0) == pid);
	cr_assert(WIFEXITED(status), "it ended with %#x", (unsigned)status);
	return WEXITSTATUS(status);
}

static void expect(int (*lock)(struct error *err), int (*look)(void))
{
	int status = in(lock, look);

	if (status == LACKING)
		cr_skip_test("this kernel, or this user, has no such thing");
	cr_assert_eq(status, WELL, "status %d", status);
}

static int root_is_empty(void)
{
	DIR *d = opendir("/");
	struct statvfs st;
	struct dirent *e;
	char path[64] = "";

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			return BAD;
	/* Landlock says no as well: the mount is asked. */
	if (statvfs("/", &st) < 0 || !(st.f_flag & ST_RDONLY) || !(st.f_flag & ST_NODEV) || !(st.f_flag & ST_NOSUID) || !(st.f_flag & ST_NOEXEC))
		return BAD;
	if (mkdir("/x", 0700) == 0 || access("/etc", F_OK) == 0 || access("/..", F_OK) < 0 || access("/../etc", F_OK) == 0)
		return BAD;
	return getcwd(path, sizeof(path)) && !strcmp(path, "/") ? WELL : BAD;
}

Test(vm_jail, the_root_is_empty_and_read_only)
{
	expect(vm_jail_enter, root_is_empty);
}

static int has_no_capability(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 1, 1, 1 }, { 1, 1, 1 } };

	if (syscall(SYS_capget, &head, data) < 0)
		return BAD;
	for (int i = 0; i < 2; i++)
		if (data[i].effective | data[i].permitted | data[i].inheritable)
			return BAD;
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) > 0)
			return BAD;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? WELL : BAD;
}

Test(vm_jail, there_is_no_capability_and_never_will_be)
{
	expect(vm_jail_enter, has_no_capability);
	expect(vm_jail_stand_by, has_no_capability);
}

static int is_undumpable(void)
{
	struct rlimit r = { 1, 1 };

	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && getrlimit(RLIMIT_CORE, &r) == 0 && !r.rlim_cur && !r.rlim_max ? WELL : BAD;
}

Test(vm_jail, nobody_traces_it_and_it_leaves_no_core)
{
	expect(vm_jail_prepare, is_undumpable);
	expect(vm_jail_stand_by, is_undumpable);
}

static int gains_no_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (prctl(GET_MDWE, 0, 0, 0, 0) < 0)
		return LACKING;
	if (p == MAP_FAILED || mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0)
		return BAD;
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? WELL : BAD;
}

Test(vm_jail, what_was_written_is_not_executed)
{
	expect(vm_jail_prepare, gains_no_code);
	expect(vm_jail_stand_by, gains_no_code);
}

/* As a service manager may have asked for it, for all that it starts: systemd.exec(5), MemoryKSM=. */
static int prepared_with_merging(struct error *err)
{
	(void)prctl(SET_MERGE, 1, 0, 0, 0);
	return vm_jail_prepare(err);
}

static int merges_nothing(void)
{
	int merges = prctl(GET_MERGE, 0, 0, 0, 0);

	return merges < 0 ? LACKING : merges ? BAD : WELL;
}

Test(vm_jail, no_memory_is_merged_with_others)
{
	expect(prepared_with_merging, merges_nothing);
}

static int asked_for_a_core(void)
{
	return core.calls == 1 && core.pid == 0 && core.scope == 1 ? WELL : BAD;
}

Test(vm_jail, a_core_is_asked_for_and_may_be_refused)
{
	/* No such machine, no such kernel. */
	for (size_t i = 0; i < 2; i++) {
		core.error = (int[]){ ENODEV, EINVAL }[i];
		cr_expect_eq(in(vm_jail_prepare, asked_for_a_core), WELL);
	}
	core.error = EPERM;
	cr_expect_eq(in(vm_jail_prepare, asked_for_a_core), NOT_LOCKED);
}

static unsigned long cookie(void)
{
	unsigned long c = 0;

	return prctl(CORE, CORE_GET, 0, 0, &c) < 0 ? 0 : c;
}

/* The broker, the threads: whatever comes of it is in the same core. */
static int shares_its_core_with_its_children(void)
{
	unsigned long mine = cookie();
	int status = 0;
	pid_t pid;

	if (prctl(CORE, CORE_GET, 0, 0, &mine) < 0)
		return LACKING;
	pid = fork();
	if (pid == 0)
		_exit(cookie() == mine ? WELL : BAD);
	return mine && waitpid(pid, &status, 0) == pid && status == WELL ? WELL : BAD;
}

Test(vm_jail, its_core_is_its_own)
{
	unsigned long before = cookie();

	expect(vm_jail_prepare, shares_its_core_with_its_children);
	cr_assert_eq(cookie(), before);
}

static int etc, parent;

static int landlock_version(void)
{
	return (int)syscall(444, NULL, 0, 1);
}

/* The root is still the host's: what holds is Landlock. */
static int finds_no_file(void)
{
	if (landlock_version() < 1)
		return LACKING;
	return open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES && openat(etc, "passwd", O_RDONLY) < 0 && errno == EACCES && !opendir("/etc") &&
		mkdir("/tmp/nacre-jail", 0700) < 0 && errno == EACCES ? WELL : BAD;
}

Test(vm_jail, no_file_is_found_by_any_name)
{
	etc = open("/etc", O_PATH | O_DIRECTORY);
	expect(vm_jail_stand_by, finds_no_file);
}

static int reaches_no_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(9) };
	int s = socket(AF_INET, SOCK_STREAM, 0);

	if (landlock_version() < 4 || s < 0)
		return LACKING;
	return connect(s, (struct sockaddr *)&a, sizeof(a)) < 0 && errno == EACCES && bind(s, (struct sockaddr *)&a, sizeof(a)) < 0 && errno == EACCES
		       ? WELL
		       : BAD;
}

Test(vm_jail, no_port_is_reached)
{
	expect(vm_jail_stand_by, reaches_no_port);
}

static struct sockaddr_un abstract = { .sun_family = AF_UNIX };

static int reaches_nobody(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	if (landlock_version() < 6 || s < 0)
		return LACKING;
	return connect(s, (struct sockaddr *)&abstract, sizeof(abstract)) < 0 && errno == EPERM && kill(parent, 0) < 0 && errno == EPERM ? WELL : BAD;
}

Test(vm_jail, no_signal_and_no_abstract_socket_outside_is_reached)
{
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	parent = getpid();
	snprintf(abstract.sun_path + 1, sizeof(abstract.sun_path) - 1, "nacre-jail-%d", parent);
	cr_assert_eq(bind(s, (struct sockaddr *)&abstract, sizeof(abstract)), 0);
	cr_assert_eq(listen(s, 1), 0);
	expect(vm_jail_stand_by, reaches_nobody);
}

static uint64_t bounding;

static int given_up(struct error *err)
{
	return vm_jail_give_up(bounding, err);
}

static int makes_what_the_container_could(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	const uint32_t bits = 1u << CAP_MKNOD | 1u << CAP_SETFCAP;

	return syscall(SYS_capget, &head, data) == 0 && (data[0].permitted & bits) == bounding && (data[0].effective & bits) == bounding ? WELL : BAD;
}

Test(vm_jail, what_the_container_never_had_is_given_up)
{
	static const uint64_t sets[] = { 0, UINT64_C(1) << CAP_MKNOD, UINT64_C(1) << CAP_SETFCAP };

	for (size_t i = 0; i < 3; i++) {
		bounding = sets[i];
		expect(given_up, makes_what_the_container_could);
	}
}
