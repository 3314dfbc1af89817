#include "notify/signature.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

int
signature_add(struct buf *out, struct str secret, int64_t time_s, struct str body)
{
	AUTO(buf_done) struct buf signed_text = { 0 };
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	buf_add_int(&signed_text, time_s);
	buf_add_char(&signed_text, '.');
	buf_add(&signed_text, body);
	if (signed_text.failed || secret.n > INT_MAX)
		return -ENOMEM;
	if (HMAC(EVP_sha256(), secret.p, (int)secret.n,
		(const unsigned char *)signed_text.p, signed_text.n, mac, &n) == NULL)
		return -EIO;
	buf_addf(out, "X-Mailwarden-Signature: t=%lld,v1=", (long long)time_s);
	for (unsigned i = 0; i < n; i++)
		buf_addf(out, "%02x", mac[i]);
	return out->failed ? -ENOMEM : 0;
}
