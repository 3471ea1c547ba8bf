/* worker.c: see worker.h. */
#include "vmm/worker.h"

#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/auto.h"

enum { DEVICES_MAX = 32 };

/* What the loop needs to know when a kick comes. */
struct kick {
	struct device *device;
	uint16_t queue;
};

struct worker {
	char name[16];
	struct loop *loop;
	int end; /* an eventfd: the loop shall end */
	pthread_t thread;
	bool started, ended;
	struct device *devices[DEVICES_MAX];
	struct kick kicks[DEVICES_MAX][DEVICE_QUEUES_MAX];
	size_t n;
	/* From worker_start() to the thread and back. */
	int (*enter)(void *data, struct error *err);
	void *data;
	sem_t attached;
	int result;
	struct error error;
};

/* Empties an eventfd. */
static void hear(int fd)
{
	uint64_t count;

	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

static int on_kick(void *data, int fd, uint32_t events, struct error *err)
{
	const struct kick *k = data;

	hear(fd); /* first: whoever rings while we work is heard again */
	device_kick(k->device, k->queue);
	return 0;
}

static int on_end(void *data, int fd, uint32_t events, struct error *err)
{
	struct worker *w = data;

	hear(fd);
	w->ended = true;
	return 1;
}

int worker_new(const char *name, struct worker **out, struct error *err)
{
	struct worker *w = calloc(1, sizeof(*w));
	int ret;

	if (!w)
		return error_set(err, -ENOMEM, "out of memory for a worker");
	snprintf(w->name, sizeof(w->name), "%s", name);
	sem_init(&w->attached, 0, 0);
	w->end = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = w->end < 0 ? error_errno(err, "eventfd") : loop_new(&w->loop, err);
	if (!ret)
		ret = loop_add(w->loop, w->end, EPOLLIN, on_end, w, err);
	if (ret) {
		worker_end(w);
		return ret;
	}
	*out = w;
	return 0;
}

int worker_add(struct worker *w, struct device *d, struct error *err)
{
	if (w->n == DEVICES_MAX)
		return error_set(err, -ENOSPC, "more than %d devices on worker %s", DEVICES_MAX, w->name);
	w->devices[w->n] = d;
	d->loop = w->loop;
	for (uint16_t q = 0; q < d->ops->n_queues; q++) {
		struct kick *k = &w->kicks[w->n][q];
		auto_close int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		int ret;

		if (fd < 0)
			return error_errno(err, "eventfd");
		*k = (struct kick){.device = d, .queue = q};
		ret = loop_add(w->loop, fd, EPOLLIN, on_kick, k, err);
		if (ret)
			return ret;
		d->kicks[q] = TAKE_FD(fd);
	}
	w->n++;
	return 0;
}

static int attach(struct worker *w, struct error *err)
{
	int ret = w->enter ? w->enter(w->data, err) : 0;

	for (size_t i = 0; i < w->n && !ret; i++) {
		if (!w->devices[i]->ops->attach)
			continue;
		ret = w->devices[i]->ops->attach(w->devices[i], err);
		if (ret)
			error_wrap(err, "virtio %s", w->devices[i]->ops->name);
	}
	return ret;
}

static void *work(void *data)
{
	struct worker *w = data;
	struct error e = ERROR_NONE;

	pthread_setname_np(pthread_self(), w->name);
	w->result = attach(w, &w->error);
	if (w->result) {
		sem_post(&w->attached);
		return NULL;
	}
	sem_post(&w->attached);
	if (!loop_run(w->loop, &e) && !w->ended)
		error_set(&e, -EIO, "worker %s has ended", w->name);
	for (size_t i = 0; i < w->n && !w->ended; i++)
		device_break(w->devices[i], &e);
	return NULL;
}

int worker_start(struct worker *w, int (*enter)(void *data, struct error *err), void *data, struct error *err)
{
	sigset_t all, before;
	int ret;

	w->enter = enter;
	w->data = data;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = -pthread_create(&w->thread, NULL, work, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ret)
		return error_set(err, ret, "thread %s: %s", w->name, strerror(-ret));
	w->started = true;
	while (sem_wait(&w->attached) < 0 && errno == EINTR)
		;
	if (w->result && err)
		*err = w->error;
	return w->result;
}

static void end_devices(struct worker *w)
{
	for (size_t i = 0; i < w->n; i++)
		for (int q = 0; q < DEVICE_QUEUES_MAX; q++)
			__atomic_store_n(&w->devices[i]->queues[q].ending, true, __ATOMIC_RELAXED);
}

void worker_end(struct worker *w)
{
	if (!w)
		return;
	end_devices(w);
	if (w->started) {
		uint64_t one = 1;

		while (write(w->end, &one, sizeof(one)) < 0 && errno == EINTR)
			;
		pthread_join(w->thread, NULL);
	}
	/* Also those of a device whose worker_add() failed half way. */
	for (size_t i = 0; i < DEVICES_MAX && w->devices[i]; i++)
		for (uint16_t q = 0; q < w->devices[i]->ops->n_queues; q++) {
			auto_closep(&w->devices[i]->kicks[q]);
			w->devices[i]->kicks[q] = -EBADF;
			w->devices[i]->loop = NULL;
		}
	loop_free(w->loop);
	if (w->end >= 0)
		close(w->end);
	sem_destroy(&w->attached);
	free(w);
}
