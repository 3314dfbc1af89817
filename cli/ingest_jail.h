/*
 * ingest_jail - a stranger's message is read where it can do no harm
 *
 * Purpose    Each message is read by a child process of its own that has nothing but the
 *            message, the rules and a pipe: no files, no network, no other program
 *            (seccomp, no_new_privs), limits on memory, CPU time and wall clock. If it
 *            crashes or hangs, that costs this message alone.
 * Ownership  The caller frees with jail_close(). Host and rules stay the caller's.
 * Limits     REPORT_SECONDS of CPU, REPORT_MEMORY_BYTES of address space, JAIL_WALL_S. Builds
 *            with AddressSanitizer have neither the limit on memory nor the filter: its
 *            runtime needs both address space and files.
 * Errors     jail_read(): a negative errno if no child could be had, which may pass. What
 *            became of the message is in the result.
 */
#ifndef CLI_INGEST_JAIL_H
#define CLI_INGEST_JAIL_H

#include "core/buf.h"
#include "ingest/message.h"

struct jail;

enum {
	JAIL_WALL_S = 3 * REPORT_SECONDS,
	JAIL_ANSWER_BYTES = 64 * 1024 * 1024, /* of lines */
};

/* The lines' own words: the host, and which process says it. */
struct jail_voice {
	const struct report_host *host;
	int pid;
};

struct jail_result {
	/* 0; as report_message_read() says; -EPROTO: crashed; -ETIME: took too long */
	int code;
	struct report_summary summary;
	struct err why;   /* for a code other than 0 */
	struct buf lines; /* for the log, without their stamps: " HOST PROCESS: ...\n" */
};

/* What is loaded later is not there in the child: rules first, then this. */
int jail_open(const struct jail_voice *voice, struct bounce_rules *rules, struct jail **out,
    struct err *err);
void jail_close(struct jail *jail); /* NULL is fine */

int jail_read(struct jail *jail, struct str message, struct jail_result *out,
    struct err *err);
void jail_result_done(struct jail_result *result);

#endif
