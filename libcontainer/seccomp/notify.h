/* notify.h: hands the seccomp notify descriptor to the listener (config-linux.md, "The Container Process
 * State"). */
#ifndef SECCOMP_NOTIFY_H
#define SECCOMP_NOTIFY_H

#include "base/error.h"

struct filter;

/* HOST, before the container is: connects to the AF_UNIX stream socket at linux.seccomp.listenerPath. The
 * descriptor, to be inherited by whoever loads the filter. A send on it gives up after 10 s. */
int notify_connect(const char *path, struct error *err);

/* INSIDE: loads a filter with SCMP_ACT_NOTIFY and sends its listener, with exactly one container process state
 * document (JSON text), over the connection. The new filter may stop any call of the one who loaded it, sendmsg
 * included, until the agent answers, and the agent has nothing to answer to before it has the listener. So a
 * thread outside of the filter sends it; it has ended when this returns. The
 * connection and the listener are close-on-exec. */
int notify_load(const struct filter *filter, int connection, const char *process_state_json, struct error *err);

/* Sends a listener and the document over the connection. Part of notify_load(). */
int notify_send(int connection, const char *process_state_json, int listener, struct error *err);

#endif
