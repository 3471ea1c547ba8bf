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

/* v2 counts for a folder and all below it; v1 each folder's own processes, wherever the limit was. */
long cgroup_oom_kills(const struct cgroup *c)
{
	const struct folder *f = cgroup_folder_for(c, "memory");
	long long n = 0;
	long sum = 0;

	if (!f)
		return 0;
	if (f->v2) {
		n = folder_read_key(f, "memory.events", "oom_kill");
		return n > 0 ? (long)n : 0;
	}
	(void)subtree_walk(f->dir, add_kills, &sum, false, NULL);
	return sum;
}

long long cgroup_memory_limit(const struct cgroup *c)
{
	const struct folder *f = cgroup_folder_for(c, "memory");
	uint64_t limit;
	char text[64];

	/* v1 says "none" with the largest number of whole pages. */
	if (!f || folder_read(f, f->v2 ? "memory.max" : "memory.limit_in_bytes", text, sizeof(text)) < 0 ||
	    number_parse_u64(text, 0, INT64_MAX, &limit) < 0 || limit >= INT64_MAX - 65536)
		return -1;
	return (long long)limit;
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

static int watch_v2(const struct folder *f, struct error *err)
{
	auto_close int bell = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	auto_close int events = folder_open(f, "memory.events", O_RDONLY);
	char path[32];

	if (bell < 0)
		return error_errno(err, "inotify_init1");
	if (events < 0)
		return error_set(err, events, "open %s/memory.events: %s", f->dir, strerror(-events));
	/* Through the descriptor: the folder's path may be longer than a path may be. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", events);
	if (inotify_add_watch(bell, path, IN_MODIFY) < 0)
		return error_errno(err, "watch %s/memory.events", f->dir);
	return TAKE_FD(bell);
}

int cgroup_oom_watch(const struct cgroup *c, struct error *err)
{
	const struct folder *f = cgroup_folder_for(c, "memory");

	if (!f)
		return error_set(err, -ENOTSUP, "watch memory: the container has no cgroup that counts it");
	return f->v2 ? watch_v2(f, err) : watch_v1(f, err);
}
