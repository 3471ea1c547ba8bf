/* wire.c: frames and their bodies, to bytes and back; the one place for both ends. See wire.h. */
#include "core/agent/wire.h"

#include <endian.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"

enum { HEAD = 16, WALK_TEXT = sizeof(((struct error *)0)->msg), WALK_SIZE = 16 + WALK_TEXT };

bool agent_port_parse(uint32_t port, uint32_t *id, enum agent_stream *which)
{
	if (port < AGENT_PORT_STREAMS || (port - AGENT_PORT_STREAMS) / AGENT_STREAM_MAX > AGENT_ID_MAX)
		return false;
	*id = (port - AGENT_PORT_STREAMS) / AGENT_STREAM_MAX;
	*which = (port - AGENT_PORT_STREAMS) % AGENT_STREAM_MAX;
	return true;
}

static void put32(struct text *t, uint32_t v)
{
	v = htole32(v);
	text_add_bytes(t, &v, sizeof(v));
}

static void put64(struct text *t, uint64_t v)
{
	v = htole64(v);
	text_add_bytes(t, &v, sizeof(v));
}

/* With its length, its bytes, and a NUL that the other side checks. */
static void put_string(struct text *t, const char *s, size_t n)
{
	put32(t, (uint32_t)n);
	text_add_bytes(t, s, n);
	text_add_bytes(t, "", 1);
}

/* Where a body is read; `bad` once it was shorter than was asked for. */
struct cursor {
	const unsigned char *p;
	size_t left;
	bool bad;
};

static struct cursor cursor(const struct agent_frame *f)
{
	return (struct cursor){ f->body, f->size, false };
}

static const void *take(struct cursor *c, size_t n)
{
	const unsigned char *p = c->p;

	if (c->bad || n > c->left) {
		c->bad = true;
		return NULL;
	}
	c->p += n;
	c->left -= n;
	return p;
}

