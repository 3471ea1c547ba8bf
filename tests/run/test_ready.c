/* test_ready.c: $NOTIFY_SOCKET: what a service manager hears of a container, and who waits for it. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/run/bundle.h"

/* The manager: a socket that hears what is said, and the variable that names it. */
struct manager {
	int fd;
	const char *env[2];
	struct spawn how;
};

static void manage(struct manager *m)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	not_in_vm("a guest's kernel knows no sockets of the host");
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/manager", test_dir());
	m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	MUST(m->fd >= 0 && !bind(m->fd, (struct sockaddr *)&a, sizeof(a)));
	MUST(!chmod(a.sun_path, 0666));
	m->env[0] = format("NOTIFY_SOCKET=%s", a.sun_path);
	m->env[1] = NULL;
	m->how = (struct spawn){.env = m->env};
}

/* The next message; "" if none comes in time. A descriptor that comes with it is closed by this. */
static const char *hear(struct manager *m, int seconds)
{
	char text[8192];
	struct pollfd p = {m->fd, POLLIN, 0};
	if (poll(&p, 1, seconds * 1000) != 1)
		return "";
	ssize_t n = recv(m->fd, text, sizeof(text) - 1, 0);
	MUST(n >= 0);
	text[n] = '\0';
	return format("%s", text);
}

static void must_hear(struct manager *m, const char *wanted)
{
	const char *said = hear(m, PATIENCE);
	MUST_SAY(!strcmp(said, wanted), "heard \"%s\" instead of \"%s\"", said, wanted);
}

