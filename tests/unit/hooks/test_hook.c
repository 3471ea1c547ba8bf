/* test_hook.c: hooks as shell scripts in a folder of their own: order, failures, time, and what they get to
 * see. */
#include "hooks/hook.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"

enum { HOOKS_MOST = 4 };

static char folder[32];
static struct oci_hook hooks[HOOKS_MOST];
static struct oci_hooks all;
static size_t count;

static void setup(void)
{
	strcpy(folder, "/tmp/nacre-test-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	cr_assert_eq(chdir(folder), 0);
	all.create_runtime = (struct oci_hook_list){hooks, 0};
}

static void teardown(void)
{
	DIR *d = opendir(folder);

	for (struct dirent *e; (e = readdir(d));)
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(folder);
	for (size_t i = 0; i < count; i++)
		free(hooks[i].path);
}
TestSuite(hook, .init = setup, .fini = teardown, .timeout = 100);

/* One more hook: a script with this body. Its file is `N.sh`. */
static struct oci_hook *add_script(const char *body)
{
	struct oci_hook *hook = &hooks[count];
	FILE *f;

	cr_assert_lt(count, (size_t)HOOKS_MOST);
	cr_assert_gt(asprintf(&hook->path, "%s/%zu.sh", folder, count + 1), 0);
	f = fopen(hook->path, "we");
	cr_assert_not_null(f);
	fprintf(f, "#!/bin/sh\n%s\n", body);
	fchmod(fileno(f), 0755);
	fclose(f);
	all.create_runtime.n = ++count;
	return hook;
}

static struct oci_hook *add_path(const char *path)
{
	struct oci_hook *hook = &hooks[count];

	cr_assert_lt(count, (size_t)HOOKS_MOST);
	hook->path = strdup(path);
	all.create_runtime.n = ++count;
	return hook;
}

static int run(const char *json, char *const *env, struct error *err)
{
	*err = ERROR_NONE;
	return hook_run_list(&all, HOOK_CREATE_RUNTIME, json, env, false, err);
}

/* What a hook wrote into a file of the folder; to be freed. "" where there is none. */
static char *told(const char *name)
{
	FILE *f = fopen(name, "re");
	size_t room = 2 << 20;
	char *text = calloc(1, room);

	if (f) {
		cr_assert_lt(fread(text, 1, room - 1, f), room - 1);
		fclose(f);
	}
	return text;
}

static void expect_told(const char *name, const char *text)
{
	auto_free char *got = told(name);

	cr_expect_str_eq(got, text);
}

static int count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

Test(hook, each_kind_has_its_list_and_its_name)
{
	static const char *const names[] = {"prestart",	      "createRuntime", "createContainer",
					    "startContainer", "poststart",     "poststop"};
	const struct oci_hook_list *lists[] = {&all.prestart,	      &all.create_runtime,
					       &all.create_container, &all.start_container,
					       &all.poststart,	      &all.poststop};

	for (int i = 0; i < HOOK_KIND_MAX; i++) {
		cr_expect_eq(hook_list(&all, (enum hook_kind)i), lists[i]);
		cr_expect_str_eq(hook_kind_names[i], names[i]);
		cr_expect_eq(hook_list(NULL, (enum hook_kind)i)->n, 0);
		cr_expect_eq(hook_run_list(NULL, (enum hook_kind)i, "{}", NULL, false, NULL), 0);
	}
	cr_expect_null(hook_kind_names[HOOK_KIND_MAX]);
}

Test(hook, run_in_order_with_the_state_on_stdin)
{
	struct error err;
	int before = count_descriptors();

	add_script("{ printf 'one '; cat; printf '\\n'; } >>told");
	add_script("{ printf 'two '; cat; printf '\\n'; } >>told");
	add_script("{ printf 'three '; cat; printf '\\n'; } >>told");
	cr_expect_eq(run("{\"id\":\"x\"}", NULL, &err), 0, "%s", err.msg);
	expect_told("told", "one {\"id\":\"x\"}\ntwo {\"id\":\"x\"}\nthree {\"id\":\"x\"}\n");
	cr_expect_eq(count_descriptors(), before);
	cr_expect_eq(waitpid(-1, NULL, WNOHANG), -1, "a child was left behind");
}

Test(hook, the_first_that_fails_ends_the_list)
{
	struct error err;
	int before = count_descriptors();

	add_script("echo one >>told");
	add_script("echo 'first words'; printf 'its\\tlast\\n\\nwords\\n\\n' >&2; exit 3");
	add_script("echo three >>told");
	cr_expect_eq(run("{}", NULL, &err), -ECANCELED);
	cr_expect_not_null(strstr(err.msg, "createRuntime hook 2 (/tmp/nacre-test-"), "%s", err.msg);
	cr_expect_not_null(strstr(err.msg, "/2.sh): exit status 3: first words its last words"), "%s",
			   err.msg);
	cr_expect_eq(err.msg[strlen(err.msg) - 1], 's');
	expect_told("told", "one\n");
	cr_expect_eq(count_descriptors(), before);
}

Test(hook, keep_going_warns_and_runs_the_rest)
{
	struct error err = ERROR_NONE;

	cr_assert_eq(log_open("log", false, LOG_WARNING, &err), 0);
	add_script("exit 4");
	add_path("/nonexistent");
	add_script("echo three >>told");
	all.poststop = all.create_runtime;
	cr_expect_eq(hook_run_list(&all, HOOK_POSTSTOP, "{}", NULL, true, &err), 0);
	cr_expect_eq(err.code, 0);
	expect_told("told", "three\n");
	auto_free char *log = told("log");
	cr_expect_not_null(strstr(log, "poststop hook 1 ("), "%s", log);
	cr_expect_not_null(strstr(log, "exit status 4"), "%s", log);
	cr_expect_not_null(strstr(log, "poststop hook 2 (/nonexistent): No such file or directory"), "%s",
			   log);
}

Test(hook, a_signal_is_named)
{
	struct error err;

	add_script("kill -SEGV $$");
	cr_expect_eq(run("{}", NULL, &err), -ECANCELED);
	cr_expect_not_null(strstr(err.msg, "ended by signal 11 ("), "%s", err.msg);
}

Test(hook, long_output_keeps_its_end_and_one_line)
{
	struct error err;

	add_script("i=0; while [ $i -lt 20000 ]; do echo \"line number $i\"; i=$((i+1)); done; printf "
		   "'\\033[31mthe end\\n'; exit 1");
	cr_expect_eq(run("{}", NULL, &err), -ECANCELED);
	cr_expect_not_null(strstr(err.msg, "line number 19999 [31mthe end"), "%s", err.msg);
	cr_expect_null(strstr(err.msg, "line number 19000"), "%s", err.msg);
	cr_expect_null(strpbrk(err.msg, "\n\r\t\033"));
}

Test(hook, runs_past_its_time)
{
	struct oci_hook *hook =
	    add_script("echo tick; sleep 600 & echo $! >child; echo $$ >self; sleep 600; echo late >>told");
	struct error err;
	double from = seconds();
	int before = count_descriptors();

	/* Time enough for its first words, on a busy machine too. */
	hook->timeout = (struct opt_int){true, 3};
	cr_expect_eq(run("{}", NULL, &err), -ETIMEDOUT);
	cr_expect_not_null(strstr(err.msg, "timed out after 3 s: tick"), "%s", err.msg);
	cr_expect_gt(seconds() - from, 2.9);
	cr_expect_eq(count_descriptors(), before);
	for (int i = 0; i < 2; i++) {
		auto_free char *text = told(i ? "self" : "child");
		char path[64], state = 0;
		pid_t pid = (pid_t)atol(text);

		cr_assert_gt(pid, 1);
		/* Gone, or a zombie that nobody in this machine reaps. */
		for (int j = 0; j < 6000; j++) {
			snprintf(path, sizeof(path), "/proc/%d/stat", pid);
			FILE *f = fopen(path, "re");
			if (!f || fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
				state = 'X';
			if (f)
				fclose(f);
			if (state == 'X' || state == 'Z')
				break;
			usleep(10000);
		}
		cr_expect(state == 'X' || state == 'Z', "%s is still in state %c",
			  i ? "the hook" : "its child", state);
	}
}

Test(hook, a_timeout_that_is_not_reached_costs_nothing)
{
	struct oci_hook *hook = add_script("echo done >told");
	struct error err;

	hook->timeout = (struct opt_int){true, INT64_MAX};
	cr_expect_eq(run("{}", NULL, &err), 0, "%s", err.msg);
	hook->timeout = (struct opt_int){true, 600};
	cr_expect_eq(run("{}", NULL, &err), 0, "%s", err.msg);
	expect_told("told", "done\n");
}

Test(hook, gets_a_state_larger_than_a_pipe)
{
	size_t size = 1 << 20;
	auto_free char *json = malloc(size + 1);
	struct error err;

	for (size_t i = 0; i < size; i++)
		json[i] = (char)('a' + i % 23);
	json[size] = '\0';
	add_script("cat >one; [ $(wc -c <one) = 1048576 ]");
	add_script("exec <&-; exit 0");
	add_script("sleep 0.1; exit 0");
	add_script("head -c 10 >/dev/null; cat >four");
	cr_expect_eq(run(json, NULL, &err), 0, "%s", err.msg);
	expect_told("one", json);
}

Test(hook, one_hook_cannot_change_the_state_of_the_next)
{
	struct error err;

	add_script("cat >/dev/null; echo spoilt >/proc/self/fd/0; exit 0");
	add_script("cat >two");
	cr_expect_eq(run("{\"id\":\"x\"}", NULL, &err), 0, "%s", err.msg);
	expect_told("two", "{\"id\":\"x\"}");
}

Test(hook, does_not_wait_for_what_it_leaves_in_the_background)
{
	struct error err;

	add_script("sleep 600 & echo $! >pid; echo started");
	cr_expect_eq(run("{}", NULL, &err), 0, "%s", err.msg);
	auto_free char *text = told("pid");
	cr_assert_gt(atol(text), 1);
	/* Such a child is the hook's business, and lives on. */
	cr_expect_eq(kill((pid_t)atol(text), SIGKILL), 0);
}

Test(hook, one_that_chatters_in_the_background_keeps_nobody)
{
	struct error err;

	add_script("yes & echo $! >pid; sleep 0.2; exit 6");
	cr_expect_eq(run("{}", NULL, &err), -ECANCELED);
	cr_expect_not_null(strstr(err.msg, "exit status 6: "), "%s", err.msg);
	auto_free char *text = told("pid");
	if (atol(text) > 1)
		kill((pid_t)atol(text), SIGKILL);
}

Test(hook, chattering_past_its_time_does_not_save_it)
{
	struct oci_hook *hook = add_script("yes & yes & yes & exec yes");
	struct error err;

	hook->timeout = (struct opt_int){true, 1};
	cr_expect_eq(run("{}", NULL, &err), -ETIMEDOUT);
}

Test(hook, has_its_own_environment_or_the_given_one)
{
	char *own[] = {(char *)"A=own", (char *)"PATH=/usr/bin:/bin", NULL};
	char *given[] = {(char *)"A=given", (char *)"PATH=/usr/bin:/bin", NULL};
	char *nothing[] = {NULL};
	struct oci_hook *hook = add_script(
	    "/usr/bin/env | /bin/grep -v -e ^PWD= -e ^_= -e ^PATH= -e ^OLDPWD= -e ^SHLVL= >told; exit 0");
	struct error err;

	hook->env = (struct strings){own, 2};
	cr_expect_eq(run("{}", given, &err), 0, "%s", err.msg);
	expect_told("told", "A=own\n");
	hook->env = (struct strings){NULL, 0};
	cr_expect_eq(run("{}", given, &err), 0, "%s", err.msg);
	expect_told("told", "A=given\n");
	/* There and empty is another thing than absent. */
	hook->env = (struct strings){nothing, 0};
	cr_expect_eq(run("{}", given, &err), 0, "%s", err.msg);
	expect_told("told", "");
	hook->env = (struct strings){NULL, 0};
	setenv("NACRE_TEST", "ours", 1);
	cr_expect_eq(run("{}", NULL, &err), 0, "%s", err.msg);
	auto_free char *text = told("told");
	cr_expect_not_null(strstr(text, "NACRE_TEST=ours\n"));
}

Test(hook, arguments_are_taken_literally)
{
	char *args[] = {(char *)"another name",
			(char *)"-c",
			(char *)"printf '%s|' \"$0\" \"$@\" >told",
			(char *)"a b",
			(char *)"",
			(char *)"$c",
			NULL};
	char *none[] = {NULL};
	struct oci_hook *hook = add_path("/bin/sh");
	struct error err;

	hook->args = (struct strings){args, 6};
	cr_expect_eq(run("{}", NULL, &err), 0, "%s", err.msg);
	expect_told("told", "a b||$c|");
	count = 0;
	free(hook->path);
	hook = add_script("tr '\\0' '|' </proc/$$/cmdline >told");
	hook->args = (struct strings){none, 0};
	cr_expect_eq(run("{}", NULL, &err), 0, "%s", err.msg);
	char want[128];
	snprintf(want, sizeof(want), "/bin/sh|%s|", hook->path);
	expect_told("told", want);
}

static void expect_failure(int code, const char *text)
{
	struct error err;
	int before = count_descriptors();

	cr_expect_eq(run("{}", NULL, &err), code, "%s", err.msg);
	cr_expect_eq(err.code, code);
	cr_expect_not_null(strstr(err.msg, text), "%s", err.msg);
	cr_expect_not_null(strstr(err.msg, "createRuntime hook 1 ("), "%s", err.msg);
	cr_expect_eq(count_descriptors(), before);
	cr_expect_eq(waitpid(-1, NULL, WNOHANG), -1);
}

Test(hook, missing_file)
{
	add_path("/nonexistent");
	expect_failure(-ENOENT, "createRuntime hook 1 (/nonexistent): No such file or directory");
}

Test(hook, not_executable)
{
	struct oci_hook *hook = add_script("exit 0");

	chmod(hook->path, 0644);
	expect_failure(-EACCES, "/1.sh): Permission denied");
}

Test(hook, not_a_program)
{
	struct oci_hook *hook = add_script("");
	FILE *f = fopen(hook->path, "we");

	fputs("no program\n", f);
	fclose(f);
	expect_failure(-ENOEXEC, "Exec format error");
}

Test(hook, missing_interpreter)
{
	struct oci_hook *hook = add_script("");
	FILE *f = fopen(hook->path, "we");

	fputs("#!/nonexistent/interpreter\n", f);
	fclose(f);
	expect_failure(-ENOENT, "the interpreter it names is missing");
}

Test(hook, a_folder)
{
	add_path("/tmp");
	expect_failure(-EACCES, "(/tmp): Permission denied");
}

Test(hook, sees_no_descriptor_of_ours_and_standard_signals)
{
	struct error err;
	sigset_t blocked;
	int leak = open("/dev/null", O_RDONLY), high = fcntl(leak, F_DUPFD, 200);

	cr_assert_geq(high, 200);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	sigfillset(&blocked);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	add_script("exec ls /proc/self/fd >fds");
	/* Not of the shell: it blocks signals while it starts another program. */
	add_script("exec grep -E '^Sig(Blk|Ign)' /proc/self/status >signals");
	cr_expect_eq(run("{}", NULL, &err), 0, "%s", err.msg);
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	/* 3 is the folder that ls itself reads. */
	expect_told("fds", "0\n1\n2\n3\n");
	expect_told("signals", "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	close(leak);
	close(high);
}

/* Leads a group of its own: what kills it on expiry must not be ours. */
Test(hook, leads_a_process_group)
{
	struct error err;

	add_script("read -r pid comm state ppid pgrp rest </proc/$$/stat; [ $pid = $pgrp ]");
	cr_expect_eq(run("{}", NULL, &err), 0, "%s", err.msg);
}

Test(hook, works_without_proc_dev_and_standard_descriptors)
{
	struct error err = ERROR_NONE;
	pid_t pid;
	int status;

	if (geteuid() != 0)
		cr_skip_test("chroot needs root");
	if (access("/bin/busybox", X_OK) < 0)
		cr_skip_test("no static busybox");
	char command[160];
	snprintf(command, sizeof(command), "cp /bin/busybox %s/sh", folder);
	cr_assert_eq(system(command), 0);
	add_path("/sh");
	char *args[] = {(char *)"sh", (char *)"-c",
			(char *)"read -r line; echo \"$line\" >/told; echo oops; exit 9", NULL};
	hooks[0].args = (struct strings){args, 3};
	pid = fork();
	if (pid == 0) {
		int out = open("error", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		out = fcntl(out, F_DUPFD_CLOEXEC, 50);
		for (int fd = 0; fd < 50; fd++)
			close(fd);
		if (chroot(".") < 0 || run("{\"state\":1}", NULL, &err) != -ECANCELED)
			_exit(1);
		if (write(out, err.msg, strlen(err.msg)) < 0)
			_exit(2);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	cr_expect_eq(status, 0);
	expect_told("told", "{\"state\":1}\n");
	expect_told("error", "createRuntime hook 1 (/sh): exit status 9: oops");
}

/* What a kernel before 5.3 does not give: pidfd_open(2), and a flag of memfd_create(2) that is newer
 * than 6.2. */
static int forbid_news(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 4, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 2),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
	    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 8, 2, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

Test(hook, works_on_an_old_kernel)
{
	struct oci_hook *hook;
	struct error err;

	add_script("sleep 0.1; cat >told; exit 0");
	hook = add_script("sleep 600");
	cr_assert_eq(forbid_news(), 0);
	cr_assert_eq(syscall(SYS_pidfd_open, getpid(), 0), -1);
	hook->timeout = (struct opt_int){true, 1};
	cr_expect_eq(run("{\"id\":\"x\"}", NULL, &err), -ETIMEDOUT, "%s", err.msg);
	cr_expect_not_null(strstr(err.msg, "hook 2"), "%s", err.msg);
	expect_told("told", "{\"id\":\"x\"}");
}
