/* signals.c: see signals.h. */
#include "src/signals.h"

#include <ctype.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "base/table.h"

enum { SIGNAL_MAX = 64 };

/* Second names, which sigabbrev_np(3) does not give. */
static const struct {
	const char *name;
	int signo;
} aliases[] = {
    {"IO",	   SIGIO	},
    {"IOT",    SIGIOT },
    {"CLD",    SIGCHLD},
    {"UNUSED", SIGSYS },
};

/* "RTMIN+3": base is the number of the word before the sign. */
static int parse_realtime(const char *rest, char sign, int base, int *out)
{
	uint64_t n = 0;

	if (*rest &&
	    (*rest != sign || number_parse_u64(rest + 1, 0, (uint64_t)(SIGRTMAX - SIGRTMIN), &n) < 0))
		return -EINVAL;
	*out = sign == '+' ? base + (int)n : base - (int)n;
	return 0;
}

static int parse_name(const char *name, int *out)
{
	if (!strncasecmp(name, "SIG", 3))
		name += 3;
	if (!strncasecmp(name, "RTMIN", 5))
		return parse_realtime(name + 5, '+', SIGRTMIN, out);
	if (!strncasecmp(name, "RTMAX", 5))
		return parse_realtime(name + 5, '-', SIGRTMAX, out);
	for (int signo = 1; signo < SIGRTMIN; signo++) {
		const char *known = sigabbrev_np(signo);

		if (known && !strcasecmp(known, name))
			return *out = signo, 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
		if (!strcasecmp(aliases[i].name, name))
			return *out = aliases[i].signo, 0;
	return -EINVAL;
}

int signal_parse(const char *text, int *out, struct error *err)
{
	uint64_t number;

	if (number_parse_u64(text, 0, SIGNAL_MAX, &number) == 0)
		return *out = (int)number, 0;
	if (isalpha((unsigned char)*text) && parse_name(text, out) == 0)
		return 0;
	return error_set(err, -EINVAL, "unknown signal \"%.60s\"", text);
}
