/* A digest on its way: its parts in the store, its message to channels. */
#include "store_box.h"

#include <errno.h>
#include <string.h>

#include "notify/message.h"
#include "store/digest.h"

struct parts {
	size_t n;
	char names[DIGEST_PARTS][40];
	size_t nsame;
};

static const char image[] = "\x89PNG\r\n\x1a\n\0\xff end";
static const struct digest_part parts[] = {
	{ STR_INIT("subject"), STR_INIT("[digest] mx1.example.org, week 10") },
	{ STR_INIT("html"), STR_INIT("<img src=\"cid:a@mx1\">") },
	{ STR_INIT("a@mx1"), { image, sizeof image } },
	{ STR_INIT("brief"), STR_INIT("") },
};
enum { NPARTS = sizeof parts / sizeof *parts };

static int
take(void *ctx, const struct digest_part *part)
{
	struct parts *p = ctx;

	(void)snprintf(p->names[p->n], sizeof p->names[p->n], "%.*s", STR_ARG(part->name));
	p->nsame += p->n < NPARTS && str_eq(part->body, parts[p->n].body);
	return p->n++ == NPARTS ? -E2BIG : 0;
}

static int
add(struct box *b, const char *id, const struct digest_part *list, size_t n)
{
	check(b, store_begin(b->store, &b->err));
	int r = store_add_digest(b->store, str_of(id), T0, list, n, &b->err);

	if (r < 0)
		store_rollback(b->store);
	else
		check(b, store_commit(b->store, &b->err));
	return r;
}

static void
test_parts(void **state)
{
	struct box *b = *state;
	struct parts p = { 0 };

	assert_int_equal(add(b, "d1", parts, NPARTS), 1);
	/* the same again: it stays as it is */
	assert_int_equal(add(b, "d1", parts, 1), 0);
	reopen(b);
	check(b, store_each_part(b->store, STR("d1"), take, &p, &b->err));
	assert_int_equal(p.n, NPARTS);
	assert_int_equal(p.nsame, NPARTS);
	assert_string_equal(p.names[2], "a@mx1");
	assert_int_equal(ask(b, "SELECT count(*) FROM outbox WHERE id = 'd1'"), 1);
	assert_int_equal(ask(b, "SELECT notice FROM outbox"), NOTICE_DIGEST);
	p = (struct parts){ 0 };
	check(b, store_each_part(b->store, STR("d2"), take, &p, &b->err));
	assert_int_equal(p.n, 0);
}

static void
test_limits(void **state)
{
	struct box *b = *state;
	struct digest_part many[DIGEST_PARTS + 1];
	char names[DIGEST_PARTS + 1][8], *large = calloc(1, DIGEST_STORED_BYTES + 1);

	assert_non_null(large);
	for (size_t i = 0; i < DIGEST_PARTS + 1; i++) {
		many[i] = parts[0];
		(void)snprintf(names[i], sizeof names[i], "p%zu", i);
		many[i].name = str_of(names[i]);
	}
	assert_int_equal(add(b, "d1", many, DIGEST_PARTS + 1), -E2BIG);
	many[0].body = (struct str){ large, DIGEST_STORED_BYTES + 1 };
	assert_int_equal(add(b, "d1", many, 1), -E2BIG);
	assert_int_equal(ask(b, "SELECT count(*) FROM outbox"), 0);
	many[0].body.n--;
	assert_int_equal(add(b, "d1", many, 1), 1);
	assert_int_equal(add(b, "d2", many + 1, DIGEST_PARTS), 1);
	free(large);
}

static const struct message_context context = {
	.host = STR_INIT("mx1"),
	.now_us = INT64_C(1795236077482913),
	.version = STR_INIT("0.1.0"),
};

/* Copied, and safe to look at where it is a header. */
static void
test_message(void **state)
{
	char text[] = "text", html[] = "<p>", png[] = "\x89\0x", id[] = "a@mx1",
	     brief[] = "brief", subject[] = "[digest] \x1b[2J\nX: y";
	struct message_image images[] = { { str_of(id), { png, 3 } } };
	struct message_digest digest = { str_of(subject), str_of(brief), str_of(text),
		str_of(html), images, 1 };
	struct message *m = message_new_digest(STR("d1"), &digest, &context);

	(void)state;
	assert_non_null(m);
	text[0] = html[0] = png[0] = id[0] = brief[0] = subject[0] = '?';
	images[0].id = STR("gone");
	assert_false(m->is_test);
	assert_int_equal(m->nitems, 0);
	assert_int_equal(m->severity, SEVERITY_INFO);
	assert_string_equal(m->text, "brief");
	assert_string_equal(m->html, "");
	assert_ptr_equal(strstr(m->subject, "[digest] "), m->subject);
	for (const char *c = m->subject; *c != '\0'; c++)
		assert_true((unsigned char)*c >= ' ');
	assert_true(str_eq(m->digest->text, STR("text")));
	assert_true(str_eq(m->digest->html, STR("<p>")));
	assert_int_equal(m->digest->nimages, 1);
	assert_true(str_eq(m->digest->images[0].id, STR("a@mx1")));
	assert_int_equal(m->digest->images[0].png.n, 3);
	assert_memory_equal(m->digest->images[0].png.p, "\x89\0x", 3);
	message_free(m);
}

static void
test_message_of_nothing(void **state)
{
	struct message *m =
	    message_new_digest(STR("d1"), &(struct message_digest){ 0 }, &context);

	(void)state;
	assert_non_null(m);
	assert_string_equal(m->text, "");
	assert_int_equal(m->digest->nimages, 0);
	message_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_parts),
		STORE_TEST(test_limits),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_message_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
