/* caps.c: see caps.h. The only file that knows libcap. */
#include "process/caps.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/table.h"

#define MASK_BITS 64
#define BIT(n)	  (UINT64_C(1) << (n))

static void cap_letp(cap_t *set)
{
	if (*set)
		cap_free(*set);
}
#define auto_cap __attribute__((cleanup(cap_letp)))

/* libcap found out how many there are before main(); kernels from the future may have more than a mask holds.
 */
static int caps_known(void)
{
	int n = cap_max_bits();

	return n > MASK_BITS ? MASK_BITS : n;
}

/* The number of a capability that libcap and the running kernel know, or -1. libcap alone would also take
 * plain numbers, and "cap_chown" followed by anything that ends a word. */
static int cap_number(const char *name)
{
	cap_value_t n;

	if (!name || strncasecmp(name, "CAP_", 4))
		return -1;
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '_')
			return -1;
	if (cap_from_name(name, &n) < 0 || n < 0 || n >= caps_known())
		return -1;
	return n;
}

static uint64_t parse_set(const char *set, const struct strings *names)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < names->n; i++) {
		int n = cap_number(names->v[i]);

		if (n >= 0)
			mask |= BIT(n);
		else
			log_line(LOG_WARNING,
				 "process.capabilities.%s[%zu]: unknown capability \"%s\" is ignored", set, i,
				 names->v[i] ? names->v[i] : "");
	}
	return mask;
}

int caps_parse(const struct oci_capabilities *spec, struct caps *out, struct error *err)
{
	*out = (struct caps){0};
	if (!spec)
		return 0;
	out->bounding = parse_set("bounding", &spec->bounding);
	out->permitted = parse_set("permitted", &spec->permitted);
	out->effective = parse_set("effective", &spec->effective);
	out->inheritable = parse_set("inheritable", &spec->inheritable);
	out->ambient = parse_set("ambient", &spec->ambient);
	return 0;
}

/* Inheritable stays as it is: a capability in it would survive the execve of a file with inheritable bits
 * (CVE-2022-24769). */
int caps_add(struct caps *caps, const char *name, struct error *err)
{
	int n = cap_number(name);

	if (n < 0)
		return error_set(err, -EINVAL, "unknown capability \"%s\"", name ? name : "");
	caps->bounding |= BIT(n);
	caps->permitted |= BIT(n);
	caps->effective |= BIT(n);
	return 0;
}

int caps_before_ids(const struct caps *caps, struct error *err)
{
	/* A drop of what is not there succeeds, so asking first would only cost a call more. Without
	 * CAP_SETPCAP it fails even then: that is fine exactly where the capability is gone already. */
	for (int n = 0; n < caps_known(); n++) {
		if (caps->bounding & BIT(n) || prctl(PR_CAPBSET_DROP, n, 0, 0, 0) == 0)
			continue;
		int e = errno;
		if (prctl(PR_CAPBSET_READ, n, 0, 0, 0) == 0)
			continue;
		errno = e;
		return error_errno(err, "drop capability %d from the bounding set", n);
	}
	/* setuid() to a user other than 0 would empty the permitted set, and with it whatever
	 * caps_after_ids() is to leave. */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return error_errno(err, "keep capabilities while the user changes");
	return 0;
}

static uint64_t flag_get(cap_t set, cap_flag_t flag)
{
	uint64_t mask = 0;

	for (int n = 0; n < caps_known(); n++) {
		cap_flag_value_t v = CAP_CLEAR;

		if (cap_get_flag(set, n, flag, &v) == 0 && v == CAP_SET)
			mask |= BIT(n);
	}
	return mask;
}

static int flag_fill(cap_t set, cap_flag_t flag, uint64_t mask)
{
	cap_value_t v[MASK_BITS];
	int n = 0;

	for (int i = 0; i < MASK_BITS; i++)
		if (mask & BIT(i))
			v[n++] = i;
	return n ? cap_set_flag(set, flag, n, v, CAP_SET) : 0;
}

static uint64_t only_bounding(uint64_t mask)
{
	for (int n = 0; n < caps_known(); n++)
		if (mask & BIT(n) && prctl(PR_CAPBSET_READ, n, 0, 0, 0) != 1)
			mask &= ~BIT(n);
	return mask;
}

static uint64_t leave_out(const char *set, uint64_t asked, uint64_t possible)
{
	if (asked & ~possible)
		log_line(LOG_DEBUG, "%s capabilities 0x%llx are not ours to give: left out", set,
			 (unsigned long long)(asked & ~possible));
	return asked & possible;
}

static void raise_ambient(uint64_t ambient)
{
	for (int n = 0; n < caps_known(); n++)
		if (ambient & BIT(n) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, n, 0, 0) < 0)
			log_line(LOG_DEBUG, "ambient capability %d: %s", n, strerror(errno));
}

int caps_after_ids(const struct caps *caps, struct error *err)
{
	auto_cap cap_t now = cap_get_proc();
	auto_cap cap_t want = cap_init();

	if (!now || !want)
		return error_errno(err, "read the capabilities of this process");

	/* What the kernel would refuse: permitted can only shrink; effective lies within permitted;
	 * inheritable only takes from what is permitted now, and within the bounding set; ambient lies within
	 * permitted and inheritable. */
	uint64_t held = flag_get(now, CAP_PERMITTED);
	uint64_t permitted = leave_out("permitted", caps->permitted, held);
	uint64_t effective = leave_out("effective", caps->effective, permitted);
	uint64_t inheritable =
	    leave_out("inheritable", caps->inheritable, only_bounding(held & caps->inheritable));
	uint64_t ambient = leave_out("ambient", caps->ambient, permitted & inheritable);

	/* EINVAL: a kernel before 4.3, which has no ambient set. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return error_errno(err, "clear the ambient capabilities");
	if (flag_fill(want, CAP_PERMITTED, permitted) < 0 || flag_fill(want, CAP_EFFECTIVE, effective) < 0 ||
	    flag_fill(want, CAP_INHERITABLE, inheritable) < 0 || cap_set_proc(want) < 0)
		return error_errno(err, "set the capabilities of this process");
	/* execve clears it as well, but nothing of ours should run longer than needed with it. */
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return error_errno(err, "stop keeping capabilities");
	raise_ambient(ambient);
	return 0;
}

const char *const *caps_names(void)
{
	static char text[MASK_BITS][32];
	static const char *names[MASK_BITS + 1];
	size_t n = 0;

	if (names[0])
		return names;
	for (int i = 0; i < caps_known(); i++) {
		char *name = cap_to_name(i);

		/* A capability newer than libcap has only a number; it cannot be asked for by name either. */
		if (name && !strncmp(name, "cap_", 4) && strlen(name) < sizeof(text[0])) {
			for (size_t c = 0; name[c]; c++)
				text[n][c] =
				    name[c] >= 'a' && name[c] <= 'z' ? (char)(name[c] - 'a' + 'A') : name[c];
			names[n] = text[n];
			n++;
		}
		if (name)
			cap_free(name);
	}
	return names;
}
