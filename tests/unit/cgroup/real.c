/* real.c: cgroups on this host, for tests. */
#include "real.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void real_need(void)
{
	struct error err = ERROR_NONE;
	struct cgroup *c;

	if (geteuid())
		cr_skip_test("needs root");
	if (cgroup_host_layout() == CGROUP_LAYOUT_NONE)
		cr_skip_test("no cgroup hierarchy is mounted");
	if (real_make(real_path("-probe"), NULL, &c, &err) < 0)
		cr_skip_test("cannot make a cgroup here");
	cr_assert_eq(cgroup_remove(c, NULL), 0);
	cgroup_free(c);
}

const char *real_path(const char *below)
{
	static char path[4][128];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof(path[0]), "/nacre-test-%d%s", getpid(), below);
	return p;
}

int real_make(const char *path, const char *resources, struct cgroup **out, struct error *err)
{
	struct cgroup_request r = {.driver = CGROUP_FS, .path = path, .id = "nacre-test"};
	struct oci_resources *parsed = NULL;
	int ret;

	if (resources)
		cr_assert_eq(oci_resources_parse(resources, strlen(resources), "resources", &parsed, err), 0,
			     "%s", err->msg);
	r.resources = parsed;
	ret = cgroup_make(&r, out, err);
	oci_resources_free(parsed);
	return ret;
}

pid_t real_child(struct cgroup *c, bool fork_too)
{
	struct error err = ERROR_NONE;
	bool self = cgroup_joins_itself(c);
	int ready[2], go[2];
	char byte;
	pid_t pid;

	cr_assert(!pipe(ready) && !pipe(go));
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		close(go[1]);
		if (self ? cgroup_enter(c, 0, false, &err) < 0 : read(go[0], &byte, 1) != 1)
			_exit(1);
		if (fork_too && fork())
			usleep(1000);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	close(go[0]);
	if (!self) {
		cr_assert_eq(cgroup_enter(c, pid, false, &err), 0, "%s", err.msg);
		cr_assert_eq(write(go[1], "x", 1), 1);
	}
	for (int i = 0; i < 1 + fork_too; i++)
		cr_assert_eq(read(ready[0], &byte, 1), 1, "the child could not enter");
	close(go[1]);
	close(ready[0]);
	return pid;
}

void real_reap(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

const char *real_file(const struct cgroup *c, const char *controller, const char *file)
{
	const struct folder *f = cgroup_folder_for(c, controller);
	static char text[4096];

	*text = 0;
	if (f && folder_read(f, file, text, sizeof(text)) < 0)
		*text = 0;
	return text;
}

bool real_is_v2(const struct cgroup *c, const char *controller)
{
	const struct folder *f = cgroup_folder_for(c, controller);

	return f && f->v2;
}

int real_left(const char *path)
{
	const struct hierarchies *host;
	char dir[512];
	int n = 0;

	cr_assert_eq(hierarchies_host(&host, NULL), 0);
	for (size_t i = 0; i < host->n; i++) {
		snprintf(dir, sizeof(dir), "%s%s", host->v[i].mount, path);
		n += !access(dir, F_OK);
	}
	return n;
}
