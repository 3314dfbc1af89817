#include "cli/status_channels.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/show.h"
#include "core/clock.h"
#include "core/json.h"
#include "store/channels.h"
#include "store/delivery.h"

enum { LITTLE_ROOM_MIB = 16 }; /* the write-ahead log alone may take 8 */
#define NOT_TAKEN_US (60 * (int64_t)US_PER_S)
#define SET_BACK_US (60 * (int64_t)US_PER_S) /* a clock that is slewed is not told */

/* --- the store's file --- */

void
store_room_trouble(const char *path, struct buf *out)
{
	struct statvfs disk;

	if (statvfs(path, &disk) != 0)
		return;
	uint64_t mib = (uint64_t)disk.f_bavail * disk.f_frsize >> 20;

	if ((disk.f_flag & ST_RDONLY) != 0)
		buf_addf(out,
		    "The disk of the store %s is mounted read-only: nothing can be kept "
		    "and nothing is told. `mount -o remount,rw`, after a look at `dmesg`.",
		    path);
	else if (mib < LITTLE_ROOM_MIB)
		buf_addf(out,
		    "The disk of the store %s is %sfull (%llu MiB left): make room. Nothing "
		    "of the logs is lost meanwhile, they are read on from the same place.",
		    path, mib == 0 ? "" : "nearly ", (unsigned long long)mib);
}

void
store_trouble(const char *path, struct buf *out)
{
	struct store *store = NULL;
	struct err err;

	store_room_trouble(path, out);
	if (out->n > 0 || access(path, W_OK) != 0)
		return; /* who only reads need not be able to write */
	/* Waits for the lock as the programs do, and gives it back. */
	int r = store_open(path, STORE_JOIN, &store, &err);

	if (r == 0 && (r = store_begin(store, &err)) == 0)
		store_rollback(store);
	if (r < 0)
		buf_addf(out, "The store cannot be written: %s.", err.text);
	store_close(store);
}

/* --- channels --- */

struct listing {
	int64_t now_us;
	struct buf *out; /* JSON */
	size_t n;
	bool any;
};

static void
add_ago(struct buf *out, int64_t at_us, int64_t now_us)
{
	clock_minute(out, at_us);
	if (at_us > now_us + SET_BACK_US) {
		buf_add(out, STR(" (the clock was set back since)"));
		return;
	}
	buf_add(out, STR(" ("));
	clock_span_words(out, now_us - at_us);
	buf_add(out, STR(" ago)"));
}

static void
add_state(struct buf *out, const struct channel_row *row, int64_t now_us)
{
	if (row->failing_since_us == 0) {
		buf_add(out, row->last_sent_us != 0 ? STR("works") : STR("not used yet"));
		return;
	}
	if (row->fault == CHANNEL_FAULT_LOGIN)
		buf_add(out, STR("waits for you, "));
	buf_add(out, row->fault == CHANNEL_FAULT_REFUSED ? STR("refuses a message since ")
							 : STR("failing since "));
	add_ago(out, row->failing_since_us, now_us);
	buf_addf(out, ", %lld %s", (long long)row->tries,
	    row->tries == 1 ? "try" : "tries");
	if (row->next_try_us > now_us) {
		buf_add(out, STR(", the next in "));
		clock_span_words(out, row->next_try_us - now_us);
	}
}

static int
print_channel(void *ctx, const struct channel_row *row)
{
	struct listing *l = ctx;
	AUTO(buf_done) struct buf text = { 0 };

	l->any |= !str_eq(row->kind, STR("heartbeat"));
	if (l->n++ == 0)
		puts("\nChannels");
	buf_add(&text, row->name);
	if (!str_eq(row->name, row->kind)) {
		buf_add(&text, STR(" ("));
		buf_add(&text, row->kind);
		buf_add(&text, STR(")"));
	}
	buf_add(&text, STR(": "));
	add_state(&text, row, l->now_us);
	if (row->last_sent_us != 0) {
		buf_add(&text, str_eq(row->kind, STR("heartbeat"))
				   ? STR("; last beat ")
				   : STR("; last message "));
		add_ago(&text, row->last_sent_us, l->now_us);
	}
	if (row->waiting > 0)
		buf_addf(&text, "; %lld notice%s", (long long)row->waiting,
		    row->waiting == 1 ? " waits" : "s wait");
	show_folded(buf_str(&text), 2, stdout);
	if (row->failing_since_us != 0)
		show_folded(row->last_error, 4, stdout);
	return 0;
}

