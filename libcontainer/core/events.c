/* events.c: stays with a running container and tells what its cgroup counts. See events.h. */
#include "core/events.h"

#include <limits.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/loop.h"
#include "cgroup/oom.h"
#include "core/agent/wire.h"
#include "core/container.h"
#include "core/event_document.h"

#define auto_container __attribute__((cleanup(container_close)))

/* For what no descriptor tells. */
#define POLL_MS 100
/* A guest is asked over a socket. */
#define POLL_GUEST_MS 500
/* Of those killed since the last look, so many are told: a guest may claim what it likes. */
#define KILLS_OF_GUEST_MAX 256

struct events {
	struct container *c;
	struct loop *loop;
	events_line_fn fn;
	void *data;
	long kills;   /* those told already */
	int watch;    /* where a guest's last count comes; -EBADF: nowhere (any more) */
	long last;    /* that count; -1: it has not come */
	int again_ms; /* until the next look at a count that has not moved yet; 0: none is due */
};

static long saturate(uint64_t n)
{
	return n < LONG_MAX / 2 ? (long)n : LONG_MAX / 2;
}

/* How many were killed for memory until now: by the guest's kernel in a virtual machine, and by the host's. */
static long count_kills(const struct events *e)
{
	struct agent_stats guest;

	if (!e->c->isolation->stats)
		return cgroup_oom_kills(e->c->host.cgroup);
	if (e->last >= 0)
		return cgroup_oom_kills(e->c->host.cgroup) + e->last;
	if (cgroup_is_frozen(e->c->host.cgroup) || e->c->isolation->stats(e->c, &guest, NULL) < 0)
		return e->kills;
	return cgroup_oom_kills(e->c->host.cgroup) + saturate(guest.oom_kills);
}

static int tell(struct events *e, int printed, char *line, struct error *err)
{
	int ret = printed < 0 ? printed : e->fn(e->data, line, err);

	free(line);
	return ret;
}

static int tell_stats(struct events *e, struct error *err)
{
	struct cgroup_stats stats;
	struct agent_stats guest;
	bool has_guest = false;
	char *line = NULL;
	int ret = cgroup_stats_read(e->c->host.cgroup, &stats, err);

	if (ret < 0)
		return ret;
	/* A paused machine cannot be asked. */
	if (e->c->isolation->stats && !cgroup_is_frozen(e->c->host.cgroup)) {
		struct error why = ERROR_NONE;

		has_guest = e->c->isolation->stats(e->c, &guest, &why) == 0;
		if (!has_guest)
			log_line(LOG_DEBUG, "container \"%s\": %s", e->c->id, why.msg);
	}
	ret = event_print_stats(e->c->id, &stats, has_guest ? &guest : NULL, &line, err);
	cgroup_stats_free(&stats);
	return tell(e, ret, line, err);
}

/* One line a victim. 1 if there was any. */
static int tell_kills(struct events *e, struct error *err)
{
	long now = count_kills(e);
	int found = 0;

	/* On v1 a sub-cgroup that is gone takes its count along. */
	if (now < e->kills)
		e->kills = now;
	if (e->c->isolation->stats && now - e->kills > KILLS_OF_GUEST_MAX)
		e->kills = now - KILLS_OF_GUEST_MAX;
	for (; e->kills < now; e->kills++) {
		char *line = NULL;
		int ret = event_print_oom(e->c->id, &line, err);

		ret = tell(e, ret, line, err);
		if (ret < 0)
			return ret;
		found = 1;
	}
	return found;
}

static int on_interval(void *data, struct error *err)
{
	struct events *e = data;
	int ret = tell_stats(e, err);

	/* Its end is about to be told: a service manager may have been quicker to remove the cgroup. */
	return ret < 0 && proc_life(&e->c->init) != PROC_ALIVE ? 0 : ret;
}

static int on_poll(void *data, struct error *err)
{
	int ret = tell_kills(data, err);

	return ret < 0 ? ret : 0;
}

/* v1 rings when the limit is hit, and counts the victim when it has chosen one. */
static int on_again(void *data, struct error *err)
{
	enum { AGAIN_MAX = 500 };
	struct events *e = data;
	int ret = tell_kills(e, err);

	if (ret < 0)
		return ret;
	e->again_ms = ret == 0 && e->again_ms < AGAIN_MAX ? e->again_ms * 2 : 0;
	return e->again_ms ? loop_add_timer(e->loop, e->again_ms, 0, on_again, e, err) : 0;
}

