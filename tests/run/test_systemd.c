/* test_systemd.c: the systemd driver: names of scopes, properties, units that are in the way, managers and buses that do not answer; as root over
 * the system bus, as an ordinary user over his own. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/run/bundle.h"

static void need_systemd(void)
{
	if (!nacre_uses_systemd())
		test_skip("is about the systemd driver; NACRE=\"nacre --systemd-cgroup\" runs it");
	need_file("/run/systemd/system");
	need_limits();
}

static char *folder_of(struct bundle *b)
{
	char *line = strstr(file_text(format("/proc/%d/cgroup", bundle_pid(b))), "0::");
	MUST(line);
	line[strcspn(line, "\n")] = '\0';
	return format("/sys/fs/cgroup%s", line + 3);
}

/* The user's manager is where it is, whatever folder the tests have for the runtime's own. */
static const char *const *managers_place(void)
{
	static const char *env[2];

	env[0] = am_root() ? NULL : format("XDG_RUNTIME_DIR=/run/user/%u", getuid());
	return env;
}

static struct result systemctl(const char *verb, const char *unit, const char *property)
{
	const char *argv[8] = {"systemctl"};
	int n = 1;
	if (!am_root())
		argv[n++] = "--user";
	argv[n++] = verb;
	argv[n++] = unit;
	if (property) {
		argv[n++] = "--value";
		argv[n++] = format("--property=%s", property);
	}
	return run_program(&(struct spawn){.argv = argv, .env = managers_place()});
}

static void expect_property(const char *unit, const char *property, const char *value)
{
	struct result r = systemctl("show", unit, property);
	must_succeed(&r);
	MUST_SAY(!strcmp(r.out, format("%s\n", value)), "%s: expected %s, found %s", property, value, r.out);
}

static void start_at(struct bundle *b, const char *path)
{
	bundle_make(b);
	if (path)
		bundle_config(b, "{'linux':{'cgroupsPath':'%s'}}", path);
	bundle_inside(b, "sleep", "600", NULL);
	bundle_start(b, NULL);
}

static void gone(struct bundle *b)
{
	struct result r = nacre("delete", "--force", b->id, NULL);
	must_succeed(&r);
	must_leave_nothing(b);
}

RUN_TEST(names, "cgroupsPath slice:prefix:name in all its forms, and none; the scope is gone afterwards")
{
	need_systemd();
	/* What a path becomes; %s is the container's id. */
	static const char *const forms[][2] = {
	    {":nacre-test:%s", "/nacre-test-%s.scope"},
	    {"::%s", "/%s.scope"},
	    {"%s", "/%s.scope"},
	    {"%s.scope", "/%s.scope"},
	    {"nacretest.slice:p:%s", "/nacretest.slice/p-%s.scope"},
	    {"nacretest-deep.slice:p:%s", "/nacretest.slice/nacretest-deep.slice/p-%s.scope"},
	};
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct bundle b;
		bundle_make(&b);
		/* Each pattern holds one %s. */
		char *path = format("%.*s%s%s", (int)(strstr(forms[i][0], "%s") - forms[i][0]), forms[i][0], b.id, strstr(forms[i][0], "%s") + 2);
		char *want = format("%.*s%s%s", (int)(strstr(forms[i][1], "%s") - forms[i][1]), forms[i][1], b.id, strstr(forms[i][1], "%s") + 2);
		bundle_config(&b, "{'linux':{'cgroupsPath':'%s'}}", path);
		bundle_inside(&b, "sleep", "600", NULL);
		bundle_start(&b, NULL);
		char *folder = folder_of(&b);
		MUST_SAY(strlen(folder) > strlen(want) && !strcmp(folder + strlen(folder) - strlen(want), want), "%s: %s", path, folder);
		gone(&b);
		MUST(!exists(folder));
	}
	struct bundle b;
	start_at(&b, NULL);
	MUST_SAY(strstr(folder_of(&b), format("/nacre-%s.scope", b.id)), "%s", folder_of(&b));
	gone(&b);
	(void)systemctl("stop", "nacretest.slice", NULL);
}

