/* pipeline.c: walks a list of stages together with other processes. See pipeline.h. */
#include "core/pipeline.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

const struct stage *pipeline_stage(const struct pipeline *p, int i)
{
	if (i < 0)
		return NULL;
	for (const struct stage *const *seg = p->segments; *seg; seg++)
		for (const struct stage *s = *seg; s->name; s++)
			if (i-- == 0)
				return s;
	return NULL;
}

int pipeline_find(const struct pipeline *p, enum place place, const char *name)
{
	const struct stage *s;

	for (int i = 0; (s = pipeline_stage(p, i)); i++)
		if (s->place == place && !strcmp(s->name, name))
			return i;
	return -1;
}

static bool counts(const struct stage *s, const struct container *c)
{
	return !s->needed || s->needed(c);
}

void pipeline_undo(struct pipeline *p, struct container *c)
{
	for (int i = PIPELINE_STAGES_MAX - 1; i >= 0; i--) {
		const struct stage *s = p->ran >> i & 1 ? pipeline_stage(p, i) : NULL;

		if (s && s->place == p->me && s->undo)
			s->undo(c);
	}
	p->ran = 0;
}

void pipeline_undo_all(struct pipeline *p, struct container *c)
{
	p->ran = ~UINT64_C(0);
	pipeline_undo(p, c);
}

/* The last row of this place that counts, or -1. */
static int last_of(const struct pipeline *p, const struct container *c, enum place place)
{
	const struct stage *s;
	int last = -1;

	for (int i = 0; (s = pipeline_stage(p, i)); i++)
		if (s->place == place && counts(s, c))
			last = i;
	return last;
}

/* A neighbour that is gone is no error here: its last words are still to be heard, or its silence. */
static int tell(const struct pipeline *p, const struct msg *m, int not_to, struct error *err)
{
	for (int to = 0; to < PLACE_MAX; to++) {
		struct msg theirs = *m;
		int ret;

		theirs.stage -= p->shift[to];
		ret = to == not_to || p->peer[to] < 0 ? 0 : channel_send(p->peer[to], &theirs, -EBADF, err);

		if (ret < 0 && ret != -EPIPE && ret != -ECONNRESET)
			return ret;
	}
	return 0;
}

int pipeline_tell_done(const struct pipeline *p, struct error *err)
{
	return tell(p, &(struct msg){ .kind = MSG_DONE, .stage = p->at }, -1, err);
}

/* A neighbour speaks for itself and for those behind it, never for this side: a guest that claims the host's stages
 * are done is lying. */
static bool speaks_for(const struct pipeline *p, enum place from, int stage)
{
	const struct stage *s = pipeline_stage(p, stage);

	return s && (from > p->me ? s->place >= from : s->place <= from);
}

static int wait_only(struct pollfd fds[PLACE_MAX], struct error *err)
{
	while (poll(fds, PLACE_MAX, -1) < 0)
		if (errno != EINTR)
			return error_errno(err, "poll");
	return 0;
}

/* The next message from any neighbour, passed on to the other ones. A neighbour with no stage left may leave; one that
 * has some may not. */
static int hear(struct pipeline *p, struct container *c, struct msg *m, struct error *err)
{
	for (;;) {
		struct pollfd fds[PLACE_MAX];
		int from = 0, ret;

		for (int i = 0; i < PLACE_MAX; i++)
			fds[i] = (struct pollfd){ .fd = p->peer[i], .events = POLLIN };
		ret = p->wait ? p->wait(c, fds, PLACE_MAX, err) : wait_only(fds, err);
		if (ret < 0)
			return ret;
		while (from < PLACE_MAX && !fds[from].revents)
			from++;
		if (from == PLACE_MAX)
			continue;
		ret = channel_recv(p->peer[from], m, NULL, err);
		if (ret == 0 && m->kind == MSG_LOG) {
			log_foreign(LOG_DEBUG, m->error.msg);
			continue;
		}
		if (ret == 0 && (__builtin_add_overflow(m->stage, p->shift[from], &m->stage) || !speaks_for(p, from, m->stage)))
			return error_set(err, -EPROTO, "peer speaks for stage %d", m->stage);
		if (ret == 0)
			return tell(p, m, from, err);
		if (ret != -ECONNRESET || last_of(p, c, from) >= p->at)
			return ret;
		close(p->peer[from]);
		p->peer[from] = -EBADF;
	}
}

