/* test_agent_host.c: the host's end, against an agent that says what the test wants. */
#include "core/agent/host.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/channel.h"

static struct loop *loop;
static struct agent_host *h;
static int guest; /* the agent's end of the control connection */
static struct {
	int greeted, exited, failed;
	uint32_t id;
	int status;
	uint64_t oom_kills;
	struct error why;
} seen;

static void on_greeted(void *data)
{
	seen.greeted++;
}

static void on_exited(void *data, uint32_t id, int status, uint64_t oom_kills)
{
	seen.exited++;
	seen.id = id;
	seen.status = status;
	seen.oom_kills = oom_kills;
}

static void on_failed(void *data, const struct error *why)
{
	seen.failed++;
	seen.why = *why;
}

static int on_tick(void *data, struct error *err)
{
	return 1;
}

/* Until *what is not 0: ten seconds at most. */
static void run_until(const int *what)
{
	for (int i = 0; i < 10000 && !*what; i++)
		cr_assert_eq(loop_run(loop, NULL), 0);
	cr_assert(*what, "it does not happen");
}

/* A while, for what should not happen. */
static void run_on(void)
{
	for (int i = 0; i < 20; i++)
		cr_assert_eq(loop_run(loop, NULL), 0);
}

static void setup(void)
{
	static const struct agent_host_events events = { on_greeted, on_exited, on_failed };
	struct vsock_ends ends = { -EBADF, -EBADF };

	memset(&seen, 0, sizeof(seen));
	cr_assert_eq(loop_new(&loop, NULL), 0);
	cr_assert_eq(loop_add_timer(loop, 0, 1, on_tick, NULL, NULL), 0);
	cr_assert_eq(agent_host_new(&events, NULL, &h, NULL), 0);
	cr_assert_eq(agent_host_add(h, loop, NULL), 0);
	cr_assert_eq(agent_host_connect(h, AGENT_PORT_CONTROL, 7, &ends), 0);
	guest = ends.from_host;
	cr_assert_eq(agent_host_connect(h, AGENT_PORT_CONTROL, 7, &ends), -ECONNREFUSED, "once only");
}

static void teardown(void)
{
	agent_host_free(h);
	loop_free(loop);
}

static void say(enum agent_kind kind, uint32_t id, int value, const void *body, size_t n)
{
	cr_assert_eq(agent_frame_send(guest, &(struct agent_frame){ kind, id, value, (uint32_t)n, body }, NULL), 0);
}

static void say_exited(uint32_t id, int status, uint64_t oom_kills)
{
	auto_text struct text body = { 0 };

	agent_exited_encode(&(struct agent_exited){ oom_kills }, &body);
	say(AGENT_EXITED, id, status, body.v, body.n);
}

static void say_walk(uint32_t id, const struct msg *m)
{
	auto_text struct text body = { 0 };

	agent_walk_encode(m, &body);
	say(AGENT_WALK, id, 0, body.v, body.n);
}

static void say_hello(void)
{
	auto_text struct text body = { 0 };

	agent_hello_encode(&body);
	say(AGENT_HELLO, 0, 0, body.v, body.n);
	run_until(&seen.greeted);
}

/* What the host says next. */
static struct agent_frame hear(struct agent_reader *r)
{
	struct agent_frame f;
	int ret = 0;

	*r = AGENT_READER(false);
	for (int i = 0; i < 10000 && ret == 0; i++) {
		cr_assert_eq(loop_run(loop, NULL), 0);
		ret = agent_reader_read(r, guest, &f, NULL);
	}
	cr_assert_eq(ret, 1);
	return f;
}

static void expect(enum agent_kind kind, uint32_t id, int value)
{
	struct agent_reader r;
	struct agent_frame f = hear(&r);

	cr_assert_eq(f.kind, kind);
	cr_assert_eq(f.id, id);
	cr_assert_eq(f.value, value);
	agent_reader_free(&r);
}

