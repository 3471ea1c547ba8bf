/* notify.h: hands the seccomp notify descriptor to the listener (config-linux.md, "The Container Process
 * State"). */
#ifndef SECCOMP_NOTIFY_H
#define SECCOMP_NOTIFY_H

#include "base/error.h"

/* Connects to the AF_UNIX stream socket at `path`, sends exactly one container process state document (JSON
 * text) with the descriptor, closes. To be called on the host's side. */
int notify_send(const char *path, const char *process_state_json, int listener, struct error *err);

#endif
