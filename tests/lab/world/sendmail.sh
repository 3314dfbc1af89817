# sendmail: port 25 (relays for 127.0.0.1), a milter at 127.0.0.1:8891 without which it takes no
# mail, and a smarthost with a login for one domain; mail to bounces@ is piped through smrsh.
# Sourced by instance.sh.
# shellcheck shell=bash disable=SC2154 # names of instance.sh

# A program named in an :include: file runs as the file's owner, if that is a trusted user or
# has a login shell; what an alias itself names runs as DefaultUser.
pipe_bounces() {
	ln -s "$mailwarden" "$root/etc/mail/smrsh/mailwarden"
	printf '"|%s ingest"\n' "$mailwarden" >"$root/etc/mail/mailwarden"
	in_root chown mailwarden:mailwarden /etc/mail/mailwarden
	echo mailwarden >"$root/etc/mail/trusted-users"
	echo 'bounces: :include:/etc/mail/mailwarden' >>"$root/etc/aliases"
}

configure() {
	local etc=$root/etc/mail

	mkdir -p "$etc"
	# Small times: one test sees a deferral and its retry.
	cat >"$etc/sendmail.mc" <<-X
		divert(-1)
		include(\`/usr/share/sendmail/cf/m4/cf.m4')
		divert(0)
		VERSIONID(\`lab')
		OSTYPE(\`debian')
		DOMAIN(\`generic')
		define(\`confDOMAIN_NAME', \`$host')
		define(\`confLOG_LEVEL', \`9')
		define(\`confTO_CONNECT', \`5s')
		define(\`confTO_ICONNECT', \`5s')
		define(\`confTO_HOSTSTATUS', \`1s')
		define(\`confMIN_QUEUE_AGE', \`0')
		define(\`confCACERT', \`/etc/lab/ca.pem')
		define(\`confCACERT_PATH', \`/etc/lab')
		define(\`confSERVER_CERT', \`/etc/lab/good.pem')
		define(\`confSERVER_KEY', \`/etc/lab/good-key.pem')
		define(\`confCLIENT_CERT', \`/etc/lab/good.pem')
		define(\`confCLIENT_KEY', \`/etc/lab/good-key.pem')
		define(\`confAUTH_MECHANISMS', \`PLAIN LOGIN')
		define(\`confPRIVACY_FLAGS', \`authwarnings')
		define(\`ALIAS_FILE', \`/etc/aliases')
		FEATURE(\`use_cw_file')
		FEATURE(\`use_ct_file')
		FEATURE(\`smrsh')
		FEATURE(\`access_db', \`hash -T<TMPF> /etc/mail/access')
		FEATURE(\`mailertable', \`hash -o /etc/mail/mailertable')
		FEATURE(\`delay_checks')
		FEATURE(\`no_default_msa')
		DAEMON_OPTIONS(\`Family=inet, Name=MTA, Port=smtp, Addr=$ip')
		DAEMON_OPTIONS(\`Family=inet, Name=MTA-lo, Port=smtp, Addr=127.0.0.1')
		CLIENT_OPTIONS(\`Family=inet, Addr=$ip')
		define(\`RELAY_MAILER_ARGS', \`TCP \$h 587')
		INPUT_MAIL_FILTER(\`testfilter', \`S=inet:8891@127.0.0.1, F=T, T=C:10s;S:10s;R:10s;E:10s')
		FEATURE(\`local_procmail', \`/usr/bin/procmail')
		MAILER(\`local')
		MAILER(\`smtp')
	X
	printf 'Connect:127.0.0.1\tRELAY\n' >"$etc/access"
	printf 'AuthInfo:smarthost.example\t"U:warden" "P:wrong" "M:PLAIN"\n' >>"$etc/access"
	printf 'by-smarthost.example\trelay:[smarthost.example]\n' >"$etc/mailertable"
	printf '%s\n' example.net "$host" localhost >"$etc/local-host-names"
	# makemap and sendmail trust only root's files
	rm -f "$etc"/*.db
	chown 0:0 "$etc"
	chmod 755 "$etc"
	in_root sh -ec 'cd /etc/mail
		m4 sendmail.mc >sendmail.cf
		makemap hash access <access
		makemap hash mailertable <mailertable'
	mkdir -p "$root/var/lib/sendmail/host_status" "$root/var/spool/mqueue" \
		"$root/run/sendmail/mta"
	chown 0:0 "$root/var/spool/mqueue"
	chmod 700 "$root/var/spool/mqueue"
	pipe_bounces
	in_root newaliases
}
server_up() {
	in_root /usr/libexec/sendmail/sendmail -L sm-mta -bd -q2s
	wait_for_port "$ip" 25
}
server_down() { :; }
