/* test_runtime.c: runtime.md, runtime-linux.md and bundle.md. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/conformance/conform.h"

RULE(all_operations, "runtime.md:5", "MUST", "whoever creates a container can use every operation on it")
{
	begin();
	bundle_inside(&box, "trap", "TERM", "0", NULL);
	bundle_create(&box, NULL);
	succeeded(nacre("state", box.id, NULL));
	succeeded(nacre("start", box.id, NULL));
	succeeded(nacre("kill", box.id, "KILL", NULL));
	MUST(bundle_wait_status(&box, "stopped"));
	succeeded(nacre("delete", box.id, NULL));
}

static char *state_text(void)
{
	struct result r = nacre("state", box.id, NULL);
	succeeded(r);
	MUST_SAY(json_valid(r.out), "no JSON: %s", r.out);
	return r.out;
}

RULE(state_version, "runtime.md:12", "MUST", "state.ociVersion is there, in SemVer form")
{
	begin();
	create_sleeper();
	char *v = json_value(state_text(), "ociVersion");
	int a, b, c;
	MUST_SAY(sscanf(v, "%d.%d.%d", &a, &b, &c) == 3, "ociVersion is \"%s\"", v);
}
RULE(state_id, "runtime.md:13", "MUST", "state.id is the container's id")
{
	begin();
	create_sleeper();
	MUST(!strcmp(json_value(state_text(), "id"), box.id));
}
RULE(unique_id, "runtime.md:14", "MUST",
     "an id is unique: a second container of that name is an error, the first is untouched")
{
	begin();
	start_sleeper();
	int pid = pid_of_box();
	failed(nacre("create", "--bundle", box.dir, box.id, NULL));
	MUST(pid_of_box() == pid && !strcmp(bundle_state(&box, "status"), "running"));
}
RULE(status_created, "runtime.md:20", "MUST", "after create the status is created")
{
	begin();
	create_sleeper();
	MUST(!strcmp(bundle_state(&box, "status"), "created"));
}
RULE(status_running, "runtime.md:21", "MUST", "after start the status is running")
{
	begin();
	start_sleeper();
	MUST(!strcmp(bundle_state(&box, "status"), "running"));
}
RULE(status_stopped, "runtime.md:22", "MUST", "after the process has exited the status is stopped")
{
	begin();
	bundle_start(&box, NULL);
	MUST(bundle_wait_status(&box, "stopped"));
}
RULE(pid_created, "runtime.md:25", "MUST", "state.pid of a created container is its process")
{
	begin();
	create_sleeper();
	MUST(!kill(pid_of_box(), 0));
}
RULE(pid_running, "runtime.md:25", "MUST", "state.pid of a running container is its process")
{
	begin();
	start_sleeper();
	MUST(strstr(proc_text("cmdline"), "inside"));
}
RULE(bundle_absolute, "runtime.md:28", "MUST",
     "state.bundle is absolute, also where the bundle was given by a relative path")
{
	begin();
	bundle_inside(&box, "sleep", "600", NULL);
	struct result r = nacre_with(&(struct spawn){.directory = test_dir()}, "create", "--bundle",
				     strrchr(box.dir, '/') + 1, box.id, NULL);
	succeeded(r);
	char real[4096];
	MUST(realpath(box.dir, real));
	MUST_SAY(!strcmp(bundle_state(&box, "bundle"), real), "%s", bundle_state(&box, "bundle"));
}
RULE(state_annotations, "runtime.md:30", "MUST", "state.annotations are those of the config")
{
	begin();
	change("{'annotations':{'com.example.key':'a value'}}");
	create_sleeper();
	holds(state_text(), "com.example.key");
	holds(state_text(), "a value");
}
RULE(state_schema, "runtime.md:35", "MUST", "the state has the types of the JSON schema")
{
	begin();
	create_sleeper();
	char *s = state_text(), *pid = json_value(s, "pid");
	static const char *const known[] = {"creating", "created", "running", "stopped"};
	bool ok = false;
	for (size_t i = 0; i < 4; i++)
		ok |= !strcmp(json_value(s, "status"), known[i]);
	MUST(ok && *pid && strspn(pid, "0123456789") == strlen(pid) && *json_value(s, "bundle") == '/');
}
RULE(created_environment, "runtime.md:58", "MUST", "create makes the environment of the config")
{
	begin();
	change("{'+mounts':[{'destination':'/mnt','type':'tmpfs','source':'mark'}]}");
	create_sleeper();
	holds(proc_text("mountinfo"), " /mnt ");
}
RULE(create_error, "runtime.md:59", "MUST", "an environment that cannot be made is an error")
{
	begin();
	change("{'+mounts':[{'destination':'/mnt','type':'bind','source':'/no/such/"
	       "place','options':['bind']}]}");
	refused();
}
RULE(not_run_yet, "runtime.md:60", "MUST", "create does not run the program")
{
	begin();
	bundle_inside(&box, "write", "/tmp/ran", NULL);
	bundle_create(&box, NULL);
	usleep(100000);
	MUST(!exists(format("%s/tmp/ran", box.rootfs)));
	succeeded(nacre("start", box.id, NULL));
	MUST(bundle_wait_status(&box, "stopped"));
	MUST(exists(format("%s/tmp/ran", box.rootfs)));
}
RULE(later_config_start, "runtime.md:61", "MUST",
     "a config.json changed after create does not change what start runs")
{
	begin();
	char *out;
	bundle_inside(&box, "echo", "before", NULL);
	bundle_create(&box, &out);
	bundle_inside(&box, "echo", "after", NULL);
	succeeded(nacre("start", box.id, NULL));
	MUST(bundle_wait_status(&box, "stopped"));
	sees(file_text(out), "before");
}
RULE(later_config_exec, "runtime.md:61", "MUST",
     "a config.json changed after create does not change what exec gives")
{
	begin();
	change("{'process':{'env':['PATH=/bin','SIGN=before']}}");
	start_sleeper();
	change("{'process':{'env':['PATH=/bin','SIGN=after']}}");
	struct result r = nacre("exec", box.id, "/bin/inside", "env", NULL);
	succeeded(r);
	sees(r.out, "SIGN=before");
}
RULE(later_config_hooks, "runtime.md:61", "MUST",
     "a config.json changed after create does not change the hooks")
{
	begin();
	char *mark = format("%s/mark", test_dir());
	change("{'hooks':{'poststop':[{'path':'/bin/sh','args':['sh','-c','echo before >%s']}]}}", mark);
	bundle_start(&box, NULL);
	MUST(bundle_wait_status(&box, "stopped"));
	change("{'hooks':{'poststop':[{'path':'/bin/sh','args':['sh','-c','echo after >%s']}]}}", mark);
	succeeded(nacre("delete", box.id, NULL));
	sees(file_text(mark), "before");
}
RULE(delete_undoes_cgroup, "runtime.md:77", "MUST", "delete takes the cgroups away")
{
	begin();
	bundle_start(&box, NULL);
	MUST(bundle_wait_status(&box, "stopped"));
	succeeded(nacre("delete", box.id, NULL));
	MUST_SAY(!*cgroup_folders(box.id), "%s", cgroup_folders(box.id));
}
RULE(delete_undoes_all, "runtime.md:77", "MUST", "delete leaves no mount, process or state")
{
	begin();
	bundle_start(&box, NULL);
	MUST(bundle_wait_status(&box, "stopped"));
	succeeded(nacre("delete", box.id, NULL));
	must_leave_nothing(&box);
}
RULE(error_leaves_nothing, "runtime.md:84", "MUST",
     "a failing create leaves the host as it was: late failure, of a mount")
{
	begin();
	change("{'+mounts':[{'destination':'/"
	       "mnt','type':'tmpfs','source':'tmpfs','options':['size=nonsense']}]}");
	failed(nacre("create", "--bundle", box.dir, box.id, NULL));
	must_leave_nothing(&box);
}
RULE(error_leaves_nothing_program, "runtime.md:84", "MUST",
     "a failing create leaves the host as it was: late failure, of a rlimit")
{
	begin();
	change("{'process':{'rlimits':[{'type':'RLIMIT_NOFILE','soft':99999999999,'hard':99999999999}]}}");
	failed(nacre("create", "--bundle", box.dir, box.id, NULL));
	must_leave_nothing(&box);
}
RULE(state_without_id, "runtime.md:101", "MUST", "state without an id is an error")
{
	begin();
	failed(nacre("state", NULL));
}
RULE(state_of_none, "runtime.md:102", "MUST", "state of a container that is not there is an error")
{
	begin();
	failed(nacre("state", "no-such-box", NULL));
}
RULE(state_complete, "runtime.md:103", "MUST", "state returns the whole state")
{
	begin();
	create_sleeper();
	char *s = state_text();
	static const char *const keys[] = {"ociVersion", "id", "status", "pid", "bundle"};
	for (size_t i = 0; i < 5; i++)
		MUST_SAY(*json_value(s, keys[i]), "no %s", keys[i]);
}
RULE(create_without_id, "runtime.md:109", "MUST", "create without an id is an error")
{
	begin();
	failed(nacre("create", "--bundle", box.dir, NULL));
}
RULE(create_without_bundle, "runtime.md:109", "MUST", "create without a bundle is an error")
{
	begin();
	failed(nacre_with(&(struct spawn){.directory = "/"}, "create", box.id, NULL));
}
RULE(invalid_id, "runtime.md:110", "MUST", "an invalid id is an error: with a slash")
{
	begin();
	failed(nacre("create", "--bundle", box.dir, "a/b", NULL));
}
RULE(invalid_id_dots, "runtime.md:110", "MUST", "an invalid id is an error: two dots")
{
	begin();
	failed(nacre("create", "--bundle", box.dir, "..", NULL));
}
RULE(create_creates, "runtime.md:111", "MUST", "create makes a container")
{
	begin();
	create_sleeper();
	succeeded(nacre("state", box.id, NULL));
}
RULE(create_applies_names, "runtime.md:113", "MUST", "create applies the properties: namespaces and hostname")
{
	begin();
	create_sleeper();
	MUST(strcmp(proc_link(pid_of_box(), "ns/uts"), proc_link(0, "ns/uts")));
}
RULE(create_applies_limits, "runtime.md:113", "MUST", "create applies the properties: resources")
{
	begin();
	change("{'linux':{'resources':{'pids':{'limit':77}}}}");
	create_sleeper();
	char *v = cgroup_text("pids", "pids.max", "pids.max");
	MUST_SAY(!strcmp(v, "77"), "pids.max is %s", v);
}
RULE(unappliable, "runtime.md:116", "MUST",
     "a property that cannot be applied is an error of create: a sysctl that does not exist")
{
	begin();
	change("{'linux':{'sysctl':{'net.ipv4.no_such_knob':'1'}}}");
	refused();
}
RULE(unappliable_mount, "runtime.md:116", "MUST",
     "a property that cannot be applied is an error of create: a file system that does not exist")
{
	begin();
	change("{'+mounts':[{'destination':'/mnt','type':'nosuchfs','source':'x'}]}");
	refused();
}
RULE(start_without_id, "runtime.md:126", "MUST", "start without an id is an error")
{
	begin();
	failed(nacre("start", NULL));
}
RULE(start_running, "runtime.md:127", "MUST", "start of a running container is an error and has no effect")
{
	begin();
	start_sleeper();
	int pid = pid_of_box();
	failed(nacre("start", box.id, NULL));
	MUST(pid_of_box() == pid && !strcmp(bundle_state(&box, "status"), "running"));
}
RULE(start_stopped, "runtime.md:127", "MUST", "start of a stopped container is an error and has no effect")
{
	begin();
	bundle_start(&box, NULL);
	MUST(bundle_wait_status(&box, "stopped"));
	failed(nacre("start", box.id, NULL));
	MUST(!strcmp(bundle_state(&box, "status"), "stopped"));
}
RULE(start_none, "runtime.md:127", "MUST", "start of a container that is not there is an error")
{
	begin();
	failed(nacre("start", "no-such-box", NULL));
}
RULE(start_runs, "runtime.md:128", "MUST", "start runs the program of the config")
{
	begin();
	char *out;
	bundle_inside(&box, "echo", "here", "I", "am", NULL);
	bundle_start(&box, &out);
	MUST(bundle_wait_status(&box, "stopped"));
	sees(file_text(out), "here I am");
}
RULE(no_process, "runtime.md:129", "MUST", "without process, start at the latest is an error")
{
	begin();
	change("{'process':null}");
	refused_at_last();
}
RULE(kill_without_id, "runtime.md:134", "MUST", "kill without an id is an error")
{
	begin();
	failed(nacre("kill", NULL));
}
RULE(kill_stopped, "runtime.md:135", "MUST", "kill of a stopped container is an error and has no effect")
{
	begin();
	bundle_start(&box, NULL);
	MUST(bundle_wait_status(&box, "stopped"));
	failed(nacre("kill", box.id, "TERM", NULL));
	MUST(!strcmp(bundle_state(&box, "status"), "stopped"));
}
RULE(kill_none, "runtime.md:135", "MUST", "kill of a container that is not there is an error")
{
	begin();
	failed(nacre("kill", "no-such-box", "TERM", NULL));
}
static void kill_by(const char *signal, const char *seen)
{
	char *out;
	begin();
	bundle_inside(&box, "trap", "any", NULL);
	bundle_start(&box, &out);
	file_wait(out, "ready");
	succeeded(nacre("kill", box.id, signal, NULL));
	MUST(bundle_wait_status(&box, "stopped"));
	sees(file_text(out), seen);
}
RULE(kill_name, "runtime.md:136", "MUST", "kill sends the signal that was named")
{
	kill_by("USR1", "caught 10");
}
RULE(kill_number, "runtime.md:136", "MUST", "kill sends the signal that was numbered")
{
	kill_by("12", "caught 12");
}
RULE(kill_created, "runtime.md:135", "MUST", "kill reaches a created container")
{
	begin();
	create_sleeper();
	succeeded(nacre("kill", box.id, "KILL", NULL));
	MUST(bundle_wait_status(&box, "stopped"));
}
RULE(delete_without_id, "runtime.md:141", "MUST", "delete without an id is an error")
{
	begin();
	failed(nacre("delete", NULL));
}
RULE(delete_running, "runtime.md:142", "MUST", "delete of a running container is an error and has no effect")
{
	begin();
	start_sleeper();
	failed(nacre("delete", box.id, NULL));
	MUST(!strcmp(bundle_state(&box, "status"), "running"));
}
RULE(delete_created, "runtime.md:142", "MUST", "delete of a created container is an error and has no effect")
{
	begin();
	create_sleeper();
	failed(nacre("delete", box.id, NULL));
	MUST(!strcmp(bundle_state(&box, "status"), "created"));
}
RULE(delete_none, "runtime.md:142", "MUST", "delete of a container that is not there is an error")
{
	begin();
	failed(nacre("delete", "no-such-box", NULL));
}
RULE(delete_deletes, "runtime.md:143", "MUST", "delete deletes what create made, and the container is gone")
{
	begin();
	bundle_start(&box, NULL);
	MUST(bundle_wait_status(&box, "stopped"));
	succeeded(nacre("delete", box.id, NULL));
	failed(nacre("state", box.id, NULL));
}
RULE(delete_keeps_sources, "runtime.md:144", "MUST",
     "delete leaves what was there before: the source of a bind mount and the rootfs")
{
	begin();
	char *source = format("%s/kept", test_dir());
	make_folder(source);
	file_write(format("%s/file", source), "x");
	change("{'+mounts':[{'destination':'/mnt','type':'bind','source':'%s','options':['bind']}]}", source);
	taken();
	MUST(exists(format("%s/file", source)) && exists(format("%s/bin/inside", box.rootfs)));
}
RULE(delete_keeps_cgroups, "runtime.md:144", "MUST",
     "delete leaves what was there before: a cgroup above the container's")
{
	begin();
	const char *pids = cgroup_v1_mount("pids"), *mount = pids ? pids : "/sys/fs/cgroup";
	char *parent = format("%s/above-%s", mount, box.id);
	make_folder(parent);
	change("{'linux':{'cgroupsPath':'/above-%s/child'}}", box.id);
	struct result r = bundle_run(&box);
	bool there = exists(parent);
	rmdir(parent);
	/* Others than the one we made are the runtime's to remove. */
	char *rest = cgroup_folders(box.id);
	for (char *f = strtok(rest, "\n"); f; f = strtok(NULL, "\n"))
		rmdir(f);
	succeeded(r);
	MUST_SAY(there, "%s was removed", parent);
}
RULE(id_again, "runtime.md:145", "MAY", "the id of a deleted container can be used again")
{
	begin();
	taken();
	taken();
}
RULE(few_descriptors, "runtime-linux.md:5", "MUST", "no descriptor beyond 0 to 2 is open")
{
	begin();
	char *out = inside("fds");
	for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n"))
		MUST_SAY(!strncmp(line, "fd 0 ", 5) || !strncmp(line, "fd 1 ", 5) ||
			     !strncmp(line, "fd 2 ", 5),
			 "%s", line);
}
RULE(link_fd, "runtime-linux.md:15", "MUST", "/dev/fd is a link to /proc/self/fd")
{
	begin();
	holds(inside("stat", "/dev/fd"), "/proc/self/fd\n");
}
RULE(link_stdin, "runtime-linux.md:16", "MUST", "/dev/stdin is a link to /proc/self/fd/0")
{
	begin();
	holds(inside("stat", "/dev/stdin"), "/proc/self/fd/0\n");
}
RULE(link_stdout, "runtime-linux.md:17", "MUST", "/dev/stdout is a link to /proc/self/fd/1")
{
	begin();
	holds(inside("stat", "/dev/stdout"), "/proc/self/fd/1\n");
}
RULE(link_stderr, "runtime-linux.md:18", "MUST", "/dev/stderr is a link to /proc/self/fd/2")
{
	begin();
	holds(inside("stat", "/dev/stderr"), "/proc/self/fd/2\n");
}
RULE(config_name, "bundle.md:14", "MUST", "the config is the file config.json at the top of the bundle")
{
	begin();
	MUST(!rename(format("%s/config.json", box.dir), format("%s/other.json", box.dir)));
	refused();
}
RULE(rootfs_where_it_says, "bundle.md:17", "MUST", "the root file system is where root.path says")
{
	begin();
	file_write(format("%s/mark", box.rootfs), "this one");
	holds(inside("cat", "/mark"), "this one");
}
