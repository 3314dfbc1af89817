/* How a command of mailwarden is run where the host is. */
#include <glib.h>
#include <string.h>

#include "core/clock.h"
#include "desktop/source.h"

static void
add_word(GPtrArray *words, const char *word)
{
	g_ptr_array_add(words, g_strdup(word));
}

/* ssh puts the words together, and the shell there takes them apart. */
static void
add_quoted(GPtrArray *words, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789@%+=:,./_-";
	bool is_plain = word[0] != '\0' && strspn(word, plain) == strlen(word);

	g_ptr_array_add(words, is_plain ? g_strdup(word) : g_shell_quote(word));
}

/* Own options come behind the user's, whose word is the first and counts (ssh_config(5));
 * a connection shared with other sessions is used, but never becomes theirs. */
static void
add_ssh(GPtrArray *words, char *const *ssh)
{
	static const char *const own[] = { "-T", "-oBatchMode=yes", "-oConnectTimeout=30",
		"-oServerAliveInterval=60", "-oServerAliveCountMax=3", "-oControlMaster=no",
		"-oClearAllForwardings=yes", NULL };
	size_t n = g_strv_length((char **)ssh);

	add_word(words, "ssh");
	for (size_t i = 0; i + 1 < n; i++)
		add_word(words, ssh[i]);
	for (size_t i = 0; own[i] != NULL; i++)
		add_word(words, own[i]);
	add_word(words, n > 0 ? ssh[n - 1] : "");
}

char **
source_command(const struct desk_host *host, const char *const *command)
{
	GPtrArray *words = g_ptr_array_new();
	void (*add)(GPtrArray *, const char *) = add_word;

	if (host->ssh != NULL) {
		add_ssh(words, host->ssh);
		add = add_quoted;
	}
	add(words, host->program != NULL ? host->program : "mailwarden");
	for (size_t i = 0; command[i] != NULL; i++)
		add(words, command[i]);
	if (host->state != NULL) {
		add(words, "--state");
		add(words, host->state);
	}
	if (host->config != NULL) {
		add(words, "--config");
		add(words, host->config);
	}
	g_ptr_array_add(words, NULL);
	return (char **)g_ptr_array_free(words, FALSE);
}

/* From where on: a place, a time, or now. */
static char *
since_of(const char *place, int64_t at_us)
{
	AUTO(buf_done) struct buf text = { 0 };

	if (place[0] != '\0')
		return g_strdup(place);
	if (at_us <= 0)
		return g_strdup("0s");
	/* The clock there may have been far ahead: all until then would never be told. */
	clock_rfc3339(&text, MIN(at_us, g_get_real_time()), 0);
	return g_strdup_printf("%.19sZ", buf_cstr(&text)); /* whole seconds, UTC */
}

char **
source_stream_command(const struct desk_host *host, char *const *to, const char *place,
    int64_t at_us)
{
	const char *words[12] = { "events", "--follow", "--json", "--open", "--since" };
	size_t n = 5;
	g_autofree char *since = since_of(place, at_us);
	g_autofree char *addresses = g_strjoinv(",", (char **)to);

	words[n++] = since;
	words[n++] = "--kind";
	words[n++] = to[0] != NULL ? "attempt,stored,incident" : "incident";
	if (to[0] != NULL) {
		words[n++] = "--to";
		words[n++] = addresses;
	}
	return source_command(host, words);
}
