#include "desktop/letter.h"

#include <errno.h>
#include <fcntl.h>
#include <gmime/gmime.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(InternetAddressList, g_object_unref)

enum {
	FIELD_BYTES = 8192, /* of one field: 300 characters of any encoding */
	MAX_ADDRESSES = 50,
	US_PER_S = 1000000,
	MOZILLA_READ = 1, /* X-Mozilla-Status, of Thunderbird's folders */
	MOZILLA_EXPUNGED = 8,
};

enum field {
	FIELD_SUBJECT,
	FIELD_FROM,
	FIELD_ORIGINAL_TO,
	FIELD_DELIVERED_TO,
	FIELD_TO,
	FIELD_CC,
	FIELD_MESSAGE_ID,
	FIELD_STATUS,
	FIELD_X_STATUS,
	FIELD_MOZILLA_STATUS,
	FIELD_COUNT,
};

static const struct str field_names[FIELD_COUNT] = {
	[FIELD_SUBJECT] = STR_INIT("Subject"),
	[FIELD_FROM] = STR_INIT("From"),
	[FIELD_ORIGINAL_TO] = STR_INIT("X-Original-To"),
	[FIELD_DELIVERED_TO] = STR_INIT("Delivered-To"),
	[FIELD_TO] = STR_INIT("To"),
	[FIELD_CC] = STR_INIT("Cc"),
	[FIELD_MESSAGE_ID] = STR_INIT("Message-ID"),
	[FIELD_STATUS] = STR_INIT("Status"),
	[FIELD_X_STATUS] = STR_INIT("X-Status"),
	[FIELD_MOZILLA_STATUS] = STR_INIT("X-Mozilla-Status"),
};

/* --- the fields of a head, as they stand --- */

static struct str
without_cr(struct str line)
{
	return str_ends(line, STR("\r")) ? str_head(line, line.n - 1) : line;
}

static enum field
field_of(struct str name)
{
	/* RFC 5322, 4.5: old messages may have blanks before the colon. */
	name = str_trim(name);
	for (int f = 0; f < FIELD_COUNT; f++)
		if (str_eq_nocase(name, field_names[f]))
			return (enum field)f;
	return FIELD_COUNT;
}

/* Of fields that stand there twice the first counts: what delivers puts its own on top. */
static void
split_fields(struct str head, GString *values[FIELD_COUNT])
{
	enum field open = FIELD_COUNT;

	while (head.n > 0) {
		struct str line = without_cr(str_cut(&head, '\n'));

		if (line.n == 0)
			return;
		if (line.p[0] == ' ' || line.p[0] == '\t') {
			if (open != FIELD_COUNT && values[open]->len < FIELD_BYTES)
				g_string_append_len(values[open], line.p, (gssize)line.n);
			continue;
		}
		struct str value = line;
		bool is_field = str_find_char(line, ':') > 0;

		open = is_field ? field_of(str_cut(&value, ':')) : FIELD_COUNT;
		if (open != FIELD_COUNT && values[open] != NULL)
			open = FIELD_COUNT;
		if (open != FIELD_COUNT)
			values[open] = g_string_new_len(value.p, (gssize)value.n);
	}
}

/* As text of C that GMime takes; NULL if there is nothing in it. */
static char *
field_text(GString *value)
{
	if (value == NULL)
		return NULL;
	if (value->len > FIELD_BYTES)
		g_string_truncate(value, FIELD_BYTES);
	for (gsize i = 0; i < value->len; i++)
		if (value->str[i] == '\0')
			value->str[i] = ' ';
	char *text = g_strstrip(g_strdup(value->str));

	if (*text != '\0')
		return text;
	g_free(text);
	return NULL;
}

/* --- text for the desk --- */

