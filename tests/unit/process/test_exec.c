/* test_exec.c: environment, lookup, working directory, and the last step itself. */
#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "child.h"
#include "folder.h"
#include "process/exec.h"

#define STRINGS(...)                                                                                         \
	{                                                                                                    \
		(char *[]){__VA_ARGS__}, sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)                    \
	}

static void expect_env(const struct oci_process *p, const struct folder *root, const char *joined)
{
	struct exec_plan plan = EXEC_PLAN_NONE;
	struct error err = ERROR_NONE;
	char got[1024] = "";

	cr_assert_eq(exec_lookup(p, root->fd, &plan, &err), 0, "%s", err.msg);
	for (size_t i = 0; i < plan.env.n; i++) {
		strcat(got, plan.env.v[i]);
		strcat(got, "|");
	}
	cr_expect_str_eq(got, joined);
	cr_expect_null(plan.env.v[plan.env.n]);
	cr_expect_null(plan.argv[p->args.n]);
	exec_plan_free(&plan);
	cr_expect_null(plan.file);
}

Test(exec, environment)
{
	struct folder root = folder_new();
	struct oci_user user = {
	    .uid = {true, 7}
	    };
	struct oci_process p = {.args = STRINGS("/x"), .cwd = "/"};

	folder_text(&root, "x", 0755, "");
	folder_text(&root, "etc/passwd", 0644, "root:x:0:0::/root:\nseven:x:7:7::/home/seven:\n");
	expect_env(&p, &root, "HOME=/root|");
	p.user = &user;
	expect_env(&p, &root, "HOME=/home/seven|");
	p.env = (struct strings)STRINGS("A=1", "B=2", "A=3", "AB=4", "A=5=6");
	expect_env(&p, &root, "B=2|AB=4|A=5=6|HOME=/home/seven|");
	p.env = (struct strings)STRINGS("HOME=/a", "EMPTY=", "HOME=/b");
	expect_env(&p, &root, "EMPTY=|HOME=/b|");
	p.env = (struct strings)STRINGS("HOME=/a", "HOME=");
	expect_env(&p, &root, "HOME=/home/seven|");
	p.env = (struct strings)STRINGS("HOMER=simpson");
	expect_env(&p, &root, "HOMER=simpson|HOME=/home/seven|");
	folder_end(&root);
}

Test(exec, environment_that_is_none)
{
	static char *bad[] = {"A", "", "=", "=x"};
	struct folder root = folder_new();
	struct exec_plan plan = EXEC_PLAN_NONE;
	struct error err = ERROR_NONE;

	folder_text(&root, "x", 0755, "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct oci_process p = {.args = STRINGS("/x"), .env = STRINGS("OK=1", bad[i])};

		cr_assert_eq(exec_lookup(&p, root.fd, &plan, &err), -EINVAL, "\"%s\"", bad[i]);
		cr_assert_eq(strncmp(err.msg, "process.env[1]: ", 16), 0, "%s", err.msg);
		cr_assert_null(plan.file);
	}
	folder_end(&root);
}

/* Ten thousand variables of 100 names; quadratic search would be noticed. */
Test(exec, many_variables, .timeout = 100)
{
	enum { MANY = 20000 };
	struct folder root = folder_new();
	struct exec_plan plan = EXEC_PLAN_NONE;
	static char text[MANY][32], *env[MANY];
	struct oci_process p = {
	    .args = STRINGS("/x"), .env = {env, MANY}
	     };

	folder_text(&root, "x", 0755, "");
	for (int i = 0; i < MANY; i++) {
		snprintf(text[i], sizeof(text[i]), "V%d=%d", i % (MANY / 2), i);
		env[i] = text[i];
	}
	cr_assert_eq(exec_lookup(&p, root.fd, &plan, NULL), 0);
	cr_assert_eq(plan.env.n, MANY / 2 + 1);
	cr_assert_str_eq(plan.env.v[0], "V0=10000");
	exec_plan_free(&plan);
	folder_end(&root);
}

