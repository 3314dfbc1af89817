/*
 * desktop - notifications in the session of who runs mailwarden
 *
 * Purpose    One notification for each incident of a message, the gravest; the rest of many
 *            share one. A helper program, desktop/notify_main.c, does the showing, so that
 *            libnotify stays out of this process: started at the first message, kept, since
 *            an action can be clicked on hours later, and started again if it has ended.
 * Protocol   A line of JSON to its standard input, "ok" or "error TEXT" from its standard
 *            output; it ends when its input does.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/json.h"
#include "core/place.h"
#include "notify/channel.h"
#include "notify/now.h"
#include "notify/program.h"
#include "paths.h"

enum {
	SHOWN_WHOLE = 4, /* notifications for one message, and one more for the rest */
	SUMMARY_BYTES = 400,
	ADVICE_BYTES = 300,
	TITLE_BYTES = 120,
	ANSWER_BYTES = 1000,
	LIMIT_US = 15000000, /* for one message: the server may be started first */
	END_WAIT_US = 500000,
};

static const char helper_name[] = "mailwarden-notify-desktop";

struct desktop {
	struct program helper;
	char *helper_path, *mailwarden_path;
	char answer[ANSWER_BYTES]; /* what came of a line so far */
	size_t nanswer;
	int64_t deadline_us;
};

/* --- the helper --- */

static char *
join_path(const char *folder, const char *name)
{
	AUTO(buf_done) struct buf path = { 0 };

	buf_addf(&path, "%s/%s", folder, name);
	return path.failed ? NULL : str_dup(buf_str(&path));
}

static int
start_helper(struct channel *channel, struct err *err)
{
	struct desktop *d = channel->kept;
	const struct texts *show = &channel->settings->desktop.show;
	AUTO(auto_free) char **argv = calloc(6 + show->n, sizeof *argv);
	struct texts words = { argv, 0 };

	if (argv == NULL)
		return err_set(err, -ENOMEM, "start %s: out of memory", helper_name);
	argv[words.n++] = d->helper_path;
	if (channel->context.store != NULL) {
		argv[words.n++] = "--mailwarden";
		argv[words.n++] = d->mailwarden_path;
		argv[words.n++] = "--store";
		argv[words.n++] = (char *)channel->context.store; /* only looked at */
	}
	if (show->n > 0)
		argv[words.n++] = "--show";
	for (size_t i = 0; i < show->n; i++)
		argv[words.n++] = show->items[i];
	d->nanswer = 0;
	int r = program_start(&words, PROGRAM_SESSION, &d->helper, err);

	if (r == -ENOENT)
		return err_set(err, r,
		    "show on the desktop: %s is not there (it is part of mailwarden where "
		    "that was built with libnotify)",
		    d->helper_path);
	return r;
}

/* What its libraries complain of; else a full pipe would stop it one day. */
static void
drain_errors(const struct desktop *d, struct buf *last)
{
	char bytes[4096];
	ssize_t n;

	while ((n = read(d->helper.errors, bytes, sizeof bytes)) > 0) {
		buf_clear(last);
		buf_add(last, (struct str){ bytes, (size_t)n });
	}
}

static int
lose_helper(struct desktop *d, int code, struct err *err)
{
	AUTO(buf_done) struct buf last = { 0 };
	AUTO(buf_done) struct buf words = { 0 };

	drain_errors(d, &last);
	program_last_line(buf_str(&last), &words);
	/* -EPIPE: it has ended by itself; else it hangs, and is not waited for. */
	(void)program_end(&d->helper, code == -EPIPE ? END_WAIT_US : 0);
	return err_set(err, code, "show on the desktop: %s %s%s%s", helper_name,
	    code == -EPIPE ? "ended"
			   : "does not answer (does the session's notification "
			     "daemon hang?)",
	    words.n > 0 ? ": " : "", buf_cstr(&words));
}

/* Until the helper reads, or has written; -ETIMEDOUT at the deadline. */
static int
wait_for(const struct desktop *d, int fd, short events)
{
	struct pollfd ready = { fd, events, 0 };
	int64_t left_us = d->deadline_us - now_monotonic_us();
	int n = left_us <= 0 ? 0 : poll(&ready, 1, (int)(left_us / 1000 + 1));

	return n == 0 ? -ETIMEDOUT : 0; /* EINTR: the caller tries, and waits again */
}

static int
put_line(const struct desktop *d, struct str line)
{
	while (line.n > 0) {
		ssize_t n = program_write(&d->helper, line);
		int r = n == -EAGAIN ? wait_for(d, d->helper.in, POLLOUT) : 0;

		if (r < 0)
			return r;
		if (n < 0 && n != -EAGAIN && n != -EINTR)
			return (int)n;
		if (n > 0)
			line = str_skip(line, (size_t)n);
	}
	return 0;
}

