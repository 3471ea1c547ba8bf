/* test_devices.c: device rules on v1 and v2, with both drivers: at the start, after update, after a reload of the service manager. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/run/bundle.h"

/* A device that no driver has: who may open it is told ENXIO, who may not EPERM. */
#define NOBODYS "'type':'c','major':511,'minor':77"
#define DENY_ALL "{'allow':false,'access':'rwm'}"

static void start_with(struct bundle *b, const char *rules)
{
	need_root();
	bundle_make(b);
	bundle_config(b, "{'linux':{'resources':{'devices':%s},'devices':[{'path':'/dev/nobodys'," NOBODYS "}]}}", rules);
	bundle_inside(b, "sleep", "600", NULL);
	bundle_start(b, NULL);
}

/* mode: inside's words for `open` */
static const char *opened(struct bundle *b, const char *path, const char *mode)
{
	struct result r = nacre("exec", b->id, "/bin/inside", "open", path, mode, NULL);
	must_succeed(&r);
	return value_of(r.out, format("open %s:", path));
}

static void allowed(struct bundle *b, const char *read, const char *write)
{
	const char *got = opened(b, "/dev/nobodys", "r");
	MUST_SAY(!strcmp(got, read), "reading: expected %s, found %s", read, got);
	got = opened(b, "/dev/nobodys", "w");
	MUST_SAY(!strcmp(got, write), "writing: expected %s, found %s", write, got);
	/* What every container has. */
	got = opened(b, "/dev/null", "rw");
	MUST_SAY(!strcmp(got, "ok"), "/dev/null: %s", got);
}

static void update(struct bundle *b, const char *rules)
{
	char *file = format("%s/resources.json", test_dir()), *text = format("{'devices':%s}", rules);
	for (char *c = text; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	file_write(file, "%s", text);
	struct result r = nacre("update", "--resources", file, b->id, NULL);
	must_succeed(&r);
}

static const char read_only[] = "[" DENY_ALL ",{'allow':true," NOBODYS ",'access':'r'}]", both[] = "[" DENY_ALL ",{'allow':true," NOBODYS
										     ",'access':'rw'}]",
		  neither[] = "[" DENY_ALL "]", all_but[] = "[{'allow':true,'access':'rwm'},{'allow':false," NOBODYS ",'access':'w'}]";

RUN_TEST(each_access, "each access is allowed or denied by itself, and the last rule wins")
{
	struct bundle b;
	start_with(&b, read_only);
	allowed(&b, "ENXIO", "EPERM");
	start_with(&b, both);
	allowed(&b, "ENXIO", "ENXIO");
	start_with(&b, neither);
	allowed(&b, "EPERM", "EPERM");
	start_with(&b, all_but);
	allowed(&b, "ENXIO", "EPERM");
}

RUN_TEST(updated, "update with device rules puts them in the place of those before; without any, they stay")
{
	struct bundle b;
	start_with(&b, neither);
	allowed(&b, "EPERM", "EPERM");
	update(&b, read_only);
	allowed(&b, "ENXIO", "EPERM");
	update(&b, both);
	allowed(&b, "ENXIO", "ENXIO");
	struct result r = nacre("update", "--pids-limit", "50", b.id, NULL);
	must_succeed(&r);
	allowed(&b, "ENXIO", "ENXIO");
	update(&b, neither);
	allowed(&b, "EPERM", "EPERM");
	update(&b, all_but);
	allowed(&b, "ENXIO", "EPERM");
	update(&b, neither);
	allowed(&b, "EPERM", "EPERM");
}

RUN_TEST(no_gap, "while rules are replaced nothing is shut that both allow")
{
	struct bundle b;
	need_root();
	need_file("/bin/busybox");
	bundle_make(&b);
	bundle_config(&b, "{'process':{'args':['/bin/busybox','sh','-c','echo ready; while :; do (: </dev/zero) 2>/dev/null || echo shut; done']},"
			  "'linux':{'resources':{'devices':%s}}}", neither);
	char *out;
	bundle_start(&b, &out);
	file_wait(out, "ready");
	for (int i = 0; i < rounds(40); i++)
		update(&b, i % 2 ? neither : both);
	struct result r = nacre("kill", b.id, "KILL", NULL);
	must_succeed(&r);
	MUST(bundle_wait_status(&b, "stopped"));
	MUST_SAY(!strstr(file_text(out), "shut"), "/dev/zero was shut for a moment");
}

RUN_TEST(bad, "rules that are none are refused with their place")
{
	static const char *const rules[][2] = {
		{ "[{'allow':true,'type':'x'}]", "devices[0].type" },
		{ "[" DENY_ALL ",{'allow':true,'access':'rx'}]", "devices[1].access" },
		{ "[{'allow':true,'type':'c','major':-5}]", "devices[0].major" },
		{ "[{'allow':true,'type':'c','major':1,'minor':99999999999}]", "devices[0].minor" },
	};
	need_root();
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		struct bundle b;
		bundle_make(&b);
		bundle_config(&b, "{'linux':{'resources':{'devices':%s}}}", rules[i][0]);
		struct result r = bundle_run(&b);
		must_fail(&r, rules[i][1]);
		must_leave_nothing(&b);
	}
}

static void reload(void)
{
	struct result r = run_program(&(struct spawn){ .argv = (const char *[]){ "/bin/systemctl", "daemon-reload", NULL } });
	must_succeed(&r);
}

RUN_TEST(reloaded, "rules hold after systemctl daemon-reload, those of create and those of update")
{
	need_root();
	need_file("/run/systemd/system");
	struct bundle b;
	start_with(&b, read_only);
	allowed(&b, "ENXIO", "EPERM");
	reload();
	allowed(&b, "ENXIO", "EPERM");
	update(&b, both);
	reload();
	allowed(&b, "ENXIO", "ENXIO");
	update(&b, neither);
	reload();
	allowed(&b, "EPERM", "EPERM");
}
