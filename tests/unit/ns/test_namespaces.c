/* test_namespaces.c: plans of namespaces, id maps, and the processes that are born into them. */
#include "ns/namespaces.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/table.h"
#include "ns/idmap.h"
#include "ns/spawn.h"

static struct oci_config with(struct oci_linux *l, struct oci_namespace *list, size_t n)
{
	l->namespaces = (struct oci_namespace_list){ list, n };
	return (struct oci_config){ .linux_ = l };
}

static ino_t ns_of(const char *who, const char *file)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%s/ns/%s", who, file);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

Test(namespaces, each_type_has_its_row)
{
	for (int i = 0; i < OCI_NS_MAX; i++) {
		cr_expect(ns_types[i].type == (enum oci_namespace_type)i);
		cr_expect(ns_of("self", ns_types[i].file) != 0, "%s", ns_types[i].file);
	}
}

Test(namespaces, a_plan_creates_what_has_no_path)
{
	struct oci_namespace list[] = { { OCI_NS_PID, NULL }, { OCI_NS_UTS, (char *)"" } };
	struct oci_linux l = { 0 };
	struct oci_config config = with(&l, list, 2);
	struct ns_plan plan = NS_PLAN_NONE;

	cr_assert(ns_plan_make(&config, &plan, NULL) == 0);
	cr_expect(plan.create == (CLONE_NEWPID | CLONE_NEWUTS) && plan.joined == 0);
}

Test(namespaces, wrong_paths_are_told)
{
	static const struct { const char *path, *says; } cases[] = {
		{ "/nonexistent", "open /nonexistent: No such file" },
		{ "/etc/passwd", "is not a namespace" },
		{ "/", "is not a namespace" },
		{ "/proc/self/ns/ipc", "is not a uts namespace" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct oci_namespace list[] = { { OCI_NS_PID, NULL }, { OCI_NS_UTS, (char *)cases[i].path } };
		struct oci_linux l = { 0 };
		struct oci_config config = with(&l, list, 2);
		struct ns_plan plan = NS_PLAN_NONE;
		struct error err = ERROR_NONE;

		cr_expect(ns_plan_make(&config, &plan, &err) < 0, "%s", cases[i].path);
		cr_expect(strstr(err.msg, cases[i].says) && strstr(err.msg, "linux.namespaces[1].path"), "%s", err.msg);
	}
}

Test(namespaces, our_own_needs_no_joining)
{
	struct oci_namespace list[] = { { OCI_NS_UTS, (char *)"/proc/self/ns/uts" } };
	struct oci_linux l = { 0 };
	struct oci_config config = with(&l, list, 1);
	struct ns_plan plan = NS_PLAN_NONE;

	cr_assert(ns_plan_make(&config, &plan, NULL) == 0);
	cr_expect(plan.joined == 0 && plan.create == 0 && plan.join[OCI_NS_UTS] < 0);
}

Test(namespaces, spawn_into_new_and_joined_ones)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	/* Somebody with a uts and an ipc namespace of its own, and a pid namespace for its children. */
	int ready[2], go[2];
	char c, path[3][64];
	pid_t other, pid;

	cr_assert(pipe(ready) == 0 && pipe(go) == 0);
	other = fork();
	if (other == 0) {
		if (unshare(CLONE_NEWUTS | CLONE_NEWIPC) < 0 || sethostname("joined", 6) < 0)
			_exit(1);
		(void)!write(ready[1], "x", 1);
		pause();
	}
	cr_assert(read(ready[0], &c, 1) == 1);
	snprintf(path[0], sizeof(path[0]), "/proc/%d/ns/uts", other);
	snprintf(path[1], sizeof(path[1]), "/proc/%d/ns/ipc", other);

	struct oci_namespace list[] = { { OCI_NS_UTS, path[0] }, { OCI_NS_IPC, path[1] }, { OCI_NS_PID, NULL }, { OCI_NS_MOUNT, NULL } };
	struct oci_linux l = { 0 };
	struct oci_config config = with(&l, list, 4);
	struct ns_plan plan = NS_PLAN_NONE;
	struct error err = ERROR_NONE;
	ino_t uts = ns_of("self", "uts"), mnt = ns_of("self", "mnt");
	bool into;
	int pidfd, status;

	cr_assert(ns_plan_make(&config, &plan, &err) == 0, "%s", err.msg);
	pid = ns_spawn(&plan, -EBADF, &pidfd, &into, &err);
	if (pid == 0) {
		char name[16] = "";

		gethostname(name, sizeof(name));
		_exit(!strcmp(name, "joined") && getpid() == 1 && ns_of("self", "mnt") != mnt ? 7 : 1);
	}
	cr_assert(pid > 0, "%s", err.msg);
	cr_expect(pidfd >= 0 && !into);
	cr_expect(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
	/* We are home again, and so are our children. */
	cr_expect(ns_of("self", "uts") == uts);
	cr_expect(ns_of("self", "pid_for_children") == ns_of("self", "pid"));

	/* And a process right into all of the other's. */
	pid = ns_spawn_into(-EBADF, other, -EBADF, NULL, NULL, &pidfd, &into, &err);
	if (pid == 0) {
		char name[16] = "";

		gethostname(name, sizeof(name));
		_exit(!strcmp(name, "joined") ? 8 : 1);
	}
	cr_assert(pid > 0, "%s", err.msg);
	cr_expect(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 8);
	ns_plan_close(&plan);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
}

Test(namespaces, a_user_namespace_with_its_maps)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	struct oci_namespace list[] = { { OCI_NS_USER, NULL }, { OCI_NS_UTS, NULL } };
	struct oci_id_mapping map[] = { { { true, 0 }, { true, 100000 }, { true, 10 } }, { { true, 10 }, { true, 200000 }, { true, 1 } } };
	struct oci_id_mapping_list maps = { map, 2 };
	struct oci_linux l = { 0 };
	struct oci_config config = with(&l, list, 2);
	struct ns_plan plan = NS_PLAN_NONE;
	struct error err = ERROR_NONE;
	int go[2], pidfd, status;
	bool into;
	pid_t pid;
	char c;

	cr_assert(pipe(go) == 0 && ns_plan_make(&config, &plan, &err) == 0);
	pid = ns_spawn(&plan, -EBADF, &pidfd, &into, &err);
	if (pid == 0) {
		close(go[1]);
		if (read(go[0], &c, 1) != 1 || ns_become_root(NULL) < 0)
			_exit(1);
		_exit(getuid() == 0 && getgid() == 0 && sethostname("mine", 4) == 0 ? 7 : 2);
	}
	cr_assert(pid > 0, "%s", err.msg);
	cr_expect(idmap_write(pid, &maps, &maps, &err) == 0, "%s", err.msg);
	cr_assert(write(go[1], "x", 1) == 1);
	cr_expect(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7, "status %d", WEXITSTATUS(status));
}

