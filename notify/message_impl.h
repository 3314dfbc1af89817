/*
 * message_impl - how a message is put together; seen by its own files alone
 *
 * Purpose    message_story.c says what is told, in order, to a page; a page is plain text
 *            (message_text.c) or HTML (message_html.c). As there is one story, both say the
 *            same.
 * Ownership  A page writes into the caller's buffer and keeps no text.
 * Limits     All text that a page is given is safe to look at already (core/plain.h) and in
 *            one line, but for `verbatim`, whose lines end in \n; HTML has only to escape
 *            it. A page over max_bytes loses what matters least: see page_begin_part().
 */
#ifndef NOTIFY_MESSAGE_IMPL_H
#define NOTIFY_MESSAGE_IMPL_H

#include "notify/message.h"

/* How it looks at first sight. */
enum tone {
	TONE_PLAIN,
	TONE_GOOD,
	TONE_INFO,
	TONE_WARNING,
	TONE_CRITICAL,
};

/* What stands last on a page: what follows is set off from it. */
enum block {
	BLOCK_NONE,
	BLOCK_HEADLINE,
	BLOCK_LINE,
	BLOCK_FACT,
	BLOCK_HEADING,
	BLOCK_PARAGRAPH,
	BLOCK_ITEM,
	BLOCK_VERBATIM,
	BLOCK_LINK,
	BLOCK_NOTE,
};

struct page;

struct page_type {
	size_t max_bytes;
	void (*begin)(struct page *page, struct str title);
	void (*end)(struct page *page);
	/* "Critical", "Mail from mx1 is refused ...": an incident begins. */
	void (*headline)(struct page *page, enum tone tone, struct str word,
	    struct str text);
	/* "[critical]", "mx1: ...": one of many. */
	void (*line)(struct page *page, enum tone tone, struct str word, struct str text);
	void (*fact)(struct page *page, const char *label, struct str value);
	void (*heading)(struct page *page, struct str text);
	/* Running text; `words` in backticks are commands or settings. */
	void (*paragraph)(struct page *page, struct str text);
	void (*item)(struct page *page, struct str mark, struct str text);
	void (*verbatim)(struct page *page, struct str lines);
	void (*link)(struct page *page, const char *label, struct str url);
	void (*note)(struct page *page, struct str text);
};

struct page {
	const struct page_type *type;
	struct buf *out;
	enum block last;
	bool several; /* incidents, which are told apart */
};

extern const struct page_type page_text, page_html;

struct story {
	const struct message *message;
	struct page page;
};

/* The whole message on a page of that type. */
void story_write(const struct message *message, const struct page_type *type,
    struct buf *out);
/* "[critical] mx1: ...", at most MESSAGE_SUBJECT_BYTES. */
void story_subject(const struct message *message, struct buf *out);
void story_facts(struct story *story, const struct told *told);
/* None if it is empty. */
void story_fact(struct story *story, const char *label, const struct buf *value);
/* "Sat 21 Nov 02:41 +0100": the log's own minute, and which zone that is; the year if it is
 * not that of the message. */
void story_moment(struct buf *out, const struct message *message, int64_t at_us);
/* Lines that are not empty. */
size_t story_lines(struct str text);
/* Advice as rule authors write it; see rules.d/alerts/README.md. */
void story_advice(struct page *page, struct str advice);

/* The first bytes, no character cut in two. */
struct str text_head(struct str text, size_t max);
/* How many of the incidents are over. */
size_t count_over(const struct message *message);
enum tone told_tone(const struct told *told);
/* What is wrong, without the host's name where it can go: that stands before it. */
void told_what(const struct told *told, struct buf *out);

#endif
