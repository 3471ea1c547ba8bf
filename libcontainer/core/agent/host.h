/* host.h: the host's end of the agent's connection (wire.h): in the monitor of a virtual machine.
 *
 *   agent_host_new()      before the machine is made: its connect function stands behind the machine's vsock device
 *   agent_host_bind()     descriptors for the streams of process `id`, before it is asked for
 *   agent_host_channel()  the other end of a walker's channel: what INSIDE says comes out there, what is sent there INSIDE hears
 *   agent_host_add()      a loop of the caller's does the rest, on whose thread events are told and all else is to be called
 *
 * Everything the guest says is checked here, and nothing it says can make the host wait or grow: what is not taken off is bounded, and a guest
 * that talks nonsense has failed.
 */
#ifndef CORE_AGENT_HOST_H
#define CORE_AGENT_HOST_H

#include "base/loop.h"
#include "core/agent/wire.h"
#include "vmm/virtio/vsock.h"

struct agent_host;

struct agent_host_events {
	/* The agent has greeted: from now on it may be told of the container. May be NULL. */
	void (*greeted)(void *data);
	/* Process id has ended (status as from waitpid(2)), and what it wrote before has been handed to the descriptors bound for it. Told once of
	 * each that was asked for, unless the connection fails before. May be NULL. */
	void (*exited)(void *data, uint32_t id, int status, uint64_t oom_kills);
	/* The connection is of no use any more: it ended, or the guest talked nonsense, or the agent gave up. Once, and nothing comes after it. */
	void (*failed)(void *data, const struct error *why);
};

/* None of these may free h. */
int agent_host_new(const struct agent_host_events *events, void *data, struct agent_host **out, struct error *err);
/* When the vsock device is gone, and before the loop is. Closes all that was bound or given and not yet handed on. */
void agent_host_free(struct agent_host *h);

/* For vsock_new(), with h as its data, on whatever thread the device works; and the device, once it is made, to hear from it when all is
 * written. */
int agent_host_connect(void *h, uint32_t port, uint32_t peer, struct vsock_ends *ends);
void agent_host_set_vsock(struct agent_host *h, struct vsock *vsock);

/* Both descriptors are taken over, also on failure; -EBADF for a direction there is none of. They go to the device when the guest connects. */
int agent_host_bind(struct agent_host *h, uint32_t id, enum agent_stream which, int from_host, int to_host, struct error *err);
/* What of id was not connected to is closed; and its channel, if it was not asked for yet. For an exec that failed. */
void agent_host_unbind(struct agent_host *h, uint32_t id);
/* A SOCK_SEQPACKET descriptor of struct msg (base/channel.h), taken over, also on failure. It is closed when the walker has gone. */
int agent_host_channel(struct agent_host *h, uint32_t id, int channel, struct error *err);

/* Once; the loop has to outlive h. */
int agent_host_add(struct agent_host *h, struct loop *loop, struct error *err);

/* To the guest. Queued, bounded: -ENOBUFS where the guest does not listen; -ENOTCONN where there is none, or it has not greeted yet. */
int agent_host_create(struct agent_host *h, const struct agent_create *c, struct error *err);
int agent_host_exec(struct agent_host *h, uint32_t id, const struct agent_exec *e, struct error *err);
int agent_host_signal(struct agent_host *h, uint32_t id, int signo, struct error *err);
int agent_host_resize(struct agent_host *h, uint32_t id, struct agent_size size, struct error *err);
int agent_host_end(struct agent_host *h, struct error *err);

/* NET, UPDATE, STATS, PS: fn is called once, from the loop or from agent_host_free(), with *why: code 0, and then the reply; or why there is
 * none (reply NULL). At most 16 at a time: -EBUSY. */
typedef void (*agent_host_reply_fn)(void *data, const struct agent_frame *reply, const struct error *why);
int agent_host_ask(struct agent_host *h, enum agent_kind kind, const void *body, uint32_t size, agent_host_reply_fn fn, void *data,
		   struct error *err);

#endif
