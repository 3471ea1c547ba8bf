/* signals.h: signal numbers by name, as `kill` takes them. */
#ifndef SRC_SIGNALS_H
#define SRC_SIGNALS_H

#include "base/error.h"

/* "9", "KILL", "SIGKILL" in any case, "RTMIN", "RTMIN+3", "RTMAX-1", and 0, which only asks whether the
 * process is there. */
int signal_parse(const char *text, int *out, struct error *err);

#endif
