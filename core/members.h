/*
 * members - reading the flat JSON objects that we wrote ourselves
 *
 * Purpose    The group of an incident, say: {"host":"mx1","provider":"microsoft"}.
 * Ownership  Writes into the caller's buffers.
 * Limits     Values are texts, numbers, true, false, null; at the first that is not, at
 *            anything that is no JSON, the walk ends. So it does behind the object's brace.
 */
#ifndef CORE_MEMBERS_H
#define CORE_MEMBERS_H

#include "core/buf.h"

/* The object's members, without its braces: what members_next() walks over. */
struct str members_of(struct str object);
/* The next member; key and value are replaced. False: no more. */
bool members_next(struct str *rest, struct buf *key, struct buf *value);

#endif
