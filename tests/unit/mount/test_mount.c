/* test_mount.c: single mounts: binds and their flags, propagation, data, tmpcopyup, id mappings, cgroups,
 * errors. */
#include "mount/mount.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/str.h"
#include "inside.h"

static bool can_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void look_at_binds(struct scene *s)
{
	furnish(s);
	CHECK(holds(s, "/mnt/plain/file", "content"));
	CHECK(can_write("/mnt/plain/new"));
	CHECK(count_entries("/mnt/plain/sub") == (s->root.user_namespace ? 1 : 0));
	CHECK(holds(s, "/mnt/all/sub/inner", "inner"));
	CHECK(!can_write("/mnt/all/new") && errno == EROFS);
	CHECK(can_write("/mnt/all/sub/new"));
	CHECK(has_flags("/mnt/flags", ST_NOSUID | ST_NODEV | ST_NOEXEC) &&
	      !has_flags("/mnt/flags", ST_RDONLY));
	/* The access time mode of an inherited mount is locked: it stays, and the other words count all the
	 * same. */
	CHECK(has_flags("/mnt/flags", ST_NOATIME) == !s->root.user_namespace);
	CHECK(holds(s, "/mnt/a/b/file", "content"));
	CHECK(!can_write("/mnt/a/b/file"));
	/* "rw" does not undo the host's read-only; see options.h */
	CHECK(has_flags("/mnt/kept", ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME));
	CHECK(has_flags("/mnt/kept2", ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC));
	CHECK(s->root.user_namespace == has_flags("/mnt/kept2", ST_NOATIME));
}

Test(mount, bind_mounts)
{
	/* A non-recursive clone of a tree with locked mounts in it is refused by the kernel in a user
	 * namespace. */
#define BINDS(first)                                                                                                                                  \
	SIMPLE(BIND("/mnt/plain", "host/src", first) "," BIND(                                                                                        \
	    "/mnt/all",                                                                                                                               \
	    "host/src", "\"rbind\", \"ro\"") "," BIND("/mnt/flags", "host/src/sub",                                                                   \
						      "\"bind\", \"nosuid\", \"nodev\", \"noexec\", "                                                 \
						      "\"noatime\"") "," BIND("mnt/a/b/file",                                                         \
									      "host/src/file",                                                        \
									      "\"bind\", \"ro\"") "," BIND("/mnt/kept",                               \
													   "host/ro",                                 \
													   "\"bind\", \"rw\"") "," BIND("/mnt/kept2", \
																	"host/ro",    \
																	"\"bind\", \"rw\", \"relatime\""))
	run_inside(WAY_ROOT, BINDS("\"bind\""), prepare_host, look_at_binds, NULL);
	run_inside(WAY_OLD, BINDS("\"bind\""), prepare_host, look_at_binds, NULL);
	run_inside(WAY_NO_SETATTR, BINDS("\"bind\""), prepare_host, look_at_binds, NULL);
	run_inside(WAY_USER_OLD, BINDS("\"rbind\""), prepare_host, look_at_binds, NULL);
}

static void look_at_rootless_binds(struct scene *s)
{
	/* As rootless: nobody opened the sources outside. */
	s->root.sources = NULL;
	look_at_binds(s);
}

static void look_at_given_binds(struct scene *s)
{
	furnish(s);
	CHECK(holds(s, "/mnt/plain/file", "content"));
	CHECK(!can_write("/mnt/all/new") && errno == EROFS);
	CHECK(has_flags("/mnt/kept", ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME));
	CHECK(!mount_has("/mnt/all", "shared:"));
}

Test(mount, bind_mounts_in_a_user_namespace)
{
	run_inside(WAY_USER, BINDS("\"rbind\""), prepare_host, look_at_rootless_binds, NULL);
	run_inside(WAY_USER, BINDS("\"bind\""), prepare_host, look_at_given_binds, NULL);
}

static void look_at_rro(struct scene *s)
{
	int ret = attempt(s);

	if (is_old(s)) {
		CHECK(ret == -ENOSYS &&
		      strstr(s->err.msg, "mounts[1] (/mnt/all): the recursive options need"));
		return;
	}
	CHECK_OK(ret);
	CHECK(has_flags("/mnt/all", ST_RDONLY | ST_NOSUID) &&
	      has_flags("/mnt/all/sub", ST_RDONLY | ST_NOSUID));
	CHECK(!can_write("/mnt/all/sub/new") && errno == EROFS);
	CHECK(holds(s, "/mnt/all/sub/inner", "inner"));
}

