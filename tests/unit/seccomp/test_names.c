/* test_names.c: the names of config.json, and those that `features` lists. */
#include <criterion/criterion.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>

#include "seccomp/names.h"

static bool has(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

Test(names, actions)
{
	uint32_t v = 1;

	cr_assert(seccomp_action("SCMP_ACT_ALLOW", 5, &v));
	cr_assert_eq(v, SECCOMP_RET_ALLOW);
	cr_assert(seccomp_action("SCMP_ACT_ERRNO", 38, &v));
	cr_assert_eq(v, SECCOMP_RET_ERRNO | 38);
	cr_assert(seccomp_action("SCMP_ACT_TRACE", 0x1234, &v));
	cr_assert_eq(v, SECCOMP_RET_TRACE | 0x1234);
	cr_assert(seccomp_action("SCMP_ACT_KILL", 0, &v));
	cr_assert_eq(v, SECCOMP_RET_KILL_THREAD);
	cr_assert(seccomp_action("SCMP_ACT_KILL_PROCESS", 0, &v));
	cr_assert_eq(v, SECCOMP_RET_KILL_PROCESS);
	cr_assert(seccomp_action("SCMP_ACT_NOTIFY", 9, &v));
	cr_assert_eq(v, SECCOMP_RET_USER_NOTIF);
	v = 77;
	cr_assert_not(seccomp_action("ALLOW", 0, &v));
	cr_assert_not(seccomp_action("SCMP_ACT_ALLOW ", 0, &v));
	cr_assert_not(seccomp_action("", 0, &v));
	cr_assert_not(seccomp_action(NULL, 0, &v));
	cr_assert_eq(v, 77);
}

Test(names, every_listed_name_is_taken)
{
	size_t n[4] = {0};
	unsigned flag;
	uint32_t v;
	int op;

	for (const char *const *p = seccomp_action_names(); *p; p++, n[0]++)
		cr_expect(seccomp_action(*p, 0, &v), "%s", *p);
	for (const char *const *p = seccomp_operator_names(); *p; p++, n[1]++)
		cr_expect(seccomp_operator(*p, &op), "%s", *p);
	for (const char *const *p = seccomp_arch_names(); *p; p++, n[2]++)
		cr_expect(seccomp_arch(*p, &v), "%s", *p);
	for (const char *const *p = seccomp_flag_names(); *p; p++, n[3]++)
		cr_expect(seccomp_flag(*p, &flag), "%s", *p);
	cr_assert_eq(n[0], 9);
	cr_assert_eq(n[1], 7);
	cr_assert_geq(n[2], 19);
	cr_assert_eq(n[3], 4);
	cr_assert(has(seccomp_arch_names(), "SCMP_ARCH_RISCV64"));
	cr_assert(has(seccomp_operator_names(), "SCMP_CMP_MASKED_EQ"));
}

Test(names, others)
{
	unsigned flag = 99;
	uint32_t v = 99;
	int op = 99;

	cr_assert(seccomp_operator("SCMP_CMP_NE", &op));
	cr_assert_eq(op, SCMP_CMP_NE);
	cr_assert(seccomp_operator("SCMP_CMP_MASKED_EQ", &op));
	cr_assert_eq(op, SCMP_CMP_MASKED_EQ);
	cr_assert_not(seccomp_operator("EQ", &op));
	cr_assert(seccomp_arch("SCMP_ARCH_X32", &v));
	cr_assert_eq(v, SCMP_ARCH_X32);
	cr_assert_not(seccomp_arch("x86_64", &v));
	cr_assert_not(seccomp_arch("SCMP_ARCH_VAX", &v));
	cr_assert(seccomp_flag("SECCOMP_FILTER_FLAG_LOG", &flag));
	cr_assert_eq(flag, SECCOMP_FILTER_FLAG_LOG);
	cr_assert_not(seccomp_flag("SECCOMP_FILTER_FLAG_NEW_LISTENER", &flag), "is ours to set");
}

Test(names, flags_of_this_kernel)
{
	cr_assert(seccomp_flag_supported("SECCOMP_FILTER_FLAG_TSYNC"));
	cr_assert_not(seccomp_flag_supported("SECCOMP_FILTER_FLAG_FOO"));
	cr_assert_not(seccomp_flag_supported(NULL));
}
