/* test_cgroup.c: a cgroup's life on this host. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "real.h"

TestSuite(cgroup, .timeout = 60);

/* Every line of /proc/PID/cgroup but those of hierarchies that are not mounted ends in the path. */
static void expect_in(pid_t pid, const struct cgroup *c, const char *path)
{
	char file[64], line[512];
	size_t found = 0;
	FILE *f;

	snprintf(file, sizeof(file), "/proc/%d/cgroup", pid);
	f = fopen(file, "re");
	cr_assert_not_null(f);
	while (fgets(line, sizeof(line), f)) {
		char *end = strchr(line, '\n'), *at = strrchr(line, ':');

		if (end)
			*end = 0;
		found += at && strlen(at + 1) >= strlen(path) &&
			 !strcmp(at + 1 + strlen(at + 1) - strlen(path), path);
	}
	fclose(f);
	cr_expect_eq(found, c->n, "in %zu of %zu hierarchies", found, c->n);
}

Test(cgroup, lives)
{
	struct error err = ERROR_NONE;
	struct cgroup *c, *loaded;
	auto_free char *text = NULL, *again = NULL;
	auto_free pid_t *pids = NULL;
	const char *path;
	size_t n;
	pid_t pid;

	real_need();
	path = real_path("/life");
	cr_assert_eq(real_make(path, NULL, &c, &err), 0, "%s", err.msg);
	cr_expect_eq(real_left(path), (int)c->n);
	pid = real_child(c, true);
	expect_in(pid, c, path);

	cr_assert_eq(cgroup_save(c, &text, &err), 0);
	cr_expect_null(strchr(text, '\n'));
	cr_assert_eq(cgroup_load(text, &loaded, &err), 0, "%s", err.msg);
	cr_assert_eq(cgroup_save(loaded, &again, &err), 0);
	cr_expect_str_eq(text, again);
	cgroup_free(c);
	c = loaded;

	cr_assert_eq(cgroup_pids(c, &pids, &n, &err), 0, "%s", err.msg);
	cr_expect_eq(n, 2);
	cr_expect(pids[0] == pid || pids[1] == pid);

	err = ERROR_NONE;
	cr_expect_eq(real_make(path, NULL, &loaded, &err), -EBUSY, "one that is used is refused");
	cr_expect_not_null(strstr(err.msg, "holds processes"));
	cr_expect_eq(cgroup_remove(c, &err), -EBUSY, "one that is used stays");
	expect_in(pid, c, path);

	cr_expect_not(cgroup_is_frozen(c));
	cr_assert_eq(cgroup_freeze(c, true, &err), 0, "%s", err.msg);
	cr_expect(cgroup_is_frozen(c));
	cr_assert_eq(cgroup_freeze(c, false, &err), 0, "%s", err.msg);
	cr_expect_not(cgroup_is_frozen(c));
	cr_assert_eq(cgroup_freeze(c, true, &err), 0, "%s", err.msg);

	cr_assert_eq(cgroup_kill(c, SIGKILL, &err), 0, "%s", err.msg);
	cr_expect_eq(waitpid(pid, NULL, 0), pid, "the frozen one died");
	cr_assert_eq(cgroup_remove(c, &err), 0, "%s", err.msg);
	cr_expect_eq(real_left(path), 0);
	cr_expect_eq(real_left(real_path("")), 0, "the parent was ours, too");
	cr_expect_eq(cgroup_remove(c, &err), 0, "a vanished one is fine");
	cr_expect_eq(cgroup_kill(c, SIGKILL, &err), 0, "%s", err.msg);
	free(TAKE_PTR(pids));
	cr_expect_eq(cgroup_pids(c, &pids, &n, &err), 0);
	cr_expect_eq(n, 0);
	cgroup_free(c);
}

Test(cgroup, other_signals_reach_all)
{
	struct error err = ERROR_NONE;
	struct cgroup *c;
	int status;
	pid_t pid;

	real_need();
	cr_assert_eq(real_make(real_path(""), NULL, &c, &err), 0, "%s", err.msg);
	pid = real_child(c, false);
	cr_expect_eq(cgroup_kill(c, SIGTERM, &err), 0, "%s", err.msg);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	cr_expect_eq(cgroup_remove(c, &err), 0, "%s", err.msg);
	cgroup_free(c);
}

static void make_below(const struct cgroup *c, const char *name)
{
	char dir[512];

	for (size_t i = 0; i < c->n; i++) {
		snprintf(dir, sizeof(dir), "%s/%s", c->folders[i].dir, name);
		cr_assert_eq(mkdir(dir, 0755), 0);
	}
}

