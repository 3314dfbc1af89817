#include "cli/ingest_setup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/app.h"
#include "core/yaml.h"
#include "parsers/parser.h"
#include "paths.h"

enum {
	MAX_NAMES = sizeof((struct ingest_setup *)0)->names / sizeof(struct str),
	MAX_ADDRESSES = sizeof((struct ingest_setup *)0)->addresses / sizeof(struct str),
	MAX_HOSTS = 1000, /* lines of /etc/hosts */
};

/* --- the store --- */

/*
 * A mail server starts us with whatever user and HOME it has: the machine's store is meant
 * wherever we may write beside it, and a user's own only where that is not so.
 */
static const char *
state_path(const struct ingest_setup *setup)
{
	if (setup->options->state != NULL)
		return setup->options->state;
	if (ynode_get(config_root(setup->config), "state") == NULL &&
	    access(PATH_STATE, W_OK | X_OK) == 0)
		return PATH_STATE "/mailwarden.db";
	return setup->config->state;
}

static bool
set_paths(struct ingest_setup *setup)
{
	struct str state = str_of(state_path(setup));
	ptrdiff_t slash = str_rfind_char(state, '/');

	setup->folder = slash < 0    ? str_dup(STR("."))
			: slash == 0 ? str_dup(STR("/"))
				     : str_dup(str_head(state, (size_t)slash));
	if (setup->folder == NULL ||
	    asprintf(&setup->log, "%s/reports.log", setup->folder) < 0)
		setup->log = NULL;
	return setup->log != NULL;
}

/* --- the host --- */

static void
add_name(struct ingest_setup *setup, const char *name)
{
	if (name != NULL && name[0] != '\0' && setup->host.nnames < MAX_NAMES)
		setup->names[setup->host.nnames++] = str_of(name);
}

static const char *
name_with_domain(const struct hostent *entry, const char *host)
{
	const char *full = strchr(entry->h_name, '.') != NULL ? entry->h_name : NULL;
	bool ours = strcmp(entry->h_name, host) == 0;

	for (char **alias = entry->h_aliases; *alias != NULL; alias++) {
		ours |= strcmp(*alias, host) == 0;
		if (full == NULL && strchr(*alias, '.') != NULL)
			full = *alias;
	}
	return ours ? full : NULL;
}

/* The name with its domain, as /etc/hosts has it: DNS may be what is broken. */
static char *
full_name(const char *host)
{
	const char *name = NULL;
	char *copied = NULL;

	if (strchr(host, '.') != NULL)
		return NULL;
	sethostent(0);
	for (int i = 0; name == NULL && i < MAX_HOSTS; i++) {
		const struct hostent *entry = gethostent();

		if (entry == NULL)
			break;
		name = name_with_domain(entry, host);
	}
	if (name != NULL)
		copied = str_dup(str_of(name));
	endhostent();
	return copied;
}

static void
set_names(struct ingest_setup *setup)
{
	const struct texts *own = &setup->config->reports.own_names;

	setup->host.name = str_of(setup->config->host);
	setup->host.names = setup->names;
	add_name(setup, setup->config->host);
	for (size_t i = 0; i < own->n; i++)
		add_name(setup, own->items[i]);
	if (own->n > 0)
		return;
	setup->found_name = full_name(setup->config->host);
	add_name(setup, setup->found_name);
}

/* RFC 1918, 3927, 6598, 5735: not to be seen from elsewhere. */
static bool
is_public_v4(const struct in_addr *address)
{
	static const struct {
		uint32_t net;
		int bits;
	} kept[] = { { 0x00000000, 8 }, { 0x0a000000, 8 }, { 0x64400000, 10 },
		{ 0x7f000000, 8 }, { 0xa9fe0000, 16 }, { 0xac100000, 12 },
		{ 0xc0a80000, 16 }, { 0xe0000000, 3 } };
	const uint32_t bits = ntohl(address->s_addr);

	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (((bits ^ kept[i].net) >> (32 - kept[i].bits)) == 0)
			return false;
	return true;
}

