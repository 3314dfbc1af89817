/*
 * json - writing JSON objects
 *
 * Purpose    One object a line, keys from our own code, values from strangers:
 *            control and hidden characters and quotes are escaped, bytes that are not
 *            valid UTF-8 become U+FFFD (RFC 8259, 8.1).
 * Ownership  Writes into the caller's buffer.
 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include "core/buf.h"

struct json {
	struct buf *out;
	bool any; /* a member was written: the next needs a comma */
};

struct json json_begin(struct buf *out); /* writes '{' */
void json_end(struct json *j);           /* writes '}' */
void json_key(struct json *j, const char *key);
void json_text(struct json *j, const char *key, struct str value);
void json_int(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);
/* Microseconds since 1970, as RFC 3339 in UTC. */
void json_time(struct json *j, const char *key, int64_t at_us);
/* value is JSON already. */
void json_raw(struct json *j, const char *key, struct str value);

/* A quoted string by itself. */
void json_quote(struct buf *out, struct str text);

#endif
