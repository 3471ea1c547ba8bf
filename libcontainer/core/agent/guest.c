/* guest.c: see guest.h. */
#include "core/agent/guest.h"

#include <endian.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/auto.h"
#include "cgroup/stats.h"
#include "core/agent/process.h"
#include "net/link.h"

void agent_tell(struct agent_guest *g, enum agent_kind kind, uint32_t id, int value, const struct text *body)
{
	struct agent_frame f = { .kind = kind, .id = id, .value = value };

	if (g->broken)
		return;
	if (body && body->failed) {
		g->broken = true;
		(void)error_set(&g->why, -ENOMEM, "out of memory");
		return;
	}
	f.size = body ? (uint32_t)body->n : 0;
	f.body = body ? body->v : NULL;
	g->broken = agent_frame_send(g->control, &f, &g->why) < 0;
}

static void add_error(const struct error *why, struct text *body)
{
	text_free(body);
	text_add(body, why->msg);
}

void agent_guest_give_up(int control, const struct error *why)
{
	(void)agent_frame_send(control, &(struct agent_frame){ AGENT_ERROR, 0, why->code, (uint32_t)strlen(why->msg), why->msg }, NULL);
}

static void reply(struct agent_guest *g, int ret, struct text *body, const struct error *why)
{
	if (ret < 0)
		add_error(why, body);
	agent_tell(g, AGENT_REPLY, 0, ret < 0 ? ret : 0, body);
}

static void read_stats(const struct cgroup_stats *s, struct agent_stats *out)
{
	struct sysinfo info;

	*out = (struct agent_stats){
		.cpu_total = s->cpu.total, .cpu_user = s->cpu.user, .cpu_kernel = s->cpu.kernel,
		.memory_usage = s->memory.usage.usage, .memory_max = s->memory.usage.max, .memory_limit = s->memory.usage.limit,
		.memory_cache = s->memory.cache, .memory_swap = s->memory.swap.usage,
		.pids_current = s->pids.current, .pids_limit = s->pids.limit,
	};
	if (sysinfo(&info) < 0)
		return;
	out->guest_total = (uint64_t)info.totalram * info.mem_unit;
	out->guest_free = (uint64_t)info.freeram * info.mem_unit;
}

static int has_container(const struct agent_guest *g, struct error *err)
{
	return g->created && g->container.host.cgroup ? 0 : error_set(err, -ESRCH, "there is no container in the guest");
}

static void answer_stats(struct agent_guest *g)
{
	auto_text struct text body = { 0 };
	struct error err = ERROR_NONE;
	struct cgroup_stats s = { 0 };
	struct agent_stats stats;
	int ret = has_container(g, &err);

	if (ret == 0)
		ret = cgroup_stats_read(g->container.host.cgroup, &s, &err);
	if (ret == 0) {
		long kills = cgroup_oom_kills(g->container.host.cgroup);

		read_stats(&s, &stats);
		stats.oom_kills = kills > 0 ? (uint64_t)kills : 0;
		agent_stats_encode(&stats, &body);
		cgroup_stats_free(&s);
	}
	reply(g, ret, &body, &err);
}

static void answer_ps(struct agent_guest *g)
{
	auto_text struct text body = { 0 };
	struct error err = ERROR_NONE;
	auto_free pid_t *pids = NULL;
	size_t n = 0;
	int ret = has_container(g, &err);

	if (ret == 0)
		ret = cgroup_pids(g->container.host.cgroup, &pids, &n, &err);
	/* As many as a frame holds. */
	for (size_t i = 0; ret == 0 && i < n && body.n < AGENT_BODY_MAX_GUEST; i++)
		text_add_bytes(&body, &(uint32_t){ htole32((uint32_t)pids[i]) }, sizeof(uint32_t));
	reply(g, ret, &body, &err);
}

static void answer_update(struct agent_guest *g, const struct agent_frame *f)
{
	auto_text struct text body = { 0 };
	struct oci_resources *asked = NULL, resources = { 0 };
	struct error err = ERROR_NONE;
	struct oci_memory memory;
	int ret = has_container(g, &err);

	if (ret == 0)
		ret = oci_resources_parse(f->body, f->size, "resources", &asked, &err);
	if (ret == 0)
		ret = agent_spec_resources(asked, &resources, &memory, &err);
	if (ret == 0)
		ret = cgroup_update(g->container.host.cgroup, &resources, !g->container.privileged, &err);
	free(resources.unified.v);
	oci_resources_free(asked);
	reply(g, ret, &body, &err);
}

