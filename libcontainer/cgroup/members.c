/* members.c: the processes of a cgroup: listed, killed, frozen; and its end. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"
#include "cgroup/inner.h"
#include "cgroup/subtree.h"
#include "cgroup/systemd.h"

#define FREEZE_TIMEOUT_MS 10000
#define REMOVE_TIMEOUT_MS 10000 /* on a busy machine a killed process may take its time to go */
#define KILL_TIMEOUT_MS	  2000
#define PROCS_MAX	  (64u << 20)

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Sleeps a little longer each time; false once the deadline is over. */
static bool sleep_until_next(long long deadline, unsigned *us)
{
	if (now_ms() >= deadline)
		return false;
	usleep(*us);
	*us = *us < 50000 ? *us * 2 : *us;
	return true;
}

struct pids {
	pid_t *v;
	size_t n, room;
};

static int add_pid(struct pids *p, pid_t pid, struct error *err)
{
	if (p->n == p->room) {
		size_t room = p->room ? p->room * 2 : 64;
		pid_t *more = reallocarray(p->v, room, sizeof(*more));

		if (!more)
			return error_set(err, -ENOMEM, "out of memory");
		p->v = more;
		p->room = room;
	}
	p->v[p->n++] = pid;
	return 0;
}

/* A threaded folder answers EOPNOTSUPP: its processes are listed by the folder above that is "domain
 * threaded". */
static int collect(int dir, void *data, struct error *err)
{
	auto_close int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	auto_free char *text = NULL;
	struct pids *pids = data;
	int ret;

	if (fd < 0)
		return errno == ENOENT || errno == ENODEV ? 0 : error_errno(err, "open cgroup.procs");
	ret = fd_read_all(fd, PROCS_MAX, &text, NULL, err);
	if (ret == -EOPNOTSUPP || ret == -ENODEV)
		return 0;
	for (char *p = text, *end; !ret && *p; p = *end ? end + 1 : end) {
		long pid = strtol(p, &end, 10);

		/* 0: somebody outside our pid namespace */
		if (pid > 0)
			ret = add_pid(pids, (pid_t)pid, err);
		if (end == p)
			break;
	}
	return ret;
}

static int list(const struct folder *f, struct pids *out, struct error *err)
{
	int ret = f ? subtree_walk(f->dir, collect, out, false, err) : 0;

	if (ret < 0) {
		free(out->v);
		*out = (struct pids){0};
	}
	return ret;
}

int cgroup_pids(const struct cgroup *c, pid_t **pids, size_t *n, struct error *err)
{
	struct pids found = {0};
	int ret = list(cgroup_listing_folder(c), &found, err);

	if (ret < 0)
		return ret;
	*pids = found.v;
	*n = found.n;
	return 0;
}

static int signal_all(const struct folder *f, int signo, size_t *n, struct error *err)
{
	struct pids found = {0};
	int ret = list(f, &found, err);

	for (size_t i = 0; i < found.n; i++)
		if (kill(found.v[i], signo) && errno != ESRCH && !ret)
			ret = error_errno(err, "send signal %d to process %d of cgroup %s", signo, found.v[i],
					  f->path);
	*n = found.n;
	free(found.v);
	return ret;
}

/* freezing: */

static const struct folder *v1_freezer(const struct cgroup *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (controllers_include(c->folders[i].controllers, "freezer"))
			return &c->folders[i];
	return NULL;
}

static bool v2_can_freeze(const struct folder *f)
{
	auto_close int fd = f ? folder_open(f, "cgroup.freeze", O_PATH) : -EBADF;

	return fd >= 0;
}

/* The kernel announces changes of cgroup.events at most every 10 ms, while most containers stop within one:
 * so the waits for an announcement begin short. */
static int freeze_v2(const struct folder *f, bool frozen, struct error *err)
{
	auto_close int events = folder_open(f, "cgroup.events", O_RDONLY);
	long long deadline = now_ms() + FREEZE_TIMEOUT_MS;
	const char *wanted = frozen ? "frozen 1" : "frozen 0";
	struct timespec wait = {0, 30000};
	char text[256];
	int ret;

	if (events < 0)
		return error_set(err, events, "open %s/cgroup.events: %s", f->dir, strerror(-events));
	ret = folder_write(f, "cgroup.freeze", frozen ? "1" : "0");
	if (ret < 0)
		return error_set(err, ret, "write %s/cgroup.freeze: %s", f->dir, strerror(-ret));
	do {
		struct pollfd p = {events, POLLPRI, 0};
		ssize_t n = pread(events, text, sizeof(text) - 1, 0);

		if (n < 0)
			return error_errno(err, "read %s/cgroup.events", f->dir);
		text[n] = 0;
		if (strstr(text, wanted))
			return 0;
		ppoll(&p, 1, &wait, NULL);
		if (wait.tv_nsec < 100000000)
			wait.tv_nsec *= 2;
	} while (now_ms() < deadline);
	if (frozen)
		folder_write(f, "cgroup.freeze", "0");
	return error_set(err, -ETIMEDOUT, "%s cgroup %s: %s", frozen ? "freeze" : "thaw", f->dir,
			 frozen ? "some process does not stop" : "a cgroup above it is frozen");
}

