/*
 * fuzz_file - the input as a file, and what is said about it
 *
 * Purpose    Loaders take folders: one is made when the target starts and removed when
 *            it ends, and its one file is written anew for each input.
 * Ownership  The folder is the process's; a target that crashes leaves it behind.
 */
#ifndef FUZZ_FILE_H
#define FUZZ_FILE_H

#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/diag.h"
#include "fuzz_check.h"

struct fuzz_folder {
	char base[64], sub[96], file[128]; /* sub: base itself if there is none */
};

static struct fuzz_folder fuzz_folder;

static inline void
fuzz_folder_remove(void)
{
	(void)unlink(fuzz_folder.file);
	if (strcmp(fuzz_folder.sub, fuzz_folder.base) != 0)
		(void)rmdir(fuzz_folder.sub);
	(void)rmdir(fuzz_folder.base);
}

/* In memory if the system has such a place. */
static inline void
fuzz_folder_make(const char *sub, const char *name)
{
	struct fuzz_folder *f = &fuzz_folder;

	(void)strcpy(f->base, "/dev/shm/mailwarden-fuzz-XXXXXX");
	if (mkdtemp(f->base) == NULL) {
		(void)strcpy(f->base, "/tmp/mailwarden-fuzz-XXXXXX");
		CHECK(mkdtemp(f->base) != NULL);
	}
	(void)snprintf(f->sub, sizeof f->sub, "%s%s%s", f->base, sub[0] ? "/" : "", sub);
	if (sub[0] != '\0')
		CHECK(mkdir(f->sub, 0700) == 0);
	(void)snprintf(f->file, sizeof f->file, "%s/%s", f->sub, name);
	(void)atexit(fuzz_folder_remove);
}

static inline void
fuzz_folder_write(struct str bytes)
{
	FILE *f = fopen(fuzz_folder.file, "we");

	CHECK(f != NULL);
	CHECK(bytes.n == 0 || fwrite(bytes.p, 1, bytes.n, f) == bytes.n);
	CHECK(fclose(f) == 0);
}

/* Each fault is one JSON object with a place in the file and a text; one that is about
 * bytes YAML cannot hold stands at the file as a whole. */
static inline void
fuzz_check_fault(struct str fault)
{
	CHECK(fuzz_is_json(fault));
	CHECK(str_find(fault, STR("\"text\":\"\"")) < 0);
	CHECK(str_find(fault, STR("\"line\":")) > 0);
	if (str_find(fault, STR("\"text\":\"not YAML: ")) > 0)
		return;
	CHECK(str_find(fault, STR("\"line\":0,")) < 0);
	CHECK(str_find(fault, STR("\"column\":0,")) < 0);
}

static inline void
fuzz_check_diags(const struct diags *diags)
{
	char *told = NULL;
	size_t n = 0, faults = 0;
	FILE *to = open_memstream(&told, &n);

	CHECK(to != NULL);
	diags_print(diags, to); /* with the line and a caret */
	CHECK(fflush(to) == 0);
	size_t printed = n;

	diags_json(diags, to);
	CHECK(fclose(to) == 0);
	CHECK(diags->n <= MAX_DIAGS && diags->n <= diags->errors + diags->warnings);
	CHECK(diags->n == 0 || printed > 0);
	for (struct str left = { told + printed, n - printed }; left.n > 0; faults++)
		fuzz_check_fault(str_cut(&left, '\n'));
	CHECK(faults == diags->n);
	free(told);
}

#endif
