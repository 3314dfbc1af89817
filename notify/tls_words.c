#include "notify/tls_words.h"

#include "core/plain.h"

#define OTHER_NAME                                                                     \
	"its certificate is for another host name (use the name that the certificate " \
	"bears in the address)"
#define UNKNOWN_AUTHORITY                                                            \
	"its certificate was issued by an unknown authority (name that authority's " \
	"certificate as ca_file; package ca-certificates brings the public ones)"

static const struct {
	const char *theirs, *ours;
} reasons[] = {
	{ "has expired", "its certificate has expired (renew it there; is this machine's "
			 "clock right?)" },
	{ "not yet valid",
	    "its certificate is not valid yet (is this machine's clock right?)" },
	{ "certificate subject name", OTHER_NAME },
	{ "does not match target host", OTHER_NAME },
	{ "self-signed certificate", UNKNOWN_AUTHORITY },
	{ "self signed certificate", UNKNOWN_AUTHORITY },
	{ "issuer certificate", UNKNOWN_AUTHORITY },
};

void
tls_words_add(struct buf *out, const char *theirs, const char *plain)
{
	struct str why = str_of(theirs);

	if (str_find_nocase(why, STR("wrong version number")) >= 0) {
		buf_add(out, str_of(plain));
		return;
	}
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (str_find_nocase(why, str_of(reasons[i].theirs)) >= 0) {
			buf_add(out, str_of(reasons[i].ours));
			return;
		}
	buf_add(out, STR("TLS failed: "));
	plain_add_cut(out, why, TLS_WORDS_BYTES);
}
