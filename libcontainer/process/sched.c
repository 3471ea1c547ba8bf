/* sched.c: see sched.h. */
#include "process/sched.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/table.h"

#define CPU_MAX	 8192 /* the most that a kernel can be built for */
#define NODE_MAX 1024

/* Newer than some of the headers we are built with. */
#define POLICY_ISO		 4
#define POLICY_DEADLINE		 6
#define MODE_PREFERRED_MANY	 5
#define MODE_WEIGHTED_INTERLEAVE 6
#define MODE_NUMA_BALANCING	 (1 << 13)

struct named {
	const char *name;
	unsigned long value;
};

/* The value called `name`, false where there is none. */
static bool find(const struct named *table, size_t n, const char *name, unsigned long *out)
{
	for (size_t i = 0; name && i < n; i++)
		if (!strcmp(table[i].name, name)) {
			*out = table[i].value;
			return true;
		}
	return false;
}

static int find_flags(const struct named *table, size_t n, const struct strings *flags, const char *place,
		      unsigned long *out, struct error *err)
{
	unsigned long all = 0, one = 0;

	for (size_t i = 0; i < flags->n; i++) {
		if (!find(table, n, flags->v[i], &one))
			return error_set(err, -EINVAL, "%s[%zu]: unknown flag \"%s\"", place, i,
					 flags->v[i] ? flags->v[i] : "");
		all |= one;
	}
	*out = all;
	return 0;
}

/* --- scheduler --- */

static const struct named policies[] = {
    {"SCHED_OTHER",    SCHED_OTHER    },
	 {"SCHED_FIFO",	SCHED_FIFO	  },
    {"SCHED_RR",	  SCHED_RR	  },
    {"SCHED_BATCH",    SCHED_BATCH    },
	 {"SCHED_ISO",      POLICY_ISO	 },
    {"SCHED_IDLE",	    SCHED_IDLE     },
    {"SCHED_DEADLINE", POLICY_DEADLINE},
};

static const struct named sched_flags[] = {
    {"SCHED_FLAG_RESET_ON_FORK",	 0x01},
	 {"SCHED_FLAG_RECLAIM",	0x02},
    {"SCHED_FLAG_DL_OVERRUN",     0x04},
	 {"SCHED_FLAG_KEEP_POLICY",    0x08},
    {"SCHED_FLAG_KEEP_PARAMS",    0x10},
	 {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40},
};

/* sched_setattr(2); our own name for it, since newer C libraries define struct sched_attr as well. */
struct sched_request {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static const char *sched_hint(unsigned long policy)
{
	if (errno == EPERM && (policy == SCHED_FIFO || policy == SCHED_RR || policy == POLICY_DEADLINE))
		return " (needs CAP_SYS_NICE or RLIMIT_RTPRIO, and real-time runtime in the cgroup)";
	if (errno == EBUSY && policy == POLICY_DEADLINE)
		return " (the CPUs have no such bandwidth left)";
	return "";
}

int sched_apply_scheduler(const struct oci_scheduler *scheduler, struct error *err)
{
	struct sched_request attr = {.size = sizeof(attr)};
	unsigned long policy, flags;
	int r;

	if (!scheduler)
		return 0;
	if (!find(policies, ARRAY_LEN(policies), scheduler->policy, &policy))
		return error_set(err, -EINVAL, "process.scheduler.policy: unknown policy \"%s\"",
				 scheduler->policy ? scheduler->policy : "");
	r = find_flags(sched_flags, ARRAY_LEN(sched_flags), &scheduler->flags, "process.scheduler.flags",
		       &flags, err);
	if (r < 0)
		return r;
	/* The kernel would clamp this one without a word. */
	if (scheduler->nice.set && (scheduler->nice.v < -20 || scheduler->nice.v > 19))
		return error_set(err, -EINVAL, "process.scheduler.nice: %lld is not within -20 and 19",
				 (long long)scheduler->nice.v);
	if (scheduler->priority.set && (scheduler->priority.v < 0 || scheduler->priority.v > 99))
		return error_set(err, -EINVAL, "process.scheduler.priority: %lld is not within 0 and 99",
				 (long long)scheduler->priority.v);
	attr.policy = (uint32_t)policy;
	attr.flags = flags;
	attr.nice = scheduler->nice.set ? (int32_t)scheduler->nice.v : 0;
	attr.priority = scheduler->priority.set ? (uint32_t)scheduler->priority.v : 0;
	attr.runtime = scheduler->runtime.set ? scheduler->runtime.v : 0;
	attr.deadline = scheduler->deadline.set ? scheduler->deadline.v : 0;
	attr.period = scheduler->period.set ? scheduler->period.v : 0;
	if (syscall(SYS_sched_setattr, 0, &attr, 0) < 0) {
		const char *hint = sched_hint(policy);

		return error_errno(err, "process.scheduler: set %s%s", scheduler->policy, hint);
	}
	return 0;
}

/* --- I/O priority --- */

static const struct named io_classes[] = {
    {"IOPRIO_CLASS_RT",	IOPRIO_CLASS_RT  },
    {"IOPRIO_CLASS_BE",	IOPRIO_CLASS_BE  },
    {"IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE},
};

int sched_apply_io_priority(const struct oci_io_priority *priority, struct error *err)
{
	unsigned long class;
	int64_t level;

	if (!priority)
		return 0;
	if (!find(io_classes, ARRAY_LEN(io_classes), priority->class, &class))
		return error_set(err, -EINVAL, "process.ioPriority.class: unknown class \"%s\"",
				 priority->class ? priority->class : "");
	level = priority->priority.set ? priority->priority.v : 0;
	if (level < 0 || level > 7)
		return error_set(err, -EINVAL, "process.ioPriority.priority: %lld is not within 0 and 7",
				 (long long)level);
	if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE((int)class, (int)level)) < 0)
		return error_errno(err, "process.ioPriority: set %s, %lld", priority->class,
				   (long long)level);
	return 0;
}

