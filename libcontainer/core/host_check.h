/* host_check.h: what this host can do for containers, asked of the host itself: one finding a subject. */
#ifndef CORE_HOST_CHECK_H
#define CORE_HOST_CHECK_H

#include <stdbool.h>

#include "base/error.h"

enum host_verdict {
	HOST_YES,
	HOST_PARTLY, /* some containers: see text */
	HOST_NO,
	HOST_VERDICT_MAX,
};
extern const char *const host_verdict_names[HOST_VERDICT_MAX + 1]; /* "yes", "partly", "no" */

struct host_finding {
	const char *subject;   /* "namespaces" */
	bool for_vm;           /* only --isolation kvm needs it */
	enum host_verdict verdict;
	char text[600];        /* one line: what there is, or what is missing and what to do about it */
};

#define HOST_FINDINGS_MAX 12

/* All of them, in the order in which they should be read; how many. Takes some milliseconds, with an emulated KVM half a second. */
int host_check(struct host_finding out[HOST_FINDINGS_MAX]);

#endif