Test(mount, recursive_attributes)
{
	run_inside_all(SIMPLE(BIND("/mnt/all", "host/src", "\"rbind\", \"rro\", \"rnosuid\"")), prepare_host,
		       look_at_rro, NULL);
}

static void look_at_links(struct scene *s)
{
	furnish(s);
	CHECK(holds(s, "/etc/resolv.conf", "content"));
	CHECK(holds(s, "/run/systemd/stub.conf", "content"));
	CHECK(holds(s, "/mnt/real/file", "content"));
}

static void prepare_links(struct scene *s)
{
	prepare_host(s);
	put_link(s, "rootfs/etc/resolv.conf", "../run/systemd/stub.conf");
	put_link(s, "rootfs/mnt/link", "/mnt/real");
}

static void links_stay_inside(struct scene *s)
{
	CHECK(!is_there("/run/systemd/stub.conf") || !is_there("/mnt/real"));
	CHECK(holds(s, "rootfs/run/systemd/stub.conf", ""));
}

Test(mount, links_in_the_image_lead_inside_it)
{
	run_inside_all(SIMPLE(BIND("/etc/resolv.conf", "host/src/file",
				   "\"bind\"") "," BIND("/mnt/link", "host/src", "\"rbind\"")),
		       prepare_links, look_at_links, links_stay_inside);
}

static void share_host(struct scene *s)
{
	auto_free char *sub = str_printf("%s/host/src/sub", s->folder);

	prepare_host(s);
	CHECK_OK(mount(NULL, sub, NULL, MS_SHARED, NULL));
}

static void look_at_private(struct scene *s)
{
	furnish(s);
	CHECK(!mount_has("/mnt/a", "shared:") && !mount_has("/mnt/a", "master:"));
	CHECK(mount_has("/mnt/b", "shared:") && !mount_has("/mnt/b", "master:"));
	CHECK(mount_has("/mnt/c", "unbindable"));
	CHECK(mount_has("/mnt/d", "shared:"));
	CHECK(!mount_has("/", "shared:") && !mount_has("/", "master:"));
}

Test(mount, propagation)
{
	run_inside_all(
	    SIMPLE(BIND("/mnt/a", "host/src/sub", "\"rbind\"") "," BIND(
		"/mnt/b", "host/src/sub",
		"\"rbind\", \"rshared\"") "," BIND("/mnt/c", "host/src/sub",
						   "\"rbind\", \"unbindable\"") ","
										"{ \"destination\": "
										"\"/mnt/d\", \"type\": "
										"\"tmpfs\", \"source\": "
										"\"x\" }, { \"destination\": "
										"\"/mnt/d\", \"options\": "
										"[\"shared\"] }"),
	    share_host, look_at_private, NULL);
}

static void look_at_slave(struct scene *s)
{
	furnish(s);
	CHECK(mount_has("/mnt/a", "master:") && !mount_has("/mnt/a", "shared:"));
	CHECK(!mount_has("/mnt/b", "master:") && !mount_has("/mnt/b", "shared:"));
}

Test(mount, propagation_of_the_root_slave)
{
	run_inside_all("{ \"ociVersion\": \"1.3.0\", \"root\": { \"path\": \"rootfs\" }, \"linux\": { "
		       "\"rootfsPropagation\": \"slave\" }, \"mounts\": [" PROC
		       "," BIND("/mnt/a", "host/src/sub", "\"rbind\"") "," BIND(
			   "/mnt/b", "host/src/sub", "\"rbind\", \"rprivate\"") "] }",
		       share_host, look_at_slave, NULL);
}

static void share_all(struct scene *s)
{
	CHECK_OK(mount(NULL, "/", NULL, MS_SHARED | MS_REC, NULL));
	prepare_host(s);
}

static void look_at_shared(struct scene *s)
{
	furnish(s);
	CHECK(mount_has("/", "shared:"));
	CHECK(mount_has("/mnt/a", "shared:"));
	CHECK_OK(mkdir("/mnt/a/seen", 0755));
	CHECK_OK(mount("tmpfs", "/mnt/a/seen", "tmpfs", 0, "mode=755"));
	CHECK(can_write("/mnt/a/seen/from-inside"));
}

static void host_sees_it(struct scene *s)
{
	auto_free char *path = str_printf("%s/host/src/sub/seen/from-inside", s->folder),
		       *proc = str_printf("%s/rootfs/proc/self", s->folder);

	CHECK(is_there(path));
	/* but nothing of the root's own */
	CHECK(!is_there(proc));
	CHECK(magic_of("/proc") == PROC_SUPER_MAGIC);
}

