/* wire.h: what the monitor of a virtual machine and the agent in it say to each other.
 *
 * The guest connects, by vsock, to two kinds of the host's ports:
 *
 *   AGENT_PORT_CONTROL                 one connection, frames in both directions
 *   agent_port(id, which)              one a stream of a process: raw bytes from the first to the last, a half-close is the end of file. So the
 *                                      monitor can put the host's descriptor behind it, and nobody looks at the bytes
 *
 * id 0 is the container's first process, 1 … are those of exec; the host chooses them, and each is used once.
 *
 *   host                               guest
 *     |<-- HELLO ------------------------|   it is up; nothing of the container is known there yet
 *     |--- CREATE ---------------------->|   the agent bears the walker of INSIDE
 *     |<-- WALK 0 -----------------------|   what the walker says …
 *     |--- WALK 0 ---------------------->|   … and hears (core/pipeline.h)
 *     |--- NET ------------------------->|   the network, as it is when the container is started
 *     |<-- REPLY ------------------------|
 *     |<-- WALK 0 (the last row done) ---|   the program runs: it was executed
 *     |--- EXEC 1 ---------------------->|   the same for one more process
 *     |<-- WALK 1, EXITED 1 -------------|
 *     |<-- EXITED 0 ---------------------|   all that the processes wrote is on its way already
 *     |--- END ------------------------->|   nobody waits for anything any more: the guest powers off
 *
 * A frame is a header and `size` bytes of body; numbers are little-endian. Everything the guest says has a fixed shape; the host parses no
 * document of it.
 */
#ifndef CORE_AGENT_WIRE_H
#define CORE_AGENT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/channel.h"
#include "base/str.h"

#define AGENT_MAGIC   0x6e616372 /* in HELLO */
#define AGENT_VERSION 1u         /* both ends come from one build; another number is an error, never a negotiation */
#define AGENT_CID_HOST  2
#define AGENT_CID_GUEST 3
#define AGENT_PORT_CONTROL 1
#define AGENT_PORT_STREAMS 0x10000
#define AGENT_PEER_PORT_MAX 1023 /* of the guest: not every user of the container can have one of these, and so get hold of another's stream */
#define AGENT_ID_MAX 0x0fffffff
#define AGENT_EVERYBODY UINT32_MAX /* as the id of SIGNAL: every process of the container */
#define AGENT_BODY_MAX_GUEST (64u << 10) /* what the guest may send in one frame */
#define AGENT_BODY_MAX_HOST (1u << 20)   /* what the host may: a config.json */

enum agent_stream { AGENT_STDIN, AGENT_STDOUT, AGENT_STDERR, AGENT_TERMINAL, AGENT_STREAM_MAX };

static inline uint32_t agent_port(uint32_t id, enum agent_stream which)
{
	return AGENT_PORT_STREAMS + id * AGENT_STREAM_MAX + which;
}
/* False where the port is no stream's. */
bool agent_port_parse(uint32_t port, uint32_t *id, enum agent_stream *which);

enum agent_kind {
	/* from the guest */
	AGENT_HELLO = 1, /* body: magic and version */
	AGENT_EXITED,    /* id ended, also one whose walker failed: the last word of each CREATE and EXEC; value: as from waitpid(2); body: agent_exited */
	AGENT_REPLY,     /* to NET, UPDATE, STATS and PS, in their order; id as theirs; value: 0 or -errno, then the body is its text */
	AGENT_ERROR,     /* the agent itself cannot go on; value: -errno; body: why */
	/* both ways */
	AGENT_WALK = 16, /* body: a struct msg from or to the walker `id` */
	AGENT_GONE,      /* no body: the walker `id`, or whoever listened to it, has closed its end. From the guest: unless WALK said before that
			  * its last row is done, it died without a word */
	/* from the host */
	AGENT_CREATE = 32, /* body: agent_create */
	AGENT_EXEC,        /* id; body: agent_exec */
	AGENT_SIGNAL,      /* id or AGENT_EVERYBODY; value: signo. One that is gone already is no error */
	AGENT_RESIZE,      /* id; body: agent_size */
	AGENT_NET,         /* body: the network's own, see net/ */
	AGENT_UPDATE,      /* body: linux.resources as JSON */
	AGENT_STATS,       /* no body; the reply's is agent_stats */
	AGENT_PS,          /* no body; the reply's is pids (u32 each) as the guest counts */
	AGENT_END,         /* no body: power off */
	AGENT_KIND_MAX,
};

struct agent_frame {
	enum agent_kind kind;
	uint32_t id;
	int32_t value;
	uint32_t size;    /* of the body, in bytes */
	const void *body; /* borrowed */
};

