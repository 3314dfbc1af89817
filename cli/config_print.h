/*
 * config_print - the configuration as it is in force
 *
 * Purpose    Each setting with its value and where that came from, as YAML that can be read
 *            back, or as one JSON object a line. Of secrets only the file's name and
 *            whether it will do.
 * Ownership  Writes into the caller's buffer.
 * Limits     CONFIG_COLUMNS wide, as far as values allow. Whatever values hold, the text
 *            steers no terminal.
 */
#ifndef CLI_CONFIG_PRINT_H
#define CLI_CONFIG_PRINT_H

#include "cli/config.h"
#include "core/buf.h"

enum { CONFIG_COLUMNS = 80 };

enum config_format {
	CONFIG_YAML,
	CONFIG_JSON, /* {"key":...,"value":...,"origin":...} a line */
};

/* state: what --state says, or NULL. */
void config_print(const struct config *config, const char *state, enum config_format format,
    struct buf *out);

/* The JSON Schema (draft 2020-12) of the file, for editors. */
void config_print_schema(struct buf *out);

#endif
