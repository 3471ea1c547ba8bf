/* owner.c: only the files that are safe to delegate change hands; limits stay root's. */
#include "cgroup/owner.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"

static const char fallback[] = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";

int owner_delegate(const struct cgroup *c, uid_t owner, struct error *err)
{
	const struct folder *f = cgroup_v2_folder(c);
	auto_free char *list = NULL;
	auto_close int dir = -EBADF;

	if (!f)
		return 0;
	dir = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_errno(err, "open %s", f->dir);
	if (file_read_at(AT_FDCWD, "/sys/kernel/cgroup/delegate", 1 << 16, &list, NULL, NULL) < 0)
		list = strdup(fallback);
	if (!list)
		return error_set(err, -ENOMEM, "out of memory");
	if (fchownat(dir, "", owner, (gid_t)-1, AT_EMPTY_PATH))
		return error_errno(err, "change the owner of %s", f->dir);
	/* Files of controllers that are not enabled here are on the kernel's list as well. */
	for (char *save = NULL, *file = strtok_r(list, "\n", &save); file; file = strtok_r(NULL, "\n", &save))
		if (!strchr(file, '/') && fchownat(dir, file, owner, (gid_t)-1, AT_SYMLINK_NOFOLLOW) &&
		    errno != ENOENT)
			return error_errno(err, "change the owner of %s/%s", f->dir, file);
	return 0;
}
