# Postfix: port 25 (relays for 127.0.0.1), 587 with a login, and a filter behind it as dkimproxy
# is: 10027, from there back to 10028; mail to bounces@ goes into a pipe by a transport, to reports@
# by an alias, and to kept@ into a Maildir. Sourced by instance.sh.
# shellcheck shell=bash disable=SC2154,SC2034 # names of instance.sh

# An alias in a file of root's own would run the command as nobody.
pipe_bounces() {
	cat >>"$root/etc/postfix/master.cf" <<-X
		mailwarden unix - n n - - pipe
		  flags=R user=mailwarden argv=$mailwarden ingest
	X
	echo 'bounces: postmaster' >>"$root/etc/aliases" # else it would be an unknown user
	mkdir "$root/etc/mailwarden/postfix"
	printf 'reports: "|%s ingest"\nkept: %s/Maildir/\n' "$mailwarden" "$state" \
		>"$root/etc/mailwarden/postfix/aliases"
	in_root postalias /etc/mailwarden/postfix/aliases
	in_root chown mailwarden /etc/mailwarden/postfix/aliases.db
}

configure() {
	# Small times: one test sees a deferral, its retry and the end of a message.
	cat >"$root/etc/postfix/main.cf" <<-X
		compatibility_level = 3.6
		myhostname = $host
		myorigin = example.net
		mydestination = example.net, $host, localhost
		mynetworks = 127.0.0.0/8
		inet_interfaces = 127.0.0.1, $ip
		inet_protocols = ipv4
		smtp_bind_address = $ip
		alias_maps = hash:/etc/aliases, hash:/etc/mailwarden/postfix/aliases
		alias_database = hash:/etc/aliases
		biff = no
		queue_run_delay = 2s
		minimal_backoff_time = 3s
		maximal_backoff_time = 3s
		smtp_connect_timeout = 5s
		smtp_tls_security_level = may
		smtp_tls_CAfile = /etc/lab/ca.pem
		smtp_tls_loglevel = 1
		smtp_tls_connection_reuse = no
		smtp_connection_cache_on_demand = no
		smtp_sasl_auth_enable = yes
		smtp_sasl_password_maps = inline:{ { [smarthost.example]:587 = warden:wrong } }
		smtp_sasl_security_options = noanonymous
		smtp_sasl_auth_soft_bounce = yes
		transport_maps = inline:{
		  { by-smarthost.example = smtp:[smarthost.example]:587 }
		  { bounces@example.net = mailwarden: } }
		smtpd_tls_security_level = may
		smtpd_tls_cert_file = /etc/lab/good.pem
		smtpd_tls_key_file = /etc/lab/good-key.pem
		smtpd_sasl_path = smtpd
		smtpd_sasl_local_domain = example.net
		smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
		smtpd_error_sleep_time = 0
		smtpd_client_connection_count_limit = 0
	X
	mkdir -p "$root/etc/postfix/sasl"
	printf '%s\n' 'pwcheck_method: auxprop' 'auxprop_plugin: sasldb' 'mech_list: PLAIN LOGIN' \
		>"$root/etc/postfix/sasl/smtpd.conf"
	printf correct-horse | in_root saslpasswd2 -p -c -u example.net "$user"
	in_root chown postfix /etc/sasldb2
	# no copies of files in a chroot
	sed -Ei 's/^([a-z0-9-]+ +(inet|unix) +[n-] +[-ny] +)y/\1n/' "$root/etc/postfix/master.cf"
	cat >>"$root/etc/postfix/master.cf" <<-'X'
		submission inet n - n - - smtpd
		  -o syslog_name=postfix/submission
		  -o smtpd_sasl_auth_enable=yes
		  -o smtpd_tls_auth_only=no
		  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
		  -o content_filter=dksign:[127.0.0.1]:10027
		dksign unix - - n - 4 smtp
		  -o smtp_send_xforward_command=yes
		  -o smtp_discard_ehlo_keywords=8bitmime,starttls
		  -o smtp_bind_address=127.0.0.1
		127.0.0.1:10028 inet n - n - 10 smtpd
		  -o content_filter=
		  -o smtpd_authorized_xforward_hosts=127.0.0.0/8
	X
	pipe_bounces
	in_root newaliases
}
server_up() {
	in_root postfix start
	wait_for_port "$ip" 25
}
server_down() { in_root postfix stop; }
