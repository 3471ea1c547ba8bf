/* test_hooks.c: hooks: when they run, where, with what on stdin, and what their failure does. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/run/bundle.h"

/* A script on the host that writes its name, and the state on its stdin, to a file. */
static char *script(const char *name, const char *body)
{
	char *path = format("%s/%s", test_dir(), name);
	file_write(path, "#!/bin/sh\n%s\n", body);
	chmod(path, 0755);
	return path;
}

static char *journal(void)
{
	return format("%s/journal", test_dir());
}

static const char *const kinds[] = {"prestart",	      "createRuntime", "createContainer",
				    "startContainer", "poststart",     "poststop"};

static void hook(struct bundle *b, const char *kind, const char *path, const char *more)
{
	bundle_config(b, "{'hooks':{'+%s':[{'path':'%s'%s}]}}", kind, path, more);
}

static void make(struct bundle *b)
{
	bundle_make(b);
	bundle_config(b, "{'hooks':{'prestart':[],'createRuntime':[],'createContainer':[],'startContainer':[]"
			 ",'poststart':[],'poststop':[]},'root':{'readonly':false}}");
	file_write(journal(), "%s", "");
}

RUN_TEST(order, "all six kinds run, in the specified order, each where it belongs")
{
	struct bundle b;
	make(&b);
	need_file("/bin/busybox");
	char *path = script("note", format("echo \"$1 $(cat | tr -d '\\n')\" >>%s", journal()));
	for (size_t i = 0; i < 6; i++)
		if (i != 3)
			hook(&b, kinds[i], path, format(",'args':['note','%s']", kinds[i]));
	/* startContainer runs in the container: its path is the container's. */
	bundle_config(&b, "{'hooks':{'startContainer':[{'path':'/bin/busybox','args':['sh','-c','echo "
			  "startContainer > /tmp/note'],'env':['PATH=/bin']}]}}");
	bundle_inside(&b, "cat", "/tmp/note", ";", "sleep", "600", NULL);
	bundle_create(&b, NULL);
	char *text = file_text(journal());
	char *one = strstr(text, "prestart "), *two = strstr(text, "createRuntime "),
	     *three = strstr(text, "createContainer ");
	MUST_SAY(one && two && three && one < two && two < three, "after create: %s", text);
	MUST_SAY(!strstr(text, "poststart") && !exists(format("%s/tmp/note", b.rootfs)), "too early: %s",
		 text);
	struct result r = nacre("start", b.id, NULL);
	must_succeed(&r);
	text = file_text(journal());
	MUST_SAY(strstr(text, "poststart "), "after start: %s", text);
	MUST(exists(format("%s/tmp/note", b.rootfs)));
	MUST(!strstr(text, "poststop"));
	r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	MUST_SAY(strstr(file_text(journal()), "poststop "), "after delete: %s", file_text(journal()));
}

RUN_TEST(state, "hooks get the state on stdin: one line of JSON")
{
	struct bundle b;
	make(&b);
	bundle_config(&b, "{'annotations':{'a.b/c':'d/e'}}");
	char *path = script("keep", format("cat >%s/state.$1", test_dir()));
	static const char *const outside[] = {"prestart", "createRuntime", "createContainer", "poststart",
					      "poststop"};
	static const char *const status[] = {"creating", "creating", "creating", "running", "stopped"};
	for (size_t i = 0; i < 5; i++)
		hook(&b, outside[i], path, format(",'args':['keep','%s']", outside[i]));
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_start(&b, NULL);
	int pid = bundle_pid(&b);
	struct result r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	for (size_t i = 0; i < 5; i++) {
		char *text = file_text(format("%s/state.%s", test_dir(), outside[i]));
		MUST_SAY(json_valid(text) && !strstr(text, "\\/"), "%s: %s", outside[i], text);
		MUST_SAY(!strcmp(json_value(text, "id"), b.id), "%s: %s", outside[i], text);
		MUST_SAY(!strcmp(json_value(text, "bundle"), b.dir), "%s: %s", outside[i], text);
		MUST_SAY(!strcmp(json_value(text, "status"), status[i]), "%s: %s", outside[i], text);
		MUST_SAY(strstr(text, "d/e"), "%s: %s", outside[i], text);
		if (i < 2 || i == 3)
			MUST_SAY(atoi(json_value(text, "pid")) == pid, "%s: %s", outside[i], text);
		char *end = strchr(text, '\n');
		MUST_SAY(!end || end[1] == '\0', "%s: more than a line: %s", outside[i], text);
	}
}