Test(cgroup, what_the_container_made_goes_too)
{
	struct error err = ERROR_NONE;
	struct cgroup *c;
	char name[2048] = "n";

	real_need();
	cr_assert_eq(real_make(real_path(""), NULL, &c, &err), 0, "%s", err.msg);
	for (int i = 0; i < 20; i++) {
		make_below(c, name);
		strcat(name, "/n");
	}
	make_below(c, "m");
	make_below(c, "m/1");
	make_below(c, "m/2");
	cr_expect_eq(cgroup_remove(c, &err), 0, "%s", err.msg);
	cr_expect_eq(real_left(real_path("")), 0);
	cgroup_free(c);
}

Test(cgroup, found_folders_are_used_but_not_removed)
{
	struct error err = ERROR_NONE;
	struct cgroup *owner, *user;
	char path[128];

	real_need();
	snprintf(path, sizeof(path), "%s", real_path("/there"));
	cr_assert_eq(real_make(path, NULL, &owner, &err), 0, "%s", err.msg);
	cr_assert_eq(real_make(path, NULL, &user, &err), 0, "an empty one is used: %s", err.msg);
	cr_expect_eq(cgroup_remove(user, &err), 0, "%s", err.msg);
	cr_expect_eq(real_left(path), (int)owner->n);
	cgroup_free(user);
	cr_assert_eq(real_make(real_path("/there/deep/er"), NULL, &user, &err), 0, "%s", err.msg);
	cr_expect_eq(cgroup_remove(user, &err), 0, "%s", err.msg);
	cr_expect_eq(real_left(real_path("/there/deep")), 0);
	cr_expect_eq(real_left(path), (int)owner->n);
	cgroup_free(user);
	cr_expect_eq(cgroup_remove(owner, &err), 0, "%s", err.msg);
	cr_expect_eq(real_left(real_path("")), 0);
	cgroup_free(owner);
}

Test(cgroup, frozen_ones_are_refused)
{
	struct error err = ERROR_NONE;
	struct cgroup *c, *other;

	real_need();
	cr_assert_eq(real_make(real_path(""), NULL, &c, &err), 0, "%s", err.msg);
	cr_assert_eq(cgroup_freeze(c, true, &err), 0, "%s", err.msg);
	cr_expect_eq(real_make(real_path(""), NULL, &other, &err), -EBUSY);
	cr_expect_not_null(strstr(err.msg, "frozen"));
	cr_expect_eq(cgroup_freeze(c, false, &err), 0);
	cr_expect_eq(cgroup_remove(c, &err), 0, "%s", err.msg);
	cgroup_free(c);
}

Test(cgroup, sub_cgroups)
{
	struct error err = ERROR_NONE;
	struct cgroup *c, *sub = NULL;
	pid_t pid;

	real_need();
	cr_assert_eq(real_make(real_path(""), NULL, &c, &err), 0, "%s", err.msg);
	cr_expect_eq(cgroup_sub(c, NULL, "missing", &sub, &err), -ENOENT);
	cr_expect_eq(cgroup_sub(c, NULL, "../x", &sub, &err), -EINVAL);
	cr_expect_eq(cgroup_sub(c, NULL, "a/../../x", &sub, &err), -EINVAL);
	cr_expect_eq(cgroup_sub(c, "nonsense", "a", &sub, &err),
		     c->layout == CGROUP_LAYOUT_V2 ? -ENOENT : -ENOENT);
	cr_expect_null(sub);
	make_below(c, "sub");
	for (size_t i = 0; i < c->n; i++)
		if (controllers_include(c->folders[i].controllers, "cpuset")) {
			char text[4096];
			struct folder below = {.dir = str_printf("%s/sub", c->folders[i].dir)};

			cr_assert_eq(folder_read(&c->folders[i], "cpuset.cpus", text, sizeof(text)), 0);
			cr_assert_eq(folder_write(&below, "cpuset.cpus", text), 0);
			cr_assert_eq(folder_read(&c->folders[i], "cpuset.mems", text, sizeof(text)), 0);
			cr_assert_eq(folder_write(&below, "cpuset.mems", text), 0);
			free(below.dir);
		}
	cr_assert_eq(cgroup_sub(c, NULL, "sub", &sub, &err), 0, "%s", err.msg);
	pid = real_child(sub, false);
	expect_in(pid, c, real_path("/sub"));
	cgroup_free(sub);
	cr_assert_eq(cgroup_of(c, pid, &sub, &err), 0, "%s", err.msg);
	for (size_t i = 0; i < sub->n; i++)
		cr_expect_str_eq(sub->folders[i].path, real_path("/sub"));
	cgroup_free(sub);
	cr_expect_eq(cgroup_of(c, getpid(), &sub, &err), -EINVAL, "this one is not in it");
	real_reap(pid);
	cr_expect_eq(cgroup_of(c, pid, &sub, &err), -ESRCH);
	cr_expect_eq(cgroup_remove(c, &err), 0, "%s", err.msg);
	cgroup_free(c);
}