Test(mount, propagation_of_the_root_shared)
{
	static const char json[] = "{ \"ociVersion\": \"1.3.0\", \"root\": { \"path\": \"rootfs\" }, "
				   "\"linux\": { \"rootfsPropagation\": \"shared\" }, \"mounts\": [" PROC
				   "," BIND("/mnt/a", "host/src/sub", "\"rbind\", \"rshared\"") "] }";

	run_inside(WAY_ROOT, json, share_all, look_at_shared, host_sees_it);
	run_inside(WAY_OLD, json, share_all, look_at_shared, host_sees_it);
	run_inside(WAY_NO_SETATTR, json, share_all, look_at_shared, host_sees_it);
}

static void look_at_tmpfs(struct scene *s)
{
	struct stat st;

	furnish(s);
	CHECK(stat("/mnt/a", &st) == 0 && (st.st_mode & 07777) == 0711);
	CHECK(stat("/mnt/b", &st) == 0 && (st.st_mode & 07777) == 01777);
	CHECK(mount_has("/mnt/a", "size=64k"));
	CHECK(mount_has("/mnt/b", "sync") && mount_has("/mnt/b", "lazytime") &&
	      mount_has("/mnt/b", "dirsync"));
	CHECK(!can_write("/mnt/c/new") && errno == EROFS);
	CHECK(has_flags("/mnt/c", ST_RDONLY | ST_NODIRATIME));
	CHECK(!can_write("/mnt/d/new") && errno == EROFS);
	CHECK(mount_has("/mnt/d", "nosuid"));
	CHECK(magic_of("/mnt/e") == TMPFS_MAGIC);
}

Test(mount, file_systems_and_their_data)
{
	run_inside_all(
	    SIMPLE(
		"{ \"destination\": \"/mnt/a\", \"type\": \"tmpfs\", \"source\": \"t\", \"options\": "
		"[\"size=64k\", \"mode=711\"] },"
		"{ \"destination\": \"/mnt/b\", \"type\": \"tmpfs\", \"source\": \"t\", \"options\": "
		"[\"sync\", \"lazytime\", \"dirsync\", \"defaults\"] },"
		"{ \"destination\": \"/mnt/c\", \"type\": \"tmpfs\", \"source\": \"t\", \"options\": "
		"[\"ro\", \"nodiratime\"] },"
		"{ \"destination\": \"/mnt/d\", \"type\": \"tmpfs\", \"source\": \"t\" },"
		"{ \"destination\": \"/mnt/d\", \"options\": [\"remount\", \"bind\", \"ro\", \"nosuid\"] },"
		"{ \"destination\": \"/mnt/e\", \"type\": \"tmpfs\", \"options\": [\"silent\", \"noexec\"] "
		"}"),
	    NULL, look_at_tmpfs, NULL);
}

static const char *expected;
static int expected_code;

static void fails_as_expected(struct scene *s)
{
	int ret = attempt(s);

	CHECK(ret == expected_code || !expected_code);
	CHECK(ret < 0 && ret == s->err.code && strstr(s->err.msg, expected));
}

static void expect_failure(const char *json, int code, const char *text)
{
	expected = text;
	expected_code = code;
	run_inside_all(json, prepare_host, fails_as_expected, NULL);
}

Test(mount, errors_name_the_entry)
{
	expect_failure(SIMPLE("{ \"destination\": \"/mnt/a\", \"type\": \"nofs\", \"source\": \"t\" }"),
		       -ENODEV, "mounts[1] (/mnt/a): ");
	expect_failure(
	    SIMPLE("{ \"destination\": \"/mnt/a\", \"type\": \"tmpfs\", \"options\": [\"colour=red\"] }"),
	    -EINVAL, "mounts[1] (/mnt/a): ");
	expect_failure(SIMPLE("{ \"destination\": \"/etc/hostname\", \"type\": \"tmpfs\" }"), -ENOTDIR,
		       "mounts[1] (/etc/hostname): ");
	expect_failure(SIMPLE("{ \"destination\": \"/\", \"type\": \"tmpfs\" }"), -EINVAL,
		       "mounts[1] (/): only a bind mount may take the place of the root");
	expect_failure(SIMPLE("{ \"destination\": \"/etc/..\", \"type\": \"tmpfs\" }"), -EINVAL,
		       "only a bind mount");
}

static void reason_of_the_kernel(struct scene *s)
{
	CHECK(attempt(s) == -EINVAL);
	CHECK(strstr(s->err.msg, "tmpfs: Unknown parameter 'colour'"));
}

Test(mount, the_kernels_reason_is_told)
{
	run_inside(
	    WAY_ROOT,
	    SIMPLE("{ \"destination\": \"/mnt/a\", \"type\": \"tmpfs\", \"options\": [\"colour=red\"] }"),
	    NULL, reason_of_the_kernel, NULL);
}