static void expect_file(const struct folder *root, char *cwd, const char *path, char *arg, const char *file)
{
	char var[256];
	snprintf(var, sizeof(var), "PATH=%s", path ? path : "");
	struct oci_process p = {.args = STRINGS(arg), .cwd = cwd};
	char *env[] = {var};
	struct exec_plan plan = EXEC_PLAN_NONE;
	struct error err = ERROR_NONE;

	if (path)
		p.env = (struct strings){env, 1};
	int r = exec_lookup(&p, root->fd, &plan, &err);
	if (strncmp(file, "exec: ", 6)) {
		cr_expect_eq(r, 0, "%s: %s", arg, err.msg);
		cr_expect_str_eq(plan.file ? plan.file : "(none)", file);
	} else {
		cr_expect_lt(r, 0);
		cr_expect_str_eq(err.msg, file);
	}
	exec_plan_free(&plan);
}

Test(exec, lookup)
{
	struct folder root = folder_new();

	folder_text(&root, "bin/foo", 0755, "");
	folder_text(&root, "usr/bin/foo", 0755, "");
	folder_text(&root, "bin/data", 0644, "");
	folder_text(&root, "usr/bin/data", 0711, "");
	folder_text(&root, "work/here", 0755, "");
	folder_text(&root, "work/sub/foo", 0755, "");
	cr_assert_eq(mkdirat(root.fd, "bin/dir", 0755), 0);
	cr_assert_eq(mkfifoat(root.fd, "bin/pipe", 0755), 0);
	/* An absolute link stays inside of the root; out of it there is nothing. */
	cr_assert_eq(symlinkat("/bin/foo", root.fd, "link"), 0);
	cr_assert_eq(symlinkat("../../../../../../../../etc/passwd", root.fd, "out"), 0);
	cr_assert_eq(symlinkat("loop", root.fd, "loop"), 0);

	expect_file(&root, "/", "/usr/bin:/bin", "foo", "/usr/bin/foo");
	expect_file(&root, "/", "/bin:/usr/bin", "foo", "/bin/foo");
	expect_file(&root, "/", "/nowhere:/bin/foo:/bin", "foo", "/bin/foo");
	expect_file(&root, "/", "/bin:/usr/bin", "data", "/usr/bin/data");
	expect_file(&root, "/", NULL, "foo", "/usr/bin/foo");
	expect_file(&root, "/", "", "foo", "exec: \"foo\": executable file not found in $PATH");
	expect_file(&root, "/work", "", "here", "./here");
	expect_file(&root, "/work", "/bin:", "here", "./here");
	expect_file(&root, "/work", "sub", "foo", "sub/foo");
	expect_file(&root, "/", "/bin", "here", "exec: \"here\": executable file not found in $PATH");
	expect_file(&root, "/", "/bin", "dir", "exec: \"dir\": executable file not found in $PATH");
	expect_file(&root, "/", "/bin", "", "exec: \"\": executable file not found in $PATH");

	expect_file(&root, "/", "/bin", "/bin/foo", "/bin/foo");
	expect_file(&root, "/", "/bin", "/link", "/link");
	expect_file(&root, "/work", "/bin", "./here", "./here");
	expect_file(&root, "/work", "/bin", "../bin/foo", "../bin/foo");
	expect_file(&root, "/work", "/bin", "./foo",
		    "exec: \"./foo\": stat ./foo: no such file or directory");
	expect_file(&root, "/", "/bin", "/x", "exec: \"/x\": stat /x: no such file or directory");
	expect_file(&root, "/", "/bin", "/out", "exec: \"/out\": stat /out: no such file or directory");
	expect_file(&root, "/", "/bin", "/bin/foo/x",
		    "exec: \"/bin/foo/x\": stat /bin/foo/x: not a directory");
	expect_file(&root, "/", "/bin", "/bin/data", "exec: \"/bin/data\": permission denied");
	expect_file(&root, "/", "/bin", "/bin/pipe", "exec: \"/bin/pipe\": permission denied");
	expect_file(&root, "/", "/bin", "/bin", "exec: \"/bin\": is a directory: permission denied");
	expect_file(&root, "/", "/bin", "/a\nb", "exec: \"/a?b\": stat /a?b: no such file or directory");

	struct exec_plan plan = EXEC_PLAN_NONE;
	struct error err = ERROR_NONE;
	struct oci_process none = {0}, loop = {.args = STRINGS("/loop")};
	cr_assert_eq(exec_lookup(&none, root.fd, &plan, &err), -EINVAL);
	cr_assert_str_eq(err.msg, "process.args: is empty");
	cr_assert_eq(exec_lookup(&loop, root.fd, &plan, &err), -ELOOP);
	folder_end(&root);
}

