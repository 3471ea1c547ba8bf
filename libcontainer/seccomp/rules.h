/* rules.h: the rules of one architecture on their way to instructions. */
#ifndef SECCOMP_RULES_H
#define SECCOMP_RULES_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct scmp_arg_cmp;

/* What an entry of the profile asks of the arguments. */
struct conditions {
	struct scmp_arg_cmp *v;
	size_t n;
	bool any; /* one of them is enough */
};

/* An entry's action for one system call. */
struct rule {
	const char *name;
	int nr;	    /* on this architecture; negative: no such call */
	int native; /* the same call on ours, as libseccomp wants it */
	uint32_t action;
	size_t call; /* its place in the profile */
	const struct conditions *conditions;
	bool whole; /* decided by the number alone */
};

struct rules {
	uint32_t arch, default_action; /* SCMP_ARCH_* */
	int64_t last;		       /* highest number named; -1: none */
	struct rule *v;
	size_t n, room;
};

int rules_add(struct rules *rules, const struct rule *rule, struct error *err);

/* Writes at most `max` instructions and sets *n. They expect the number of the call in the accumulator. */
int rules_write(struct rules *rules, struct sock_filter *out, size_t max, size_t *n, struct error *err);
void rules_free(struct rules *rules);

#endif
