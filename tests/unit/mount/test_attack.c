/* test_attack.c: images and neighbours that mean harm: every attempt ends in a clean error or in nothing, and
 * never on the host. */
#include "mount/root.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/str.h"
#include "base/table.h"
#include "inside.h"
#include "mount/host_mounts.h"

#define CONFIG(mounts, linux_)                                                                               \
	"{ \"ociVersion\": \"1.3.0\", \"root\": { \"path\": \"rootfs\" }, \"mounts\": [ " mounts             \
	" ], \"linux\": { " linux_ " } }"
#define NEW(type, dst) "{ \"destination\": \"" dst "\", \"type\": \"" type "\", \"source\": \"" type "\" }"
#define VOLUME(dst, src) "{ \"destination\": \"" dst "\", \"source\": \"" src "\", \"options\": [\"rbind\"] }"

static const char *expected, *target;

/* The host's side of every attack: one directory with one file. */
static void prepare_victim(struct scene *s)
{
	put_dir(s, "host");
	put(s, "host/victim", "victim");
}

static void host_is_well(struct scene *s)
{
	auto_free char *dir = str_printf("%s/host", s->folder);

	CHECK(holds(s, "host/victim", "victim"));
	CHECK(count_entries(dir) == 1);
	CHECK(magic_of(dir) == TMPFS_MAGIC);
}

static void fails(struct scene *s)
{
	int ret = attempt(s);

	CHECK(ret < 0 && ret == s->err.code && strstr(s->err.msg, expected));
}

static void link_proc(struct scene *s)
{
	auto_free char *proc = str_printf("%s/rootfs/proc", s->folder);

	prepare_victim(s);
	CHECK_OK(rmdir(proc));
	put_link(s, "rootfs/proc", target);
	put_dir(s, "rootfs/tmp");
}

static void file_proc(struct scene *s)
{
	auto_free char *proc = str_printf("%s/rootfs/proc", s->folder);

	prepare_victim(s);
	CHECK_OK(rmdir(proc));
	put(s, "rootfs/proc", "");
}

static void link_sys(struct scene *s)
{
	auto_free char *sys = str_printf("%s/rootfs/sys", s->folder);

	prepare_victim(s);
	CHECK_OK(rmdir(sys));
	put_link(s, "rootfs/sys", "tmp");
	put_dir(s, "rootfs/tmp");
}

/* CVE-2023-27561 and its kin */
Test(attack, proc_and_sys_must_be_directories)
{
	static const char *const targets[] = {"/tmp", "tmp", "../host", "%s/host", "/nowhere", "/proc"};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		target = targets[i];
		expected = "mounts[0] (/proc): 'proc' in the root file system is a link or a file";
		run_inside_all(CONFIG(PROC, ""), link_proc, fails, host_is_well);
		expected = "mounts[0] (//proc/.): 'proc' in the root file system is a link";
		run_inside(WAY_ROOT, CONFIG(NEW("proc", "//proc/."), ""), link_proc, fails, host_is_well);
	}
	expected = "mounts[0] (/proc): 'proc' in the root file system is a link or a file";
	run_inside_all(CONFIG(PROC, ""), file_proc, fails, host_is_well);
	expected = "mounts[0] (/sys): 'sys' in the root file system is a link";
	run_inside_all(CONFIG(NEW("sysfs", "/sys"), ""), link_sys, fails, host_is_well);
	expected = "mounts[0] (/mnt/../proc): a path with \"..\"";
	run_inside_all(CONFIG(NEW("proc", "/mnt/../proc"), ""), prepare_victim, fails, host_is_well);
}

static void alias_proc(struct scene *s)
{
	prepare_victim(s);
	put_link(s, "rootfs/alias", "proc/sys");
	put_link(s, "rootfs/alias2", "mnt/../proc");
}

static void is_fine(struct scene *s)
{
	furnish(s);
	CHECK(magic_of("/proc") == PROC_SUPER_MAGIC);
}

