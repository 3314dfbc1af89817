#include "notify/base64.h"

static const char letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int
value_of(char c)
{
	ptrdiff_t at = str_find_char((struct str){ letters, sizeof letters - 1 }, c);

	return c == '\0' ? -1 : (int)at;
}

bool
base64_is_letter(char c)
{
	return c == '=' || value_of(c) >= 0;
}

void
base64_encode(struct buf *out, struct str bytes)
{
	for (size_t i = 0; i < bytes.n; i += 3) {
		size_t left = bytes.n - i;
		uint32_t three = (uint32_t)(unsigned char)bytes.p[i] << 16;

		if (left > 1)
			three |= (uint32_t)(unsigned char)bytes.p[i + 1] << 8;
		if (left > 2)
			three |= (uint32_t)(unsigned char)bytes.p[i + 2];
		buf_add_char(out, letters[three >> 18 & 63]);
		buf_add_char(out, letters[three >> 12 & 63]);
		buf_add_char(out, left > 1 ? letters[three >> 6 & 63] : '=');
		buf_add_char(out, left > 2 ? letters[three & 63] : '=');
	}
}

bool
base64_decode(struct buf *out, struct str text)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t before = out->n;

	for (size_t i = 0; i < text.n; i++) {
		int value = value_of(text.p[i]);

		if (value < 0)
			break;
		bits = (bits << 6 | (uint32_t)value) & 0xffffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			buf_add_char(out, (char)(bits >> have & 0xff));
		}
	}
	return out->n > before;
}
