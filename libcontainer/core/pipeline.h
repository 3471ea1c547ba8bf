/* pipeline.h: one list of stages, walked by every process that takes part.
 *
 * Each walker runs the stages of its own place and waits at all others. The order of a whole start thus stands in one
 * list, and the handshakes follow from it: there is one wherever the place changes, and no other.
 *
 * A stage that fails is told to every walker; HOST then undoes what it ran, last stage first. A walker that dies
 * without a word counts as failed. What JAIL and INSIDE hold must die with them: only HOST's rows have an undo.
 *
 * Two columns make the list fit the container at hand:
 *   needed   a row whose needed() says false is no row at all. Every walker must come to the same answer, so it may only
 *            ask what was known before the walkers parted: the spec and the options.
 *   ahead    the walker may run this row while it would otherwise wait for somebody else's rows before it. Those after it
 *            still wait for it. So two processes work at the same time where the order does not matter.
 */
#ifndef CORE_PIPELINE_H
#define CORE_PIPELINE_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/channel.h"

struct container;

enum place {
	HOST,   /* the runtime, with the host's view */
	JAIL,   /* the virtual machine monitor, locked in; unused without one */
	INSIDE, /* where the workload will live: the new namespaces, or the guest */
	PLACE_MAX,
};

struct stage {
	enum place place;
	const char *name; /* NULL ends a segment */
	int (*run)(struct container *c, struct error *err);
	void (*undo)(struct container *c); /* HOST rows only; may be called twice, and on a container loaded from its state */
	bool (*needed)(const struct container *c); /* NULL: always */
	bool ahead;
};

#define PIPELINE_STAGES_MAX 64

struct pipeline {
	const struct stage *const *segments; /* NULL ends the list */
	enum place me;
	int at;              /* the stage that runs, or the next one */
	uint64_t ran;        /* bit i: stage i of ours was begun */
	int peer[PLACE_MAX]; /* channels to the walkers next to this one; -EBADF where there is none */
	int shift[PLACE_MAX];/* added to what that one says to get a stage of this list: a guest has the end of the list only */
	void (*explain)(struct container *c, struct error *err); /* may find a better text, before anything is undone; NULL: none */
	/* Waits until one of the n descriptors (some of them negative) can be read, revents filled; for a walker that has more to do meanwhile
	 * than to wait. NULL: poll(2). */
	int (*wait)(struct container *c, struct pollfd *fds, int n, struct error *err);
};

#define PIPELINE(list, place) ((struct pipeline){ (list), (place), 0, 0, { -EBADF, -EBADF, -EBADF }, { 0 }, NULL, NULL })

/* Walks on from p->at to the last stage of p->me. On failure everything of ours that ran is undone. */
int pipeline_run(struct pipeline *p, struct container *c, struct error *err);

/* Undoes every stage of p->me that ran, last one first. */
void pipeline_undo(struct pipeline *p, struct container *c);

/* Undoes every stage of p->me whether it ran in this process or not: how a container is deleted. */
void pipeline_undo_all(struct pipeline *p, struct container *c);

/* For a walker that is through, on a channel whose other end goes away with execve(2): waits for the end.
 * DONE, then silence: 0, it was executed. FAIL: the error, in its words. Silence alone: `what` died before it got there. */
int pipeline_watch(int peer, const char *what, struct error *err);

/* From within a row: tells every neighbour that it is done. For the last row before the walker's image is replaced. */
int pipeline_tell_done(const struct pipeline *p, struct error *err);

/* The number of the stage of this place and name, or -1. */
int pipeline_find(const struct pipeline *p, enum place place, const char *name);

/* Stage number i of the list, or NULL past its end; for tests and --help. */
const struct stage *pipeline_stage(const struct pipeline *p, int i);

#endif
