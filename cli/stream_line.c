#include "cli/stream_line.h"

#include "core/clock.h"
#include "core/json.h"
#include "core/plain.h"

/* --- JSON --- */

/* The members of an object that is there already, behind what was written of it. */
static void
add_members(struct buf *out, struct str object)
{
	if (object.n > 2) {
		buf_add_char(out, ',');
		buf_add(out, str_skip(object, 1));
	} else {
		buf_add_char(out, '}');
	}
}

static void
add_place(struct json *j, const struct stream_place *place)
{
	json_key(j, "id");
	buf_add_char(j->out, '"');
	stream_place_text(place, j->out);
	buf_add_char(j->out, '"');
}

static void
incident_line(const struct stream_record *record, struct buf *out)
{
	struct json j = json_begin(out);

	json_text(&j, "type", STR("incident"));
	add_place(&j, &record->place);
	json_text(&j, "change", str_of(notice_name(record->change)));
	json_key(&j, "at");
	buf_add_char(out, '"');
	clock_rfc3339(out, record->time_us, 0);
	buf_add_char(out, '"');
	json_key(&j, "incident");
	if (record->body.n > 0) {
		buf_add(out, record->body);
	} else {
		struct json bare = json_begin(out);

		json_text(&bare, "type", STR("incident"));
		json_text(&bare, "id", record->incident);
		json_end(&bare);
	}
	json_end(&j);
}

void
stream_line_json(const struct stream_record *record, struct buf *out)
{
	AUTO(buf_done) struct buf made = { 0 };

	if (record->table == STREAM_CHANGE) {
		incident_line(record, out);
	} else {
		struct json j = json_begin(out);

		json_text(&j, "type", STR("event"));
		add_place(&j, &record->place);
		if (record->body.n == 0)
			event_json(&record->ev, &made);
		out->failed |= made.failed;
		add_members(out, record->body.n > 0 ? record->body : buf_str(&made));
	}
	buf_add_char(out, '\n');
}

void
stream_line_open(const struct incident *incident, struct buf *out)
{
	struct json j = json_begin(out);

	json_text(&j, "type", STR("incident"));
	json_text(&j, "change", STR("open"));
	json_time(&j, "at", incident->opened_us);
	json_key(&j, "incident");
	incident_json(incident, out);
	json_end(&j);
	buf_add_char(out, '\n');
}

void
stream_line_ready(const struct stream_place *place, int64_t incidents, int64_t now_us,
    struct buf *out)
{
	struct json j = json_begin(out);

	json_text(&j, "type", STR("ready"));
	add_place(&j, place);
	json_int(&j, "incidents", incidents);
	json_time(&j, "at", now_us);
	json_end(&j);
	buf_add_char(out, '\n');
}

void
stream_line_watcher(bool runs, int64_t now_us, struct buf *out)
{
	struct json j = json_begin(out);

	json_text(&j, "type", STR("watcher"));
	json_bool(&j, "runs", runs);
	json_time(&j, "at", now_us);
	json_end(&j);
	buf_add_char(out, '\n');
}

/* --- text --- */

static void
add(struct buf *line, const char *before, struct str text)
{
	if (text.n == 0)
		return;
	buf_add(line, str_of(before));
	buf_add(line, text);
}

static struct str
field(const struct stream_record *record, enum event_field f)
{
	return event_text(&record->ev, f);
}

static void
add_other_host(struct buf *line, const char *before, const struct stream_record *record)
{
	struct str name = field(record, EVF_relay_name);

	add(line, before, name.n > 0 ? name : field(record, EVF_relay_ip));
}

static void
add_address(struct buf *line, const char *before, const struct stream_record *record,
    enum event_field f)
{
	struct str address = field(record, f);

	if (address.p != NULL && address.n == 0 && f == EVF_sender)
		address = STR("<>");
	add(line, before, address);
}

/* Most replies begin with their codes as they were said. */
static void
add_answer(struct buf *line, const struct stream_record *record)
{
	AUTO(buf_done) struct buf code = { 0 };
	struct str reply = field(record, EVF_reply);
	const char *before = ": ";

	if (event_has(&record->ev, EVF_smtp_code))
		buf_add_int(&code, event_num(&record->ev, EVF_smtp_code));
	if (!str_starts(reply, buf_str(&code)) || code.n == 0) {
		add(line, before, buf_str(&code));
		before = code.n > 0 ? " " : before;
		add(line, before, field(record, EVF_status));
		before = field(record, EVF_status).n > 0 ? " " : before;
	}
	add(line, before, reply);
}

