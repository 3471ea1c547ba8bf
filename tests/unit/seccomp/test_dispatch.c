/* test_dispatch.c: which rules a system call is led to, and which ones are too new. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>

#include "bpf.h"
#include "seccomp/dispatch.h"

#define NOSYS	(SECCOMP_RET_ERRNO | ENOSYS)
#define KILL	SECCOMP_RET_KILL_THREAD
#define RULE(i) (0x1000U + (unsigned)(i))

/* The rules of door i are one instruction that answers RULE(i). */
static __u32 answer(struct door *doors, size_t n, __u32 arch, __u32 nr)
{
	struct sock_filter code[DISPATCH_MAX + DOORS_MAX];
	struct seccomp_data data = {.arch = arch, .nr = (int)nr};
	__u32 action = 0;
	size_t len;

	for (size_t i = 0; i < n; i++)
		doors[i].at = i;
	len = dispatch_write(doors, n, code);
	cr_assert_leq(len, DISPATCH_MAX);
	for (size_t i = 0; i < n; i++)
		code[len + i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, RULE(i));
	cr_assert(bpf_run(code, len + n, &data, &action));
	return action;
}

Test(dispatch, one_arch)
{
	struct door d[] = {
	    {.arch = AUDIT_ARCH_AARCH64, .last = 300}
	     };

	cr_assert_eq(answer(d, 1, AUDIT_ARCH_AARCH64, 0), RULE(0));
	cr_assert_eq(answer(d, 1, AUDIT_ARCH_AARCH64, 300), RULE(0));
	cr_assert_eq(answer(d, 1, AUDIT_ARCH_AARCH64, 301), NOSYS);
	cr_assert_eq(answer(d, 1, AUDIT_ARCH_AARCH64, UINT32_MAX), NOSYS);
	cr_assert_eq(answer(d, 1, AUDIT_ARCH_ARM, 0), KILL);
	d[0].last = 0;
	cr_assert_eq(answer(d, 1, AUDIT_ARCH_AARCH64, 0), RULE(0));
	cr_assert_eq(answer(d, 1, AUDIT_ARCH_AARCH64, 1), NOSYS);
	d[0].last = -1;
	cr_assert_eq(answer(d, 1, AUDIT_ARCH_AARCH64, UINT32_MAX), RULE(0));
}

Test(dispatch, x86_64_and_x32_share_an_arch)
{
	for (int order = 0; order < 2; order++) {
		struct door d[] = {
		    {.arch = AUDIT_ARCH_X86_64, .x32 = order,	      .last = order ? 547 : 450},
		    {.arch = AUDIT_ARCH_I386,   .last = 400		 },
		    {.arch = AUDIT_ARCH_X86_64,		.x32 = !order, .last = order ? 450 : 547				}
		 };
		__u32 plain = order ? RULE(2) : RULE(0), x32 = order ? RULE(0) : RULE(2);

		cr_assert_eq(answer(d, 3, AUDIT_ARCH_X86_64, 450), plain);
		cr_assert_eq(answer(d, 3, AUDIT_ARCH_X86_64, 451), NOSYS);
		cr_assert_eq(answer(d, 3, AUDIT_ARCH_X86_64, X32_BIT - 1), NOSYS);
		cr_assert_eq(answer(d, 3, AUDIT_ARCH_X86_64, X32_BIT), x32);
		cr_assert_eq(answer(d, 3, AUDIT_ARCH_X86_64, X32_BIT | 547), x32);
		cr_assert_eq(answer(d, 3, AUDIT_ARCH_X86_64, X32_BIT | 548), NOSYS);
		cr_assert_eq(answer(d, 3, AUDIT_ARCH_I386, 400), RULE(1));
		cr_assert_eq(answer(d, 3, AUDIT_ARCH_I386, 401), NOSYS);
		cr_assert_eq(answer(d, 3, AUDIT_ARCH_S390X, 5), KILL);
		/* either alone: the other kind of numbers goes to its rules */
		cr_assert_eq(answer(d, 1, AUDIT_ARCH_X86_64, order ? 9999 : X32_BIT | 9999), RULE(0));
		cr_assert_eq(answer(d, 1, AUDIT_ARCH_X86_64, order ? X32_BIT | 9999 : 9999), NOSYS);
		d[0].last = d[2].last = -1;
		cr_assert_eq(answer(d, 3, AUDIT_ARCH_X86_64, 9999), plain);
		cr_assert_eq(answer(d, 3, AUDIT_ARCH_X86_64, X32_BIT | 9999), x32);
	}
}

Test(dispatch, many_archs)
{
	struct door d[DOORS_MAX];

	for (unsigned i = 0; i < DOORS_MAX; i++)
		d[i] = (struct door){.arch = i + 1, .last = 100 + i};
	for (unsigned i = 0; i < DOORS_MAX; i++) {
		cr_assert_eq(answer(d, DOORS_MAX, i + 1, 100 + i), RULE(i));
		cr_assert_eq(answer(d, DOORS_MAX, i + 1, 101 + i), NOSYS);
	}
	cr_assert_eq(answer(d, DOORS_MAX, DOORS_MAX + 1, 0), KILL);
}
