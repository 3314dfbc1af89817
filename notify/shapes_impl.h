/*
 * shapes_impl - shared by the files that hold the shapes, and seen by nobody else
 */
#ifndef NOTIFY_SHAPES_IMPL_H
#define NOTIFY_SHAPES_IMPL_H

#include "core/json.h"
#include "notify/shapes.h"
#include "notify/shapes_text.h"

struct shape_type {
	const char *name;
	const char *own_url; /* NULL: the settings must have one */
	const char *token;   /* what it is there; NULL: it can do without */
	const char *room;    /* the same */
	/* Puts the i-th request together; its method and key are set. NULL: one for all. */
	size_t (*count)(const struct message *message);
	int (*build)(const struct shape_context *context, size_t i,
	    struct shape_request *out, struct err *err);
};

extern const struct shape_type shape_mailwarden, shape_ntfy, shape_gotify, shape_slack,
    shape_matrix, shape_discord, shape_telegram, shape_pagerduty, shape_alertmanager;

/* The address without slashes at its end, then path. */
void shape_set_url(struct shape_request *out, struct str url, const char *path);
void shape_set_bearer(struct shape_request *out, struct str token);

/* What the message is at first sight: its colour, symbol and loudness. */
enum shape_look {
	LOOK_TEST,
	LOOK_RESOLVED, /* all of it is over */
	LOOK_INFO,
	LOOK_WARNING,
	LOOK_CRITICAL,
	LOOK_COUNT
};

enum shape_look shape_look(const struct message *message);

/* The text without the line end at its end. */
struct str shape_body(const struct message *message);

/* Where to read on: the incident's page, or the dashboard for many. Empty: none. */
void shape_add_link(const struct message *message, const struct told *told,
    struct buf *out);
void shape_add_message_link(const struct message *message, struct buf *out);

/* "key":"text as shape_add_text() leaves it" */
struct shape_text {
	enum shape_markup markup;
	enum shape_measure measure;
	size_t max;
};
void shape_json_text(struct json *j, const char *key, struct str text,
    struct shape_text how);

#endif
