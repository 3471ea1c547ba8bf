/* test_dev.c: devices, links, the terminal; in a /dev of the image and in one of its own. */
#include "mount/dev.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/str.h"
#include "inside.h"

#define CONFIG(mounts, devices)                                                                              \
	"{ \"ociVersion\": \"1.3.0\", \"root\": { \"path\": \"rootfs\" }, \"mounts\": [ { \"destination\": " \
	"\"/proc\", \"type\": \"proc\" }" mounts "], \"linux\": { \"devices\": [" devices "] } }"
#define TMPFS                                                                                                \
	", { \"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"t\", \"options\": "               \
	"[\"mode=755\"] }"
#define PTS                                                                                                  \
	", { \"destination\": \"/dev/pts\", \"type\": \"devpts\", \"source\": \"devpts\", \"options\": "     \
	"[\"newinstance\", \"ptmxmode=0666\"] }"

static bool is_link(const char *path, const char *target)
{
	char got[64];
	ssize_t n = readlink(path, got, sizeof(got));

	return n == (ssize_t)strlen(target) && !memcmp(got, target, (size_t)n);
}

static void check_defaults(struct scene *s)
{
	CHECK(is_device("/dev/null", 1, 3) && is_device("/dev/zero", 1, 5) && is_device("/dev/full", 1, 7));
	CHECK(is_device("/dev/random", 1, 8) && is_device("/dev/urandom", 1, 9) &&
	      is_device("/dev/tty", 5, 0));
	CHECK(is_link("/dev/fd", "/proc/self/fd") && is_link("/dev/stdin", "/proc/self/fd/0") &&
	      is_link("/dev/core", "/proc/kcore"));
}

static void look_at_devices(struct scene *s)
{
	struct stat st;

	furnish(s);
	check_defaults(s);
	CHECK(!is_there("/dev/ptmx"));
	CHECK(stat("/dev/sub/fifo", &st) == 0 && S_ISFIFO(st.st_mode) && (st.st_mode & 07777) == 0666);
	CHECK(stat("/dev/mem2", &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 9));
	if (!s->root.user_namespace)
		CHECK((st.st_mode & 07777) == 0640 && st.st_uid == 3 && st.st_gid == 4);
	CHECK(is_device("/other/full", 1, 7));
}

#define EXTRA "{ \"type\": \"p\", \"path\": \"/dev/sub/fifo\" }"
#define OWNED                                                                                                \
	"{ \"type\": \"c\", \"path\": \"/dev/mem2\", \"major\": 1, \"minor\": 9, \"fileMode\": 416, "        \
	"\"uid\": 3, \"gid\": 4 }"
#define FULL(path) "{ \"type\": \"u\", \"path\": \"" path "\", \"major\": 1, \"minor\": 7 }"

Test(dev, devices)
{
	static const char own[] = CONFIG(TMPFS, EXTRA "," OWNED "," FULL("/other/full")),
			  image[] = CONFIG("", EXTRA "," OWNED "," FULL("/other/full"));
	static const enum way ways[] = {WAY_ROOT, WAY_OLD, WAY_NO_SETATTR};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		run_inside(ways[i], own, NULL, look_at_devices, NULL);
		run_inside(ways[i], image, NULL, look_at_devices, NULL);
	}
}

static void look_at_bound_devices(struct scene *s)
{
	struct stat st;
	int fd;

	furnish(s);
	check_defaults(s);
	CHECK(stat("/dev/sub/fifo", &st) == 0 && S_ISFIFO(st.st_mode));
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0);
}

static void prepare_leftovers(struct scene *s)
{
	put(s, "rootfs/dev/null", "");
	put(s, "rootfs/dev/full", "");
	put_link(s, "rootfs/dev/zero", "/etc/hostname");
}

Test(dev, devices_in_a_user_namespace)
{
	run_inside(WAY_USER, CONFIG(TMPFS, EXTRA "," FULL("/dev/full")), NULL, look_at_bound_devices, NULL);
	run_inside(WAY_USER_OLD, CONFIG(TMPFS, EXTRA "," FULL("/dev/full")), NULL, look_at_bound_devices,
		   NULL);
	run_inside(WAY_USER, CONFIG("", EXTRA "," FULL("/dev/full")), prepare_leftovers,
		   look_at_bound_devices, NULL);
	run_inside(WAY_USER_OLD, CONFIG("", EXTRA "," FULL("/dev/full")), prepare_leftovers,
		   look_at_bound_devices, NULL);
}

static void prepare_image_dev(struct scene *s)
{
	auto_free char *zero = str_printf("%s/rootfs/dev/zero", s->folder);

	put_dir(s, "host");
	put(s, "host/victim", "victim");
	/* the image's own: a file, a link, a right one, a wrong one */
	put(s, "rootfs/dev/null", "not a device");
	put_link(s, "rootfs/dev/full", "%s/host/victim");
	CHECK_OK(mknod(zero, S_IFCHR | 0600, makedev(1, 5)));
	put(s, "rootfs/dev/ptmx", "file");
	put_link(s, "rootfs/dev/stdin", "/etc/hostname");
}