static void ask_exec(uint32_t id)
{
	struct agent_exec e = { .process = "{}", .process_size = 2, .cgroup = "" };

	cr_assert_eq(agent_host_exec(h, id, &e, NULL), 0);
	expect(AGENT_EXEC, id, 0);
}

TestSuite(agent_host, .init = setup, .fini = teardown);

Test(agent_host, nothing_before_the_greeting)
{
	cr_assert_eq(agent_host_signal(h, 0, 15, NULL), -ENOTCONN);
	say_hello();
	cr_assert_eq(agent_host_signal(h, 0, 15, NULL), 0);
	expect(AGENT_SIGNAL, 0, 15);
	cr_assert_eq(agent_host_resize(h, 7, (struct agent_size){ 1, 2 }, NULL), 0);
	expect(AGENT_RESIZE, 7, 0);
	cr_assert_eq(agent_host_end(h, NULL), 0);
	expect(AGENT_END, 0, 0);
}

Test(agent_host, streams_are_found_by_their_port)
{
	struct vsock_ends ends = { -EBADF, -EBADF };
	int p[2], q[2];
	char c;

	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(pipe(q), 0);
	cr_assert_eq(agent_host_bind(h, 3, AGENT_STDIN, p[0], -EBADF, NULL), 0);
	cr_assert_eq(agent_host_bind(h, 3, AGENT_STDOUT, -EBADF, q[1], NULL), 0);
	cr_assert_eq(agent_host_connect(h, agent_port(3, AGENT_STDERR), 7, &ends), -ECONNREFUSED);
	cr_assert_eq(agent_host_connect(h, agent_port(2, AGENT_STDIN), 7, &ends), -ECONNREFUSED);
	cr_assert_eq(agent_host_connect(h, agent_port(3, AGENT_STDIN), 1024, &ends), -EACCES, "any user's");
	cr_assert_eq(agent_host_connect(h, agent_port(3, AGENT_STDIN), 7, &ends), 0);
	cr_assert_eq(ends.from_host, p[0]);
	cr_assert_eq(ends.to_host, -EBADF);
	cr_assert_eq(agent_host_connect(h, agent_port(3, AGENT_STDIN), 7, &ends), -ECONNREFUSED, "taken");
	agent_host_unbind(h, 3);
	cr_assert_eq(read(q[0], &c, 1), 0, "what nobody took is closed");
	cr_assert_eq(fcntl(p[0], F_GETFD) >= 0, true, "what was taken is not");
}

Test(agent_host, walkers_speak_through_their_channels)
{
	struct msg m = { .kind = MSG_FAIL, .stage = 4, .error = { -ENOENT, "no such program" } }, got;
	struct agent_reader r;
	struct agent_frame f;
	int pair[2];

	cr_assert_eq(channel_pair(pair, NULL), 0);
	cr_assert_eq(agent_host_channel(h, 5, pair[1], NULL), 0);
	say_hello();
	ask_exec(5);
	say_walk(5, &m);
	run_on();
	cr_assert_eq(channel_recv(pair[0], &got, NULL, NULL), 0);
	cr_assert_str_eq(got.error.msg, "no such program");
	m = (struct msg){ .kind = MSG_DONE, .stage = 9 };
	cr_assert_eq(channel_send(pair[0], &m, -EBADF, NULL), 0);
	f = hear(&r);
	cr_assert_eq(f.kind, AGENT_WALK);
	cr_assert_eq(f.id, 5);
	cr_assert_eq(agent_walk_decode(&f, &got, NULL), 0);
	cr_assert_eq(got.stage, 9);
	agent_reader_free(&r);
	say(AGENT_GONE, 5, 0, NULL, 0);
	run_on();
	cr_assert_eq(channel_recv(pair[0], &got, NULL, NULL), -ECONNRESET);
	/* One that nobody listens to. */
	say_walk(5, &m);
	say_walk(77, &m);
	run_on();
	cr_assert_eq(seen.failed, 0);
}

