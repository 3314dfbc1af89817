#include "cli/ingest_take.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/ingest_log.h"
#include "cli/ingest_read.h"
#include "cli/ingest_tell.h"
#include "cli/ingest_unread.h"
#include "ingest/report_line.h"

static void
judge(const struct ingest_setup *setup, enum ingest_age age, struct ingest_taken *taken)
{
	struct jail_result *r = &taken->result;
	const int64_t dated_us = r->summary.dated_us;

	if (r->code == 0 && r->lines.n == 0) {
		r->code = -ENOMSG;
		(void)err_set(&r->why, r->code,
		    "a report that names no recipient and has no row");
	}
	if (r->code == -ENOMSG)
		taken->verdict = VERDICT_OTHER;
	else if (r->code < 0)
		taken->verdict = VERDICT_UNREADABLE;
	else if (age == INGEST_NEW_ONLY && !setup->options->old && dated_us != 0 &&
		 dated_us < app_now_us() - INGEST_OLD_US)
		taken->verdict = VERDICT_OLD;
	else
		taken->verdict = VERDICT_TAKEN;
}

int
ingest_take(struct ingest_setup *setup, struct str message, enum ingest_age age,
    struct ingest_taken *out, struct err *err)
{
	struct ingest_taken taken = { 0 };
	int r = jail_read(setup->jail, message, &taken.result, err);

	if (r < 0)
		return r;
	judge(setup, age, &taken);
	if (taken.verdict == VERDICT_TAKEN && !setup->options->dry_run)
		r = ingest_log_append(setup->folder, setup->log,
		    buf_str(&taken.result.lines), err);
	if (r < 0) {
		ingest_taken_done(&taken);
		return r;
	}
	*out = taken;
	return 0;
}

void
ingest_take_none(struct ingest_taken *out)
{
	*out = (struct ingest_taken){ .verdict = VERDICT_UNREADABLE };
	out->result.code = err_set(&out->result.why, -E2BIG, "longer than %d MiB",
	    REPORT_MESSAGE_BYTES / 1024 / 1024);
}

void
ingest_taken_done(struct ingest_taken *taken)
{
	jail_result_done(&taken->result);
}

int
ingest_note_unread(struct ingest_setup *setup, struct str id, const char *why,
    struct str file, struct err *err)
{
	AUTO(buf_done) struct buf line = { 0 };

	report_line_add_unread(&line, 0, setup->host.name, (int)getpid(), id, str_of(why),
	    file);
	if (line.failed)
		return err_set(err, -ENOMEM, "out of memory");
	ptrdiff_t stamp = str_find_char(buf_str(&line), ' ');

	return ingest_log_append(setup->folder, setup->log,
	    str_skip(buf_str(&line), (size_t)stamp), err);
}

/* --- standard input --- */

static int
keep_unread(struct ingest_setup *setup, struct str message, int rest_fd, const char *why,
    struct err *err)
{
	struct unread_kept kept = { 0 };
	AUTO(buf_done) struct buf id = { 0 };
	int r = unread_keep(setup->folder, message, rest_fd, &kept, err);

	if (r == 0) {
		buf_addf(&id, "%s-1", buf_cstr(&kept.id));
		r = ingest_note_unread(setup, buf_str(&id), why, buf_str(&kept.path), err);
	}
	unread_kept_done(&kept);
	return r;
}

/* Is there more in a message than the lines say? */
static int
keep_what_is_left(struct ingest_setup *setup, struct str message, int rest_fd,
    const struct ingest_taken *taken, struct err *err)
{
	const struct report_summary *summary = &taken->result.summary;
	char why[100];

	if (taken->verdict != VERDICT_TAKEN)
		return keep_unread(setup, message, rest_fd, taken->result.why.text, err);
	if (summary->left_out == 0)
		return 0;
	(void)snprintf(why, sizeof why, "%zu of its events were left out: more than %d",
	    summary->left_out, REPORT_EVENTS);
	return keep_unread(setup, message, rest_fd, why, err);
}

/* What is begun is ended: no half messages in unread/tmp. */
static void
put_off_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

static int
take_input(struct ingest_setup *setup, struct buf *bytes, struct err *err)
{
	struct ingest_taken taken;
	int r = ingest_read_fd(STDIN_FILENO, "standard input", bytes, err);
	const bool whole = r == 1;
	const struct str message = ingest_message(buf_str(bytes));

	if (r < 0)
		return r;
	if (whole)
		r = ingest_take(setup, message, INGEST_ANY_AGE, &taken, err);
	else
		ingest_take_none(&taken);
	if (r < 0)
		return r;
	if (setup->options->dry_run) {
		r = ingest_tell_dry(setup, "standard input", &taken);
	} else {
		put_off_signals();
		r = keep_what_is_left(setup, message, whole ? -1 : STDIN_FILENO, &taken,
		    err);
	}
	ingest_taken_done(&taken);
	return r;
}

int
ingest_pipe(struct ingest_setup *setup)
{
	AUTO(buf_done) struct buf bytes = { 0 };
	struct err err = { "" };

	if (take_input(setup, &bytes, &err) == 0)
		return EX_OK;
	(void)app_fail(EXIT_FAILED, "%s; the message was not taken", err.text);
	return EX_TEMPFAIL;
}
