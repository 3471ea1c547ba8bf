/* test_lifecycle.c: create, start, kill, delete, state, list, run: what each does, what it answers, and when
 * it refuses. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/run/bundle.h"

RUN_TEST(run_prints, "run gives the container's output and status 0")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = bundle_run_inside(&b, "echo", "one", "two", NULL);
	must_succeed(&r);
	must_print(&r, "one two");
	MUST_SAY(!*r.err, "stderr: %s", r.err);
	must_leave_nothing(&b);
}

RUN_TEST(run_status, "run exits with the container's status")
{
	static const char *const codes[] = {"0", "1", "7", "127", "255"};
	struct bundle b;
	bundle_make(&b);
	for (size_t i = 0; i < 5; i++) {
		struct result r = bundle_run_inside(&b, "exit", codes[i], NULL);
		must_exit(&r, atoi(codes[i]));
	}
	must_leave_nothing(&b);
}

RUN_TEST(run_signalled, "a container that dies of a signal exits with 128 and its number")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = bundle_run_inside(&b, "raise", "SEGV", NULL);
	must_exit(&r, 128 + SIGSEGV);
}

RUN_TEST(run_stdin, "run passes stdin on")
{
	struct bundle b;
	bundle_make(&b);
	char *input = format("%s/input", test_dir());
	file_write(input, "from outside\n");
	bundle_inside(&b, "read", NULL);
	struct result r = nacre_with(&(struct spawn){.input = input}, "run", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	must_print(&r, "line from outside");
}

RUN_TEST(run_here, "without --bundle the current folder is the bundle")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = nacre_with(&(struct spawn){.directory = b.dir}, "run", b.id, NULL);
	must_succeed(&r);
	must_print(&r, "hello");
}

RUN_TEST(run_signal_relay, "a signal to the foreground run reaches the container")
{
	static const int signals[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP};
	for (size_t i = 0; i < 4; i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_inside(&b, "trap", "any", "9", NULL);
		struct job job = nacre_start(NULL, "run", "--bundle", b.dir, b.id, NULL);
		file_wait(job.out, "ready");
		kill(job.pid, signals[i]);
		struct result r = job_wait(&job, PATIENCE);
		must_exit(&r, 9);
		must_print(&r, format("caught %d", signals[i]));
	}
}

RUN_TEST(run_detach, "run --detach returns while the container runs")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	struct result r = nacre("run", "--detach", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	MUST(!strcmp(bundle_state(&b, "status"), "running"));
	r = nacre("kill", b.id, "KILL", NULL);
	must_succeed(&r);
	MUST(bundle_wait_status(&b, "stopped"));
	r = nacre("delete", b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
}

RUN_TEST(run_keep, "run --keep leaves a stopped container to be deleted")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = nacre("run", "--keep", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	MUST(!strcmp(bundle_state(&b, "status"), "stopped"));
	r = nacre("delete", b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
}

RUN_TEST(steps, "create, start, kill and delete walk through created, running and stopped")
{
	struct bundle b;
	char *out;
	bundle_make(&b);
	bundle_inside(&b, "trap", "TERM", "3", NULL);
	bundle_create(&b, &out);
	MUST(!strcmp(bundle_state(&b, "status"), "created"));
	MUST_SAY(!strstr(file_text(out), "ready"), "the program ran before start");
	int pid = bundle_pid(&b);
	MUST(pid > 1 && !kill(pid, 0));
	struct result r = nacre("start", b.id, NULL);
	must_succeed(&r);
	MUST(!strcmp(bundle_state(&b, "status"), "running"));
	MUST(bundle_pid(&b) == pid);
	file_wait(out, "ready");
	r = nacre("kill", b.id, NULL);
	must_succeed(&r);
	MUST(bundle_wait_status(&b, "stopped"));
	MUST_SAY(strstr(file_text(out), "caught 15"), "output: %s", file_text(out));
	MUST(!strcmp(bundle_state(&b, "pid"), "0"));
	r = nacre("delete", b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
	r = nacre("state", b.id, NULL);
	must_fail(&r, b.id);
}

RUN_TEST(state_document, "state prints what the specification asks for")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'annotations':{'org.example.key':'va/lue'}}");
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_create(&b, NULL);
	struct result r = nacre("state", b.id, NULL);
	must_succeed(&r);
	MUST(json_valid(r.out));
	MUST(!strcmp(json_value(r.out, "id"), b.id));
	MUST(!strcmp(json_value(r.out, "status"), "created"));
	MUST(!strcmp(json_value(r.out, "bundle"), b.dir));
	MUST(!strcmp(json_value(r.out, "rootfs"), b.rootfs));
	MUST_SAY(!strncmp(json_value(r.out, "ociVersion"), "1.", 2), "%s", r.out);
	MUST_SAY(strstr(r.out, "va/lue"), "%s", r.out);
	MUST(strlen(json_value(r.out, "created")) > 18);
	MUST(atoi(json_value(r.out, "pid")) > 1);
}

RUN_TEST(pid_file, "--pid-file holds the number without a newline")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	char *path = format("%s/pid", test_dir());
	struct result r = nacre("create", "--pid-file", path, "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	MUST_SAY(!strcmp(file_text(path), bundle_state(&b, "pid")), "\"%s\" and %s", file_text(path),
		 bundle_state(&b, "pid"));
}

RUN_TEST(pid_file_bad, "a pid file that cannot be written fails create and leaves nothing")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = nacre("create", "--pid-file", "/nonexistent/pid", "--bundle", b.dir, b.id, NULL);
	must_fail(&r, "/nonexistent/pid");
	must_leave_nothing(&b);
}

RUN_TEST(pid_file_link, "a pid file's symlink is replaced, not followed")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	char *victim = format("%s/victim", test_dir()), *path = format("%s/pid", test_dir());
	file_write(victim, "mine");
	MUST(!symlink(victim, path));
	struct result r = nacre("create", "--pid-file", path, "--bundle", b.dir, b.id, NULL);
	MUST(!strcmp(file_text(victim), "mine"));
	if (r.status == 0)
		MUST(!strcmp(file_text(path), bundle_state(&b, "pid")));
}

RUN_TEST(same_id, "an id is taken once")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_create(&b, NULL);
	int pid = bundle_pid(&b);
	struct result r = nacre("create", "--bundle", b.dir, b.id, NULL);
	must_fail(&r, b.id);
	r = bundle_run(&b);
	must_fail(&r, b.id);
	MUST_SAY(bundle_pid(&b) == pid && !strcmp(bundle_state(&b, "status"), "created"),
		 "the first container was disturbed");
}

RUN_TEST(start_twice, "start of a running or stopped container fails")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	struct result r = nacre("start", b.id, NULL);
	must_fail(&r, NULL);
	MUST(!strcmp(bundle_state(&b, "status"), "running"));
	r = nacre("kill", b.id, "9", NULL);
	must_succeed(&r);
	MUST(bundle_wait_status(&b, "stopped"));
	r = nacre("start", b.id, NULL);
	must_fail(&r, NULL);
}

RUN_TEST(delete_running, "delete refuses a running container, --force kills it")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	int pid = bundle_pid(&b);
	struct result r = nacre("delete", b.id, NULL);
	must_fail(&r, NULL);
	MUST(!strcmp(bundle_state(&b, "status"), "running"));
	MUST(!kill(pid, 0));
	r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
}

RUN_TEST(delete_created, "delete --force of a created container leaves nothing")
{
	struct bundle b;
	bundle_make(&b);
	bundle_create(&b, NULL);
	struct result r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
}

RUN_TEST(delete_unknown, "delete of an unknown id fails, with --force it does not")
{
	struct result r = nacre("delete", "nt-nobody", NULL);
	must_fail(&r, "nt-nobody");
	r = nacre("delete", "--force", "nt-nobody", NULL);
	must_succeed(&r);
}

RUN_TEST(kill_stopped, "kill of a stopped container fails, kill --all does not")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = nacre("run", "--keep", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	r = nacre("kill", b.id, "KILL", NULL);
	must_fail(&r, NULL);
	r = nacre("kill", "--all", b.id, "KILL", NULL);
	must_succeed(&r);
}

RUN_TEST(kill_forms, "kill knows names with and without SIG, and numbers")
{
	static const char *const forms[] = {"USR1", "SIGUSR1", "usr1", "10"};
	for (size_t i = 0; i < 4; i++) {
		struct bundle b;
		char *out;
		bundle_make(&b);
		bundle_inside(&b, "trap", "any", "0", NULL);
		bundle_start(&b, &out);
		file_wait(out, "ready");
		struct result r = nacre("kill", b.id, forms[i], NULL);
		must_succeed(&r);
		MUST(bundle_wait_status(&b, "stopped"));
		MUST_SAY(strstr(file_text(out), "caught 10"), "kill %s: %s", forms[i], file_text(out));
	}
}

RUN_TEST(kill_unknown, "kill refuses unknown signals")
{
	static const char *const bad[] = {"NOSUCH", "SIG",	   "0x9", "9x", "-1",
					  "65",	    "99999999999", " 9",  "+9"};
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct result r = nacre("kill", b.id, bad[i], NULL);
		MUST_SAY(r.status != 0, "kill %s was taken", bad[i]);
		MUST(!strcmp(bundle_state(&b, "status"), "running"));
	}
}

RUN_TEST(kill_created, "a created container can be killed")
{
	struct bundle b;
	bundle_make(&b);
	bundle_create(&b, NULL);
	bundle_end(&b);
}

RUN_TEST(kill_all, "kill --all reaches every process where the container shares the pid namespace")
{
	not_in_vm("the host's pid namespace is refused");
	need_root();
	struct bundle b;
	char *out;
	bundle_make(&b);
	bundle_config(
	    &b,
	    "{'linux':{'namespaces':[{'type':'mount'},{'type':'ipc'},{'type':'uts'},{'type':'network'}]}}");
	bundle_config(&b, "{'mounts':[{'destination':'/proc','type':'proc','source':'proc'}]}");
	bundle_inside(&b, "children", "3", ";", "sleep", "600", NULL);
	bundle_start(&b, &out);
	file_wait(out, "children 3");
	struct result r = nacre("kill", "--all", b.id, "KILL", NULL);
	must_succeed(&r);
	MUST(bundle_wait_status(&b, "stopped"));
	r = nacre("delete", b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
}

RUN_TEST(delete_with_children, "delete --force takes processes that outlived the first one")
{
	not_in_vm("the host's pid namespace is refused");
	need_root();
	struct bundle b;
	char *out;
	bundle_make(&b);
	bundle_config(
	    &b,
	    "{'linux':{'namespaces':[{'type':'mount'},{'type':'ipc'},{'type':'uts'},{'type':'network'}]}}");
	bundle_config(&b, "{'mounts':[{'destination':'/proc','type':'proc','source':'proc'}]}");
	bundle_inside(&b, "children", "3", NULL);
	bundle_start(&b, &out);
	MUST(bundle_wait_status(&b, "stopped"));
	struct result r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
}

static bool listed(const char *format_name, const char *id)
{
	struct result r = nacre("list", "--format", format_name, NULL);
	must_succeed(&r);
	return strstr(r.out, id) != NULL;
}

RUN_TEST(list_forms, "list shows all containers as table, as JSON and as ids")
{
	struct bundle one, two;
	bundle_make(&one);
	bundle_make(&two);
	struct result r = nacre("list", "--quiet", NULL);
	must_succeed(&r);
	MUST_SAY(!*r.out, "an empty root lists %s", r.out);
	bundle_inside(&one, "sleep", "600", NULL);
	bundle_create(&one, NULL);
	bundle_create(&two, NULL);
	MUST(listed("table", one.id) && listed("table", two.id) && listed("json", one.id));
	r = nacre("list", "-f", "json", NULL);
	MUST(json_valid(r.out) && !strcmp(json_value(r.out, "1.status"), "created"));
	r = nacre("list", "-q", NULL);
	must_print(&r, one.id);
	must_print(&r, two.id);
	r = nacre("list", NULL);
	MUST_SAY(strstr(r.out, "PID") && strstr(r.out, "STATUS") && strstr(r.out, "created"), "%s", r.out);
	r = nacre("list", "--format", "xml", NULL);
	must_fail(&r, "xml");
}

RUN_TEST(list_strangers, "list passes over folders that are no containers")
{
	struct bundle b;
	bundle_make(&b);
	bundle_create(&b, NULL);
	make_folder(format("%s/stranger", state_root()));
	file_write(format("%s/a-file", state_root()), "x");
	struct result r = nacre("list", "-q", NULL);
	must_succeed(&r);
	must_print(&r, b.id);
	MUST(!rmdir(format("%s/stranger", state_root())));
}

RUN_TEST(bundle_gone, "delete works when the bundle is gone")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	MUST(!rename(b.dir, format("%s/elsewhere", test_dir())));
	struct result r = nacre("state", b.id, NULL);
	must_succeed(&r);
	bundle_end(&b);
}

RUN_TEST(config_snapshot, "a config changed after create changes nothing")
{
	struct bundle b;
	char *out;
	bundle_make(&b);
	bundle_inside(&b, "echo", "first", ";", "sleep", "600", NULL);
	bundle_create(&b, &out);
	bundle_inside(&b, "echo", "second", NULL);
	struct result r = nacre("start", b.id, NULL);
	must_succeed(&r);
	file_wait(out, "\n");
	MUST_SAY(has_line(file_text(out), "first"), "%s", file_text(out));
}

RUN_TEST(exec_fails_at_start, "a program that the kernel refuses is an error of start, with its text")
{
	struct bundle b;
	bundle_make(&b);
	file_write(format("%s/bin/text", b.rootfs), "#!/no/such/interpreter\n");
	chmod(format("%s/bin/text", b.rootfs), 0755);
	bundle_config(&b, "{'process':{'args':['/bin/text']}}");
	struct result r = nacre("create", "--bundle", b.dir, b.id, NULL);
	if (r.status == 0)
		r = nacre("start", b.id, NULL);
	must_fail(&r, "/no/such/interpreter");
}

RUN_TEST(not_found, "a program that is not there is named, and fails create")
{
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'process':{'args':['/bin/nothing-here']}}");
	struct result r = nacre("create", "--bundle", b.dir, b.id, NULL);
	must_fail(&r, "/bin/nothing-here");
	MUST_SAY(strstr(r.err, "no such file or directory") || strstr(r.err, "No such file or directory"),
		 "%s", r.err);
	must_leave_nothing(&b);
	bundle_config(&b, "{'process':{'args':['nothing-here']}}");
	r = bundle_run(&b);
	must_fail(&r, "executable file");
	MUST_SAY(strstr(r.err, "not found in $PATH"), "engines look for these words: %s", r.err);
	must_leave_nothing(&b);
	file_write(format("%s/bin/plain", b.rootfs), "text");
	bundle_config(&b, "{'process':{'args':['/bin/plain']}}");
	r = bundle_run(&b);
	must_fail(&r, "/bin/plain");
	MUST_SAY(strcasestr(r.err, "permission denied"), "%s", r.err);
	must_leave_nothing(&b);
	bundle_config(&b, "{'process':{'args':['/bin']}}");
	r = bundle_run(&b);
	must_fail(&r, "/bin");
	must_leave_nothing(&b);
}

RUN_TEST(pause_resume, "pause stops the container's time, resume lets it go on")
{
	need_root();
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	struct result r = nacre("pause", b.id, NULL);
	must_succeed(&r);
	MUST(!strcmp(bundle_state(&b, "status"), "paused"));
	r = nacre("delete", b.id, NULL);
	must_fail(&r, NULL);
	r = nacre("resume", b.id, NULL);
	must_succeed(&r);
	MUST(!strcmp(bundle_state(&b, "status"), "running"));
	r = nacre("pause", b.id, NULL);
	must_succeed(&r);
	r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
}

RUN_TEST(ps_arguments, "what follows the id of ps is for ps(1): its columns, of the container's processes and no other")
{
	need_root();
	if (!exists("/bin/ps"))
		test_skip("ps(1) is not installed");
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "4711", NULL);
	bundle_start(&b, NULL);
	char *pid = format("%d", bundle_pid(&b));
	static const char *const all[] = {"-o", "-eo"};
	for (size_t i = 0; i < 2; i++) {
		struct result r = nacre("ps", b.id, all[i], "pid,args", NULL);
		must_succeed(&r);
		char *line = strchr(r.out, '\n');
		MUST_SAY(!strncmp(r.out + strspn(r.out, " "), "PID COMMAND", 11) && line, "%s", r.out);
		/* Whatever stands for it on the host; nobody's else. */
		MUST_SAY(!strncmp(line + 1 + strspn(line + 1, " "), pid, strlen(pid)), "%s", r.out);
		MUST_SAY(in_vm() || strstr(r.out, "inside sleep 4711"), "%s", r.out);
		MUST_SAY(!strstr(r.out, "ps -"), "%s", r.out);
	}
	struct result r = nacre("ps", b.id, "-eo", "args", NULL);
	must_fail(&r, "no PID column");
	r = nacre("ps", "--format", "json", b.id, "-o", "pid", NULL);
	must_fail(&r, "exclude each other");
	r = nacre("ps", b.id, "--no-such-option", NULL);
	/* Its own complaint is before ours. */
	MUST_SAY(r.status == 1 && strstr(r.err, "ps: it ended with status") > strstr(r.err, "unknown") && strstr(r.err, "unknown"), "%s", r.err);
}

