/* monitor.h: the foreground: `run` and `exec` without --detach stay as the parent until the end. */
#ifndef CORE_MONITOR_H
#define CORE_MONITOR_H

#include <poll.h>
#include <signal.h>

#include "base/error.h"
#include "base/proc.h"
#include "cgroup/cgroup.h"
#include "core/container.h"
#include "core/ready.h"

struct monitor_mask { sigset_t before; };

/* Blocks the signals that will be passed on, so that none is lost while the process is being made. Its child starts with an empty mask all
 * the same (process/exec.h). */
void monitor_block(struct monitor_mask *mask);
void monitor_unblock(const struct monitor_mask *mask);

/* For pipeline.wait of HOST, after monitor_block(): there is no program yet that could be told to end, and what makes it may never get so far (a
 * hook, a guest's kernel). So SIGHUP, SIGINT, SIGQUIT and SIGTERM end the waiting: -EINTR. */
int monitor_wait_for_line(struct container *c, struct pollfd *fds, int n, struct error *err);

/* Passes signals on to the process (SIGWINCH to its terminal), copies its terminal if terminal >= 0 (owned from now on), reaps whatever child
 * ends, and returns once the process has ended: its exit status, 128+signal. cgroup, if not NULL, can be asked for kills for memory afterwards,
 * even if a service manager has removed it by then. ready, if not NULL: what the program says there is passed on, too. */
int monitor_run(const struct proc *process, const struct cgroup *cgroup, int terminal, const struct ready *ready, int *status, struct error *err);

#endif
