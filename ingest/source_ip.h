/*
 * source_ip - IP addresses as reports write them
 *
 * Purpose    One address in its many spellings: with brackets, `IPv6:` before it (RFC 5321,
 *            4.1.3), IPv4 mapped into IPv6, upper case, zeros written out. Compared as what
 *            it is, never as text.
 * Ownership  Values; nothing is kept.
 */
#ifndef INGEST_SOURCE_IP_H
#define INGEST_SOURCE_IP_H

#include <netinet/in.h>

#include "ingest/report.h"

/* IPv4 is held as IPv4-mapped IPv6 (RFC 4291, 2.5.5.2). */
struct ip {
	unsigned char byte[16];
};

/* The usual spelling of an address, with room for its end. */
struct ip_text {
	char c[INET6_ADDRSTRLEN];
};

bool ip_read(struct str text, struct ip *out);
/* The usual spelling, in *store. */
struct str ip_write(const struct ip *ip, struct ip_text *store);
/* entry: an address, or a network like 203.0.113.0/28. False also if it is neither. */
bool ip_is_in(const struct ip *ip, struct str entry);

/*
 * Sets source_ip in its usual spelling, and `ours`. Without any address of the host `ours`
 * stays unset: nothing is known. Text that is no address is kept as it is.
 */
void source_ip_set(struct event *ev, struct str text, const struct report_host *host,
    struct ip_text *store);

#endif
