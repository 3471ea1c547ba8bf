/* test_agent_wire.c: frames and bodies of the agent's connection: there and back, and nothing else accepted. */
#include "core/agent/wire.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct agent_frame frame_of(enum agent_kind kind, const struct text *body)
{
	cr_assert_not(body->failed);
	return (struct agent_frame){ .kind = kind, .size = (uint32_t)body->n, .body = body->v };
}

/* The first frame in these bytes, fed `step` at a time. */
static int feed(bool from_guest, const void *p, size_t n, size_t step, struct agent_frame *out, struct agent_reader *r, struct error *err)
{
	const char *from = p;
	int ret = 0;

	*r = AGENT_READER(from_guest);
	while (ret == 0 && n) {
		size_t used, some = n < step ? n : step;

		ret = agent_reader_feed(r, from, some, &used, out, err);
		from += used;
		n -= used;
	}
	return ret;
}

Test(agent_wire, ports)
{
	enum agent_stream which;
	uint32_t id;

	cr_assert(agent_port_parse(agent_port(7, AGENT_TERMINAL), &id, &which));
	cr_assert_eq(id, 7);
	cr_assert_eq(which, AGENT_TERMINAL);
	cr_assert(agent_port_parse(agent_port(AGENT_ID_MAX, AGENT_STDERR), &id, &which));
	cr_assert_eq(id, AGENT_ID_MAX);
	cr_assert_not(agent_port_parse(AGENT_PORT_CONTROL, &id, &which));
	cr_assert_not(agent_port_parse(UINT32_MAX, &id, &which));
}

Test(agent_wire, create)
{
	struct agent_create in = {
		.flags = AGENT_NO_PIVOT, .pid = 4711, .size = { 24, 80 },
		.id = "box", .bundle = "/b", .config = "{\"a\": 1}", .config_size = 8,
	};
	struct agent_create out;
	auto_text struct text body = { 0 };
	struct agent_frame f;

	cr_assert_eq(agent_create_encode(&in, &body, NULL), 0);
	f = frame_of(AGENT_CREATE, &body);
	cr_assert_eq(agent_create_decode(&f, &out, NULL), 0);
	cr_assert_eq(out.flags, AGENT_NO_PIVOT);
	cr_assert_eq(out.pid, 4711);
	cr_assert_eq(out.size.rows, 24);
	cr_assert_eq(out.size.cols, 80);
	cr_assert_str_eq(out.id, "box");
	cr_assert_str_eq(out.bundle, "/b");
	cr_assert_str_eq(out.config, "{\"a\": 1}");
	cr_assert_eq(out.config_size, 8);
	/* Each shorter body is none, nor is a longer one. */
	for (uint32_t n = 0; n < body.n; n++) {
		f.size = n;
		cr_assert_eq(agent_create_decode(&f, &out, NULL), -EPROTO, "%u bytes", n);
	}
	text_add_bytes(&body, "", 1);
	f = frame_of(AGENT_CREATE, &body);
	cr_assert_eq(agent_create_decode(&f, &out, NULL), -EPROTO);
}

Test(agent_wire, a_config_too_large_is_told)
{
	auto_text struct text body = { 0 };
	struct error err = ERROR_NONE;
	char *config = malloc(AGENT_BODY_MAX_HOST);
	struct agent_create in = { .id = "", .bundle = "", .config = config, .config_size = AGENT_BODY_MAX_HOST };

	memset(config, ' ', AGENT_BODY_MAX_HOST);
	cr_assert_eq(agent_create_encode(&in, &body, &err), -EFBIG);
	cr_assert(strstr(err.msg, "config.json"), "%s", err.msg);
	free(config);
}

Test(agent_wire, exec)
{
	struct agent_exec in = { .size = { 1, 2 }, .process = "{}", .process_size = 2, .cgroup = "a/b" }, out;
	auto_text struct text body = { 0 };
	struct agent_frame f;

	cr_assert_eq(agent_exec_encode(&in, &body, NULL), 0);
	f = frame_of(AGENT_EXEC, &body);
	cr_assert_eq(agent_exec_decode(&f, &out, NULL), 0);
	cr_assert_eq(out.size.cols, 2);
	cr_assert_str_eq(out.process, "{}");
	cr_assert_str_eq(out.cgroup, "a/b");
	/* A NUL that is not where the length says. */
	body.v[body.n - 1] = 'x';
	cr_assert_eq(agent_exec_decode(&f, &out, NULL), -EPROTO);
}

