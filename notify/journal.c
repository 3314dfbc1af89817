/*
 * journal - entries in the system's journal as a channel
 *
 * Purpose    One entry for each incident of a message, with the fields of
 *            packaging/catalog/mailwarden.catalog, so that `journalctl -x` says what it
 *            means and `journalctl MAILWARDEN_INCIDENT=...` shows one trouble's story.
 * Limits     Waits for READY_WAIT_MS for journald to take a datagram. Journald gives no
 *            receipt: accepted means handed over.
 * No loop    SYSLOG_IDENTIFIER is mailwarden and the facility is daemon, not mail, so that
 *            neither syslog's mail log nor our own reading (parsers/ruleset) takes an alert
 *            for a mail server's words.
 */
/* The entry is about an incident, not about a line of ours: no CODE_FILE. */
#define SD_JOURNAL_SUPPRESS_LOCATION

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "core/plain.h"
#include "notify/channel.h"

#define SOCKET_PATH "/run/systemd/journal/socket"

enum {
	READY_WAIT_MS = 5000,
	MAX_FIELDS = 24,
	FIELD_BYTES = 500, /* of a name: provider, rule, host */
};

/* As in packaging/catalog/mailwarden.catalog; never to be used for anything else. */
#define ID_OPENED "80b9528ba6a04d9881461407a4bf10e1"
#define ID_ESCALATED "da656a6771984c0eae8bae3c1648551b"
#define ID_RESOLVED "2870a0b899a94c318066d13824a68689"
#define ID_REMINDER "ae26e15031d84edb9966d245e0c32df9"
#define ID_TEST "f2334e513ce24661a2d973b6ed539b28"
#define ID_DIGEST "9d262086958b41afbfffb3d70a03c54a"

/* The fields of one entry, one behind the other; the bytes move until all are there. */
struct entry {
	struct buf bytes;
	size_t ends[MAX_FIELDS], n;
};

static void
entry_done(struct entry *entry)
{
	buf_done(&entry->bytes);
}

static void
end_field(struct entry *entry)
{
	if (entry->n < MAX_FIELDS)
		entry->ends[entry->n++] = entry->bytes.n;
	else
		entry->bytes.failed = true; /* a field too many: our own fault */
}

static void
add_int(struct entry *entry, const char *name, int64_t value)
{
	buf_addf(&entry->bytes, "%s=%" PRId64, name, value);
	end_field(entry);
}

/* One safe line; nothing if there is no text. */
static void
add_text(struct entry *entry, const char *name, struct str text, size_t max_bytes)
{
	if (text.n == 0)
		return;
	buf_addf(&entry->bytes, "%s=", name);
	message_plain(&entry->bytes, text, max_bytes);
	end_field(entry);
}

/* Safe lines: the catalog shows them as they are. */
static void
add_lines(struct entry *entry, const char *name, struct str text, size_t max_bytes)
{
	if (text.n == 0)
		return;
	buf_addf(&entry->bytes, "%s=", name);
	for (size_t start = entry->bytes.n; text.n > 0;) {
		size_t used = entry->bytes.n - start;
		struct str line = str_cut(&text, '\n');

		if (used >= max_bytes)
			break;
		message_plain(&entry->bytes, line, max_bytes - used);
		if (text.n > 0)
			buf_add_char(&entry->bytes, '\n');
	}
	end_field(entry);
}

static const char *
id_of(const struct told *told)
{
	if (told_is_over(told))
		return ID_RESOLVED;
	switch (told->notice) {
	case NOTICE_ESCALATED: return ID_ESCALATED;
	case NOTICE_REMINDER: return ID_REMINDER;
	default: return ID_OPENED;
	}
}

static int
priority_of(const struct told *told)
{
	bool critical = told->incident.severity == SEVERITY_CRITICAL;

	if (told_is_over(told))
		return critical ? LOG_NOTICE : LOG_INFO;
	if (told->incident.severity == SEVERITY_INFO)
		return LOG_INFO;
	return critical ? LOG_CRIT : LOG_WARNING;
}

static void
begin_entry(struct entry *entry, const struct message *message, const char *id,
    int priority)
{
	buf_clear(&entry->bytes);
	entry->n = 0;
	add_text(entry, "SYSLOG_IDENTIFIER", STR("mailwarden"), FIELD_BYTES);
	add_int(entry, "SYSLOG_FACILITY", LOG_FAC(LOG_DAEMON));
	add_int(entry, "PRIORITY", priority);
	add_text(entry, "MESSAGE_ID", str_of(id), FIELD_BYTES);
	add_text(entry, "DOCUMENTATION", STR("man:mailwarden(1)"), FIELD_BYTES);
	add_text(entry, "MAILWARDEN_MESSAGE", str_of(message->id), FIELD_BYTES);
}

