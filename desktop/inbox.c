#include "desktop/inbox.h"

#include <string.h>

#include "desktop/inbox_parts.h"
#include "desktop/letter.h"

/* Dovecot logs at most 200 bytes of a Message-ID (src/lib-lda/mail-deliver.c), the last
 * three of them dots where it was longer. */
enum { ID_BYTES = 190 };

/* --- one mail --- */

static void
free_mail(gpointer data)
{
	struct mail *mail = data;
	const char *texts[] = { mail->shown.host, mail->shown.sender, mail->shown.recipient,
		mail->shown.subject, mail->shown.message_id, mail->shown.mailbox,
		mail->shown.key };

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free((gpointer)texts[i]);
	g_free(mail->id);
	g_free(mail);
}

static void
free_mark(gpointer data)
{
	struct mark *mark = data;

	g_free(mark->mailbox);
	g_free(mark);
}

static void
fill(const char **text, const char *from)
{
	if (*text == NULL && from != NULL)
		*text = g_strdup(from);
}

/* RFC 5322, 3.6.4: compared byte by byte, without the angle brackets, which Postfix logs
 * and others don't. Loggers write "?" for control characters. */
char *
inbox_id(const char *message_id)
{
	g_autoptr(GString) id = g_string_new(NULL);
	const char *begin = message_id == NULL ? NULL : strchr(message_id, '<');

	if (message_id == NULL)
		return NULL;
	for (const char *c = begin == NULL ? message_id : begin + 1;
	     *c != '\0' && *c != '>' && id->len < ID_BYTES; c++) {
		if (g_ascii_isspace(*c))
			continue;
		g_string_append_c(id, g_ascii_iscntrl(*c) ? '?' : *c);
	}
	return id->len == 0 ? NULL : g_strdup(id->str);
}

char *
inbox_place(const char *mailbox, const char *key)
{
	return g_strdup_printf("%s\n%s", key, mailbox);
}

static bool
lies_at(const struct mail *mail, const char *mailbox, const char *key)
{
	return mail->shown.key != NULL && strcmp(mail->shown.key, key) == 0 &&
	       strcmp(mail->shown.mailbox, mailbox) == 0;
}

/* --- life --- */

struct inbox *
inbox_new(const struct desk_settings *settings)
{
	struct inbox *inbox = g_new0(struct inbox, 1);

	inbox->settings = settings;
	inbox->mails = g_ptr_array_new_with_free_func(free_mail);
	inbox->known = g_hash_table_new(g_str_hash, g_str_equal);
	g_queue_init(&inbox->known_order);
	inbox->beyond = g_hash_table_new(g_str_hash, g_str_equal);
	g_queue_init(&inbox->beyond_order);
	inbox->marks = g_ptr_array_new_with_free_func(free_mark);
	return inbox;
}

void
inbox_free(struct inbox *inbox)
{
	if (inbox == NULL)
		return;
	g_ptr_array_unref(inbox->mails);
	g_hash_table_destroy(inbox->known);
	g_queue_clear_full(&inbox->known_order, g_free);
	g_hash_table_destroy(inbox->beyond);
	g_queue_clear_full(&inbox->beyond_order, g_free);
	g_ptr_array_unref(inbox->marks);
	g_free(inbox);
}

void
inbox_set(struct inbox *inbox, const struct desk_settings *settings)
{
	inbox->settings = settings;
}

/* --- what is known again --- */

bool
inbox_is_known(const struct inbox *inbox, const char *id)
{
	return id != NULL && g_hash_table_contains(inbox->known, id);
}

void
inbox_remember(struct inbox *inbox, const char *id)
{
	if (id == NULL || inbox_is_known(inbox, id))
		return;
	char *own = g_strdup(id);

	g_queue_push_tail(&inbox->known_order, own);
	(void)g_hash_table_add(inbox->known, own);
	if (inbox->known_order.length <= INBOX_IDS)
		return;
	g_autofree char *oldest = g_queue_pop_head(&inbox->known_order);

	(void)g_hash_table_remove(inbox->known, oldest);
}

struct mark *
inbox_mark(struct inbox *inbox, const char *mailbox)
{
	for (guint i = 0; i < inbox->marks->len; i++) {
		struct mark *mark = inbox->marks->pdata[i];

		if (strcmp(mark->mailbox, mailbox) == 0)
			return mark;
	}
	struct mark *mark = g_new0(struct mark, 1);

	mark->mailbox = g_strdup(mailbox);
	g_ptr_array_add(inbox->marks, mark);
	return mark;
}

