/* test_agent_guest.c: the guest's agent as the first process of a pid namespace on this host, with socket pairs in place of the machine's
 * sockets, and this host's own root as the container's.
 */
#include "core/agent/guest.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "core/stages.h"

enum { IDS = 3 };

static pid_t agent;
static int control;
static int streams[IDS][AGENT_STREAM_MAX], theirs[IDS][AGENT_STREAM_MAX];
static char folder[64], cgroup[64];
static struct agent_reader reader;
static struct pipeline list; /* to find rows by their names */

static int connect_stream(void *data, uint32_t port, struct error *err)
{
	enum agent_stream which;
	uint32_t id;

	if (!agent_port_parse(port, &id, &which) || id >= IDS)
		return error_set(err, -ECONNREFUSED, "no such stream");
	return TAKE_FD(theirs[id][which]);
}

static _Noreturn void be_guest(int end)
{
	struct agent_guest_config config = {
		.control = end, .connect = connect_stream, .places = { .shares = folder, .cgroup = cgroup },
	};
	struct error err = ERROR_NONE;
	char root[80];

	snprintf(root, sizeof(root), "%s/root", folder);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mkdir(root, 0755) < 0 || mount("/", root, NULL, MS_BIND, NULL) < 0 ||
	    mount("proc", "/proc", "proc", 0, NULL) < 0)
		_exit(99);
	if (agent_guest_run(&config, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		_exit(1);
	}
	_exit(0);
}

static pid_t clone_guest(void)
{
	/* A pid namespace is entered by being born in it. */
	return unshare(CLONE_NEWPID) < 0 ? -1 : fork();
}

static void setup(void)
{
	int pair[2];

	if (geteuid() != 0)
		return;
	signal(SIGPIPE, SIG_IGN);
	strcpy(folder, "/tmp/nacre-guest-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(cgroup, sizeof(cgroup), "/nacre-test-guest-%d", getpid());
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	for (int id = 0; id < IDS; id++)
		for (int i = 0; i < AGENT_STREAM_MAX; i++) {
			int s[2];

			cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
			streams[id][i] = s[0];
			theirs[id][i] = s[1];
		}
	agent = clone_guest();
	if (agent == 0) {
		close(pair[0]);
		for (int id = 0; id < IDS; id++)
			for (int i = 0; i < AGENT_STREAM_MAX; i++)
				close(streams[id][i]);
		be_guest(pair[1]);
	}
	close(pair[1]);
	for (int id = 0; id < IDS; id++)
		for (int i = 0; i < AGENT_STREAM_MAX; i++)
			close(theirs[id][i]);
	control = pair[0];
	reader = AGENT_READER(true);
	list = PIPELINE(guest_create_list, JAIL);
}

static void teardown(void)
{
	struct cgroup_request r = { .driver = CGROUP_FS, .path = cgroup, .id = "x" };
	struct cgroup *c = NULL;

	if (geteuid() != 0)
		return;
	if (agent > 0) {
		kill(agent, SIGKILL);
		waitpid(agent, NULL, 0);
	}
	if (cgroup_plan(&r, &c, NULL) == 0)
		cr_expect_eq(cgroup_remove(c, NULL), 0);
	cgroup_free(c);
	strcat(folder, "/root");
	cr_expect_eq(rmdir(folder), 0);
	*strrchr(folder, '/') = '\0';
	cr_expect_eq(rmdir(folder), 0);
	agent_reader_free(&reader);
}

TestSuite(agent_guest, .init = setup, .fini = teardown);

static void need_root(void)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	if (agent < 0)
		cr_skip_test("no pid namespace is to be had");
}

static void wait_for(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	cr_assert_eq(poll(&p, 1, 20000), 1, "the agent says nothing");
}

static struct agent_frame hear(void)
{
	struct agent_frame f = { 0 };
	struct error err = ERROR_NONE;
	int ret = 0;

	while (ret == 0) {
		/* One read at a time: the socket blocks. */
		unsigned char byte;
		size_t used;

		wait_for(control);
		cr_assert_eq(read(control, &byte, 1), 1, "the agent is gone");
		ret = agent_reader_feed(&reader, &byte, 1, &used, &f, &err);
	}
	cr_assert_eq(ret, 1, "%s", err.msg);
	return f;
}