Test(agent_wire, walk)
{
	struct msg in = { .kind = MSG_FAIL, .stage = 5, .value = -1, .error = { -ENOENT, "no\nsuch" } }, out;
	auto_text struct text body = { 0 };
	struct agent_frame f;

	agent_walk_encode(&in, &body);
	f = frame_of(AGENT_WALK, &body);
	cr_assert_eq(agent_walk_decode(&f, &out, NULL), 0);
	cr_assert_eq(out.kind, MSG_FAIL);
	cr_assert_eq(out.stage, 5);
	cr_assert_eq(out.value, -1);
	cr_assert_eq(out.error.code, -ENOENT);
	cr_assert_str_eq(out.error.msg, "no?such");
	memset(body.v + 16, 'x', body.n - 16);
	cr_assert_eq(agent_walk_decode(&f, &out, NULL), 0);
	cr_assert_eq(strlen(out.error.msg), sizeof(out.error.msg) - 1, "the text always ends");
	body.v[0] = MSG_KIND_MAX;
	cr_assert_eq(agent_walk_decode(&f, &out, NULL), -EPROTO);
}

Test(agent_wire, numbers)
{
	struct agent_stats stats = { .cpu_total = 1, .memory_limit = UINT64_MAX, .guest_free = 9 }, stats_out;
	struct agent_exited exited = { 3 }, exited_out;
	struct agent_size size = { 50, 132 }, size_out;
	auto_text struct text body = { 0 };
	struct agent_frame f;

	agent_stats_encode(&stats, &body);
	f = frame_of(AGENT_REPLY, &body);
	cr_assert_eq(agent_stats_decode(&f, &stats_out, NULL), 0);
	cr_assert_eq(memcmp(&stats, &stats_out, sizeof(stats)), 0);
	f.size--;
	cr_assert_eq(agent_stats_decode(&f, &stats_out, NULL), -EPROTO);
	agent_exited_encode(&exited, &body);
	f = frame_of(AGENT_EXITED, &body);
	cr_assert_eq(agent_exited_decode(&f, &exited_out, NULL), 0);
	cr_assert_eq(exited_out.oom_kills, 3);
	agent_size_encode(&size, &body);
	f = frame_of(AGENT_RESIZE, &body);
	cr_assert_eq(agent_size_decode(&f, &size_out, NULL), 0);
	cr_assert_eq(size_out.cols, 132);
}

Test(agent_wire, hello)
{
	auto_text struct text body = { 0 };
	struct agent_frame f;

	agent_hello_encode(&body);
	f = frame_of(AGENT_HELLO, &body);
	cr_assert_eq(agent_hello_check(&f, NULL), 0);
	body.v[4]++;
	cr_assert_eq(agent_hello_check(&f, NULL), -EPROTO);
	body.v[4]--;
	body.v[0]++;
	cr_assert_eq(agent_hello_check(&f, NULL), -EPROTO);
}

Test(agent_wire, texts_are_tamed_and_codes_are_errors)
{
	struct error err = ERROR_NONE;
	char text[2000];

	memset(text, 1, sizeof(text));
	cr_assert_eq(agent_text_decode(&(struct agent_frame){ AGENT_ERROR, 0, -EIO, sizeof(text), text }, &err), -EIO);
	cr_assert_eq(strlen(err.msg), sizeof(err.msg) - 1);
	cr_assert_eq(err.msg[0], '?');
	cr_assert_eq(agent_text_decode(&(struct agent_frame){ AGENT_ERROR, 0, 17, 0, NULL }, &err), -EPROTO);
	cr_assert_eq(agent_text_decode(&(struct agent_frame){ AGENT_ERROR, 0, INT32_MIN, 0, NULL }, &err), -EPROTO);
	cr_assert_str_empty(err.msg);
}