static struct mail *
find_id(const struct inbox *inbox, const char *id)
{
	for (guint i = inbox->mails->len; id != NULL && i > 0; i--) {
		struct mail *mail = inbox->mails->pdata[i - 1];

		if (mail->id != NULL && strcmp(mail->id, id) == 0)
			return mail;
	}
	return NULL;
}

static struct mail *
find_place(const struct inbox *inbox, const char *mailbox, const char *key)
{
	for (guint i = inbox->mails->len; i > 0; i--) {
		struct mail *mail = inbox->mails->pdata[i - 1];

		if (lies_at(mail, mailbox, key))
			return mail;
	}
	return NULL;
}

/* --- the newest, and those beyond --- */

void
inbox_add_beyond(struct inbox *inbox, const char *place)
{
	if (g_hash_table_contains(inbox->beyond, place))
		return;
	char *own = g_strdup(place);

	g_queue_push_tail(&inbox->beyond_order, own);
	(void)g_hash_table_insert(inbox->beyond, own, inbox->beyond_order.tail);
}

static bool
remove_beyond(struct inbox *inbox, const char *place)
{
	GList *link = g_hash_table_lookup(inbox->beyond, place);

	if (link == NULL)
		return false;
	(void)g_hash_table_remove(inbox->beyond, place);
	g_free(link->data);
	g_queue_delete_link(&inbox->beyond_order, link);
	return true;
}

void
inbox_insert(struct inbox *inbox, struct mail *mail)
{
	guint at = inbox->mails->len;

	while (at > 0 && ((struct mail *)inbox->mails->pdata[at - 1])->shown.at_us >
			     mail->shown.at_us)
		at--;
	g_ptr_array_insert(inbox->mails, (gint)at, mail);
	if (inbox->mails->len <= INBOX_KEPT)
		return;
	const struct inbox_mail *oldest = &((struct mail *)inbox->mails->pdata[0])->shown;

	if (!oldest->seen && oldest->key != NULL) {
		g_autofree char *place = inbox_place(oldest->mailbox, oldest->key);

		inbox_add_beyond(inbox, place);
	} else if (!oldest->seen) {
		inbox->beyond_logs++;
	}
	(void)g_ptr_array_remove_index(inbox->mails, 0);
}

/* --- rules --- */

struct wish {
	bool count, notice, sound;
};

static const struct desk_rule *
find_rule(const struct desk_settings *settings, char *const *to, const char *from)
{
	for (size_t i = 0; i < settings->nrules; i++) {
		const struct desk_rule *rule = &settings->rules[i];
		bool to_fits = rule->to == NULL;

		for (char *const *one = to; !to_fits && *one != NULL; one++)
			to_fits = desk_pattern_matches(rule->to, *one);
		if (to_fits &&
		    (rule->from == NULL ||
			(from != NULL && desk_pattern_matches(rule->from, from))))
			return rule;
	}
	return NULL;
}

static bool
choose(enum desk_choice choice, bool otherwise)
{
	return choice == DESK_UNSET ? otherwise : choice == DESK_YES;
}

static struct wish
wish_for(const struct inbox *inbox, char *const *to, const char *from)
{
	static const struct desk_rule none = { 0 };
	const struct desk_settings *settings = inbox->settings;
	const struct desk_rule *rule = find_rule(settings, to, from);

	if (rule == NULL)
		rule = &none;
	return (struct wish){
		.count = choose(rule->count, true),
		.notice = choose(rule->notify, settings->mail_notify),
		.sound = choose(rule->sound, settings->mail_sound != NULL),
	};
}

/* --- from the logs --- */

/* Known by its queue id where no Message-ID is logged; no Message-ID has a blank in it. */
static char *
delivery_id(const char *host, const struct record *record)
{
	char *id = inbox_id(record->message_id);

	if (id != NULL || record->queue_id == NULL)
		return id;
	return g_strdup_printf("%s %s", record->host == NULL ? host : record->host,
	    record->queue_id);
}

static int64_t
time_or_newest(const struct inbox *inbox, int64_t at_us)
{
	const struct inbox_mail *newest = inbox_recent(inbox, 0);

	return at_us > 0 || newest == NULL ? at_us : newest->at_us;
}

static void
join_delivery(struct mail *mail, const char *host, const struct record *record)
{
	fill(&mail->shown.host, host);
	fill(&mail->shown.sender, record->sender);
	fill(&mail->shown.recipient, record->recipient);
}