/* Valid UTF-8 without control characters, cut; NULL for nothing. */
static char *
clean(const char *text)
{
	if (text == NULL)
		return NULL;
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autoptr(GString) out = g_string_new(NULL);
	int n = 0;

	for (const char *c = valid; *c != '\0' && n < LETTER_CHARACTERS;
	     c = g_utf8_next_char(c), n++) {
		gunichar code = g_utf8_get_char(c);

		g_string_append_unichar(out, g_unichar_iscntrl(code) ? ' ' : code);
	}
	g_strstrip(out->str);
	return *out->str == '\0' ? NULL : g_strdup(out->str);
}

static char *
decoded(const char *text)
{
	g_autofree char *plain =
	    text == NULL ? NULL : g_mime_utils_header_decode_text(NULL, text);

	return clean(plain);
}

static char *
raw(GString *value)
{
	g_autofree char *text = field_text(value);

	return clean(text);
}

/* --- addresses --- */

/* The mailbox at i; of a group its first one. */
static InternetAddress *
mailbox_at(InternetAddressList *list, int i)
{
	InternetAddress *address = internet_address_list_get_address(list, i);

	if (address == NULL || INTERNET_ADDRESS_IS_MAILBOX(address))
		return address;
	if (!INTERNET_ADDRESS_IS_GROUP(address))
		return NULL;
	InternetAddressList *members =
	    internet_address_group_get_members(INTERNET_ADDRESS_GROUP(address));
	InternetAddress *first =
	    members == NULL || internet_address_list_length(members) == 0
		? NULL
		: internet_address_list_get_address(members, 0);

	return first != NULL && INTERNET_ADDRESS_IS_MAILBOX(first) ? first : NULL;
}

static char *
address_at(InternetAddressList *list, int i)
{
	InternetAddress *mailbox = mailbox_at(list, i);

	return mailbox == NULL ? NULL
			       : clean(internet_address_mailbox_get_addr(
				     INTERNET_ADDRESS_MAILBOX(mailbox)));
}

static InternetAddressList *
parse_addresses(GString *value)
{
	g_autofree char *text = field_text(value);

	return text == NULL ? NULL : internet_address_list_parse(NULL, text);
}

static char *
read_from(GString *value)
{
	g_autoptr(InternetAddressList) list = parse_addresses(value);
	bool has_any = list != NULL && internet_address_list_length(list) > 0;
	g_autofree char *address = has_any ? address_at(list, 0) : NULL;
	g_autofree char *name =
	    address == NULL ? NULL : clean(internet_address_get_name(mailbox_at(list, 0)));

	/* Not a whole address, maybe a name alone. */
	if (address == NULL || (name == NULL && strchr(address, '@') == NULL))
		return decoded(value == NULL ? NULL : value->str);
	if (name == NULL || strcmp(name, address) == 0)
		return g_steal_pointer(&address);
	return g_strdup_printf("%s <%s>", name, address);
}

static bool
has_address(const GPtrArray *addresses, const char *address)
{
	for (guint i = 0; i < addresses->len; i++)
		if (g_ascii_strcasecmp(addresses->pdata[i], address) == 0)
			return true;
	return false;
}

static void
collect_addresses(GPtrArray *addresses, GString *value)
{
	g_autoptr(InternetAddressList) list = parse_addresses(value);
	int n = list == NULL ? 0 : internet_address_list_length(list);

	for (int i = 0; i < n && addresses->len < MAX_ADDRESSES; i++) {
		g_autofree char *address = address_at(list, i);

		if (address != NULL && !has_address(addresses, address))
			g_ptr_array_add(addresses, g_steal_pointer(&address));
	}
}

/* Whole addresses only: half of one could be another's. */
static char *
read_to(GString *values[FIELD_COUNT])
{
	static const enum field fields[] = { FIELD_ORIGINAL_TO, FIELD_DELIVERED_TO,
		FIELD_TO, FIELD_CC };
	g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GString) out = g_string_new(NULL);
	glong room = LETTER_CHARACTERS;

	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
		collect_addresses(addresses, values[fields[i]]);
	for (guint i = 0; i < addresses->len; i++) {
		room -= g_utf8_strlen(addresses->pdata[i], -1) + (i > 0 ? 2 : 0);
		if (room < 0)
			break;
		g_string_append_printf(out, "%s%s", i > 0 ? ", " : "",
		    (const char *)addresses->pdata[i]);
	}
	return out->len == 0 ? NULL : g_strdup(out->str);
}

