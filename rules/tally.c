#include "rules/tally.h"

#include <string.h>

#include "core/json.h"

static struct tally_provider *
provider_row(struct tally *t, struct str name)
{
	for (size_t i = 0; i < t->nproviders; i++)
		if (str_eq(name, str_of(t->providers[i].name))) {
			if (i > 0) { /* the frequent ones come to the front */
				struct tally_provider swap = t->providers[i];

				t->providers[i] = t->providers[i - 1];
				t->providers[--i] = swap;
			}
			return &t->providers[i];
		}
	bool is_other = str_eq(name, STR("other"));

	if (!is_other && (t->nproviders >= TALLY_PROVIDERS - 1 || name.n >= TALLY_NAME))
		return provider_row(t, STR("other")); /* its place is kept free */
	struct tally_provider *row = &t->providers[t->nproviders++];

	*row = (struct tally_provider){ 0 };
	memcpy(row->name, name.p, name.n);
	return row;
}

void
tally_add(struct tally *t, const struct event *ev)
{
	int64_t kind = event_num(ev, EVF_kind), outcome = event_num(ev, EVF_outcome);
	int64_t weight = event_weight(ev);
	struct str provider = event_text(ev, EVF_provider);

	if (outcome == OUTCOME_UNKNOWN)
		return;
	if (kind == KIND_REJECT) {
		t->outcomes[OUTCOME_REJECTED] += weight;
		return;
	}
	if (kind != KIND_ATTEMPT && !(kind == KIND_DSN && outcome == OUTCOME_EXPIRED))
		return;
	if (event_num(ev, EVF_direction) == DIRECTION_INTERNAL) {
		t->internal += weight;
		return;
	}
	if (event_num(ev, EVF_direction) == DIRECTION_LOCAL)
		provider = STR("local");
	else if (provider.n == 0)
		provider = STR("other");
	t->outcomes[outcome] += weight;
	provider_row(t, provider)->outcomes[outcome] += weight;
}

static void
outcomes_json(const int64_t outcomes[OUTCOME_COUNT], struct buf *out)
{
	struct json j = json_begin(out);

	for (int i = 1; i < OUTCOME_COUNT; i++)
		json_int(&j, event_enum_name(EVT_OUTCOME, i), outcomes[i]);
	json_end(&j);
}

void
tally_json(const struct tally *t, struct json *j)
{
	json_key(j, "outcomes");
	outcomes_json(t->outcomes, j->out);
	json_int(j, "internal", t->internal);
	json_key(j, "providers");
	struct json by_name = json_begin(j->out);

	for (size_t i = 0; i < t->nproviders; i++) {
		json_key(&by_name, t->providers[i].name);
		outcomes_json(t->providers[i].outcomes, j->out);
	}
	json_end(&by_name);
}
