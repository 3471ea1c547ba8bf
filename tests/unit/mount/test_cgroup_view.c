/* test_cgroup_view.c: what is found at /sys/fs/cgroup. */
#include "mount/cgroup_view.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/auto.h"
#include "inside.h"

static const struct root_hierarchy hierarchies[] = {
  /* clang-format off */
	{ "memory",   "memory",            "/sys/fs/cgroup/memory" },
	{ "systemd",  "none,name=systemd", "/sys/fs/cgroup/systemd" },
	{ "unified",  NULL,                "/sys/fs/cgroup/unified" },
	{ "net,prio", "does-not-exist",    "/sys/fs/cgroup/pids" },
	{ NULL },
  /* clang-format on */
};

static void look_at_cgroups(struct scene *s)
{
	char target[32];

	s->root.hierarchies = hierarchies;
	furnish(s);
	CHECK(magic_of("/sys/fs/cgroup") == TMPFS_MAGIC && has_flags("/sys/fs/cgroup", ST_RDONLY));
	CHECK(magic_of("/sys/fs/cgroup/memory") == CGROUP_SUPER_MAGIC);
	CHECK(has_flags("/sys/fs/cgroup/memory", ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC));
	CHECK(magic_of("/sys/fs/cgroup/systemd") == CGROUP_SUPER_MAGIC &&
	      is_there("/sys/fs/cgroup/systemd/cgroup.procs"));
	CHECK(magic_of("/sys/fs/cgroup/unified") == CGROUP2_SUPER_MAGIC);
	/* bound, since it cannot be mounted */
	CHECK(is_there("/sys/fs/cgroup/net,prio/pids.current") ||
	      is_there("/sys/fs/cgroup/net,prio/cgroup.procs"));
	CHECK(readlink("/sys/fs/cgroup/prio", target, sizeof(target)) == 8 && !memcmp(target, "net,prio", 8));
	CHECK(is_there("/sys/fs/cgroup/net"));
}

static void look_at_no_cgroups(struct scene *s)
{
	s->root.hierarchies = NULL;
	furnish(s);
	CHECK(magic_of("/sys/fs/cgroup") == TMPFS_MAGIC && has_flags("/sys/fs/cgroup", ST_RDONLY));
	CHECK(count_entries("/sys/fs/cgroup") == 0);
}

static const struct root_hierarchy one_hierarchy[] = {
  /* clang-format off */
	{ "unified", NULL, "/sys/fs/cgroup/unified" },
	{ NULL },
  /* clang-format on */
};

static void look_at_cgroup2(struct scene *s)
{
	s->root.hierarchies = one_hierarchy;
	s->root.cgroup_v2 = true;
	furnish(s);
	CHECK(magic_of("/sys/fs/cgroup") == CGROUP2_SUPER_MAGIC);
	CHECK(has_flags("/sys/fs/cgroup", ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC));
}

Test(mount, cgroups)
{
	auto_free char *json = default_json("", "");

	run_inside_all(json, NULL, look_at_no_cgroups, NULL);
	if (magic_of("/sys/fs/cgroup/memory") != CGROUP_SUPER_MAGIC ||
	    magic_of("/sys/fs/cgroup/unified") != CGROUP2_SUPER_MAGIC)
		cr_skip_test("no hybrid cgroups");
	run_inside_all(json, NULL, look_at_cgroups, NULL);
	run_inside_all(json, NULL, look_at_cgroup2, NULL);
}
