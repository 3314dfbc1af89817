/*
 * route - which channels tell of an incident, and when
 *
 * Purpose    The routes of the configuration, their quiet hours, and the rule that news of a
 *            trouble does not go only where the trouble is (design, invariant 7). Pure: the
 *            same question has the same answer.
 * Ownership  The list is the caller's; settings outlive it.
 * Errors     -ENOMEM. An unknown incident (NULL: it is gone from the store) matches every
 *            route: better told too often than to nobody.
 * Time       Quiet hours are hours of the process's zone (TZ), whatever daylight saving does.
 */
#ifndef NOTIFY_ROUTE_H
#define NOTIFY_ROUTE_H

#include "core/str.h"
#include "notify/settings.h"
#include "rules/incident.h"

/* Who is behind a name? A provider's id; empty: unknown. Text lives until the next call.
 * Functions may be NULL. */
struct route_names {
	struct str (*provider_of_host)(void *ctx, struct str host);
	struct str (*provider_of_domain)(void *ctx, struct str domain);
	void *ctx;
};

struct route_entry {
	const struct channel_settings *channel;
	int rank;          /* 0: to be told, from 1 on: fallbacks, in this order */
	int64_t due_us;    /* now, or the end of the quiet hours */
	int64_t repeat_us; /* shortest of the reminders; 0: none. Of a fallback: none */
	bool shares;       /* the trouble that it is to tell of */
	bool resolved;     /* resolutions are told, too */
};

struct route_list {
	struct route_entry *entries; /* by rank; a channel stands here once */
	size_t n;
};

/* Channels of rank 0, then the fallbacks; none if no route matches. names may be NULL. */
int route_find(const struct notify_settings *settings, const struct incident *incident,
    int64_t now_us, const struct route_names *names, struct route_list *out);
/*
 * Who is sent a digest: the channels of routes with `digest`; where there is none, those that
 * are mail (relay, sendmail) among those that a warning of this host is told to. Quiet hours
 * hold, fallbacks are not asked: it waits until its channel works.
 */
int route_find_digest(const struct notify_settings *settings, struct str host,
    int64_t now_us, struct route_list *out);
void route_list_done(struct route_list *list);
const struct route_entry *route_list_find(const struct route_list *list, struct str name);

/*
 * Would the trouble also hold up news of it on that channel? One that needs this host's own
 * mail server shares any trouble of this host, and that of a provider whom its recipients
 * belong to; a relay shares the trouble of the provider that it belongs to.
 */
bool route_shares_trouble(const struct channel_settings *channel,
    const struct incident *incident, const struct route_names *names);

/* now_us, or the end of the quiet hours that it lies in. */
int64_t route_quiet_until(struct quiet_hours quiet, int64_t now_us);

/* How long until a reminder of the incident; 0: never. */
int64_t route_repeat_us(const struct route *route, const struct incident *incident);

#endif
