/*
 * stream - what the store took in, in order, from any place on
 *
 * Purpose    Messages, attempts, notable events and changes of incidents as one stream. A
 *            place in it is a row number of each of the four tables: rows are only added
 *            at their ends, so who goes on from a place misses nothing and sees nothing
 *            twice. Of what is there at once the older comes first.
 * Ownership  Places are plain numbers. Text of a record lives until the callback returns.
 * Errors     As in store.h; -ESTALE for a place that is not of this store.
 */
#ifndef STORE_STREAM_H
#define STORE_STREAM_H

#include "store/store.h"

enum stream_table {
	STREAM_MESSAGE,
	STREAM_ATTEMPT,
	STREAM_EVENT,
	STREAM_CHANGE,
	STREAM_TABLES
};

struct stream_place {
	int64_t after[STREAM_TABLES]; /* the rows up to these were seen */
	uint32_t identity;            /* of the store's file */
};

/* "1f2e3d4c.m12.a345.e67.c8", and back; false if it is none. */
void stream_place_text(const struct stream_place *place, struct buf *out);
bool stream_place_read(struct str text, struct stream_place *out);

/* Where the store begins; where it ends now. */
int stream_first(struct store *store, struct stream_place *out, struct err *err);
int stream_last(struct store *store, struct stream_place *out, struct err *err);
/* 0 if the place is one of this store, else -ESTALE. */
int stream_check(struct store *store, const struct stream_place *place, struct err *err);

struct stream_filter {
	uint32_t kinds; /* bit per enum event_kind */
	bool changes;
	bool with_fields; /* of notable events and changes: for text; else only body */
	/* Attempts tell sender and Message-ID of their message, as far as they are known. */
	bool with_message;
	/* Patterns, NULL-terminated; NULL: all. Of events then only those with a recipient, or
	 * an original one, that one of them fits: "*" is any text, one without "@" is for
	 * what stands before it; without regard to case. Changes are not affected. */
	const char *const *to;
	/* Rows up to `old` are left out if they are of an earlier time. */
	int64_t since_us;
	struct stream_place old;
};

struct stream_record {
	enum stream_table table;
	struct stream_place place; /* behind this record */
	int64_t time_us;
	struct event
	    ev; /* not of a change; of a notable event kind and, if asked for, more */
	struct str body; /* JSON of a notable event, or of the incident; may be empty */
	struct str incident;
	enum notice change;
	/* Of the incident, if asked for. */
	struct str severity, summary;
};

/*
 * Records after *place, which moves along; if all were seen it moves to the end of the
 * store. One look at the store: what is added meanwhile is for the next call. fn returning
 * non-zero ends it behind that record; the value is returned.
 */
typedef int stream_fn(void *ctx, const struct stream_record *record);
int stream_read(struct store *store, struct stream_place *place,
    const struct stream_filter *filter, stream_fn *fn, void *ctx, struct err *err);
/* The place from which on there are all rows since that time (see stream_filter.old). */
int stream_since(struct store *store, int64_t since_us, struct stream_place *out,
    struct err *err);

#endif