static void look_at_replaced(struct scene *s)
{
	struct stat st;

	furnish(s);
	CHECK(is_device("/dev/null", 1, 3) && is_device("/dev/full", 1, 7) && is_device("/dev/zero", 1, 5));
	CHECK(stat("/dev/zero", &st) == 0 && (st.st_mode & 07777) == 0600);
	CHECK(is_link("/dev/ptmx", "pts/ptmx"));
	CHECK(is_link("/dev/stdin", "/etc/hostname"));
}

static void victim_is_well(struct scene *s)
{
	struct stat st;
	auto_free char *path = str_printf("%s/host/victim", s->folder),
		       *dir = str_printf("%s/host", s->folder);

	CHECK(holds(s, "host/victim", "victim"));
	CHECK(lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 && (st.st_mode & 07777) == 0644);
	CHECK(count_entries(dir) == 1);
}

Test(dev, what_the_image_has_is_replaced)
{
	run_inside(WAY_ROOT, CONFIG(PTS, ""), prepare_image_dev, look_at_replaced, victim_is_well);
	run_inside(WAY_OLD, CONFIG(PTS, ""), prepare_image_dev, look_at_replaced, victim_is_well);
}

static const char *expected;

static void fails(struct scene *s)
{
	int ret = attempt(s);

	CHECK(ret < 0 && ret == s->err.code && strstr(s->err.msg, expected));
}

static void prepare_folder_null(struct scene *s)
{
	put_dir(s, "rootfs/dev/null");
	put(s, "rootfs/dev/taken", "taken");
	put_link(s, "rootfs/dev/away", "/etc/hostname");
}

static void prepare_taken(struct scene *s)
{
	put(s, "rootfs/dev/taken", "taken");
	put_link(s, "rootfs/dev/away", "/etc/hostname");
}

Test(dev, what_does_not_match_is_an_error)
{
	expected = "device /dev/null: something else exists there and cannot be removed";
	run_inside_all(CONFIG("", ""), prepare_folder_null, fails, NULL);
	expected = "linux.devices[0] (/dev/taken): something else exists there";
	run_inside_all(
	    CONFIG("", "{ \"type\": \"c\", \"path\": \"/dev/taken\", \"major\": 1, \"minor\": 7 }"),
	    prepare_taken, fails, NULL);
	expected = "linux.devices[0] (/dev/away): something else exists there";
	run_inside_all(CONFIG("", "{ \"type\": \"c\", \"path\": \"/dev/away\", \"major\": 1, \"minor\": 7 }"),
		       prepare_taken, fails, NULL);
	expected = "linux.devices[0] (/dev/null): something else exists there";
	run_inside_all(CONFIG("", "{ \"type\": \"c\", \"path\": \"/dev/null\", \"major\": 1, \"minor\": 7 }"),
		       NULL, fails, NULL);
	expected = "linux.devices[0] (/dev/null): something else exists there";
	run_inside_all(CONFIG("", "{ \"type\": \"b\", \"path\": \"/dev/null\", \"major\": 1, \"minor\": 3 }"),
		       NULL, fails, NULL);
	expected = "linux.devices[0] (dev/x): the path must be absolute";
	run_inside_all(CONFIG("", "{ \"type\": \"c\", \"path\": \"dev/x\", \"major\": 1, \"minor\": 7 }"),
		       NULL, fails, NULL);
	expected = "linux.devices[0] (/dev/..): open the parent";
	run_inside_all(CONFIG("", "{ \"type\": \"c\", \"path\": \"/dev/..\", \"major\": 1, \"minor\": 7 }"),
		       NULL, fails, NULL);
}

static void look_at_same(struct scene *s)
{
	furnish(s);
	check_defaults(s);
}

Test(dev, a_device_that_matches_is_taken_as_it_is)
{
	run_inside_all(
	    CONFIG(TMPFS, "{ \"type\": \"c\", \"path\": \"/dev/null\", \"major\": 1, \"minor\": 3 }"), NULL,
	    look_at_same, NULL);
}

static void remove_dev(struct scene *s)
{
	auto_free char *dev = str_printf("%s/rootfs/dev", s->folder);

	CHECK_OK(rmdir(dev));
}

Test(dev, a_missing_dev_is_made)
{
	run_inside_all(CONFIG("", ""), remove_dev, look_at_same, NULL);
}

static void prepare_bound(struct scene *s)
{
	put_dir(s, "host");
	put(s, "host/victim", "victim");
	put_link(s, "rootfs/alias", "dev");
}

Test(dev, nothing_is_made_in_a_directory_of_the_host)
{
#define BOUND(dst) ", { \"destination\": \"" dst "\", \"source\": \"host\", \"options\": [\"rbind\"] }"
	run_inside_all(CONFIG(BOUND("/dev"), FULL("/dev/full")), prepare_bound, furnish, victim_is_well);
	run_inside_all(CONFIG(BOUND("//dev/."), ""), prepare_bound, furnish, victim_is_well);
	run_inside_all(CONFIG(BOUND("/alias"), ""), prepare_bound, furnish, victim_is_well);
	/* but on top of it there may be one of its own again */
	run_inside_all(CONFIG(BOUND("/dev") TMPFS, ""), prepare_bound, look_at_same, victim_is_well);
}

