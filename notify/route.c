#include "notify/route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "rules/silence.h"

#define DAY_S INT64_C(86400)
#define HOUR_US (3600 * (int64_t)US_PER_S)

/* --- time --- */

int64_t
route_repeat_us(const struct route *route, const struct incident *incident)
{
	if (route->repeat_us >= 0)
		return route->repeat_us;
	return incident != NULL && incident->severity == SEVERITY_CRITICAL
		   ? DAY_S * US_PER_S
		   : 0;
}

static bool
is_quiet(struct quiet_hours quiet, int minute)
{
	if (quiet.from_min <= quiet.to_min)
		return minute >= quiet.from_min && minute < quiet.to_min;
	return minute >= quiet.from_min || minute < quiet.to_min;
}

static int
minute_of_day(int64_t at_us, struct tm *local)
{
	time_t at = (time_t)(at_us / US_PER_S);

	return localtime_r(&at, local) == NULL ? -1 : local->tm_hour * 60 + local->tm_min;
}

int64_t
route_quiet_until(struct quiet_hours quiet, int64_t now_us)
{
	struct tm local;
	int year, month, day, offset_min;
	int minute = minute_of_day(now_us, &local);

	if (minute < 0 || !is_quiet(quiet, minute))
		return now_us;
	int64_t days = clock_days(local.tm_year + 1900, local.tm_mon + 1, local.tm_mday);

	clock_civil(days + (minute >= quiet.to_min), &year, &month, &day);
	int64_t end_us =
	    clock_local(year, month, day, quiet.to_min * 60, &offset_min) * US_PER_S;

	/* Where that time occurs twice the first may be over, and the second is to come. */
	if (end_us <= now_us)
		end_us += HOUR_US;
	return end_us > now_us && end_us <= now_us + 2 * DAY_S * US_PER_S ? end_us : now_us;
}

/* --- sharing the trouble --- */

static bool
is_providers(struct str provider, struct str found)
{
	return provider.n > 0 && str_eq(found, provider);
}

/* The name, or a domain that it stands in: smtp.gmail.com is no exchanger of Google's. */
static bool
host_is_providers(struct str host, struct str provider, const struct route_names *names)
{
	if (names->provider_of_host != NULL &&
	    is_providers(provider, names->provider_of_host(names->ctx, host)))
		return true;
	if (names->provider_of_domain == NULL)
		return false;
	for (struct str rest = host; str_find_char(rest, '.') >= 0;
	     (void)str_cut(&rest, '.'))
		if (is_providers(provider, names->provider_of_domain(names->ctx, rest)))
			return true;
	return false;
}

/* "smtps://smtp.example.net:465" -> "smtp.example.net" */
static struct str
host_of_url(const char *url)
{
	struct str rest = str_of(url);
	ptrdiff_t scheme = str_find(rest, STR("://"));

	if (scheme >= 0)
		rest = str_skip(rest, (size_t)scheme + 3);
	rest = str_cut(&rest, '/');
	if (str_starts(rest, STR("["))) /* an address, which is nobody's */
		return STR("");
	return str_cut(&rest, ':');
}

/* "Name <local@domain>" or "local@domain" -> "domain" */
static struct str
domain_of(const char *address)
{
	struct str rest = str_of(address);
	ptrdiff_t at = str_rfind_char(rest, '@');

	if (at < 0)
		return STR("");
	rest = str_skip(rest, (size_t)at + 1);
	return str_trim(str_cut(&rest, '>'));
}

static bool
recipient_is_providers(const struct mail_settings *mail, struct str provider,
    const struct route_names *names)
{
	for (size_t i = 0; names->provider_of_domain != NULL && i < mail->to.n; i++) {
		struct str domain = domain_of(mail->to.items[i]);

		if (domain.n > 0 &&
		    is_providers(provider, names->provider_of_domain(names->ctx, domain)))
			return true;
	}
	return false;
}

