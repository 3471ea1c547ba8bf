/* label.c: see label.h. */
#include "process/label.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "process/procfs.h"

/* What a new session keyring may by default (possessor: all; user: view, read, link), and user: search.
 * Without that, an exec into the container could not join the keyring by its name. Bits from security/keys,
 * not in the kernel's public headers. */
#define KEYRING_PERMISSIONS 0x3f1b0000

static bool asked(const char *label)
{
	return label && *label;
}

bool label_host_has_apparmor(void)
{
	auto_close int fd = open("/sys/module/apparmor/parameters/enabled", O_RDONLY | O_CLOEXEC);
	char c = 'N';

	return fd >= 0 && read(fd, &c, 1) == 1 && c == 'Y';
}

bool label_host_has_selinux(void)
{
	struct statfs fs;

	return statfs("/sys/fs/selinux", &fs) == 0 && (unsigned long)fs.f_type == SELINUX_MAGIC;
}

/* AppArmor has had a folder of its own since it can be stacked with others; the old place serves whichever
 * module is first. */
static int apply_apparmor(const char *profile, int proc, struct error *err)
{
	auto_free char *text = str_printf("exec %s", profile);
	struct error why = ERROR_NONE;
	int r;

	if (!text)
		return error_set(err, -ENOMEM, "process.apparmorProfile: out of memory");
	r = procfs_write(proc, "self/attr/apparmor/exec", text, &why);
	if (r == -ENOENT) {
		/* Either the folder is missing, or AppArmor says that there is no such profile: only a look
		 * tells. */
		struct error ignored = ERROR_NONE;
		auto_close int fd = procfs_open(proc, "self/attr/apparmor/exec", O_PATH, &ignored);

		if (fd >= 0)
			return error_set(err, -EINVAL,
					 "process.apparmorProfile: profile \"%s\" is not loaded on this host",
					 profile);
		why = ERROR_NONE;
		r = procfs_write(proc, "self/attr/exec", text, &why);
	}
	if (r == 0)
		return 0;
	/* The file is always there; without a module behind it, the kernel answers EINVAL. */
	if (r == -ENOENT || r == -EINVAL || r == -EOPNOTSUPP)
		return error_set(err, -ENOTSUP,
				 "process.apparmorProfile: AppArmor is not enabled on this host");
	if (err)
		*err = why;
	return error_wrap(err, "process.apparmorProfile: apply \"%s\"", profile);
}

static int apply_selinux(const char *label, int proc, const char *file, struct error *err)
{
	struct error why = ERROR_NONE;
	int r = procfs_write(proc, file, label, &why);

	if (r == 0)
		return 0;
	/* EINVAL is SELinux' own answer to a label that its policy does not know. */
	if (r == -ENOENT || r == -EOPNOTSUPP || (r == -EINVAL && !label_host_has_selinux()))
		return error_set(err, -ENOTSUP, "process.selinuxLabel: SELinux is not enabled on this host");
	if (err)
		*err = why;
	return error_wrap(err, "process.selinuxLabel: apply \"%s\"", label);
}

int label_apply(const struct oci_process *process, int proc, struct error *err)
{
	int r = 0;

	if (asked(process->selinux_label))
		r = apply_selinux(process->selinux_label, proc, "self/attr/exec", err);
	if (!r && asked(process->apparmor_profile))
		r = apply_apparmor(process->apparmor_profile, proc, err);
	return r;
}

/* The keyring is labelled as the process will be, or the process could not use it; afterwards back to what is
 * the default. */
static int label_keys(const char *label, struct error *err)
{
	auto_close int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (proc < 0)
		return error_errno(err, "open /proc");
	return procfs_write(proc, "self/attr/keycreate", label, err);
}

int label_new_keyring(const char *id, const struct oci_process *process, struct error *err)
{
	bool label = process && asked(process->selinux_label) && label_host_has_selinux();
	auto_free char *name = str_printf("_ses.%s", id);
	int r;

	if (!name)
		return error_set(err, -ENOMEM, "session keyring: out of memory");
	if (label) {
		r = label_keys(process->selinux_label, err);
		if (r < 0)
			return error_wrap(err, "process.selinuxLabel: label the session keyring");
	}
	long serial = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name, 0, 0, 0);
	int e = errno;
	if (label) {
		/* An empty write is no write at all to procfs; a single newline resets it. */
		r = label_keys("\n", err);
		if (r < 0)
			return error_wrap(err, "session keyring: reset the label for new keys");
	}
	if (serial >= 0) {
		/* Refused where the keyring was there before us and isn't ours: then it is searchable, or we
		 * had not joined it. */
		if (syscall(SYS_keyctl, KEYCTL_SETPERM, serial, KEYRING_PERMISSIONS, 0, 0) < 0)
			log_line(LOG_DEBUG, "session keyring %s: set permissions: %s", name, strerror(errno));
		return 0;
	}
	if (e == ENOSYS || e == EPERM || e == EDQUOT) {
		log_line(LOG_DEBUG, "session keyring %s: %s: the caller's is kept", name, strerror(e));
		return 0;
	}
	errno = e;
	return error_errno(err, "join the session keyring %s", name);
}
