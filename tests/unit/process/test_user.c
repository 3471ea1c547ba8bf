/* test_user.c: ids, groups, umask; and the home directory by a hostile passwd file. */
#include <criterion/criterion.h>
#include <grp.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "child.h"
#include "folder.h"
#include "process/user.h"

static void ids(void *data)
{
	uint64_t groups[] = {7, 5, 7, 4294967294};
	struct oci_user user = {
	    .uid = {true,	  1000},
		 .gid = {true,   1001},
	      .umask = {true,   027 },
		    .additional_gids = {groups, 4	 }
	  };
	struct error err = ERROR_NONE;
	gid_t now[16];
	uid_t r, e, s;

	NEED(user_become(&user, false, &err) == 0);
	NEED(getresuid(&r, &e, &s) == 0 && r == 1000 && e == 1000 && s == 1000);
	NEED(getresgid(&r, &e, &s) == 0 && r == 1001 && e == 1001 && s == 1001);
	NEED(getgroups(16, now) == 4);
	NEED(now[0] == 5 && now[1] == 7 && now[2] == 7 && now[3] == 4294967294);
	NEED(umask(0) == 027);
	NEED(setresuid(0, 0, 0) < 0);
}

Test(user, becomes_another)
{
	need_root();
	cr_assert_eq(child_run(ids, NULL), 0);
}

static void defaults(void *data)
{
	gid_t mine[] = {3, 4};

	umask(0);
	NEED(setgroups(2, mine) == 0);
	NEED(user_become(NULL, true, NULL) == 0);
	NEED(getgroups(0, NULL) == 2);
	NEED(umask(0) == 022);
	NEED(user_become(NULL, false, NULL) == 0);
	NEED(getgroups(0, NULL) == 0);
	NEED(getuid() == 0 && getgid() == 0);
}

Test(user, defaults_and_kept_groups)
{
	need_root();
	cr_assert_eq(child_run(defaults, NULL), 0);
}

/* Attack: -1 means "unchanged" to the kernel, 2^32 is 0 once it is cut to 32 bits. */
static void bad_ids(void *data)
{
	static const uint64_t bad[] = {4294967295, 4294967296, 4294967297, UINT64_MAX, (uint64_t)1 << 63};
	struct error err = ERROR_NONE;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t groups[] = {1, bad[i]};

		NEED(user_become(
			 &(struct oci_user){
			     .uid = {true, bad[i]}
		  },
			 false, &err) == -EINVAL);
		NEED(!strncmp(err.msg, "process.user.uid: ", 18));
		NEED(user_become(
			 &(struct oci_user){
			     .gid = {true, bad[i]}
		  },
			 false, &err) == -EINVAL);
		NEED(!strncmp(err.msg, "process.user.gid: ", 18));
		NEED(user_become(
			 &(struct oci_user){
			     .additional_gids = {groups, 2}
		   },
			 false, &err) == -EINVAL);
		NEED(!strncmp(err.msg, "process.user.additionalGids[1]: ", 32));
	}
	NEED(user_become(
		 &(struct oci_user){
		     .umask = {true, 01000}
	   },
		 false, &err) == -EINVAL);
	NEED(!strncmp(err.msg, "process.user.umask: ", 20));
	NEED(getuid() == 0 && getgid() == 0);
}

Test(user, ids_that_are_none)
{
	need_root();
	cr_assert_eq(child_run(bad_ids, NULL), 0);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		_exit(CHILD_LACKS);
	close(fd);
}

static void user_namespace(void *data)
{
	uint64_t group = 0;
	struct oci_user user = {
	    .uid = {true, 0}
	    };
	struct error err = ERROR_NONE;

	NEED(geteuid() != 0 || (setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0));
	if (unshare(CLONE_NEWUSER) < 0)
		_exit(CHILD_LACKS);
	char map[32];
	snprintf(map, sizeof(map), "0 %d 1", 1000);
	put("/proc/self/setgroups", "deny");
	put("/proc/self/uid_map", map);
	put("/proc/self/gid_map", map);
	NEED(user_become(&user, false, &err) == 0);
	user.additional_gids = (struct uints){&group, 1};
	NEED(user_become(&user, false, &err) == -EPERM);
	NEED(strstr(err.msg, "denied in this user namespace"));
	user.additional_gids = (struct uints){0};
	user.uid.v = 5;
	NEED(user_become(&user, false, &err) == -EINVAL);
	NEED(!strcmp(err.msg, "process.user.uid: 5 is not mapped in the user namespace"));
}

