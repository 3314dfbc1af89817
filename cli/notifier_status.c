#include "cli/notifier_status.h"

#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "core/clock.h"
#include "core/plain.h"
#include "store/channels.h"

enum { REASON_BYTES = 160, TROUBLE_BYTES = 300 };

struct tally {
	const struct notify_settings *settings;
	int64_t waiting; /* the longest queue of a channel */
	struct buf failing;
};

/* One that is no longer configured tells nothing of today. */
static bool
is_configured(const struct notify_settings *settings, struct str name)
{
	for (size_t i = 0; i < settings->nchannels; i++)
		if (str_eq(str_of(settings->channels[i].name), name))
			return true;
	return false;
}

static int
add_channel(void *ctx, const struct channel_row *row)
{
	struct tally *tally = ctx;

	if (!is_configured(tally->settings, row->name))
		return 0;
	if (row->waiting > tally->waiting)
		tally->waiting = row->waiting;
	if (row->failing_since_us == 0)
		return 0;
	buf_add(&tally->failing, STR(", "));
	plain_add_cut(&tally->failing, row->name, REASON_BYTES);
	buf_add(&tally->failing, STR(" failing since "));
	clock_minute(&tally->failing, row->failing_since_us);
	buf_add(&tally->failing, STR(": "));
	plain_add_cut(&tally->failing, row->last_error, REASON_BYTES);
	return 0;
}

static void
add_count(struct buf *out, int64_t n, const char *one, const char *many)
{
	buf_addf(out, "%lld %s", (long long)n, n == 1 ? one : many);
}

void
notifier_status_line(const struct notifier_status *status, struct buf *out)
{
	const struct config *config = crew_config(status->crew);
	struct tally tally = { .settings = &config->notify };
	struct err err;

	if (status->trouble[0] != '\0') {
		plain_add_cut(out, str_of(status->trouble), TROUBLE_BYTES);
		return;
	}
	add_count(out, (int64_t)config->notify.nchannels, "channel", "channels");
	if (status->store != NULL &&
	    channel_row_each(status->store, add_channel, &tally, &err) == 0) {
		buf_add(out, STR(", "));
		if (tally.waiting == 0)
			buf_add(out, STR("no notice waits"));
		else
			add_count(out, tally.waiting, "notice waits", "notices wait");
		buf_add(out, buf_str(&tally.failing));
	}
	if (status->held_back)
		buf_add(out, STR(", no heartbeat: the watcher does not run"));
	buf_done(&tally.failing);
}

void
notifier_tell_status(struct notifier_status *status)
{
	AUTO(buf_done) struct buf line = { 0 };

	if (getenv("NOTIFY_SOCKET") == NULL)
		return;
	notifier_status_line(status, &line);
	uint64_t hash = str_hash(buf_str(&line));

	if (hash != status->last_hash)
		(void)sd_notifyf(0, "STATUS=%s", buf_cstr(&line));
	status->last_hash = hash;
}
