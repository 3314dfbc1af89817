#include "cli/status_learning.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/json.h"

struct learner {
	struct alert_rule_info rule;
	int64_t first_us; /* of its history; INT64_MAX: nothing seen yet */
};

struct learning {
	struct learner *learners;
	size_t n;
};

static int
find_learners(const struct alert_rules *rules, struct learning *out)
{
	struct alert_rule_info info;

	out->learners = calloc(alert_rules_count(rules) + 1, sizeof *out->learners);
	if (out->learners == NULL)
		return -ENOMEM;
	for (size_t i = 0; alert_rules_at(rules, i, &info); i++)
		if (info.learn_us > 0)
			out->learners[out->n++] = (struct learner){ info, INT64_MAX };
	return 0;
}

static int
look_at_series(void *ctx, const struct series_row *row)
{
	struct learning *l = ctx;
	int64_t first_us = series_body_first(row->body);

	if (first_us <= 0)
		return 0;
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->learners[i].rule.name, row->rule)) {
			/* It counted something else then: it begins anew. */
			if (l->learners[i].rule.mark == row->mark &&
			    first_us < l->learners[i].first_us)
				l->learners[i].first_us = first_us;
			return 0;
		}
	return 0;
}

static int
gather(struct store *store, const struct alert_rules *rules, struct learning *out,
    struct err *err)
{
	if (rules == NULL)
		return 0;
	if (find_learners(rules, out) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	return store_each_series(store, look_at_series, out, err);
}

static bool
is_learning(const struct learner *l, int64_t now_us)
{
	return l->first_us != INT64_MAX && l->first_us + l->rule.learn_us > now_us;
}

int
learning_print(struct store *store, const struct alert_rules *rules, int64_t now_us,
    struct err *err)
{
	struct learning l = { 0 };
	int r = gather(store, rules, &l, err);
	bool any = false;

	for (size_t i = 0; i < l.n && r >= 0; i++) {
		const struct learner *one = &l.learners[i];
		AUTO(buf_done) struct buf until = { 0 };

		if (!is_learning(one, now_us))
			continue;
		if (!any)
			puts("\nLearning what is usual here; these do not judge yet");
		any = true;
		clock_minute(&until, one->first_us + one->rule.learn_us);
		printf("  %-32.*s %-8s until %.*s\n", STR_ARG(one->rule.name),
		    one->rule.detector, STR_ARG(buf_str(&until)));
	}
	free(l.learners);
	return r;
}

int
learning_json(struct store *store, const struct alert_rules *rules, int64_t now_us,
    struct buf *out, struct err *err)
{
	struct learning l = { 0 };
	int r = gather(store, rules, &l, err);
	bool any = false;

	buf_add_char(out, '[');
	for (size_t i = 0; i < l.n && r >= 0; i++) {
		const struct learner *one = &l.learners[i];
		bool seen = one->first_us != INT64_MAX;

		if (seen && !is_learning(one, now_us))
			continue;
		if (any)
			buf_add_char(out, ',');
		any = true;
		struct json j = json_begin(out);

		json_text(&j, "rule", one->rule.name);
		json_text(&j, "detector", str_of(one->rule.detector));
		json_text(&j, "state", seen ? STR("learning") : STR("nothing seen yet"));
		if (seen) {
			json_time(&j, "since", one->first_us);
			json_time(&j, "until", one->first_us + one->rule.learn_us);
		}
		json_end(&j);
	}
	buf_add_char(out, ']');
	free(l.learners);
	return r;
}
