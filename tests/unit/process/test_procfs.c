/* test_procfs.c: a write to procfs never lands on what was mounted over it (CVE-2019-19921, CVE-2025-52881).
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "child.h"
#include "process/label.h"
#include "process/procfs.h"

Test(procfs, opens_and_writes)
{
	struct error err = ERROR_NONE;
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = procfs_open(proc, "self/status", O_RDONLY, &err);
	char comm[32] = "";

	cr_assert_geq(fd, 0, "%s", err.msg);
	cr_assert_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	cr_assert_eq(procfs_write(proc, "self/comm", "renamed", &err), 0, "%s", err.msg);
	fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
	cr_assert_eq(read(fd, comm, sizeof(comm)), 8);
	cr_assert_str_eq(comm, "renamed\n");
	cr_assert_eq(procfs_open(proc, "self/none", O_RDONLY, &err), -ENOENT);
	cr_assert_lt(procfs_open(proc, "self/exe", O_RDONLY, &err), 0, "a magic link was followed");
	cr_assert_lt(procfs_open(proc, "self/root/etc/passwd", O_RDONLY, &err), 0,
		     "a magic link was followed");
	cr_assert_lt(procfs_open(proc, "self/cwd/.", O_RDONLY, &err), 0, "a magic link was followed");
}

static void mounted_over(void *data)
{
	struct oci_process p = {.selinux_label = "x"};
	struct error err = ERROR_NONE;

	NEED(unshare(CLONE_NEWNS) == 0);
	NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* another file system */
	NEED(mount("tmpfs", "/proc/self/attr", "tmpfs", 0, NULL) == 0);
	close(open("/proc/self/attr/exec", O_CREAT | O_WRONLY, 0666));
	NEED(procfs_open(proc, "self/attr/exec", O_WRONLY, &err) == -EXDEV);
	NEED(strstr(err.msg, "something is mounted over it"));
	NEED(label_apply(&p, proc, &err) == -EXDEV);
	NEED(umount("/proc/self/attr") == 0);
	/* a harmless file of the very same procfs, which takes any write and does nothing */
	NEED(mount("/proc/self/sched", "/proc/self/attr/exec", NULL, MS_BIND, NULL) == 0);
	NEED(procfs_open(proc, "self/attr/exec", O_WRONLY, &err) == -EXDEV);
	NEED(label_apply(&p, proc, &err) == -EXDEV);
	NEED(umount("/proc/self/attr/exec") == 0);
	/* a link */
	NEED(mount("tmpfs", "/proc/sys/net", "tmpfs", 0, NULL) == 0);
	NEED(symlink("/proc/sysrq-trigger", "/proc/sys/net/x") == 0);
	NEED(procfs_open(proc, "sys/net/x", O_WRONLY, &err) < 0);
}

Test(procfs, never_what_is_mounted_over_it)
{
	need_root();
	cr_assert_eq(child_run(mounted_over, NULL), 0);
}
