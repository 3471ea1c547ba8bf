/* worker.h: a thread with a loop, on which devices do their work.
 *
 * Most devices share one; a device that blocks in system calls (fs, blk) has one of its own.
 */
#ifndef VMM_WORKER_H
#define VMM_WORKER_H

#include "vmm/virtio/device.h"

struct worker;

int worker_new(const char *name, struct worker **out, struct error *err); /* name: of the thread, at most 15 bytes */
/* Before worker_start(): its kicks (eventfds, made here) and whatever attach() adds are heard on the worker's loop. */
int worker_add(struct worker *w, struct device *d, struct error *err);
/* `enter` runs first thing on the thread (NULL: nothing): the system call filter of its kind. */
int worker_start(struct worker *w, int (*enter)(void *data, struct error *err), void *data, struct error *err);
/* Ends the thread and waits for it; then frees. The devices are the caller's. */
void worker_end(struct worker *w);

#endif
