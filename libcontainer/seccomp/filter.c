/* filter.c: see filter.h. */
#include "seccomp/filter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/auto.h"
#include "base/log.h"
#include "seccomp/dispatch.h"
#include "seccomp/names.h"
#include "seccomp/rules.h"

#define ARGS_MAX  6
#define ERRNO_MAX 4095 /* the kernel's MAX_ERRNO */

#ifndef SECCOMP_FILTER_FLAG_TSYNC_ESRCH
#define SECCOMP_FILTER_FLAG_TSYNC_ESRCH (1UL << 4)
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* One compilation: rules for each architecture, put together at the end. */
struct build {
	const struct oci_seccomp *profile;
	uint32_t default_action;
	bool notify;
	struct conditions *conditions; /* of each entry */
	struct rules v[DOORS_MAX];
	size_t n;
};

static void build_end(struct build *b)
{
	for (size_t i = 0; b->conditions && i < b->profile->syscalls.n; i++)
		free(b->conditions[i].v);
	free(b->conditions);
	for (size_t i = 0; i < b->n; i++)
		rules_free(&b->v[i]);
}
#define auto_build __attribute__((cleanup(build_end)))

static const char *text(const char *s)
{
	return s ? s : "";
}

static bool takes_errno(uint32_t action)
{
	uint32_t kind = action & SECCOMP_RET_ACTION_FULL;

	return kind == SECCOMP_RET_ERRNO || kind == SECCOMP_RET_TRACE;
}

/* `place` and the property names as they stand in config.json. */
static int read_action(const char *place, const char *property, const char *name, const char *errno_property,
		       const struct opt_uint *errno_ret, uint32_t *out, struct error *err)
{
	uint32_t action;
	unsigned ret = EPERM;

	if (!seccomp_action(name, 0, &action))
		return error_set(err, -EINVAL, "%s.%s: unknown action \"%s\"", place, property, text(name));
	if (errno_ret->set) {
		uint64_t max =
		    (action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_TRACE ? SECCOMP_RET_DATA : ERRNO_MAX;

		if (!takes_errno(action))
			return error_set(err, -EINVAL, "%s.%s: %s answers no errno", place, errno_property,
					 name);
		if (errno_ret->v > max)
			return error_set(err, -EINVAL, "%s.%s: %llu is above %llu", place, errno_property,
					 (unsigned long long)errno_ret->v, (unsigned long long)max);
		ret = (unsigned)errno_ret->v;
	}
	seccomp_action(name, ret, out);
	return 0;
}

/* --- architectures --- */

static int add_arch(struct build *b, uint32_t arch, struct error *err)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].arch == arch)
			return 0;
	if (b->n == DOORS_MAX)
		return error_set(err, -E2BIG, "linux.seccomp.architectures: are more than %d", DOORS_MAX);
	b->v[b->n++] = (struct rules){.arch = arch, .default_action = b->default_action, .last = -1};
	return 0;
}

/* Our own is always among them, and the first. */
static int add_archs(struct build *b, struct error *err)
{
	const struct strings *names = &b->profile->architectures;
	int r = add_arch(b, seccomp_arch_native(), err);

	for (size_t i = 0; i < names->n && !r; i++) {
		uint32_t arch;

		if (!seccomp_arch(names->v[i], &arch))
			return error_set(err, -EINVAL,
					 "linux.seccomp.architectures[%zu]: unknown architecture \"%s\"", i,
					 text(names->v[i]));
		/* Of the other byte order, or of machines that libseccomp does not know: no call can ever come from there. */
		if (arch == SECCOMP_ARCH_FOREIGN || (arch ^ seccomp_arch_native()) & __AUDIT_ARCH_LE)
			continue;
		r = add_arch(b, arch, err);
	}
	return r;
}

/* ARM numbers its private calls (set_tls and so on) from here: above all others, and not a sign of what the
 * profile knows. */
#define ARM_PRIVATE 0x0f0000

static void note_last(struct rules *rules, int nr)
{
	if (nr < 0 || (rules->arch == SCMP_ARCH_ARM && nr >= ARM_PRIVATE))
		return;
	if (rules->arch == SCMP_ARCH_X32)
		nr &= (int)~X32_BIT;
	if (nr > rules->last)
		rules->last = nr;
}

/* --- rules --- */

static int read_arg(const struct oci_syscall_arg *arg, size_t call, size_t at, struct scmp_arg_cmp *out,
		    struct error *err)
{
	int op;