/* --- lists of CPUs and nodes --- */

/* Reads digits at *p and moves it behind them. */
static int list_number(const char **p, size_t max, size_t *out)
{
	size_t n = 0;

	if (**p < '0' || **p > '9')
		return -EINVAL;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		n = n * 10 + (size_t)(**p - '0');
		if (n >= max)
			return -ERANGE;
	}
	*out = n;
	return 0;
}

int cpu_list_parse(const char *list, unsigned char *mask, size_t max, struct error *err)
{
	const char *p = list;

	memset(mask, 0, (max + 7) / 8);
	for (;;) {
		size_t first, last;
		int r = list_number(&p, max, &first);

		last = r ? 0 : first;
		if (!r && *p == '-') {
			p++;
			r = list_number(&p, max, &last);
		}
		if (r == -ERANGE)
			return error_set(err, -EINVAL, "\"%.100s\": a number is above %zu", list, max - 1);
		if (r || last < first || (*p && *p != ','))
			return error_set(err, -EINVAL, "\"%.100s\" is no list such as 0-3,7", list);
		for (size_t n = first; n <= last; n++)
			mask[n / 8] |= (unsigned char)(1U << (n % 8));
		if (!*p)
			return 0;
		p++;
	}
}

/* The kernel reads masks as arrays of long: bit n of the list's bytes must become bit n of these, on
 * big-endian machines too. */
static size_t to_longs(const unsigned char *mask, size_t max, unsigned long *out)
{
	size_t bits = 8 * sizeof(long), used = 0;

	memset(out, 0, (max + bits - 1) / bits * sizeof(long));
	for (size_t n = 0; n < max; n++)
		if (mask[n / 8] & (1U << (n % 8))) {
			out[n / bits] |= 1UL << (n % bits);
			used = n + 1;
		}
	return (used + bits - 1) / bits;
}

int sched_apply_affinity(const char *list, pid_t pid, struct error *err)
{
	unsigned char bytes[CPU_MAX / 8];
	unsigned long mask[CPU_MAX / (8 * sizeof(long))];
	size_t n;
	int r;

	if (!list || !*list)
		return 0;
	r = cpu_list_parse(list, bytes, CPU_MAX, err);
	if (r < 0)
		return error_wrap(err, "CPU affinity");
	n = to_longs(bytes, CPU_MAX, mask);
	if (syscall(SYS_sched_setaffinity, pid, n * sizeof(long), mask) < 0)
		return error_errno(err, "CPU affinity: run on %s only", list);
	return 0;
}

/* --- memory policy --- */

static const struct named modes[] = {
    {"MPOL_DEFAULT",	     MPOL_DEFAULT		 },
    {"MPOL_PREFERRED",	       MPOL_PREFERRED	     },
    {"MPOL_BIND",		  MPOL_BIND		   },
    {"MPOL_INTERLEAVE",		MPOL_INTERLEAVE	       },
    {"MPOL_LOCAL",		   MPOL_LOCAL		     },
    {"MPOL_PREFERRED_MANY",	    MODE_PREFERRED_MANY     },
    {"MPOL_WEIGHTED_INTERLEAVE", MODE_WEIGHTED_INTERLEAVE},
};

