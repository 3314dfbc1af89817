#include "desktop/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/write.h"

enum {
	KEPT_VERSION = 1,
	MAX_BYTES = 16 * 1024 * 1024, /* more than we ever write */
};

struct place {
	char *id;
	int64_t at_us;
};

struct kept {
	char *path;
	GHashTable *places; /* name of the host -> struct place */
	GHashTable *held;   /* keys, owned */
	GString *written;   /* what the file holds; NULL: not known */
};

static void
free_place(gpointer data)
{
	struct place *place = data;

	g_free(place->id);
	g_free(place);
}

/* XDG Base Directory Specification: a path that is not absolute is no path. */
char *
kept_path(void)
{
	const char *folder = g_getenv("XDG_STATE_HOME");

	if (folder != NULL && g_path_is_absolute(folder))
		return g_build_filename(folder, "mailwarden", "desktop.json", NULL);
	return g_build_filename(g_get_home_dir(), ".local", "state", "mailwarden",
	    "desktop.json", NULL);
}

/* --- reading --- */

static struct json_object *
member(struct json_object *object, const char *name, json_type type)
{
	struct json_object *found = NULL;

	if (json_object_is_type(object, json_type_object))
		(void)json_object_object_get_ex(object, name, &found);
	return json_object_is_type(found, type) ? found : NULL;
}

static void
take_hosts(struct kept *kept, struct json_object *hosts)
{
	size_t n = json_object_array_length(hosts);

	for (size_t i = 0; i < n; i++) {
		struct json_object *host = json_object_array_get_idx(hosts, i);
		struct json_object *name = member(host, "name", json_type_string);
		struct json_object *id = member(host, "place", json_type_string);
		struct json_object *at = member(host, "at_us", json_type_int);

		if (name != NULL && id != NULL)
			kept_set_place(kept, json_object_get_string(name),
			    json_object_get_string(id), json_object_get_int64(at));
	}
}

static void
take_held(struct kept *kept, struct json_object *held)
{
	size_t n = held == NULL ? 0 : json_object_array_length(held);

	for (size_t i = 0; i < n; i++) {
		struct json_object *key = json_object_array_get_idx(held, i);

		if (json_object_is_type(key, json_type_string))
			(void)g_hash_table_add(kept->held,
			    g_strdup(json_object_get_string(key)));
	}
}

static int
understand(struct kept *kept, const char *text, struct inbox *inbox)
{
	struct json_object *object = json_tokener_parse(text);
	struct json_object *version = member(object, "version", json_type_int);
	struct json_object *hosts = member(object, "hosts", json_type_array);
	struct json_object *mail = member(object, "mail", json_type_array);
	bool fits =
	    hosts != NULL && mail != NULL && json_object_get_int(version) == KEPT_VERSION;

	if (fits) {
		take_hosts(kept, hosts);
		take_held(kept, member(object, "held", json_type_array));
		inbox_load(inbox, mail);
	}
	json_object_put(object);
	return fits ? 0 : -EINVAL;
}

static void
put_aside(const char *path, const char *why, struct err *err)
{
	g_autofree char *bad = g_strconcat(path, ".bad", NULL);

	if (g_rename(path, bad) == 0)
		(void)err_set(err, -EINVAL, "%s %s: begins anew; the file is kept as %s",
		    path, why, bad);
	else
		(void)err_set(err, -EINVAL, "%s %s: begins anew", path, why);
}

/* A file that is not there is no fault. */
static void
read_file(struct kept *kept, struct inbox *inbox, struct err *err)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) fault = NULL;
	GStatBuf file;
	gsize n = 0;

	bool is_there = g_stat(kept->path, &file) == 0;

	if (is_there && file.st_size > MAX_BYTES) {
		put_aside(kept->path, "is too large", err);
	} else if (is_there && !S_ISREG(file.st_mode)) { /* reading a pipe would not end */
		put_aside(kept->path, "is no file", err);
	} else if (!g_file_get_contents(kept->path, &text, &n, &fault)) {
		if (!g_error_matches(fault, G_FILE_ERROR, G_FILE_ERROR_NOENT))
			put_aside(kept->path, "cannot be read", err);
	} else if (understand(kept, text, inbox) < 0) {
		put_aside(kept->path, "is not understood", err);
	} else {
		kept->written = g_string_new_len(text, (gssize)n);
	}
}

struct kept *
kept_load(const char *path, struct inbox *inbox, struct err *err)
{
	struct kept *kept = g_new0(struct kept, 1);

	err->text[0] = '\0';
	kept->path = g_strdup(path);
	kept->places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_place);
	kept->held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	read_file(kept, inbox, err);
	return kept;
}