	if (!arg->index.set || arg->index.v >= ARGS_MAX)
		return error_set(err, -EINVAL,
				 "linux.seccomp.syscalls[%zu].args[%zu].index: is not within 0 and %d", call,
				 at, ARGS_MAX - 1);
	if (!seccomp_operator(arg->op, &op))
		return error_set(err, -EINVAL,
				 "linux.seccomp.syscalls[%zu].args[%zu].op: unknown operator \"%s\"", call,
				 at, text(arg->op));
	*out = (struct scmp_arg_cmp){
	    .arg = (unsigned)arg->index.v, .op = (enum scmp_compare)op, .datum_a = arg->value.v};
	/* For the masked one: value is the mask, valueTwo what must be left. */
	if (op == SCMP_CMP_MASKED_EQ)
		out->datum_b = arg->value_two.v;
	return 0;
}

/* All conditions of an entry must hold; but where one argument is named twice, any of them is enough: an
 * accident of history that profiles have relied on ever since. */
static int read_args(const struct oci_syscall *call, size_t at, struct conditions *out, struct error *err)
{
	unsigned seen = 0;
	int r = 0;

	if (!call->args.n)
		return 0;
	auto_free struct scmp_arg_cmp *v = calloc(call->args.n, sizeof(*v));
	if (!v)
		return error_set(err, -ENOMEM, "linux.seccomp: out of memory");
	for (size_t i = 0; i < call->args.n && !r; i++) {
		r = read_arg(&call->args.v[i], at, i, &v[i], err);
		out->any |= !r && seen & (1U << v[i].arg);
		seen |= r ? 0 : 1U << v[i].arg;
	}
	if (r < 0)
		return r;
	out->v = TAKE_PTR(v);
	out->n = call->args.n;
	return 0;
}

static int add_name(struct build *b, size_t at, const char *name, uint32_t action, struct error *err)
{
	struct rule rule = {.name = name, .action = action, .call = at, .conditions = &b->conditions[at]};
	int r = 0;

	/* The descriptor of the listener is told by writing it to the other side: under such a filter that
	 * would wait for the listener itself. */
	if (action == SCMP_ACT_NOTIFY && !strcmp(name, "write"))
		return error_set(err, -EINVAL,
				 "linux.seccomp.syscalls[%zu]: SCMP_ACT_NOTIFY can't be used for write", at);
	rule.native = seccomp_syscall_resolve_name(name);
	if (rule.native == __NR_SCMP_ERROR) {
		log_line(LOG_DEBUG, "linux.seccomp.syscalls[%zu]: unknown system call \"%s\" is left out", at,
			 name);
		return 0;
	}
	b->notify |= action == SCMP_ACT_NOTIFY;
	for (size_t i = 0; i < b->n && !r; i++) {
		rule.nr = i ? seccomp_syscall_resolve_name_arch(b->v[i].arch, name) : rule.native;
		note_last(&b->v[i], rule.nr);
		/* Nothing would change, and libseccomp refuses it. */
		if (action != b->default_action)
			r = rules_add(&b->v[i], &rule, err);
	}
	return r;
}

static int add_call(struct build *b, size_t at, struct error *err)
{
	const struct oci_syscall *call = &b->profile->syscalls.v[at];
	char place[64];
	uint32_t action;
	int r;

	snprintf(place, sizeof(place), "linux.seccomp.syscalls[%zu]", at);
	if (!call->names.n)
		return error_set(err, -EINVAL, "%s.names: is empty", place);
	r = read_action(place, "action", call->action, "errnoRet", &call->errno_ret, &action, err);
	if (!r)
		r = read_args(call, at, &b->conditions[at], err);
	for (size_t i = 0; i < call->names.n && !r; i++)
		r = add_name(b, at, text(call->names.v[i]), action, err);
	return r;
}

/* --- the program --- */

/* For a default action that lets calls pass (or shows them to a tracer, which can answer itself), a new one
 * is no surprise. */
static bool wants_limit(uint32_t action)
{
	uint32_t kind = action & SECCOMP_RET_ACTION_FULL;

	return kind != SECCOMP_RET_ALLOW && kind != SECCOMP_RET_LOG && kind != SECCOMP_RET_TRACE;
}

