#include "cli/notifier.h"

#include "cli/child.h"

static struct child_order
order_of(const struct notifier_args *args, const char *how)
{
	return (struct child_order){ .program = "mailwarden-notify",
		.what = "the notifier",
		.args = { how, "--state", args->state,
		    args->config != NULL ? "--config" : NULL, args->config } };
}

int
notifier_start(sd_event *loop, const struct notifier_args *args, struct child **out,
    struct err *err)
{
	const struct child_order order = order_of(args, "--child");

	return child_start(loop, &order, out, err);
}

int
notifier_run_once(const struct notifier_args *args, struct err *err)
{
	const struct child_order order = order_of(args, "--once");

	return child_run_once(&order, err);
}