static void missing_source(struct scene *s)
{
	CHECK(attempt(s) == -ENOENT);
	CHECK(str_starts(s->err.msg, "mounts[1] (/mnt/a): open host/nothing"));
}

Test(mount, a_missing_source)
{
	struct oci_mount m = {
	    .destination = (char[]){"/x"}, .source = (char[]){"nothing"}, .type = (char[]){"bind"}};
	struct error err = ERROR_NONE;

	run_inside(WAY_ROOT, SIMPLE(BIND("/mnt/a", "host/nothing", "\"bind\"")), NULL, missing_source, NULL);
	cr_assert_eq(root_source_open(&m, "/tmp", -EBADF, "mounts[7]", &err), -ENOENT);
	cr_assert(str_starts(err.msg, "mounts[7] (/x): open /tmp/nothing"), "%s", err.msg);
	m.type[0] = 'x';
	cr_assert_eq(root_source_open(&m, "/tmp", -EBADF, "mounts[7]", &err), -EBADF);
}

static void prepare_tree(struct scene *s)
{
	auto_free char *dir = str_printf("%s/rootfs/var", s->folder),
		       *file = str_printf("%s/rootfs/var/sub/suid", s->folder),
		       *fifo = str_printf("%s/rootfs/var/fifo", s->folder),
		       *node = str_printf("%s/rootfs/var/node", s->folder);

	prepare_host(s);
	put_dir(s, "rootfs/var");
	put_dir(s, "rootfs/var/sub");
	put_dir(s, "rootfs/var/sub/deep");
	put(s, "rootfs/var/sub/deep/file", "deep");
	put(s, "rootfs/var/sub/suid", "suid");
	put_link(s, "rootfs/var/link", "%s/host/src/file");
	CHECK_OK(chown(file, 12, 34));
	CHECK_OK(chmod(file, 06751));
	CHECK_OK(setxattr(file, "trusted.test", "x", 1, 0));
	CHECK_OK(mkfifo(fifo, 0640));
	CHECK_OK(mknod(node, S_IFCHR | 0604, makedev(1, 3)));
	CHECK_OK(chown(dir, 7, 8));
	CHECK_OK(chmod(dir, 02750));
}