bool
route_shares_trouble(const struct channel_settings *channel,
    const struct incident *incident, const struct route_names *names)
{
	static const struct route_names nobody = { 0 };
	struct str provider = incident == NULL ? STR("") : incident->provider;

	if (names == NULL)
		names = &nobody;
	if (provider.n == 0)
		return channel->own_path;
	if (channel->own_path && recipient_is_providers(&channel->mail, provider, names))
		return true;
	for (size_t i = 0; channel->kind == CHANNEL_RELAY && i < channel->relay.urls.n; i++)
		if (host_is_providers(host_of_url(channel->relay.urls.items[i]), provider,
			names))
			return true;
	return false;
}

/* --- the list --- */

const struct route_entry *
route_list_find(const struct route_list *list, struct str name)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(str_of(list->entries[i].channel->name), name))
			return &list->entries[i];
	return NULL;
}

void
route_list_done(struct route_list *list)
{
	free(list->entries);
	*list = (struct route_list){ 0 };
}

struct search {
	const struct notify_settings *settings;
	const struct incident *incident;
	const struct route_names *names;
	int64_t now_us;
	struct route_list *list;
};

/* A channel that is asked for again is told by the earliest time and the shortest span. */
static void
add_entry(struct search *s, const struct channel_settings *channel,
    const struct route_entry *new)
{
	if (channel == NULL || channel->kind == CHANNEL_HEARTBEAT)
		return;
	for (size_t i = 0; i < s->list->n; i++) {
		struct route_entry *known = &s->list->entries[i];

		if (known->channel != channel)
			continue;
		known->resolved |= new->resolved;
		if (new->rank > 0)
			return;
		if (new->due_us < known->due_us)
			known->due_us = new->due_us;
		if (new->repeat_us > 0 &&
		    (known->repeat_us == 0 || new->repeat_us < known->repeat_us))
			known->repeat_us = new->repeat_us;
		return;
	}
	struct route_entry *entry = &s->list->entries[s->list->n++];

	*entry = *new;
	entry->channel = channel;
	entry->shares = route_shares_trouble(channel, s->incident, s->names);
}

static bool
matches(const struct route *route, const struct incident *incident)
{
	return route->match == NULL || incident == NULL ||
	       silence_matches(str_of(route->match), incident);
}

static struct route_entry
entry_of(const struct search *s, const struct route *route)
{
	return (struct route_entry){
		.due_us = route_quiet_until(route->quiet, s->now_us),
		.repeat_us = route_repeat_us(route, s->incident),
		.resolved = route->resolved,
	};
}

static void
add_told(struct search *s)
{
	static const struct route everything = { .repeat_us = REPEAT_BY_SEVERITY,
		.resolved = true };
	const struct notify_settings *settings = s->settings;
	struct route_entry new = entry_of(s, &everything);

	for (size_t i = 0; settings->nroutes == 0 && i < settings->nchannels; i++)
		add_entry(s, &settings->channels[i], &new);
	for (size_t i = 0; i < settings->nroutes; i++) {
		const struct route *route = &settings->routes[i];

		if (!matches(route, s->incident))
			continue;
		new = entry_of(s, route);
		for (size_t k = 0; k < route->to.n; k++)
			add_entry(s, settings_channel(settings, route->to.items[k]), &new);
	}
}

static void
add_fallbacks(struct search *s)
{
	size_t told = s->list->n;

	for (size_t i = 0; i < s->settings->nroutes; i++) {
		const struct route *route = &s->settings->routes[i];

		if (!matches(route, s->incident))
			continue;
		for (size_t k = 0; k < route->fallback.n; k++) {
			struct route_entry new = { .rank = (int)(s->list->n - told) + 1,
				.due_us = s->now_us,
				.resolved = route->resolved };

			add_entry(s,
			    settings_channel(s->settings, route->fallback.items[k]), &new);
		}
	}
}