/* One line, without its end; what is longer than ANSWER_BYTES is no answer. */
static int
take_line(struct desktop *d, struct str *line_out)
{
	for (d->nanswer = 0; d->nanswer < sizeof d->answer;) {
		ssize_t n = read(d->helper.out, d->answer + d->nanswer,
		    sizeof d->answer - d->nanswer);
		int r = n < 0 && errno == EAGAIN ? wait_for(d, d->helper.out, POLLIN) : 0;

		if (r < 0)
			return r;
		if (n == 0)
			return -EPIPE;
		if (n < 0)
			continue;
		d->nanswer += (size_t)n;
		if (d->answer[d->nanswer - 1] == '\n') {
			*line_out = (struct str){ d->answer, d->nanswer - 1 };
			return 0;
		}
	}
	return -EPROTO;
}

static int
ask_once(struct channel *channel, struct str request, struct str *answer_out,
    struct err *err)
{
	struct desktop *d = channel->kept;
	AUTO(buf_done) struct buf dropped = { 0 };
	int r = d->helper.pid == 0 ? start_helper(channel, err) : 0;

	if (r < 0)
		return r;
	drain_errors(d, &dropped);
	r = put_line(d, request);
	if (r == 0)
		r = take_line(d, answer_out);
	return r < 0 ? lose_helper(d, r, err) : 0;
}

/* A helper that has ended since, with the session for one, is started again, once. */
static int
ask(struct channel *channel, struct str request, struct err *err)
{
	struct desktop *d = channel->kept;
	struct str answer = { NULL, 0 };
	bool was_there = d->helper.pid != 0;
	int r = ask_once(channel, request, &answer, err);

	if (r == -EPIPE && was_there)
		r = ask_once(channel, request, &answer, err);
	if (r < 0)
		return r;
	if (str_eq(answer, STR("ok")))
		return 0;
	(void)str_cut(&answer, ' ');
	return err_set(err, -EIO, "show on the desktop: %.*s", STR_ARG(answer));
}

/* --- what is shown --- */

static const char *
urgency_of(const struct told *told)
{
	if (told_is_over(told) || told->incident.severity == SEVERITY_INFO)
		return "low";
	return told->incident.severity == SEVERITY_CRITICAL ? "critical" : "normal";
}

static void
begin_request(struct buf *out, struct json *j, struct str key)
{
	*j = json_begin(out);
	json_text(j, "key", key);
}

static int
end_request(struct channel *channel, struct buf *request, struct json *j, struct err *err)
{
	json_end(j);
	buf_add_char(request, '\n');
	if (request->failed)
		return err_set(err, -ENOMEM, "show on the desktop: out of memory");
	return ask(channel, buf_str(request), err);
}

static void
make_title(const struct told *told, const char *host, struct buf *out)
{
	struct str on = told->incident.host.n > 0 ? told->incident.host : str_of(host);

	buf_addf(out, "%s mail on ", told_word(told));
	message_plain(out, on, TITLE_BYTES);
}

/* What happened and, unless it is over, the first thing to know about it. */
static void
make_body(const struct told *told, struct buf *out)
{
	const struct incident *in = &told->incident;
	struct str advice = in->advice;
	struct str first = str_cut(&advice, '\n');

	message_plain(out, in->summary.n > 0 ? in->summary : in->rule, SUMMARY_BYTES);
	if (told_is_over(told) || first.n == 0)
		return;
	buf_add_char(out, '\n');
	message_plain(out, first, ADVICE_BYTES);
}

static int
show_incident(struct channel *channel, const struct message *message,
    const struct told *told, struct err *err)
{
	AUTO(buf_done) struct buf request = { 0 };
	AUTO(buf_done) struct buf title = { 0 };
	AUTO(buf_done) struct buf body = { 0 };
	struct json j;

	make_title(told, message->host, &title);
	make_body(told, &body);
	begin_request(&request, &j, told->incident.id);
	json_text(&j, "title", buf_str(&title));
	json_text(&j, "body", buf_str(&body));
	json_text(&j, "urgency", str_of(urgency_of(told)));
	json_text(&j, "incident", told->incident.id);
	json_bool(&j, "acknowledge", !told_is_over(told) && told->incident.ack_at_us == 0);
	return end_request(channel, &request, &j, err);
}

static int
close_incident(struct channel *channel, const struct told *told, struct err *err)
{
	AUTO(buf_done) struct buf request = { 0 };
	struct json j;

	begin_request(&request, &j, told->incident.id);
	json_bool(&j, "close", true);
	return end_request(channel, &request, &j, err);
}

