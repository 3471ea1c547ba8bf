/* loop.h: one epoll loop: descriptors, signals and timers call back. One thread. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <signal.h>
#include <stdint.h>
#include <sys/signalfd.h>

#include "base/error.h"

struct loop;
/* events: EPOLLIN and so on. A negative return ends loop_run() with that code (fill *err); positive ends it with 0. */
typedef int (*loop_fd_fn)(void *data, int fd, uint32_t events, struct error *err);
typedef int (*loop_signal_fn)(void *data, const struct signalfd_siginfo *info, struct error *err);
typedef int (*loop_timer_fn)(void *data, struct error *err);

int loop_new(struct loop **out, struct error *err);
void loop_free(struct loop *l);  /* closes what the loop opened, not what was added */
int loop_add(struct loop *l, int fd, uint32_t events, loop_fd_fn fn, void *data, struct error *err);
int loop_change(struct loop *l, int fd, uint32_t events, struct error *err);
void loop_remove(struct loop *l, int fd);
/* Blocks these signals in the process and hears them in the loop. Once a loop. */
int loop_add_signals(struct loop *l, const sigset_t *set, loop_signal_fn fn, void *data, struct error *err);
int loop_add_timer(struct loop *l, int first_ms, int every_ms, loop_timer_fn fn, void *data, struct error *err);
int loop_run(struct loop *l, struct error *err);

#endif
