/* host_check.c: see host_check.h. */
#include "core/host_check.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/path.h"
#include "base/str.h"
#include "base/table.h"
#include "cgroup/cgroup.h"
#include "core/agent/image.h"
#include "net/tap.h"
#include "ns/namespaces.h"
#include "vmm/initramfs.h"
#include "vmm/kernel.h"
#include "vmm/modules.h"
#include "vmm/probe.h"

const char *const host_verdict_names[] = { "yes", "partly", "no", NULL };
NAMES_COMPLETE(host_verdict_names, HOST_VERDICT_MAX);

static void say(struct host_finding *f, enum host_verdict verdict, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void say(struct host_finding *f, enum host_verdict verdict, const char *fmt, ...)
{
	va_list args;

	f->verdict = verdict;
	va_start(args, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, args);
	va_end(args);
}

static bool is_root(void)
{
	return geteuid() == 0;
}

/* In a child: it would change us. */
static bool may_unshare(int flags)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(unshare(flags) < 0 ? 1 : 0);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void check_namespaces(struct host_finding *f)
{
	struct text have = { 0 }, lack = { 0 };

	for (int i = 0; i < OCI_NS_MAX; i++) {
		auto_free char *path = str_printf("/proc/self/ns/%s", ns_types[i].file);
		struct text *to = path && access(path, F_OK) == 0 ? &have : &lack;

		text_addf(to, "%s%s", to->n ? ", " : "", oci_namespace_type_names[i]);
	}
	if (have.failed || lack.failed)
		say(f, HOST_NO, "out of memory");
	else if (!is_root() && !may_unshare(CLONE_NEWUSER))
		say(f, HOST_NO, "an ordinary user gets no user namespace here; run as root, or allow them (sysctl kernel.unprivileged_userns_clone, "
				"user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)");
	else if (is_root() && !may_unshare(CLONE_NEWNS))
		say(f, HOST_NO, "root may make none: CAP_SYS_ADMIN is missing; give it to whatever we run in");
	else if (lack.n)
		say(f, HOST_PARTLY, "%s; this kernel lacks: %s; configs that ask for these are refused", have.v, lack.v);
	else
		say(f, HOST_YES, "%s", have.v);
	text_free(&have);
	text_free(&lack);
}

/* Is there one of ours that we may make others below? */
static bool is_delegated(char *where, size_t room)
{
	auto_free char *line = NULL;
	size_t size = 0;
	FILE *file = fopen("/proc/self/cgroup", "re");
	bool found = false;

	while (file && getline(&line, &size, file) > 0)
		if (str_starts(line, "0::")) {
			line[strcspn(line, "\n")] = '\0';
			snprintf(where, room, "/sys/fs/cgroup%s", line + 3);
			found = access(where, W_OK) == 0;
		}
	if (file)
		fclose(file);
	return found;
}

static void check_cgroups(struct host_finding *f)
{
	enum cgroup_layout layout = cgroup_host_layout();
	char where[256] = "";

	if (layout == CGROUP_LAYOUT_NONE)
		say(f, HOST_PARTLY, "none is mounted: containers run without limits; mount -t cgroup2 cgroup2 /sys/fs/cgroup");
	else if (!is_root() && layout != CGROUP_LAYOUT_V2)
		say(f, HOST_PARTLY, "cgroup v1 is root's alone: containers of an ordinary user run without limits; boot with "
				    "systemd.unified_cgroup_hierarchy=1");
	else if (!is_root() && !is_delegated(where, sizeof(where)))
		say(f, HOST_PARTLY, "version 2, but %s is not ours: containers run without limits; use --systemd-cgroup in a systemd user session",
		    *where ? where : "none");
	else
		say(f, HOST_YES, "%s", layout == CGROUP_LAYOUT_V2 ? "version 2" : layout == CGROUP_LAYOUT_V1 ? "version 1" : "versions 1 and 2 side by side");
}

static void check_seccomp(struct host_finding *f)
{
	const uint32_t action = SECCOMP_RET_KILL_PROCESS;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		say(f, HOST_YES, "filters with every action");
	else if (errno == EOPNOTSUPP || errno == EINVAL)
		say(f, HOST_PARTLY, "an old kernel's: the action SCMP_ACT_KILL_PROCESS is missing");
	else
		say(f, HOST_NO, "the kernel has none (CONFIG_SECCOMP_FILTER): configs with linux.seccomp are refused");
}

static bool in_path(const char *name)
{
	const char *path = getenv("PATH");
	auto_free char *copy = strdup(path && *path ? path : "/usr/bin:/bin");
	char *save = NULL;

	for (char *dir = copy ? strtok_r(copy, ":", &save) : NULL; dir; dir = strtok_r(NULL, ":", &save)) {
		auto_free char *whole = path_join(dir, name);

		if (whole && access(whole, X_OK) == 0)
			return true;
	}
	return false;
}

/* "name:first:count" or "uid:first:count". */
static bool has_range(const char *file)
{
	const struct passwd *user = getpwuid(geteuid());
	auto_free char *uid = str_printf("%u", geteuid()), *line = NULL;
	size_t size = 0;
	FILE *in = fopen(file, "re");
	bool found = false;

	while (in && uid && !found && getline(&line, &size, in) > 0) {
		line[strcspn(line, ":")] = '\0';
		found = !strcmp(line, uid) || (user && !strcmp(line, user->pw_name));
	}
	if (in)
		fclose(in);
	return found;
}

static void check_idmaps(struct host_finding *f)
{
	if (!may_unshare(CLONE_NEWUSER))
		say(f, HOST_NO, "no user namespaces can be made; see namespaces");
	else if (is_root())
		say(f, HOST_YES, "any ids");
	else if (!in_path("newuidmap") || !in_path("newgidmap"))
		say(f, HOST_PARTLY, "our own id alone: newuidmap and newgidmap are not installed; apt-get install uidmap");
	else if (!has_range("/etc/subuid") || !has_range("/etc/subgid"))
		say(f, HOST_PARTLY, "our own id alone: no range for us in /etc/subuid or /etc/subgid; usermod --add-subuids and --add-subgids give one");
	else
		say(f, HOST_YES, "our own id, and the range in /etc/subuid");
}

static void check_kvm(struct host_finding *f)
{
	struct probe p;

	vm_probe(&p);
	if (p.result == PROBE_GOOD)
		say(f, HOST_YES, "present, allowed, and fast: a million instructions in %.1f ms", (double)p.ns / 1e6);
	else
		say(f, p.result == PROBE_SLOW && probe_accepts_slow() ? HOST_PARTLY : HOST_NO, "%s", p.error.msg);
}

/* What a guest is made of, besides KVM. */
static void check_guest(struct host_finding *f)
{
	struct kernel k = KERNEL_NONE;
	struct modules *modules = NULL;
	struct initramfs *files = NULL;
	struct error err = ERROR_NONE;
	int ret = kernel_open(NULL, &k, &err);

	if (ret == 0)
		ret = modules_find_of(&k, &modules, &err);
	if (ret == 0)
		ret = initramfs_new(&files, &err);
	if (ret == 0)
		ret = agent_image_add(files, &err);
	if (ret < 0)
		say(f, HOST_NO, "%s", err.msg);
	else
		say(f, HOST_YES, "%s and its modules", k.path);
	initramfs_free(files);
	modules_free(modules);
	kernel_close(&k);
}

static void check_tap(struct host_finding *f)
{
	struct error err = ERROR_NONE;
	auto_close int tun = tap_open(&err);

	if (tun < 0)
		say(f, HOST_NO, "%s", err.msg);
	else
		say(f, HOST_YES, "/dev/net/tun");
}

static const struct {
	const char *subject;
	bool for_vm;
	void (*look)(struct host_finding *f);
} subjects[] = {
	{ "namespaces", false, check_namespaces },
	{ "cgroups",    false, check_cgroups },
	{ "seccomp",    false, check_seccomp },
	{ "id maps",    false, check_idmaps },
	{ "kvm",        true,  check_kvm },
	{ "guest",      true,  check_guest },
	{ "tap",        true,  check_tap },
};
_Static_assert(ARRAY_LEN(subjects) <= HOST_FINDINGS_MAX, "HOST_FINDINGS_MAX");

int host_check(struct host_finding out[HOST_FINDINGS_MAX])
{
	for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
		out[i] = (struct host_finding){ .subject = subjects[i].subject, .for_vm = subjects[i].for_vm, .verdict = HOST_NO };
		subjects[i].look(&out[i]);
	}
	return (int)ARRAY_LEN(subjects);
}
