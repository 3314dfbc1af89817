# OpenSMTPD: port 25 (relays for 127.0.0.1). Debian 12's build cannot answer STARTTLS: its
# privilege-separated keys fail under OpenSSL 3 (OpenSMTPD issue 1239). Mail to bounces@ goes into
# a pipe. Sourced by instance.sh.
# shellcheck shell=bash disable=SC2154 # names of instance.sh

configure() {
	printf '%s\n' example.net "$host" >"$root/etc/lab/domains"
	printf 'smarthost\twarden:wrong\n' >"$root/etc/lab/secrets"
	chmod 644 "$root/etc/lab/secrets"
	cat >"$root/etc/smtpd.conf" <<-X
		table aliases file:/etc/aliases
		table domains file:/etc/lab/domains
		table secrets file:/etc/lab/secrets
		bounce warn-interval 1h
		mta limit session-keepalive 0
		listen on 127.0.0.1 hostname $host
		listen on $ip hostname $host
		action "mbox" mbox alias <aliases>
		action "mailwarden" mda "$mailwarden ingest" alias { bounces = mailwarden }
		action "out" relay src "$ip" helo "$host"
		action "smarthost" relay host smtp+tls://smarthost@smarthost.example:587 auth <secrets>
		match from local for domain "by-smarthost.example" action "smarthost"
		match from any for rcpt-to "bounces@example.net" action "mailwarden"
		match from any for domain <domains> action "mbox"
		match from local for local action "mbox"
		match from local for any action "out"
	X
	mkdir -p "$root/etc/ssl/certs"
	cp "$RUN/ca.pem" "$root/etc/ssl/certs/ca-certificates.crt" # what it trusts
}
server_up() {
	mkdir -p "$root/run/opensmtpd"
	in_root smtpd
	wait_for_port "$ip" 25
}
server_down() { :; }
