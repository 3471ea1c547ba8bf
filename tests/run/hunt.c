/* hunt.c: see hunt.h. */
#include "tests/run/hunt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { HELD_MAX = 16 };

/* Of <sys/mount.h>, which does not go together with <linux/mount.h>. */
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);

static int held[HELD_MAX], n_held;

/* By each call that could, on the mount itself and on a copy of it: -1, or the copy. */
static int soften(int fd)
{
	struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY};
	char path[64];
	int copy = (int)syscall(SYS_open_tree, fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	(void)mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL);
	(void)syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr));
	if (copy >= 0)
		(void)syscall(SYS_mount_setattr, copy, "", AT_EMPTY_PATH, &attr, sizeof(attr));
	return copy;
}

static void hold(const char *process)
{
	char path[300], to[300] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%.20s/exe", process);
	if (readlink(path, to, sizeof(to) - 1) <= 0 || !strcmp(to, "/bin/inside") || (fd = open(path, O_RDONLY)) < 0)
		return;
	held[n_held++] = fd;
	fd = soften(fd);
	if (fd >= 0 && n_held < HELD_MAX)
		held[n_held++] = fd;
}

static void overwrite(int file)
{
	char path[64];
	int fd, rc;

	(void)soften(file);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	/* Not while it runs. */
	for (int i = 0; (fd = open(path, O_WRONLY | O_APPEND)) < 0 && errno == ETXTBSY && i < 20; i++)
		usleep(50000);
	rc = fd < 0 ? -1 : (int)write(fd, "x", 1);
	printf("hunted: %s\n", rc < 0 ? strerrorname_np(errno) : "overwrote");
	if (fd >= 0)
		close(fd);
}

void hunt(int argc, char **argv)
{
	printf("ready\n");
	fflush(stdout);
	for (time_t end = time(NULL) + atoi(argv[1]); time(NULL) < end && n_held < HELD_MAX;) {
		DIR *d = opendir("/proc");

		for (struct dirent *e; n_held < HELD_MAX && d && (e = readdir(d));)
			hold(e->d_name);
		if (d)
			closedir(d);
	}
	for (int i = 0; i < n_held; i++)
		overwrite(held[i]);
	printf("held %d\n", n_held);
}
