# The mail server that mailwarden's alerts go to: a Postfix in a root of its own, as at another
# provider, with STARTTLS at port 587, TLS at 465, and a login. Its log is its own, too.
# Sourced by instance.sh.
# shellcheck shell=bash disable=SC2154 # names of instance.sh

start_relay() {
	local relay=$RUN/relay/root

	make_root "$relay" postfix
	publish "$RUN/relay/mail" "$relay/var/mail"
	chown 0:8 "$RUN/relay/mail"
	chmod 2775 "$RUN/relay/mail"
	publish "$RUN/relay/log" "$relay/var/log"
	cat >"$relay/etc/postfix/main.cf" <<-X
		compatibility_level = 3.6
		myhostname = $relay_host
		mydestination = $relay_host
		mynetworks =
		inet_interfaces = $relay_ip
		inet_protocols = ipv4
		alias_maps =
		biff = no
		maillog_file = /var/log/relay.log
		smtpd_tls_cert_file = /etc/lab/good.pem
		smtpd_tls_key_file = /etc/lab/good-key.pem
		smtpd_tls_security_level = encrypt
		smtpd_tls_auth_only = yes
		smtpd_sasl_auth_enable = yes
		smtpd_sasl_type = cyrus
		smtpd_sasl_path = smtpd
		smtpd_sasl_local_domain = $relay_host
		smtpd_sasl_security_options = noanonymous
		smtpd_relay_restrictions = permit_sasl_authenticated, reject
	X
	mkdir -p "$relay/etc/postfix/sasl"
	printf '%s\n' 'pwcheck_method: auxprop' 'auxprop_plugin: sasldb' 'mech_list: PLAIN LOGIN' \
		>"$relay/etc/postfix/sasl/smtpd.conf"
	chroot "$relay" saslpasswd2 -p -c -u "$relay_host" warden <"$RUN/relay-password"
	chroot "$relay" chown postfix /etc/sasldb2
	chroot "$relay" useradd -m ops
	# Only the daemons that send nothing on; no copies of files in a chroot.
	sed -Ei -e 's/^smtp( +inet .*)/submission\1/' \
		-e 's/^([a-z0-9-]+ +(inet|unix) +[n-] +[-ny] +)y/\1n/' "$relay/etc/postfix/master.cf"
	cat >>"$relay/etc/postfix/master.cf" <<-'X'
		submissions inet n - n - - smtpd
		  -o smtpd_tls_wrappermode=yes
	X
	chroot "$relay" postfix start
	wait_for_port "$relay_ip" 587
}