/* The rest of many: told in one; those that are over must not stay on the screen. */
static int
show_rest(struct channel *channel, const struct message *message, size_t from,
    struct err *err)
{
	AUTO(buf_done) struct buf request = { 0 };
	AUTO(buf_done) struct buf body = { 0 };
	AUTO(buf_done) struct buf title = { 0 };
	const char *urgency = urgency_of(&message->items[from]);
	struct json j;
	int r = 0;

	for (size_t i = from; r == 0 && i < message->nitems; i++) {
		if (told_is_over(&message->items[i]))
			r = close_incident(channel, &message->items[i], err);
		if (i >= from + SHOWN_WHOLE)
			continue;
		message_line(&message->items[i], &body);
		buf_add_char(&body, '\n');
	}
	if (r < 0)
		return r;
	buf_addf(&title, "%zu more incidents of mail", message->nitems - from);
	buf_addf(&body, "All of them: mailwarden incidents");
	begin_request(&request, &j, STR("more"));
	json_text(&j, "title", buf_str(&title));
	json_text(&j, "body", buf_str(&body));
	json_text(&j, "urgency", str_of(urgency));
	return end_request(channel, &request, &j, err);
}

/* The sentence, once it is there, and quietly: it can wait. */
static int
show_digest(struct channel *channel, const struct message *message, struct err *err)
{
	AUTO(buf_done) struct buf request = { 0 };
	AUTO(buf_done) struct buf title = { 0 };
	AUTO(buf_done) struct buf body = { 0 };
	struct str text = str_of(message->text);
	struct json j;

	message_plain(&title, str_of(message->subject), TITLE_BYTES);
	message_plain(&body, str_cut(&text, '\n'), SUMMARY_BYTES);
	begin_request(&request, &j, STR("digest"));
	json_text(&j, "title", buf_str(&title));
	json_text(&j, "body", buf_str(&body));
	json_text(&j, "urgency", STR("low"));
	return end_request(channel, &request, &j, err);
}

static int
show_test(struct channel *channel, const struct message *message, struct err *err)
{
	AUTO(buf_done) struct buf request = { 0 };
	AUTO(buf_done) struct buf body = { 0 };
	struct json j;

	message_plain(&body, str_of(message->subject), SUMMARY_BYTES);
	begin_request(&request, &j, STR("test"));
	json_text(&j, "title", STR("mailwarden"));
	json_text(&j, "body", buf_str(&body));
	json_text(&j, "urgency", STR("normal"));
	return end_request(channel, &request, &j, err);
}

static enum send_result
send_message(struct channel *channel, const struct message *message,
    struct receipt *receipt, struct err *err)
{
	struct desktop *d = channel->kept;
	size_t whole = message->nitems <= SHOWN_WHOLE + 1 ? message->nitems : SHOWN_WHOLE;
	int r = 0;

	d->deadline_us = now_monotonic_us() + LIMIT_US;
	if (message->digest != NULL)
		r = show_digest(channel, message, err);
	else if (message->nitems == 0)
		r = show_test(channel, message, err);
	for (size_t i = 0; r == 0 && i < whole; i++) {
		r = show_incident(channel, message, &message->items[i], err);
		receipt->uncertain = r < 0 && i > 0; /* those before it are shown */
	}
	if (r == 0 && whole < message->nitems)
		r = show_rest(channel, message, whole, err);
	receipt->uncertain |= r == -ETIMEDOUT;
	if (r == 0)
		return SEND_ACCEPTED;
	return r == -ENOENT || r == -EACCES ? SEND_LOGIN : SEND_RETRY;
}

static void
close_channel(struct channel *channel)
{
	struct desktop *d = channel->kept;

	(void)program_end(&d->helper, END_WAIT_US);
	free(d->helper_path);
	free(d->mailwarden_path);
	free(d);
}

static int
open_channel(struct channel *channel, struct err *err)
{
	struct desktop *d = calloc(1, sizeof *d);
	bool build = place_is_below(PATH_BUILD_DIR);

	if (d == NULL)
		return err_set(err, -ENOMEM, "open channel %s: out of memory",
		    channel->settings->name);
	d->helper_path = join_path(build ? PATH_BUILD_DIR : PATH_LIBEXEC, helper_name);
	d->mailwarden_path = join_path(build ? PATH_BUILD_DIR : PATH_BIN, "mailwarden");
	channel->kept = d;
	if (d->helper_path != NULL && d->mailwarden_path != NULL)
		return 0;
	close_channel(channel);
	return err_set(err, -ENOMEM, "open channel %s: out of memory",
	    channel->settings->name);
}

const struct channel_type channel_desktop = {
	.kind = CHANNEL_DESKTOP,
	.open = open_channel,
	.send = send_message,
	.close = close_channel,
};
