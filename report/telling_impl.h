/*
 * telling_impl - what the files of telling share
 */
#ifndef REPORT_TELLING_IMPL_H
#define REPORT_TELLING_IMPL_H

#include "report/telling.h"

struct telling {
	const struct digest *digest;
	const struct telling_plots *plots;
	struct sheet sheet;
};

/* Nothing in a quiet week: its lines stand together. */
void telling_section(struct telling *telling, const char *heading);
/* None if it is empty; frees its text. */
void telling_say(struct telling *telling, struct buf *text);
void telling_plot(struct telling *telling, enum plot_kind kind);
/* "↓ 70.8 %", or without an arrow. */
void telling_add_share(struct buf *out, const struct digest_share *share);
void telling_add_sign(struct buf *out, int sign);
/* " (97.9 % before)", where there is a before. */
void telling_add_before(const struct telling *telling, struct buf *out,
    struct share before);

/* The sections, in order. */
void telling_incidents(struct telling *telling);
void telling_resolved(struct telling *telling);
void telling_out(struct telling *telling);
void telling_delays(struct telling *telling);
void telling_reasons(struct telling *telling);
void telling_tls(struct telling *telling);
void telling_in(struct telling *telling);
void telling_backscatter(struct telling *telling);
void telling_dovecot(struct telling *telling);
void telling_reports(struct telling *telling);
void telling_monitor(struct telling *telling);

#endif
