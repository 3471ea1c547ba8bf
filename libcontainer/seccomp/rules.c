/* rules.c: see rules.h.
 *
 * Most entries of a profile say the same of a system call whatever its arguments are. These become a search
 * over numbers, written here; only what is left goes to libseccomp, whose time grows with the square of the
 * rules: a profile of 350 names takes it 20 ms.
 */
#include "seccomp/rules.h"

#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/table.h"
#include "seccomp/tree.h"

#define BINARY_TREE_FROM 8 /* rules; below, comparing one after the other is as fast */

void rules_free(struct rules *rules)
{
	free(rules->v);
	rules->v = NULL;
	rules->n = rules->room = 0;
}

int rules_add(struct rules *rules, const struct rule *rule, struct error *err)
{
	if (rules->n == rules->room) {
		size_t room = rules->room ? rules->room * 2 : 512;
		struct rule *v = reallocarray(rules->v, room, sizeof(*v));

		if (!v)
			return error_set(err, -ENOMEM, "linux.seccomp: out of memory");
		rules->v = v;
		rules->room = room;
	}
	rules->v[rules->n++] = *rule;
	return 0;
}

/* --- whole calls --- */

static bool has_multiplexer(uint32_t arch)
{
	static const uint32_t without[] = {SCMP_ARCH_X86_64, SCMP_ARCH_X32, SCMP_ARCH_AARCH64, SCMP_ARCH_ARM,
					   SCMP_ARCH_RISCV64};

	for (size_t i = 0; i < ARRAY_LEN(without); i++)
		if (without[i] == arch)
			return false;
	return true;
}

/* On some machines these are also doors of socketcall(2) and ipc(2), where libseccomp makes a second rule for
 * each. */
static bool is_multiplexed(const char *name)
{
	static const char *const names[] = {
	    "socketcall",  "socket",	 "bind",    "connect", "listen",     "accept",	 "getsockname",
	    "getpeername", "socketpair", "send",    "recv",    "sendto",     "recvfrom", "shutdown",
	    "setsockopt",  "getsockopt", "sendmsg", "recvmsg", "accept4",    "recvmmsg", "sendmmsg",
	    "ipc",	   "semop",	 "semget",  "semctl",  "semtimedop", "msgsnd",	 "msgrcv",
	    "msgget",	   "msgctl",	 "shmat",   "shmdt",   "shmget",     "shmctl",	 NULL,
	};

	return name_lookup(names, name) >= 0;
}

static int compare(const void *a, const void *b)
{
	const struct rule *x = *(const struct rule *const *)a, *y = *(const struct rule *const *)b;

	return (x->nr > y->nr) - (x->nr < y->nr);
}

/* Do all rules for this number say the same, and ask nothing of the arguments? */
static bool agree(struct rule *const *v, size_t n, bool multiplexer)
{
	for (size_t i = 0; i < n; i++)
		if (v[i]->nr < 0 || v[i]->conditions->n || v[i]->action != v[0]->action ||
		    (multiplexer && is_multiplexed(v[i]->name)))
			return false;
	return true;
}

static size_t find_whole(const struct rules *rules, struct rule **sorted, struct answer *out)
{
	bool multiplexer = has_multiplexer(rules->arch);
	size_t made = 0;

	for (size_t i = 0; i < rules->n; i++)
		sorted[i] = &rules->v[i];
	qsort(sorted, rules->n, sizeof(struct rule *), compare);
	for (size_t i = 0, end; i < rules->n; i = end) {
		for (end = i + 1; end < rules->n && sorted[end]->nr == sorted[i]->nr; end++)
			;
		if (!agree(sorted + i, end - i, multiplexer))
			continue;
		for (size_t k = i; k < end; k++)
			sorted[k]->whole = true;
		out[made++] = (struct answer){.nr = (uint32_t)sorted[i]->nr, .action = sorted[i]->action};
	}
	return made;
}

static int write_whole(const struct rules *rules, struct sock_filter *out, size_t max, size_t *n,
		       struct error *err)
{
	auto_free struct answer *answers = calloc(rules->n + 1, sizeof(*answers));
	auto_free struct rule **sorted = calloc(rules->n + 1, sizeof(*sorted));

