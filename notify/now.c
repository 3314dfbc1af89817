#include "notify/now.h"

#include <time.h>

#include "core/clock.h"

static int64_t
read_clock(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now); /* cannot fail for these clocks */
	return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

int64_t
now_wall_us(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t
now_monotonic_us(void)
{
	return read_clock(CLOCK_MONOTONIC);
}
