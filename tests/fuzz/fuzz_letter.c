/* Any bytes as the head of a message in a mailbox; also as a message that joins an inbox. */
#include <glib.h>

#include "desktop/inbox.h"
#include "desktop/letter.h"
#include "fuzz_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const char *text)
{
	if (text == NULL)
		return;
	CHECK(g_utf8_validate(text, -1, NULL));
	CHECK(*text != '\0');
	/* "Name <address>" has two of them. */
	CHECK(g_utf8_strlen(text, -1) <= 2 * LETTER_CHARACTERS + 3);
	for (const char *c = text; *c != '\0'; c = g_utf8_next_char(c))
		CHECK(!g_unichar_iscntrl(g_utf8_get_char(c)));
}

/* Told twice it counts once; seen, it does not count. */
static void
check_inbox(const struct letter *letter)
{
	static char *none[] = { NULL };
	struct desk_rule rule = { .to = (char *)(uintptr_t) "*@example.org",
		.from = (char *)(uintptr_t) "*a*@*",
		.notify = DESK_NO };
	const struct desk_settings settings = {
		.addresses = none, .rules = &rule, .nrules = 1
	};
	struct inbox *inbox = inbox_new(&settings);
	AUTO(buf_done) struct buf text = { 0 };

	CHECK(inbox_add_letter(inbox, "/m", "k", letter, 1) != 0);
	CHECK(inbox_add_letter(inbox, "/m", "k", letter, 1) == 0);
	if (letter->message_id != NULL)
		(void)inbox_add_letter(inbox, "/n", "k", letter, 1);
	CHECK(inbox_key_seen(inbox, "/m", "k"));
	CHECK(inbox_new_count(inbox) <= 1);
	inbox_save(inbox, &text);
	CHECK(!text.failed);
	inbox_free(inbox);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str head = fuzz_copy(data, size);
	struct letter letter;

	desk_letter_read(&letter, head);
	free((char *)(uintptr_t)head.p);
	check_text(letter.subject);
	check_text(letter.from);
	check_text(letter.to);
	check_text(letter.message_id);
	CHECK(letter.status == NULL || g_utf8_validate(letter.status, -1, NULL));
	check_inbox(&letter);
	desk_letter_done(&letter);
	return 0;
}
