/* test_reference.c: random profiles, compiled by us and by libseccomp alone: every system call must get the
 * same answer. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf.h"
#include "seccomp/filter.h"
#include "seccomp/names.h"

#define CALLS	12
#define NAMES	40
#define CODE	16384
#define NR_MAX	560
#define X32_BIT 0x40000000

static const char *const all_actions[] = {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS",
					  "SCMP_ACT_LOG", "SCMP_ACT_TRAP"};
static const char *const all_ops[] = {"SCMP_CMP_EQ", "SCMP_CMP_NE", "SCMP_CMP_LT",	 "SCMP_CMP_LE",
				      "SCMP_CMP_GT", "SCMP_CMP_GE", "SCMP_CMP_MASKED_EQ"};
static const struct {
	const char *name;
	uint32_t token, audit;
} all_archs[] = {
    {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64},
    {"SCMP_ARCH_X86",    SCMP_ARCH_X86,    AUDIT_ARCH_I386  },
    {"SCMP_ARCH_X32",    SCMP_ARCH_X32,    AUDIT_ARCH_X86_64},
};

/* Always the same numbers. */
static uint32_t state;
static uint32_t dice(uint32_t sides)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % sides;
}

struct profile {
	struct oci_seccomp spec;
	struct oci_syscall calls[CALLS];
	struct oci_syscall_arg args[CALLS][3];
	char *names[CALLS][NAMES], *archs[3];
};

static void make(struct profile *p, char **pool, size_t n)
{
	memset(p, 0, sizeof(*p));
	p->spec.default_action = (char *)(uintptr_t)all_actions[dice(5)];
	p->spec.architectures.v = p->archs;
	for (size_t a = 0; a < 3; a++)
		if (dice(2))
			p->archs[p->spec.architectures.n++] = (char *)(uintptr_t)all_archs[a].name;
	p->spec.syscalls.v = p->calls;
	p->spec.syscalls.n = 1 + dice(CALLS);
	for (size_t c = 0; c < p->spec.syscalls.n; c++) {
		struct oci_syscall *call = &p->calls[c];

		call->action = (char *)(uintptr_t)all_actions[dice(5)];
		if (!strcmp(call->action, "SCMP_ACT_ERRNO") && dice(2))
			call->errno_ret = (struct opt_uint){true, 1 + dice(3)};
		call->names.v = p->names[c];
		call->names.n = 1 + dice(NAMES);
		/* Each entry has names of its own: what overlapping ones mean is libseccomp's secret. Some do
		 * overlap with one action. */
		for (size_t i = 0; i < call->names.n; i++)
			p->names[c][i] =
			    pool[(i * CALLS + c + CALLS * NAMES * dice(1 + (uint32_t)(n / (CALLS * NAMES)))) %
				 n];
		call->args.v = p->args[c];
		call->args.n = dice(3) ? 0 : 1 + dice(3);
		for (size_t i = 0; i < call->args.n; i++)
			p->args[c][i] = (struct oci_syscall_arg){
			    {true, dice(3)				  },
			    {true, dice(4) * (dice(4) ? 1 : 0x100000001ULL)},
			    {true, dice(4)				  },
			    (char *)(uintptr_t)all_ops[dice(7)]
			       };
	}
}

/* The same rules, all of them given to one libseccomp filter. */
static size_t reference(const struct oci_seccomp *spec, struct sock_filter *out)
{
	uint32_t action, fallback;
	scmp_filter_ctx ctx;

	cr_assert(seccomp_action(spec->default_action, EPERM, &fallback));
	ctx = seccomp_init(fallback);
	for (size_t i = 0; i < spec->architectures.n; i++) {
		uint32_t arch = 0;

		cr_assert(seccomp_arch(spec->architectures.v[i], &arch));
		int r = seccomp_arch_add(ctx, arch);
		cr_assert(r == 0 || r == -EEXIST);
	}
	for (size_t c = 0; c < spec->syscalls.n; c++) {
		const struct oci_syscall *call = &spec->syscalls.v[c];
		struct scmp_arg_cmp args[3];
		unsigned seen = 0;
		bool any = false;

		seccomp_action(call->action, call->errno_ret.set ? (unsigned)call->errno_ret.v : EPERM,
			       &action);
		for (size_t i = 0; i < call->args.n; i++) {
			const struct oci_syscall_arg *a = &call->args.v[i];
			int op = 0;

			seccomp_operator(a->op, &op);
			args[i] =
			    (struct scmp_arg_cmp){(unsigned)a->index.v, (enum scmp_compare)op, a->value.v, 0};
			if (op == SCMP_CMP_MASKED_EQ)
				args[i].datum_b = a->value_two.v;
			any |= seen & (1U << a->index.v);
			seen |= 1U << a->index.v;
		}
		for (size_t i = 0; i < call->names.n && action != fallback; i++) {
			int nr = seccomp_syscall_resolve_name(call->names.v[i]), r = 0;

			if (!any)
				r = seccomp_rule_add_array(ctx, action, nr, (unsigned)call->args.n, args);
			for (size_t k = 0; any && k < call->args.n && !r; k++)
				r = seccomp_rule_add_array(ctx, action, nr, 1, &args[k]);
			if (r < 0) {
				seccomp_release(ctx);
				return 0;
			}
		}
	}
	int fd = memfd_create("reference", MFD_CLOEXEC);
	cr_assert_eq(seccomp_export_bpf(ctx, fd), 0);
	ssize_t n = pread(fd, out, CODE * sizeof(*out), 0);
	close(fd);
	seccomp_release(ctx);
	cr_assert_gt(n, 0);
	return (size_t)n / sizeof(*out);
}

