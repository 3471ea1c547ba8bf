/* clock.h: the time of day as text. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <time.h>

struct clock_text {
	char text[40];
};

/* "2026-11-23T09:46:02Z" (RFC 3339), with nanoseconds "2026-11-23T09:46:02.123456789Z" unless whole. Without the C library's calendar, which
 * reads /etc/localtime even for UTC. Right from 1970 on. */
struct clock_text clock_format(struct timespec t, int with_nanoseconds);

#endif
