/*
 * siblings - the names of a log file and its rotated ones, oldest first
 *
 * Purpose    Reads the directory twice until both readings agree, so that no
 *            file is missed or seen twice while another program renames them.
 * Ownership  The caller's struct, emptied by siblings_done().
 */
#ifndef WATCHER_SIBLINGS_H
#define WATCHER_SIBLINGS_H

#include "core/err.h"
#include "core/str.h"

enum sibling_kind {
	SIBLING_OTHER,   /* mail.log.bak: its place in time is unknown */
	SIBLING_NUMBER,  /* mail.log.1: the higher, the older */
	SIBLING_DATE,    /* mail.log-20261121 */
	SIBLING_CURRENT, /* mail.log */
};

struct sibling {
	char *name;
	struct str stem; /* of the name: without .gz and the like */
	struct str date; /* of the name, for SIBLING_DATE */
	int64_t number, mtime_ns;
	uint64_t dev, ino;
	enum sibling_kind kind;
	bool unfinished; /* a packer's half-made copy */
};

struct siblings {
	struct sibling *items; /* oldest first, the current one last */
	size_t n, cap;
	int dir_fd;
};

/* Empty if the directory does not exist. */
int siblings_read(const char *path, struct siblings *out, struct err *err);
void siblings_done(struct siblings *s);
void auto_siblings(struct siblings *s);

#endif