RUN_TEST(names_bad, "what is no slice:prefix:name is refused, and cannot name anything else")
{
	need_systemd();
	static const char *const bad[] = {
	    "/a/b",		"a:b",	       "a:b:c:d",	      "noslice:p:n",	       "../x.slice:p:n", "x/y.slice:p:n",
	    "x.slice:../p:n",	"x.slice:p:../../n", "x.slice:p:",	      "x.slice:p:n\\nExecStart=x", "x.slice:p:y.slice", ".slice:p:n",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b, "{'linux':{'cgroupsPath':'%s'}}", bad[i]);
		struct result r = bundle_run(&b);
		must_fail(&r, "cgroupsPath");
		must_leave_nothing(&b);
	}
}

/* In a virtual machine memory and processes are limited in the guest; the unit gets what the machine needs around it. */
static bool is_the_guests(const char *name)
{
	return in_vm() && (!strncmp(name, "memory.", 7) || !strncmp(name, "pids.", 5) || !strcmp(name, "TasksMax") ||
			   (!strncmp(name, "Memory", 6) && strcmp(name, "MemorySwapMax")));
}

static void expect_file(struct bundle *b, const char *name, const char *value, const char *when)
{
	char *text = is_the_guests(name) ? cgroup_value_inside(b, name) : file_text(format("%s/%s", folder_of(b), name));
	MUST_SAY(!strcmp(text, value), "%s%s: %s", when, name, text);
}

RUN_TEST(properties, "the limits are the unit's properties too, so that a reload keeps them; update changes both")
{
	need_systemd();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'cgroupsPath':':nacre-test:%s','resources':{'memory':{'limit':67108864,'reservation':33554432,'swap':100663296},"
			  "'cpu':{'shares':512,'quota':50000,'period':200000,'cpus':'0','mems':'0'},'pids':{'limit':17},"
			  "'unified':{'memory.high':'50331648','memory.min':'1048576'}}}}", b.id);
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	char *unit = format("nacre-test-%s.scope", b.id);
	static const char *const values[][2] = {
	    {"MemoryMax", "67108864"},	{"MemoryLow", "33554432"}, {"MemorySwapMax", "33554432"}, {"CPUWeight", "59"},	      {"CPUQuotaPerSecUSec", "250ms"},
	    {"AllowedCPUs", "0"},	{"TasksMax", "17"},	   {"MemoryHigh", "50331648"},	  {"MemoryMin", "1048576"}, {"Delegate", "yes"},
	};
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		if (!is_the_guests(values[i][0]))
			expect_property(unit, values[i][0], values[i][1]);
	static const char *const files[][2] = {
	    {"memory.max", "67108864\n"}, {"memory.low", "33554432\n"},	  {"cpu.weight", "59\n"},  {"cpu.max", "50000 200000\n"}, {"cpuset.cpus", "0\n"},
	    {"pids.max", "17\n"},	  {"memory.high", "50331648\n"}, {"memory.min", "1048576\n"},
	};
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
			expect_file(&b, files[i][0], files[i][1], round ? "after a reload " : "");
		struct result r = systemctl("daemon-reload", NULL, NULL);
		must_succeed(&r);
	}
	struct result r = nacre("update", "--memory", "128M", "--pids-limit", "9", "--cpu-quota", "-1", b.id, NULL);
	must_succeed(&r);
	if (!in_vm()) {
		expect_property(unit, "MemoryMax", "134217728");
		expect_property(unit, "TasksMax", "9");
	}
	r = systemctl("daemon-reload", NULL, NULL);
	must_succeed(&r);
	expect_file(&b, "memory.max", "134217728\n", "updated, ");
	expect_file(&b, "pids.max", "9\n", "updated, ");
	/* Whenever it writes the file again the manager puts its own period beside what is no limit. */
	char *cpu = file_text(format("%s/cpu.max", folder_of(&b)));
	MUST_SAY(!strncmp(cpu, "max ", 4), "%s", cpu);
	gone(&b);
}

