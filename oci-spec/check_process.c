/* check_process.c: the checks of a process, of a config as well as of exec. */
#include <stdio.h>
#include <string.h>

#include "base/table.h"
#include "oci-spec/check_inner.h"

/* (uid_t)-1 means "leave it" to the kernel. */
#define ID_MAX (UINT32_MAX - 1)

/* clang-format off */
static const char *const rlimit_names[] = {
	"RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_LOCKS", "RLIMIT_MEMLOCK",
	"RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_RSS", "RLIMIT_RTPRIO",
	"RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK", NULL,
};
/* clang-format on */
static const char *const io_classes[] = {"IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE", NULL};
/* clang-format off */
static const char *const policies[] = {
	"SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE", NULL,
};
static const char *const scheduler_flags[] = {
	"SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN", "SCHED_FLAG_KEEP_POLICY",
	"SCHED_FLAG_KEEP_PARAMS", "SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX", NULL,
};
/* clang-format on */

/* The tables say so as well, but exec's ids come from a command line. */
static int check_id(const struct check *c, const char *name, struct opt_uint n)
{
	if (n.set && n.v > ID_MAX)
		return check_fail(c, "%s%s: %llu is out of range (0 to %u)", c->at, name,
				  (unsigned long long)n.v, ID_MAX);
	return 0;
}

static int check_args(const struct check *c, const struct oci_process *p)
{
	if (!p->args.v)
		return check_fail(c, "%sargs: required, and missing", c->at);
	if (!p->args.n)
		return check_fail(c, "%sargs: must not be empty", c->at);
	if (!*p->args.v[0])
		return check_fail(c, "%sargs[0]: must not be empty", c->at);
	return 0;
}

static int check_process_env(const struct check *c, const struct oci_process *p)
{
	return check_env(c, &p->env, "%senv", c->at);
}

static int check_cwd(const struct check *c, const struct oci_process *p)
{
	if (!p->cwd)
		return check_fail(c, "%scwd: required, and missing", c->at);
	return check_absolute(c, p->cwd, "%scwd", c->at);
}

static int check_user(const struct check *c, const struct oci_process *p)
{
	const struct oci_user *u = p->user;
	int ret;

	if (!u)
		return 0;
	ret = check_id(c, "user.uid", u->uid);
	if (ret == 0)
		ret = check_id(c, "user.gid", u->gid);
	for (size_t i = 0; i < u->additional_gids.n && ret == 0; i++)
		if (u->additional_gids.v[i] > ID_MAX)
			ret = check_fail(c, "%suser.additionalGids[%zu]: %llu is out of range (0 to %u)",
					 c->at, i, (unsigned long long)u->additional_gids.v[i], ID_MAX);
	return ret;
}

static int check_rlimits(const struct check *c, const struct oci_process *p)
{
	unsigned seen = 0;

	for (size_t i = 0; i < p->rlimits.n; i++) {
		const struct oci_rlimit *l = &p->rlimits.v[i];
		int which = name_lookup(rlimit_names, l->type);

		if (which < 0)
			return check_fail(c, "%srlimits[%zu].type: unknown value %s", c->at, i,
					  quote(l->type).text);
		if (seen & 1u << which)
			return check_fail(c, "%srlimits[%zu].type: %s stands there twice", c->at, i,
					  quote(l->type).text);
		if (l->soft.v > l->hard.v)
			return check_fail(c, "%srlimits[%zu].soft: %llu is more than the hard limit %llu",
					  c->at, i, (unsigned long long)l->soft.v,
					  (unsigned long long)l->hard.v);
		seen |= 1u << which;
	}
	return 0;
}

static int check_scheduler(const struct check *c, const struct oci_process *p)
{
	const struct oci_scheduler *s = p->scheduler;
	bool deadline, realtime;
	int ret;

	if (!s)
		return 0;
	ret = check_word(c, policies, s->policy, "%sscheduler.policy", c->at);
	if (ret < 0)
		return ret;
	deadline = !strcmp(s->policy, "SCHED_DEADLINE");
	realtime = !strcmp(s->policy, "SCHED_FIFO") || !strcmp(s->policy, "SCHED_RR");
	ret = check_words(c, scheduler_flags, &s->flags, "%sscheduler.flags", c->at);
	if (ret < 0)
		return ret;
	if (realtime && s->priority.set && (s->priority.v < 1 || s->priority.v > 99))
		return check_fail(c, "%sscheduler.priority: %lld is out of range (1 to 99)", c->at,
				  (long long)s->priority.v);
	if (s->priority.v && !realtime)
		return check_fail(c, "%sscheduler.priority: needs the policy SCHED_FIFO or SCHED_RR", c->at);
	if (!deadline && (s->runtime.v || s->deadline.v || s->period.v))
		return check_fail(c, "%sscheduler.%s: needs the policy SCHED_DEADLINE", c->at,
				  s->runtime.v	  ? "runtime"
				  : s->deadline.v ? "deadline"
						  : "period");
	if (deadline && s->runtime.v > s->deadline.v)
		return check_fail(c, "%sscheduler.runtime: %llu is more than the deadline %llu", c->at,
				  (unsigned long long)s->runtime.v, (unsigned long long)s->deadline.v);
	if (deadline && s->period.v && s->deadline.v > s->period.v)
		return check_fail(c, "%sscheduler.deadline: %llu is more than the period %llu", c->at,
				  (unsigned long long)s->deadline.v, (unsigned long long)s->period.v);
	return 0;
}

static int check_io_priority(const struct check *c, const struct oci_process *p)
{
	if (!p->io_priority)
		return 0;
	return check_word(c, io_classes, p->io_priority->class, "%sioPriority.class", c->at);
}

static int check_affinity(const struct check *c, const struct oci_process *p)
{
	const struct oci_cpu_affinity *a = p->exec_cpu_affinity;
	int ret = 0;

	if (a && a->initial)
		ret = check_list(c, a->initial, "%sexecCPUAffinity.initial", c->at);
	if (ret == 0 && a && a->final)
		ret = check_list(c, a->final, "%sexecCPUAffinity.final", c->at);
	return ret;
}

/* clang-format off */
static const struct {
	const char *name;
	int (*fn)(const struct check *c, const struct oci_process *p);
} rows[] = {
	{ "args", check_args },
	{ "cwd", check_cwd },
	{ "env", check_process_env },
	{ "user", check_user },
	{ "rlimits", check_rlimits },
	{ "scheduler", check_scheduler },
	{ "ioPriority", check_io_priority },
	{ "execCPUAffinity", check_affinity },
};
/* clang-format on */

int check_process(const struct check *c, const struct oci_process *p)
{
	int ret = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows) && ret == 0; i++)
		ret = rows[i].fn(c, p);
	return ret;
}
