/* monitor.h: the monitor's main thread: the rows of JAIL from "power" on, and everything it listens to meanwhile.
 *
 * From `power` on one loop hears the agent, the machine's end, signals, the control socket and, in the row of that name, the gate; the
 * walker's waiting is only one more reason to run it. Signals that reach the monitor are the container's: they go on to its first process.
 */
#ifndef CORE_VM_MONITOR_H
#define CORE_VM_MONITOR_H

#include "core/container.h"

struct vm_monitor;

/* JAIL, first of all, while there is one thread: no signal is lost from here on. */
int vm_monitor_settle(struct container *c, struct error *err);
/* The terminal that the container's first process will have, made on the host; its master goes to whoever asked for it. */
int vm_monitor_terminal(struct container *c, struct error *err);
/* Everything but the guest's first instruction: opened in HOST, made here. */
int vm_monitor_machine(struct container *c, struct error *err);
/* The processors run; returns once the agent has greeted and knows of the container: INSIDE is at work. */
int vm_monitor_power(struct container *c, struct error *err);
/* Waits for `start`; the guest then gets the network as it is now. */
int vm_monitor_gate(struct container *c, struct error *err);
/* The program runs: until it ends. Never returns but with an error: the process ends with the program's status. */
int vm_monitor_serve(struct container *c, struct error *err);

#endif
