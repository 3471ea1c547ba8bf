/* test_pipeline.c: two made-up back ends with real processes: every row of every place fails once and dies once, and INSIDE lies once about
 * each row. HOST must hear of it, with the right words, and undo what it did in reverse.
 */
#include "core/pipeline.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/sys.h"
#include "base/table.h"

struct container {
	struct pipeline *p;
	pid_t child;
	const char *fail, *die;
	int lie;
	bool skip;
	const struct stage *const *guest; /* the list that INSIDE knows, beginning with "power"; NULL: the whole one */
};

/* One append is one write(): no process tears another one's word. */
static int log_fd = -1;

static void note(char sign, const char *w)
{
	char word[32];
	int n = snprintf(word, sizeof(word), "%c%s ", sign, w);

	if (write(log_fd, word, (size_t)n) != n)
		abort();
}

static int trip(struct container *c, const char *w, struct error *err)
{
	if (c->die && !strcmp(c->die, w))
		_exit(9);
	if (c->lie >= 0 && !strcmp(w, "root")) {
		struct msg m = { .kind = MSG_DONE, .stage = c->lie };

		for (int i = 0; i < PLACE_MAX; i++)
			if (c->p->peer[i] >= 0)
				channel_send(c->p->peer[i], &m, -EBADF, NULL);
	}
	if (c->fail && !strcmp(c->fail, w))
		return error_set(err, -EINVAL, "%s: told to fail", w);
	note('+', w);
	return 0;
}

#define ROW(n)                                                                                                                             \
	static int n##_run(struct container *c, struct error *e) { return trip(c, #n, e); }                                                \
	static void __attribute__((unused)) n##_undo(struct container *c) { note('-', #n); }
ROW(state) ROW(cgroup) ROW(idmap) ROW(machine) ROW(boot) ROW(root) ROW(names) ROW(hooks) ROW(caps) ROW(bound) ROW(created) ROW(gate) ROW(execve)
ROW(serve) ROW(skipped)

static int spawn(struct container *c, enum place who, uint64_t flags, struct error *err)
{
	struct clone_args a = { .flags = flags, .exit_signal = SIGCHLD };
	enum place up = c->p->me;
	int fds[2], ret = channel_pair(fds, err);

	if (ret < 0)
		return ret;
	c->child = sys_clone3(&a, sizeof(a));
	if (c->child < 0)
		return error_errno(err, "clone3");
	if (c->child > 0) {
		close(fds[1]);
		c->p->peer[who] = fds[0];
		return 0;
	}
	close(fds[0]);
	struct pipeline mine = PIPELINE(who == INSIDE && c->guest ? c->guest : c->p->segments, who);
	struct container me = *c;
	struct error e = ERROR_NONE;

	mine.at = c->p->at + 1 - c->p->shift[who];
	mine.peer[up] = fds[1];
	me.p = &mine;
	_exit(pipeline_run(&mine, &me, &e) < 0 ? 1 : 0);
}

static void spawn_undo(struct container *c)
{
	if (c->child > 0) {
		kill(c->child, SIGKILL);
		waitpid(c->child, NULL, 0);
		c->child = 0;
	}
	note('-', "spawn");
}

static int spawn_inside(struct container *c, struct error *e)
{
	int r = trip(c, "spawn", e);

	return r ? r : spawn(c, INSIDE, 0, e);
}

static int spawn_jail(struct container *c, struct error *e)
{
	int r = trip(c, "spawn", e);

	return r ? r : spawn(c, JAIL, 0, e);
}

/* A walker that has more to do than to wait. */
static int wait_slowly(struct container *c, struct pollfd *fds, int n, struct error *err)
{
	while (poll(fds, (nfds_t)n, 10) == 0)
		;
	return 0;
}

static int power_run(struct container *c, struct error *e)
{
	int r = trip(c, "power", e);

	if (c->guest) {
		c->p->shift[INSIDE] = pipeline_find(c->p, JAIL, "power");
		c->p->wait = wait_slowly;
	}
	return r ? r : spawn(c, INSIDE, 0, e);
}

static bool never(const struct container *c)
{
	return c->skip;
}

static const struct stage prepare[] = { { HOST, "state", state_run, state_undo, NULL, false }, { HOST, "skipped", skipped_run, NULL, never, false },
					{ HOST, "cgroup", cgroup_run, cgroup_undo, NULL, false }, { 0 } };