Test(user, setgroups_denied)
{
	need_root();
	int r = child_run(user_namespace, NULL);

	if (r == CHILD_LACKS)
		cr_skip_test("no user namespaces for users here");
	cr_assert_eq(r, 0);
}

static void no_cap_setgid(void *data)
{
	struct error err = ERROR_NONE;

	NEED(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
	/* Groups that could have been dropped but weren't would leak: no excuse without the capability. */
	NEED(user_become(
		 &(struct oci_user){
		     .uid = {true, 1000},
			  .gid = {true, 1000}
	     },
		 false, &err) == -EPERM);
}

Test(user, groups_are_never_leaked)
{
	need_root();
	cr_assert_eq(child_run(no_cap_setgid, NULL), 0);
}

static void expect_home(const struct folder *root, uid_t uid, const char *home)
{
	struct error err = ERROR_NONE;
	auto_free char *got = NULL;

	cr_assert_eq(user_home(root->fd, uid, &got, &err), 0, "%s", err.msg);
	cr_expect_str_eq(got, home, "uid %u: %s instead of %s", uid, got, home);
}

/* Rows "uid home line"; \n and \0 in the line stand for these. */
Test(user, homes)
{
	struct folder root = folder_new();
	FILE *f = fopen(TESTS_DIR "/cases/passwd-homes.txt", "re");
	char row[512], home[128], line[256], data[256];
	unsigned uid, rows = 0;

	cr_assert(f);
	while (fgets(row, sizeof(row), f)) {
		if (row[0] == '#' || row[0] == '\n')
			continue;
		cr_assert_eq(sscanf(row, "%u %127s %255[^\n]", &uid, home, line), 3, "%s", row);
		size_t n = 0;
		for (const char *p = line; *p; p++) {
			if (p[0] == '\\' && (p[1] == 'n' || p[1] == '0'))
				data[n++] = *++p == 'n' ? '\n' : '\0';
			else
				data[n++] = *p;
		}
		folder_write(&root, "etc/passwd", 0644, data, n);
		expect_home(&root, uid, home);
		rows++;
	}
	fclose(f);
	cr_assert_gt(rows, 15);
	folder_end(&root);
}

Test(user, home_by_no_regular_file, .timeout = 100)
{
	struct folder root = folder_new();

	expect_home(&root, 0, "/");
	folder_text(&root, "etc/other", 0644, "root:x:0:0::/in:/bin/sh\n");
	/* A link stays inside. */
	cr_assert_eq(symlinkat("/etc/other", root.fd, "etc/passwd"), 0);
	expect_home(&root, 0, "/in");
	unlinkat(root.fd, "etc/passwd", 0);
	/* Out of the root there is nothing: the host's own file has an entry for root. */
	unlinkat(root.fd, "etc/other", 0);
	cr_assert_eq(symlinkat("../../../../../../../etc/passwd", root.fd, "etc/passwd"), 0);
	expect_home(&root, 0, "/");
	unlinkat(root.fd, "etc/passwd", 0);
	cr_assert_eq(mkfifoat(root.fd, "etc/passwd", 0644), 0);
	expect_home(&root, 0, "/");
	unlinkat(root.fd, "etc/passwd", 0);
	cr_assert_eq(mkdirat(root.fd, "etc/passwd", 0755), 0);
	expect_home(&root, 0, "/");
	folder_end(&root);
}

Test(user, home_in_a_file_without_end)
{
	struct folder root = folder_new();

	folder_text(&root, "etc/passwd", 0644, "root:x:0:0::/in:/bin/sh\n");
	expect_home(&root, 0, "/in");
	int fd = openat(root.fd, "etc/passwd", O_WRONLY | O_CLOEXEC);
	cr_assert_eq(ftruncate(fd, (off_t)1 << 40), 0);
	close(fd);
	expect_home(&root, 0, "/");
	folder_end(&root);
}
