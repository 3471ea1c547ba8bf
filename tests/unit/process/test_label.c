/* test_label.c: labels on a host without these modules, and with a procfs that something is mounted over; the
 * session keyring. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "child.h"
#include "process/label.h"

Test(label, nothing_asked)
{
	struct oci_process none = {0}, empty = {.apparmor_profile = "", .selinux_label = ""};

	/* Not even the descriptor is looked at. */
	cr_assert_eq(label_apply(&none, -EBADF, NULL), 0);
	cr_assert_eq(label_apply(&empty, -EBADF, NULL), 0);
}

Test(label, apparmor_that_is_not_there)
{
	struct oci_process p = {.apparmor_profile = "docker-default"};
	struct error err = ERROR_NONE;
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (label_host_has_apparmor() || label_host_has_selinux())
		cr_skip_test("this host has a security module");
	cr_assert_eq(label_apply(&p, proc, &err), -ENOTSUP);
	cr_assert_str_eq(err.msg, "process.apparmorProfile: AppArmor is not enabled on this host");
}

Test(label, selinux_that_is_not_there)
{
	struct oci_process p = {.selinux_label = "system_u:system_r:container_t:s0"};
	struct error err = ERROR_NONE;
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (label_host_has_apparmor() || label_host_has_selinux())
		cr_skip_test("this host has a security module");
	cr_assert_eq(label_apply(&p, proc, &err), -ENOTSUP);
	cr_assert_str_eq(err.msg, "process.selinuxLabel: SELinux is not enabled on this host");
}

static long keyring_id(void)
{
	return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0);
}

static void keyring(void *data)
{
	struct error err = ERROR_NONE;
	long before = keyring_id();
	char name[64], text[256] = "";

	if (before < 0)
		_exit(CHILD_LACKS);
	snprintf(name, sizeof(name), "nacre-test-%d", (int)getpid());
	NEED(label_new_keyring(name, NULL, &err) == 0);
	long mine = keyring_id();
	NEED(mine >= 0);
	if (mine == before)
		_exit(CHILD_LACKS);
	NEED(syscall(SYS_keyctl, KEYCTL_DESCRIBE, mine, text, sizeof(text), 0) > 0);
	/* type;uid;gid;permissions;description */
	NEED(strstr(text, ";3f1b0000;_ses.nacre-test-"));
	/* A later process of the container joins the same one by its name. */
	pid_t pid = fork();
	if (pid == 0) {
		NEED(label_new_keyring("another", NULL, &err) == 0 && keyring_id() != mine);
		NEED(label_new_keyring(name, NULL, &err) == 0);
		NEED(keyring_id() == mine);
		_exit(0);
	}
	int status;
	NEED(waitpid(pid, &status, 0) == pid && status == 0);
}

Test(label, keyring)
{
	int r = child_run(keyring, NULL);

	if (r == CHILD_LACKS)
		cr_skip_test("no keyrings here");
	cr_assert_eq(r, 0);
}