static uint32_t get32(struct cursor *c)
{
	const void *p = take(c, 4);
	uint32_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint64_t get64(struct cursor *c)
{
	const void *p = take(c, 8);
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static const char *get_string(struct cursor *c, uint32_t *size)
{
	uint32_t n = get32(c);
	const char *s = take(c, (size_t)n + 1);

	if (s && s[n] != '\0')
		c->bad = true;
	if (size)
		*size = n;
	return c->bad ? "" : s;
}

static const char *name_of(enum agent_kind kind)
{
	static const char *const names[AGENT_KIND_MAX] = {
		[AGENT_HELLO] = "HELLO",   [AGENT_EXITED] = "EXITED", [AGENT_REPLY] = "REPLY",   [AGENT_ERROR] = "ERROR",
		[AGENT_WALK] = "WALK",     [AGENT_GONE] = "GONE",     [AGENT_CREATE] = "CREATE", [AGENT_EXEC] = "EXEC",
		[AGENT_SIGNAL] = "SIGNAL", [AGENT_RESIZE] = "RESIZE", [AGENT_NET] = "NET",       [AGENT_UPDATE] = "UPDATE",
		[AGENT_STATS] = "STATS",   [AGENT_PS] = "PS",         [AGENT_END] = "END",
	};

	return (unsigned int)kind < AGENT_KIND_MAX ? names[kind] : NULL;
}

/* Everything was there, and nothing more. */
static int finish(const struct cursor *c, const struct agent_frame *f, struct error *err)
{
	if (!c->bad && !c->left)
		return 0;
	return error_set(err, -EPROTO, "a body of %u bytes is no %s", f->size, name_of(f->kind));
}

static int bounded(const struct text *body, struct error *err)
{
	if (body->failed)
		return error_set(err, -ENOMEM, "out of memory");
	if (body->n > AGENT_BODY_MAX_HOST)
		return error_set(err, -EFBIG, "config.json: %zu bytes are more than a guest takes (%u)", body->n, AGENT_BODY_MAX_HOST);
	return 0;
}

int agent_create_encode(const struct agent_create *c, struct text *body, struct error *err)
{
	text_free(body);
	put32(body, c->flags);
	put32(body, (uint32_t)c->pid);
	put32(body, c->size.rows);
	put32(body, c->size.cols);
	put_string(body, c->id, strlen(c->id));
	put_string(body, c->bundle, strlen(c->bundle));
	put_string(body, c->config, c->config_size);
	return bounded(body, err);
}

int agent_create_decode(const struct agent_frame *f, struct agent_create *out, struct error *err)
{
	struct cursor c = cursor(f);
	struct agent_create got = { .flags = get32(&c) };
	int ret;

	got.pid = (int32_t)get32(&c);
	got.size.rows = get32(&c);
	got.size.cols = get32(&c);
	got.id = get_string(&c, NULL);
	got.bundle = get_string(&c, NULL);
	got.config = get_string(&c, &got.config_size);
	ret = finish(&c, f, err);
	if (ret == 0 && got.flags & ~AGENT_CREATE_FLAGS)
		ret = error_set(err, -EPROTO, "unknown flags 0x%x in CREATE", got.flags);
	if (ret == 0)
		*out = got;
	return ret;
}

int agent_exec_encode(const struct agent_exec *e, struct text *body, struct error *err)
{
	text_free(body);
	put32(body, e->size.rows);
	put32(body, e->size.cols);
	put_string(body, e->process, e->process_size);
	put_string(body, e->cgroup, strlen(e->cgroup));
	return bounded(body, err);
}

int agent_exec_decode(const struct agent_frame *f, struct agent_exec *out, struct error *err)
{
	struct cursor c = cursor(f);
	struct agent_exec got = { 0 };
	int ret;

	got.size.rows = get32(&c);
	got.size.cols = get32(&c);
	got.process = get_string(&c, &got.process_size);
	got.cgroup = get_string(&c, NULL);
	ret = finish(&c, f, err);
	if (ret == 0)
		*out = got;
	return ret;
}

void agent_hello_encode(struct text *body)
{
	text_free(body);
	put32(body, AGENT_MAGIC);
	put32(body, AGENT_VERSION);
}

int agent_hello_check(const struct agent_frame *f, struct error *err)
{
	struct cursor c = cursor(f);
	uint32_t magic = get32(&c), version = get32(&c);

	if (f->kind != AGENT_HELLO || finish(&c, f, NULL) < 0 || magic != AGENT_MAGIC)
		return error_set(err, -EPROTO, "the guest does not greet as our agent does");
	if (version != AGENT_VERSION)
		return error_set(err, -EPROTO, "the agent in the guest speaks version %u, not %u: it belongs to another build", version,
				 AGENT_VERSION);
	return 0;
}

void agent_walk_encode(const struct msg *m, struct text *body)
{
	text_free(body);
	put32(body, (uint32_t)m->kind);
	put32(body, (uint32_t)m->stage);
	put32(body, (uint32_t)m->value);
	put32(body, (uint32_t)m->error.code);
	text_add_bytes(body, m->error.msg, WALK_TEXT);
}

int agent_walk_decode(const struct agent_frame *f, struct msg *out, struct error *err)
{
	struct cursor c = cursor(f);
	uint32_t kind = get32(&c);
	struct msg got = { .kind = kind };
	const void *text;
	int ret;

	got.stage = (int32_t)get32(&c);
	got.value = (int32_t)get32(&c);
	got.error.code = (int32_t)get32(&c);
	text = take(&c, WALK_TEXT);
	ret = finish(&c, f, err);
	if (ret < 0)
		return ret;
	if (kind >= MSG_KIND_MAX)
		return error_set(err, -EPROTO, "a walker's message of kind %u", kind);
	memcpy(got.error.msg, text, WALK_TEXT);
	got.error.msg[WALK_TEXT - 1] = '\0';
	error_tame(got.error.msg);
	*out = got;
	return 0;
}

void agent_exited_encode(const struct agent_exited *e, struct text *body)
{
	text_free(body);
	put64(body, e->oom_kills);
}

int agent_exited_decode(const struct agent_frame *f, struct agent_exited *out, struct error *err)
{
	struct cursor c = cursor(f);
	struct agent_exited got = { get64(&c) };
	int ret = finish(&c, f, err);

	if (ret == 0)
		*out = got;
	return ret;
}

void agent_size_encode(const struct agent_size *s, struct text *body)
{
	text_free(body);
	put32(body, s->rows);
	put32(body, s->cols);
}

int agent_size_decode(const struct agent_frame *f, struct agent_size *out, struct error *err)
{
	struct cursor c = cursor(f);
	struct agent_size got = { .rows = get32(&c) };
	int ret;

	got.cols = get32(&c);
	ret = finish(&c, f, err);
	if (ret == 0)
		*out = got;
	return ret;
}

/* The struct is nothing but these numbers, in this order. */
enum { STATS_NUMBERS = sizeof(struct agent_stats) / sizeof(uint64_t) };
_Static_assert(sizeof(struct agent_stats) == STATS_NUMBERS * sizeof(uint64_t), "agent_stats has room between its numbers");

void agent_stats_encode(const struct agent_stats *s, struct text *body)
{
	uint64_t numbers[STATS_NUMBERS];

	memcpy(numbers, s, sizeof(numbers));
	text_free(body);
	for (int i = 0; i < STATS_NUMBERS; i++)
		put64(body, numbers[i]);
}

int agent_stats_decode(const struct agent_frame *f, struct agent_stats *out, struct error *err)
{
	struct cursor c = cursor(f);
	uint64_t numbers[STATS_NUMBERS];
	int ret;

	for (int i = 0; i < STATS_NUMBERS; i++)
		numbers[i] = get64(&c);
	ret = finish(&c, f, err);
	if (ret == 0)
		memcpy(out, numbers, sizeof(numbers));
	return ret;
}

int agent_text_decode(const struct agent_frame *f, struct error *err)
{
	struct error got = { .code = f->value < 0 && f->value >= -4095 ? f->value : -EPROTO };
	size_t n = f->size < sizeof(got.msg) ? f->size : sizeof(got.msg) - 1;

	if (n)
		memcpy(got.msg, f->body, n);
	got.msg[n] = '\0';
	error_tame(got.msg);
	if (err)
		*err = got;
	return got.code;
}

void agent_reader_free(struct agent_reader *r)
{
	free(r->body);
	*r = AGENT_READER(r->from_guest);
}

/* May the other side say this? */
static int check_head(const struct agent_reader *r, struct error *err)
{
	const struct agent_frame *f = &r->frame;
	uint32_t max = r->from_guest ? AGENT_BODY_MAX_GUEST : AGENT_BODY_MAX_HOST;
	bool theirs = (unsigned int)f->kind < AGENT_WALK, both = (unsigned int)f->kind < AGENT_CREATE;

	if (!name_of(f->kind) || (r->from_guest ? !both : theirs))
		return error_set(err, -EPROTO, "a frame of kind %u from the %s", (unsigned int)f->kind, r->from_guest ? "guest" : "host");
	if (f->size > max)
		return error_set(err, -EPROTO, "%s of %u bytes, at most %u are allowed", name_of(f->kind), f->size, max);
	if (f->id > AGENT_ID_MAX && !(f->kind == AGENT_SIGNAL && f->id == AGENT_EVERYBODY))
		return error_set(err, -EPROTO, "%s for %u, which is no process", name_of(f->kind), f->id);
	return 0;
}

static int take_head(struct agent_reader *r, struct error *err)
{
	struct agent_frame got = { 0 };
	struct cursor c = { r->head, HEAD, false };
	int ret;

	got.kind = get32(&c);
	got.id = get32(&c);
	got.value = (int32_t)get32(&c);
	got.size = get32(&c);
	r->frame = got;
	ret = check_head(r, err);
	if (ret < 0)
		return ret;
	free(r->body);
	r->body = malloc(got.size + 1u);
	return r->body ? 0 : error_set(err, -ENOMEM, "out of memory");
}

/* Where the next bytes go, and how many. */
static size_t wanted(struct agent_reader *r, unsigned char **to)
{
	if (r->whole) {
		r->have = 0;
		r->whole = false;
	}
	if (r->have < HEAD) {
		*to = r->head + r->have;
		return HEAD - r->have;
	}
	*to = r->body + (r->have - HEAD);
	return r->frame.size - (r->have - HEAD);
}

/* n bytes have come where wanted() said. */
static int came(struct agent_reader *r, size_t n, struct agent_frame *out, struct error *err)
{
	bool had_head = r->have >= HEAD;

	r->have += n;
	if (!had_head && r->have == HEAD) {
		int ret = take_head(r, err);

		if (ret < 0)
			return ret;
	}
	if (r->have < HEAD || r->have - HEAD < r->frame.size)
		return 0;
	r->whole = true;
	r->frame.body = r->body;
	*out = r->frame;
	return 1;
}

int agent_reader_feed(struct agent_reader *r, const void *p, size_t n, size_t *used, struct agent_frame *out, struct error *err)
{
	const unsigned char *from = p;
	int ret = 0;

	*used = 0;
	while (ret == 0 && *used < n) {
		unsigned char *to;
		size_t want = wanted(r, &to), some = want < n - *used ? want : n - *used;

		memcpy(to, from + *used, some);
		*used += some;
		ret = came(r, some, out, err);
	}
	return ret;
}

int agent_reader_read(struct agent_reader *r, int fd, struct agent_frame *out, struct error *err)
{
	for (;;) {
		unsigned char *to;
		size_t want = wanted(r, &to);
		ssize_t n = read(fd, to, want);
		int ret;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno != ECONNRESET)
			return error_errno(err, "read from the agent's connection");
		if (n <= 0)
			return error_set(err, -ECONNRESET, "the agent's connection was closed");
		ret = came(r, (size_t)n, out, err);
		if (ret)
			return ret;
	}
}

void agent_frame_encode(const struct agent_frame *f, struct text *to)
{
	put32(to, (uint32_t)f->kind);
	put32(to, f->id);
	put32(to, (uint32_t)f->value);
	put32(to, f->size);
	if (f->size)
		text_add_bytes(to, f->body, f->size);
}

int agent_frame_send(int fd, const struct agent_frame *f, struct error *err)
{
	auto_text struct text bytes = { 0 };
	size_t done = 0;

	agent_frame_encode(f, &bytes);
	if (bytes.failed)
		return error_set(err, -ENOMEM, "out of memory");
	while (done < bytes.n) {
		ssize_t n = send(fd, bytes.v + done, bytes.n - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = { .fd = fd, .events = POLLOUT };

			(void)poll(&p, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			return error_errno(err, "send to the agent's connection");
		} else if (n > 0) {
			done += (size_t)n;
		}
	}
	return 0;
}