/* In a user namespace of our own, with the host's ipc namespace: that one can be left, but not be entered again. */
static int join_without_a_way_back(int told)
{
	struct oci_namespace list[] = { { OCI_NS_IPC, NULL }, { OCI_NS_UTS, NULL }, { OCI_NS_PID, NULL } };
	struct oci_linux l = { 0 };
	struct oci_config config = with(&l, list, 3);
	struct ns_plan plan = NS_PLAN_NONE;
	struct error err = ERROR_NONE;
	char path[64], who[16], c;
	ino_t ipc, home;
	int go[2], pidfd, status;
	bool into;
	pid_t other, pid;

	if (write(told, "u", 1) != 1 || read(told, &c, 1) != 1 || pipe(go) < 0)
		return 1;
	other = fork();
	if (other == 0) {
		if (unshare(CLONE_NEWIPC) < 0 || write(go[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	if (read(go[0], &c, 1) != 1)
		return 2;
	snprintf(path, sizeof(path), "/proc/%d/ns/ipc", other);
	list[0].path = path;
	snprintf(who, sizeof(who), "%d", other);
	ipc = ns_of(who, "ipc");
	home = ns_of("self", "ipc");
	status = -1;
	if (ns_plan_make(&config, &plan, &err) == 0 && (pid = ns_spawn(&plan, -EBADF, &pidfd, &into, &err)) >= 0) {
		if (pid == 0)
			_exit(ns_of("self", "ipc") == ipc && getpid() == 1 && sethostname("new", 3) == 0 ? 7 : 1);
		if (waitpid(pid, &status, 0) != pid)
			status = -1;
	}
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	if (err.code < 0)
		fprintf(stderr, "%s\n", err.msg);
	return status >= 0 && WEXITSTATUS(status) == 7 && ns_of("self", "ipc") == home ? 0 : 3;
}

Test(namespaces, joined_ones_that_there_is_no_way_back_from)
{
	struct oci_id_mapping map[] = { { { true, 0 }, { true, 0 }, { true, 10 } } };
	struct oci_id_mapping_list maps = { map, 1 };
	struct error err = ERROR_NONE;
	int told[2], status;
	pid_t pid;
	char c;

	if (geteuid() != 0)
		cr_skip_test("needs root");
	cr_assert(socketpair(AF_UNIX, SOCK_STREAM, 0, told) == 0);
	pid = fork();
	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) < 0 ? 9 : join_without_a_way_back(told[1]));
	cr_assert(pid > 0 && read(told[0], &c, 1) == 1);
	cr_assert(idmap_write(pid, &maps, &maps, &err) == 0, "%s", err.msg);
	cr_assert(write(told[0], "m", 1) == 1);
	cr_expect(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 0, "status %d", WEXITSTATUS(status));
}

Test(namespaces, ids_through_a_map)
{
	struct oci_id_mapping map[] = { { { true, 0 }, { true, 1000 }, { true, 1 } }, { { true, 1 }, { true, 100000 }, { true, 65535 } } };
	struct oci_id_mapping_list maps = { map, 2 }, none = { NULL, 0 };

	cr_expect(idmap_to_host(&maps, 0) == 1000);
	cr_expect(idmap_to_host(&maps, 1) == 100000);
	cr_expect(idmap_to_host(&maps, 65535) == 165534);
	cr_expect(idmap_to_host(&maps, 65536) == -1);
	cr_expect(idmap_to_host(&none, 5) == 5);
}