Test(agent_host, whoever_stops_listening_is_told_of)
{
	int pair[2];

	cr_assert_eq(channel_pair(pair, NULL), 0);
	cr_assert_eq(agent_host_channel(h, 5, pair[1], NULL), 0);
	say_hello();
	ask_exec(5);
	close(pair[0]);
	expect(AGENT_GONE, 5, 0);
}

Test(agent_host, a_walker_that_floods_is_nonsense)
{
	int pair[2];

	cr_assert_eq(channel_pair(pair, NULL), 0);
	cr_assert_eq(agent_host_channel(h, 5, pair[1], NULL), 0);
	say_hello();
	ask_exec(5);
	for (int i = 0; i < 10000 && !seen.failed; i++) {
		say_walk(5, &(struct msg){ .kind = MSG_LOG });
		cr_assert_eq(loop_run(loop, NULL), 0);
	}
	cr_assert(strstr(seen.why.msg, "more than anybody wants to hear"), "%s", seen.why.msg);
}

Test(agent_host, processes_end_once)
{
	say_hello();
	ask_exec(1);
	ask_exec(2);
	say_exited(2, 0x100, 0);
	run_until(&seen.exited);
	cr_assert_eq(seen.id, 2);
	cr_assert_eq(seen.status, 0x100);
	/* The end of the connection comes after it. */
	seen.exited = 0;
	say_exited(1, 9, 4);
	close(guest);
	run_until(&seen.failed);
	cr_assert_eq(seen.exited, 1);
	cr_assert_eq(seen.oom_kills, 4);
	cr_assert_eq(seen.why.code, -ECONNRESET);
	cr_assert_eq(agent_host_end(h, NULL), -ENOTCONN);
}

static void nonsense(const char *word)
{
	run_until(&seen.failed);
	run_on();
	cr_assert_eq(seen.failed, 1);
	cr_assert_eq(seen.exited, 0);
	cr_assert(strstr(seen.why.msg, word), "%s", seen.why.msg);
	cr_assert_eq(agent_host_signal(h, 0, 1, NULL), -ENOTCONN);
}

Test(agent_host, an_end_of_nobody)
{
	say_hello();
	say_exited(0, 0, 0);
	nonsense("process 0, which is not there, has ended");
}

Test(agent_host, no_greeting)
{
	say_exited(0, 0, 0);
	nonsense("does not greet");
}

Test(agent_host, two_greetings)
{
	auto_text struct text body = { 0 };

	say_hello();
	agent_hello_encode(&body);
	say(AGENT_HELLO, 0, 0, body.v, body.n);
	nonsense("a second greeting");
}

Test(agent_host, an_answer_to_nothing)
{
	say_hello();
	say(AGENT_REPLY, 0, 0, NULL, 0);
	nonsense("nobody asked");
}

Test(agent_host, a_host_s_word)
{
	say_hello();
	say(AGENT_CREATE, 0, 0, NULL, 0);
	nonsense("from the guest");
}

Test(agent_host, the_agent_gives_up)
{
	say(AGENT_ERROR, 0, -ENOENT, "load the module x", 17);
	nonsense("in the guest: load the module x");
	cr_assert_eq(seen.why.code, -ENOENT);
}

static int answers;
static struct error answer;
static uint32_t answer_size;

static void on_reply(void *data, const struct agent_frame *reply, const struct error *why)
{
	answers++;
	answer = *why;
	answer_size = reply ? reply->size : UINT32_MAX;
}

Test(agent_host, questions_and_answers)
{
	say_hello();
	cr_assert_eq(agent_host_ask(h, AGENT_STATS, NULL, 0, on_reply, NULL, NULL), 0);
	cr_assert_eq(agent_host_ask(h, AGENT_NET, "x", 1, on_reply, NULL, NULL), 0);
	expect(AGENT_STATS, 0, 0);
	say(AGENT_REPLY, 0, 0, "12345678", 8);
	run_until(&answers);
	cr_assert_eq(answer.code, 0);
	cr_assert_eq(answer_size, 8);
	answers = 0;
	say(AGENT_REPLY, 0, -EINVAL, "no such address", 15);
	run_until(&answers);
	cr_assert_eq(answer.code, -EINVAL);
	cr_assert_str_eq(answer.msg, "no such address");
	/* One that is never answered is, at the end. */
	answers = 0;
	for (int i = 0; i < 16; i++)
		cr_assert_eq(agent_host_ask(h, AGENT_PS, NULL, 0, on_reply, NULL, NULL), 0);
	cr_assert_eq(agent_host_ask(h, AGENT_PS, NULL, 0, on_reply, NULL, NULL), -EBUSY);
	close(guest);
	run_until(&seen.failed);
	cr_assert_eq(answers, 16);
	cr_assert_eq(answer.code, -ECONNRESET);
}

