/*
 * json_in - reading JSON that a server sent, by json-c
 *
 * Purpose    One flat object: its members by name. Apart from core/json, which writes, since
 *            json-c has names of its own for the same words.
 * Ownership  The caller frees an object with json_in_done(), which wipes its strings: an
 *            answer may hold a token. Views look into the object.
 * Limits     JSON_IN_DEPTH levels; valid UTF-8 only.
 */
#ifndef NOTIFY_JSON_IN_H
#define NOTIFY_JSON_IN_H

#include "notify/secret.h"

enum { JSON_IN_DEPTH = 8 };

struct json_object;

/* NULL: it is not one object and nothing else. */
struct json_object *json_in_read(struct str text);
void json_in_done(struct json_object **object);
bool json_in_has(struct json_object *object, const char *key);
/* The view without text (p is NULL) if it is not there, or no string. */
struct str json_in_text(struct json_object *object, const char *key);
/* Also a number that is written as text; otherwise if it is not there. */
int64_t json_in_int(struct json_object *object, const char *key, int64_t otherwise);
/* A string of visible ASCII; false if it is not there, or another thing. */
bool json_in_secret(struct json_object *object, const char *key, struct secret *out);

#endif
