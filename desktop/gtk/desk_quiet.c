/* Quiet hours and pauses: what came meanwhile is told at their end. */
#include "core/clock.h"
#include "desktop/gtk/desk_impl.h"

#define PAUSE_US (3600 * (int64_t)US_PER_S)

enum { DAY_MIN = 24 * 60 };

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

/* Seconds to the end of a pause or of the quiet hours, whichever is later; 0: neither. */
static guint
seconds_left(const struct desk *desk)
{
	int64_t now_us = g_get_real_time();
	int64_t left_s =
	    is_paused(desk) ? (desk->paused_until_us - now_us) / US_PER_S + 1 : 0;
	int minute = minute_of_day();

	if (desk_is_quiet(desk->settings, minute)) {
		int minutes =
		    (desk->settings->quiet_until_min - minute + DAY_MIN) % DAY_MIN;
		int64_t hours_s = minutes * 60 - now_us / US_PER_S % 60;

		left_s = MAX(left_s, MAX(hours_s, 1));
	}
	return (guint)left_s;
}

static gboolean
on_quiet_over(gpointer data)
{
	struct desk *desk = data;

	desk->quiet_timer = 0;
	/* The machine slept, or the clock was set: it may not be over yet. */
	guint left_s = seconds_left(desk);

	if (left_s > 0) {
		desk->quiet_timer = g_timeout_add_seconds(left_s, on_quiet_over, desk);
		return G_SOURCE_REMOVE;
	}
	desk->paused_until_us = 0;
	desk_trouble_tell_held(desk);
	if (g_hash_table_contains(desk->held, "mail"))
		desk_mail_tell_held(desk);
	g_hash_table_remove_all(desk->held);
	desk_changed(desk);
	return G_SOURCE_REMOVE;
}

static void
set_timer(struct desk *desk)
{
	guint left_s = seconds_left(desk);

	g_clear_handle_id(&desk->quiet_timer, g_source_remove);
	desk->quiet_timer = g_timeout_add_seconds(left_s, on_quiet_over, desk);
}

void
desk_hold(struct desk *desk, const char *key)
{
	(void)g_hash_table_add(desk->held, g_strdup(key));
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
