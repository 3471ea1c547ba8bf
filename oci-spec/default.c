/* default.c: see default.h. */
#include "oci-spec/default.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/str.h"
#include "base/table.h"
#include "oci-spec/state.h"

enum when { ALWAYS, ROOTFUL, ROOTLESS, UNIFIED };

struct mount_default {
	enum when when;
	const char *destination, *type, *source;
	const char *options[8];
};

/* clang-format off */
static const struct mount_default mounts[] = {
	{ ALWAYS, "/proc", "proc", "proc", { NULL } },
	{ ALWAYS, "/dev", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k" } },
	/* Group 5 (tty) is not mapped in a rootless container. */
	{ ROOTFUL, "/dev/pts", "devpts", "devpts", { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" } },
	{ ROOTLESS, "/dev/pts", "devpts", "devpts", { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620" } },
	{ ALWAYS, "/dev/shm", "tmpfs", "shm", { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k" } },
	{ ALWAYS, "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" } },
	/* A new sysfs needs a network namespace that the user namespace owns. */
	{ ROOTFUL, "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" } },
	{ ROOTLESS, "/sys", "none", "/sys", { "rbind", "nosuid", "noexec", "nodev", "ro" } },
	{ ALWAYS, "/sys/fs/cgroup", "cgroup", "cgroup", { "nosuid", "noexec", "nodev", "relatime", "ro" } },
};

static const struct { enum when when; const char *type; } namespaces[] = {
	{ ALWAYS, "pid" },
	{ ROOTFUL, "network" },
	{ ALWAYS, "ipc" },
	{ ALWAYS, "uts" },
	{ ALWAYS, "mount" },
	{ UNIFIED, "cgroup" },
	{ ROOTLESS, "user" },
};

static const char *const capabilities[] = { "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE", NULL };
static const char *const capability_sets[] = { "bounding", "effective", "permitted", "ambient" };
static const char *const args[] = { "sh", NULL };
static const char *const env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm", NULL };
static const char *const masked[] = {
	"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
	"/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi", NULL,
};
static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL };
/* clang-format on */

/* The text, and whether what comes next needs a comma first. */
struct page {
	struct text text;
	int depth;
	bool comma;
};

static void add_key(struct page *p, const char *key)
{
	if (p->comma)
		text_add(&p->text, ",");
	if (p->depth)
		text_add(&p->text, "\n");
	for (int i = 0; i < p->depth; i++)
		text_add(&p->text, "\t");
	if (key)
		text_addf(&p->text, "\"%s\": ", key);
	p->comma = true;
}

static void open_with(struct page *p, const char *key, const char *bracket)
{
	add_key(p, key);
	text_add(&p->text, bracket);
	p->depth++;
	p->comma = false;
}

static void close_with(struct page *p, const char *bracket)
{
	text_add(&p->text, "\n");
	p->depth--;
	for (int i = 0; i < p->depth; i++)
		text_add(&p->text, "\t");
	text_add(&p->text, bracket);
	p->comma = true;
}

static void add_string(struct page *p, const char *key, const char *value)
{
	add_key(p, key);
	text_addf(&p->text, "\"%s\"", value);
}

static void add_number(struct page *p, const char *key, unsigned long long value)
{
	add_key(p, key);
	text_addf(&p->text, "%llu", value);
}

static void add_bool(struct page *p, const char *key, bool value)
{
	add_key(p, key);
	text_add(&p->text, value ? "true" : "false");
}

static void add_strings(struct page *p, const char *key, const char *const *v)
{
	open_with(p, key, "[");
	for (; *v; v++)
		add_string(p, NULL, *v);
	close_with(p, "]");
}

static void add_process(struct page *p)
{
	open_with(p, "process", "{");
	add_bool(p, "terminal", true);
	open_with(p, "user", "{");
	add_number(p, "uid", 0);
	add_number(p, "gid", 0);
	close_with(p, "}");
	add_strings(p, "args", args);
	add_strings(p, "env", env);
	add_string(p, "cwd", "/");
	open_with(p, "capabilities", "{");
	for (size_t i = 0; i < ARRAY_LEN(capability_sets); i++)
		add_strings(p, capability_sets[i], capabilities);
	close_with(p, "}");
	open_with(p, "rlimits", "[");
	open_with(p, NULL, "{");
	add_string(p, "type", "RLIMIT_NOFILE");
	add_number(p, "hard", 1024);
	add_number(p, "soft", 1024);
	close_with(p, "}");
	close_with(p, "]");
	add_bool(p, "noNewPrivileges", true);
	close_with(p, "}");
}

static bool applies(enum when when, bool rootless, bool unified)
{
	switch (when) {
	case ALWAYS:
		return true;
	case ROOTFUL:
		return !rootless;
	case ROOTLESS:
		return rootless;
	case UNIFIED:
		return unified;
	}
	return false;
}

static void add_mounts(struct page *p, bool rootless)
{
	open_with(p, "mounts", "[");
	for (size_t i = 0; i < ARRAY_LEN(mounts); i++) {
		if (!applies(mounts[i].when, rootless, false))
			continue;
		open_with(p, NULL, "{");
		add_string(p, "destination", mounts[i].destination);
		add_string(p, "type", mounts[i].type);
		add_string(p, "source", mounts[i].source);
		if (*mounts[i].options)
			add_strings(p, "options", mounts[i].options);
		close_with(p, "}");
	}
	close_with(p, "]");
}

static void add_mapping(struct page *p, const char *key, unsigned id)
{
	open_with(p, key, "[");
	open_with(p, NULL, "{");
	add_number(p, "containerID", 0);
	add_number(p, "hostID", id);
	add_number(p, "size", 1);
	close_with(p, "}");
	close_with(p, "]");
}

/* Without rules the device controller would be left open. */
static void add_resources(struct page *p)
{
	open_with(p, "resources", "{");
	open_with(p, "devices", "[");
	open_with(p, NULL, "{");
	add_bool(p, "allow", false);
	add_string(p, "access", "rwm");
	close_with(p, "}");
	close_with(p, "]");
	close_with(p, "}");
}

static void add_linux(struct page *p, bool rootless, uid_t uid, gid_t gid)
{
	struct statfs fs;
	bool unified = statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;

	open_with(p, "linux", "{");
	if (rootless) {
		add_mapping(p, "uidMappings", uid);
		add_mapping(p, "gidMappings", gid);
	} else {
		add_resources(p);
	}
	open_with(p, "namespaces", "[");
	for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
		if (!applies(namespaces[i].when, rootless, unified))
			continue;
		open_with(p, NULL, "{");
		add_string(p, "type", namespaces[i].type);
		close_with(p, "}");
	}
	close_with(p, "]");
	add_strings(p, "maskedPaths", masked);
	add_strings(p, "readonlyPaths", readonly);
	close_with(p, "}");
}

int oci_default_config(bool rootless, uid_t uid, gid_t gid, char **text, struct error *err)
{
	struct page p = {0};

	open_with(&p, NULL, "{");
	add_string(&p, "ociVersion", OCI_VERSION);
	add_process(&p);
	open_with(&p, "root", "{");
	add_string(&p, "path", "rootfs");
	add_bool(&p, "readonly", true);
	close_with(&p, "}");
	add_string(&p, "hostname", "runc");
	add_mounts(&p, rootless);
	add_linux(&p, rootless, uid, gid);
	close_with(&p, "}");
	text_add(&p.text, "\n");
	if (p.text.failed) {
		text_free(&p.text);
		return error_set(err, -ENOMEM, "default config: out of memory");
	}
	*text = p.text.v;
	return 0;
}
