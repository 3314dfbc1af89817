#include "notify/curl_start.h"

#include <curl/curl.h>
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