static const struct stage furnish[] = {
	{ INSIDE, "root", root_run, NULL, NULL, false },   { INSIDE, "names", names_run, NULL, NULL, false },
	{ HOST, "hooks", hooks_run, hooks_undo, NULL, false }, { INSIDE, "caps", caps_run, NULL, NULL, false },
	{ HOST, "bound", bound_run, bound_undo, NULL, true },  { 0 },
};
static const struct stage announce[] = { { HOST, "created", created_run, created_undo, NULL, false }, { 0 } };
static const struct stage go[] = { { INSIDE, "gate", gate_run, NULL, NULL, false }, { INSIDE, "execve", execve_run, NULL, NULL, false }, { 0 } };
static const struct stage enter[] = { { HOST, "spawn", spawn_inside, spawn_undo, NULL, false }, { HOST, "idmap", idmap_run, NULL, NULL, false },
				      { INSIDE, "skipped", skipped_run, NULL, never, false }, { 0 } };
static const struct stage power_on[] = {
	{ HOST, "spawn", spawn_jail, spawn_undo, NULL, false }, { HOST, "idmap", idmap_run, NULL, NULL, false },
	{ JAIL, "machine", machine_run, NULL, NULL, false },    { JAIL, "boot", boot_run, NULL, NULL, false },
	{ JAIL, "power", power_run, NULL, NULL, false },        { 0 },
};
static const struct stage serve[] = { { JAIL, "serve", serve_run, NULL, NULL, false }, { 0 } };
static const struct stage *const namespaces[] = { prepare, enter, furnish, announce, go, NULL };
static const struct stage powered[] = { { JAIL, "power", power_run, NULL, NULL, false }, { 0 } };
static const struct stage *const guest[] = { powered, furnish, announce, go, serve, NULL };
static const struct stage *const kvm[] = { prepare, power_on, furnish, announce, go, serve, NULL };

/* HOST's rows that ran and have an undo, each undone; spawn, whose child is gone, last but those before it. */
static bool host_is_clean(const char *log)
{
	static const char *const mine[] = { "state", "cgroup", "spawn", "hooks", "bound", "created" };
	int begun[6] = { 0 };

	for (const char *w = log; *w; w = strchr(w, ' ') + 1)
		for (size_t i = 0; i < ARRAY_LEN(mine); i++)
			if (!strncmp(w + 1, mine[i], strlen(mine[i])) && w[1 + strlen(mine[i])] == ' ')
				begun[i] = *w == '+';
	for (size_t i = 0; i < ARRAY_LEN(mine); i++)
		if (begun[i])
			return false;
	return true;
}

static bool in_order(const char *log, const char *first, const char *then)
{
	const char *a = strstr(log, first), *b = strstr(log, then);

	return !a || !b || a < b;
}

static int run(const struct stage *const *list, struct container *c, struct error *err, char *log, size_t size)
{
	struct pipeline p = PIPELINE(list, HOST);
	int ret, alive[2];
	ssize_t n;
	char byte;

	cr_assert_eq(pipe2(alive, O_CLOEXEC), 0);
	log_fd = memfd_create("log", 0);
	fcntl(log_fd, F_SETFL, O_APPEND);
	c->p = &p;
	ret = pipeline_run(&p, c, err);
	if (ret == 0)
		waitpid(c->child, NULL, 0);
	for (int i = 0; i < PLACE_MAX; i++)
		if (p.peer[i] >= 0)
			close(p.peer[i]);
	/* Grandchildren may still write: until all have ended. */
	close(alive[1]);
	while (read(alive[0], &byte, 1) > 0)
		;
	close(alive[0]);
	n = pread(log_fd, log, size - 1, 0);
	log[n > 0 ? n : 0] = '\0';
	close(log_fd);
	return ret;
}

static const struct stage *const *guest_list; /* of the next check() */

static void check(const struct stage *const *list, const char *fail, const char *die, int lie)
{
	static const char *const late[] = { "gate", "execve", "serve" }; /* the host has left by then */
	struct container c = { .fail = fail, .die = die, .lie = lie, .guest = guest_list };
	const char *what = fail ? fail : die;
	struct error err = ERROR_NONE;
	char log[4096];
	bool is_late = false;
	int ret = run(list, &c, &err, log, sizeof(log));

	for (size_t i = 0; i < ARRAY_LEN(late); i++)
		is_late |= what && !strcmp(what, late[i]);
	if (lie >= 0) { /* told before its time: either refused, or of no effect */
		cr_expect(host_is_clean(log) || (ret == 0 && strstr(log, "+hooks") && strstr(log, "+created")), "lie %d: %s", lie, log);
	} else if (!what || is_late) {
		cr_expect(ret == 0, "%s: %s | %s", what ? what : "all well", err.msg, log);
		cr_expect(in_order(log, "+state", "+cgroup") && in_order(log, "+cgroup", "+spawn") && in_order(log, "+root", "+hooks") &&
			  in_order(log, "+hooks", "+caps") && in_order(log, "+caps", "+created") && in_order(log, "+bound", "+created"), "%s", log);
	} else {
		cr_expect(ret < 0, "%s went well", what);
		cr_expect(host_is_clean(log), "%s: %s", what, log);
		cr_expect(strstr(err.msg, die ? "died without a word" : what), "%s: %s", what, err.msg);
		cr_expect(in_order(log, "-spawn", "-cgroup") && in_order(log, "-cgroup", "-state"), "%s", log);
	}
}

