/* The inbox for the state file: what is known again, then the mails. */
#include <string.h>

#include "core/json.h"
#include "desktop/inbox_parts.h"

enum { BEYOND_SAVED = 1000 };

static void
save_texts(struct json *j, const char *name, const GList *link)
{
	AUTO(buf_done) struct buf list = { 0 };

	buf_add_char(&list, '[');
	for (bool first = true; link != NULL; link = link->next, first = false) {
		if (!first)
			buf_add_char(&list, ',');
		json_quote(&list, str_of(link->data));
	}
	buf_add_char(&list, ']');
	json_raw(j, name, buf_str(&list));
}

static void
save_known(const struct inbox *inbox, struct buf *out)
{
	guint over = inbox->beyond_order.length > BEYOND_SAVED
			 ? inbox->beyond_order.length - BEYOND_SAVED
			 : 0;
	struct json j = json_begin(out);

	save_texts(&j, "known", inbox->known_order.head);
	save_texts(&j, "beyond",
	    g_queue_peek_nth_link((GQueue *)(uintptr_t)&inbox->beyond_order, over));
	json_int(&j, "beyond_logs", (int64_t)inbox->beyond_logs);
	json_end(&j);
}

static void
save_mark(const struct mark *mark, struct buf *out)
{
	struct json j = json_begin(out);

	json_text(&j, "looked_at", str_of(mark->mailbox));
	json_int(&j, "last_us", mark->last_us);
	json_int(&j, "seen_us", mark->seen_us);
	json_end(&j);
}

static void
save_text(struct json *j, const char *key, const char *text)
{
	if (text != NULL)
		json_text(j, key, str_of(text));
}

static void
save_mail(const struct inbox_mail *mail, struct buf *out)
{
	struct json j = json_begin(out);

	json_int(&j, "number", (int64_t)mail->number);
	save_text(&j, "host", mail->host);
	save_text(&j, "sender", mail->sender);
	save_text(&j, "recipient", mail->recipient);
	save_text(&j, "subject", mail->subject);
	save_text(&j, "message_id", mail->message_id);
	save_text(&j, "mailbox", mail->mailbox);
	save_text(&j, "key", mail->key);
	json_int(&j, "at_us", mail->at_us);
	json_bool(&j, "seen", mail->seen);
	json_bool(&j, "notice", mail->wants_notice);
	json_bool(&j, "sound", mail->wants_sound);
	json_bool(&j, "told", mail->told);
	json_end(&j);
}

void
inbox_save(const struct inbox *inbox, struct buf *out)
{
	buf_add_char(out, '[');
	save_known(inbox, out);
	for (guint i = 0; i < inbox->marks->len; i++) {
		buf_add(out, STR(",\n"));
		save_mark(inbox->marks->pdata[i], out);
	}
	for (guint i = 0; i < inbox->mails->len; i++) {
		buf_add(out, STR(",\n"));
		save_mail(&((const struct mail *)inbox->mails->pdata[i])->shown, out);
	}
	buf_add_char(out, ']');
}
