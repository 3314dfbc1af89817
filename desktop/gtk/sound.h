/*
 * sound - a sound of the theme, by libcanberra
 *
 * Purpose    New mail may be heard.
 * Ownership  Who makes it frees it; nothing is opened before the first sound.
 * Errors     Without sound card or theme: one line on standard error, then silence, until
 *            another sound is asked for.
 *
 * https://www.freedesktop.org/wiki/Specifications/sound-theme-spec/
 */
#ifndef DESKTOP_GTK_SOUND_H
#define DESKTOP_GTK_SOUND_H

struct sound;

struct sound *sound_new(void);
void sound_free(struct sound *sound);
void sound_play(struct sound *sound, const char *name, const char *description);

#endif
