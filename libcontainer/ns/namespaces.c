/* namespaces.c: the plan of a container's namespaces. See namespaces.h. */
#include "ns/namespaces.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/table.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

const struct ns_type ns_types[OCI_NS_MAX] = {
	{ OCI_NS_MOUNT,   CLONE_NEWNS,     "mnt"    },
	{ OCI_NS_PID,     CLONE_NEWPID,    "pid"    },
	{ OCI_NS_NETWORK, CLONE_NEWNET,    "net"    },
	{ OCI_NS_UTS,     CLONE_NEWUTS,    "uts"    },
	{ OCI_NS_IPC,     CLONE_NEWIPC,    "ipc"    },
	{ OCI_NS_USER,    CLONE_NEWUSER,   "user"   },
	{ OCI_NS_CGROUP,  CLONE_NEWCGROUP, "cgroup" },
	{ OCI_NS_TIME,    CLONE_NEWTIME,   "time"   },
};

/* Is the open namespace the one we are in already? Joining it would be work for nothing; for the user namespace an error. */
static bool is_own(int fd, const char *file)
{
	char path[64];
	struct stat own, other;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", file);
	return stat(path, &own) == 0 && fstat(fd, &other) == 0 && own.st_ino == other.st_ino && own.st_dev == other.st_dev;
}

static int open_path(const struct oci_namespace *ns, size_t i, struct ns_plan *plan, struct error *err)
{
	const struct ns_type *type = &ns_types[ns->type];
	auto_close int fd = open(ns->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int found;

	if (fd < 0)
		return error_errno(err, "linux.namespaces[%zu].path: open %s", i, ns->path);
	found = ioctl(fd, NS_GET_NSTYPE);
	if (found < 0)
		return error_set(err, -EINVAL, "linux.namespaces[%zu].path: %s is not a namespace", i, ns->path);
	if ((uint64_t)(unsigned)found != type->flag)
		return error_set(err, -EINVAL, "linux.namespaces[%zu].path: %s is not a %s namespace", i, ns->path,
				 oci_namespace_type_names[ns->type]);
	if (is_own(fd, type->file))
		return 0;
	plan->joined |= type->flag;
	plan->join[ns->type] = TAKE_FD(fd);
	return 0;
}

int ns_plan_make(const struct oci_config *config, struct ns_plan *plan, struct error *err)
{
	const struct oci_namespace_list *list = config->linux_ ? &config->linux_->namespaces : NULL;
	int ret = 0;

	*plan = NS_PLAN_NONE;
	for (size_t i = 0; list && ret == 0 && i < list->n; i++) {
		const struct oci_namespace *ns = &list->v[i];

		if (ns->path && *ns->path)
			ret = open_path(ns, i, plan, err);
		else
			plan->create |= ns_types[ns->type].flag;
	}
	if (ret < 0)
		ns_plan_close(plan);
	return ret;
}

void ns_plan_close(struct ns_plan *plan)
{
	for (int i = 0; i < OCI_NS_MAX; i++)
		if (plan->join[i] >= 0)
			close(plan->join[i]);
	*plan = NS_PLAN_NONE;
}

bool ns_in_user_namespace(void)
{
	auto_free char *text = NULL;
	uint64_t inside, outside, size;

	if (file_read_at(AT_FDCWD, "/proc/self/uid_map", 4096, &text, NULL, NULL) < 0)
		return false;
	return sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &inside, &outside, &size) != 3 || inside != 0 || outside != 0 ||
	       size != UINT32_MAX;
}

int ns_unshare_cgroup(struct error *err)
{
	return unshare(CLONE_NEWCGROUP) < 0 ? error_errno(err, "unshare the cgroup namespace") : 0;
}

static int write_offset(const char *clock, const struct oci_time_offset *offset, struct error *err)
{
	char line[96];

	if (!offset)
		return 0;
	snprintf(line, sizeof(line), "%s %" PRId64 " %" PRIu64, clock, offset->secs.v, offset->nanosecs.v);
	if (file_write_at(AT_FDCWD, "/proc/self/timens_offsets", line, err) < 0)
		return error_wrap(err, "linux.timeOffsets.%s", clock);
	return 0;
}

int ns_unshare_time(const struct oci_time_offsets *offsets, struct error *err)
{
	auto_close int fd = -EBADF;
	int ret;

	/* The caller stays where it is: only its children, or setns(2), enter. Until then the offsets are open. */
	if (unshare(CLONE_NEWTIME) < 0)
		return error_errno(err, "unshare the time namespace");
	ret = offsets ? write_offset("monotonic", offsets->monotonic, err) : 0;
	if (ret == 0 && offsets)
		ret = write_offset("boottime", offsets->boottime, err);
	if (ret < 0)
		return ret;
	fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWTIME) < 0)
		return error_errno(err, "enter the time namespace");
	return 0;
}