static void
fill_incident(struct entry *entry, const struct message *message, const struct told *told)
{
	const struct incident *in = &told->incident;
	AUTO(buf_done) struct buf line = { 0 };
	struct str summary = in->summary.n > 0 ? in->summary : in->rule;
	struct str advice =
	    in->advice.n > 0 ? in->advice : STR("Nothing is known about what helps.");

	begin_entry(entry, message, id_of(told), priority_of(told));
	message_line(told, &line);
	add_text(entry, "MESSAGE", buf_str(&line), MESSAGE_SUBJECT_BYTES);
	add_text(entry, "MAILWARDEN_INCIDENT", in->id, FIELD_BYTES);
	add_text(entry, "MAILWARDEN_NOTICE", str_of(notice_name(told->notice)),
	    FIELD_BYTES);
	add_text(entry, "MAILWARDEN_RULE", in->rule, FIELD_BYTES);
	add_text(entry, "MAILWARDEN_SEVERITY", str_of(severity_name(in->severity)),
	    FIELD_BYTES);
	add_text(entry, "MAILWARDEN_HOST",
	    in->host.n > 0 ? in->host : str_of(message->host), FIELD_BYTES);
	add_text(entry, "MAILWARDEN_PROVIDER", in->provider, FIELD_BYTES);
	add_text(entry, "MAILWARDEN_CODE_ID", in->code_id, FIELD_BYTES);
	add_text(entry, "MAILWARDEN_CATEGORY", in->category, FIELD_BYTES);
	add_int(entry, "MAILWARDEN_COUNT", in->count);
	add_text(entry, "MAILWARDEN_SUMMARY", summary, MESSAGE_SUMMARY_BYTES);
	add_lines(entry, "MAILWARDEN_ADVICE", advice, MESSAGE_ADVICE_BYTES);
	add_text(entry, "MAILWARDEN_URL", in->url, MESSAGE_SUMMARY_BYTES);
}

static void
fill_test(struct entry *entry, const struct message *message)
{
	begin_entry(entry, message, ID_TEST, LOG_NOTICE);
	add_text(entry, "MESSAGE", str_of(message->subject), MESSAGE_SUBJECT_BYTES);
	add_text(entry, "MAILWARDEN_NOTICE", str_of(notice_name(NOTICE_TEST)), FIELD_BYTES);
	add_text(entry, "MAILWARDEN_HOST", str_of(message->host), FIELD_BYTES);
}

static void
fill_digest(struct entry *entry, const struct message *message)
{
	begin_entry(entry, message, ID_DIGEST, LOG_NOTICE);
	add_text(entry, "MESSAGE", str_of(message->subject), MESSAGE_SUBJECT_BYTES);
	add_text(entry, "MAILWARDEN_NOTICE", str_of(notice_name(NOTICE_DIGEST)),
	    FIELD_BYTES);
	add_text(entry, "MAILWARDEN_HOST", str_of(message->host), FIELD_BYTES);
	add_lines(entry, "MAILWARDEN_SUMMARY", str_of(message->text), MESSAGE_ADVICE_BYTES);
}

/* A socket that is connected to journald's, or a negative errno. */
static int
connect_journal(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET_PATH };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	int code = errno;

	(void)close(fd);
	return -code;
}

/*
 * sd_journal_sendv() says that all is well without a socket, and waits without a limit when
 * journald does not read: found out before.
 */
static int
check_journal(struct err *err)
{
	int fd = connect_journal();

	if (fd < 0)
		return err_set(err, fd, "write to the journal: %s: %s%s", SOCKET_PATH,
		    strerror(-fd),
		    fd == -ENOENT || fd == -ECONNREFUSED
			? " (does systemd-journald run here?)"
			: "");
	struct pollfd ready = { fd, POLLOUT, 0 };
	int n = poll(&ready, 1, READY_WAIT_MS);

	(void)close(fd);
	if (n <= 0)
		return err_set(err, -EAGAIN,
		    "write to the journal: systemd-journald does not read "
		    "(systemctl status systemd-journald)");
	return 0;
}

static int
write_entry(const struct entry *entry, struct err *err)
{
	struct iovec fields[MAX_FIELDS];
	size_t start = 0;

	if (entry->bytes.failed)
		return err_set(err, -ENOMEM, "write to the journal: out of memory");
	for (size_t i = 0; i < entry->n; i++) {
		fields[i].iov_base = entry->bytes.p + start;
		fields[i].iov_len = entry->ends[i] - start;
		start = entry->ends[i];
	}
	int r = check_journal(err);

	if (r < 0)
		return r;
	r = sd_journal_sendv(fields, (int)entry->n);
	if (r < 0)
		return err_set(err, r, "write to the journal: %s", strerror(-r));
	return 0;
}

static enum send_result
send_message(struct channel *channel, const struct message *message,
    struct receipt *receipt, struct err *err)
{
	AUTO(entry_done) struct entry entry = { 0 };

	(void)channel;
	if (message->nitems == 0) {
		if (message->digest != NULL)
			fill_digest(&entry, message);
		else
			fill_test(&entry, message);
		return write_entry(&entry, err) < 0 ? SEND_RETRY : SEND_ACCEPTED;
	}
	for (size_t i = 0; i < message->nitems; i++) {
		fill_incident(&entry, message, &message->items[i]);
		if (write_entry(&entry, err) < 0) {
			receipt->uncertain = i > 0; /* those before it are written */
			return SEND_RETRY;
		}
	}
	return SEND_ACCEPTED;
}

const struct channel_type channel_journal = { .kind = CHANNEL_JOURNAL,
	.send = send_message };
