/* test_claims.c: what a guest that was taken over says of its container (false_agent.c), to those on the host who ask or wait: commands that
 * may be root's, and whose words others read.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "core/stages.h"
#include "tests/run/bundle.h"

static char *kernel(void)
{
	struct utsname u;
	uname(&u);
	char *path = format("/usr/lib/modules/%s/vmlinuz", u.release);
	return exists(path) ? path : format("/boot/vmlinuz-%s", u.release);
}

/* The container whose guest lies in this way. */
static struct result lying(struct bundle *b, const char *lie, const char *command)
{
	if (!in_vm())
		test_skip("is about virtual machines; check-kvm runs it");
	const char *inside = getenv("INSIDE");
	const char *more[] = {format("NACRE_AGENT=%.*s/false_agent", (int)(strrchr(inside, '/') - inside), inside), NULL};
	bundle_make(b);
	/* The rows before `created`, and the last one. */
	const struct pipeline guest = PIPELINE(guest_create_list, INSIDE);
	bundle_config(b, "{'vm':{'kernel':{'path':'%s','parameters':['FALSE_AGENT=%s','FALSE_CREATED=%d','FALSE_RUNS=%d']}}}", kernel(), lie,
		      pipeline_find(&guest, HOST, "created") - 1, pipeline_find(&guest, JAIL, "serve") - 1);
	return nacre_with(&(struct spawn){.env = more, .seconds = 15 * PATIENCE}, command, "--bundle", b->dir, b->id, NULL);
}

RUN_TEST(stopped, "a program that ended by SIGSTOP, as a guest says, has ended all the same")
{
	struct bundle b;
	struct result r = lying(&b, "stopped", "run");
	must_exit(&r, 128 + SIGSTOP);
	must_leave_nothing(&b);
}

RUN_TEST(killed, "of more victims than there can be, `events` tells some, and goes on")
{
	enum { LINES_MAX = 20000 }; /* of less than 40 bytes */
	struct bundle b;
	struct result r = lying(&b, "killed", "create");
	must_succeed(&r);
	r = nacre("start", b.id, NULL);
	must_succeed(&r);
	/* If it tells of all of them there is no end. */
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, 1 << 20});
	struct job job = nacre_start(NULL, "events", "--interval", "1s", b.id, NULL);
	file_wait(job.out, "\"oom\"");
	nap(2000);
	r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	r = job_wait(&job, PATIENCE);
	must_exit(&r, 0);
	int lines = 0;
	for (const char *line = r.out; (line = strchr(line, '\n')); line++)
		lines++;
	MUST_SAY(lines < LINES_MAX, "%d lines", lines);
	MUST_SAY(strstr(r.out, "\"stats\""), "nothing but victims");
	must_leave_nothing(&b);
}