static void look_at_read_only_dev(struct scene *s)
{
	furnish(s);
	check_defaults(s);
	CHECK(open("/dev/new", O_CREAT | O_WRONLY, 0600) < 0 && errno == EROFS);
}

Test(dev, a_read_only_dev_is_sealed_last)
{
	run_inside_all(CONFIG(", { \"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"t\", "
			      "\"options\": [\"ro\", \"mode=755\"] }",
			      ""),
		       NULL, look_at_read_only_dev, NULL);
}

static void terminal(struct scene *s)
{
	int unlock = 0, ptmx, slave;
	struct stat a, b;

	CHECK_OK(root_prepare(&s->root, &s->err));
	CHECK_OK(root_mount_all(&s->root, &s->err));
	CHECK_OK(root_make_devices(&s->root, &s->err));
	CHECK_OK(root_pivot(&s->root, &s->err));
	ptmx = root_open_ptmx(&s->root, &s->err);
	CHECK(ptmx >= 0);
	CHECK_OK(ioctl(ptmx, TIOCSPTLCK, &unlock));
	slave = ioctl(ptmx, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(slave >= 0);
	CHECK_OK(root_bind_console(&s->root, slave, &s->err));
	CHECK_OK(root_seal(&s->root, &s->err));
	CHECK(fstat(slave, &a) == 0 && lstat("/dev/console", &b) == 0 && S_ISCHR(b.st_mode) &&
	      a.st_rdev == b.st_rdev);
	CHECK(magic_of("/dev/console") == DEVPTS_SUPER_MAGIC);
}

static void link_console(struct scene *s)
{
	put_dir(s, "host");
	put(s, "host/victim", "victim");
	put_link(s, "rootfs/dev/console", "%s/host/victim");
	put_link(s, "rootfs/dev/ptmx", "%s/host/victim");
}

static void dangle_console(struct scene *s)
{
	put_dir(s, "host");
	put(s, "host/victim", "victim");
	put_link(s, "rootfs/dev/console", "%s/host/new");
	put_link(s, "rootfs/dev/ptmx", "%s/host/new");
}

Test(dev, the_terminal)
{
	run_inside_all(CONFIG(TMPFS PTS, ""), NULL, terminal, NULL);
	run_inside_all(CONFIG(PTS, ""), NULL, terminal, NULL);
	run_inside_all(CONFIG(PTS, ""), link_console, terminal, victim_is_well);
	run_inside_all(CONFIG(PTS, ""), dangle_console, terminal, victim_is_well);
}

static void no_terminal(struct scene *s)
{
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	CHECK_OK(root_prepare(&s->root, &s->err));
	CHECK_OK(root_mount_all(&s->root, &s->err));
	CHECK_OK(root_make_devices(&s->root, &s->err));
	CHECK_OK(root_pivot(&s->root, &s->err));
	CHECK(root_open_ptmx(&s->root, &s->err) < 0);
	CHECK(strstr(s->err.msg, expected));
	CHECK(root_bind_console(&s->root, null, &s->err) == -ENODEV);
}

static void fake_pts(struct scene *s)
{
	auto_free char *ptmx = str_printf("%s/rootfs/dev/pts/ptmx", s->folder);

	put_dir(s, "rootfs/dev/pts");
	CHECK_OK(mknod(ptmx, S_IFCHR | 0666, makedev(5, 2)));
}

static void linked_pts(struct scene *s)
{
	put_dir(s, "host");
	put(s, "host/victim", "victim");
	put_link(s, "rootfs/dev/pts", "%s/host");
}

Test(dev, a_false_devpts_is_not_used)
{
	expected = "/dev/pts is no devpts";
	run_inside_all(CONFIG("", ""), fake_pts, no_terminal, NULL);
	expected = "open the container's /dev/pts";
	run_inside_all(CONFIG("", ""), linked_pts, no_terminal, victim_is_well);
	run_inside_all(CONFIG("", ""), NULL, no_terminal, NULL);
}

static void console_directory(struct scene *s)
{
	put_dir(s, "rootfs/dev/console");
}

static void terminal_fails(struct scene *s)
{
	int unlock = 0, ptmx, slave;

	CHECK_OK(root_prepare(&s->root, &s->err));
	CHECK_OK(root_mount_all(&s->root, &s->err));
	CHECK_OK(root_make_devices(&s->root, &s->err));
	CHECK_OK(root_pivot(&s->root, &s->err));
	ptmx = root_open_ptmx(&s->root, &s->err);
	CHECK(ptmx >= 0);
	CHECK_OK(ioctl(ptmx, TIOCSPTLCK, &unlock));
	slave = ioctl(ptmx, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(root_bind_console(&s->root, slave, &s->err) == -EISDIR);
}

Test(dev, a_directory_is_no_console)
{
	run_inside_all(CONFIG(PTS, ""), console_directory, terminal_fails, NULL);
}
