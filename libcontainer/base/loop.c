/* loop.c: see loop.h. */
#include "base/loop.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/auto.h"

enum { EVENTS_MAX = 16 };

/* One descriptor that is listened to. Removed ones stay, dead, until the round is over: the kernel may have
 * told us of them in the same breath. */
struct source {
	struct source *next;
	int fd;
	uint32_t events;
	bool dead;
	bool own;    /* to be closed by the loop */
	bool always; /* a regular file, /dev/null: epoll(7) does not take them, they are always ready */
	bool once;   /* a timer that fires once */
	loop_fd_fn on_fd;
	loop_signal_fn on_signal;
	loop_timer_fn on_timer;
	void *data;
};

struct loop {
	int epoll;
	struct source *first;
	bool has_signals;
};

int loop_new(struct loop **out, struct error *err)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return error_set(err, -ENOMEM, "out of memory for an event loop");
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0) {
		int ret = error_errno(err, "epoll_create1");

		free(l);
		return ret;
	}
	*out = l;
	return 0;
}

static void free_source(struct source *s)
{
	if (s->own)
		auto_closep(&s->fd);
	free(s);
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	for (struct source *s = l->first, *next; s; s = next) {
		next = s->next;
		free_source(s);
	}
	close(l->epoll);
	free(l);
}

static struct source *find(const struct loop *l, int fd)
{
	for (struct source *s = l->first; s; s = s->next)
		if (s->fd == fd && !s->dead)
			return s;
	return NULL;
}

/* 0 or -errno. Sets s->always where epoll(7) does not take this kind of file. */
static int register_source(struct loop *l, struct source *s, struct source *stale)
{
	struct epoll_event e = {.events = s->events, .data.ptr = s};

	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, s->fd, &e) < 0) {
		if (errno != EPERM)
			return -errno;
		if (stale && stale->always)
			return -EEXIST;
		s->always = true;
	}
	/* The kernel did not know it: it was closed without a word to us, and the number is used again. */
	if (stale) {
		stale->own = false;
		stale->dead = true;
	}
	return 0;
}

/* Takes the template's fd over, if it is own, even on failure. */
static int add(struct loop *l, const struct source *template, struct error *err)
{
	struct source *s = malloc(sizeof(*s));
	int ret = -ENOMEM;

	if (s) {
		*s = *template;
		ret = register_source(l, s, find(l, s->fd));
	}
	if (ret < 0) {
		if (template->own)
			close(template->fd);
		free(s);
		return error_set(err, ret, "listen to descriptor %d: %s", template->fd, strerror(-ret));
	}
	s->next = l->first;
	l->first = s;
	return 0;
}

int loop_add(struct loop *l, int fd, uint32_t events, loop_fd_fn fn, void *data, struct error *err)
{
	return add(l, &(struct source){.fd = fd, .events = events, .on_fd = fn, .data = data}, err);
}

int loop_change(struct loop *l, int fd, uint32_t events, struct error *err)
{
	struct source *s = find(l, fd);
	struct epoll_event e = {.events = events, .data.ptr = s};

	if (!s)
		return error_set(err, -ENOENT, "change descriptor %d: it is not in the loop", fd);
	if (!s->always && epoll_ctl(l->epoll, EPOLL_CTL_MOD, fd, &e) < 0)
		return error_errno(err, "change descriptor %d in the loop", fd);
	s->events = events;
	return 0;
}

static void drop(struct loop *l, struct source *s)
{
	if (!s->always)
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, s->fd, NULL);
	s->dead = true;
}

void loop_remove(struct loop *l, int fd)
{
	struct source *s = find(l, fd);

	if (s)
		drop(l, s);
}