Test(agent_host, one_who_does_not_listen_costs_no_more_than_the_bound)
{
	static char text[512 << 10];
	struct agent_exec e = { .process = text, .process_size = sizeof(text), .cgroup = "" };
	int ret = 0;

	memset(text, ' ', sizeof(text));
	say_hello();
	for (uint32_t id = 1; id < 100 && ret == 0; id++)
		ret = agent_host_exec(h, id, &e, NULL);
	cr_assert_eq(ret, -ENOBUFS);
}

Test(agent_host, one_who_always_leaves_something_costs_no_more_either)
{
	static char text[512 << 10], sink[sizeof(text)];
	struct agent_exec e = { .process = text, .process_size = sizeof(text), .cgroup = "" };
	struct mallinfo2 now;

	memset(text, ' ', sizeof(text));
	say_hello();
	for (uint32_t id = 1; id < 100; id++) {
		cr_assert_eq(agent_host_exec(h, id, &e, NULL), 0);
		for (size_t n = 0; id > 2 && n < sizeof(sink);) {
			ssize_t got = recv(guest, sink, sizeof(sink) - n, MSG_DONTWAIT);

			n += got > 0 ? (size_t)got : 0;
			cr_assert_eq(loop_run(loop, NULL), 0);
		}
	}
	now = mallinfo2();
	cr_assert_lt(now.uordblks + now.hblkhd, 16 << 20);
}

/* In place of the device: what it would call once all is written. */
static struct { void (*done)(void *data); void *data; } flushes[2];
static size_t n_flushes;
static bool device_is_ours, look_between;

int __real_vsock_flush(struct vsock *v, uint32_t first, uint32_t last, void (*done)(void *data), void *data);
int __wrap_vsock_flush(struct vsock *v, uint32_t first, uint32_t last, void (*done)(void *data), void *data);
int __wrap_vsock_flush(struct vsock *v, uint32_t first, uint32_t last, void (*done)(void *data), void *data)
{
	if (!device_is_ours)
		return __real_vsock_flush(v, first, last, done, data);
	cr_assert_lt(n_flushes, 2);
	flushes[n_flushes].done = done;
	flushes[n_flushes++].data = data;
	return 0;
}

/* Between the unlock and the next instruction of the device's thread the other one runs, as far as it gets. */
int __real_pthread_mutex_unlock(pthread_mutex_t *m);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *m);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *m)
{
	int ret = __real_pthread_mutex_unlock(m);

	if (look_between) {
		look_between = false;
		run_on();
	}
	return ret;
}

/* The first one's end wakes the loop, which finds the second one flushed as well and lets go of it: the device's thread must not look at it any
 * more. Seen by AddressSanitizer. */
Test(agent_host, one_that_was_flushed_may_be_gone_at_once)
{
	device_is_ours = true;
	agent_host_set_vsock(h, (struct vsock *)&device_is_ours);
	say_hello();
	ask_exec(1);
	ask_exec(2);
	say_exited(1, 0, 0);
	say_exited(2, 0, 0);
	run_on();
	cr_assert_eq(n_flushes, 2);
	cr_assert_eq(seen.exited, 0);
	flushes[0].done(flushes[0].data);
	look_between = true;
	flushes[1].done(flushes[1].data);
	cr_assert_not(look_between);
	cr_assert_eq(seen.exited, 2, "both were let go of in between");
}
