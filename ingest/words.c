#include "ingest/words.h"

#include <string.h>

struct str
words_lower(struct str text, char *store, size_t size)
{
	struct str s = str_head(text, size);

	for (size_t i = 0; i < s.n; i++)
		store[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
	return (struct str){ store, s.n };
}

/* What would end a word in a line of the reports log (ingest/report_line.h). */
static bool
is_gap(char c)
{
	return (unsigned char)c <= ' ' || c == 0x7f || strchr(",\"'<>", c) != NULL;
}

struct str
words_name(struct str text, char *store, size_t size)
{
	size_t n = 0;

	text = str_trim(text);
	for (size_t i = 0; i < text.n && n < size; i++) {
		if (!is_gap(text.p[i]))
			store[n++] = text.p[i];
		else if (n > 0 && store[n - 1] != '-')
			store[n++] = '-';
	}
	while (n > 0 && store[n - 1] == '-')
		n--;
	return (struct str){ store, n };
}

struct str
words_domain(struct str text)
{
	ptrdiff_t at = str_rfind_char(text, '@');
	struct str domain = str_trim(at < 0 ? text : str_skip(text, (size_t)at + 1));

	while (str_ends(domain, STR(".")) || str_ends(domain, STR(">")))
		domain.n--;
	return str_starts(domain, STR("<")) ? str_skip(domain, 1) : domain;
}
