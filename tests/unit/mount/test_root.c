/* test_root.c: a whole root, from the inherited mounts to the sealed top. */
#include "mount/root.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "inside.h"

#ifndef MQUEUE_MAGIC
#define MQUEUE_MAGIC 0x19800202
#endif

static void look_at_default(struct scene *s)
{
	static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};
	char target[64], path[64];
	auto_free char *text = NULL;
	int fd;

	furnish(s);
	CHECK(magic_of("/proc") == PROC_SUPER_MAGIC);
	CHECK(magic_of("/sys") == SYSFS_MAGIC);
	CHECK(has_flags("/sys", ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC));
	CHECK(magic_of("/dev") == TMPFS_MAGIC);
	CHECK(has_flags("/dev", ST_NOSUID));
	CHECK(magic_of("/dev/pts") == DEVPTS_SUPER_MAGIC);
	CHECK(magic_of("/dev/mqueue") == MQUEUE_MAGIC);
	CHECK(has_flags("/dev/shm", ST_NOSUID | ST_NODEV | ST_NOEXEC));
	CHECK(has_flags("/", ST_RDONLY));
	CHECK(open("/new", O_CREAT | O_WRONLY, 0644) < 0 && errno == EROFS);
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		struct stat st;

		snprintf(path, sizeof(path), "/dev/%s", devices[i]);
		CHECK(stat(path, &st) == 0 && S_ISCHR(st.st_mode) && (st.st_mode & 0777) == 0666 &&
		      st.st_uid == 0);
	}
	CHECK(is_device("/dev/null", 1, 3) && is_device("/dev/tty", 5, 0));
	fd = open("/dev/null", O_WRONLY);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	close(fd);
	CHECK(readlink("/dev/ptmx", target, sizeof(target)) == 8 && !memcmp(target, "pts/ptmx", 8));
	CHECK(readlink("/dev/stderr", target, sizeof(target)) == 15);
	/* masked */
	CHECK(is_there("/proc/keys") && is_device("/proc/keys", 1, 3));
	if (is_there("/proc/acpi"))
		CHECK(magic_of("/proc/acpi") == TMPFS_MAGIC && has_flags("/proc/acpi", ST_RDONLY));
	CHECK(magic_of("/sys/firmware") == TMPFS_MAGIC && has_flags("/sys/firmware", ST_RDONLY));
	/* read-only */
	CHECK(has_flags("/proc/sys", ST_RDONLY) && magic_of("/proc/sys") == PROC_SUPER_MAGIC);
	CHECK(has_flags("/proc/irq", ST_RDONLY));
	CHECK(!has_flags("/proc", ST_RDONLY));
	/* the old root is gone */
	CHECK(file_read_at(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &text, NULL, &s->err) == 0);
	CHECK(!strstr(text, s->folder) || !strstr(text, "/rootfs/"));
	CHECK(!strstr(text, "/mnt/"));
	CHECK(!is_there("/tmp"));
	CHECK(root_open_proc(&s->root, &s->err) >= 0);
	CHECK(openat(s->root.proc, "self/attr", O_PATH) >= 0);
}

Test(root, default_config)
{
	auto_free char *json = default_json("", "");

	run_inside_all(json, NULL, look_at_default, NULL);
}
