/* test_caps.c: names, and what the kernel really holds afterwards. */
#include <criterion/criterion.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>

#include "child.h"
#include "process/caps.h"

#define BIT(n) (UINT64_C(1) << (n))

/* One line of /proc/self/status, as the kernel sees it. */
static uint64_t status_mask(const char *key)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long v = ~0ULL;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			sscanf(line + strlen(key), ": %llx", &v);
	if (f)
		fclose(f);
	return v;
}

Test(caps, names_in_any_case)
{
	char *v[] = {"CAP_CHOWN", "cap_kill", "Cap_Net_Raw"};
	struct oci_capabilities spec = {
	    .bounding = {v, 3},
		.effective = {v, 1}
	   };
	struct caps caps;

	cr_assert_eq(caps_parse(&spec, &caps, NULL), 0);
	cr_assert_eq(caps.bounding, BIT(CAP_CHOWN) | BIT(CAP_KILL) | BIT(CAP_NET_RAW));
	cr_assert_eq(caps.effective, BIT(CAP_CHOWN));
	cr_assert_eq(caps.permitted | caps.inheritable | caps.ambient, 0);
}

Test(caps, unknown_names_are_skipped)
{
	char *v[] = {"CAP_FLY",	   "CHOWN",	 "0",	    "CAP_0",	 "",	     "CAP_",
		     "CAP_CHOWN ", "CAP_CHOWN=", "CAP_KIL", "CAP_KILLX", "CAP_KILL", "cap_chown,cap_kill",
		     "41",	   "CAP_63"};
	struct oci_capabilities spec = {
	    .permitted = {v, sizeof(v) / sizeof(v[0])}
	      };
	struct caps caps;

	cr_assert_eq(caps_parse(&spec, &caps, NULL), 0);
	cr_assert_eq(caps.permitted, BIT(CAP_KILL), "%llx", (unsigned long long)caps.permitted);
}

Test(caps, none)
{
	struct caps caps = {1, 2, 3, 4, 5};

	cr_assert_eq(caps_parse(NULL, &caps, NULL), 0);
	cr_assert_eq(caps.bounding | caps.permitted | caps.effective | caps.inheritable | caps.ambient, 0);
}

Test(caps, add_never_makes_inheritable)
{
	struct error err = ERROR_NONE;
	struct caps caps = {0};

	cr_assert_eq(caps_add(&caps, "CAP_SYS_ADMIN", &err), 0);
	cr_assert_eq(caps.bounding, BIT(CAP_SYS_ADMIN));
	cr_assert_eq(caps.permitted, BIT(CAP_SYS_ADMIN));
	cr_assert_eq(caps.effective, BIT(CAP_SYS_ADMIN));
	cr_assert_eq(caps.inheritable | caps.ambient, 0);
	cr_assert_eq(caps_add(&caps, "CAP_FLY", &err), -EINVAL);
	cr_assert_str_eq(err.msg, "unknown capability \"CAP_FLY\"");
	cr_assert_eq(caps_add(&caps, "12", &err), -EINVAL);
	cr_assert_eq(caps.bounding, BIT(CAP_SYS_ADMIN));
}

Test(caps, list_of_names)
{
	const char *const *names = caps_names();
	size_t n = 0;

	cr_assert_str_eq(names[0], "CAP_CHOWN");
	for (; names[n]; n++) {
		struct caps caps = {0};

		cr_assert_eq(strncmp(names[n], "CAP_", 4), 0);
		cr_assert_eq(caps_add(&caps, names[n], NULL), 0, "%s", names[n]);
	}
	cr_assert_gt(n, 36);
	cr_assert_eq(caps_names(), names);
	cr_assert_str_eq(names[1], "CAP_DAC_OVERRIDE");
}

struct want {
	struct caps caps;
	uid_t uid;
	struct caps after;
	bool without;
};

static void apply(void *data)
{
	const struct want *w = data;
	struct error err = ERROR_NONE;

	if (w->without) {
		/* A process that itself lacks CAP_NET_RAW. */
		struct caps mine = {~0ULL, ~0ULL, ~0ULL, 0, 0};

		mine.bounding = mine.permitted = mine.effective = ~BIT(CAP_NET_RAW);
		NEED(caps_before_ids(&mine, &err) == 0);
		NEED(caps_after_ids(&mine, &err) == 0);
		NEED(!(status_mask("CapBnd") & BIT(CAP_NET_RAW)));
		NEED(!(status_mask("CapPrm") & BIT(CAP_NET_RAW)));
	}
	NEED(caps_before_ids(&w->caps, &err) == 0);
	NEED(setresgid(w->uid, w->uid, w->uid) == 0);
	NEED(setresuid(w->uid, w->uid, w->uid) == 0);
	NEED(caps_after_ids(&w->caps, &err) == 0);
	NEED(status_mask("CapBnd") == w->after.bounding);
	NEED(status_mask("CapPrm") == w->after.permitted);
	NEED(status_mask("CapEff") == w->after.effective);
	NEED(status_mask("CapInh") == w->after.inheritable);
	NEED(status_mask("CapAmb") == w->after.ambient);
	NEED(prctl(PR_GET_KEEPCAPS) == 0);
}

#define A BIT(CAP_CHOWN)
#define B BIT(CAP_KILL)
#define N BIT(CAP_NET_RAW)

Test(caps, exactly_the_masks)
{
	static const struct want wants[] = {
  /* nothing at all, for root and for others */
	    {{0},				 0,    {0},			  false},
	    {{0},				 1000, {0},			     false},
 /* sets differ from each other, kept over the change of ids */
	    {{A | B | N, A | B, A, 0, 0},	  0,    {A | B | N, A | B, A, 0, 0}, false},
	    {{A | B | N, A | B, A, 0, 0},	  1000, {A | B | N, A | B, A, 0, 0}, false},
 /* ambient lies within permitted and inheritable; the rest of it is left out */
	    {{A | B, A | B, A | B, A, A | B},     1000, {A | B, A | B, A | B, A, A}, false},
	    {{A | B, A | B, A | B, 0, A | B},     1000, {A | B, A | B, A | B, 0, 0}, false},
 /* inheritable within the bounding set */
	    {{A, A | B, A, A | B, 0},	      0,	 {A, A | B, A, A, 0},	      false},
 /* effective that is not permitted */
	    {{A | B, A, A | B, 0, 0},	      0,	 {A | B, A, A, 0, 0},	      false},
 /* what this process has not, it can't give */
	    {{A | N, A | N, A | N, A | N, A | N}, 1000, {A, A, A, A, A},		 true },
	    {{A | N, A | N, A | N, A | N, A | N}, 0,    {A, A, A, A, A},	      true },
	};

	need_root();
	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
		struct want w = wants[i];

		cr_expect_eq(child_run(apply, &w), 0, "row %zu", i);
	}
}

static void drop_without_setpcap(void *data)
{
	struct caps few = {A, A, A, 0, 0};
	struct error err = ERROR_NONE;

	NEED(caps_before_ids(&few, &err) == 0);
	NEED(caps_after_ids(&few, &err) == 0);
	/* Nothing left to drop: fine without CAP_SETPCAP. Something left: an error that names it. */
	NEED(caps_before_ids(&few, &err) == 0);
	NEED(caps_before_ids(&(struct caps){0}, &err) == -EPERM);
	NEED(strstr(err.msg, "drop capability 0 from the bounding set"));
}

Test(caps, bounding_set_that_cannot_be_dropped)
{
	need_root();
	cr_assert_eq(child_run(drop_without_setpcap, NULL), 0);
}
