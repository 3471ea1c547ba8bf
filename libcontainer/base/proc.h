/* proc.h: a process as one handle: pid, start time and pidfd, so that a reused pid is never mistaken for it. */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct proc {
	pid_t pid;            /* 0: none */
	uint64_t start_time;  /* field 22 of /proc/PID/stat, clock ticks since boot */
	int pidfd;            /* -EBADF where the kernel has no pidfd_open(2) */
};
#define PROC_NONE ((struct proc){ 0, 0, -EBADF })

/* Takes hold of a living process. start_time 0: whoever has the pid now (own child); else -ESRCH unless it still is the
 * process that started then. A zombie can be opened. */
int proc_open(pid_t pid, uint64_t start_time, struct proc *out, struct error *err);
void proc_close(struct proc *p);  /* leaves PROC_NONE */

enum proc_life { PROC_GONE, PROC_ZOMBIE, PROC_ALIVE };
/* What became of it; asks /proc, so it needs no descriptor. */
enum proc_life proc_life(const struct proc *p);

/* The process that would be told of its end, as /proc counts, 0 for one outside of what /proc shows; -ESRCH: there is none (any more), -EIO:
 * /proc does not tell. */
pid_t proc_parent(pid_t pid);

/* -ESRCH once it is gone (or a zombie). Through the pidfd where there is one; else only after the start time was compared. */
int proc_signal(const struct proc *p, int signo, struct error *err);

/* Waits until it has ended (any process, not only a child); timeout_ms -1: for ever; -ETIMEDOUT. Does not reap. */
int proc_wait_gone(const struct proc *p, int timeout_ms, struct error *err);

/* Reaps an own child: *status as from waitpid(2). */
int proc_reap(pid_t pid, int *status, struct error *err);

/* Default dispositions for all signals and an empty mask, for a process that is about to become somebody else's program. Asks the kernel
 * itself: the C library keeps two signals to itself, and a caller may have had them ignored. */
void proc_reset_signals(void);

/* 128+signal or the exit status, from a waitpid(2) status. */
int proc_exit_code(int status);

#endif
