/*
 * catalogue_rows - one row of a catalogue file, read
 *
 * Purpose    Turns the maps of the catalogue's files into rows, telling every fault at its place. catalogue_load.c finds the
 *            files and keeps the rows.
 * Ownership  Text and lists are copied into the catalogue.
 */
#ifndef PARSERS_CATALOGUE_ROWS_H
#define PARSERS_CATALOGUE_ROWS_H

#include "parsers/catalogue_impl.h"

struct row_reader {
	struct catalogue *cat; /* providers and, for suspicions, codes are complete */
	struct diags *diags;
	bool no_memory;
};

/* False if the row has faults. */
bool read_provider(struct row_reader *r, const struct ynode *map, struct provider *out);
bool read_code(struct row_reader *r, const struct ynode *map, struct code *out);
bool read_suspicion(struct row_reader *r, const struct ynode *map, struct suspicion *out);
/* Of phrases.yaml; sets are complete before the sayings are read. */
bool read_word_set(struct row_reader *r, const struct ynode *map, struct word_set *out);
bool read_saying(struct row_reader *r, const struct ynode *map, struct saying *out);
/* A list of words; absent: none. */
struct strs read_words(struct row_reader *r, const struct ynode *map, const char *key);

#endif
