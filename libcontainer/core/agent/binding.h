/* binding.h: which descriptors stand behind which port of the host's, until the guest connects to it.
 *
 * Whoever binds and the thread of the vsock device that connects are two: there is a lock inside.
 */
#ifndef CORE_AGENT_BINDING_H
#define CORE_AGENT_BINDING_H

#include <pthread.h>

#include "base/error.h"
#include "vmm/virtio/vsock.h"

enum { AGENT_BINDINGS_MAX = 256 };

struct agent_bindings {
	pthread_mutex_t lock;
	struct agent_binding {
		uint32_t port;
		struct vsock_ends ends;
	} v[AGENT_BINDINGS_MAX];
	size_t n;
};

void agent_bindings_init(struct agent_bindings *b);
/* Closes what is left. */
void agent_bindings_fini(struct agent_bindings *b);
/* The ends are taken over, also on failure: -ENOBUFS. */
int agent_bindings_add(struct agent_bindings *b, uint32_t port, const struct vsock_ends *ends, struct error *err);
/* They are the caller's, and nobody else can have them; -ECONNREFUSED where there are none. */
int agent_bindings_take(struct agent_bindings *b, uint32_t port, struct vsock_ends *ends);
/* Closes those of a range of ports. */
void agent_bindings_drop(struct agent_bindings *b, uint32_t first, uint32_t last);

#endif