static void in_new_root(const struct folder *root)
{
	NEED(unshare(CLONE_NEWNS) == 0);
	NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	NEED(mount(root->path, root->path, NULL, MS_BIND, NULL) == 0);
	char proc[128];
	snprintf(proc, sizeof(proc), "%s/proc", root->path);
	mkdir(proc, 0755);
	NEED(mount("proc", proc, "proc", 0, NULL) == 0);
	NEED(chroot(root->path) == 0 && chdir("/") == 0);
}

static const char *where(void)
{
	static char now[4096];

	return getcwd(now, sizeof(now)) ? now : "";
}

static void noexec_mount(void *data)
{
	const struct folder *root = data;
	struct exec_plan plan = EXEC_PLAN_NONE;
	struct error err = ERROR_NONE;
	struct oci_process p = {.args = STRINGS("/x")};

	NEED(unshare(CLONE_NEWNS) == 0);
	NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	NEED(mount(root->path, root->path, NULL, MS_BIND, NULL) == 0);
	NEED(mount(NULL, root->path, NULL, MS_BIND | MS_REMOUNT | MS_NOEXEC, NULL) == 0);
	int fd = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	NEED(exec_lookup(&p, fd, &plan, &err) == -EACCES);
	NEED(!strcmp(err.msg, "exec: \"/x\": permission denied"));
}

Test(exec, lookup_on_a_noexec_mount)
{
	need_root();
	struct folder root = folder_new();

	folder_text(&root, "x", 0755, "");
	int r = child_run(noexec_mount, &root);
	folder_end(&root);
	cr_assert_eq(r, 0);
}

/* CVE-2024-21626: descriptors of the host's folders, reached through /proc/self/fd of the container. */
static void escapes(void *data)
{
	struct error err = ERROR_NONE;
	int root = open("/", O_PATH | O_DIRECTORY), etc = open("/etc", O_RDONLY | O_DIRECTORY);
	unsigned outside = 0;

	NEED(root >= 0 && etc >= 0 && dup2(root, 200) == 200);
	in_new_root(data);
	for (int fd = 0; fd <= 1024; fd++) {
		char cwd[64];
		struct stat st;

		snprintf(cwd, sizeof(cwd), "/proc/self/fd/%d", fd);
		int r = exec_enter_cwd(cwd, &err);
		NEED(r < 0);
		NEED(!strcmp(where(), "/"));
		outside += r == -EPERM;
		NEED(r != -EPERM || strstr(err.msg, "is outside of the container's root"));
		NEED(stat("/etc/passwd", &st) < 0);
	}
	/* these three, and the one on the root from before it was mounted */
	NEED(outside == 4);
	/* By a link, and one level below. */
	char to[32];
	snprintf(to, sizeof(to), "/proc/self/fd/%d", etc);
	NEED(symlink(to, "/link") == 0);
	NEED(exec_enter_cwd("/link", &err) == -EPERM && !strcmp(where(), "/"));
	NEED(exec_enter_cwd("/link/..", &err) == -EPERM && !strcmp(where(), "/"));
	NEED(exec_enter_cwd("/proc/self/fd/200/tmp", &err) == -EPERM && !strcmp(where(), "/"));
}

Test(exec, cwd_never_leaves_the_root)
{
	need_root();
	struct folder root = folder_new();

	int r = child_run(escapes, &root);
	folder_end(&root);
	cr_assert_eq(r, 0);
}

