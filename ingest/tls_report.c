#include "ingest/tls_report.h"

#include <errno.h>
#include <json-c/json.h>

#include "ingest/source_ip.h"
#include "ingest/words.h"

enum {
	DEPTH = 12, /* the format has five levels, and may be extended */
	BYTES = 16 * 1024 * 1024,
	/* Braces, brackets and commas, which bound the values and so json-c's memory: an empty
	 * object takes two bytes here and some hundreds there. */
	MARKS = 200000,
	COUNT_MAX = 1000000000, /* sessions of one event: sums must stay sums */
	WORD_BYTES = 128,
	NAME_BYTES = 256,
};

struct reader {
	const struct report_sink *sink;
	size_t told, left_out;
	char reporter[NAME_BYTES], domain[NAME_BYTES], policy_type[WORD_BYTES];
	struct event of_policy; /* what all events of one policy have */
};

static void
auto_tokener(struct json_tokener **tokener)
{
	if (*tokener != NULL)
		json_tokener_free(*tokener);
}

static void
auto_json(struct json_object **object)
{
	json_object_put(*object);
}

/* --- members, of any type --- */

/* NULL: not there, null, or in no object. */
static struct json_object *
member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		(void)json_object_object_get_ex(object, key, &value);
	return value;
}

/* Empty for what is no string. */
static struct str
text_of(struct json_object *object, const char *key)
{
	struct json_object *value = member(object, key);

	if (!json_object_is_type(value, json_type_string))
		return (struct str){ NULL, 0 };
	return str_head(str_trim((struct str){ json_object_get_string(value),
			    (size_t)json_object_get_string_len(value) }),
	    REPORT_FIELD_BYTES);
}

/* Also "12" and 12.0; -1: not there, or nothing of that kind. */
static int64_t
count_of(struct json_object *object, const char *key)
{
	struct json_object *value = member(object, key);
	int64_t n = -1;

	if (json_object_is_type(value, json_type_int)) {
		n = json_object_get_int64(value); /* what is past int64 gets its limit */
	} else if (json_object_is_type(value, json_type_double)) {
		double d = json_object_get_double(value);

		n = d >= COUNT_MAX ? COUNT_MAX : d >= 0 ? (int64_t)d : -1;
	} else if (json_object_is_type(value, json_type_string)) {
		if (!str_to_int(text_of(object, key), &n))
			n = -1;
	}
	return n < 0 ? -1 : n > COUNT_MAX ? COUNT_MAX : n;
}

/* Some write one object where the format wants a list of one. */
static size_t
list_length(struct json_object *list)
{
	if (json_object_is_type(list, json_type_array))
		return json_object_array_length(list);
	return json_object_is_type(list, json_type_object) ? 1 : 0;
}

static struct json_object *
list_item(struct json_object *list, size_t i)
{
	return json_object_is_type(list, json_type_array)
		   ? json_object_array_get_idx(list, i)
		   : list;
}

/* --- events --- */

static int
tell(struct reader *r, const struct event *ev)
{
	if (r->told == REPORT_EVENTS) {
		r->left_out++;
		return 0;
	}
	r->told++;
	return r->sink->event(r->sink->ctx, ev);
}

/* RFC 8460, 4.3 and 4.4 */
static int
tell_failure(struct reader *r, struct json_object *detail, int64_t *sessions)
{
	struct event ev = r->of_policy;
	char type[WORD_BYTES], name[NAME_BYTES];
	struct ip_text source, receiving;
	struct ip address;
	struct str s = words_name(text_of(detail, "result-type"), type, sizeof type);
	int64_t count = count_of(detail, "failed-session-count");

	*sessions += count < 0 ? 0 : count;
	event_set_text(&ev, EVF_failure_type,
	    s.n > 0 ? words_lower(s, type, sizeof type) : STR("unspecified"));
	s = text_of(detail, "receiving-mx-hostname");
	if (s.n == 0)
		s = text_of(detail, "receiving-mx-helo");
	if ((s = words_name(words_domain(s), name, sizeof name)).n > 0)
		event_set_text(&ev, EVF_relay_name, words_lower(s, name, sizeof name));
	if (ip_read(text_of(detail, "receiving-ip"), &address))
		event_set_text(&ev, EVF_relay_ip, ip_write(&address, &receiving));
	if (ip_read(text_of(detail, "sending-mta-ip"), &address))
		event_set_text(&ev, EVF_source_ip, ip_write(&address, &source));
	s = text_of(detail, "failure-reason-code");
	if (s.n == 0) /* some put the words here, or an address of more */
		s = text_of(detail, "additional-information");
	if (s.n > 0)
		event_set_text(&ev, EVF_text, s);
	event_set_num(&ev, EVF_repeated, count < 0 ? 1 : count);
	return tell(r, &ev);
}

static int
tell_success(struct reader *r, int64_t sessions)
{
	struct event ev = r->of_policy;

	event_set_num(&ev, EVF_outcome, OUTCOME_DELIVERED);
	event_set_num(&ev, EVF_repeated, sessions < 0 ? 0 : sessions);
	return tell(r, &ev);
}

