/* ready.h: "it is up": what the container's program tells a service manager over $NOTIFY_SOCKET (sd_notify(3)).
 *
 * A manager believes the processes of its service only, and no container is one. So there are two sockets: the program writes to one of ours,
 * in the folder of its state, which it sees at /run/notify; whoever has started it (`start`, `run`) reads there and says it again outside:
 *
 *   the container         start, run            the service manager
 *     |-- STATUS=… -------->|-- STATUS=… ---------->|
 *     |-- READY=1 --------->|-- MAINPID=…, READY=1 ->|   MAINPID where we leave now: the container's first process
 *     |                     |<-- (has read it) ------|
 *
 * Not in a virtual machine, whose kernel knows nothing of our sockets.
 */
#ifndef CORE_READY_H
#define CORE_READY_H

#include "base/str.h"
#include "core/container.h"

/* What the program finds in its environment. */
#define READY_VARIABLE "NOTIFY_SOCKET=/run/notify/notify.sock"

/* HOST: a folder for the socket, and a mount of it into the container, as the last one of the spec. */
int ready_offer(struct container *c, struct error *err);
/* Our caller has a $NOTIFY_SOCKET, the container can be shown one, and does not bring one along. */
bool ready_is_offered(const struct container *c);

/* Both are -EBADF where nobody is to be told anything. */
struct ready { int inside, outside; };
#define READY_NONE ((struct ready){ -EBADF, -EBADF })

/* Before the program runs. A manager that cannot be reached is a warning in the log, and then there is nobody to be told. 0 or negative. */
int ready_listen(const struct container *c, struct ready *r, struct error *err);

/* Reads one message and says it again; 1 once the program is ready, else 0. main_pid: to be named then, or 0. */
int ready_pass_on(const struct ready *r, pid_t main_pid);

/* The same for all that lies there when the program has ended, though not for what its children, or others, never stop to say. */
int ready_pass_on_rest(const struct ready *r, pid_t main_pid);

/* For who will not stay: passes on until the program is ready, or has ended. */
void ready_await(const struct ready *r, const struct proc *init);

void ready_close(struct ready *r);

/* Of a message of n bytes the lines that may go outside, each with its newline: those that tell of the service's state, and none that names a
 * process, a descriptor or who else may speak. True if READY=1 is one. */
bool ready_choose(const char *message, size_t n, struct text *out);

#endif
