#include "cli/notifier_self.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/str.h"
#include "paths.h"

/* As in packaging/systemd/mailwarden-notify.service. */
static const char service_dir[] = PATH_STATE "-notify";
static const char service_credentials[] = "/run/credentials/mailwarden-notify.service";

char *
notifier_state_dir(const char *state)
{
	const char *given = getenv("STATE_DIRECTORY");
	struct str path = str_of(state);
	ptrdiff_t slash = str_rfind_char(path, '/');
	char *out = NULL;

	if (given != NULL && given[0] == '/')
		return strdup(given);
	if (asprintf(&out, "%.*snotify", (int)(slash + 1), state) < 0)
		return NULL;
	return out;
}

/* Root may read every password file; the service may not. */
static int
become(const struct passwd *user)
{
	if (initgroups(user->pw_name, user->pw_gid) == 0 && setgid(user->pw_gid) == 0 &&
	    setuid(user->pw_uid) == 0)
		return 0;
	int code = errno;

	fprintf(stderr, "mailwarden-notify: become user %s: %s\n", user->pw_name,
	    strerror(code));
	return -code;
}

int
notifier_become_service(void)
{
	const struct passwd *user = NULL;
	struct stat st;

	if (geteuid() != 0 || getenv("STATE_DIRECTORY") != NULL ||
	    stat(service_dir, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid == 0 ||
	    (user = getpwuid(st.st_uid)) == NULL)
		return 0;
	fprintf(stderr, "as user %s, as the service does\n", user->pw_name);
	(void)setenv("STATE_DIRECTORY", service_dir, 1);
	/* Without overwriting: systemd-run may have given others. */
	if (access(service_credentials, F_OK) == 0)
		(void)setenv("CREDENTIALS_DIRECTORY", service_credentials, 0);
	return become(user);
}
