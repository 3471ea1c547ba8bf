/* devices.h: linux.resources.devices -> a BPF program on v2, devices.allow and devices.deny on v1. */
#ifndef CGROUP_DEVICES_H
#define CGROUP_DEVICES_H

#include <linux/bpf.h>

#include "base/str.h"
#include "cgroup/inner.h"

/* Applies the rules in order, the later ones winning, on the ground that nothing is allowed; then what every
 * container may have (see devices.c). No rules: nothing is done. rootless: no permission is no error, a user
 * namespace keeps device nodes shut anyway. */
int devices_apply(const struct cgroup *c, const struct oci_device_rule_list *rules, bool rootless,
		  struct error *err);

/* The same for a cgroup in use: at no moment is shut what is allowed before and after (on v1: unless one of them is "all but these"). */
int devices_update(const struct cgroup *c, const struct oci_device_rule_list *rules, bool rootless,
		   struct error *err);

/* A rule in numbers. */
struct device_rule {
	bool allow, implied;  /* implied: a default one, not the document's */
	char type;	      /* 'a', 'b' or 'c' */
	unsigned access;      /* BPF_DEVCG_ACC_* */
	int64_t major, minor; /* -1: all */
};
struct device_rules {
	struct device_rule *v;
	size_t n;
};

/* The document's rules and then the default ones. To be free()d: out->v. -EINVAL names the rule. */
int devices_list(const struct oci_device_rule_list *rules, struct device_rules *out, struct error *err);

/* The rules as a program: *out malloc()ed. */
int devices_compile(const struct device_rules *rules, struct bpf_insn **out, size_t *n, struct error *err);

/* The rules as lines for v1's files: each begins with '+' (devices.allow) or '-' (devices.deny). -ENOTSUP
 * names a rule that v1 cannot express: it can take away exceptions only as they were given. */
int devices_lines(const struct device_rules *rules, struct strv *out, struct error *err);

/* The lines that lead from what devices.list says to the rules, allowing first. */
int devices_changes(const struct device_rules *rules, const char *list, struct strv *out, struct error *err);

#endif
