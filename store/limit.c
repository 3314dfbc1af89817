#include "store/limit.h"

#include <time.h>

#include "store/private.h"

/* About a millisecond of work between two looks at the clock. */
enum { STEPS = 20000 };

static int
is_over(void *ctx)
{
	struct store_limit *limit = ctx;
	struct timespec now;

	if (limit->until_us == 0)
		return 0;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec * (int64_t)US_PER_S + now.tv_nsec / 1000 < limit->until_us)
		return 0;
	limit->passed = true;
	return 1;
}

void
store_set_limit(struct store *store, struct store_limit *limit)
{
	sqlite3_progress_handler(store->db.sql, STEPS, is_over, limit);
}
