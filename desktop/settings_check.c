#include "desktop/settings_check.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "desktop/settings.h"

const char *
check_text(const char *text)
{
	if (*text == '\0')
		return "it is empty";
	if (strlen(text) > DESK_MAX_TEXT)
		return "it is too long";
	if (!g_utf8_validate(text, -1, NULL))
		return "it is not UTF-8";
	for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p))
		if (g_unichar_iscntrl(g_utf8_get_char(p)))
			return "it has a control character";
	return NULL;
}

/* Patterns are handed on as `--to ONE,TWO`. */
const char *
check_pattern(const char *pattern)
{
	const char *wrong = check_text(pattern);

	if (wrong != NULL)
		return wrong;
	if (strpbrk(pattern, " \t") != NULL)
		return "an address has no blanks";
	if (strpbrk(pattern, ",;") != NULL)
		return "one address at a time";
	if (strpbrk(pattern, "<>") != NULL)
		return "write the address without < and >";
	if (*pattern == '-')
		return "an address does not begin with -";
	if (*pattern == '@')
		return "for all addresses of a domain write *@DOMAIN";
	if (g_str_has_suffix(pattern, "@"))
		return "the domain is missing behind @";
	return NULL;
}

const char *
check_mailbox(const char *path)
{
	const char *wrong = check_text(path);

	if (wrong != NULL)
		return wrong;
	if (*path != '/' && !g_str_has_prefix(path, "~/"))
		return "write the full path, or one that begins with ~/";
	return NULL;
}

const char *
check_dashboard(const char *address)
{
	const char *wrong = check_text(address);

	if (wrong != NULL)
		return wrong;
	g_autoptr(GUri) uri = g_uri_parse(address, G_URI_FLAGS_NONE, NULL);

	if (uri == NULL || g_uri_get_host(uri) == NULL || *g_uri_get_host(uri) == '\0' ||
	    (strcmp(g_uri_get_scheme(uri), "http") != 0 &&
		strcmp(g_uri_get_scheme(uri), "https") != 0))
		return "write an address such as http://127.0.0.1:8025/";
	/* An incident is shown at #/incident/ID of it. */
	if (g_uri_get_fragment(uri) != NULL)
		return "leave out the # and what follows";
	return NULL;
}

const char *
check_ssh(char *const *words)
{
	const char *destination = NULL;

	for (size_t i = 0; words[i] != NULL; i++) {
		const char *wrong = check_text(words[i]);

		if (wrong != NULL)
			return wrong;
		destination = words[i];
	}
	if (destination == NULL)
		return "the destination is missing";
	if (*destination == '-') /* ssh would take it as an option */
		return "the destination stands last, and does not begin with -";
	g_autofree char *name = check_ssh_name(words);

	return *name == '\0' ? "the destination has no host" : NULL;
}

/* The path is quoted for the shell there, which makes a home of no quoted ~. */
const char *
check_there(const char *path)
{
	const char *wrong = check_text(path);

	if (wrong == NULL && *path == '~')
		return "on another host write the path without ~";
	return wrong;
}

bool
check_time(const char *text, int *minute_out)
{
	size_t digits = strspn(text, "0123456789");
	const char *minutes = text + digits + 1;

	if (digits < 1 || digits > 2 || text[digits] != ':' || strlen(minutes) != 2 ||
	    strspn(minutes, "0123456789") != 2)
		return false;
	int hour = (int)g_ascii_strtoll(text, NULL, 10);
	int minute = (int)g_ascii_strtoll(minutes, NULL, 10);

	if (hour > 23 || minute > 59)
		return false;
	*minute_out = hour * 60 + minute;
	return true;
}

char *
check_ssh_name(char *const *words)
{
	const char *name = words[g_strv_length((char **)words) - 1];
	bool is_uri = g_str_has_prefix(name, "ssh://");

	if (is_uri)
		name += strlen("ssh://");
	if (strrchr(name, '@') != NULL)
		name = strrchr(name, '@') + 1;
	if (!is_uri)
		return g_strdup(name);
	/* RFC 3986, 3.2.2: an IPv6 address stands in brackets, and has colons itself. */
	if (*name == '[' && strchr(name, ']') != NULL)
		return g_strndup(name + 1, strcspn(name + 1, "]"));
	return g_strndup(name, strcspn(name, ":/"));
}
