# dovecot: pop3 110, imap 143, lmtp 24, with small limits. Sourced by instance.sh.
# shellcheck shell=bash disable=SC2154 # names of instance.sh

configure() {
	local id

	id=$(in_root id -u "$user")
	echo "$user:{PLAIN}correct-horse:$id:$id::/home/$user::" >"$root/etc/dovecot/users"
	cat >"$root/etc/dovecot/dovecot.conf" <<-X
		protocols = imap pop3 lmtp
		listen = 127.0.0.1, $ip
		log_path =
		syslog_facility = mail
		hostname = $host
		ssl = yes
		ssl_cert = </etc/lab/good.pem
		ssl_key = </etc/lab/good-key.pem
		disable_plaintext_auth = no
		auth_verbose = yes
		auth_username_format = %n
		auth_failure_delay = 0
		mail_location = maildir:~/Maildir
		postmaster_address = postmaster@example.net
		passdb {
		  driver = passwd-file
		  args = /etc/dovecot/users
		}
		userdb {
		  driver = passwd-file
		  args = /etc/dovecot/users
		}
		# a process for each client: process_limit is what runs out
		service pop3-login {
		  service_count = 1
		  process_limit = 3
		  process_min_avail = 0
		}
		# one process for many clients: client_limit is what runs out
		service imap-login {
		  service_count = 0
		  process_min_avail = 1
		  process_limit = 1
		  client_limit = 4
		}
		service lmtp {
		  inet_listener lmtp {
		    address = 127.0.0.1
		    port = 24
		  }
		}
	X
}
server_up() {
	in_root dovecot
	wait_for_port "$ip" 143
}
server_down() { in_root doveadm stop; }
