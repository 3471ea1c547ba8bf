/* test_hierarchy.c: mountinfo and /proc/PID/cgroup as texts. */
#include <criterion/criterion.h>

#include "base/auto.h"
#include "cgroup/hierarchy.h"

static const char hybrid[] =
    "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,release_agent=/x,name=systemd\n"
    "50 31 0:35 /docker/abc /elsewhere rw - cgroup cgroup rw,memory\n"
    "35 31 0:35 / /sys/fs/cgroup/mem\\040ory rw,relatime master:1 shared:2 - cgroup cgroup rw,memory\n"
    "51 31 0:35 /docker/def /elsewhere2 rw - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n";

Test(hierarchy, hybrid_is_understood)
{
	struct hierarchies h;
	struct error err = ERROR_NONE;

	cr_assert_eq(hierarchies_parse(hybrid, &h, &err), 0, "%s", err.msg);
	cr_assert_eq(h.n, 4);
	cr_expect_eq(h.layout, CGROUP_LAYOUT_HYBRID);
	cr_expect_str_eq(h.v[0].controllers, "cpu,cpuacct");
	cr_expect_str_eq(h.v[1].controllers, "name=systemd");
	cr_expect_str_eq(h.v[2].controllers, "memory");
	cr_expect_str_eq(h.v[2].mount, "/sys/fs/cgroup/mem ory",
			 "the whole hierarchy is preferred, and its name unescaped");
	cr_expect_str_eq(h.v[2].root, "/");
	cr_expect(h.v[3].v2);
	cr_expect_str_eq(h.v[3].mount, "/sys/fs/cgroup/unified");
	hierarchies_free(&h);
}

static enum cgroup_layout layout_of(const char *text)
{
	struct hierarchies h;
	enum cgroup_layout layout;

	cr_assert_eq(hierarchies_parse(text, &h, NULL), 0);
	layout = h.layout;
	hierarchies_free(&h);
	return layout;
}

Test(hierarchy, layouts)
{
	cr_expect_eq(layout_of(""), CGROUP_LAYOUT_NONE);
	cr_expect_eq(layout_of("1 2 0:1 / /proc rw - proc proc rw\n"), CGROUP_LAYOUT_NONE);
	cr_expect_eq(layout_of("1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"), CGROUP_LAYOUT_V2);
	cr_expect_eq(layout_of("1 2 0:1 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"),
		     CGROUP_LAYOUT_V1);
}

Test(hierarchy, garbage_is_passed_over)
{
	cr_expect_eq(
	    layout_of("\n\n - cgroup\n - cgroup cgroup\n1 - cgroup cgroup rw,memory\n1 2 3 4 - cgroup2\n"),
	    CGROUP_LAYOUT_NONE);
	cr_expect_eq(layout_of("1 2 0:1 / /x rw - cgroup cgroup rw,nothing_known\n"), CGROUP_LAYOUT_NONE);
	cr_expect_eq(layout_of("1 2 0:1 / /a\\ rw - cgroup cgroup rw,pids\n"), CGROUP_LAYOUT_V1);
}

Test(hierarchy, controllers_are_whole_words)
{
	cr_expect(controllers_include("cpu,cpuacct", "cpu"));
	cr_expect(controllers_include("cpu,cpuacct", "cpuacct"));
	cr_expect_not(controllers_include("cpuacct", "cpu"));
	cr_expect_not(controllers_include("cpuset", "cpu"));
	cr_expect_not(controllers_include("cpu", "cpuset"));
	cr_expect_not(controllers_include("", "cpu"));
	cr_expect_not(controllers_include("cpu", ""));
}

static const char own[] =
    "5:cpuacct,cpu:/a\n4:memory:/docker/abc/sub\n1:name=systemd:/s\n0::/user.slice/x:y\n";

static char *path_in(const char *controllers, const char *root, bool v2)
{
	struct hierarchy h = {(char *)controllers, (char *)"/m", (char *)root, v2};
	char *path = NULL;

	return hierarchy_path_of(&h, own, &path, NULL) ? NULL : path;
}

Test(hierarchy, own_path)
{
	auto_free char *cpu = path_in("cpu,cpuacct", "/", false), *v2 = path_in("", "/", true),
		       *below = path_in("memory", "/docker/abc", false);
	auto_free char *same = path_in("memory", "/docker/abc/sub", false);

	cr_expect_str_eq(cpu, "/a", "whatever order the kernel lists them in");
	cr_expect_str_eq(v2, "/user.slice/x:y");
	cr_expect_str_eq(below, "/sub");
	cr_expect_str_eq(same, "/");
	cr_expect_null(path_in("memory", "/docker/ab", false), "a name is not a prefix of names");
	cr_expect_null(path_in("memory", "/else", false));
	cr_expect_null(path_in("pids", "/", false));
	cr_expect_null(path_in("cpu", "/", false));
}
