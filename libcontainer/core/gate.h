/* gate.h: the socket on which a created container waits for `start`, and over which start hears how it went.
 *
 *   start                      the container's first process
 *     |--- connect, "go" --------->|   a connection without the word "go" is nobody: the gate goes on waiting
 *     |<-------- DONE -------------|   about to execute the program
 *     |<-------- FAIL -------------|   a hook, or execve(2), failed, in its words
 *     |<-------- (closed) ---------|   executed: the socket is close-on-exec
 */
#ifndef CORE_GATE_H
#define CORE_GATE_H

#include <stdbool.h>

#include "base/error.h"

/* The listening socket, bound to "gate" in the folder. */
int gate_open(int folder, struct error *err);

/* INSIDE: waits until somebody says "go"; the connection. The gate stays open until execve: so the host can see that it has not come yet. */
int gate_wait(int gate, struct error *err);

/* The same for whoever has more to do: the connection that is there, if it says "go" (1 and *knock); 0: that was nobody. */
int gate_answer(int gate, int *knock, struct error *err);

/* The other side. gate_knock() returns the connection, on which pipeline_watch() hears the rest. */
int gate_knock(int folder, struct error *err);

/* Does anybody still wait behind it? */
bool gate_is_closed(int folder);

#endif