static void look_at_copy(struct scene *s)
{
	struct stat st;
	char value[4];

	furnish(s);
	CHECK(magic_of("/var") == TMPFS_MAGIC && !has_flags("/", ST_RDONLY));
	CHECK(stat("/var", &st) == 0 && (st.st_mode & 07777) == 02750 && st.st_uid == 7 && st.st_gid == 8);
	CHECK(holds(s, "/var/sub/deep/file", "deep"));
	CHECK(stat("/var/sub/suid", &st) == 0 && (st.st_mode & 07777) == 06751 && st.st_uid == 12 &&
	      st.st_gid == 34);
	CHECK(lstat("/var/link", &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(lstat("/var/fifo", &st) == 0 && S_ISFIFO(st.st_mode) && (st.st_mode & 07777) == 0640);
	if (!s->root.user_namespace) {
		CHECK(is_device("/var/node", 1, 3));
		CHECK(getxattr("/var/sub/suid", "trusted.test", value, sizeof(value)) == 1);
	} else {
		CHECK(!is_there("/var/node"));
	}
	CHECK(count_entries("/var") == (s->root.user_namespace ? 3 : 4));
	CHECK(!can_write("/var/new") && errno == EROFS);
}

Test(mount, tmpcopyup)
{
	run_inside_all(SIMPLE("{ \"destination\": \"/var\", \"type\": \"tmpfs\", \"source\": \"t\", "
			      "\"options\": [\"tmpcopyup\", \"ro\"] }"),
		       prepare_tree, look_at_copy, NULL);
}

static void prepare_pit(struct scene *s)
{
	char path[1024] = "rootfs/var";

	put_dir(s, path);
	for (int i = 0; i < 140; i++) {
		strcat(path, "/d");
		put_dir(s, path);
	}
}

static void falls_into_pit(struct scene *s)
{
	CHECK(attempt(s) == -ELOOP);
	CHECK(strstr(s->err.msg, "mounts[1] (/var): copy up: d: d:"));
}

Test(mount, tmpcopyup_has_a_floor)
{
	run_inside(WAY_ROOT,
		   SIMPLE("{ \"destination\": \"/var\", \"type\": \"tmpfs\", \"options\": [\"tmpcopyup\"] }"),
		   prepare_pit, falls_into_pit, NULL);
}

static void look_at_new_root(struct scene *s)
{
	furnish(s);
	CHECK(holds(s, "/file", "content"));
	CHECK(holds(s, "/sub/inner", "inner"));
	CHECK(magic_of("/proc") == PROC_SUPER_MAGIC);
	CHECK(is_device("/dev/null", 1, 3) || s->root.user_namespace);
}

static void prepare_new_root(struct scene *s)
{
	prepare_host(s);
	put_dir(s, "host/src/proc");
}

Test(mount, a_bind_may_replace_the_root)
{
	static const char json[] =
	    "{ \"ociVersion\": \"1.3.0\", \"root\": { \"path\": \"rootfs\" }, \"mounts\": [" BIND(
		"/", "host/src", "\"rbind\"") "," PROC "] }";

	run_inside(WAY_ROOT, json, prepare_new_root, look_at_new_root, NULL);
	run_inside(WAY_USER, json, prepare_new_root, look_at_new_root, NULL);
	run_inside(WAY_NO_SETATTR, json, prepare_new_root, look_at_new_root, NULL);
}

static struct mount_share share_of(const char *words)
{
	char *text = str_printf("{ \"ociVersion\": \"1.3.0\", \"root\": { \"path\": \"rootfs\" }, \"mounts\": ["
				"{ \"destination\": \"/mnt\", \"source\": \"/srv\", \"options\": [%s] }] }",
				words);
	struct mount_share share = {0};
	struct oci_config *config = NULL;
	struct error err = ERROR_NONE;

	cr_assert_eq(oci_config_parse(text, strlen(text), "config.json", &config, &err), 0, "%s", err.msg);
	cr_assert(mount_is_shared(&config->mounts.v[0], &share));
	oci_config_free(config);
	free(text);
	return share;
}

Test(mount, what_a_machine_is_to_share)
{
	cr_expect(!share_of("\"bind\"").read_only && share_of("\"bind\"").alone);
	cr_expect(share_of("\"bind\", \"ro\"").read_only);
	cr_expect(share_of("\"rbind\", \"rro\"").read_only);
	cr_expect(!share_of("\"rbind\"").alone && !share_of("\"rbind\", \"rw\"").read_only);
}

static void look_at_host_sysfs(struct scene *s)
{
	furnish(s);
	CHECK(magic_of("/sys") == SYSFS_MAGIC &&
	      has_flags("/sys", ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC));
	CHECK(magic_of("/sys/fs/cgroup") == TMPFS_MAGIC && has_flags("/sys/fs/cgroup", ST_RDONLY) &&
	      count_entries("/sys/fs/cgroup") == 0);
}

/* A sysfs belongs to a network namespace; where that is the host's, so is the sysfs (and the cgroups below
 * it). */
Test(mount, the_hosts_sysfs_in_place_of_an_own_one)
{
	static const char json[] =
	    SIMPLE("{ \"destination\": \"/sys\", \"type\": \"sysfs\", \"source\": \"sysfs\","
		   "  \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"ro\"] }");

	scene_without = CLONE_NEWNET;
	run_inside(WAY_USER, json, NULL, look_at_host_sysfs, NULL);
	run_inside(WAY_USER_OLD, json, NULL, look_at_host_sysfs, NULL);
}

static void look_at_pts(struct scene *s)
{
	furnish(s);
	CHECK(magic_of("/dev/pts") == DEVPTS_SUPER_MAGIC && has_flags("/dev/pts", ST_NOSUID | ST_NOEXEC));
	CHECK(mount_has("/dev/pts", "mode=620") && !mount_has("/dev/pts", "gid="));
}

Test(mount, a_devpts_without_the_tty_group)
{
	static const char json[] =
	    SIMPLE("{ \"destination\": \"/dev/pts\", \"type\": \"devpts\", \"source\": \"devpts\","
		   "  \"options\": [\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\", "
		   "\"mode=0620\", \"gid=5\"] }");

	scene_ids = 1;
	run_inside(WAY_USER, json, NULL, look_at_pts, NULL);
	run_inside(WAY_USER_OLD, json, NULL, look_at_pts, NULL);
}

static void look_at_unbindable(struct scene *s)
{
	furnish(s);
	CHECK(mount_has("/", "unbindable"));
	CHECK(mount_has("/", " ro,") || mount_has("/", " ro "));
}

Test(mount, propagation_of_the_root_unbindable)
{
	run_inside_all("{ \"ociVersion\": \"1.3.0\", \"root\": { \"path\": \"rootfs\", \"readonly\": true },"
		       "\"linux\": { \"rootfsPropagation\": \"unbindable\" }, \"mounts\": [" PROC "] }",
		       NULL, look_at_unbindable, NULL);
}