int loop_add_signals(struct loop *l, const sigset_t *set, loop_signal_fn fn, void *data, struct error *err)
{
	sigset_t before;
	int fd, ret;

	if (l->has_signals)
		return error_set(err, -EEXIST, "listen to signals: the loop does so already");
	/* Blocked first: one that comes in between is kept for the descriptor. */
	if (sigprocmask(SIG_BLOCK, set, &before) < 0)
		return error_errno(err, "block signals");
	fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	ret = fd < 0 ? error_errno(err, "signalfd")
		     : add(l,
			   &(struct source){
			       .fd = fd, .own = true, .events = EPOLLIN, .on_signal = fn, .data = data},
			   err);
	if (ret < 0)
		sigprocmask(SIG_SETMASK, &before, NULL);
	l->has_signals = ret == 0;
	return ret;
}

static struct timespec from_ms(int ms)
{
	return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
}

int loop_add_timer(struct loop *l, int first_ms, int every_ms, loop_timer_fn fn, void *data,
		   struct error *err)
{
	struct itimerspec when = {.it_value = from_ms(first_ms), .it_interval = from_ms(every_ms)};
	auto_close int fd = -EBADF;

	if (first_ms < 0 || every_ms < 0)
		return error_set(err, -EINVAL, "set a timer of %d and %d ms: not in the past", first_ms,
				 every_ms);
	/* Zero would disarm it. */
	if (first_ms == 0)
		when.it_value.tv_nsec = 1;
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0)
		return error_errno(err, "timerfd_create");
	if (timerfd_settime(fd, 0, &when, NULL) < 0)
		return error_errno(err, "timerfd_settime");
	return add(l,
		   &(struct source){
		       .fd = TAKE_FD(fd),
		       .own = true,
		       .once = every_ms == 0,
		       .events = EPOLLIN,
		       .on_timer = fn,
		       .data = data,
		   },
		   err);
}

/* One signal or one tick at a time: what is left wakes us again, unless the callback has ended the loop. */
static int dispatch(struct loop *l, struct source *s, uint32_t events, struct error *err)
{
	struct signalfd_siginfo info;
	uint64_t ticks;

	if (s->on_fd)
		return s->on_fd(s->data, s->fd, events, err);
	if (s->on_signal)
		return read(s->fd, &info, sizeof(info)) == sizeof(info) ? s->on_signal(s->data, &info, err)
									: 0;
	if (read(s->fd, &ticks, sizeof(ticks)) != sizeof(ticks))
		return 0;
	if (s->once)
		drop(l, s);
	return s->on_timer(s->data, err);
}

/* Frees the dead. Returns how many live; *ready is set if one of them needs no waiting. */
static size_t sweep(struct loop *l, bool *ready)
{
	size_t live = 0;

	*ready = false;
	for (struct source **p = &l->first; *p;) {
		struct source *s = *p;

		if (s->dead) {
			*p = s->next;
			free_source(s);
			continue;
		}
		live++;
		if (s->always && s->events & (EPOLLIN | EPOLLOUT))
			*ready = true;
		p = &s->next;
	}
	return live;
}

static int run_always(struct loop *l, struct error *err)
{
	int ret = 0;

	/* Sources added meanwhile stand before the first one. */
	for (struct source *s = l->first; s && ret == 0; s = s->next) {
		uint32_t events = s->events & (EPOLLIN | EPOLLOUT);

		if (s->always && !s->dead && events)
			ret = dispatch(l, s, events, err);
	}
	return ret;
}

int loop_run(struct loop *l, struct error *err)
{
	struct epoll_event events[EVENTS_MAX];
	int ret = 0;

	while (ret == 0) {
		bool ready;
		int n;

		if (!sweep(l, &ready))
			return error_set(err, -EDEADLK, "run the event loop: nothing is left to wait for");
		n = epoll_wait(l->epoll, events, EVENTS_MAX, ready ? 0 : -1);
		if (n < 0 && errno != EINTR)
			return error_errno(err, "epoll_wait");
		for (int i = 0; i < n && ret == 0; i++) {
			struct source *s = events[i].data.ptr;

			if (!s->dead)
				ret = dispatch(l, s, events[i].events, err);
		}
		if (ret == 0 && ready)
			ret = run_always(l, err);
	}
	return ret < 0 ? ret : 0;
}
