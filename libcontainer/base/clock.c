/* clock.c: a calendar for one zone. See clock.h. */
#include "base/clock.h"

#include <stdio.h>

static int is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

struct clock_text clock_format(struct timespec t, int with_nanoseconds)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	long long days = t.tv_sec / 86400;
	int rest = (int)(t.tv_sec % 86400), year = 1970, month = 0;
	struct clock_text out;
	int n;

	while (days >= 365 + is_leap(year))
		days -= 365 + is_leap(year++);
	while (days >= lengths[month] + (month == 1 && is_leap(year))) {
		days -= lengths[month] + (month == 1 && is_leap(year));
		month++;
	}
	n = snprintf(out.text, sizeof(out.text), "%04d-%02d-%02dT%02d:%02d:%02d", year, month + 1, (int)days + 1, rest / 3600, rest / 60 % 60,
		     rest % 60);
	if (with_nanoseconds)
		n += snprintf(out.text + n, sizeof(out.text) - (size_t)n, ".%09ld", t.tv_nsec);
	snprintf(out.text + n, sizeof(out.text) - (size_t)n, "Z");
	return out;
}