static void answer_net(struct agent_guest *g, const struct agent_frame *f)
{
	auto_text struct text body = { 0 };
	struct error err = ERROR_NONE;
	struct survey survey;
	int ret = link_loopback_up(&err);

	if (ret == 0 && f->size != sizeof(survey))
		ret = error_set(&err, -EPROTO, "%u bytes are no network", f->size);
	if (ret == 0) {
		memcpy(&survey, f->body, sizeof(survey));
		if (g->config->network)
			ret = g->config->network(&survey, &err);
		else if (survey.n_devices)
			ret = error_set(&err, -ENOTSUP, "there is no network here but the loopback");
	}
	reply(g, ret, &body, &err);
}

/* What the host says: it is believed, but understood. 1: that is the end. */
static int obey(struct agent_guest *g, const struct agent_frame *f, struct error *err)
{
	struct agent_size size;
	struct msg m;
	int ret = 0;

	switch (f->kind) {
	case AGENT_CREATE:
		agent_process_create(g, f);
		return 0;
	case AGENT_EXEC:
		agent_process_exec(g, f);
		return 0;
	case AGENT_WALK:
		ret = agent_walk_decode(f, &m, err);
		if (ret == 0)
			agent_process_walk(g, f->id, &m);
		return ret;
	case AGENT_GONE:
		agent_process_gone(g, f->id);
		return 0;
	case AGENT_SIGNAL:
		agent_process_signal(g, f->id, f->value);
		return 0;
	case AGENT_RESIZE:
		ret = agent_size_decode(f, &size, err);
		if (ret == 0)
			agent_process_resize(g, f->id, &size);
		return ret;
	case AGENT_NET:
		answer_net(g, f);
		return 0;
	case AGENT_UPDATE:
		answer_update(g, f);
		return 0;
	case AGENT_STATS:
		answer_stats(g);
		return 0;
	case AGENT_PS:
		answer_ps(g);
		return 0;
	default:
		return 1;
	}
}

static int on_control(void *data, int fd, uint32_t events, struct error *err)
{
	struct agent_guest *g = data;
	struct agent_frame f;
	int ret;

	while ((ret = agent_reader_read(&g->reader, fd, &f, err)) > 0) {
		ret = obey(g, &f, err);
		if (ret)
			return ret;
	}
	return ret;
}

static int on_signal(void *data, const struct signalfd_siginfo *info, struct error *err)
{
	if (info->ssi_signo == SIGCHLD)
		agent_process_reap(data);
	return 0;
}

static int serve(struct agent_guest *g, struct error *err)
{
	auto_text struct text hello = { 0 };
	sigset_t all;
	int ret = loop_new(&g->loop, err);

	sigfillset(&all);
	if (ret == 0)
		ret = loop_add_signals(g->loop, &all, on_signal, g, err);
	if (ret == 0)
		ret = loop_add(g->loop, g->control, EPOLLIN, on_control, g, err);
	if (ret < 0)
		return ret;
	agent_hello_encode(&hello);
	agent_tell(g, AGENT_HELLO, 0, 0, &hello);
	return g->broken ? error_set(err, g->why.code, "%s", g->why.msg) : loop_run(g->loop, err);
}

int agent_guest_run(const struct agent_guest_config *config, struct error *err)
{
	struct agent_guest *g = calloc(1, sizeof(*g));
	int ret;

	if (!g)
		return error_set(err, -ENOMEM, "out of memory");
	g->config = config;
	g->control = config->control;
	g->reader = AGENT_READER(false);
	ret = fcntl(g->control, F_SETFL, O_NONBLOCK) < 0 ? error_errno(err, "the host's connection") : serve(g, err);
	agent_process_free_all(g);
	loop_free(g->loop);
	agent_reader_free(&g->reader);
	close(g->control);
	free(g);
	return ret;
}
