/*
 * status_channels - does each channel work?
 *
 * Purpose    What `status` says of channels and of the notices that wait for them, and of a
 *            store that cannot be written; what `show` says of one notice's channels.
 * Ownership  Everything is the caller's.
 * Errors     Those of the store.
 */
#ifndef CLI_STATUS_CHANNELS_H
#define CLI_STATUS_CHANNELS_H

#include "store/store.h"

/* A section for people; nothing where no notifier ever ran. */
int channels_print(struct store *store, int64_t now_us, struct err *err);
/* An array. */
int channels_json(struct store *store, struct buf *out, struct err *err);

/* The deliveries of a notice, one line each, set in. */
int deliveries_print(struct store *store, struct str notice_id, int64_t now_us,
    struct err *err);
/* An array. */
int deliveries_json(struct store *store, struct str notice_id, struct buf *out,
    struct err *err);

/*
 * Could the store be written now? Looks at disk, rights and lock, writes nothing. Adds a
 * sentence that says what is wrong, and nothing if all is well.
 */
void store_trouble(const char *path, struct buf *out);
/* The disk alone: for who has no right to write, and leaves the lock alone. */
void store_room_trouble(const char *path, struct buf *out);

#endif
