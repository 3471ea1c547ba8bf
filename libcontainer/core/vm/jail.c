/* jail.c: see jail.h. */
#include "core/vm/jail.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/sys.h"

#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_restrict_self 446
#endif

/* Headers may be older than the kernel. */
#ifndef PR_SCHED_CORE
#define PR_SCHED_CORE 62
#define PR_SCHED_CORE_CREATE 1
#endif
#ifndef PR_SCHED_CORE_SCOPE_THREAD_GROUP
#define PR_SCHED_CORE_SCOPE_THREAD_GROUP 1
#endif
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1ul
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

/* A tmpfs with nothing in it, read-only, in place of the host's tree. The namespace is a new one even if the bundle's was: the broker still
 * stands in that. */
static int empty_root(struct error *err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return error_errno(err, "lock ourselves in: a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_errno(err, "lock ourselves in: make its mounts private");
	/* /proc is there on every host, and nobody needs it any more. */
	if (mount("nacre", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=1,mode=555") < 0)
		return error_errno(err, "lock ourselves in: an empty root");
	if (chdir("/proc") < 0 || sys_pivot_root(".", ".") < 0)
		return error_errno(err, "lock ourselves in: pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		return error_errno(err, "lock ourselves in: unmount the host's tree");
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return error_errno(err, "lock ourselves in: make the empty root read-only");
	return chdir("/") < 0 ? error_errno(err, "lock ourselves in: enter the empty root") : 0;
}

static int drop_capabilities(struct error *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[2] = { { 0 } };

	/* The bounding set needs a capability to be dropped with, so it goes first. */
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
			return error_errno(err, "lock ourselves in: drop capability %d", cap);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return error_errno(err, "lock ourselves in: clear the ambient set");
	if (syscall(SYS_capset, &head, none) < 0)
		return error_errno(err, "lock ourselves in: give up all capabilities");
	return 0;
}

/* What an older kernel lacks is no error, nor what the machine has no use for: processors that share no core. */
static int ask_if_known(unsigned long what, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	int ret = prctl((int)what, a, b, c, d);

	return ret < 0 && errno != EINVAL && errno != ENODEV ? ret : 0;
}

/* No tracer, no core, no page that is written and then executed, and none that is shared with whoever has one like it: by how long a write
 * takes one could tell that from the others (CVE-2015-2877), and who started us may have asked for it. */
static int harden(struct error *err)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 || ask_if_known(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) < 0 ||
	    ask_if_known(PR_SET_MEMORY_MERGE, 0, 0, 0, 0) < 0)
		return error_errno(err, "lock ourselves in");
	return 0;
}

int vm_jail_prepare(struct error *err)
{
	/* What leaks between two threads of one core stays in the machine. */
	if (ask_if_known(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, PR_SCHED_CORE_SCOPE_THREAD_GROUP, 0) < 0)
		return error_errno(err, "lock ourselves in: a core of our own");
	return harden(err);
}

int vm_jail_give_up(uint64_t bounding, struct error *err)
{
	static const int only_if_wanted[] = { CAP_MKNOD, CAP_SETFCAP };
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return error_errno(err, "look at the monitor's capabilities");
	/* Both are among the first 32. */
	for (size_t i = 0; i < sizeof(only_if_wanted) / sizeof(*only_if_wanted); i++) {
		uint32_t bit = UINT32_C(1) << only_if_wanted[i];

		if (bounding & bit)
			continue;
		data[0].effective &= ~bit;
		data[0].permitted &= ~bit;
	}
	return syscall(SYS_capset, &head, data) < 0 ? error_errno(err, "give up capabilities of the monitor") : 0;
}

/* Every right that the kernel's version of Landlock can take, and no rule that gives one back. */
static int landlock(struct error *err)
{
	/* struct landlock_ruleset_attr, by its fields' age; headers may be older than the kernel. */
	struct { uint64_t files, ports, scopes; } all = { 0 };
	static const struct { uint64_t files, ports, scopes; } by_abi[] = {
		{ 0, 0, 0 },
		{ (1u << 13) - 1, 0, 0 },
		{ (1u << 14) - 1, 0, 0 },        /* REFER */
		{ (1u << 15) - 1, 0, 0 },        /* TRUNCATE */
		{ (1u << 15) - 1, 3, 0 },        /* TCP bind and connect */
		{ (1u << 16) - 1, 3, 0 },        /* IOCTL_DEV */
		{ (1u << 16) - 1, 3, 3 },        /* abstract sockets, signals */
	};
	enum { NEWEST = sizeof(by_abi) / sizeof(*by_abi) - 1 };
	/* Fields that an older kernel does not know must not be there. */
	static const size_t sizes[NEWEST + 1] = { 0, 8, 8, 8, 16, 16, 24 };
	auto_close int ruleset = -EBADF;
	long abi = syscall(__NR_landlock_create_ruleset, NULL, 0, 1u);

	if (abi < 1) {
		log_line(LOG_DEBUG, "lock ourselves in: the kernel has no Landlock");
		return 0;
	}
	if (abi > NEWEST)
		abi = NEWEST;
	all.files = by_abi[abi].files;
	all.ports = by_abi[abi].ports;
	all.scopes = by_abi[abi].scopes;
	ruleset = (int)syscall(__NR_landlock_create_ruleset, &all, sizes[abi], 0u);
	if (ruleset < 0)
		return error_errno(err, "lock ourselves in: Landlock");
	if (syscall(__NR_landlock_restrict_self, ruleset, 0u) < 0)
		return error_errno(err, "lock ourselves in: enter Landlock");
	return 0;
}

int vm_jail_enter(struct error *err)
{
	int ret = empty_root(err);

	return ret < 0 ? ret : vm_jail_stand_by(err);
}

int vm_jail_stand_by(struct error *err)
{
	int ret = drop_capabilities(err);

	if (ret == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		ret = error_errno(err, "lock ourselves in");
	if (ret == 0)
		ret = harden(err);
	return ret < 0 ? ret : landlock(err);
}
