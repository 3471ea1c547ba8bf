/* control.h: the socket by which later commands reach the monitor of a running virtual machine: "control" in the container's folder.
 *
 *   exec                                the monitor
 *     |--- EXEC, descriptors ------------->|   the process document (a memfd), then its streams: 0 to 2, or a terminal
 *     |<-- STARTED ------------------------|   the program runs in the guest …
 *     |<-- FAILED -------------------------|   … or does not, in these words; nothing follows
 *     |--- SIGNAL, RESIZE ---------------->|   to that process, any number of them
 *     |    (closed)                        |   whoever asked is gone: the process is killed
 *     |<-- EXITED -------------------------|   its wait status; nothing follows
 *
 *   kill, update, events                the monitor
 *     |--- SIGNAL, UPDATE, STATS, SHRINK ->|   on a fresh connection: the container's
 *     |<-- DONE or FAILED -----------------|
 *     |--- WATCH ------------------------->|   that DONE comes when the container has ended
 *
 * One fixed shape, both ends of one build. Only who may open the state folder can connect; the monitor trusts these commands as the kernel
 * trusts kill(2).
 */
#ifndef CORE_VM_CONTROL_H
#define CORE_VM_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "core/agent/wire.h"

enum control_kind {
	CONTROL_EXEC = 1, /* descriptors: process.json, then the streams; flags: control_flags; cgroup, rows, cols */
	CONTROL_SIGNAL,   /* value: signo. Of a connection with an EXEC: to that process; else to the first, or with CONTROL_EVERYBODY to all */
	CONTROL_RESIZE,   /* rows, cols; as SIGNAL */
	CONTROL_UPDATE,   /* descriptor: linux.resources as JSON */
	CONTROL_STATS,
	CONTROL_SHRINK,   /* bytes: how much of its memory the guest shall give back, from now on */
	CONTROL_WATCH,    /* DONE comes when the container has ended, with stats.oom_kills and nothing else; see control_watch() */
	CONTROL_STARTED,
	CONTROL_FAILED,   /* error */
	CONTROL_EXITED,   /* value: as from waitpid(2) */
	CONTROL_DONE,     /* of STATS: stats; of SHRINK: bytes, how much it says it has given back so far */
	CONTROL_KIND_MAX,
};

enum { CONTROL_TERMINAL = 1, CONTROL_EVERYBODY = 2 }; /* flags */
#define CONTROL_FDS_MAX 4

struct control_msg {
	enum control_kind kind;
	int value;
	unsigned int flags, rows, cols;
	char cgroup[256]; /* "": the container's own */
	union {
		struct error error;
		struct agent_stats stats;
		uint64_t bytes;
	};
};

/* The listening socket, bound to "control" in the folder, for its owner only. */
int control_open(int folder, struct error *err);
/* -ESRCH where nobody listens. */
int control_connect(int folder, struct error *err);

/* The descriptors stay the caller's. -EPIPE where the other end is gone. */
int control_send(int fd, const struct control_msg *m, const int *fds, size_t n, struct error *err);
/* One message and *n descriptors in fds[CONTROL_FDS_MAX], close-on-exec and the caller's. -ECONNRESET at the end; -EPROTO for what is no
 * message. Waits. */
int control_recv(int fd, struct control_msg *m, int *fds, size_t *n, struct error *err);

/* A whole question of `kill`, `update` and `events`: connects, sends, hears DONE (*answer, may be NULL) or the failure. */
int control_ask(int folder, const struct control_msg *m, const int *fds, size_t n, struct control_msg *answer, struct error *err);

/* For `events`: how many were killed for memory until the container's end cannot be asked afterwards, so it is told then. The descriptor does
 * not block, and is readable once there is news for control_watched(): -EAGAIN: not yet; -ECONNRESET: it ended and told nothing. */
int control_watch(int folder, struct error *err);
int control_watched(int fd, uint64_t *oom_kills, struct error *err);

/* A memfd with this text, read from its start. */
int control_text(const char *text, size_t n, struct error *err);

#endif
