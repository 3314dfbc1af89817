/*
 * channel_words - where a channel leads, in a few words
 *
 * Purpose    For lists and tests: "mail to ops@example.org by smtp://relay:587". Of an
 *            address on the web only scheme and host: with many services the rest of it is
 *            what lets anybody write there.
 * Ownership  Looks at the settings, adds to the caller's buffer.
 */
#ifndef CLI_CHANNEL_WORDS_H
#define CLI_CHANNEL_WORDS_H

#include "core/buf.h"
#include "notify/settings.h"

void channel_words_goal(const struct channel_settings *settings, struct buf *out);

#endif
