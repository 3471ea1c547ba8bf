/* names.c: see names.h. */
#include "seccomp/names.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/table.h"

struct named {
	const char *name;
	uint32_t value;
};

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static const struct named actions[] = {
    {"SCMP_ACT_ALLOW",	       SCMP_ACT_ALLOW	     },
    {"SCMP_ACT_ERRNO",	       SCMP_ACT_ERRNO(0)	},
    {"SCMP_ACT_KILL",	      SCMP_ACT_KILL_THREAD },
    {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
    {"SCMP_ACT_KILL_THREAD",  SCMP_ACT_KILL_THREAD },
    {"SCMP_ACT_LOG",	     SCMP_ACT_LOG	 },
    {"SCMP_ACT_NOTIFY",	SCMP_ACT_NOTIFY      },
    {"SCMP_ACT_TRACE",	       SCMP_ACT_TRACE(0)	},
    {"SCMP_ACT_TRAP",	      SCMP_ACT_TRAP	   },
};

static const struct named operators[] = {
    {"SCMP_CMP_EQ",	    SCMP_CMP_EQ       },
	  {"SCMP_CMP_GE",	  SCMP_CMP_GE	     },
	{"SCMP_CMP_GT",	SCMP_CMP_GT	   },
    {"SCMP_CMP_LE",	    SCMP_CMP_LE       },
	  {"SCMP_CMP_LT",	  SCMP_CMP_LT	     },
	{"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
    {"SCMP_CMP_NE",	    SCMP_CMP_NE       },
};

/* The specification's, of which an older libseccomp knows nothing. */
#ifndef SCMP_ARCH_LOONGARCH64
#define SCMP_ARCH_LOONGARCH64 SECCOMP_ARCH_FOREIGN
#endif
#ifndef SCMP_ARCH_M68K
#define SCMP_ARCH_M68K SECCOMP_ARCH_FOREIGN
#endif
#ifndef SCMP_ARCH_SH
#define SCMP_ARCH_SH SECCOMP_ARCH_FOREIGN
#endif
#ifndef SCMP_ARCH_SHEB
#define SCMP_ARCH_SHEB SECCOMP_ARCH_FOREIGN
#endif

static const struct named archs[] = {
    {"SCMP_ARCH_AARCH64",	  SCMP_ARCH_AARCH64	   },
    {"SCMP_ARCH_ARM",	      SCMP_ARCH_ARM	   },
    {"SCMP_ARCH_LOONGARCH64", SCMP_ARCH_LOONGARCH64},
    {"SCMP_ARCH_M68K",	       SCMP_ARCH_M68K	     },
    {"SCMP_ARCH_MIPS",	       SCMP_ARCH_MIPS	     },
    {"SCMP_ARCH_MIPS64",	 SCMP_ARCH_MIPS64	 },
    {"SCMP_ARCH_MIPS64N32",   SCMP_ARCH_MIPS64N32  },
    {"SCMP_ARCH_MIPSEL",	 SCMP_ARCH_MIPSEL	 },
    {"SCMP_ARCH_MIPSEL64",	   SCMP_ARCH_MIPSEL64   },
    {"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32},
    {"SCMP_ARCH_PARISC",	 SCMP_ARCH_PARISC	 },
    {"SCMP_ARCH_PARISC64",	   SCMP_ARCH_PARISC64   },
    {"SCMP_ARCH_PPC",	      SCMP_ARCH_PPC	   },
    {"SCMP_ARCH_PPC64",	SCMP_ARCH_PPC64      },
    {"SCMP_ARCH_PPC64LE",	  SCMP_ARCH_PPC64LE	   },
    {"SCMP_ARCH_RISCV64",	  SCMP_ARCH_RISCV64	   },
    {"SCMP_ARCH_S390",	       SCMP_ARCH_S390	     },
    {"SCMP_ARCH_S390X",	SCMP_ARCH_S390X      },
    {"SCMP_ARCH_SH",	     SCMP_ARCH_SH	 },
    {"SCMP_ARCH_SHEB",	       SCMP_ARCH_SHEB	     },
    {"SCMP_ARCH_X32",	      SCMP_ARCH_X32	   },
    {"SCMP_ARCH_X86",	      SCMP_ARCH_X86	   },
    {"SCMP_ARCH_X86_64",	 SCMP_ARCH_X86_64	 },
};

static const struct named flags[] = {
    {"SECCOMP_FILTER_FLAG_LOG",		SECCOMP_FILTER_FLAG_LOG	       },
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW",	       SECCOMP_FILTER_FLAG_SPEC_ALLOW	     },
    {"SECCOMP_FILTER_FLAG_TSYNC",		  SECCOMP_FILTER_FLAG_TSYNC		   },
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};

static bool find(const struct named *table, size_t n, const char *name, uint32_t *out)
{
	for (size_t i = 0; name && i < n; i++)
		if (!strcmp(table[i].name, name)) {
			*out = table[i].value;
			return true;
		}
	return false;
}

/* The lists for `features` are the same tables, so that they cannot say anything else. */
#define NAMES_FUNCTION(function, table)                                                                      \
	const char *const *function(void)                                                                    \
	{                                                                                                    \
		static const char *names[ARRAY_LEN(table) + 1];                                              \
                                                                                                             \
		for (size_t i = 0; i < ARRAY_LEN(table); i++)                                                \
			names[i] = (table)[i].name;                                                          \
		return names;                                                                                \
	}

NAMES_FUNCTION(seccomp_action_names, actions)
NAMES_FUNCTION(seccomp_operator_names, operators)
NAMES_FUNCTION(seccomp_arch_names, archs)
NAMES_FUNCTION(seccomp_flag_names, flags)

/* The kernel looks at the flags before it looks for the program: EFAULT means that it had nothing to say
 * against them. */
static bool kernel_takes(uint32_t flag)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flag, NULL) < 0 && errno == EFAULT;
}

bool seccomp_flag_supported(const char *name)
{
	uint32_t flag;

	if (!find(flags, ARRAY_LEN(flags), name, &flag))
		return false;
	/* Means something only to a listener, and is refused without one. */
	if (flag == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
		flag |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	return kernel_takes(flag);
}

bool seccomp_action(const char *name, unsigned errno_ret, uint32_t *out)
{
	uint32_t action;

	if (!find(actions, ARRAY_LEN(actions), name, &action))
		return false;
	if (action == SCMP_ACT_ERRNO(0) || action == SCMP_ACT_TRACE(0))
		action |= errno_ret & SECCOMP_RET_DATA;
	*out = action;
	return true;
}

bool seccomp_operator(const char *name, int *out)
{
	uint32_t v;

	if (!find(operators, ARRAY_LEN(operators), name, &v))
		return false;
	*out = (int)v;
	return true;
}

bool seccomp_arch(const char *name, uint32_t *out)
{
	return find(archs, ARRAY_LEN(archs), name, out);
}

bool seccomp_flag(const char *name, unsigned *out)
{
	uint32_t v;

	if (!find(flags, ARRAY_LEN(flags), name, &v))
		return false;
	*out = v;
	return true;
}
