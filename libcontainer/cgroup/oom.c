/* oom.c: out of memory: the limit, who was killed for it, and a bell that rings then. */
#include "cgroup/oom.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/auto.h"
#include "cgroup/inner.h"
#include "cgroup/subtree.h"

static int add_kills(int dir, void *data, struct error *err)
{
	auto_close int fd = openat(dir, "memory.oom_control", O_RDONLY | O_CLOEXEC);
	ssize_t n;
	char text[256], *at;

	if (fd < 0 || (n = read(fd, text, sizeof(text) - 1)) <= 0)
		return 0;
	text[n] = 0;
	at = strstr(text, "oom_kill ");
	if (at)
		*(long *)data += strtol(at + strlen("oom_kill "), NULL, 10);
	return 0;
}

static long long kills_in(const char *dir)
{
	const struct folder f = {.dir = (char *)dir};

	return folder_read_key(&f, "memory.events", "oom_kill");
}

/* -1: none. False where it cannot be read. */
static bool read_limit(const struct folder *f, long long *out)
{
	uint64_t limit;
	char text[64];

	if (folder_read(f, f->v2 ? "memory.max" : "memory.limit_in_bytes", text, sizeof(text)) < 0)
		return false;
	/* v1 says "none" with the largest number of whole pages. */
	*out = number_parse_u64(text, 0, INT64_MAX, &limit) < 0 || limit >= INT64_MAX - 65536 ? -1 : (long long)limit;
	return true;
}

static char *dir_above(const struct folder *f)
{
	const char *slash = strrchr(f->dir, '/');

	return strndup(f->dir, (size_t)(slash - f->dir));
}

/* A service manager removes a scope as soon as it is empty, and its counts with it: those of the folder above, which include them, go on. So
 * what is known of both is kept, and once ours cannot be read any more, what has been added above since then was ours. */
static long kills_of_scope(struct cgroup *c, const struct folder *f)
{
	auto_free char *dir = dir_above(f);
	long long own, above, again;

	if (!dir)
		return 0;
	do {
		own = kills_in(f->dir);
		above = kills_in(dir);
		again = kills_in(f->dir);
	} while (own >= 0 && again > own); /* somebody was killed meanwhile */
	if (own >= 0 && again == own) {
		c->seen.kills = (long)own;
		c->seen.above = (long)above;
		if (!read_limit(f, &c->seen.limit) && !c->seen.set)
			c->seen.limit = -1;
		c->seen.set = true;
		return (long)own;
	}
	if (!c->seen.set)
		return 0;
	return c->seen.kills + (c->seen.above >= 0 && above > c->seen.above ? (long)(above - c->seen.above) : 0);
}

/* v2 counts for a folder and all below it; v1 each folder's own processes, wherever the limit was. */
long cgroup_oom_kills(const struct cgroup *c)
{
	const struct folder *f = cgroup_folder_for(c, "memory");
	long long n = 0;
	long sum = 0;

	if (!f)
		return 0;
	if (f->v2 && c->unit)
		return kills_of_scope((struct cgroup *)c, f); /* what it keeps is not seen from outside */
	if (f->v2) {
		n = kills_in(f->dir);
		return n > 0 ? (long)n : 0;
	}
	(void)subtree_walk(f->dir, add_kills, &sum, false, NULL);
	return sum;
}

long long cgroup_memory_limit(const struct cgroup *c)
{
	const struct folder *f = cgroup_folder_for(c, "memory");
	long long limit;

	if (!f)
		return -1;
	if (read_limit(f, &limit))
		return limit;
	return c->seen.set ? c->seen.limit : -1;
}

static int watch_v1(const struct folder *f, struct error *err)
{
	auto_close int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	auto_close int control = folder_open(f, "memory.oom_control", O_RDONLY);
	char order[32];
	int ret;

	if (bell < 0)
		return error_errno(err, "eventfd");
	if (control < 0)
		return error_set(err, control, "open %s/memory.oom_control: %s", f->dir, strerror(-control));
	snprintf(order, sizeof(order), "%d %d", bell, control);
	ret = folder_write(f, "cgroup.event_control", order);
	if (ret < 0)
		return error_set(err, ret, "write %s/cgroup.event_control: %s", f->dir, strerror(-ret));
	return TAKE_FD(bell);
}

static int watch_file(int bell, const char *dir, struct error *err)
{
	const struct folder f = {.dir = (char *)dir};
	auto_close int events = folder_open(&f, "memory.events", O_RDONLY);
	char path[32];

	if (events < 0)
		return error_set(err, events, "open %s/memory.events: %s", dir, strerror(-events));
	/* Through the descriptor: the folder's path may be longer than a path may be. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", events);
	return inotify_add_watch(bell, path, IN_MODIFY) < 0 ? error_errno(err, "watch %s/memory.events", dir) : 0;
}

static int watch_v2(const struct cgroup *c, const struct folder *f, struct error *err)
{
	auto_close int bell = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	auto_free char *above = c->unit ? dir_above(f) : NULL;
	int ret;

	if (bell < 0)
		return error_errno(err, "inotify_init1");
	ret = watch_file(bell, f->dir, err);
	/* So that what is known of the folder above is never old; see kills_of_scope(). The hierarchy's root has no such file. */
	if (ret == 0 && above)
		(void)watch_file(bell, above, NULL);
	return ret < 0 ? ret : TAKE_FD(bell);
}

int cgroup_oom_watch(const struct cgroup *c, struct error *err)
{
	const struct folder *f = cgroup_folder_for(c, "memory");

	if (!f)
		return error_set(err, -ENOTSUP, "watch memory: the container has no cgroup that counts it");
	return f->v2 ? watch_v2(c, f, err) : watch_v1(f, err);
}

bool cgroup_vanishes(const struct cgroup *c)
{
	return c->unit && c->layout == CGROUP_LAYOUT_V2;
}
