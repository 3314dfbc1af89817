/* Numbers as people read them. */
#include "core/clock.h"
#include "report/digest.h"

void
digest_add_number(struct buf *out, int64_t value)
{
	char digits[32];
	int n = 0;

	if (value < 0) {
		buf_add_char(out, '-');
		value = value == INT64_MIN ? INT64_MAX : -value;
	}
	do {
		if (n % 4 == 3)
			digits[n++] = ',';
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	while (n > 0)
		buf_add_char(out, digits[--n]);
}

void
digest_add_count(struct buf *out, int64_t value, const char *one, const char *many)
{
	digest_add_number(out, value);
	if (value == 1)
		buf_addf(out, " %s", one);
	else if (many != NULL)
		buf_addf(out, " %s", many);
	else
		buf_addf(out, " %ss", one);
}

/* Not all is never called all, and not none never none. */
void
digest_add_percent(struct buf *out, struct share share)
{
	double value = 100 * share_value(share);

	if (value < 0)
		buf_add_char(out, '-');
	else if (value == 0 || value == 100)
		buf_addf(out, "%.0f %%", value);
	else if (value < 0.01)
		buf_add(out, STR("<0.01 %"));
	else if (value > 99.99)
		buf_add(out, STR(">99.99 %"));
	else if (value < 0.095 || value > 99.9)
		buf_addf(out, "%.2f %%", value);
	else
		buf_addf(out, "%.1f %%", value);
}

void
digest_add_delay(struct buf *out, int64_t us)
{
	double s = (double)us / US_PER_S;

	if (us < 0)
		buf_add_char(out, '-');
	else if (s < 9.95)
		buf_addf(out, "%.1f s", s);
	else if (s < 119.5)
		buf_addf(out, "%.0f s", s);
	else if (s < 9.95 * 60)
		buf_addf(out, "%.1f min", s / 60);
	else if (s < 119.5 * 60)
		buf_addf(out, "%.0f min", s / 60);
	else if (s < 48 * 3600)
		buf_addf(out, "%.1f h", s / 3600);
	else
		buf_addf(out, "%.1f days", s / 86400);
}
