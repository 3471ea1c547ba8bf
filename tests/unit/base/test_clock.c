/* test_clock.c: the calendar against the C library's. */
#include "base/clock.h"

#include <criterion/criterion.h>
#include <string.h>

Test(clock, agrees_with_the_library)
{
	/* Every 100,003 seconds up to the year 2100: all days of a leap cycle at odd hours. */
	for (time_t s = 0; s < 4102444800; s += 100003) {
		char text[32];
		struct tm tm;

		gmtime_r(&s, &tm);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
		cr_assert_str_eq(clock_format((struct timespec){ s, 0 }, 0).text, text);
	}
}

Test(clock, nanoseconds)
{
	cr_expect_str_eq(clock_format((struct timespec){ 951782399, 5 }, 1).text, "2000-02-28T23:59:59.000000005Z");
	cr_expect_str_eq(clock_format((struct timespec){ 951782400, 999999999 }, 1).text, "2000-02-29T00:00:00.999999999Z");
}