int
channels_print(struct store *store, int64_t now_us, struct err *err)
{
	struct listing l = { .now_us = now_us };
	int64_t due_us = INT64_MAX;
	int r = channel_row_each(store, print_channel, &l, err);

	if (r == 0)
		r = delivery_next_unplanned(store, now_us, &due_us, err);
	if (r == 0 && l.any && due_us < now_us - NOT_TAKEN_US)
		puts("  Notices wait, and no notifier takes them: does it run?");
	return r;
}

static int
json_channel(void *ctx, const struct channel_row *row)
{
	struct listing *l = ctx;

	if (l->n++ > 0)
		buf_add_char(l->out, ',');
	struct json j = json_begin(l->out);

	json_text(&j, "channel", row->name);
	json_text(&j, "kind", row->kind);
	json_bool(&j, "works", row->failing_since_us == 0);
	if (row->failing_since_us != 0) {
		json_time(&j, "failing_since", row->failing_since_us);
		json_bool(&j, "needs_a_person", row->fault == CHANNEL_FAULT_LOGIN);
		json_text(&j, "error", row->last_error);
		if (row->next_try_us != 0)
			json_time(&j, "next_try", row->next_try_us);
	}
	json_int(&j, "tries", row->tries);
	if (row->last_sent_us != 0)
		json_time(&j, "last_message", row->last_sent_us);
	json_int(&j, "waiting", row->waiting);
	json_end(&j);
	return 0;
}

int
channels_json(struct store *store, struct buf *out, struct err *err)
{
	struct listing l = { .out = out };

	buf_add_char(out, '[');
	int r = channel_row_each(store, json_channel, &l, err);

	buf_add_char(out, ']');
	return r;
}

/* --- one notice --- */

static void
add_fate(struct buf *out, const struct delivery_row *row)
{
	if (row->fate == OUTCOME_UNKNOWN)
		return;
	buf_addf(out, "; the mail log says %s, ", event_enum_name(EVT_OUTCOME, row->fate));
	clock_minute(out, row->fate_us);
}

static int
print_delivery(void *ctx, const struct delivery_row *row)
{
	struct listing *l = ctx;
	AUTO(buf_done) struct buf text = { 0 };

	l->n++;
	if (!row->wanted && row->sent_us == 0 && row->tries == 0)
		return 0; /* a fallback that nobody needed */
	buf_add(&text, row->channel);
	if (row->sent_us != 0) {
		buf_add(&text, STR(": sent "));
		clock_minute(&text, row->sent_us);
	} else if (!row->wanted) {
		buf_add(&text, STR(": told by a fallback"));
	} else if (row->due_us > l->now_us) {
		buf_add(&text, STR(": waits until "));
		clock_minute(&text, row->due_us);
	} else {
		buf_add(&text, STR(": waits to be sent"));
	}
	if (row->sent_us == 0 && row->tries > 0)
		buf_addf(&text, ", %lld %s", (long long)row->tries,
		    row->tries == 1 ? "try" : "tries");
	if (row->queue_id.n > 0) {
		buf_add(&text, STR(", queued as "));
		buf_add(&text, row->queue_id);
	}
	add_fate(&text, row);
	if (row->last_error.n > 0) {
		buf_add(&text, STR(": "));
		buf_add(&text, row->last_error);
	}
	show_folded(buf_str(&text), 4, stdout);
	return 0;
}

int
deliveries_print(struct store *store, struct str notice_id, int64_t now_us, struct err *err)
{
	struct listing l = { .now_us = now_us };
	return delivery_each_of_notice(store, notice_id, print_delivery, &l, err);
}

static int
json_delivery(void *ctx, const struct delivery_row *row)
{
	struct listing *l = ctx;

	if (l->n++ > 0)
		buf_add_char(l->out, ',');
	struct json j = json_begin(l->out);

	json_text(&j, "channel", row->channel);
	json_int(&j, "rank", row->rank);
	if (row->sent_us != 0)
		json_time(&j, "sent", row->sent_us);
	else if (row->wanted)
		json_time(&j, "due", row->due_us);
	json_int(&j, "tries", row->tries);
	if (row->queue_id.n > 0)
		json_text(&j, "queue_id", row->queue_id);
	if (row->fate != OUTCOME_UNKNOWN)
		json_text(&j, "fate", str_of(event_enum_name(EVT_OUTCOME, row->fate)));
	if (row->last_error.n > 0)
		json_text(&j, row->sent_us != 0 ? "warning" : "error", row->last_error);
	json_end(&j);
	return 0;
}

int
deliveries_json(struct store *store, struct str notice_id, struct buf *out, struct err *err)
{
	struct listing l = { .out = out };

	buf_add_char(out, '[');
	int r = delivery_each_of_notice(store, notice_id, json_delivery, &l, err);

	buf_add_char(out, ']');
	return r;
}
