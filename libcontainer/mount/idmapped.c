/* idmapped.c: see idmapped.h. */
#include "mount/idmapped.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"

/* The helper only waits for us to hang up. */
static _Noreturn void wait_for_end(int hold)
{
	char c;

	while (read(hold, &c, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

static pid_t spawn_helper(int *hold, int *pidfd, struct error *err)
{
	int fd = -EBADF, pipe_fds[2];
	struct clone_args args = {
	    .flags = CLONE_NEWUSER | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&fd, .exit_signal = SIGCHLD};
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_errno(err, "pipe");
	pid = sys_clone3(&args, sizeof(args));
	if (pid == 0) {
		close(pipe_fds[1]);
		wait_for_end(pipe_fds[0]);
	}
	close(pipe_fds[0]);
	if (pid < 0) {
		error_errno(err, "make a user namespace");
		close(pipe_fds[1]);
		return err ? err->code : -EIO;
	}
	*hold = pipe_fds[1];
	*pidfd = fd;
	return pid;
}

/* Its pid as /proc knows it, which in a young pid namespace is still the host's and has other numbers than
 * ours. */
static int open_folder(int pidfd, struct error *err)
{
	char path[64];
	auto_free char *info = NULL;
	const char *line;
	uint64_t pid;
	int fd;

	snprintf(path, sizeof(path), "/proc/thread-self/fdinfo/%d", pidfd);
	fd = file_read_at(AT_FDCWD, path, 4096, &info, NULL, err);
	if (fd < 0)
		return fd;
	line = strstr(info, "\nPid:\t");
	if (line)
		*(char *)(line + 6 + strcspn(line + 6, "\n")) = '\0';
	if (!line || number_parse_u64(line + 6, 1, INT32_MAX, &pid) < 0)
		return error_set(err, -ESRCH, "%s does not tell the pid", path);
	snprintf(path, sizeof(path), "/proc/%" PRIu64, pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_errno(err, "open %s", path) : fd;
}

static int write_map(int folder, const char *name, const struct oci_id_mapping_list *map, struct error *err)
{
	auto_text struct text text = {0};

	for (size_t i = 0; i < map->n; i++)
		text_addf(&text, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", map->v[i].container_id.v,
			  map->v[i].host_id.v, map->v[i].size.v);
	if (text.failed)
		return error_set(err, -ENOMEM, "out of memory");
	return file_write_at(folder, name, text.v, err);
}

int idmapped_open_namespace(const struct oci_id_mapping_list *uids, const struct oci_id_mapping_list *gids,
			    struct error *err)
{
	auto_close int pidfd = -EBADF, folder = -EBADF, fd = -EBADF;
	int hold = -EBADF, ret;
	pid_t pid = spawn_helper(&hold, &pidfd, err);

	if (pid < 0)
		return pid;
	ret = folder = open_folder(pidfd, err);
	if (ret >= 0)
		ret = write_map(folder, "uid_map", uids, err);
	if (ret >= 0)
		ret = write_map(folder, "gid_map", gids, err);
	if (ret >= 0) {
		fd = openat(folder, "ns/user", O_RDONLY | O_CLOEXEC);
		ret = fd < 0 ? error_errno(err, "open its user namespace") : 0;
	}
	close(hold);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return ret < 0 ? ret : TAKE_FD(fd);
}