static void say(enum agent_kind kind, uint32_t id, int value, const struct text *body)
{
	struct agent_frame f = { kind, id, value, body ? (uint32_t)body->n : 0, body ? body->v : NULL };

	cr_assert_eq(agent_frame_send(control, &f, NULL), 0);
}

static void create(const char *process, const char *rest)
{
	auto_text struct text body = { 0 }, config = { 0 };
	struct agent_frame hello = hear();
	struct agent_create c = { .flags = AGENT_NO_NEW_KEYRING, .id = "box", .bundle = "/" };
	struct error err = ERROR_NONE;

	cr_assert_eq(agent_hello_check(&hello, NULL), 0);
	text_addf(&config,
		  "{\"ociVersion\": \"1.2.0\", \"root\": {\"path\": \"/\", \"readonly\": true}, \"process\": {\"cwd\": \"/\", "
		  "\"env\": [\"PATH=/usr/bin:/bin\"], \"user\": {\"uid\": 0, \"gid\": 0}, %s}, \"hostname\": \"inside\", "
		  "\"mounts\": [{\"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\"}, "
		  "{\"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"tmpfs\", \"options\": [\"mode=755\"]}, "
		  "{\"destination\": \"/dev/pts\", \"type\": \"devpts\", \"source\": \"devpts\", \"options\": [\"newinstance\", \"ptmxmode=0666\"]}], "
		  "\"linux\": {\"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"mount\"}, {\"type\": \"uts\"}, {\"type\": \"ipc\"}]%s}}",
		  process, rest);
	c.config = config.v;
	c.config_size = (uint32_t)config.n;
	cr_assert_eq(agent_create_encode(&c, &body, &err), 0, "%s", err.msg);
	say(AGENT_CREATE, 0, 0, &body);
}

static void say_done(int stage)
{
	auto_text struct text body = { 0 };

	agent_walk_encode(&(struct msg){ .kind = MSG_DONE, .stage = stage }, &body);
	say(AGENT_WALK, 0, 0, &body);
}

static struct msg hear_walk(uint32_t id)
{
	struct agent_frame f = hear();
	struct msg m;

	cr_assert_eq(f.kind, AGENT_WALK, "kind %d", f.kind);
	cr_assert_eq(f.id, id);
	cr_assert_eq(agent_walk_decode(&f, &m, NULL), 0);
	return m;
}

static void expect_kind(enum agent_kind kind, uint32_t id, int value)
{
	struct agent_frame f = hear();

	cr_assert_eq(f.kind, kind, "kind %d", f.kind);
	cr_assert_eq(f.id, id);
	cr_assert_eq(f.value, value, "value %d", f.value);
}

/* The walker of `id` gets to its program. */
static void expect_executed(uint32_t id, const struct stage *const *rows)
{
	struct pipeline p = PIPELINE(rows, JAIL);
	int last = pipeline_find(&p, INSIDE, "execve");
	struct msg m;

	do {
		m = hear_walk(id);
		cr_assert_eq(m.kind, MSG_DONE, "%s", m.error.msg);
	} while (m.stage < last);
	expect_kind(AGENT_GONE, id, 0);
}

static void start(const char *process, const char *rest)
{
	create(process, rest);
	say_done(pipeline_find(&list, JAIL, "gate"));
	expect_executed(0, guest_create_list);
}

static void exec(uint32_t id, const char *process)
{
	auto_text struct text body = { 0 }, document = { 0 };
	struct agent_exec e = { .cgroup = "" };

	text_addf(&document, "{\"cwd\": \"/\", \"env\": [\"PATH=/usr/bin:/bin\"], %s}", process);
	e.process = document.v;
	e.process_size = (uint32_t)document.n;
	cr_assert_eq(agent_exec_encode(&e, &body, NULL), 0);
	say(AGENT_EXEC, id, 0, &body);
}