static const char *const all[] = { "state", "cgroup", "spawn", "idmap", "machine", "boot", "power", "root", "names", "hooks",
				   "caps", "bound", "created", "gate", "execve", "serve" };

static bool is_of_host(const char *row)
{
	static const char *const host[] = { "state", "cgroup", "spawn", "idmap", "hooks", "bound", "created" };

	for (size_t i = 0; i < ARRAY_LEN(host); i++)
		if (!strcmp(host[i], row))
			return true;
	return false;
}

static bool is_of_vm(const char *row)
{
	return !strcmp(row, "machine") || !strcmp(row, "boot") || !strcmp(row, "power") || !strcmp(row, "serve");
}

Test(pipeline, all_rows_run_in_order)
{
	check(namespaces, NULL, NULL, -1);
	check(kvm, NULL, NULL, -1);
}

Test(pipeline, every_row_fails)
{
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (!is_of_vm(all[i]))
			check(namespaces, all[i], NULL, -1);
		check(kvm, all[i], NULL, -1);
	}
}

Test(pipeline, every_other_walker_dies)
{
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (is_of_host(all[i]))
			continue;
		if (!is_of_vm(all[i]))
			check(namespaces, NULL, all[i], -1);
		check(kvm, NULL, all[i], -1);
	}
}

Test(pipeline, inside_lies_about_every_row)
{
	for (int i = 0; i < 18; i++) {
		check(namespaces, NULL, NULL, i);
		check(kvm, NULL, NULL, i);
	}
}

/* As above, where INSIDE knows the end of the list only, by other numbers. */
Test(pipeline, a_guest_has_the_end_of_the_list)
{
	guest_list = guest;
	check(kvm, NULL, NULL, -1);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		check(kvm, all[i], NULL, -1);
		if (!is_of_host(all[i]))
			check(kvm, NULL, all[i], -1);
	}
	for (int i = 0; i < 18; i++)
		check(kvm, NULL, NULL, i);
	/* Numbers that would be a row of somebody else's, or of nobody, once shifted. */
	check(kvm, NULL, NULL, INT_MAX);
	guest_list = NULL;
}

Test(pipeline, a_row_that_is_not_needed_is_no_row)
{
	struct container c = { .lie = -1, .skip = true };
	struct error err = ERROR_NONE;
	char log[4096];

	cr_assert(run(namespaces, &c, &err, log, sizeof(log)) == 0);
	cr_expect(strstr(log, "+skipped"));
	c = (struct container){ .lie = -1, .skip = false };
	cr_assert(run(namespaces, &c, &err, log, sizeof(log)) == 0);
	cr_expect(!strstr(log, "+skipped"), "%s", log);
}

Test(pipeline, watch_tells_an_end_from_a_failure)
{
	struct error err = ERROR_NONE;
	int fds[2];

	cr_assert(channel_pair(fds, &err) == 0);
	channel_send(fds[1], &(struct msg){ .kind = MSG_DONE, .stage = 3 }, -EBADF, NULL);
	close(fds[1]);
	cr_expect(pipeline_watch(fds[0], "x", &err) == 0);
	close(fds[0]);

	cr_assert(channel_pair(fds, &err) == 0);
	close(fds[1]);
	cr_expect(pipeline_watch(fds[0], "x", &err) < 0);
	cr_expect(strstr(err.msg, "x died before its program was executed"), "%s", err.msg);
	close(fds[0]);

	struct msg fail = { .kind = MSG_FAIL, .error = { -ENOENT, "exec /x: no such file or directory" } };

	cr_assert(channel_pair(fds, &err) == 0);
	channel_send(fds[1], &(struct msg){ .kind = MSG_DONE, .stage = 3 }, -EBADF, NULL);
	channel_send(fds[1], &fail, -EBADF, NULL);
	close(fds[1]);
	cr_expect(pipeline_watch(fds[0], "x", &err) == -ENOENT);
	cr_expect_str_eq(err.msg, fail.error.msg);
	close(fds[0]);
}