/* RFC 4291, 2.4; RFC 4193: global unicast is 2000::/3. */
static bool
is_public_v6(const struct in6_addr *address)
{
	return (address->s6_addr[0] & 0xe0) == 0x20;
}

static void
find_addresses(struct ingest_setup *setup)
{
	struct ifaddrs *list = NULL;

	if (getifaddrs(&list) != 0) /* no network at all, as its unit has it */
		return;
	for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
		char text[INET6_ADDRSTRLEN];
		const struct sockaddr_in *v4 = (const void *)i->ifa_addr;
		const struct sockaddr_in6 *v6 = (const void *)i->ifa_addr;

		if (i->ifa_addr == NULL)
			continue;
		if (i->ifa_addr->sa_family == AF_INET && is_public_v4(&v4->sin_addr))
			(void)inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
		else if (i->ifa_addr->sa_family == AF_INET6 && is_public_v6(&v6->sin6_addr))
			(void)inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
		else
			continue;
		buf_addf(&setup->found_addresses, "%s\n", text);
	}
	freeifaddrs(list);
}

static void
set_addresses(struct ingest_setup *setup)
{
	const struct texts *own = &setup->config->reports.own_addresses;

	setup->host.addresses = setup->addresses;
	for (size_t i = 0; i < own->n && i < MAX_ADDRESSES; i++)
		setup->addresses[setup->host.naddresses++] = str_of(own->items[i]);
	if (own->n > 0)
		return;
	find_addresses(setup);
	struct str rest = buf_str(&setup->found_addresses);

	while (rest.n > 0 && setup->host.naddresses < MAX_ADDRESSES)
		setup->addresses[setup->host.naddresses++] = str_cut(&rest, '\n');
}

/* --- rules --- */

static bool
load_rules(struct ingest_setup *setup)
{
	const char *override =
	    setup->options->rules != NULL ? setup->options->rules : setup->config->rules;
	const struct rule_dirs dirs = app_rule_dirs(override);
	struct diags diags = { 0 };

	setup->rules = bounce_rules_load(dirs.dirs, dirs.n, &diags);
	bool fine = setup->rules != NULL && diags.errors == 0;

	diags_print(&diags, stderr);
	diags_done(&diags);
	return fine;
}

static bool
read_setup(struct ingest_setup *setup)
{
	struct err err = { "" };

	setup->config = config_read_told(setup->options->config);
	if (setup->config == NULL)
		return false;
	if (!set_paths(setup)) {
		(void)app_fail(EXIT_FAILED, "out of memory");
		return false;
	}
	set_names(setup);
	set_addresses(setup);
	if (!load_rules(setup))
		return false;
	report_message_init();
	const struct jail_voice voice = { &setup->host, (int)getpid() };

	if (jail_open(&voice, setup->rules, &setup->jail, &err) < 0) {
		(void)app_fail(EXIT_FAILED, "%s", err.text);
		return false;
	}
	return true;
}

struct ingest_setup *
ingest_setup_new(const struct ingest_options *options)
{
	struct ingest_setup *setup = calloc(1, sizeof *setup);

	if (setup == NULL) {
		(void)app_fail(EXIT_FAILED, "out of memory");
		return NULL;
	}
	setup->options = options;
	if (read_setup(setup))
		return setup;
	ingest_setup_free(setup);
	return NULL;
}

void
ingest_setup_free(struct ingest_setup *setup)
{
	if (setup == NULL)
		return;
	jail_close(setup->jail);
	parser_free(setup->parser);
	app_free_rules(&setup->book);
	bounce_rules_free(setup->rules);
	if (setup->config != NULL)
		config_done(setup->config);
	free(setup->config);
	free(setup->folder);
	free(setup->log);
	free(setup->found_name);
	buf_done(&setup->found_addresses);
	free(setup);
}