static void look_at_replaced_file(struct scene *s)
{
	furnish(s);
	CHECK(holds(s, "/proc/meminfo", "victim") && holds(s, "/proc/uptime", "victim"));
}

/* CVE-2019-16884, CVE-2019-19921 */
Test(attack, nothing_is_mounted_inside_proc)
{
	static const char *const inside[] = {"/proc/sys",     "/proc/sys/kernel", "/proc/self/attr",
					     "//proc//./sys", "/mnt/../proc/sys", "/alias",
					     "/alias2/sys"};

	for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
		auto_free char *bind = str_printf(CONFIG(PROC ", " VOLUME("%s", "host"), ""), inside[i]),
			       *fresh = str_printf(CONFIG(PROC ", " NEW("tmpfs", "%s"), ""), inside[i]);

		expected = "inside a procfs";
		run_inside_all(bind, alias_proc, fails, host_is_well);
		run_inside(WAY_ROOT, fresh, alias_proc, fails, host_is_well);
		run_inside(WAY_OLD, fresh, alias_proc, fails, host_is_well);
	}
	expected = "mounts[1] (/proc/sysrq-trigger2): ";
	run_inside_all(CONFIG(PROC ", " VOLUME("/proc/sysrq-trigger2", "host/victim"), ""), alias_proc, fails,
		       host_is_well);
	expected = "mounts[1] (/proc/version): nothing may be mounted inside a procfs";
	run_inside_all(CONFIG(PROC ", " VOLUME("/proc/version", "host/victim"), ""), alias_proc, fails,
		       host_is_well);
	expected = "mounts[1] (/proc): only a procfs may be mounted over a procfs";
	run_inside_all(CONFIG(PROC ", " VOLUME("/proc", "host"), ""), alias_proc, fails, host_is_well);
	run_inside_all(CONFIG(PROC ", " NEW("tmpfs", "/proc"), ""), alias_proc, fails, host_is_well);
	/* lxcfs and its like */
	run_inside_all(CONFIG(PROC ", " VOLUME("/proc/meminfo", "host/victim") "," VOLUME("/mnt/../proc/uptime",
										      "host/victim"),
			      ""),
		       alias_proc, look_at_replaced_file, host_is_well);
	/* a volume first, and the procfs over it */
	run_inside_all(CONFIG(NEW("tmpfs", "/proc") "," PROC, ""), alias_proc, is_fine, host_is_well);
}

static void link_dev(struct scene *s)
{
	auto_free char *dev = str_printf("%s/rootfs/dev", s->folder);

	prepare_victim(s);
	CHECK_OK(rmdir(dev));
	put_link(s, "rootfs/dev", target);
	put_dir(s, "rootfs/inner");
}

/* CVE-2026-41579, CVE-2026-47766 */
Test(attack, dev_must_be_a_directory)
{
	static const char *const targets[] = {
	    "%s/host", "../host", "../../../../../../tmp", "/inner", "inner", "/nowhere", "."};
	static const char plain[] = CONFIG(PROC, ""),
			  own[] = CONFIG(PROC "," NEW("tmpfs", "/dev") "," NEW("devpts", "/dev/pts"), "");

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		target = targets[i];
		expected = "/dev in the root file system is a link";
		run_inside_all(plain, link_dev, fails, host_is_well);
		/* The kernel's own words where it is the mount that fails. */
		expected = "/dev";
		run_inside_all(own, link_dev, fails, host_is_well);
	}
}

static void link_away(struct scene *s)
{
	prepare_victim(s);
	put_dir(s, "rootfs/vol");
	put_link(s, "rootfs/vol/a", "%s/host/new");
	put_link(s, "rootfs/vol/b", "../../../../../../%s/host/new");
	put_link(s, "rootfs/vol/c", "/proc/1/root");
	put_link(s, "rootfs/vol/d", "%s/host");
}

