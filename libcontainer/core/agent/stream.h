/* stream.h: in the guest: bytes from one descriptor to another, by the loop: between a process's pipes, or its terminal, and the host.
 *
 * A process does not get the connection to the host itself: what is opened again, by /dev/stdout, must be a pipe and no socket.
 */
#ifndef CORE_AGENT_STREAM_H
#define CORE_AGENT_STREAM_H

#include <stdbool.h>

#include "base/loop.h"

struct stream;

/* Both descriptors are taken over, also on failure, and must be no other's: they are made not to block. The end of `from` becomes the end of
 * `to`, once all is written; one that takes nothing any more ends both. moved(data) is called whenever something was moved or has ended, and may free it. */
int stream_new(struct loop *loop, int from, int to, void (*moved)(void *data), void *data, struct stream **out, struct error *err);
/* Nothing is on its way: all that `from` has said until now was written, or never will be. */
bool stream_is_idle(const struct stream *s);
/* Both sides are closed. */
bool stream_has_ended(const struct stream *s);
/* Closes what is open; NULL is fine. */
void stream_free(struct stream *s);

#endif
