/* relay.h: copies between our own terminal (or pipes) and a container's pseudo terminal, in the foreground.
 *
 * relay_start() before loop_run(), relay_end() after it and before loop_free(). Nothing here ever blocks
 * while the loop runs: each direction has a buffer of 64 KiB, and a side is read only while there is room for
 * what it says.
 */
#ifndef TTY_RELAY_H
#define TTY_RELAY_H

#include "base/error.h"
#include "base/loop.h"

struct relay;

/* Puts stdin into raw mode if it is a terminal, copies the window size, and adds itself to the loop: stdin ->
 * master, master -> stdout. Owns master from now on, and closes it if it fails. Until relay_end(), SIGPIPE is
 * ignored: a stdout that nobody reads any more is no reason to stop the container. Where stdin is no
 * terminal, its end is told to the container as the terminal's end-of-file character. */
int relay_start(struct loop *loop, int master, struct relay **out, struct error *err);

/* The window size again: to be called on SIGWINCH. */
void relay_resize(struct relay *relay);

/* Drains what the container still had to say (bounded: until EIO/EOF, or 200 ms of silence, or more than a
 * terminal can hold; a reader of stdout that is slow is waited for, unless a signal to end us is pending),
 * restores the terminal, closes master, frees. NULL is fine. */
void relay_end(struct relay *relay);

#endif
