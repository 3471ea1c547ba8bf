/* rlimit.c: see rlimit.h. */
#include "process/rlimit.h"

#include <string.h>
#include <sys/resource.h>

#include "base/table.h"

static const struct {
	const char *name;
	int value;
} limits[] = {
    {"RLIMIT_AS",	  RLIMIT_AS	   },
    {"RLIMIT_CORE",	    RLIMIT_CORE      },
    {"RLIMIT_CPU",	   RLIMIT_CPU	     },
    {"RLIMIT_DATA",	    RLIMIT_DATA      },
    {"RLIMIT_FSIZE",	     RLIMIT_FSIZE	 },
    {"RLIMIT_LOCKS",	     RLIMIT_LOCKS	 },
    {"RLIMIT_MEMLOCK",    RLIMIT_MEMLOCK   },
    {"RLIMIT_MSGQUEUE",	RLIMIT_MSGQUEUE  },
    {"RLIMIT_NICE",	    RLIMIT_NICE      },
    {"RLIMIT_NOFILE",     RLIMIT_NOFILE	   },
    {"RLIMIT_NPROC",	     RLIMIT_NPROC	 },
    {"RLIMIT_RSS",	   RLIMIT_RSS	     },
    {"RLIMIT_RTPRIO",     RLIMIT_RTPRIO	   },
    {"RLIMIT_RTTIME",     RLIMIT_RTTIME	   },
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK",	     RLIMIT_STACK	 },
};

static int limit_value(const char *type)
{
	for (size_t i = 0; type && i < ARRAY_LEN(limits); i++)
		if (!strcmp(limits[i].name, type))
			return limits[i].value;
	return -1;
}

bool rlimit_known(const char *type)
{
	return limit_value(type) >= 0;
}

int rlimit_apply(const struct oci_process *process, pid_t pid, struct error *err)
{
	/* All names before the first call: a list with a mistake in it changes nothing. */
	for (size_t i = 0; i < process->rlimits.n; i++) {
		const struct oci_rlimit *r = &process->rlimits.v[i];

		if (!rlimit_known(r->type))
			return error_set(err, -EINVAL, "process.rlimits[%zu].type: unknown limit \"%s\"", i,
					 r->type ? r->type : "");
		if (!r->soft.set || !r->hard.set)
			return error_set(err, -EINVAL,
					 "process.rlimits[%zu] (%s): soft and hard are both needed", i,
					 r->type);
		if (r->soft.v > r->hard.v)
			return error_set(
			    err, -EINVAL, "process.rlimits[%zu] (%s): soft %llu is above hard %llu", i,
			    r->type, (unsigned long long)r->soft.v, (unsigned long long)r->hard.v);
	}
	for (size_t i = 0; i < process->rlimits.n; i++) {
		const struct oci_rlimit *r = &process->rlimits.v[i];
		struct rlimit64 v = {.rlim_cur = r->soft.v, .rlim_max = r->hard.v};

		if (prlimit64(pid, (unsigned)limit_value(r->type), &v, NULL) < 0)
			return error_errno(err, "process.rlimits[%zu] (%s): set to %llu:%llu", i, r->type,
					   (unsigned long long)r->soft.v, (unsigned long long)r->hard.v);
	}
	return 0;
}