static const struct named mode_flags[] = {
    {"MPOL_F_STATIC_NODES",   MPOL_F_STATIC_NODES  },
    {"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
    {"MPOL_F_NUMA_BALANCING", MODE_NUMA_BALANCING	 },
};

int sched_apply_memory_policy(const struct oci_memory_policy *policy, struct error *err)
{
	unsigned char bytes[NODE_MAX / 8];
	unsigned long mask[NODE_MAX / (8 * sizeof(long))];
	unsigned long mode, flags;
	size_t n = 0;
	int r;

	if (!policy)
		return 0;
	if (!find(modes, ARRAY_LEN(modes), policy->mode, &mode))
		return error_set(err, -EINVAL, "linux.memoryPolicy.mode: unknown mode \"%s\"",
				 policy->mode ? policy->mode : "");
	r = find_flags(mode_flags, ARRAY_LEN(mode_flags), &policy->flags, "linux.memoryPolicy.flags", &flags,
		       err);
	if (r < 0)
		return r;
	if (policy->nodes && *policy->nodes) {
		r = cpu_list_parse(policy->nodes, bytes, NODE_MAX, err);
		if (r < 0)
			return error_wrap(err, "linux.memoryPolicy.nodes");
		n = to_longs(bytes, NODE_MAX, mask);
	}
	/* The kernel takes one off the number of bits before it uses it. */
	if (syscall(SYS_set_mempolicy, (int)(mode | flags), n ? mask : NULL,
		    n ? n * 8 * sizeof(long) + 1 : 0) < 0)
		return error_errno(err, "linux.memoryPolicy: set %s for nodes \"%s\"", policy->mode,
				   policy->nodes ? policy->nodes : "");
	return 0;
}

static const char *const *names_of(const struct named *table, size_t n, const char **out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = table[i].name;
	return out;
}

const char *const *memory_policy_mode_names(void)
{
	static const char *names[ARRAY_LEN(modes) + 1];

	return names_of(modes, ARRAY_LEN(modes), names);
}

const char *const *memory_policy_flag_names(void)
{
	static const char *names[ARRAY_LEN(mode_flags) + 1];

	return names_of(mode_flags, ARRAY_LEN(mode_flags), names);
}

/* --- personality --- */

static const struct named domains[] = {
    {"LINUX",   PER_LINUX  },
	  {"LINUX32", PER_LINUX32}
};

/* The specification names no flags yet; these are the kernel's, by the names of personality(2). */
static const struct named personality_flags[] = {
    {"UNAME26",		UNAME26	       },
    {"ADDR_NO_RANDOMIZE",  ADDR_NO_RANDOMIZE },
    {"FDPIC_FUNCPTRS",     FDPIC_FUNCPTRS    },
    {"MMAP_PAGE_ZERO",     MMAP_PAGE_ZERO    },
    {"ADDR_COMPAT_LAYOUT", ADDR_COMPAT_LAYOUT},
    {"READ_IMPLIES_EXEC",  READ_IMPLIES_EXEC },
    {"ADDR_LIMIT_32BIT",	 ADDR_LIMIT_32BIT	 },
    {"SHORT_INODE",	    SHORT_INODE       },
    {"WHOLE_SECONDS",      WHOLE_SECONDS	   },
    {"STICKY_TIMEOUTS",	STICKY_TIMEOUTS   },
    {"ADDR_LIMIT_3GB",     ADDR_LIMIT_3GB    },
};

int sched_apply_personality(const struct oci_personality *wanted, struct error *err)
{
	unsigned long domain, flags;
	int r;

	if (!wanted)
		return 0;
	if (!find(domains, ARRAY_LEN(domains), wanted->domain, &domain))
		return error_set(err, -EINVAL, "linux.personality.domain: unknown domain \"%s\"",
				 wanted->domain ? wanted->domain : "");
	r = find_flags(personality_flags, ARRAY_LEN(personality_flags), &wanted->flags,
		       "linux.personality.flags", &flags, err);
	if (r < 0)
		return r;
	if (personality(domain | flags) < 0)
		return error_errno(err, "linux.personality: set %s", wanted->domain);
	return 0;
}

/* --- oom score --- */

int sched_apply_oom_score(const struct oci_process *process, pid_t pid, struct error *err)
{
	char path[48] = "/proc/self/oom_score_adj", text[24];

	if (!process->oom_score_adj.set)
		return 0;
	if (process->oom_score_adj.v < -1000 || process->oom_score_adj.v > 1000)
		return error_set(err, -EINVAL, "process.oomScoreAdj: %lld is not within -1000 and 1000",
				 (long long)process->oom_score_adj.v);
	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	snprintf(text, sizeof(text), "%d", (int)process->oom_score_adj.v);
	if (file_write_at(AT_FDCWD, path, text, err) < 0)
		return error_wrap(err, "process.oomScoreAdj: set %s", text);
	return 0;
}