/* The journal is read by who looks for something: that is not being told. */
static bool
reaches_somebody(const struct channel_settings *channel)
{
	return channel->kind != CHANNEL_JOURNAL && channel->kind != CHANNEL_HEARTBEAT;
}

/* The first fallback that does not share the trouble, as one to be told. */
static bool
promote_fallback(struct route_list *list, const struct route_entry *like)
{
	for (size_t i = 0; i < list->n; i++) {
		struct route_entry *entry = &list->entries[i];

		if (entry->rank == 0 || entry->shares || !reaches_somebody(entry->channel))
			continue;
		entry->rank = 0;
		entry->due_us = like->due_us;
		entry->repeat_us = like->repeat_us;
		return true;
	}
	return false;
}

static void
add_another(struct search *s, const struct route_entry *like)
{
	for (size_t i = 0; i < s->settings->nchannels; i++) {
		const struct channel_settings *channel = &s->settings->channels[i];

		if (!reaches_somebody(channel) ||
		    route_shares_trouble(channel, s->incident, s->names) ||
		    route_list_find(s->list, str_of(channel->name)) != NULL)
			continue;
		struct route_entry new = *like;

		add_entry(s, channel, &new);
		return;
	}
}

/* Not only where the trouble is: design, invariant 7. */
static void
go_around(struct search *s)
{
	const struct route_entry *sharing = NULL;

	for (size_t i = 0; i < s->list->n; i++) {
		const struct route_entry *entry = &s->list->entries[i];

		if (entry->rank > 0)
			continue;
		if (!entry->shares && reaches_somebody(entry->channel))
			return;
		if (entry->shares && (sharing == NULL || entry->due_us < sharing->due_us))
			sharing = entry;
	}
	if (sharing == NULL)
		return;
	struct route_entry like = *sharing;

	if (!promote_fallback(s->list, &like))
		add_another(s, &like);
}

static int
by_rank(const void *a, const void *b)
{
	const struct route_entry *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->channel < y->channel ? -1 : x->channel > y->channel;
}

int
route_find(const struct notify_settings *settings, const struct incident *incident,
    int64_t now_us, const struct route_names *names, struct route_list *out)
{
	struct search s = { settings, incident, names, now_us, out };

	out->n = 0;
	out->entries = calloc(settings->nchannels + 1, sizeof *out->entries);
	if (out->entries == NULL)
		return -ENOMEM;
	add_told(&s);
	add_fallbacks(&s);
	go_around(&s);
	if (out->n > 0)
		qsort(out->entries, out->n, sizeof *out->entries, by_rank);
	return 0;
}

/* --- digests --- */

static bool
is_mail(const struct channel_settings *channel)
{
	return channel->kind == CHANNEL_RELAY || channel->kind == CHANNEL_SENDMAIL;
}

int
route_find_digest(const struct notify_settings *settings, struct str host, int64_t now_us,
    struct route_list *out)
{
	/* Trouble shares nothing with it: it is of no provider, nor of this host's mail. */
	const struct incident warning = {
		.severity = SEVERITY_WARNING, .state = INCIDENT_OPEN, .host = host
	};
	struct search s = { settings, &warning, NULL, now_us, out };
	bool named = false;
	size_t n = 0;

	out->n = 0;
	out->entries = calloc(settings->nchannels + 1, sizeof *out->entries);
	if (out->entries == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < settings->nroutes; i++) {
		const struct route *route = &settings->routes[i];
		struct route_entry new = entry_of(&s, route);

		named |= route->digest;
		for (size_t k = 0; route->digest && k < route->to.n; k++)
			add_entry(&s, settings_channel(settings, route->to.items[k]), &new);
	}
	if (named)
		return 0;
	add_told(&s);
	for (size_t i = 0; i < out->n; i++)
		if (is_mail(out->entries[i].channel))
			out->entries[n++] = out->entries[i];
	out->n = n;
	return 0;
}
