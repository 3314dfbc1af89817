#include "ingest/source_ip.h"

#include <arpa/inet.h>
#include <string.h>

static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* "[2001:db8::1]", "IPv6:2001:db8::1", "192.0.2.1 (mx)", "fe80::1%eth0": the digits alone. */
static struct str
bare(struct str text)
{
	text = str_trim(text);
	text = str_cut(&text, ' ');
	if (str_starts(text, STR("[")) && str_ends(text, STR("]")))
		text = str_head(str_skip(text, 1), text.n - 2);
	if (str_eq_nocase(str_head(text, 5), STR("IPv6:")))
		text = str_skip(text, 5);
	return str_cut(&text, '%');
}

bool
ip_read(struct str text, struct ip *out)
{
	struct str digits = bare(text);
	char c[INET6_ADDRSTRLEN];

	if (digits.n == 0 || digits.n >= sizeof c ||
	    memchr(digits.p, '\0', digits.n) != NULL)
		return false;
	memcpy(c, digits.p, digits.n);
	c[digits.n] = '\0';
	if (inet_pton(AF_INET6, c, out->byte) == 1)
		return true;
	memcpy(out->byte, mapped, sizeof mapped);
	return inet_pton(AF_INET, c, out->byte + sizeof mapped) == 1;
}

static bool
is_v4(const struct ip *ip)
{
	return memcmp(ip->byte, mapped, sizeof mapped) == 0;
}

struct str
ip_write(const struct ip *ip, struct ip_text *store)
{
	if (is_v4(ip))
		(void)inet_ntop(AF_INET, ip->byte + sizeof mapped, store->c,
		    sizeof store->c);
	else
		(void)inet_ntop(AF_INET6, ip->byte, store->c, sizeof store->c);
	return str_of(store->c);
}

bool
ip_is_in(const struct ip *ip, struct str entry)
{
	struct str bits_text = entry;
	struct str base_text = str_cut(&bits_text, '/');
	struct ip base;
	int64_t bits = 128;

	if (!ip_read(base_text, &base) || is_v4(&base) != is_v4(ip))
		return false;
	if (str_find_char(entry, '/') >= 0) {
		int64_t before = is_v4(&base) ? 96 : 0;

		if (!str_to_int(str_trim(bits_text), &bits) || bits > 128 - before)
			return false;
		bits += before;
	}
	size_t whole = (size_t)bits / 8, left = (size_t)bits % 8;

	return memcmp(ip->byte, base.byte, whole) == 0 &&
	       (left == 0 || (ip->byte[whole] ^ base.byte[whole]) >> (8 - left) == 0);
}

void
source_ip_set(struct event *ev, struct str text, const struct report_host *host,
    struct ip_text *store)
{
	struct ip ip;
	bool known = ip_read(text, &ip), ours = false;

	text = str_trim(text);
	if (text.n == 0)
		return;
	event_set_text(ev, EVF_source_ip, known ? ip_write(&ip, store) : text);
	if (host == NULL || host->naddresses == 0)
		return;
	for (size_t i = 0; known && i < host->naddresses && !ours; i++)
		ours = ip_is_in(&ip, host->addresses[i]);
	event_set_num(ev, EVF_ours, ours);
}
