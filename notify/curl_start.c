#include "notify/curl_start.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static void
wipe_and_free(void *p)
{
	if (p != NULL)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

/* realloc() would leave a copy behind where it moves. */
static void *
move(void *p, size_t n)
{
	size_t had = p == NULL ? 0 : malloc_usable_size(p);

	if (p != NULL && n <= had && n > had / 2)
		return p;
	void *fresh = malloc(n);

	if (fresh == NULL)
		return NULL;
	if (p != NULL)
		memcpy(fresh, p, had < n ? had : n);
	wipe_and_free(p);
	return fresh;
}

bool
curl_start(void)
{
	return curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wipe_and_free, move,
		   strdup, calloc) == CURLE_OK;
}

static void
set_protocols(CURL *curl, enum curl_protocols protocols)
{
	bool mail = protocols == CURL_OF_MAIL;

#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, mail ? "smtp,smtps" : "http,https");
#else
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS,
	    (long)(mail ? CURLPROTO_SMTP | CURLPROTO_SMTPS
			: CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

void
curl_guard(CURL *curl, enum curl_protocols protocols, const char *ca_file,
    int64_t timeout_us, char *why)
{
	long total_ms = (long)(timeout_us / 1000) + 1; /* 0 would be: for ever */
	long connect_ms = CURL_CONNECT_S * 1000L;

	set_protocols(curl, protocols);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	if (ca_file != NULL) {
		/* Instead of the system's authorities, not beside them. */
		curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, total_ms);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
	    total_ms < connect_ms ? total_ms : connect_ms);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* Without this a name server that does not answer holds up curl_easy_cleanup(). */
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
#endif
}
