/* test_folder.c: which paths a cgroup may have. */
#include <criterion/criterion.h>
#include <string.h>

#include "cgroup/folder.h"

Test(folder, good_paths)
{
	static const char *const good[] = {
	    "/a", "a", "a/b", "/a/b/c", "/a..b", "/...", "/machine.slice/x:y", "/a b", "/ü"};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		cr_expect_eq(folder_check_path(good[i], NULL), 0, "%s", good[i]);
}

Test(folder, bad_paths)
{
	static const char *const bad[] = {"",	    "/",   "//",     "/a//b", "a/",	  "/a/",
					  "..",	    "/..", "a/../b", "/a/..", "../a",	  "./a",
					  "/a/./b", ".",   "/a\nb",  "a\tb",  "/a\033[2J"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct error err = ERROR_NONE;

		cr_expect_eq(folder_check_path(bad[i], &err), -EINVAL, "%s", bad[i]);
		cr_expect_null(strchr(err.msg, '\n'), "one line");
	}
}

Test(folder, long_paths)
{
	char path[6000];

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[300] = 0;
	cr_expect_eq(folder_check_path(path, NULL), -ENAMETOOLONG);
	for (size_t i = 0; i < sizeof(path); i += 100)
		path[i] = '/';
	path[300] = 'a';
	path[sizeof(path) - 1] = 0;
	cr_expect_eq(folder_check_path(path, NULL), -ENAMETOOLONG);
	path[3050] = 0;
	cr_expect_eq(folder_check_path(path, NULL), 0);
}

Test(folder, set_joins)
{
	struct folder f;

	cr_assert_eq(folder_set(&f, "pids", "/sys/fs/cgroup/pids", "a/b", false, NULL), 0);
	cr_expect_str_eq(f.path, "/a/b");
	cr_expect_str_eq(f.dir, "/sys/fs/cgroup/pids/a/b");
	cr_expect_eq(f.made, 0);
	folder_free(&f);
	cr_assert_eq(folder_set(&f, "", "/sys/fs/cgroup", "/", true, NULL), 0);
	cr_expect_str_eq(f.dir, "/sys/fs/cgroup");
	folder_free(&f);
}