RUN_TEST(annotations, "org.systemd.property.* of each type are the unit's")
{
	need_systemd();
	struct bundle b;
	bundle_make(&b);
	bundle_config(&b, "{'linux':{'cgroupsPath':':nacre-test:%s'},'annotations':{'org.systemd.property.TimeoutStopUSec':'uint64 7000000',"
			  "'org.systemd.property.SendSIGHUP':'true','org.systemd.property.CollectMode':'\\\"inactive\\\"',"
			  "'org.systemd.property.Documentation':'[\\\"man:nacre(8)\\\"]','org.systemd.property.RuntimeMaxSec':'3600'}}", b.id);
	bundle_inside(&b, "sleep", "600", NULL);
	struct result r = nacre("run", "--detach", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	char *unit = format("nacre-test-%s.scope", b.id);
	expect_property(unit, "TimeoutStopUSec", "7s");
	expect_property(unit, "SendSIGHUP", "yes");
	expect_property(unit, "CollectMode", "inactive");
	r = systemctl("show", unit, "Documentation");
	MUST_SAY(strstr(r.out, "man:nacre(8)"), "Documentation: %s", r.out);
	expect_property(unit, "RuntimeMaxUSec", "1h");
	gone(&b);
}

RUN_TEST(annotations_bad, "what is no property, or one that is ours, is refused by its name, and nothing is left")
{
	need_systemd();
	static const char *const bad[][2] = {
	    {"Slice", "\\\"x.slice\\\""}, {"PIDs", "uint32 1"},	       {"Delegate", "false"},	      {"NoSuchProperty", "true"},
	    {"SendSIGHUP", "nonsense"},   {"TimeoutStopUSec", "\\\"x\\\""}, {"Description", "\\\"a\\nb\\\""}, {"A B", "true"},
	    {"Description=x\\nPIDs", "true"}, {"", "true"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b, "{'annotations':{'org.systemd.property.%s':'%s'}}", bad[i][0], bad[i][1]);
		struct result r = bundle_run(&b);
		must_fail(&r, NULL);
		MUST_SAY(strstr(r.err, "org.systemd.property") || strstr(r.err, bad[i][0]), "%s: %s", bad[i][0], r.err);
		must_leave_nothing(&b);
	}
}

/* A scope with a process of ours in it, as somebody else would have made it. */
static struct job strangers_scope(const char *unit, const char *more)
{
	const char *argv[12] = {"systemd-run"};
	int n = 1;
	if (!am_root())
		argv[n++] = "--user";
	argv[n++] = "--scope";
	argv[n++] = "--quiet";
	argv[n++] = format("--unit=%s", unit);
	if (more)
		argv[n++] = more;
	argv[n++] = "sleep";
	argv[n++] = "600";
	return job_start(&(struct spawn){.argv = argv, .env = managers_place()});
}

struct wanted {
	const char *unit, *state;
};
static bool is_state(void *data)
{
	struct wanted *w = data;
	struct result r = systemctl("show", w->unit, "ActiveState");
	return !strcmp(r.out, format("%s\n", w->state));
}

RUN_TEST(failed_unit, "a failed unit of the same name that somebody left is cleared away")
{
	need_systemd();
	struct bundle b;
	bundle_make(&b);
	char *unit = format("nacre-test-%s.scope", b.id);
	struct job job = strangers_scope(unit, "--property=RuntimeMaxSec=1us");
	struct wanted failed = {unit, "failed"};
	MUST_SAY(wait_until(is_state, &failed, PATIENCE), "the scope did not fail: %s", file_text(job.err));
	(void)job_wait(&job, PATIENCE);
	bundle_config(&b, "{'linux':{'cgroupsPath':':nacre-test:%s'}}", b.id);
	struct result r = bundle_run_inside(&b, "echo", "hello", NULL);
	must_succeed(&r);
	must_print(&r, "hello");
	must_leave_nothing(&b);
}

RUN_TEST(active_unit, "a running unit of the same name is left alone, and is an error that names it")
{
	need_systemd();
	struct bundle b;
	bundle_make(&b);
	char *unit = format("nacre-test-%s.scope", b.id);
	struct job job = strangers_scope(unit, NULL);
	struct wanted active = {unit, "active"};
	MUST_SAY(wait_until(is_state, &active, PATIENCE), "the scope did not start: %s", file_text(job.err));
	bundle_config(&b, "{'linux':{'cgroupsPath':':nacre-test:%s'}}", b.id);
	struct result r = bundle_run(&b);
	bool still = is_state(&active), alive = !kill(job.pid, 0);
	kill(job.pid, SIGKILL);
	(void)job_wait(&job, PATIENCE);
	must_fail(&r, unit);
	MUST_SAY(still && alive, "the stranger's scope was stopped");
	struct wanted inactive = {unit, "inactive"};
	MUST(wait_until(is_state, &inactive, PATIENCE));
}

static const char *bus_variable(const char *address)
{
	return format("%s=%s", am_root() ? "DBUS_SYSTEM_BUS_ADDRESS" : "DBUS_SESSION_BUS_ADDRESS", address);
}

static struct result run_with_bus(struct bundle *b, const char *address, int seconds)
{
	const char *env[] = {bus_variable(address), NULL};
	return nacre_with(&(struct spawn){.env = env, .seconds = seconds}, "run", "--bundle", b->dir, b->id, NULL);
}

RUN_TEST(no_bus, "no bus: an error that says so, nothing is left")
{
	need_systemd();
	struct bundle b;
	bundle_make(&b);
	struct result r = run_with_bus(&b, "unix:path=/nowhere/bus", 0);
	must_fail(&r, "connect to the");
	must_leave_nothing(&b);
}

/* Somebody listens, or nobody does, but nobody ever answers. */
static int deaf_socket(const char *path, bool hang_up, int *who)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strncpy(at.sun_path, path, sizeof(at.sun_path) - 1);
	MUST(fd >= 0 && !bind(fd, (struct sockaddr *)&at, sizeof(at)) && !listen(fd, 5));
	*who = hang_up ? fork() : -1;
	if (!*who) {
		for (int one; (one = accept(fd, NULL, NULL)) >= 0;)
			close(one);
		_exit(0);
	}
	return fd;
}