static void make_cwd(void *data)
{
	struct error err = ERROR_NONE;
	struct stat st;

	in_new_root(data);
	NEED(symlink("/nowhere/at/all", "/dangling") == 0);
	NEED(mkdir("/real", 0700) == 0 && symlink("real", "/alias") == 0);
	NEED(exec_enter_cwd("/new/a/b", &err) == 0 && !strcmp(where(), "/new/a/b"));
	NEED(stat("/new/a", &st) == 0 && (st.st_mode & 07777) == 0755);
	NEED(exec_enter_cwd("/alias/x", &err) == 0 && !strcmp(where(), "/real/x"));
	NEED(exec_enter_cwd("/", &err) == 0 && !strcmp(where(), "/"));
	/* A folder of our own through /proc/self/fd is within the root, and fine. */
	NEED(dup2(open("/real", O_PATH | O_DIRECTORY), 100) == 100);
	NEED(exec_enter_cwd("/proc/self/fd/100", &err) == 0 && !strcmp(where(), "/real"));
	NEED(exec_enter_cwd("/dangling/x", &err) < 0);
	NEED(!strncmp(err.msg, "process.cwd", 11));
	NEED(stat("/nowhere", &st) < 0);
	NEED(exec_enter_cwd("relative", &err) == -EINVAL);
	NEED(exec_enter_cwd("", &err) == -EINVAL && exec_enter_cwd(NULL, &err) == -EINVAL);
	int fd = open("/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	NEED(fd >= 0 && exec_enter_cwd("/file", &err) == -ENOTDIR);
}

Test(exec, cwd_is_made)
{
	need_root();
	struct folder root = folder_new();

	int r = child_run(make_cwd, &root);
	folder_end(&root);
	cr_assert_eq(r, 0);
}

static void handler(int signo) {}

/* The program that is executed looks at itself; 3 is the folder that the shell reads. */
static void last_step(void *data)
{
	static char *argv[] = {
	    "sh",
	    "-c",
	    "test \"$0 $A $#\" = 'zero 1 1' || exit 11\n"
	    "while read k v; do case $k in\n"
	    "SigIgn:|SigBlk:) test $v = 0000000000000000 || exit 12;; esac; done </proc/self/status\n"
	    "set -- /proc/$$/fd/*; for f in \"$@\"; do case ${f##*/} in 0|1|2|3) ;; *) exit 13;; esac; done\n"
	    "exit 42",
	    "zero",
	    "one",
	    NULL};
	static char *env[] = {"A=1", NULL};
	struct exec_plan plan = {
	    .argv = argv, .env = {env, 1},
		   .file = "/bin/sh"
	    };
	struct error err = ERROR_NONE;
	sigset_t all;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGRTMAX, SIG_IGN);
	signal(SIGTERM, handler);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	/* Leaked without close-on-exec. */
	for (int fd = 20; fd < 30; fd++)
		NEED(dup2(2, fd) == fd);
	int keep = fcntl(2, F_DUPFD_CLOEXEC, 5);
	NEED(exec_shed(3, &keep, 1, &err) == 0);
	exec_now(&plan, &err);
	fprintf(stderr, "%s\n", err.msg);
}

Test(exec, now)
{
	cr_assert_eq(child_run(last_step, NULL), 42);
}

static void keeps_the_messenger(void *data)
{
	static char *argv[] = {"x", NULL};
	struct exec_plan plan = {
	    .argv = argv, .env = {argv + 1, 0},
			.file = "/does/not/exist"
	 };
	struct error err = ERROR_NONE;
	int keep = fcntl(2, F_DUPFD_CLOEXEC, 50), other = fcntl(2, F_DUPFD_CLOEXEC, 51),
	    low = fcntl(2, F_DUPFD, 3);

	NEED(keep == 50 && other == 51 && low >= 3 && dup2(2, 4) == 4);
	NEED(exec_shed(5, &keep, 1, &err) == 0);
	NEED(exec_now(&plan, &err) == -ENOENT);
	NEED(!strcmp(err.msg, "exec /does/not/exist: no such file or directory"));
	NEED(fcntl(keep, F_GETFD) >= 0 && fcntl(other, F_GETFD) < 0 && fcntl(4, F_GETFD) >= 0);
	NEED(exec_shed(5, NULL, 0, &err) == 0);
	NEED(fcntl(keep, F_GETFD) < 0 && fcntl(4, F_GETFD) >= 0);
}

Test(exec, failure_keeps_the_messenger)
{
	cr_assert_eq(child_run(keeps_the_messenger, NULL), 0);
}
