/* worker.h: a thread with a loop, on which devices do their work.
 *
 * Most devices share one; a device that blocks in system calls (fs, blk) has one of its own.
 */
#ifndef VMM_WORKER_H
#define VMM_WORKER_H

#include "vmm/virtio/device.h"

struct worker;

int worker_new(const char *name, struct worker **out,
	       struct error *err); /* name: of the thread, at most 15 bytes, copied */
/* Before worker_start(): its kicks (eventfds, made here, closed by worker_end()) and whatever attach() adds
 * are heard on the worker's loop. The device outlives the worker. */
int worker_add(struct worker *w, struct device *d, struct error *err);
/* Returns when the thread has run `enter` (NULL: nothing; for the system call filter of its kind) and each
 * device's attach(), with the error of the first that failed. All signals are blocked on it. If the loop
 * fails later, the worker's devices break. */
int worker_start(struct worker *w, int (*enter)(void *data, struct error *err), void *data,
		 struct error *err);
/* Ends the thread and waits until it is through with the request it has in hand; then frees. The devices are
 * the caller's; the processors must have stopped. NULL is nothing. */
void worker_end(struct worker *w);

#endif
