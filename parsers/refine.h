/*
 * refine - what follows from an event's fields, whichever server logged it
 *
 * Purpose    Addresses lose their angle brackets; a reply gives its code and enhanced
 *            status (RFC 5321, 4.2; RFC 3463, 2); a relay gives the provider; a refusal
 *            gives category and code from the catalogue; mail handed to a loopback
 *            address is internal.
 * Ownership  Fields set here point into the event's own text or the catalogue.
 */
#ifndef PARSERS_REFINE_H
#define PARSERS_REFINE_H

#include "core/event.h"
#include "parsers/catalogue.h"

void refine_event(const struct catalogue *catalogue, struct event *ev);

#endif
