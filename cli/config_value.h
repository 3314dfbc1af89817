/*
 * config_value - one setting's value as it would be written
 *
 * Purpose    The way back from the structs that config_read filled: text, word or list.
 * Ownership  Texts point into the configuration, or into the value itself, which the
 *            caller empties with setting_value_done().
 */
#ifndef CLI_CONFIG_VALUE_H
#define CLI_CONFIG_VALUE_H

#include "cli/config_schema.h"
#include "core/buf.h"

enum value_form {
	VALUE_NONE, /* not set */
	VALUE_TEXT, /* may hold anything: quoted where it must be */
	VALUE_WORD, /* our own: 60s, required, 22:00-07:00 */
	VALUE_YES,
	VALUE_NO,
	VALUE_LIST, /* of texts */
};

struct setting_value {
	enum value_form form;
	struct str text;
	const struct texts *list;
	struct buf made; /* where text is made for it */
};

/* field: where the setting is kept. */
void setting_value_of(const struct setting *setting, const void *field,
    struct setting_value *out);
void setting_value_done(struct setting_value *value);

/* In the greatest unit that leaves nothing over: 90s, 2m, 1d. */
void config_add_span(struct buf *out, int64_t us);

enum quote_style {
	QUOTE_JSON,
	QUOTE_YAML, /* only where it must be, else plain */
};
/* Text for a file and a terminal: what is hidden or steers stands there by its number. */
void config_quote(struct buf *out, struct str text, enum quote_style style);

#endif
