# mailwarden in a server's root, installed from BUILD as a package would: its programs, its user
# and its folder. Mail is piped into `mailwarden ingest` in there; what watches the logs runs
# outside, in the machine's own files. Sourced by instance.sh.
# shellcheck shell=bash disable=SC2154 # names of instance.sh

# where NAME: a place that was compiled in.
where() { sed -n "s|^#define $1 \"\(.*\)\"|\1|p" "$BUILD/generated/paths.h"; }

mailwarden=$(where PATH_BIN)/mailwarden
ingest=$(where PATH_LIBEXEC)/mailwarden-ingest
rules=$(where PATH_DATA_RULES)
state=/var/lib/mailwarden

# A library that the root does not have comes from the machine, which is Debian 12 too.
copy_libraries() {
	local there name library

	there=$(in_root ldconfig -p | awk '{ print $1 }')
	ldd "$root$mailwarden" "$root$ingest" |
		awk '$2 == "=>" { print $1, $3 }' | sort -u |
		while read -r name library; do
			grep -qxF "$name" <<<"$there" || cp "$library" "$root/usr/local/lib/$name"
		done
	in_root ldconfig
}

install_mailwarden() {
	install -D "$BUILD/mailwarden" "$root$mailwarden"
	install -D "$BUILD/mailwarden-ingest" "$root$ingest"
	mkdir -p "$root$rules"
	cp -R "$SOURCE/rules.d/." "$root$rules"
	copy_libraries
	in_root systemd-sysusers - <"$SOURCE/packaging/sysusers.d/mailwarden.conf"
	in_root systemd-tmpfiles --create - <"$SOURCE/packaging/tmpfiles.d/mailwarden.conf"
	publish "$RUN/state" "$root$state"
	in_root chown mailwarden:mailwarden "$state"
	chmod 2770 "$RUN/state"
	in_root id -u mailwarden >"$RUN/mailwarden-uid"
}