struct agent_exited {
	uint64_t oom_kills; /* of the container's cgroup in the guest, ever */
};

struct agent_size {
	uint32_t rows, cols;
};

/* Times in nanoseconds, memory in bytes; a limit that is none is UINT64_MAX. */
struct agent_stats {
	uint64_t cpu_total, cpu_user, cpu_kernel;
	uint64_t memory_usage, memory_max, memory_limit, memory_cache, memory_swap;
	uint64_t pids_current, pids_limit;
	uint64_t oom_kills;
	uint64_t guest_total, guest_free; /* of the guest's whole memory */
};

/* What the guest cannot know by itself. Its walker begins at row 1 of its list (core/stages.h). */
#define AGENT_NO_NEW_KEYRING (1u << 0)
#define AGENT_NO_PIVOT       (1u << 1)
#define AGENT_CREATE_FLAGS   (AGENT_NO_NEW_KEYRING | AGENT_NO_PIVOT)

struct agent_create {
	uint32_t flags;
	int32_t pid;           /* the monitor's, as the host counts: the container's pid in documents for hooks */
	struct agent_size size; /* of the terminal; 0: unknown */
	const char *id, *bundle;
	const char *config;    /* config.json */
	uint32_t config_size;
};

struct agent_exec {
	struct agent_size size; /* of the terminal; 0: unknown */
	const char *process;    /* a process document; complete, nothing is taken from the container's config but what it leaves out */
	uint32_t process_size;
	const char *cgroup;     /* a sub-cgroup, relative to the container's; "": its own */
};

/* To frames: body is replaced; text_free() by the caller. -EFBIG where a body would be larger than AGENT_BODY_MAX_HOST. */
int agent_create_encode(const struct agent_create *c, struct text *body, struct error *err);
int agent_exec_encode(const struct agent_exec *e, struct text *body, struct error *err);
void agent_hello_encode(struct text *body);
void agent_walk_encode(const struct msg *m, struct text *body);
void agent_exited_encode(const struct agent_exited *e, struct text *body);
void agent_size_encode(const struct agent_size *s, struct text *body);
void agent_stats_encode(const struct agent_stats *s, struct text *body);

/* From frames: -EPROTO unless the body has exactly this shape; *out untouched then. Strings point into the body and end in NUL. A walker's
 * message comes out as channel_recv() would give it: kind checked, text ended and tamed. */
int agent_create_decode(const struct agent_frame *f, struct agent_create *out, struct error *err);
int agent_exec_decode(const struct agent_frame *f, struct agent_exec *out, struct error *err);
int agent_hello_check(const struct agent_frame *f, struct error *err);
int agent_walk_decode(const struct agent_frame *f, struct msg *out, struct error *err);
int agent_exited_decode(const struct agent_frame *f, struct agent_exited *out, struct error *err);
int agent_size_decode(const struct agent_frame *f, struct agent_size *out, struct error *err);
int agent_stats_decode(const struct agent_frame *f, struct agent_stats *out, struct error *err);
/* The text of an ERROR, or of a REPLY that is one, as an error: bounded, tamed, with its code. */
int agent_text_decode(const struct agent_frame *f, struct error *err);

/* Puts frames together from a stream, byte by byte if need be. */
struct agent_reader {
	bool from_guest;          /* which kinds and sizes may come */
	unsigned char head[16];
	size_t have;              /* bytes of the head, then of the body */
	bool whole;               /* the frame was given out */
	struct agent_frame frame; /* once the head is whole */
	unsigned char *body;
};
#define AGENT_READER(guest) ((struct agent_reader){ .from_guest = (guest) })
void agent_reader_free(struct agent_reader *r);
/* Takes at most n bytes of p and says how many in *used. 1: *out is a frame, its body valid until the next call; 0: more is needed;
 * -EPROTO: no frame, or none that this side may send; -ENOMEM. */
int agent_reader_feed(struct agent_reader *r, const void *p, size_t n, size_t *used, struct agent_frame *out, struct error *err);
/* The same from a descriptor: 0 also where it would block; -ECONNRESET at its end. */
int agent_reader_read(struct agent_reader *r, int fd, struct agent_frame *out, struct error *err);

/* The bytes of a frame, appended. */
void agent_frame_encode(const struct agent_frame *f, struct text *to);
/* Writes one whole frame; waits for room also on a descriptor that does not block. For the guest: the host bears with no such wait
 * (core/agent/host.h). */
int agent_frame_send(int fd, const struct agent_frame *f, struct error *err);

#endif
