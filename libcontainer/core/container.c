/* container.c: struct container, as every walker has it. See container.h; container_load.c is where one comes from. */
#include "core/container.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/table.h"
#include "oci-spec/state.h"

const char *const container_status_names[] = { "creating", "created", "running", "paused", "stopped", NULL };
NAMES_COMPLETE(container_status_names, CONTAINER_STATUS_MAX);

void container_tell_memory(long long limit, struct error *err)
{
	/* The host's memory, or the limit of a cgroup above. */
	if (limit < 0)
		(void)error_set(err, -ENOMEM, "killed: out of memory");
	else
		(void)error_set(err, -ENOMEM, "killed: memory limit of %lld %s reached", limit < 1 << 20 ? limit >> 10 : limit >> 20,
				limit < 1 << 20 ? "KiB" : "MiB");
}

void container_init(struct container *c, const struct lifecycle_global *global)
{
	*c = (struct container){
		.global = global,
		.init = PROC_NONE,
		.host = { .store = STORE_NONE, .ns = NS_PLAN_NONE, .terminal = -EBADF },
		.carried = { .gate = -EBADF, .proc = -EBADF, .listener = -EBADF, .console_socket = -EBADF },
		.control = -EBADF,
		.jail = { .terminal = -EBADF },
		.inside = { .root = { .fd = -EBADF, .proc = -EBADF }, .plan = EXEC_PLAN_NONE },
	};
}

static char *copy(const char *s, bool *failed)
{
	char *p = s ? strdup(s) : NULL;

	*failed |= s && !p;
	return p;
}

int container_state(const struct container *c, enum container_status status, int pid, struct oci_state **out, struct error *err)
{
	const struct pairs *from = c->saved ? &c->saved->annotations : &c->spec->annotations;
	struct oci_state *s = calloc(1, sizeof(*s));
	bool failed = !s;

	if (s) {
		s->oci_version = copy(OCI_VERSION, &failed);
		s->id = copy(c->id, &failed);
		s->status = copy(container_status_names[status], &failed);
		s->bundle = copy(c->bundle, &failed);
		s->pid = (struct opt_int){ true, status == CONTAINER_STOPPED ? 0 : pid };
		s->annotations.v = from->n ? calloc(from->n + 1, sizeof(*s->annotations.v)) : NULL;
		failed |= from->n && !s->annotations.v;
		for (size_t i = 0; !failed && i < from->n; i++) {
			s->annotations.v[i].key = copy(from->v[i].key, &failed);
			s->annotations.v[i].value = copy(from->v[i].value, &failed);
			s->annotations.n++;
		}
	}
	if (failed) {
		oci_state_free(s);
		return error_set(err, -ENOMEM, "out of memory");
	}
	*out = s;
	return 0;
}

void container_walk_on(struct container *c, enum place me, int peer)
{
	enum place up = c->line.me;
	struct error err = ERROR_NONE;

	for (int i = 0; i < PLACE_MAX; i++)
		if (c->line.peer[i] >= 0)
			close(c->line.peer[i]);
	c->line = (struct pipeline){ c->line.segments, me, c->line.at + 1, 0, { -EBADF, -EBADF, -EBADF }, { 0 }, NULL, NULL };
	c->line.peer[up] = peer;
	_exit(pipeline_run(&c->line, c, &err) < 0 ? 1 : 0);
}
