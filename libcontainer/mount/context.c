/* context.c: see context.h. */
#include "mount/context.h"

#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/table.h"

#define ATTRIBUTE "security.selinux"
#define KEY	  "run.oci.mount_context_type" /* engines' way to ask for another one of SELinux's options */

static bool is_asked(const struct oci_config *config)
{
	return config->linux_ && config->linux_->mount_label && *config->linux_->mount_label;
}

static bool has_selinux(void)
{
	return access("/sys/fs/selinux/status", F_OK) == 0;
}

int context_prepare(struct root *r, struct error *err)
{
	static const char *const keys[] = {"context", "fscontext", "defcontext", "rootcontext", NULL};
	const char *key = oci_annotation(r->config, KEY);

	if (!is_asked(r->config) || r->in_guest)
		return 0;
	if (!has_selinux())
		return error_set(err, -ENOTSUP, "linux.mountLabel: SELinux is not enabled on this host");
	if (key && name_lookup(keys, key) < 0)
		return error_set(
		    err, -EINVAL,
		    "annotation %s: \"%s\" is none of context, fscontext, defcontext, rootcontext", KEY, key);
	r->own.label = r->config->linux_->mount_label;
	return 0;
}

static bool is_message_queue(const char *type)
{
	return !strcmp(type, "mqueue");
}

/* One superblock for everybody, who may have mounted it without a context. Of proc and cgroup there may be
 * more, but there processes and controllers have labels of their own. */
static bool is_shared(const char *type)
{
	static const char *const shared[] = {"proc",	"sysfs",      "cgroup",	     "cgroup2",	 "debugfs",
					     "tracefs", "securityfs", "configfs",    "devtmpfs", "efivarfs",
					     "pstore",	"selinuxfs",  "binfmt_misc", NULL};

	return name_lookup(shared, type) >= 0;
}

int context_word(const struct root *r, const struct piece *p, char **word, struct error *err)
{
	const char *key = r->own.label ? oci_annotation(r->config, KEY) : NULL;
	size_t n;

	*word = NULL;
	if (!r->own.label || is_message_queue(p->type) || is_shared(p->type))
		return 0;
	key = key ? key : "context";
	n = strlen(key);
	for (size_t i = 0; i < p->data_n; i++)
		if (str_starts(p->data[i], key) && p->data[i][n] == '=')
			return 0;
	*word = str_printf("%s=%s", key, r->own.label);
	return *word ? 0 : error_set(err, -ENOMEM, "out of memory");
}

/* -ENOTSUP: nothing else is to be tried with the mount then. */
static int mark(int top, const char *label, struct error *err)
{
	char path[32], has[256] = "";

	/* setxattr(2) takes no O_PATH descriptors. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", top);
	if (getxattr(path, ATTRIBUTE, has, sizeof(has) - 1) > 0 && !strcmp(has, label))
		return 0;
	if (setxattr(path, ATTRIBUTE, label, strlen(label) + 1, 0) == 0)
		return 0;
	if (errno == EPERM) {
		log_line(LOG_WARNING, "linux.mountLabel: the message queues belong to another user "
				      "namespace: their label stays");
		return 0;
	}
	return error_set(err, -ENOTSUP, "linux.mountLabel: apply \"%s\": %s", label, strerror(errno));
}

int context_mark(const struct root *r, const struct piece *p, int top, struct error *err)
{
	/* Without an ipc namespace they are the host's. */
	if (!r->own.label || !is_message_queue(p->type) || !oci_namespace_find(r->config, OCI_NS_IPC))
		return 0;
	return mark(top, r->own.label, err);
}

int root_label_queues(const struct oci_config *config, struct error *err)
{
	bool has_queues = false;

	for (size_t i = 0; i < config->mounts.n; i++)
		has_queues |= config->mounts.v[i].type && is_message_queue(config->mounts.v[i].type);
	if (!has_queues || !is_asked(config) || !has_selinux())
		return 0;

	auto_close int fs = sys_fsopen("mqueue", FSOPEN_CLOEXEC), top = -EBADF;

	/* mount(2) would need a place, and there is none yet: context_mark() says what comes of it. */
	if (fs < 0 && sys_missing(errno, true))
		return 0;
	if (fs >= 0 && sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		top = sys_fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (top < 0)
		return error_errno(err, "linux.mountLabel: make a message queue file system to be labelled");
	return mark(top, config->linux_->mount_label, err);
}