RUN_TEST(ready_run, "run in the foreground says what the program says")
{
	struct manager m;
	struct bundle b;
	manage(&m);
	bundle_make(&b);
	bundle_inside(&b, "env", ";", "notify", "STATUS=half way", "READY=1|STATUS=up", "STOPPING=1", NULL);
	struct result r = nacre_with(&m.how, "run", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	must_print(&r, "NOTIFY_SOCKET=/run/notify/notify.sock");
	MUST(!strstr(r.out, "notify: E") && !*r.err);
	must_hear(&m, "STATUS=half way\n");
	must_hear(&m, "READY=1\nSTATUS=up\n");
	must_hear(&m, "STOPPING=1\n");
	MUST(!*hear(&m, 0));
	must_leave_nothing(&b);
}

RUN_TEST(ready_choice, "nothing passes that names processes, descriptors or who may speak")
{
	struct manager m;
	struct bundle b;
	manage(&m);
	bundle_make(&b);
	bundle_inside(&b, "notify", "MAINPID=1", "FDSTORE=1|FDNAME=x", "BARRIER=1", "NOTIFYACCESS=all|WATCHDOG=1|X=2", "READY=10|", NULL);
	struct result r = nacre_with(&m.how, "run", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	must_hear(&m, "WATCHDOG=1\n");
	must_hear(&m, "READY=10\n");
	MUST(!*hear(&m, 0));
}

RUN_TEST(ready_user, "another user in the container may speak, and nobody can put a socket of his own there")
{
	struct manager m;
	struct bundle b;
	need_root();
	manage(&m);
	bundle_make(&b);
	bundle_config(&b, "{'process':{'user':{'uid':4711,'gid':4711}}}");
	bundle_inside(&b, "stat", "/run/notify/notify.sock", ";", "write", "/run/notify/x", "y", ";", "notify", "READY=1", NULL);
	struct result r = nacre_with(&m.how, "run", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	must_print(&r, "notify: ok");
	MUST_SAY(strstr(r.out, "EROFS"), "%s", r.out);
	must_hear(&m, "READY=1\n");
}

/* start waits; whoever waits on --detach's behalf names the container's first process, since it leaves itself. */
static void must_wait_until_ready(struct manager *m, struct bundle *b, struct job *job)
{
	must_hear(m, "STATUS=not yet\n");
	struct result state = nacre("state", b->id, NULL);
	must_succeed(&state);
	MUST(!strcmp(json_value(state.out, "status"), "running"));
	/* It must be waiting still, or the program would be ready. */
	MUST(kill(job->pid, 0) == 0);
	must_hear(m, format("READY=1\nMAINPID=%d\n", bundle_pid(b)));
	must_hear(m, "BARRIER=1");
	struct result r = job_wait(job, PATIENCE);
	must_succeed(&r);
	struct result gone = nacre("delete", "--force", b->id, NULL);
	must_succeed(&gone);
	must_leave_nothing(b);
}

RUN_TEST(ready_start, "start returns when the program is ready, and not before")
{
	struct manager m;
	struct bundle b;
	manage(&m);
	bundle_make(&b);
	bundle_inside(&b, "notify", "STATUS=not yet", ";", "sleep", "1", ";", "notify", "READY=1", ";", "sleep", "600", NULL);
	struct result r = nacre_with(&m.how, "create", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	struct job job = nacre_start(&m.how, "start", b.id, NULL);
	must_wait_until_ready(&m, &b, &job);
}

RUN_TEST(ready_detach, "so does run --detach")
{
	struct manager m;
	struct bundle b;
	manage(&m);
	bundle_make(&b);
	bundle_inside(&b, "notify", "STATUS=not yet", ";", "sleep", "1", ";", "notify", "READY=1", ";", "sleep", "600", NULL);
	struct job job = nacre_start(&m.how, "run", "--detach", "--bundle", b.dir, b.id, NULL);
	must_wait_until_ready(&m, &b, &job);
}

RUN_TEST(ready_never, "a program that ends without a word is not waited for any longer")
{
	struct manager m;
	struct bundle b;
	manage(&m);
	bundle_make(&b);
	bundle_inside(&b, "echo", "done", NULL);
	struct result r = nacre_with(&m.how, "create", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	r = nacre_with(&m.how, "start", b.id, NULL);
	must_succeed(&r);
	MUST(!*hear(&m, 0));
	MUST(bundle_wait_status(&b, "stopped"));
}

RUN_TEST(ready_deleted, "others can work on a container whose start waits")
{
	struct manager m;
	struct bundle b;
	manage(&m);
	bundle_make(&b);
	bundle_inside(&b, "notify", "STATUS=up", ";", "sleep", "600", NULL);
	struct job job = nacre_start(&m.how, "run", "--detach", "--bundle", b.dir, b.id, NULL);
	must_hear(&m, "STATUS=up\n");
	struct result r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	r = job_wait(&job, PATIENCE);
	must_succeed(&r);
	must_leave_nothing(&b);
}

RUN_TEST(ready_engine, "an engine's start, which has no manager, does not wait; an own variable in config.json stays")
{
	struct manager m;
	struct bundle b;
	manage(&m);
	bundle_make(&b);
	bundle_inside(&b, "sleep", "600", NULL);
	struct result r = nacre_with(&m.how, "create", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	r = nacre("start", b.id, NULL);
	must_succeed(&r);
	struct bundle own;
	bundle_make(&own);
	bundle_config(&own, "{'process':{'env':['NOTIFY_SOCKET=/own']}}");
	bundle_inside(&own, "env", ";", "ls", "/run", NULL);
	r = nacre_with(&m.how, "run", "--bundle", own.dir, own.id, NULL);
	must_succeed(&r);
	must_print(&r, "NOTIFY_SOCKET=/own");
	MUST(!has_line(r.out, "notify"));
}

RUN_TEST(ready_nobody, "a manager that is not there is a warning, and nobody waits")
{
	struct manager m;
	struct bundle b;
	manage(&m);
	bundle_make(&b);
	close(m.fd);
	bundle_inside(&b, "sleep", "600", NULL);
	char *log = format("%s/log", test_dir());
	struct result r = nacre_with(&m.how, "--log", log, "run", "--detach", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	MUST_SAY(strstr(file_text(log), "NOTIFY_SOCKET"), "%s", file_text(log));
}

RUN_TEST(ready_babble, "whoever goes on to speak when the program has ended keeps nobody: neither run nor start")
{
	struct manager m;
	struct bundle b;
	need_root();
	manage(&m);
	bundle_make(&b);
	/* Without a pid namespace of its own it outlives the first process. */
	bundle_config(&b, "{'linux':{'namespaces':[{'type':'mount'},{'type':'ipc'},{'type':'uts'},{'type':'network'}]}}");
	bundle_inside(&b, "babble", "X-NOTHING=1", ";", "sleep", "1", NULL);
	struct result r = nacre_with(&m.how, "run", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
	r = nacre_with(&m.how, "create", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	r = nacre_with(&m.how, "start", b.id, NULL);
	must_succeed(&r);
	r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	must_leave_nothing(&b);
	MUST(!*hear(&m, 0));
}