void
kept_free(struct kept *kept)
{
	if (kept == NULL)
		return;
	g_free(kept->path);
	g_hash_table_unref(kept->places);
	g_hash_table_unref(kept->held);
	if (kept->written != NULL)
		(void)g_string_free(kept->written, TRUE);
	g_free(kept);
}

/* --- places --- */

const char *
kept_place(const struct kept *kept, const char *host, int64_t *at_us_out)
{
	const struct place *place = g_hash_table_lookup(kept->places, host);

	*at_us_out = place == NULL ? 0 : place->at_us;
	return place == NULL ? "" : place->id;
}

void
kept_set_place(struct kept *kept, const char *host, const char *id, int64_t at_us)
{
	struct place *place = g_new0(struct place, 1);

	place->id = g_strdup(id);
	place->at_us = at_us;
	(void)g_hash_table_replace(kept->places, g_strdup(host), place);
}

GHashTable *
kept_held(const struct kept *kept)
{
	return kept->held;
}

/* --- writing --- */

static int
by_name(const void *a, const void *b)
{
	const char *const *first = a, *const *second = b;

	return strcmp(*first, *second);
}

/* The same order each time, or the file would be written anew for nothing. */
static char **
sorted_keys(GHashTable *table, guint *n_out)
{
	char **keys = (char **)g_hash_table_get_keys_as_array(table, n_out);

	if (*n_out > 1)
		qsort(keys, *n_out, sizeof *keys, by_name);
	return keys;
}

/* And frees it. */
static void
add_object(struct json_object *object, struct buf *out)
{
	buf_add(out, str_of(json_object_to_json_string_ext(object,
			 JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)));
	json_object_put(object);
}

static void
add_held(const struct kept *kept, struct buf *out)
{
	guint n = 0;
	g_autofree char **keys = sorted_keys(kept->held, &n);
	struct json_object *list = json_object_new_array();

	for (guint i = 0; i < n; i++)
		(void)json_object_array_add(list, json_object_new_string(keys[i]));
	add_object(list, out);
}

static void
add_hosts(const struct kept *kept, struct buf *out)
{
	guint n = 0;
	g_autofree char **names = sorted_keys(kept->places, &n);

	for (guint i = 0; i < n; i++) {
		const struct place *place = g_hash_table_lookup(kept->places, names[i]);

		struct json_object *host = json_object_new_object();

		(void)json_object_object_add(host, "name",
		    json_object_new_string(names[i]));
		(void)json_object_object_add(host, "place",
		    json_object_new_string(place->id));
		(void)json_object_object_add(host, "at_us",
		    json_object_new_int64(place->at_us));
		buf_add(out, i > 0 ? STR(",\n") : STR("\n"));
		add_object(host, out);
	}
}

static int
make_folder(const char *path, struct err *err)
{
	g_autofree char *folder = g_path_get_dirname(path);

	if (g_mkdir_with_parents(folder, 0700) < 0)
		return err_errno(err, "make folder", folder);
	return 0;
}

static int
write_file(const char *path, struct str text, struct err *err)
{
	g_autofree char *fresh = g_strconcat(path, ".new", NULL);

	(void)g_unlink(fresh); /* whatever it is: opening a pipe would not end */
	int fd = g_open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(err, "write", fresh);
	int r = write_whole(fd, text);

	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	if (r < 0)
		r = err_set(err, r, "write %s: %s", fresh, g_strerror(-r));
	if (close(fd) < 0 && r == 0)
		r = err_errno(err, "write", fresh);
	if (r == 0 && g_rename(fresh, path) < 0)
		r = err_errno(err, "put in its place", path);
	if (r < 0)
		(void)g_unlink(fresh);
	return r;
}

static bool
is_written(const struct kept *kept, struct str text)
{
	return kept->written != NULL &&
	       str_eq(text, (struct str){ kept->written->str, kept->written->len });
}

int
kept_save(struct kept *kept, const struct inbox *inbox, struct err *err)
{
	AUTO(buf_done) struct buf text = { 0 };

	buf_addf(&text, "{\"version\":%d,\"hosts\":[", KEPT_VERSION);
	add_hosts(kept, &text);
	buf_add(&text, STR("],\n\"held\":"));
	add_held(kept, &text);
	buf_add(&text, STR(",\n\"mail\":"));
	inbox_save(inbox, &text);
	buf_add(&text, STR("}\n"));
	if (text.failed)
		return err_set(err, -ENOMEM, "write %s: out of memory", kept->path);
	if (is_written(kept, buf_str(&text)))
		return 0;
	int r = make_folder(kept->path, err);

	if (r == 0)
		r = write_file(kept->path, buf_str(&text), err);
	if (r < 0)
		return r;
	if (kept->written == NULL)
		kept->written = g_string_new(NULL);
	(void)g_string_truncate(kept->written, 0);
	(void)g_string_append_len(kept->written, text.p, (gssize)text.n);
	return 0;
}