static int on_bell(void *data, int fd, uint32_t events, struct error *err)
{
	struct events *e = data;
	char news[4096];
	int ret;

	/* inotify has no more to say of a file that is gone, an eventfd no more of a cgroup. */
	if (events & (EPOLLHUP | EPOLLERR))
		loop_remove(e->loop, fd);
	while (read(fd, news, sizeof(news)) > 0)
		;
	ret = tell_kills(e, err);
	if (ret != 0)
		return ret < 0 ? ret : 0;
	if (e->again_ms) {
		e->again_ms = 1;
		return 0;
	}
	e->again_ms = 1;
	return loop_add_timer(e->loop, e->again_ms, 0, on_again, e, err);
}

/* A guest is off before anybody could ask it what its end was. */
static int on_last(void *data, int fd, uint32_t events, struct error *err)
{
	struct events *e = data;
	uint64_t kills;
	int ret = e->c->isolation->watched(fd, &kills, NULL);

	if (ret == -EAGAIN)
		return 0;
	loop_remove(e->loop, fd);
	close(TAKE_FD(e->watch));
	if (ret < 0)
		return 0;
	e->last = saturate(kills);
	ret = tell_kills(e, err);
	return ret < 0 ? ret : 0;
}

/* Whoever was killed has been counted before it died. */
static int on_end(void *data, int fd, uint32_t events, struct error *err)
{
	struct events *e = data;
	int ret = e->watch >= 0 ? on_last(e, e->watch, 0, err) : 0;

	if (ret == 0)
		ret = tell_kills(e, err);

	return ret < 0 ? ret : 1;
}

/* Kernels without pidfd_open(2). */
static int on_life(void *data, struct error *err)
{
	struct events *e = data;

	return proc_life(&e->c->init) == PROC_ALIVE ? 0 : on_end(e, -1, 0, err);
}

static int run_loop(struct events *e, int interval_ms, struct error *err)
{
	struct error why = ERROR_NONE;
	/* No descriptor tells of a guest. */
	auto_close int bell = e->c->isolation->stats ? -ENODATA : cgroup_oom_watch(e->c->host.cgroup, &why);
	int pidfd = e->c->init.pidfd, poll_ms = e->c->isolation->stats ? POLL_GUEST_MS : POLL_MS, ret;

	/* What died before we came is old news. */
	e->kills = count_kills(e);
	if (e->c->isolation->watch) {
		e->watch = e->c->isolation->watch(e->c, &why);
		ret = e->watch >= 0 ? loop_add(e->loop, e->watch, EPOLLIN, on_last, e, err) : 0;
		if (ret < 0)
			return ret;
	}
	if (bell >= 0)
		ret = loop_add(e->loop, bell, EPOLLIN, on_bell, e, err);
	else if (bell == -ENOTSUP)
		ret = 0;
	else
		ret = loop_add_timer(e->loop, poll_ms, poll_ms, on_poll, e, err);
	if (bell < 0)
		log_line(LOG_DEBUG, "container \"%s\": %s", e->c->id, why.msg);
	if (ret == 0)
		ret = loop_add_timer(e->loop, interval_ms, interval_ms, on_interval, e, err);
	if (ret == 0)
		ret = pidfd >= 0 ? loop_add(e->loop, pidfd, EPOLLIN, on_end, e, err)
				 : loop_add_timer(e->loop, POLL_MS, POLL_MS, on_life, e, err);
	return ret == 0 ? loop_run(e->loop, err) : ret;
}

/* *c is to be closed whatever came out. */
static int load_running(struct container *c, const struct lifecycle_global *g, const char *id,
			struct error *err)
{
	int ret = container_load(c, g, id, false, err);
	enum container_status now;

	if (ret < 0)
		return ret;
	now = container_status(c);
	if (now == CONTAINER_STOPPED || now == CONTAINER_CREATING || !c->host.cgroup)
		return error_set(err, -EINVAL, "container not running");
	if (!cgroup_hierarchies(c->host.cgroup)->name)
		return error_set(err, -ENOTSUP,
				 "container \"%s\": it has no cgroup that could count anything", id);
	return 0;
}

int events_stats(const struct lifecycle_global *g, const char *id, events_line_fn fn, void *data,
		 struct error *err)
{
	auto_container struct container c;
	struct events e = {.c = &c, .fn = fn, .data = data, .watch = -EBADF, .last = -1};
	int ret = load_running(&c, g, id, err);

	return ret < 0 ? ret : tell_stats(&e, err);
}

int events_watch(const struct lifecycle_global *g, const char *id, int interval_ms, events_line_fn fn,
		 void *data, struct error *err)
{
	auto_container struct container c;
	struct events e = {.c = &c, .fn = fn, .data = data, .watch = -EBADF, .last = -1};
	int ret = load_running(&c, g, id, err);

	if (ret == 0)
		ret = loop_new(&e.loop, err);
	if (ret == 0)
		ret = run_loop(&e, interval_ms, err);
	loop_free(e.loop);
	if (e.watch >= 0)
		close(e.watch);
	return ret;
}
