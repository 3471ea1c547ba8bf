/* channel.h: fixed-size messages between the processes that build one container.
 *
 * There is one message shape. A peer that dies without a word is an error,
 * never an answer.
 */
#ifndef BASE_CHANNEL_H
#define BASE_CHANNEL_H

#include "base/error.h"

enum msg_kind {
	MSG_DONE,  /* stages up to and including `stage` have run */
	MSG_FAIL,  /* stage `stage` failed with `error` */
	MSG_LOG,   /* `error` holds a line to log, its code a level */
	MSG_KIND_MAX,
};

struct msg {
	enum msg_kind kind;
	int stage;
	int value;  /* a pid, an exit status; 0 otherwise */
	struct error error;
};

/* Two connected ends (AF_UNIX, SOCK_SEQPACKET: messages arrive whole, in order), both close-on-exec; the caller closes
 * them. That an end was closed is only heard by the other if no third process holds a copy of it. */
int channel_pair(int fds[2], struct error *err);

/* Sends one message, with the descriptor pass_fd (it stays the caller's) unless that is negative. Blocks while the
 * peer's queue is full. -EPIPE where the peer is gone; never a SIGPIPE. */
int channel_send(int fd, const struct msg *m, int pass_fd, struct error *err);

/* Waits for one message. *got_fd becomes the descriptor that came along, close-on-exec and the caller's to close, or
 * stays as it was; got_fd may be NULL, then it is closed. -ECONNRESET where the peer has closed its end or died, and
 * all it said before was heard; -EPROTO for anything that is not one whole struct msg of a known kind. On success,
 * kind is below MSG_KIND_MAX and error.msg is NUL-terminated, one line; stage, value and error.code are as the peer wrote
 * them and yet to be judged. *m is untouched on failure. */
int channel_recv(int fd, struct msg *m, int *got_fd, struct error *err);

#endif