/* --- a letter --- */

static char *
read_status(GString *values[FIELD_COUNT])
{
	g_autofree char *status = raw(values[FIELD_STATUS]);
	g_autofree char *more = raw(values[FIELD_X_STATUS]);
	g_autofree char *mozilla = raw(values[FIELD_MOZILLA_STATUS]);
	guint64 bits = mozilla == NULL ? 0 : g_ascii_strtoull(mozilla, NULL, 16);

	if (status == NULL && more == NULL && mozilla == NULL)
		return NULL;
	return g_strconcat(status == NULL ? "" : status, more == NULL ? "" : more,
	    bits & MOZILLA_READ ? "R" : "", bits & MOZILLA_EXPUNGED ? "D" : "", NULL);
}

static void
start_gmime(void)
{
	static gsize started = 0;

	if (g_once_init_enter(&started)) {
		g_mime_init();
		g_once_init_leave(&started, 1);
	}
}

void
desk_letter_read(struct letter *letter, struct str head)
{
	GString *values[FIELD_COUNT] = { 0 };

	start_gmime();
	head = str_head(head, LETTER_HEAD_BYTES);
	if (str_starts(head, STR("From ")) || str_starts(head, STR(">From ")))
		(void)str_cut(&head, '\n');
	split_fields(head, values);
	g_autofree char *subject = field_text(values[FIELD_SUBJECT]);

	*letter = (struct letter){
		.subject = decoded(subject),
		.from = read_from(values[FIELD_FROM]),
		.to = read_to(values),
		.message_id = raw(values[FIELD_MESSAGE_ID]),
		.status = read_status(values),
	};
	for (int f = 0; f < FIELD_COUNT; f++)
		if (values[f] != NULL)
			(void)g_string_free(values[f], TRUE);
}

int
desk_letter_open(const char *path, int flags)
{
	struct stat st;

	flags |= O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = open(path, flags | O_NOATIME);

	if (fd < 0 && errno == EPERM) /* it is somebody else's */
		fd = open(path, flags);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	(void)close(fd);
	return -EINVAL;
}

static int
read_whole(int fd, char *bytes, size_t max, size_t *n_out)
{
	size_t n = 0;

	while (n < max) {
		ssize_t got = read(fd, bytes + n, max - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*n_out = n;
	return n == 0 ? -ENODATA : 0;
}

int
desk_letter_read_file(struct letter *letter, const char *path)
{
	int fd = desk_letter_open(path, O_NOFOLLOW);
	g_autofree char *bytes = g_malloc(LETTER_HEAD_BYTES);
	struct stat st = { 0 };
	size_t n = 0;

	*letter = (struct letter){ 0 };
	if (fd < 0)
		return fd;
	int r = fstat(fd, &st) == 0 ? read_whole(fd, bytes, LETTER_HEAD_BYTES, &n) : -errno;

	(void)close(fd);
	if (r < 0)
		return r;
	desk_letter_read(letter, (struct str){ bytes, n });
	/* What renames or links it into the folder sets the time of change, and nobody can
	 * set it back, as programs that copy mail do with the time of modification. */
	letter->at_us =
	    (int64_t)st.st_ctim.tv_sec * US_PER_S + (int64_t)st.st_ctim.tv_nsec / 1000;
	return 0;
}

void
desk_letter_done(struct letter *letter)
{
	g_free(letter->subject);
	g_free(letter->from);
	g_free(letter->to);
	g_free(letter->message_id);
	g_free(letter->status);
	*letter = (struct letter){ 0 };
}
