/* cmd_events.c: `events`: what a container uses, and who in it is killed for memory, as lines of JSON. */
#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "base/auto.h"
#include "base/table.h"
#include "core/events.h"
#include "core/store.h"
#include "src/commands.h"
#include "src/output.h"

struct events_options {
	bool stats;
	const char *interval;
};

#define SECOND 1000000000ull

/* clang-format off */
static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 }, /* U+00B5, micro sign */
	{ "\xce\xbcs", 1000 }, /* U+03BC, mu */
	{ "ms", 1000000 },
	{ "s", SECOND },
	{ "m", 60 * SECOND },
	{ "h", 3600 * SECOND },
};
/* clang-format on */

/* 0 where the text begins with none; *len is the unit's length. "m" is not the beginning of "ms" here: what
 * follows a unit is a digit, a point, or the end. */
static uint64_t unit_of(const char *text, size_t *len)
{
	*len = strcspn(text, ".0123456789");
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strlen(units[i].name) == *len && !strncmp(text, units[i].name, *len))
			return units[i].ns;
	return 0;
}

static bool add_scaled(uint64_t n, uint64_t scale, uint64_t *sum)
{
	uint64_t product;

	return !__builtin_mul_overflow(n, scale, &product) && !__builtin_add_overflow(*sum, product, sum);
}

/* "1.5h": one number with its unit; *text is moved behind it. */
static int parse_part(const char **text, uint64_t *sum)
{
	const char *whole = *text, *p = whole;
	uint64_t n = 0, unit, part;
	size_t digits, len;

	for (; isdigit((unsigned char)*p); p++)
		if (!add_scaled(9, n, &n) || !add_scaled((uint64_t)(*p - '0'), 1, &n))
			return -ERANGE;
	digits = (size_t)(p - whole);
	if (*p == '.')
		whole = ++p;
	else
		whole = NULL;
	while (whole && isdigit((unsigned char)*p))
		p++, digits++;
	unit = digits ? unit_of(p, &len) : 0;
	if (!unit)
		return -EINVAL;
	if (!add_scaled(n, unit, sum))
		return -ERANGE;
	for (part = unit; whole && isdigit((unsigned char)*whole); whole++) {
		part /= 10;
		if (!add_scaled((uint64_t)(*whole - '0'), part, sum))
			return -ERANGE;
	}
	*text = p + len;
	return 0;
}

/* Go's time.ParseDuration() without signs: "5s", "500ms", "1m30s", "1.5h". In ms, rounded up; 0 is refused.
 */
static int parse_interval(const char *text, int *ms, struct error *err)
{
	const char *p = text;
	uint64_t ns = 0;
	int ret;

	do
		ret = parse_part(&p, &ns);
	while (ret == 0 && *p);
	if (ret == -EINVAL)
		return error_set(err, -EINVAL,
				 "option --interval: \"%.60s\": expected a time such as 5s, 500ms or 1m30s",
				 text);
	if (ret == 0 && ns == 0)
		return error_set(err, -EINVAL, "option --interval: \"%.60s\": must be greater than 0", text);
	if (ret < 0 || ns / 1000000 >= INT_MAX)
		return error_set(err, -ERANGE, "option --interval: \"%.60s\": at most %dh", text,
				 INT_MAX / 3600000);
	*ms = (int)((ns + 999999) / 1000000);
	return 0;
}

static int print_line(void *data, const char *line, struct error *err)
{
	auto_text struct text out = {0};

	/* In one write: two of us may share a pipe. */
	text_add(&out, line);
	text_add(&out, "\n");
	return output_text(&out, err);
}

static int run(const struct lifecycle_global *g, void *options, int argc, char **argv, struct error *err)
{
	const struct events_options *o = options;
	int interval_ms = 0, ret = store_check_id(argv[0], err);

	if (ret == 0)
		ret = parse_interval(o->interval ? o->interval : "5s", &interval_ms, err);
	if (ret < 0)
		return ret;
	return o->stats ? events_stats(g, argv[0], print_line, NULL, err)
			: events_watch(g, argv[0], interval_ms, print_line, NULL, err);
}

#define ROW(name, kind, field, ...)                                                                          \
	{                                                                                                    \
		name, 0, kind, offsetof(struct events_options, field), __VA_ARGS__                           \
	}
static const struct option_row rows[] = {
    ROW("stats", OPTION_FLAG, stats, NULL, "print the counters as they are now, and exit"),
    ROW("interval", OPTION_TEXT, interval, "TIME",
	"time between two lines of counters, as 500ms or 1m30s (default: 5s)"),
    {NULL},
};

const struct command command_events = {
    .name = "events",
    .arguments = "[options] ID",
    .help = "tell what a container uses, and who in it is killed for memory",
    .options = rows,
    .size = sizeof(struct events_options),
    .least = 1,
    .most = 1,
    .run = run,
};