static void look_at_links(struct scene *s)
{
	attempt(s);
}

/* CVE-2024-45310: directories and files are made inside, if at all. */
Test(attack, links_make_nothing_on_the_host)
{
	static const char *const destinations[] = {
	    "/vol/a/x", "/vol/a",   "/vol/b/x/y",	"/vol/c/tmp/x",
	    "/vol/d",	"/vol/d/x", "../../../vol/d/y", "/vol/../../../tmp/z"};

	for (size_t i = 0; i < ARRAY_LEN(destinations); i++) {
		auto_free char *fresh = str_printf(CONFIG(PROC ", " NEW("tmpfs", "%s"), ""), destinations[i]),
			       *bind = str_printf(CONFIG(PROC ", " VOLUME("%s", "host/victim"), ""),
						  destinations[i]),
			       *device = str_printf(CONFIG(PROC, "\"devices\": [{ \"type\": \"c\", \"path\": "
								 "\"/%s\", \"major\": 1, \"minor\": 3 }]"),
						    destinations[i]);

		run_inside(WAY_ROOT, fresh, link_away, look_at_links, host_is_well);
		run_inside(WAY_OLD, fresh, link_away, look_at_links, host_is_well);
		run_inside(WAY_ROOT, bind, link_away, look_at_links, host_is_well);
		run_inside(WAY_OLD, bind, link_away, look_at_links, host_is_well);
		run_inside(WAY_ROOT, device, link_away, look_at_links, host_is_well);
		run_inside(WAY_USER, device, link_away, look_at_links, host_is_well);
	}
}

static void prepare_masks(struct scene *s)
{
	auto_free char *fifo = str_printf("%s/rootfs/m/fifo", s->folder);

	prepare_victim(s);
	put_dir(s, "rootfs/m");
	put_dir(s, "rootfs/m/dir");
	put(s, "rootfs/m/dir/secret", "secret");
	put(s, "rootfs/m/secret", "secret");
	put(s, "rootfs/m/secret2", "secret");
	put_link(s, "rootfs/m/link", "secret2");
	put_link(s, "rootfs/m/dirlink", "dir");
	put_link(s, "rootfs/m/dangling", "nowhere");
	put_link(s, "rootfs/m/out", "%s/host/victim");
	CHECK_OK(mkfifo(fifo, 0644));
}

static void look_at_masks(struct scene *s)
{
	furnish(s);
	CHECK(is_device("/m/secret", 1, 3) && is_device("/m/secret2", 1, 3) && is_device("/m/fifo", 1, 3));
	CHECK(magic_of("/m/dir") == TMPFS_MAGIC &&
	      has_flags("/m/dir", ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC) &&
	      count_entries("/m/dir") == 0);
	CHECK(!is_there("/m/none"));
	CHECK(mkdir("/m/dir/new", 0755) < 0 && errno == EROFS);
}

#define MASKS                                                                                                \
	"\"maskedPaths\": [\"/m/secret\", \"/m/secret\", \"/m/none\", \"/m/none/deeper\", "                  \
	"\"/m/secret/deeper\", \"/m/link\", \"/m/dirlink\","                                                 \
	"\"/m/dir\", \"/m/dangling\", \"/m/out\", \"/m/fifo\"]"

Test(attack, masked_paths)
{
	run_inside_all(CONFIG(PROC "," NEW("tmpfs", "/dev"), MASKS), prepare_masks, look_at_masks,
		       host_is_well);
}

