#include "desktop/gtk/sound.h"

#include <canberra.h>
#include <glib.h>

struct sound {
	ca_context *context; /* NULL before the first sound */
	char *failed;        /* name of the sound that could not be played; NULL: none */
};

struct sound *
sound_new(void)
{
	return g_new0(struct sound, 1);
}

void
sound_free(struct sound *sound)
{
	if (sound == NULL)
		return;
	if (sound->context != NULL)
		(void)ca_context_destroy(sound->context);
	g_free(sound->failed);
	g_free(sound);
}

static int
start(struct sound *sound)
{
	if (sound->context != NULL)
		return CA_SUCCESS;
	int r = ca_context_create(&sound->context);

	if (r != CA_SUCCESS) {
		sound->context = NULL;
		return r;
	}
	return ca_context_change_props(sound->context, CA_PROP_APPLICATION_NAME,
	    "mailwarden", CA_PROP_APPLICATION_ID, "mailwarden-desktop",
	    CA_PROP_APPLICATION_ICON_NAME, "mailwarden-desktop", NULL);
}

void
sound_play(struct sound *sound, const char *name, const char *description)
{
	/* Not again: the libraries below write lines of their own at each try. */
	if (g_strcmp0(sound->failed, name) == 0)
		return;
	int r = start(sound);

	/* Plays on its own: the call comes back at once. */
	if (r == CA_SUCCESS)
		r = ca_context_play(sound->context, 0, CA_PROP_EVENT_ID, name,
		    CA_PROP_EVENT_DESCRIPTION, description, CA_PROP_MEDIA_ROLE, "event",
		    CA_PROP_CANBERRA_CACHE_CONTROL, "volatile", NULL);
	/* Lost to a sound server that is started again: it is back for the next one. */
	if (r == CA_SUCCESS || r == CA_ERROR_DISCONNECTED)
		return;
	g_printerr("mailwarden-desktop: sound '%s': %s\n", name, ca_strerror(r));
	g_free(sound->failed);
	sound->failed = g_strdup(name);
}
