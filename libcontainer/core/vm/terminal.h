/* terminal.h: the host's half of a terminal whose program is in a guest.
 *
 * Between the engine's master and the guest's program there are two terminals. The line discipline, echo and signals are the guest's; the
 * host's passes bytes as they are and tells us its size.
 */
#ifndef CORE_VM_TERMINAL_H
#define CORE_VM_TERMINAL_H

#include "core/agent/wire.h"

/* A pair of the host's devpts, raw, controlling our session (of which we are the leader): SIGWINCH and SIGHUP come to us. The master is
 * sent to `socket` (console_socket_send()); the slave is returned. rows 0: the size of our own terminal, if we have one. */
int vm_terminal_open(int socket, unsigned int rows, unsigned int cols, struct error *err);
/* Zeroes where it has none. */
struct agent_size vm_terminal_size(int slave);

#endif
