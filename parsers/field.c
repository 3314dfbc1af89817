#include "parsers/field.h"

#include "core/yaml.h"

enum event_field
field_named(struct str name, struct pos at, struct diags *diags)
{
	const char *names[EVF_COUNT + 1];
	enum event_field f = event_field_find(name);

	if (f != EVF_COUNT)
		return f;
	for (int i = 0; i < EVF_COUNT; i++)
		names[i] = event_field_name((enum event_field)i);
	names[EVF_COUNT] = NULL;
	const char *near = nearest_word(name, names);

	diag_add(diags, at, "no event field '%.*s'%s%s%s", STR_ARG(name),
	    near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
	return EVF_COUNT;
}
