/* agent_host.h: the host's end of the agent's connection (agent.h): in the monitor of a virtual machine.
 *
 *   agent_host_new()      before the machine is made: its connect function stands behind the machine's vsock device
 *   agent_host_bind()     descriptors for the streams of process `id`, before it is asked for
 *   agent_host_channel()  the other end of a walker's channel: what INSIDE says comes out there, what is sent there INSIDE hears
 *   agent_host_start()    a thread does the rest, while the walker of JAIL waits at its rows; the calls named *wait* need it
 *   agent_host_stop()     the thread ends …
 *   agent_host_add()      … and a loop of the caller's does the rest from now on, on whose thread events are told
 *
 * Everything the guest says is checked here, and nothing it says can make the host wait or grow: what is not taken off is bounded, and a guest
 * that talks nonsense has failed. All functions may be called from any thread unless they say otherwise.
 */
#ifndef CORE_AGENT_HOST_H
#define CORE_AGENT_HOST_H

#include "base/loop.h"
#include "core/agent.h"
#include "vmm/virtio/vsock.h"

struct agent_host;

struct agent_host_events {
	/* The agent has greeted: from now on it may be told of the container. On the thread that serves the connection; may be NULL. */
	void (*greeted)(void *data);
	/* Process id has ended (status as from waitpid(2)), and what it wrote before has been handed to the descriptors bound for it. */
	void (*exited)(void *data, uint32_t id, int status, uint64_t oom_kills);
	/* The connection is of no use any more: it ended, or the guest talked nonsense, or the agent gave up. Once, and nothing comes after it. */
	void (*failed)(void *data, const struct error *why);
};

int agent_host_new(const struct agent_host_events *events, void *data, struct agent_host **out, struct error *err);
/* Only when the vsock device is gone. Closes all that was bound or given and not yet handed on. */
void agent_host_free(struct agent_host *h);

/* For vsock_new(), with h as its data; and the device, once it is made, for agent_host to know when all is written. */
int agent_host_connect(void *h, uint32_t port, struct vsock_ends *ends);
void agent_host_set_vsock(struct agent_host *h, struct vsock *vsock);

/* Both descriptors are taken over, also on failure; -EBADF for a direction there is none of. They go to the device when the guest connects. */
int agent_host_bind(struct agent_host *h, uint32_t id, enum agent_stream which, int from_host, int to_host, struct error *err);
/* What of id was not connected to is closed. For an exec that failed. */
void agent_host_unbind(struct agent_host *h, uint32_t id);
/* A SOCK_SEQPACKET descriptor of struct msg (base/channel.h), taken over, also on failure. It is closed when the walker has gone. */
int agent_host_channel(struct agent_host *h, uint32_t id, int channel, struct error *err);

/* `enter` runs first thing on the thread (NULL: nothing): its system call filter. */
int agent_host_start(struct agent_host *h, int (*enter)(void *data, struct error *err), void *data, struct error *err);
void agent_host_stop(struct agent_host *h);
int agent_host_add(struct agent_host *h, struct loop *loop, struct error *err);

/* Waits until the agent has greeted: -ETIMEDOUT, or why it will not. Needs agent_host_start(). */
int agent_host_wait_hello(struct agent_host *h, int timeout_ms, struct error *err);

/* To the guest. Queued, bounded: -ENOBUFS where the guest does not listen; -ENOTCONN where there is none. */
int agent_host_create(struct agent_host *h, const struct agent_create *c, struct error *err);
int agent_host_exec(struct agent_host *h, uint32_t id, const struct agent_exec *e, struct error *err);
int agent_host_signal(struct agent_host *h, uint32_t id, int signo, struct error *err);
int agent_host_resize(struct agent_host *h, uint32_t id, struct agent_size size, struct error *err);
int agent_host_end(struct agent_host *h, struct error *err);

/* NET, UPDATE, STATS, PS: fn is called once with the reply, on the thread that serves the connection: *why with code 0 and the reply's body,
 * or why there is none. At most 16 at a time: -EBUSY. */
typedef void (*agent_host_reply_fn)(void *data, const struct agent_frame *reply, const struct error *why);
int agent_host_ask(struct agent_host *h, enum agent_kind kind, const void *body, uint32_t size, agent_host_reply_fn fn, void *data,
		   struct error *err);
/* The same, and waits for the answer, whose body is not looked at. Needs agent_host_start(). */
int agent_host_ask_wait(struct agent_host *h, enum agent_kind kind, const void *body, uint32_t size, int timeout_ms, struct error *err);

#endif
