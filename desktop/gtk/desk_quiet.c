/* Quiet hours and pauses: what came meanwhile is told at their end. */
#include "core/clock.h"
#include "desktop/gtk/desk_impl.h"

#define PAUSE_US (3600 * (int64_t)US_PER_S)

enum {
	DAY_MIN = 24 * 60,
	LOOK_AGAIN_S = 3600, /* the clock may be set meanwhile, for summer or by hand */
};

static int
minute_of_day(void)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_local();

	return g_date_time_get_hour(now) * 60 + g_date_time_get_minute(now);
}

static bool
is_paused(const struct desk *desk)
{
	return desk->paused_until_us > g_get_real_time();
}

bool
desk_is_hushed(const struct desk *desk, bool critical)
{
	if (is_paused(desk))
		return true;
	return desk_is_quiet(desk->settings, minute_of_day()) &&
	       !(critical && desk->settings->critical_when_quiet);
}

/* Seconds to the end of the pause or of the quiet hours, whichever is first; 0: neither. */
static guint
seconds_left(const struct desk *desk)
{
	int64_t now_us = g_get_real_time(), left_s = LOOK_AGAIN_S;
	int minute = minute_of_day();
	bool quiet = desk_is_quiet(desk->settings, minute);

	if (!is_paused(desk) && !quiet)
		return 0;
	if (is_paused(desk))
		left_s = MIN(left_s, (desk->paused_until_us - now_us) / US_PER_S + 1);
	if (quiet) {
		int minutes =
		    (desk->settings->quiet_until_min - minute + DAY_MIN) % DAY_MIN;

		left_s = MIN(left_s, minutes * 60 - now_us / US_PER_S % 60);
	}
	return (guint)MAX(left_s, 1);
}

static void set_timer(struct desk *desk);

/* What must still wait, as in quiet hours behind a pause, asks for the timer again. */
static gboolean
on_quiet_over(gpointer data)
{
	struct desk *desk = data;

	desk->quiet_timer = 0;
	if (is_paused(desk))
		set_timer(desk);
	else
		desk->paused_until_us = 0;
	desk_trouble_tell_held(desk);
	desk_mail_tell(desk);
	desk_changed(desk);
	return G_SOURCE_REMOVE;
}

static void
set_timer(struct desk *desk)
{
	g_clear_handle_id(&desk->quiet_timer, g_source_remove);
	desk->quiet_timer = g_timeout_add_seconds(seconds_left(desk), on_quiet_over, desk);
}

void
desk_tell_later(struct desk *desk)
{
	if (desk->quiet_timer == 0)
		set_timer(desk);
}

void
desk_pause(struct desk *desk, bool on)
{
	desk->paused_until_us = on ? g_get_real_time() + PAUSE_US : 0;
	/* Also when it ends early: what was held is told at once. */
	set_timer(desk);
	desk_changed(desk);
}

void
desk_quiet_changed(struct desk *desk)
{
	if (desk->quiet_timer != 0)
		set_timer(desk);
}
