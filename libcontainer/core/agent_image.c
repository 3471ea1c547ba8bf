/* agent_image.c: see agent_image.h. */
#include "core/agent_image.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/auto.h"

int agent_image_add(struct initramfs *i, struct error *err)
{
	const char *named = getenv("NACRE_AGENT");
	const char *path = named && *named ? named : AGENT_PATH;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return error_set(err, -ENOENT, "%s: the program for virtual machines is not there; install nacre whole, or name it by NACRE_AGENT", path);
	if (fd < 0)
		return error_errno(err, "open %s", path);
	/* The kernel opens it for the agent's errors; not every one brings it along. */
	if (initramfs_add_folder(i, "dev", 0755, err) < 0 || initramfs_add_node(i, "dev/console", S_IFCHR | 0600, makedev(5, 1), err) < 0)
		return err ? err->code : -ENOMEM;
	return initramfs_add_file(i, "init", 0755, fd, err);
}