/* A process that forks as fast as we freeze can keep v1 at FREEZING for ever: writing again catches what is
 * new. */
static int freeze_v1(const struct folder *f, bool frozen, struct error *err)
{
	const char *wanted = frozen ? "FROZEN" : "THAWED";
	long long deadline = now_ms() + FREEZE_TIMEOUT_MS;
	unsigned us = 50;
	char state[32];
	int ret;

	do {
		ret = folder_write(f, "freezer.state", wanted);
		if (ret < 0)
			return error_set(err, ret, "write %s to %s/freezer.state: %s", wanted, f->dir,
					 strerror(-ret));
		ret = folder_read(f, "freezer.state", state, sizeof(state));
		if (ret < 0)
			return error_set(err, ret, "read %s/freezer.state: %s", f->dir, strerror(-ret));
		if (!strcmp(state, wanted))
			return 0;
	} while (sleep_until_next(deadline, &us));
	if (frozen)
		folder_write(f, "freezer.state", "THAWED");
	return error_set(err, -ETIMEDOUT, "%s cgroup %s: %s", frozen ? "freeze" : "thaw", f->dir,
			 frozen ? "some process does not stop" : "a cgroup above it is frozen");
}

/* v2's where there is one, on hybrid hosts too: its frozen processes can be killed, v1's can not. */
int cgroup_freeze(struct cgroup *c, bool frozen, struct error *err)
{
	const struct folder *v1 = v1_freezer(c), *v2 = cgroup_v2_folder(c);
	char state[32];
	int ret;

	if (v2_can_freeze(v2)) {
		ret = freeze_v2(v2, frozen, err);
		/* Somebody else may have used the other one. */
		if (!ret && !frozen && v1 && !folder_read(v1, "freezer.state", state, sizeof(state)) &&
		    strcmp(state, "THAWED"))
			ret = freeze_v1(v1, false, err);
		return ret;
	}
	if (v1)
		return freeze_v1(v1, frozen, err);
	if (v2 && access(v2->dir, F_OK))
		return error_errno(err, "%s cgroup %s", frozen ? "freeze" : "thaw", v2->dir);
	return error_set(err, -ENOTSUP, "%s: the container has no cgroup that can be frozen",
			 frozen ? "freeze" : "thaw");
}

bool cgroup_is_frozen(const struct cgroup *c)
{
	const struct folder *v1 = v1_freezer(c), *v2 = cgroup_v2_folder(c);
	char state[32];

	if (v2 && folder_read_key(v2, "cgroup.events", "frozen") == 1)
		return true;
	return v1 && !folder_read(v1, "freezer.state", state, sizeof(state)) && !strcmp(state, "FROZEN");
}

/* killing: */

/* New children may appear between the list and the signals: until the list is empty. What v1 froze dies only
 * once it is thawed. */
static int kill_listed(struct cgroup *c, struct error *err)
{
	const struct folder *f = cgroup_listing_folder(c), *v1 = v1_freezer(c), *v2 = cgroup_v2_folder(c);
	long long deadline = now_ms() + KILL_TIMEOUT_MS;
	unsigned us = 100;
	size_t n = 0;
	int ret;

	do {
		ret = signal_all(f, SIGKILL, &n, err);
		if (ret < 0 || !n)
			return ret;
		if (v1)
			folder_write(v1, "freezer.state", "THAWED");
		if (v2)
			folder_write(v2, "cgroup.freeze", "0");
	} while (sleep_until_next(deadline, &us));
	/* They have their signal; who still is not gone sleeps in the kernel, and to wait for that is the
	 * caller's choice. */
	return 0;
}

int cgroup_kill(struct cgroup *c, int signo, struct error *err)
{
	const struct folder *v2 = cgroup_v2_folder(c), *v1 = v1_freezer(c);
	char state[32];
	size_t n;
	int ret;

	if (signo != SIGKILL)
		return signal_all(cgroup_listing_folder(c), signo, &n, err);
	ret = v2 ? folder_write(v2, "cgroup.kill", "1") : -ENOENT;
	if (ret < 0)
		return kill_listed(c, err);
	if (v1 && !folder_read(v1, "freezer.state", state, sizeof(state)) && strcmp(state, "THAWED"))
		folder_write(v1, "freezer.state", "THAWED");
	return c->n > 1 ? signal_all(cgroup_listing_folder(c), SIGKILL, &n, err) : 0;
}

int cgroup_remove(struct cgroup *c, struct error *err)
{
	long long deadline = now_ms() + REMOVE_TIMEOUT_MS;
	unsigned us = 200;
	int ret;

	if (c->unit) {
		ret = systemd_stop(c, err);
		if (ret < 0)
			return ret;
	}
	do {
		struct error first = ERROR_NONE;

		for (size_t i = 0; i < c->n; i++)
			if (folder_remove(&c->folders[i], first.code ? NULL : &first) == -EBUSY &&
			    !first.code)
				first.code = -EBUSY;
		if (!first.code)
			return 0;
		if (first.code != -EBUSY || now_ms() >= deadline) {
			if (err)
				*err = first;
			return first.code;
		}
	} while (sleep_until_next(deadline, &us) || true);
}
