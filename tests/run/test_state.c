/* test_state.c: the state folder under hostile hands, and commands at the worst moments. */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/run/bundle.h"

RUN_TEST(root_options, "a state root that is none")
{
	struct bundle b;
	bundle_make(&b);
	char *plain = format("%s/plain", test_dir());
	file_write(plain, "x");
	struct result r = nacre("--root", plain, "create", "--bundle", b.dir, b.id, NULL);
	must_fail(&r, plain);
	r = nacre("--root", "/", "create", "--bundle", b.dir, b.id, NULL);
	MUST_SAY(r.status != 0, "--root / was taken");
	MUST(!exists(format("/%s", b.id)));
	must_leave_nothing(&b);
}

RUN_TEST(root_relative, "a state root may be relative to where one stands, and nowhere else")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	const struct spawn here = {.directory = test_dir()}, there = {.directory = b.dir};
	struct result r = nacre_with(&here, "--root", "state", "run", "--detach", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	MUST(!strcmp(bundle_state(&b, "status"), "running"));
	r = nacre_with(&there, "--root", "state", "delete", "--force", "--regex", ".*", NULL);
	MUST(!strcmp(bundle_state(&b, "status"), "running"));
	/* What is no pattern takes nobody along. */
	r = nacre("delete", "--force", "--regex", "[", NULL);
	must_fail(&r, NULL);
	MUST(!strcmp(bundle_state(&b, "status"), "running"));
}

RUN_TEST(state_tampered, "a state folder with nonsense in it is an error, not a crash")
{
	static const char *const texts[] = {
	    "", "{", "{}", "[]", "{\"pid\":1}", "\xff", "{\"pid\":-1,\"status\":\"running\"}"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_inside(&b, "sleep", "600", NULL);
		bundle_start(&b, NULL);
		char *file = format("%s/%s/state.json", state_root(), b.id), *before = file_text(file);
		if (!*before)
			test_skip("the program under test keeps no state.json");
		file_write(file, "%s", texts[i]);
		static const char *const commands[] = {"state", "start", "kill", "ps", "exec"};
		for (size_t k = 0; k < 5; k++) {
			struct result r = nacre(commands[k], b.id, k == 4 ? "/bin/inside" : NULL,
						k == 4 ? "id" : NULL, NULL);
			MUST_SAY(r.status >= 0 && (r.status < 128 || r.status == 255), "%s on %s: status %d",
				 commands[k], texts[i], r.status);
		}
		file_write(file, "%s", before);
		struct result r = nacre("delete", "--force", b.id, NULL);
		must_succeed(&r);
		must_leave_nothing(&b);
	}
}

RUN_TEST(same_id_race, "of ten creates with the same id one wins, and nothing of the others is left")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	struct job jobs[10];
	int won = 0;
	for (int i = 0; i < 10; i++)
		jobs[i] = nacre_start(NULL, "create", "--bundle", b.dir, b.id, NULL);
	for (int i = 0; i < 10; i++) {
		struct result r = job_wait(&jobs[i], PATIENCE);
		MUST_SAY(r.status >= 0 && r.status < 128, "status %d %s", r.status, r.err);
		won += r.status == 0;
	}
	MUST_SAY(won == 1, "%d of them won", won);
	struct result r = nacre("start", b.id, NULL);
	must_succeed(&r);
	r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
}

RUN_TEST(start_delete_race, "start and delete --force at the same time end in nothing")
{
	for (int i = 0; i < rounds(10); i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_inside(&b, "sleep", "600", NULL);
		bundle_create(&b, NULL);
		struct job start = nacre_start(NULL, "start", b.id, NULL),
			   end = nacre_start(NULL, "delete", "--force", b.id, NULL);
		struct result r = job_wait(&start, PATIENCE), d = job_wait(&end, PATIENCE);
		MUST_SAY(r.status >= 0 && d.status >= 0, "one hangs: %d %d", r.status, d.status);
		d = nacre("delete", "--force", b.id, NULL);
		must_succeed(&d);
		must_leave_nothing(&b);
	}
}

static bool no_cgroup(void *id)
{
	return !*cgroup_folders(id);
}

RUN_TEST(killed_runtime, "a create that is killed at any moment can be deleted, and leaves nothing")
{
	/* So long it takes at most; with a kernel that boots in it, longer. */
	const int longest = in_vm() ? 6000000 : 12000;
	for (int delay = 0; delay < longest; delay += longest / rounds(30)) {
		struct bundle b;
		bundle_make(&b);
		bundle_inside(&b, "sleep", "600", NULL);
		struct job job = nacre_start(NULL, "create", "--bundle", b.dir, b.id, NULL);
		usleep((useconds_t)delay);
		kill(job.pid, SIGKILL);
		job_wait(&job, PATIENCE);
		struct result r = nacre("delete", "--force", b.id, NULL);
		MUST_SAY(r.status == 0, "after %d us: %s", delay, r.err);
		/* The child has to notice that its parent has gone. */
		MUST_SAY(wait_until(no_cgroup, b.id, PATIENCE), "after %d us: cgroup left: %s", delay, cgroup_folders(b.id));
		must_leave_nothing(&b);
	}
}

RUN_TEST(recycled_pid, "a container whose process has gone is stopped, whatever has its number now")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	char *file = format("%s/%s/state.json", state_root(), b.id), *text = file_text(file);
	int pid = bundle_pid(&b);
	if (!strstr(text, format("%d", pid)))
		test_skip("the program under test keeps no pid in state.json");
	/* The number of this test instead: not a process of the container's, however alive. */
	usleep(100000); /* start times are told in hundredths of a second */
	int innocent = fork();
	if (!innocent) {
		pause();
		_exit(0);
	}
	char *at = strstr(text, format("%d", pid)), *after = at + strlen(format("%d", pid));
	file_write(file, "%.*s%d%s", (int)(at - text), text, innocent, after);
	struct result r = nacre("kill", b.id, "KILL", NULL);
	MUST_SAY(r.status != 0, "it killed somebody else");
	MUST(!strcmp(bundle_state(&b, "status"), "stopped"));
	/* Nor is it stopped, looked at or entered. */
	static const char *const others[] = {"pause", "ps", "exec"};
	for (size_t i = 0; i < 3; i++) {
		r = nacre(others[i], b.id, i == 2 ? "/bin/inside" : NULL, "id", NULL);
		MUST_SAY(r.status > 0 && !strstr(r.out, format("%d", innocent)), "%s: status %d, %s", others[i], r.status, r.out);
	}
	MUST_SAY(!strchr(value_of(file_text(format("/proc/%d/status", innocent)), "State:"), 'T'), "the innocent process was stopped");
	MUST_SAY(waitpid(innocent, NULL, WNOHANG) == 0, "the innocent process was killed");
	file_write(file, "%s", text);
	kill(innocent, SIGKILL);
	waitpid(innocent, NULL, 0);
}

RUN_TEST(fifo_config, "a config.json that is a fifo or a device does not hang the program")
{
	struct bundle b;
	bundle_make(&b);
	char *path = format("%s/config.json", b.dir);
	MUST(!unlink(path) && !mkfifo(path, 0600));
	struct result r = nacre("create", "--bundle", b.dir, b.id, NULL);
	MUST_SAY(r.status > 0, "status %d", r.status);
	MUST(!unlink(path) && !symlink("/dev/zero", path));
	r = nacre("create", "--bundle", b.dir, b.id, NULL);
	MUST_SAY(r.status > 0 && r.status < 128, "status %d", r.status);
	must_leave_nothing(&b);
}