RUN_TEST(ps_forms, "ps shows the container's processes")
{
	need_root();
	struct bundle b;
	char *out;
	bundle_make(&b);
	bundle_inside(&b, "children", "2", ";", "sleep", "600", NULL);
	bundle_start(&b, &out);
	file_wait(out, "children");
	struct result r = nacre("ps", "--format", "json", b.id, NULL);
	must_succeed(&r);
	/* On the host of a virtual machine one stands for all that the first one has borne in the guest. */
	MUST_SAY(!strcmp(json_value(r.out, ""), in_vm() ? "[1]" : "[3]"), "%s", r.out);
	MUST_SAY(strstr(r.out, format("%d", bundle_pid(&b))), "%s", r.out);
	r = nacre("ps", b.id, NULL);
	must_succeed(&r);
	MUST_SAY(strstr(r.out, "PID") && strstr(r.out, format("%d", bundle_pid(&b))), "%s", r.out);
	char *pid_file = format("%s/pid", test_dir());
	r = nacre("exec", "--detach", "--pid-file", pid_file, b.id, "/bin/inside", "sleep", "600", NULL);
	must_succeed(&r);
	r = nacre("ps", "--format", "json", b.id, NULL);
	must_succeed(&r);
	MUST_SAY(!strcmp(json_value(r.out, ""), in_vm() ? "[2]" : "[4]") && strstr(r.out, file_text(pid_file)), "%s", r.out);
}
