#include "cli/ingest_files.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/ingest_box.h"
#include "cli/ingest_tell.h"

struct files {
	struct ingest_setup *setup;
	struct ingest_counts counts;
	struct progress progress;
	uint64_t size, before; /* bytes of all boxes, of those that are done */
	struct err err;        /* what ended the walk */
};

static int
tell(struct files *f, const char *name, const struct ingest_taken *taken)
{
	if (f->progress.on && isatty(STDOUT_FILENO))
		progress_end(&f->progress);
	if (f->setup->options->dry_run)
		return ingest_tell_dry(f->setup, name, taken);
	ingest_tell(f->setup, name, taken);
	return 0;
}

static int
on_message(void *ctx, const struct box_message *message)
{
	struct files *f = ctx;
	struct ingest_taken taken;
	int r = 0;

	if (message->too_long)
		ingest_take_none(&taken);
	else
		r = ingest_take(f->setup, message->bytes, INGEST_NEW_ONLY, &taken, &f->err);
	f->counts.messages++;
	if (r < 0) {
		f->counts.failed++;
		return r;
	}
	f->counts.verdicts[taken.verdict]++;
	if (taken.verdict == VERDICT_TAKEN) {
		f->counts.events += (int64_t)taken.result.summary.events;
		f->counts.left_out += (int64_t)taken.result.summary.left_out;
	}
	r = tell(f, message->name, &taken);
	ingest_taken_done(&taken);
	progress_show(&f->progress, f->before + message->done, f->size,
	    (uint64_t)f->counts.messages);
	return r < 0 ? err_set(&f->err, r, "show %s: %s", message->name, strerror(-r)) : 0;
}

int
ingest_files(struct ingest_setup *setup, char *const *paths, size_t n)
{
	struct files f = { .setup = setup, .progress = progress_begin("ingest") };
	int code = EXIT_FINE;

	f.progress.unit = "messages";
	for (size_t i = 0; f.progress.on && i < n; i++)
		f.size += box_size(paths[i]);
	for (size_t i = 0; i < n; i++) {
		if (box_each(paths[i], on_message, &f, &f.err) < 0) {
			progress_end(&f.progress);
			code = app_fail(EXIT_FAILED, "%s", f.err.text);
		}
		f.before += f.progress.on ? box_size(paths[i]) : 0;
	}
	progress_end(&f.progress);
	ingest_tell_sum(setup, &f.counts);
	return code;
}