Test(cgroup, bad_names_are_refused)
{
	struct error err = ERROR_NONE;
	struct cgroup *c = NULL;

	cr_expect_eq(real_make("/a/../b", NULL, &c, &err), -EINVAL);
	cr_expect_eq(real_make("/a//b", NULL, &c, &err), -EINVAL);
	cr_expect_eq(real_make("/a\nb", NULL, &c, &err), -EINVAL);
	cr_expect_eq(real_make("/", NULL, &c, &err), -EINVAL);
	cr_expect_null(c);
}

Test(cgroup, failure_leaves_nothing)
{
	struct error err = ERROR_NONE;
	struct cgroup *c = NULL;

	real_need();
	cr_expect_lt(real_make(real_path("/x"), "{\"unified\":{\"no.such.file\":\"1\"}}", &c, &err), 0);
	cr_expect_not_null(strstr(err.msg, "linux.resources.unified[\"no.such.file\"]"), "%s", err.msg);
	cr_expect_eq(real_left(real_path("")), 0);
	cr_expect_null(c);
}

Test(cgroup, disabled_does_nothing_and_refuses_limits)
{
	struct oci_memory m = {
	    .limit = {true, 1 << 20}
	    };
	struct oci_resources r = {.memory = &m};
	struct cgroup_request request = {.driver = CGROUP_DISABLED, .id = "x"};
	auto_free char *text = NULL;
	auto_free pid_t *pids = NULL;
	struct error err = ERROR_NONE;
	struct cgroup *c, *loaded;
	size_t n = 9;

	cr_assert_eq(cgroup_make(&request, &c, &err), 0, "%s", err.msg);
	cr_expect_eq(cgroup_clone_fd(c), -EBADF);
	cr_expect_eq(cgroup_enter(c, getpid(), false, &err), 0);
	cr_expect_not(cgroup_joins_itself(c));
	cr_assert_eq(cgroup_save(c, &text, &err), 0);
	cr_assert_eq(cgroup_load(text, &loaded, &err), 0, "%s", err.msg);
	cr_expect_eq(loaded->driver, CGROUP_DISABLED);
	cr_expect_eq(cgroup_pids(loaded, &pids, &n, &err), 0);
	cr_expect_eq(n, 0);
	cr_expect_eq(cgroup_kill(loaded, SIGKILL, &err), 0);
	cr_expect_eq(cgroup_freeze(loaded, true, &err), -ENOTSUP);
	cr_expect_not(cgroup_is_frozen(loaded));
	cr_expect_eq(cgroup_memory_limit(loaded), -1);
	cr_expect_eq(cgroup_oom_kills(loaded), 0);
	cr_expect_null(cgroup_hierarchies(loaded)->name);
	cr_expect_eq(cgroup_remove(loaded, &err), 0);
	cr_expect_eq(cgroup_update(loaded, &r, false, &err), -ENOTSUP);
	cr_expect_not_null(strstr(err.msg, "linux.resources.memory.limit"));
	cgroup_free(loaded);
	cgroup_free(c);
	request.resources = &r;
	cr_expect_eq(cgroup_make(&request, &c, &err), -ENOTSUP);
}

Test(cgroup, bad_state_is_refused)
{
	static const char *const bad[] = {
	    "",
	    "{}",
	    "[]",
	    "{\"driver\":\"nonsense\",\"layout\":\"v2\"}",
	    "{\"driver\":\"cgroupfs\"}",
	    "{\"driver\":\"cgroupfs\",\"layout\":\"v2\",\"folders\":[{\"path\":\"/x\"}]}",
	    "{\"driver\":\"cgroupfs\",\"layout\":\"v2\",\"folders\":[{\"mount\":\"/m\",\"path\":\"/x/../"
	    "..\"}]}",
	    "{\"driver\":\"cgroupfs\",\"layout\":\"v2\",\"folders\":[{\"mount\":\"m\",\"path\":\"/x\"}]}",
	};
	struct cgroup *c = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect_lt(cgroup_load(bad[i], &c, NULL), 0, "%s", bad[i]);
	cr_expect_null(c);
}

Test(cgroup, state_cannot_claim_the_mount_point)
{
	const char *text = "{\"driver\":\"cgroupfs\",\"layout\":\"v2\",\"folders\":[{\"mount\":\"/"
			   "m\",\"path\":\"/a/b\",\"made\":9,\"v2\":true}]}";
	struct error err = ERROR_NONE;
	struct cgroup *c;

	cr_assert_eq(cgroup_load(text, &c, &err), 0, "%s", err.msg);
	cr_expect_eq(c->folders[0].made, 2);
	cgroup_free(c);
}