uint64_t
inbox_add_delivery(struct inbox *inbox, const char *host, const struct record *record)
{
	/* The address that the mail was sent to says more than what it was rewritten to. */
	const char *recipients[] = { record->original_recipient, record->recipient };
	char *to[G_N_ELEMENTS(recipients) + 1] = { 0 };
	bool is_ours = false;
	size_t n = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(recipients); i++)
		if (recipients[i] != NULL && *recipients[i] != '\0') {
			to[n++] = (char *)(uintptr_t)recipients[i];
			is_ours = is_ours || desk_address_matches(recipients[i],
						 inbox->settings->addresses);
		}
	const struct wish wish = wish_for(inbox, to, record->sender);

	if (!is_ours)
		return 0;
	g_autofree char *id = delivery_id(host, record);
	struct mail *twin = find_id(inbox, id);

	if (twin != NULL)
		join_delivery(twin, host, record);
	bool is_new = twin == NULL && !inbox_is_known(inbox, id);

	inbox_remember(inbox, id);
	if (!is_new || !wish.count)
		return 0;
	struct mail *mail = g_new0(struct mail, 1);
	uint64_t number = ++inbox->last_number;

	mail->shown = (struct inbox_mail){
		.number = number,
		.host = g_strdup(host),
		.sender = g_strdup(record->sender),
		.recipient = g_strdup(to[0]),
		.message_id = g_strdup(record->message_id),
		.at_us = time_or_newest(inbox, record->at_us),
		.wants_notice = wish.notice,
		.wants_sound = wish.sound,
	};
	mail->id = g_steal_pointer(&id);
	inbox_insert(inbox, mail);
	return number;
}

/* --- from the mailboxes --- */

/* "Name <address>": the address; the name is the sender's to choose, so the last "<". */
static char *
address_in(const char *from)
{
	const char *open = from == NULL ? NULL : strrchr(from, '<');

	if (open == NULL)
		return g_strdup(from);
	return g_strndup(open + 1, strcspn(open + 1, ">"));
}

static struct wish
wish_for_letter(const struct inbox *inbox, const struct letter *letter, char **first_to_out)
{
	g_auto(GStrv) to = g_strsplit(letter->to == NULL ? "" : letter->to, ", ", -1);
	g_autofree char *from = address_in(letter->from);

	*first_to_out = g_strdup(to[0]);
	return wish_for(inbox, to, from);
}

/* What is known of it already, by a log or from the last run. */
static void
join_letter(struct mail *mail, const char *mailbox, const char *key,
    const struct letter *letter, struct wish wish)
{
	bool is_elsewhere =
	    mail->shown.key != NULL && strcmp(mail->shown.mailbox, mailbox) != 0;

	if (mail->shown.key == NULL || (mail->loaded && !is_elsewhere)) {
		g_free((gpointer)mail->shown.mailbox);
		g_free((gpointer)mail->shown.key);
		mail->shown.mailbox = g_strdup(mailbox);
		mail->shown.key = g_strdup(key);
		mail->loaded = false;
	}
	fill(&mail->shown.subject, letter->subject);
	/* A rule may be about the addresses in its head, which no log knows. */
	mail->shown.seen = mail->shown.seen || !wish.count;
	mail->shown.wants_notice = mail->shown.wants_notice && wish.notice;
	mail->shown.wants_sound = mail->shown.wants_sound && wish.sound;
}

/* What lay there when all was seen is not new for having been forgotten meanwhile. */
static bool
was_before_mark(struct inbox *inbox, const char *mailbox, const struct letter *letter)
{
	struct mark *mark = inbox_mark(inbox, mailbox);

	mark->last_us = MAX(mark->last_us, letter->at_us);
	return letter->was_there && letter->at_us > 0 && letter->at_us < mark->seen_us;
}