RUN_TEST(deaf_bus, "a bus that hangs up, or never answers: an error after a while, nothing is left")
{
	need_systemd();
	for (int hang_up = 1; hang_up >= 0; hang_up--) {
		struct bundle b;
		bundle_make(&b);
		char *path = format("%s/bus%d", test_dir(), hang_up);
		int who, fd = deaf_socket(path, hang_up, &who);
		struct result r = run_with_bus(&b, format("unix:path=%s", path), 2 * PATIENCE);
		close(fd);
		if (who > 0) {
			kill(who, SIGKILL);
			waitpid(who, NULL, 0);
		}
		must_fail(&r, "cgroup driver systemd");
		must_leave_nothing(&b);
	}
}

RUN_TEST(no_manager, "a bus without a service manager: an error, nothing is left")
{
	need_systemd();
	need_file("/usr/bin/dbus-daemon");
	struct bundle b;
	bundle_make(&b);
	char *path = format("%s/bus", test_dir());
	struct job job = job_start(&(struct spawn){
	    .argv = (const char *[]){"dbus-daemon", "--session", "--nofork", "--nopidfile", format("--address=unix:path=%s", path), NULL}});
	for (int i = 0; i < PATIENCE * 20 && !exists(path); i++)
		nap(50);
	struct result r = run_with_bus(&b, format("unix:path=%s", path), 2 * PATIENCE);
	kill(job.pid, SIGTERM);
	(void)job_wait(&job, PATIENCE);
	must_fail(&r, "cgroup driver systemd");
	must_leave_nothing(&b);
}

RUN_TEST(stopped_manager, "a manager that does not finish the job: an error after a while, nothing is left")
{
	need_systemd();
	if (am_root())
		test_skip("the system's manager cannot be stopped; see the same as an ordinary user");
	struct result r = run_program(&(struct spawn){.argv = (const char *[]){"systemctl", "--user", "show", "--value", "--property=MainPID", NULL}, .env = managers_place()});
	r = run_program(&(struct spawn){.argv = (const char *[]){"pgrep", "-u", format("%u", getuid()), "-x", "systemd", NULL}});
	int manager = atoi(r.out);
	if (manager <= 1)
		test_skip("the user's manager is not to be found");
	struct bundle b;
	bundle_make(&b);
	/* Whatever becomes of this test, the manager goes on. */
	int guard = fork();
	if (!guard) {
		nap(3 * PATIENCE * 1000);
		kill(manager, SIGCONT);
		_exit(0);
	}
	MUST(!kill(manager, SIGSTOP));
	r = nacre_with(&(struct spawn){.seconds = 2 * PATIENCE}, "run", "--bundle", b.dir, b.id, NULL);
	kill(manager, SIGCONT);
	kill(guard, SIGKILL);
	must_fail(&r, "cgroup driver systemd");
	/* What was asked for meanwhile is seen to now: the scope of a process that is gone. */
	struct result done = systemctl("daemon-reload", NULL, NULL);
	must_succeed(&done);
	must_leave_nothing(&b);
}