static void swap_null(struct scene *s)
{
	CHECK_OK(root_prepare(&s->root, &s->err));
	CHECK_OK(root_mount_all(&s->root, &s->err));
	CHECK_OK(root_make_devices(&s->root, &s->err));
	CHECK_OK(root_pivot(&s->root, &s->err));
	/* A neighbour with the same volume on /dev. */
	(void)umount2("/dev/null", MNT_DETACH);
	CHECK_OK(unlink("/dev/null"));
	if (*target == 'd')
		CHECK(mknod("/dev/null", S_IFCHR | 0666, makedev(1, 7)) == 0 || errno == EPERM);
	else
		CHECK_OK(symlink(target, "/dev/null"));
	CHECK(root_seal(&s->root, &s->err) < 0);
	CHECK(strstr(s->err.msg, "linux.maskedPaths[0] (/m/secret): ") &&
	      strstr(s->err.msg, "the container's /dev/null"));
	CHECK(!is_device("/m/secret", 1, 3));
}

/* CVE-2025-31133 */
Test(attack, masks_need_a_true_null_device)
{
	static const char *const targets[] = {"/proc/sys/kernel/core_pattern", "/m/secret2", "device"};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		target = targets[i];
		run_inside_all(CONFIG(PROC "," NEW("tmpfs", "/dev"), MASKS), prepare_masks, swap_null,
			       host_is_well);
	}
}

static void prepare_nested(struct scene *s)
{
	auto_free char *sub = str_printf("%s/host/vol/sub", s->folder);

	put_dir(s, "host");
	put(s, "host/victim", "victim");
	put_dir(s, "host/vol");
	put_dir(s, "host/vol/sub");
	CHECK_OK(mount("tmpfs", sub, "tmpfs", MS_NOSUID | MS_NODEV, "mode=777"));
}

static void look_at_read_only(struct scene *s)
{
	furnish(s);
	CHECK(has_flags("/mnt/vol", ST_RDONLY));
	CHECK(open("/mnt/vol/new", O_CREAT | O_WRONLY, 0644) < 0 && errno == EROFS);
	/* without mount_setattr(2), as the peers: the top */
	if (s->way == WAY_ROOT || s->way == WAY_USER)
		CHECK(open("/mnt/vol/sub/new", O_CREAT | O_WRONLY, 0644) < 0 && errno == EROFS);
	CHECK(has_flags("/mnt/vol/sub", ST_NOSUID | ST_NODEV));
	CHECK(has_flags("/proc/sys", ST_RDONLY));
	CHECK(has_flags("/etc/hostname", ST_RDONLY) && !has_flags("/etc", ST_RDONLY));
}

Test(attack, read_only_paths)
{
	run_inside_all(
	    CONFIG(PROC "," VOLUME("/mnt/vol", "host/vol"), "\"readonlyPaths\": [\"/mnt/vol\", \"/proc/sys\", "
							  "\"/none\", \"/etc/hostname\", \"/etc/hostname\"]"),
	    prepare_nested, look_at_read_only, NULL);
}

/* Exchanges rootfs/vol/a, a directory, with a link to the host, as fast as it can. */
static pid_t start_racer(struct scene *s)
{
	auto_free char *a = str_printf("%s/host/shared/a", s->folder),
		       *b = str_printf("%s/host/shared/b", s->folder);
	pid_t pid = fork();

	if (pid)
		return pid;
	for (;;)
		(void)syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2 /* RENAME_EXCHANGE */);
}

static void prepare_shared(struct scene *s)
{
	put_dir(s, "host");
	put(s, "host/victim", "victim");
	put_dir(s, "host/shared");
	put_dir(s, "host/shared/a");
	put_dir(s, "host/shared/a/sub");
	put_link(s, "host/shared/b", "%s/host");
	put_dir(s, "host/src");
	put(s, "host/src/marker", "marker");
	put_dir(s, "host/sub");
	put_dir(s, "rootfs/vol");
}

/* One try; exits 0 if all was mounted, 1 if not, 7 if something was mounted outside. */
static void race_once(struct scene *s)
{
	auto_free char *host = str_printf("%s/host", s->folder), *sub = str_printf("%s/host/sub", s->folder),
		       *proc = str_printf("%s/host/proc", s->folder);

	int ret;

	if (root_prepare(&s->root, &s->err) < 0)
		_exit(9);
	ret = root_mount_all(&s->root, &s->err);
	/* Not pivoted yet: the host's tree is still to be seen, with all that was mounted on it. */
	if (mount_has(host, " ") || mount_has(sub, " ") || mount_has(proc, " ") || count_entries(sub) != 0)
		_exit(7);
	_exit(ret < 0);
}