/* The rules of all architectures one after the other, behind the dispatcher that leads to them. */
static int finish(struct build *b, struct filter *out, struct error *err)
{
	auto_free struct sock_filter *all = calloc(BPF_MAXINSNS, sizeof(*all));
	struct sock_filter head[DISPATCH_MAX];
	struct door doors[DOORS_MAX];
	size_t total = 0;
	int r = 0;

	if (!all)
		return error_set(err, -ENOMEM, "linux.seccomp: out of memory");
	for (size_t i = 0; i < b->n && !r; i++) {
		bool x32 = b->v[i].arch == SCMP_ARCH_X32;
		size_t n = 0;

		doors[i] = (struct door){.arch = x32 ? AUDIT_ARCH_X86_64 : b->v[i].arch,
					 .x32 = x32,
					 .last = wants_limit(b->default_action) ? b->v[i].last : -1,
					 .at = total};
		r = rules_write(&b->v[i], all + total, BPF_MAXINSNS - total, &n, err);
		total += n;
	}
	if (r < 0)
		return r;
	size_t first = dispatch_write(doors, b->n, head);
	if (first + total > BPF_MAXINSNS)
		return error_set(err, -E2BIG,
				 "linux.seccomp: compiles to %zu instructions, the kernel takes %d",
				 first + total, BPF_MAXINSNS);
	struct sock_filter *code = malloc((first + total) * sizeof(*code));
	if (!code)
		return error_set(err, -ENOMEM, "linux.seccomp: out of memory");
	memcpy(code, head, first * sizeof(*code));
	memcpy(code + first, all, total * sizeof(*code));
	out->code = code;
	out->n = first + total;
	return 0;
}

static int read_flags(const struct build *b, struct filter *out, struct error *err)
{
	const struct strings *names = &b->profile->flags;

	/* Without flags: as both peers do. Speculative store bypass stays as the host has it, which costs
	 * much less. */
	out->flags_default = !names->n;
	out->flags = names->n ? 0 : SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	for (size_t i = 0; i < names->n; i++) {
		unsigned flag;

		if (!seccomp_flag(names->v[i], &flag))
			return error_set(err, -EINVAL, "linux.seccomp.flags[%zu]: unknown flag \"%s\"", i,
					 text(names->v[i]));
		out->flags |= flag;
	}
	/* It says how the listener is waited for; without one there is nothing to wait for, and the kernel
	 * refuses it. */
	if (!out->notify)
		out->flags &= ~(unsigned)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	/* Together with a listener, the kernel wants to report a failed TSYNC by errno: the return value is
	 * taken. */
	else if (out->flags & SECCOMP_FILTER_FLAG_TSYNC)
		out->flags |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
	return 0;
}

static int build_rules(struct build *b, struct error *err)
{
	int r;

	r = read_action("linux.seccomp", "defaultAction", b->profile->default_action, "defaultErrnoRet",
			&b->profile->default_errno_ret, &b->default_action, err);
	if (r < 0)
		return r;
	if (b->default_action == SCMP_ACT_NOTIFY)
		return error_set(err, -EINVAL,
				 "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY can't be the default");
	b->conditions = calloc(b->profile->syscalls.n + 1, sizeof(*b->conditions));
	if (!b->conditions)
		return error_set(err, -ENOMEM, "linux.seccomp: out of memory");
	r = add_archs(b, err);
	for (size_t i = 0; i < b->profile->syscalls.n && !r; i++)
		r = add_call(b, i, err);
	return r;
}

int filter_compile(const struct oci_seccomp *seccomp, struct filter *out, struct error *err)
{
	auto_build struct build b = {.profile = seccomp};
	struct filter made = {0};
	int r;

	if (!seccomp) {
		*out = made;
		return 0;
	}
	r = build_rules(&b, err);
	if (r < 0)
		return r;
	made.notify = b.notify;
	r = read_flags(&b, &made, err);
	if (r < 0)
		return r;
	r = finish(&b, &made, err);
	if (r < 0)
		return r;
	*out = made;
	return 0;
}

static long load(const struct filter *filter, unsigned flags)
{
	struct sock_fprog prog = {.len = (unsigned short)filter->n, .filter = filter->code};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}

int filter_load(const struct filter *filter, int *listener, struct error *err)
{
	unsigned flags = filter->flags;
	long r;

	if (!filter->n)
		return 0;
	if (filter->notify) {
		if (!listener)
			return error_set(err, -EINVAL, "load the seccomp filter: nobody takes its listener");
		flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	}
	r = load(filter, flags);
	/* SPEC_ALLOW came with Linux 4.17. */
	if (r < 0 && errno == EINVAL && filter->flags_default)
		r = load(filter, flags & ~(unsigned)SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	if (r < 0)
		return error_errno(err, "load the seccomp filter");
	if (filter->notify)
		*listener = (int)r;
	else if (r > 0)
		return error_set(err, -ESRCH, "load the seccomp filter: thread %ld can't be brought under it",
				 r);
	return 0;
}

void filter_free(struct filter *filter)
{
	if (!filter)
		return;
	free(filter->code);
	*filter = (struct filter){0};
}