static void expect_failure(uint32_t id, const char *word)
{
	struct msg m;

	do {
		m = hear_walk(id);
	} while (m.kind == MSG_DONE);
	cr_assert_eq(m.kind, MSG_FAIL);
	cr_assert(strstr(m.error.msg, word), "%s", m.error.msg);
	expect_kind(AGENT_GONE, id, 0);
	expect_kind(AGENT_EXITED, id, 1 << 8);
}

/* All of a stream up to its end. */
static const char *read_all(int fd)
{
	static char text[4096];
	size_t n = 0;
	ssize_t got;

	do {
		wait_for(fd);
		got = read(fd, text + n, sizeof(text) - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	text[n] = '\0';
	return text;
}

static void expect_text(int fd, const char *want)
{
	char text[256] = { 0 };
	size_t n = 0;

	while (n < strlen(want)) {
		wait_for(fd);
		n += (size_t)read(fd, text + n, strlen(want) - n);
	}
	cr_assert_str_eq(text, want);
}

static void expect_end(void)
{
	int status;

	say(AGENT_END, 0, 0, NULL);
	cr_assert_eq(waitpid(agent, &status, 0), agent);
	agent = 0;
	cr_assert_eq(status, 0);
}

#define SH(script) "\"args\": [\"/bin/sh\", \"-c\", \"" script "\"]"

Test(agent_guest, a_whole_life)
{
	need_root();
	start(SH("echo $$ `hostname`; cat; echo bad >&2; exit 7"), "");
	cr_assert_eq(write(streams[0][AGENT_STDIN], "typed\n", 6), 6);
	shutdown(streams[0][AGENT_STDIN], SHUT_WR);
	expect_kind(AGENT_EXITED, 0, 7 << 8);
	cr_assert_str_eq(read_all(streams[0][AGENT_STDOUT]), "1 inside\ntyped\n");
	cr_assert_str_eq(read_all(streams[0][AGENT_STDERR]), "bad\n");
	expect_end();
}

/* What is opened again must be no socket. */
Test(agent_guest, streams_can_be_opened_again)
{
	need_root();
	start(SH("exec 3</dev/stdin 4>/dev/stdout; read a <&3; echo got $a >&4"), "");
	cr_assert_eq(write(streams[0][AGENT_STDIN], "it\n", 3), 3);
	expect_kind(AGENT_EXITED, 0, 0);
	cr_assert_str_eq(read_all(streams[0][AGENT_STDOUT]), "got it\n");
}

Test(agent_guest, a_missing_program)
{
	need_root();
	create("\"args\": [\"/nowhere/at/all\"]", "");
	expect_failure(0, "/nowhere/at/all");
	expect_end();
}

Test(agent_guest, a_config_that_is_none)
{
	need_root();
	create("\"args\": [3]", "");
	expect_failure(0, "config.json: process.args[0]");
}

Test(agent_guest, the_host_may_give_up)
{
	need_root();
	create(SH("exit 0"), "");
	(void)hear_walk(0);
	say(AGENT_GONE, 0, 0, NULL);
	expect_kind(AGENT_EXITED, 0, 1 << 8);
}

Test(agent_guest, all_that_was_written_comes_before_the_end)
{
	static char buffer[1 << 16];
	size_t n = 0;

	need_root();
	start(SH("head -c 3000000 /dev/zero"), "");
	/* Nobody reads: no end yet. */
	cr_assert_eq(poll(&(struct pollfd){ .fd = control, .events = POLLIN }, 1, 100), 0);
	while (n < 3000000) {
		wait_for(streams[0][AGENT_STDOUT]);
		n += (size_t)read(streams[0][AGENT_STDOUT], buffer, sizeof(buffer));
	}
	expect_kind(AGENT_EXITED, 0, 0);
}

Test(agent_guest, one_more_process)
{
	need_root();
	start(SH("sleep 1000"), "");
	exec(1, SH("echo $0 $A; hostname; exit 3") ", \"env\": [\"A=b\"]");
	expect_failure(1, "env");
	exec(1, SH("hostname; exit 3"));
	expect_executed(1, guest_exec_list);
	expect_kind(AGENT_EXITED, 1, 3 << 8);
	cr_assert_str_eq(read_all(streams[1][AGENT_STDOUT]), "inside\n");
	exec(2, "\"args\": [\"/nowhere\"]");
	expect_failure(2, "/nowhere");
	say(AGENT_SIGNAL, 0, SIGKILL, NULL);
	expect_kind(AGENT_EXITED, 0, SIGKILL);
	expect_end();
}

Test(agent_guest, the_first_process_takes_the_others_along)
{
	need_root();
	start(SH("trap 'exit 5' TERM; echo up; while :; do sleep 0.1; done"), "");
	expect_text(streams[0][AGENT_STDOUT], "up\n");
	exec(1, SH("sleep 1000"));
	expect_executed(1, guest_exec_list);
	say(AGENT_SIGNAL, 0, SIGTERM, NULL);
	expect_kind(AGENT_EXITED, 1, SIGKILL);
	expect_kind(AGENT_EXITED, 0, 5 << 8);
	exec(2, SH("exit 0"));
	expect_failure(2, "has ended");
}

Test(agent_guest, signals_to_everybody)
{
	need_root();
	start(SH("echo up; exec sleep 1000"), "");
	expect_text(streams[0][AGENT_STDOUT], "up\n");
	exec(1, SH("echo up; exec sleep 1000"));
	expect_executed(1, guest_exec_list);
	expect_text(streams[1][AGENT_STDOUT], "up\n");
	say(AGENT_SIGNAL, 1, SIGTERM, NULL);
	expect_kind(AGENT_EXITED, 1, SIGTERM);
	say(AGENT_SIGNAL, AGENT_EVERYBODY, SIGKILL, NULL);
	expect_kind(AGENT_EXITED, 0, SIGKILL);
}

Test(agent_guest, a_terminal)
{
	auto_text struct text body = { 0 };
	int terminal = streams[0][AGENT_TERMINAL];

	need_root();
	start("\"terminal\": true, \"consoleSize\": {\"height\": 11, \"width\": 22}, "
	      SH("stty -echo; tty; stty size; read a; stty size; echo $a"), "");
	expect_text(terminal, "/dev/pts/0\r\n11 22\r\n");
	agent_size_encode(&(struct agent_size){ 33, 44 }, &body);
	say(AGENT_RESIZE, 0, 0, &body);
	cr_assert_eq(write(terminal, "hello\r", 6), 6);
	expect_text(terminal, "33 44\r\nhello\r\n");
	expect_kind(AGENT_EXITED, 0, 0);
	cr_assert_str_eq(read_all(terminal), "");
}

Test(agent_guest, questions)
{
	auto_text struct text body = { 0 };
	struct agent_stats stats;
	struct agent_frame f;

	need_root();
	start(SH("sleep 1000"), ", \"resources\": {\"pids\": {\"limit\": 50}, \"cpu\": {\"cpus\": \"0-4095\"}}");
	say(AGENT_STATS, 0, 0, NULL);
	f = hear();
	cr_assert_eq(f.kind, AGENT_REPLY);
	cr_assert_eq(f.value, 0, "%.*s", (int)f.size, (const char *)f.body);
	cr_assert_eq(agent_stats_decode(&f, &stats, NULL), 0);
	cr_assert_gt(stats.guest_total, 0);
	if (stats.pids_limit) /* there is a controller */
		cr_assert_eq(stats.pids_limit, 50);
	say(AGENT_PS, 0, 0, NULL);
	f = hear();
	cr_assert_eq(f.kind, AGENT_REPLY);
	cr_assert_geq(f.size, 4);
	text_add(&body, "{\"pids\": {\"limit\": 60}}");
	say(AGENT_UPDATE, 0, 0, &body);
	expect_kind(AGENT_REPLY, 0, 0);
	text_free(&body);
	text_add(&body, "[");
	say(AGENT_UPDATE, 0, 0, &body);
	cr_assert_lt(hear().value, 0);
	say(AGENT_NET, 0, 0, &body);
	cr_assert_lt(hear().value, 0);
}

Test(agent_guest, questions_about_nothing)
{
	need_root();
	(void)hear();
	say(AGENT_STATS, 0, 0, NULL);
	cr_assert_lt(hear().value, 0);
	say(AGENT_SIGNAL, 0, SIGKILL, NULL);
	say(AGENT_GONE, 9, 0, NULL);
	expect_end();
}