static void
describe_attempt(const struct stream_record *record, struct buf *line)
{
	int64_t direction = event_num(&record->ev, EVF_direction);

	add_address(line, " ", record, EVF_recipient);
	if (direction == DIRECTION_LOCAL)
		buf_add(line, STR(" into a mailbox here"));
	else if (direction == DIRECTION_INTERNAL)
		buf_add(line, STR(" to a filter here"));
	else if (field(record, EVF_provider).n > 0)
		add(line, " at ", field(record, EVF_provider));
	else
		add_other_host(line, " at ", record);
	if (event_num(&record->ev, EVF_outcome) != OUTCOME_DELIVERED)
		add_answer(line, record);
}

static void
describe_message(const struct stream_record *record, struct buf *line)
{
	add_address(line, " from ", record, EVF_sender);
	add(line, ", login ", field(record, EVF_sasl_user));
	add_other_host(line, " by ", record);
	if (event_has(&record->ev, EVF_size))
		buf_addf(line, ", %lld bytes", (long long)event_num(&record->ev, EVF_size));
	add(line, ", ", field(record, EVF_queue_id));
}

/* What came by `mailwarden ingest` and is no bounce. */
static void
describe_report(const struct stream_record *record, struct buf *line)
{
	add(line, " ", field(record, EVF_feedback_type));
	add(line, " ", field(record, EVF_failure_type));
	add(line, " of ", field(record, EVF_domain));
	if (event_num(&record->ev, EVF_kind) == KIND_COMPLAINT)
		add_address(line, " about ", record, EVF_sender);
	else if (event_num(&record->ev, EVF_kind) == KIND_TLS_REPORT)
		add_other_host(line, " at ", record);
	add(line, " from ", field(record, EVF_source_ip));
	add(line, ", SPF ", field(record, EVF_spf));
	add(line, ", DKIM ", field(record, EVF_dkim));
	add(line, ", says ", field(record, EVF_reporter));
	add(line, ": ", field(record, EVF_text));
}

static bool
is_report(const struct stream_record *record)
{
	int64_t kind = event_num(&record->ev, EVF_kind);

	return kind == KIND_COMPLAINT || kind == KIND_DMARC || kind == KIND_TLS_REPORT;
}

static void
describe_event(const struct stream_record *record, struct buf *line)
{
	add(line, " ", field(record, EVF_service));
	add(line, " ", field(record, EVF_limit_name));
	if (event_has(&record->ev, EVF_limit_value))
		buf_addf(line, " %lld", (long long)event_num(&record->ev, EVF_limit_value));
	add(line, " ", field(record, EVF_dsn_action));
	add_address(line, " from ", record, EVF_sender);
	add_address(line, " to ", record, EVF_recipient);
	add(line, " login ", field(record, EVF_sasl_user));
	add_other_host(line, " by ", record);
	if (str_eq(field(record, EVF_known), STR("none")))
		buf_add(line, STR(", not known here"));
	add_answer(line, record);
	add(line, ": ", field(record, EVF_text));
}

/* What came of it, or else what it is. */
static const char *
name_of(const struct stream_record *record)
{
	int64_t kind = event_num(&record->ev, EVF_kind);

	if (kind == KIND_ATTEMPT || kind == KIND_REJECT)
		return event_enum_name(EVT_OUTCOME,
		    kind == KIND_REJECT ? OUTCOME_REJECTED
					: event_num(&record->ev, EVF_outcome));
	return event_enum_name(EVT_KIND, kind);
}

static void
describe(const struct stream_record *record, struct buf *line)
{
	if (record->table == STREAM_CHANGE) {
		add(line, " ", record->severity);
		add(line, " ", record->incident);
		add(line, ": ", record->summary);
		return;
	}
	add(line, " ", field(record, EVF_host));
	if (is_report(record)) {
		describe_report(record, line);
		return;
	}
	switch (record->table) {
	case STREAM_MESSAGE: describe_message(record, line); break;
	case STREAM_ATTEMPT: describe_attempt(record, line); break;
	default: describe_event(record, line);
	}
}

static const char *
colour_of(const struct stream_record *record, const struct stream_look *look)
{
	if (!look->colour || record->table != STREAM_CHANGE)
		return "";
	if (record->change == NOTICE_RESOLVED)
		return "\x1b[32m";
	return str_eq(record->severity, STR("critical")) ? "\x1b[31m" : "\x1b[33m";
}

void
stream_line_text(const struct stream_record *record, const struct stream_look *look,
    struct buf *out)
{
	AUTO(buf_done) struct buf line = { 0 };
	const char *colour = colour_of(record, look);

	clock_time_of_day(&line, record->time_us);
	if (record->table == STREAM_CHANGE)
		buf_addf(&line, " incident %s", notice_name(record->change));
	else
		buf_addf(&line, " %-9s", name_of(record));
	describe(record, &line);
	buf_add(out, str_of(colour));
	plain_add_cut(out, buf_str(&line), look->width);
	if (colour[0] != '\0')
		buf_add(out, STR("\x1b[0m"));
	buf_add_char(out, '\n');
	out->failed |= line.failed;
}
