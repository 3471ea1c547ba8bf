/* process.h: in the guest: the processes that the host has asked for, from their walker to their end. See guest.h. */
#ifndef CORE_AGENT_PROCESS_H
#define CORE_AGENT_PROCESS_H

#include <sys/types.h>

#include "core/agent/guest.h"
#include "core/agent/stream.h"

struct agent_process;

struct agent_guest {
	const struct agent_guest_config *config;
	int control;
	struct loop *loop;
	struct agent_reader reader;
	struct agent_process *processes;
	struct container container; /* of process 0, once `created` */
	bool created;
	bool broken;                /* the host does not hear us any more */
	struct error why;
};

/* One frame to the host. A failure is noted in g. */
void agent_tell(struct agent_guest *g, enum agent_kind kind, uint32_t id, int value, const struct text *body);

/* What the frames CREATE and EXEC ask for. What fails is told to the host, as the walker's failure. */
void agent_process_create(struct agent_guest *g, const struct agent_frame *f);
void agent_process_exec(struct agent_guest *g, const struct agent_frame *f);

/* The host's words about a process. One that is not there (any more) is no error. */
void agent_process_walk(struct agent_guest *g, uint32_t id, const struct msg *m);
void agent_process_gone(struct agent_guest *g, uint32_t id);
void agent_process_signal(struct agent_guest *g, uint32_t id, int signo);
void agent_process_resize(struct agent_guest *g, uint32_t id, const struct agent_size *size);

/* Somebody has died. */
void agent_process_reap(struct agent_guest *g);

/* At the end: closes and frees all. */
void agent_process_free_all(struct agent_guest *g);

#endif
