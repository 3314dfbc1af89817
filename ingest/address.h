/*
 * address - recipients and names with a type (RFC 3464, 2.1.2 and 2.3; RFC 6533)
 *
 * Purpose    "rfc822; ann@example.org" and what servers make of it: without a type, in <>,
 *            with a name or a comment beside it, in xtext (RFC 3461, 4) or with the
 *            \x{...} of RFC 6533, 3.
 * Ownership  Views into the value, or text in the caller's buffer.
 */
#ifndef INGEST_ADDRESS_H
#define INGEST_ADDRESS_H

#include "core/buf.h"

/* "smtp; 550 no" is type "smtp", value "550 no"; the type is empty where there is none. */
struct typed {
	struct str type, value;
};
struct typed typed_of(struct str field);

/* The address in a field, put into *out; n 0 if it holds none. */
enum address_form {
	ADDRESS_PLAIN,
	ADDRESS_XTEXT, /* may still be in xtext: Original-Recipient */
};
struct str address_of(struct str field, enum address_form form, struct buf *out);

/* The address of a header field: "Ann <ann@example.org>", "<>". A view; p NULL if none. */
struct str address_in_header(struct str value);

/* The host in "dns; mx.example.org (192.0.2.1)", "dns; [192.0.2.1]"; p NULL if none. */
struct named_host {
	struct str name, ip;
};
struct named_host host_of(struct str field);

#endif