	if (!answers || !sorted)
		return error_set(err, -ENOMEM, "linux.seccomp: out of memory");
	*n = tree_write(answers, find_whole(rules, sorted, answers), out, max);
	return *n > max ? error_set(err, -E2BIG,
				    "linux.seccomp: compiles to more instructions than the kernel takes")
			: 0;
}

/* --- the rest --- */

static void releasep(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}
#define auto_ctx __attribute__((cleanup(releasep)))

static int start(const struct rules *rules, scmp_filter_ctx ctx)
{
	uint32_t native = seccomp_arch_native();
	int r;

	if (rules->arch == native)
		return 0;
	/* Added beside our own first: so libseccomp refuses one of the other byte order. */
	r = seccomp_arch_add(ctx, rules->arch);
	return r ? r : seccomp_arch_remove(ctx, native);
}

static int add(scmp_filter_ctx ctx, const struct rule *rule)
{
	const struct conditions *c = rule->conditions;
	int r = 0;

	if (!c->any)
		return seccomp_rule_add_array(ctx, rule->action, rule->native, (unsigned)c->n, c->v);
	for (size_t i = 0; i < c->n && !r; i++)
		r = seccomp_rule_add_array(ctx, rule->action, rule->native, 1, &c->v[i]);
	return r;
}

static int add_rest(const struct rules *rules, scmp_filter_ctx ctx, struct error *err)
{
	bool multiplexer = has_multiplexer(rules->arch);
	size_t n = 0;

	for (size_t i = 0; i < rules->n; i++) {
		const struct rule *rule = &rules->v[i];
		int r;

		/* Calls that this architecture hasn't matter only where they may hide behind another. */
		if (rule->whole || (rule->nr < 0 && !multiplexer))
			continue;
		n++;
		r = add(ctx, rule);
		if (r < 0)
			return error_set(err, r, "linux.seccomp.syscalls[%zu]: add %s: %s", rule->call,
					 rule->name, strerror(-r));
	}
	/* A failure would only mean that the program is slower. */
	if (n > BINARY_TREE_FROM && seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2) < 0)
		log_line(LOG_DEBUG, "linux.seccomp: libseccomp builds no binary tree");
	return 0;
}

/* libseccomp before 2.6 only writes to a descriptor. */
static int export(scmp_filter_ctx ctx, struct sock_filter *out, size_t max, size_t *n, struct error *err)
{
	auto_close int fd = memfd_create("seccomp", MFD_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return error_errno(err, "linux.seccomp: make a memfd");
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return error_set(err, r, "linux.seccomp: compile the filter: %s", strerror(-r));
	if (fstat(fd, &st) < 0)
		return error_errno(err, "linux.seccomp: stat the compiled filter");
	if ((size_t)st.st_size > max * sizeof(*out))
		return error_set(err, -E2BIG,
				 "linux.seccomp: compiles to more instructions than the kernel takes");
	if (pread(fd, out, (size_t)st.st_size, 0) != st.st_size || (size_t)st.st_size % sizeof(*out))
		return error_set(err, -EIO, "linux.seccomp: read the compiled filter");
	*n = (size_t)st.st_size / sizeof(*out);
	return 0;
}

int rules_write(struct rules *rules, struct sock_filter *out, size_t max, size_t *n, struct error *err)
{
	auto_ctx scmp_filter_ctx ctx = seccomp_init(rules->default_action);
	size_t tree = 0, rest = 0;
	int r;

	if (!ctx)
		return error_set(err, -ENOMEM, "linux.seccomp: start libseccomp");
	r = start(rules, ctx);
	if (r < 0)
		return error_set(err, r, "linux.seccomp.architectures: one does not go with this machine");
	r = write_whole(rules, out, max, &tree, err);
	if (!r)
		r = add_rest(rules, ctx, err);
	if (!r)
		r = export(ctx, out + tree, max - tree, &rest, err);
	if (!r)
		*n = tree + rest;
	return r;
}
