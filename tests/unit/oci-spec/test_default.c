/* test_default.c: the config that `spec` writes: valid, and the same as runc's where that is installed. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "document.h"
#include "oci-spec/check.h"
#include "oci-spec/default.h"
#include "oci-spec/state.h"

static struct oci_config *make(bool rootless, char **text)
{
	struct oci_config *config = NULL;
	struct error err = ERROR_NONE;

	cr_assert_eq(oci_default_config(rootless, 1000, 2000, text, &err), 0, "%s", err.msg);
	cr_assert_eq(oci_config_parse(*text, strlen(*text), "config.json", &config, &err), 0, "%s", err.msg);
	cr_assert_eq(oci_check(config, "config.json", &err), 0, "%s", err.msg);
	return config;
}

static bool unified(void)
{
	struct statfs fs;

	return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

Test(default_config, root)
{
	char *text;
	struct oci_config *c = make(false, &text);

	cr_assert_str_eq(c->oci_version, OCI_VERSION);
	cr_assert(!strncmp(text, "{\n\t\"ociVersion\": \"1.3.0\",\n\t\"process\": {\n", 40));
	cr_assert_str_eq(text + strlen(text) - 7, "]\n\t}\n}\n");
	cr_assert_not_null(oci_namespace_find(c, OCI_NS_NETWORK));
	cr_assert_null(oci_namespace_find(c, OCI_NS_USER));
	cr_assert_eq(oci_namespace_find(c, OCI_NS_CGROUP) != NULL, unified());
	cr_assert_eq(c->linux_->resources->devices.n, 1);
	cr_assert_eq(c->mounts.n, 7);
	cr_assert_str_eq(c->mounts.v[5].type, "sysfs");
	oci_config_free(c);
	free(text);
}

Test(default_config, rootless)
{
	char *text;
	struct oci_config *c = make(true, &text);

	cr_assert_null(oci_namespace_find(c, OCI_NS_NETWORK));
	cr_assert_not_null(oci_namespace_find(c, OCI_NS_USER));
	cr_assert_null(c->linux_->resources);
	cr_assert_eq(c->linux_->uid_mappings.v[0].host_id.v, 1000);
	cr_assert_eq(c->linux_->gid_mappings.v[0].host_id.v, 2000);
	cr_assert_eq(c->linux_->gid_mappings.v[0].size.v, 1);
	cr_assert_eq(c->mounts.n, 7);
	cr_assert_str_eq(c->mounts.v[5].options.v[0], "rbind");
	for (size_t i = 0; i < c->mounts.v[2].options.n; i++)
		cr_assert_neq(strncmp(c->mounts.v[2].options.v[i], "gid=", 4), 0);
	oci_config_free(c);
	free(text);
}

/* Newer ones differ in details; this is what the shape was taken from. */
static void compare(bool rootless)
{
	char folder[] = "/tmp/test_default.XXXXXX", command[200], path[100], want[32], *ours = NULL, *theirs,
	     *at;

	if (system("runc --version 2>/dev/null | grep -q '^runc version 1\\.1\\.'"))
		cr_skip_test("runc 1.1");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(command, sizeof(command), "cd %s && runc spec %s", folder, rootless ? "--rootless" : "");
	snprintf(path, sizeof(path), "%s/config.json", folder);
	cr_assert_eq(system(command), 0);
	theirs = document_read(path);
	unlink(path);
	rmdir(folder);
	cr_assert_eq(oci_default_config(rootless, geteuid(), getegid(), &ours, NULL), 0);
	/* The rest must be the same to the byte, the newline at the end aside. */
	at = strchr(theirs, ',');
	snprintf(want, sizeof(want), "{\n\t\"ociVersion\": \"%s\"", OCI_VERSION);
	cr_assert(!strncmp(ours, want, strlen(want)) && at);
	ours[strlen(ours) - 1] = '\0';
	cr_assert_str_eq(ours + strlen(want), at);
	free(ours);
	free(theirs);
}

Test(default_config, same_as_runc)
{
	compare(false);
}

Test(default_config, same_as_runc_rootless)
{
	compare(true);
}