/* The highest number that the profile names, without X32_BIT; -1: none. */
static int last_named(const struct oci_seccomp *spec, uint32_t token)
{
	int last = -1;

	for (size_t c = 0; c < spec->syscalls.n; c++)
		for (size_t i = 0; i < spec->syscalls.v[c].names.n; i++) {
			int nr = seccomp_syscall_resolve_name_arch(token, spec->syscalls.v[c].names.v[i]);

			if (nr >= 0 && (nr & ~X32_BIT) > last)
				last = nr & ~X32_BIT;
		}
	return last;
}

static bool knows(const struct oci_seccomp *spec, size_t arch)
{
	for (size_t i = 0; i < spec->architectures.n; i++)
		if (!strcmp(spec->architectures.v[i], all_archs[arch].name))
			return true;
	return arch == 0;
}

static unsigned compare(const struct oci_seccomp *spec, const struct filter *f, const struct sock_filter *ref,
			size_t n)
{
	static const uint64_t values[] = {0, 1, 2, 3, 4, 0x100000001, 0x200000002, UINT64_MAX};
	bool limit =
	    strcmp(spec->default_action, "SCMP_ACT_ALLOW") && strcmp(spec->default_action, "SCMP_ACT_LOG");
	unsigned checked = 0;

	for (size_t a = 0; a < 3; a++) {
		int last = last_named(spec, all_archs[a].token);

		for (int nr = 0; nr < NR_MAX; nr++) {
			struct seccomp_data data = {.arch = all_archs[a].audit,
						    .nr = a == 2 ? nr | X32_BIT : nr};

			for (size_t k = 0; k < 8; k++) {
				__u32 ours = 0, theirs = 0;

				data.args[0] = values[k];
				data.args[1] = values[(k + dice(2)) % 8];
				data.args[2] = values[dice(8)];
				cr_assert(bpf_run(f->code, f->n, &data, &ours));
				cr_assert(bpf_run(ref, n, &data, &theirs));
				if (limit && knows(spec, a) && last >= 0 && nr > last)
					theirs = SECCOMP_RET_ERRNO | ENOSYS;
				cr_assert_eq(ours, theirs, "%s %d(%llx, %llx, %llx): %x instead of %x",
					     all_archs[a].name, nr, data.args[0], data.args[1], data.args[2],
					     ours, theirs);
				checked++;
			}
		}
	}
	return checked;
}

Test(reference, random_profiles, .timeout = 120)
{
	static struct sock_filter ref[CODE];
	static struct profile p;
	static char *pool[1024];
	unsigned checked = 0, compared = 0;
	size_t n = 0;

	if (seccomp_arch_native() != SCMP_ARCH_X86_64)
		cr_skip_test("written for x86-64");
	/* All names of x86-64, and those that only 32 bits have. */
	for (size_t a = 0; a < 2; a++)
		for (int nr = 0; nr < NR_MAX; nr++) {
			char *name = seccomp_syscall_resolve_num_arch(all_archs[a].token, nr);

			if (name && (a == 0 || seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, name) < 0))
				pool[n++] = name;
			else
				free(name);
		}
	cr_assert_gt(n, 400);
	state = 1;
	for (int i = 0; i < 60; i++) {
		struct error err = ERROR_NONE;
		struct filter f = {0};

		make(&p, pool, n);
		int r = filter_compile(&p.spec, &f, &err);
		size_t len = reference(&p.spec, ref);
		if (!len || r < 0) {
			cr_assert(!len && r < 0, "round %d: ours %d (%s), theirs %zu", i, r, err.msg, len);
			continue;
		}
		checked += compare(&p.spec, &f, ref, len);
		compared++;
		filter_free(&f);
	}
	while (n)
		free(pool[--n]);
	cr_assert_gt(compared, 30);
	cr_assert_gt(checked, 100000);
}
