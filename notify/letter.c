#include "notify/letter.h"

#include <curl/curl.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

void
letter_done(struct letter *letter)
{
	buf_done(&letter->text);
	free(letter->recipients);
	free(letter->settings.from);
	free(letter->settings.sender);
	for (size_t i = 0; i < letter->settings.to.n; i++)
		free(letter->settings.to.items[i]);
	free(letter->settings.to.items);
	*letter = (struct letter){ 0 };
}

static void
auto_curl_free(char **p)
{
	curl_free(*p);
}

static void
auto_url(CURLU **url)
{
	curl_url_cleanup(*url);
}

/* The domain in ASCII, by libcurl's IDNA; as it is where libcurl has none. */
static void
add_domain(struct buf *out, struct str domain)
{
#ifdef CURLU_PUNYCODE
	AUTO(auto_url) CURLU *url = curl_url();
	AUTO(auto_curl_free) char *ascii = NULL;
	AUTO(auto_free) char *name = str_dup(domain);

	if (url != NULL && name != NULL &&
	    curl_url_set(url, CURLUPART_URL, "smtp://localhost", 0) == CURLUE_OK &&
	    curl_url_set(url, CURLUPART_HOST, name, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_HOST, &ascii, CURLU_PUNYCODE) == CURLUE_OK) {
		buf_add(out, str_of(ascii));
		return;
	}
#endif
	buf_add(out, domain);
}

/* "Name <user@domain>" or "user@domain", on the heap; NULL without memory. */
static char *
with_ascii_domain(const char *mailbox)
{
	struct str all = str_of(mailbox), address = mail_address(all);
	ptrdiff_t at = str_rfind_char(address, '@');
	AUTO(buf_done) struct buf out = { 0 };

	if (at < 0 || mail_is_ascii(str_skip(address, (size_t)at + 1)))
		return str_dup(all);
	struct str domain = str_skip(address, (size_t)at + 1);
	size_t before = (size_t)(domain.p - all.p);

	buf_add(&out, str_head(all, before));
	add_domain(&out, domain);
	buf_add(&out, str_skip(all, before + domain.n));
	return out.failed ? NULL : str_dup(buf_str(&out));
}

static int
copy_settings(const struct channel *channel, struct mail_settings *out)
{
	const struct mail_settings *mail = &channel->settings->mail;
	AUTO(buf_done) struct buf from = { 0 };

	if (mail->from == NULL)
		buf_addf(&from, "mailwarden@%s",
		    channel->context.host != NULL ? channel->context.host : "localhost");
	else
		buf_add(&from, str_of(mail->from));
	out->from = with_ascii_domain(buf_cstr(&from));
	if (mail->sender != NULL)
		out->sender = with_ascii_domain(mail->sender);
	out->to.items = calloc(mail->to.n + 1, sizeof *out->to.items);
	if (from.failed || out->from == NULL || out->to.items == NULL ||
	    (mail->sender != NULL && out->sender == NULL))
		return -ENOMEM;
	for (; out->to.n < mail->to.n; out->to.n++) {
		out->to.items[out->to.n] = with_ascii_domain(mail->to.items[out->to.n]);
		if (out->to.items[out->to.n] == NULL)
			return -ENOMEM;
	}
	return 0;
}

/* libidn2 reads names in the thread's locale, and the program has none. */
static int
copy_settings_in_utf8(const struct channel *channel, struct mail_settings *out)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	locale_t before = utf8 == (locale_t)0 ? (locale_t)0 : uselocale(utf8);
	int r = copy_settings(channel, out);

	if (utf8 != (locale_t)0) {
		(void)uselocale(before);
		freelocale(utf8);
	}
	return r;
}

int
letter_write(const struct channel *channel, const struct message *message,
    struct letter *letter, struct err *err)
{
	struct mail_settings *settings = &letter->settings;
	int r = copy_settings_in_utf8(channel, settings);

	if (r < 0)
		return err_set(err, r, "write mail: out of memory");
	if (settings->to.n == 0)
		return err_set(err, -EINVAL, "write mail: nobody is named in `to`");
	letter->recipients = calloc(settings->to.n, sizeof *letter->recipients);
	if (letter->recipients == NULL)
		return err_set(err, -ENOMEM, "write mail: out of memory");
	for (size_t i = 0; i < settings->to.n; i++)
		letter->recipients[i] = mail_address(str_of(settings->to.items[i]));
	letter->nrecipients = settings->to.n;
	letter->sender = mail_sender(settings);
	mail_render_message(message, settings, &letter->text);
	if (letter->text.failed)
		return err_set(err, -ENOMEM, "write mail: out of memory");
	return 0;
}