static void race(struct scene *s)
{
	struct timespec now, start;
	pid_t racer = start_racer(s);
	int tries[2] = {0};

	clock_gettime(CLOCK_MONOTONIC, &start);
	/* Two seconds, and on a busy machine until either side has won a few times. */
	do {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			if (unshare(CLONE_NEWNS) < 0)
				_exit(8);
			race_once(s);
		}
		CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) < 2);
		tries[WEXITSTATUS(status)]++;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec <= 2 || ((tries[0] <= 5 || tries[1] <= 5) && now.tv_sec - start.tv_sec <= 60));
	kill(racer, SIGKILL);
	waitpid(racer, NULL, 0);
	CHECK(tries[0] > 5 && tries[1] > 5);
}

static void nothing_came_out(struct scene *s)
{
	auto_free char *host = str_printf("%s/host", s->folder), *sub = str_printf("%s/host/sub", s->folder);

	CHECK(holds(s, "host/victim", "victim"));
	CHECK(count_entries(host) == 4 && count_entries(sub) == 0);
}

/* CVE-2021-30465 */
Test(attack, a_neighbour_exchanges_links, .timeout = 150)
{
	static const char json[] = CONFIG(
	    VOLUME("/vol", "host/shared") "," VOLUME("/vol/a", "host/src") "," VOLUME(
		"/vol/a/sub", "host/src") "," NEW("tmpfs", "/vol/a/sub/x") "," NEW("proc", "/vol/a/proc"),
	    "");

	run_inside(WAY_ROOT, json, prepare_shared, race, nothing_came_out);
	run_inside(WAY_OLD, json, prepare_shared, race, nothing_came_out);
}

static void look_at_no_pivot(struct scene *s)
{
	s->root.no_pivot = true;
	furnish(s);
	CHECK(magic_of("/proc") == PROC_SUPER_MAGIC);
	CHECK(!is_there("/tmp") && is_there("/etc/hostname"));
	CHECK(is_there("/proc/self/exe"));
	if (!s->root.user_namespace) {
		/* Out of the chroot by the old trick: what is found there has no procfs but the container's.
		 */
		CHECK_OK(mkdir("/trap", 0755));
		CHECK_OK(chroot("/trap"));
		for (int i = 0; i < 100; i++)
			CHECK_OK(chdir(".."));
		CHECK_OK(chroot("."));
		CHECK(!is_there("/host"));
		CHECK(magic_of("/sys") != SYSFS_MAGIC);
	}
}

Test(attack, without_pivot_root)
{
	run_inside_all(CONFIG(PROC "," NEW("tmpfs", "/dev"), ""), prepare_victim, look_at_no_pivot,
		       host_is_well);
}

Test(attack, escapes_in_mountinfo)
{
	char path[] = "/a\\040b\\134\\011c\\09\\4";

	host_mounts_unescape(path);
	cr_assert_str_eq(path, "/a b\\\tc\\09\\4");
}

static void lazy_proc(struct scene *s)
{
	int proc;

	furnish(s);
	CHECK(s->root.proc < 0);
	proc = root_open_proc(&s->root, &s->err);
	CHECK(proc >= 0 && faccessat(proc, "self/attr", F_OK, 0) == 0);
	CHECK(root_open_proc(&s->root, &s->err) == proc);
	CHECK(!is_there("/proc/self"));
}

Test(attack, a_procfs_that_no_mount_can_touch)
{
	run_inside(WAY_ROOT, CONFIG(NEW("tmpfs", "/tmp"), ""), prepare_victim, lazy_proc, host_is_well);
}