Test(agent_wire, frames_in_any_pieces)
{
	auto_text struct text bytes = { 0 };

	agent_frame_encode(&(struct agent_frame){ AGENT_REPLY, 4, -2, 5, "hello" }, &bytes);
	for (size_t step = 1; step <= bytes.n; step++) {
		struct agent_reader r;
		struct agent_frame f;

		cr_assert_eq(feed(true, bytes.v, bytes.n, step, &f, &r, NULL), 1);
		cr_assert_eq(f.kind, AGENT_REPLY);
		cr_assert_eq(f.id, 4);
		cr_assert_eq(f.value, -2);
		cr_assert_eq(f.size, 5);
		cr_assert_eq(memcmp(f.body, "hello", 5), 0);
		agent_reader_free(&r);
	}
}

static void refuse(bool from_guest, struct agent_frame f, const char *word)
{
	auto_text struct text bytes = { 0 };
	struct error err = ERROR_NONE;
	struct agent_frame out;
	struct agent_reader r;
	uint32_t size = f.size;

	f.size = 0;
	agent_frame_encode(&f, &bytes);
	memcpy(bytes.v + 12, &size, sizeof(size));
	cr_assert_eq(feed(from_guest, bytes.v, bytes.n, bytes.n, &out, &r, &err), -EPROTO, "kind %d", f.kind);
	cr_assert(strstr(err.msg, word), "%s", err.msg);
	agent_reader_free(&r);
}

Test(agent_wire, each_side_says_its_own)
{
	static const enum agent_kind host[] = { AGENT_CREATE, AGENT_EXEC, AGENT_SIGNAL, AGENT_RESIZE, AGENT_NET, AGENT_UPDATE, AGENT_END };
	static const enum agent_kind guest[] = { AGENT_HELLO, AGENT_EXITED, AGENT_REPLY, AGENT_ERROR };
	static const uint32_t none[] = { 0, AGENT_ERROR + 1, AGENT_GONE + 1, AGENT_KIND_MAX, UINT32_MAX };

	for (size_t i = 0; i < sizeof(host) / sizeof(*host); i++)
		refuse(true, (struct agent_frame){ .kind = host[i] }, "from the guest");
	for (size_t i = 0; i < sizeof(guest) / sizeof(*guest); i++)
		refuse(false, (struct agent_frame){ .kind = guest[i] }, "from the host");
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		refuse(true, (struct agent_frame){ .kind = (enum agent_kind)none[i] }, "from the guest");
		refuse(false, (struct agent_frame){ .kind = (enum agent_kind)none[i] }, "from the host");
	}
	refuse(true, (struct agent_frame){ .kind = AGENT_REPLY, .size = AGENT_BODY_MAX_GUEST + 1 }, "at most");
	refuse(false, (struct agent_frame){ .kind = AGENT_CREATE, .size = UINT32_MAX }, "at most");
	refuse(true, (struct agent_frame){ .kind = AGENT_WALK, .id = AGENT_EVERYBODY }, "no process");
	refuse(false, (struct agent_frame){ .kind = AGENT_RESIZE, .id = AGENT_ID_MAX + 1 }, "no process");
}

Test(agent_wire, over_a_descriptor)
{
	struct agent_reader r = AGENT_READER(false);
	struct agent_frame f;
	int s[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s), 0);
	cr_assert_eq(agent_reader_read(&r, s[0], &f, NULL), 0);
	cr_assert_eq(agent_frame_send(s[1], &(struct agent_frame){ AGENT_SIGNAL, AGENT_EVERYBODY, 15, 0, NULL }, NULL), 0);
	cr_assert_eq(agent_frame_send(s[1], &(struct agent_frame){ AGENT_NET, 0, 0, 3, "net" }, NULL), 0);
	close(s[1]);
	cr_assert_eq(agent_reader_read(&r, s[0], &f, NULL), 1);
	cr_assert_eq(f.kind, AGENT_SIGNAL);
	cr_assert_eq(f.value, 15);
	cr_assert_eq(agent_reader_read(&r, s[0], &f, NULL), 1);
	cr_assert_eq(memcmp(f.body, "net", 3), 0);
	cr_assert_eq(agent_reader_read(&r, s[0], &f, NULL), -ECONNRESET);
	agent_reader_free(&r);
	close(s[0]);
}
