/* test_unit.c: a scope's name and properties. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/auto.h"
#include "cgroup/unit.h"

static void expect_names(const char *path, bool rootless, const char *unit, const char *slice)
{
	auto_free char *u = NULL, *s = NULL;
	struct error err = ERROR_NONE;

	cr_assert_eq(unit_names(path, "id", rootless, &u, &s, &err), 0, "%s: %s", path ? path : "none",
		     err.msg);
	cr_expect_str_eq(u, unit);
	cr_expect_str_eq(s, slice);
}

Test(unit, names)
{
	expect_names(NULL, false, "nacre-id.scope", "system.slice");
	expect_names("", true, "nacre-id.scope", "user.slice");
	expect_names("machine.slice:libpod:abc", false, "libpod-abc.scope", "machine.slice");
	expect_names(":docker:abc", true, "docker-abc.scope", "user.slice");
	expect_names("a-b.slice::abc", false, "abc.scope", "a-b.slice");
	expect_names("-:p:abc", false, "p-abc.scope", "-.slice");
	expect_names("abc", false, "abc.scope", "system.slice");
	expect_names("x.slice:p:a+b", false, "p-a\\x2bb.scope", "x.slice");
}

Test(unit, bad_names)
{
	static const char *const bad[] = {"/a/b",	   "a:b",	  "a.slice:b:c:d",
					  "noslice:b:c",   "x.slice:b:",  "x.slice:p:y.slice",
					  "x/y.slice:p:n", "..slice:p:n", "x.slice:p:a\nb"};
	char *u = NULL, *s = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect_eq(unit_names(bad[i], "id", false, &u, &s, NULL), -EINVAL, "%s", bad[i]);
	cr_expect(!u && !s);
}

Test(unit, masks)
{
	unsigned char m[4];
	size_t n;

	cr_assert_eq(unit_mask("0-2,9", m, sizeof(m), &n), 0);
	cr_expect(n == 2 && m[0] == 7 && m[1] == 2);
	cr_assert_eq(unit_mask("31", m, sizeof(m), &n), 0);
	cr_expect(n == 4 && m[3] == 0x80);
	cr_expect_lt(unit_mask("32", m, sizeof(m), &n), 0);
	cr_expect_lt(unit_mask("2-1", m, sizeof(m), &n), 0);
	cr_expect_lt(unit_mask("1,", m, sizeof(m), &n), 0);
	cr_expect_lt(unit_mask("a", m, sizeof(m), &n), 0);
	cr_expect_lt(unit_mask("-1", m, sizeof(m), &n), 0);
	cr_expect_lt(unit_mask("0-99999999999999999999", m, sizeof(m), &n), 0);
}

static const struct property *find(const struct properties *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->v[i].name, name))
			return &p->v[i];
	return NULL;
}

static uint64_t number(const char *json, bool v2, const char *name)
{
	struct oci_resources *r;
	struct properties p = {0};
	const struct property *one;
	uint64_t n;

	cr_assert_eq(oci_resources_parse(json, strlen(json), "r", &r, NULL), 0, "%s", json);
	cr_assert_eq(unit_limits(r, v2, &p, NULL), 0);
	one = find(&p, name);
	n = one ? one->number : 424242;
	properties_free(&p);
	oci_resources_free(r);
	return n;
}

Test(unit, limits)
{
	cr_expect_eq(number("{\"memory\":{\"limit\":1000,\"swap\":3000}}", true, "MemoryMax"), 1000);
	cr_expect_eq(number("{\"memory\":{\"limit\":1000,\"swap\":3000}}", true, "MemorySwapMax"), 2000);
	cr_expect_eq(number("{\"memory\":{\"limit\":-1}}", true, "MemoryMax"), UINT64_MAX);
	cr_expect_eq(number("{\"memory\":{\"limit\":-1}}", true, "MemorySwapMax"), UINT64_MAX);
	cr_expect_eq(number("{\"memory\":{\"limit\":1000}}", false, "MemoryLimit"), 1000);
	cr_expect_eq(number("{\"memory\":{\"limit\":0}}", true, "MemoryMax"), 424242);
	cr_expect_eq(number("{\"cpu\":{\"shares\":1024}}", true, "CPUWeight"), 100);
	cr_expect_eq(number("{\"cpu\":{\"shares\":1024}}", false, "CPUShares"), 1024);
	cr_expect_eq(number("{\"cpu\":{\"idle\":1,\"shares\":1024}}", true, "CPUWeight"), 0);
	cr_expect_eq(number("{\"cpu\":{\"quota\":50000,\"period\":100000}}", true, "CPUQuotaPerSecUSec"),
		     500000);
	cr_expect_eq(number("{\"cpu\":{\"quota\":33333,\"period\":100000}}", true, "CPUQuotaPerSecUSec"),
		     340000, "rounded up");
	cr_expect_eq(number("{\"cpu\":{\"quota\":-1}}", true, "CPUQuotaPerSecUSec"), UINT64_MAX);
	cr_expect_eq(number("{\"pids\":{\"limit\":-1}}", true, "TasksMax"), UINT64_MAX);
	cr_expect_eq(number("{\"pids\":{\"limit\":7}}", true, "TasksMax"), 7);
	cr_expect_eq(number("{\"unified\":{\"memory.high\":\"max\"}}", true, "MemoryHigh"), UINT64_MAX);
	cr_expect_eq(number("{\"unified\":{\"memory.min\":\"77\"}}", true, "MemoryMin"), 77);
}

static int annotate(const char *key, const char *value, struct property *out)
{
	struct pair one = {(char *)key, (char *)value};
	struct pairs list = {&one, 1};
	struct properties p = {0};
	int ret = unit_annotations(&list, &p, NULL);

	if (!ret && p.n) {
		*out = p.v[0];
		free(p.v);
	}
	return ret;
}

#define KEY(name) "org.systemd.property." name

static void expect_property(const char *key, const char *value, const char *name, enum property_kind kind,
			    uint64_t n, const char *text)
{
	struct property p = {0};

	cr_assert_eq(annotate(key, value, &p), 0, "%s=%s", key, value);
	cr_assert_not_null(p.name);
	cr_expect_str_eq(p.name, name);
	cr_expect_eq(p.kind, kind);
	cr_expect_eq(p.number, n);
	cr_expect_str_eq(p.text, text);
	free(p.name);
	free(p.text);
}

Test(unit, annotations)
{
	struct property p = {0};

	expect_property(KEY("CollectMode"), "'inactive-or-failed'", "CollectMode", PROPERTY_STRING, 0,
			"inactive-or-failed");
	expect_property(KEY("SendSIGHUP"), "true", "SendSIGHUP", PROPERTY_BOOL, 1, "");
	expect_property(KEY("TimeoutStopUSec"), "uint64 123456789", "TimeoutStopUSec", PROPERTY_U64,
			123456789, "");
	expect_property(KEY("TimeoutStopSec"), "90", "TimeoutStopUSec", PROPERTY_U64, 90000000, "");
	expect_property(KEY("After"), "['a.service', \"b.service\"]", "After", PROPERTY_STRINGS, 0,
			"a.service\nb.service\n");
	expect_property(KEY("OOMScore"), "-5", "OOMScore", PROPERTY_I32, (uint64_t)-5, "");
	cr_expect_eq(annotate("other", "x", &p), 0);
	cr_expect_null(p.name, "other annotations are none of its business");
}

Test(unit, bad_annotations)
{
	static const char *const bad[][2] = {
	    {KEY("X"),	       ""		 },
	    {KEY("X"),	       "nonsense"	 },
	    {KEY("X"),	       "'open"      },
	    {KEY("X"),	       "'a' b"      },
	    {KEY("X"),	       "['a'"	     },
	    {KEY("X"),	       "uint32 -1"  },
	    {KEY("X"),	       "99999999999"},
	    {KEY("X"),	       "'a\nb'"     },
	    {KEY(""),	      "true"	    },
	    {KEY("A B"),	 "true"       },
	    {KEY("A=B"),	 "true"       },
	    {KEY("PIDs"),	  "true"	},
	    {KEY("Slice"),	   "'x'"	},
	    {KEY("Delegate"),   "false"	     },
	    {KEY("TimeoutSec"), "-1"	    },
	};
	struct property p = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect_eq(annotate(bad[i][0], bad[i][1], &p), -EINVAL, "%s=%s", bad[i][0], bad[i][1]);
}