RUN_TEST(environment, "a hook's environment and arguments are its own")
{
	struct bundle b;
	make(&b);
	char *path = script("keep", format("echo \"$0 $1 $A $HOME_OF\" >%s", journal()));
	hook(&b, "createRuntime", path, ",'args':['zero','one'],'env':['A=letter','PATH=/bin:/usr/bin']");
	const char *more[] = {"HOME_OF=caller", NULL};
	struct result r = nacre_with(&(struct spawn){.env = more}, "run", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	MUST_SAY(strstr(file_text(journal()), " one letter") && !strstr(file_text(journal()), "caller"), "%s",
		 file_text(journal()));
}

RUN_TEST(failure, "a hook that fails stops create, is named with what it said, and leaves nothing")
{
	for (size_t i = 0; i < 3; i++) {
		struct bundle b;
		make(&b);
		hook(&b, kinds[i], script("bad", "echo because of this >&2; exit 3"), "");
		struct result r = nacre("create", "--bundle", b.dir, b.id, NULL);
		must_fail(&r, kinds[i]);
		MUST_SAY(strstr(r.err, "because of this"), "%s", r.err);
		must_leave_nothing(&b);
	}
}

RUN_TEST(failure_start, "a startContainer or poststart hook that fails fails start")
{
	struct bundle b;
	make(&b);
	bundle_config(&b,
		      "{'hooks':{'startContainer':[{'path':'/bin/inside','args':['inside','exit','4']}]}}");
	bundle_create(&b, NULL);
	struct result r = nacre("start", b.id, NULL);
	must_fail(&r, "startContainer");
	make(&b);
	hook(&b, "poststart", script("bad", "exit 5"), "");
	bundle_inside(&b, "sleep", "600", NULL);
	bundle_create(&b, NULL);
	r = nacre("start", b.id, NULL);
	must_fail(&r, "poststart");
	MUST(strcmp(bundle_state(&b, "status"), "running"));
}

RUN_TEST(failure_poststop, "a poststop hook that fails is no reason to keep the container")
{
	struct bundle b;
	make(&b);
	char *note = script("note", format("echo ran >>%s", journal()));
	hook(&b, "poststop", script("bad", "exit 5"), "");
	hook(&b, "poststop", note, "");
	struct result r = nacre("create", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	MUST_SAY(has_line(file_text(journal()), "ran"), "the hook after it did not run");
	must_leave_nothing(&b);
}

RUN_TEST(timeout, "a hook that takes too long is killed")
{
	struct bundle b;
	make(&b);
	hook(&b, "createRuntime", script("slow", "sleep 600"), ",'timeout':1");
	struct result r = nacre("create", "--bundle", b.dir, b.id, NULL);
	must_fail(&r, "createRuntime");
	MUST_SAY(r.seconds > 0.9, "it took %g s", r.seconds);
	must_leave_nothing(&b);
}

RUN_TEST(timeout_zero, "a timeout of nothing is refused")
{
	static const char *const bad[] = {"0", "-1"};
	for (size_t i = 0; i < 2; i++) {
		struct bundle b;
		make(&b);
		hook(&b, "createRuntime", "/bin/true", format(",'timeout':%s", bad[i]));
		struct result r = bundle_run(&b);
		must_fail(&r, "timeout");
		must_leave_nothing(&b);
	}
}

RUN_TEST(paths, "a hook's path must be absolute, and be there")
{
	struct bundle b;
	make(&b);
	hook(&b, "prestart", "bin/true", "");
	struct result r = bundle_run(&b);
	must_fail(&r, "prestart");
	make(&b);
	hook(&b, "prestart", "/no/such/hook", "");
	r = bundle_run(&b);
	must_fail(&r, "/no/such/hook");
	must_leave_nothing(&b);
}

RUN_TEST(rude, "hooks that close stdin, print a lot, or leave a child do no harm")
{
	struct bundle b;
	make(&b);
	char *big = format("%*s", 100000, "x");
	for (char *s = big; *s; s++)
		*s = 'y';
	/* A state larger than a pipe holds, and nobody who reads it. */
	bundle_config(&b, "{'annotations':{'big':'%s'}}", big);
	hook(&b, "createRuntime", script("deaf", "exec <&-; exit 0"), "");
	hook(&b, "createRuntime", script("loud", "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2"),
	     "");
	hook(&b, "createRuntime", script("parent", format("sleep 600 </dev/null >/dev/null 2>&1 & echo $! >%s/child", test_dir())), "");
	struct result r = bundle_run(&b);
	must_succeed(&r); /* it did not wait for the hook's child */
	kill(atoi(file_text(format("%s/child", test_dir()))), SIGKILL);
	must_leave_nothing(&b);
}

RUN_TEST(namespaces_seen,
	 "createContainer runs in the container's namespaces, createRuntime in the runtime's")
{
	struct bundle b;
	make(&b);
	bundle_config(&b, "{'hostname':'hook-sees-this'}");
	char *path = script("name", format("echo \"$1 $(cat /proc/sys/kernel/hostname)\" >>%s", journal()));
	hook(&b, "createRuntime", path, ",'args':['name','runtime']");
	hook(&b, "createContainer", path, ",'args':['name','container']");
	struct result r = bundle_run(&b);
	must_succeed(&r);
	char host[256];
	gethostname(host, sizeof(host));
	MUST_SAY(has_line(file_text(journal()), format("runtime %s", host)), "%s", file_text(journal()));
	MUST_SAY(has_line(file_text(journal()), "container hook-sees-this"), "%s", file_text(journal()));
}
