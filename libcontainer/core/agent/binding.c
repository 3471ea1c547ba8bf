/* binding.c: see binding.h. */
#include "core/agent/binding.h"

#include <unistd.h>

static void close_ends(const struct vsock_ends *e)
{
	if (e->from_host >= 0)
		close(e->from_host);
	if (e->to_host >= 0 && e->to_host != e->from_host)
		close(e->to_host);
}

void agent_bindings_init(struct agent_bindings *b)
{
	pthread_mutex_init(&b->lock, NULL);
	b->n = 0;
}

void agent_bindings_fini(struct agent_bindings *b)
{
	agent_bindings_drop(b, 0, UINT32_MAX);
	pthread_mutex_destroy(&b->lock);
}

int agent_bindings_add(struct agent_bindings *b, uint32_t port, const struct vsock_ends *ends, struct error *err)
{
	bool full;

	pthread_mutex_lock(&b->lock);
	full = b->n == AGENT_BINDINGS_MAX;
	if (!full)
		b->v[b->n++] = (struct agent_binding){ port, *ends };
	pthread_mutex_unlock(&b->lock);
	if (full)
		close_ends(ends);
	return full ? error_set(err, -ENOBUFS, "too many streams wait for the guest to connect to them") : 0;
}

int agent_bindings_take(struct agent_bindings *b, uint32_t port, struct vsock_ends *ends)
{
	int ret = -ECONNREFUSED;

	pthread_mutex_lock(&b->lock);
	for (size_t i = 0; ret < 0 && i < b->n; i++)
		if (b->v[i].port == port) {
			*ends = b->v[i].ends;
			b->v[i] = b->v[--b->n];
			ret = 0;
		}
	pthread_mutex_unlock(&b->lock);
	return ret;
}

void agent_bindings_drop(struct agent_bindings *b, uint32_t first, uint32_t last)
{
	pthread_mutex_lock(&b->lock);
	for (size_t i = b->n; i-- > 0;)
		if (b->v[i].port >= first && b->v[i].port <= last) {
			close_ends(&b->v[i].ends);
			b->v[i] = b->v[--b->n];
		}
	pthread_mutex_unlock(&b->lock);
}