static void
begin_policy(struct reader *r, const struct event *of_report, struct json_object *policy)
{
	struct str s;

	r->of_policy = *of_report;
	s = words_name(words_domain(text_of(policy, "policy-domain")), r->domain,
	    sizeof r->domain);
	if (s.n > 0)
		event_set_text(&r->of_policy, EVF_domain,
		    words_lower(s, r->domain, sizeof r->domain));
	s = words_name(text_of(policy, "policy-type"), r->policy_type,
	    sizeof r->policy_type);
	if (s.n > 0)
		event_set_text(&r->of_policy, EVF_policy_type,
		    words_lower(s, r->policy_type, sizeof r->policy_type));
}

static int
tell_policy(struct reader *r, const struct event *of_report, struct json_object *item)
{
	struct json_object *summary = member(item, "summary");
	struct json_object *details = member(item, "failure-details");
	int64_t failed = count_of(summary, "total-failure-session-count"), detailed = 0;
	int code;

	begin_policy(r, of_report, member(item, "policy"));
	code = tell_success(r, count_of(summary, "total-successful-session-count"));
	for (size_t i = 0; code >= 0 && i < list_length(details); i++)
		if (json_object_is_type(list_item(details, i), json_type_object))
			code = tell_failure(r, list_item(details, i), &detailed);
	/* Failures that no detail tells of are failures all the same: RFC 8460 wants the
	 * details only of what the sender chose to tell. */
	if (code < 0 || failed <= detailed)
		return code;
	struct event rest = r->of_policy;

	event_set_text(&rest, EVF_failure_type, STR("unspecified"));
	event_set_num(&rest, EVF_repeated, failed - detailed);
	return tell(r, &rest);
}

static int
tell_report(struct reader *r, struct json_object *report)
{
	struct json_object *policies = member(report, "policies");
	struct event of_report = { .offset = -1 };
	struct str name = text_of(report, "organization-name");
	int code = 0;

	if (name.n == 0)
		name = words_domain(text_of(report, "contact-info"));
	name = words_name(name, r->reporter, sizeof r->reporter);
	if (name.n > 0)
		event_set_text(&of_report, EVF_reporter, name);
	event_set_num(&of_report, EVF_kind, KIND_TLS_REPORT);
	for (size_t i = 0; code >= 0 && i < list_length(policies); i++)
		if (json_object_is_type(list_item(policies, i), json_type_object))
			code = tell_policy(r, &of_report, list_item(policies, i));
	return code;
}

/* --- the text --- */

static int
check_size(struct str json, struct err *err)
{
	size_t marks = 0;

	if (json.n > BYTES)
		return err_set(err, -E2BIG, "read TLS report: more than %d MiB",
		    BYTES / (1024 * 1024));
	for (size_t i = 0; i < json.n; i++)
		marks += json.p[i] == '{' || json.p[i] == '[' || json.p[i] == ',';
	if (marks > MARKS)
		return err_set(err, -E2BIG, "read TLS report: more than %d values", MARKS);
	return 0;
}

/* Of a member that is there twice, the last counts (RFC 8259, 4, leaves it open). */
static int
parse(struct str json, struct json_object **out, struct err *err)
{
	AUTO(auto_tokener) struct json_tokener *tokener = json_tokener_new_ex(DEPTH);

	if (tokener == NULL)
		return err_set(err, -ENOMEM, "read TLS report: no memory");
	*out = json_tokener_parse_ex(tokener, json.p, (int)json.n);
	enum json_tokener_error error = json_tokener_get_error(tokener);

	if (error == json_tokener_continue)
		return err_set(err, -EBADMSG,
		    "read TLS report: ends at byte %zu, too early", json.n);
	if (error != json_tokener_success)
		return err_set(err, -EBADMSG, "read TLS report: byte %zu: %s",
		    json_tokener_get_parse_end(tokener), json_tokener_error_desc(error));
	if (!json_object_is_type(*out, json_type_object))
		return err_set(err, -EBADMSG, "read TLS report: byte 0: no JSON object");
	return 0;
}

int
tls_report_read(struct str json, const struct report_host *host,
    const struct report_sink *sink, size_t *left_out, struct err *err)
{
	AUTO(auto_json) struct json_object *report = NULL;
	struct reader r = { .sink = sink };

	(void)host;
	*left_out = 0;
	if (str_starts(json, STR("\xef\xbb\xbf")))
		json = str_skip(json, 3);
	int code = check_size(json, err);

	if (code == 0)
		code = parse(json, &report, err);
	if (code < 0)
		return code;
	if (list_length(member(report, "policies")) == 0)
		return err_set(err, -EBADMSG, "read TLS report: it has no \"policies\"");
	code = tell_report(&r, report);
	if (code < 0)
		return code;
	if (r.told == 0)
		return err_set(err, -EBADMSG,
		    "read TLS report: no policy in its \"policies\"");
	*left_out = r.left_out;
	return (int)r.told;
}
