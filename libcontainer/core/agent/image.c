/* image.c: see image.h. */
#include "core/agent/image.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/path.h"
#include "base/seal.h"

static int open_agent(struct error *err)
{
	static const char *const beside[] = { "agent", "../libexec/nacre/agent" };
	const char *named = getenv("NACRE_AGENT");
	auto_free char *folder = named && *named ? NULL : seal_folder();
	int fd = -EBADF;

	for (size_t i = 0; folder && fd < 0 && i < sizeof(beside) / sizeof(*beside); i++) {
		auto_free char *path = path_join(folder, beside[i]);

		fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -EBADF;
	}
	if (fd >= 0)
		return fd;
	named = named && *named ? named : AGENT_PATH;
	fd = open(named, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return error_set(err, -ENOENT, "%s: the program for virtual machines is not there; install nacre whole, or name it by NACRE_AGENT",
				 named);
	return fd < 0 ? error_errno(err, "open %s", named) : fd;
}

int agent_image_add(struct initramfs *i, struct error *err)
{
	auto_close int fd = open_agent(err);

	if (fd < 0)
		return fd;
	/* The kernel opens it for the agent's errors; not every one brings it along. */
	if (initramfs_add_folder(i, "dev", 0755, err) < 0 || initramfs_add_node(i, "dev/console", S_IFCHR | 0600, makedev(5, 1), err) < 0)
		return err ? err->code : -ENOMEM;
	return initramfs_add_file(i, "init", 0755, fd, err);
}
