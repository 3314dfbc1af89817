/* What the parts of settings share (settings.h), also with their dialog. */
#ifndef DESKTOP_SETTINGS_IMPL_H
#define DESKTOP_SETTINGS_IMPL_H

#include "desktop/settings.h"

void settings_done_host(struct desk_host *host);
struct desk_host settings_copy_host(const struct desk_host *from);
void settings_drop_hosts(struct desk_settings *settings); /* then there are none */
void settings_drop_rules(struct desk_settings *settings);

#endif