uint64_t
inbox_add_letter(struct inbox *inbox, const char *mailbox, const char *key,
    const struct letter *letter, int64_t at_us)
{
	g_autofree char *id = inbox_id(letter->message_id);
	g_autofree char *place = inbox_place(mailbox, key);
	g_autofree char *recipient = NULL;
	struct mail *twin = find_place(inbox, mailbox, key);
	const struct wish wish = wish_for_letter(inbox, letter, &recipient);
	bool is_old = was_before_mark(inbox, mailbox, letter);

	if (twin == NULL)
		twin = find_id(inbox, id);
	if (twin != NULL) {
		join_letter(twin, mailbox, key, letter, wish);
		return 0;
	}
	bool is_new = !is_old && !inbox_is_known(inbox, id) &&
		      !g_hash_table_contains(inbox->beyond, place);

	if (!is_old)
		inbox_remember(inbox, id);
	if (!is_new || !wish.count)
		return 0;
	struct mail *mail = g_new0(struct mail, 1);
	uint64_t number = ++inbox->last_number;
	bool is_dated = letter->was_there && letter->at_us > 0 && letter->at_us < at_us;

	mail->shown = (struct inbox_mail){
		.number = number,
		.sender = g_strdup(letter->from),
		.recipient = g_steal_pointer(&recipient),
		.subject = g_strdup(letter->subject),
		.message_id = g_strdup(letter->message_id),
		.mailbox = g_strdup(mailbox),
		.key = g_strdup(key),
		.at_us = is_dated ? letter->at_us : at_us,
		.wants_notice = wish.notice,
		.wants_sound = wish.sound,
	};
	mail->id = g_steal_pointer(&id);
	inbox_insert(inbox, mail);
	return number;
}

char **
inbox_unseen_keys(const struct inbox *inbox, const char *mailbox)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new();

	for (guint i = 0; i < inbox->mails->len; i++) {
		const struct inbox_mail *mail =
		    &((const struct mail *)inbox->mails->pdata[i])->shown;

		if (!mail->seen && mail->key != NULL && strcmp(mail->mailbox, mailbox) == 0)
			g_ptr_array_add(keys, g_strdup(mail->key));
	}
	for (const GList *link = inbox->beyond_order.head; link != NULL;
	     link = link->next) {
		const char *place = link->data;
		const char *end = strchr(place, '\n');

		if (end != NULL && strcmp(end + 1, mailbox) == 0)
			g_ptr_array_add(keys, g_strndup(place, (gsize)(end - place)));
	}
	g_ptr_array_add(keys, NULL);
	return (char **)g_ptr_array_steal(keys, NULL);
}

/* --- seen --- */

bool
inbox_key_seen(struct inbox *inbox, const char *mailbox, const char *key)
{
	g_autofree char *place = inbox_place(mailbox, key);
	struct mail *mail = find_place(inbox, mailbox, key);

	if (mail == NULL)
		return remove_beyond(inbox, place);
	if (mail->shown.seen)
		return false;
	mail->shown.seen = true;
	return true;
}

bool
inbox_all_seen(struct inbox *inbox)
{
	bool was_new = inbox_new_count(inbox) > 0;

	for (guint i = 0; i < inbox->mails->len; i++)
		((struct mail *)inbox->mails->pdata[i])->shown.seen = true;
	g_hash_table_remove_all(inbox->beyond);
	g_queue_clear_full(&inbox->beyond_order, g_free);
	inbox->beyond_logs = 0;
	for (guint i = 0; i < inbox->marks->len; i++) {
		struct mark *mark = inbox->marks->pdata[i];

		mark->seen_us = mark->last_us;
	}
	return was_new;
}

/* --- to look at --- */

size_t
inbox_new_count(const struct inbox *inbox)
{
	size_t n = inbox->beyond_order.length + inbox->beyond_logs;

	for (guint i = 0; i < inbox->mails->len; i++)
		n += !((const struct mail *)inbox->mails->pdata[i])->shown.seen;
	return n;
}

const struct inbox_mail *
inbox_recent(const struct inbox *inbox, size_t i)
{
	if (i >= inbox->mails->len)
		return NULL;
	return &((const struct mail *)inbox->mails->pdata[inbox->mails->len - 1 - i])
		    ->shown;
}

const struct inbox_mail *
inbox_find(const struct inbox *inbox, uint64_t number)
{
	const struct inbox_mail *mail;

	for (size_t i = 0; (mail = inbox_recent(inbox, i)) != NULL; i++)
		if (mail->number == number)
			return mail;
	return NULL;
}

const struct inbox_mail *
inbox_next_untold(struct inbox *inbox)
{
	for (guint i = inbox->mails->len; i > 0; i--) {
		struct inbox_mail *mail =
		    &((struct mail *)inbox->mails->pdata[i - 1])->shown;

		if (mail->seen || mail->told || !(mail->wants_notice || mail->wants_sound))
			continue;
		mail->told = true;
		return mail;
	}
	return NULL;
}