/* Waits until another walker says that its stages are done; p->at moves past them. */
static int await(struct pipeline *p, struct container *c, struct error *err)
{
	struct msg m;
	int ret = hear(p, c, &m, err);

	if (ret < 0) {
		const char *name = pipeline_stage(p, p->at)->name;

		/* It may have got further than it said. */
		if (ret == -ECONNRESET)
			error_set(err, ret, "the process that becomes the container died without a word, at \"%s\" or later", name);
		else
			error_wrap(err, "waiting for %s", name);
		tell(p, &(struct msg){ .kind = MSG_FAIL, .stage = p->at, .error = *err }, -1, NULL);
		return err ? err->code : ret;
	}
	if (m.kind == MSG_FAIL)
		return error_set(err, m.error.code < 0 ? m.error.code : -EPROTO, "%s", m.error.msg);
	/* Older news is no news; and nobody moves this walker past a stage of its own. */
	while (p->at <= m.stage) {
		const struct stage *s = pipeline_stage(p, p->at);

		if (s->place == p->me && counts(s, c))
			break;
		p->at++;
	}
	return 0;
}

static int run_stage(struct pipeline *p, int i, struct container *c, struct error *err)
{
	const struct stage *s = pipeline_stage(p, i);
	int ret;

	p->ran |= UINT64_C(1) << i;
	ret = s->run(c, err);
	if (ret < 0)
		tell(p, &(struct msg){ .kind = MSG_FAIL, .stage = i, .error = err ? *err : ERROR_NONE }, -1, NULL);
	return ret;
}

/* What may be done while another walker is at work. */
static int run_ahead(struct pipeline *p, struct container *c, struct error *err)
{
	const struct stage *s;
	int ret = 0;

	for (int i = p->at; ret == 0 && (s = pipeline_stage(p, i)); i++)
		if (s->ahead && s->place == p->me && !(p->ran >> i & 1) && counts(s, c))
			ret = run_stage(p, i, c, err);
	return ret;
}

static int run_own(struct pipeline *p, struct container *c, struct error *err)
{
	const struct stage *next;
	struct msg done = { .kind = MSG_DONE, .stage = p->at };
	int ret = p->ran >> p->at & 1 ? 0 : run_stage(p, p->at, c, err);

	if (ret < 0)
		return ret;
	do {
		next = pipeline_stage(p, ++p->at);
	} while (next && !counts(next, c));
	return next && next->place != p->me ? tell(p, &done, -1, err) : 0;
}

int pipeline_run(struct pipeline *p, struct container *c, struct error *err)
{
	int last = last_of(p, c, p->me), ret = 0;

	while (ret == 0 && p->at <= last) {
		const struct stage *s = pipeline_stage(p, p->at);

		if (!counts(s, c)) {
			p->at++;
			continue;
		}
		if (s->place == p->me) {
			ret = run_own(p, c, err);
			continue;
		}
		ret = run_ahead(p, c, err);
		if (ret == 0)
			ret = await(p, c, err);
	}
	if (ret < 0 && p->explain)
		p->explain(c, err);
	if (ret < 0)
		pipeline_undo(p, c);
	return ret;
}

int pipeline_watch(int peer, const char *what, struct error *err)
{
	bool done = false;

	for (;;) {
		struct msg m;
		int ret = channel_recv(peer, &m, NULL, err);

		if (ret == -ECONNRESET && done)
			return 0;
		if (ret == -ECONNRESET)
			return error_set(err, -ECONNRESET, "%s died before its program was executed", what);
		if (ret < 0)
			return ret;
		if (m.kind == MSG_FAIL)
			return error_set(err, m.error.code < 0 ? m.error.code : -EPROTO, "%s", m.error.msg);
		if (m.kind == MSG_LOG)
			log_foreign(LOG_DEBUG, m.error.msg);
		else
			done = true;
	}
}
