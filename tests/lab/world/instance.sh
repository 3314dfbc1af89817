#!/bin/bash
# One mail server in namespaces of its own: mounts, network, host name, processes. This is its
# process 1; when it ends, the kernel ends all the rest and takes the mounts and the network.
#
#   instance.sh SERVER      (postfix, sendmail, opensmtpd or dovecot; started by lab.py)
#
# ROOTS       the folder of roots.sh
# RUN         this instance's folder, with what lab.py put into it: certificates, dnsmasq.conf
# BUILD, SOURCE   mailwarden's, which the server's mail is piped into
# LAB_MAX_SECONDS   it ends by itself after so long
#
# The server's root is RUN/root, seen from inside only. From outside: RUN/log/mail.log (a
# traditional syslog file), RUN/log/journal (a journal), RUN/mail (mailboxes), RUN/relay/mail,
# RUN/state (what mailwarden keeps).
set -eEuo pipefail
server=$1
here=$(cd "$(dirname "$0")" && pwd)
trap 'touch "$RUN/failed"' ERR

# What lab.py promises in its table of domains.
host=mail.example.net ip=192.0.2.25 relay_host=relay.example.org relay_ip=192.0.2.50
user=alice

# make_root ROOT MADE-BY-ROOTS.SH: a root whose changes stay in memory.
make_root() {
	mkdir -p "$1"
	mount -t tmpfs -o mode=755 tmpfs "$1"
	mkdir "$1/changes" "$1/work" "$1/whole"
	mount -t overlay overlay \
		-o "lowerdir=$ROOTS/$2,upperdir=$1/changes,workdir=$1/work" "$1/whole"
	mount --move "$1/whole" "$1"
	mount -t proc proc "$1/proc"
	mount -t tmpfs -o mode=755 tmpfs "$1/run"
	mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
	mount -t tmpfs -o mode=755 tmpfs "$1/dev"
	mkdir "$1/dev/shm"
	for name in null zero full random urandom tty; do
		touch "$1/dev/$name"
		mount --bind "/dev/$name" "$1/dev/$name"
	done
	ln -s /proc/self/fd "$1/dev/fd"
	mkdir -p "$1/etc/lab"
	cp "$RUN"/*.pem "$1/etc/lab/"
	chmod 600 "$1"/etc/lab/*-key.pem
	printf "127.0.0.1 localhost\n%s %s mail\n%s %s\n203.0.113.200 hook.example.org\n" \
		"$ip" "$host" "$relay_ip" "$relay_host" >"$1/etc/hosts"
	echo nameserver 127.0.0.1 >"$1/etc/resolv.conf"
}

# publish FOLDER PLACE: a folder of RUN that is a place in a root.
publish() {
	mkdir -p "$1"
	mount --bind "$1" "$2"
}

wait_for_file() {
	for _ in $(seq 200); do
		[ ! -e "$1" ] || return 0
		sleep 0.05
	done
	echo "no $1 after 10 s" >&2
	return 1
}

wait_for_port() {
	for _ in $(seq 200); do
		! (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null || return 0
		sleep 0.05
	done
	echo "nobody listens at $1 port $2 after 10 s" >&2
	return 1
}

# No interface but loopback, whose addresses are those of the documentation ranges
# (RFC 5737, 3849): nothing can leave the machine.
make_network() {
	in_root ip link set lo up
	in_root ip address add "$ip/32" dev lo
	in_root ip address add "$relay_ip/32" dev lo
	for network in 198.51.100.0/24 203.0.113.0/24; do
		in_root ip route add local "$network" dev lo src "$ip"
	done
	in_root dnsmasq --conf-file=- --pid-file= <"$RUN/dnsmasq.conf"
}

# journald, which hands on to rsyslog, as on a Debian system.
start_logs() {
	mount -t sysfs sysfs "$root/sys"
	mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup" # journald does not start without
	mkdir -p "$root/run/systemd/journal" "$root/var/log/journal"
	touch "$root/run/systemd/journal/flushed" # else it would stay in /run
	cat >"$root/etc/systemd/journald.conf" <<-'X'
		[Journal]
		Storage=persistent
		ForwardToSyslog=yes
		ReadKMsg=no
		Audit=no
		RateLimitBurst=0
		SyncIntervalSec=1s
	X
	cat >"$root/etc/rsyslog.conf" <<-'X'
		module(load="imuxsock" SysSock.Name="/run/systemd/journal/syslog")
		$FileCreateMode 0640
		$FileGroup adm
		mail.* action(type="omfile" file="/var/log/mail.log" template="RSYSLOG_TraditionalFileFormat")
	X
	: >"$root/var/log/mail.log"
	# As systemd's main process sets it; with the kernel's 10 journald loses lines on their
	# way to rsyslog.
	echo 512 >/proc/sys/net/unix/max_dgram_qlen
	in_root /lib/systemd/systemd-journald &
	wait_for_file "$root/run/systemd/journal/dev-log"
	ln -s /run/systemd/journal/dev-log "$root/dev/log"
	in_root rsyslogd -n -i NONE &
	wait_for_file "$root/run/systemd/journal/syslog"
}

in_root() { chroot "$root" "$@"; }

root=$RUN/root
# shellcheck source=/dev/null # one of the four beside this file
. "$here/$server.sh"
# shellcheck source=/dev/null
. "$here/relay.sh"
# shellcheck source=/dev/null
. "$here/mailwarden.sh"

make_root "$root" "$server"
publish "$RUN/log" "$root/var/log"
publish "$RUN/mail" "$root/var/mail"
chown 0:8 "$RUN/mail" # group mail
chmod 2775 "$RUN/mail"
mount --bind "$root/etc/hosts" /etc/hosts # for a mailwarden in this network
hostname "$host"
echo "$host" >"$root/etc/hostname"
echo "$host" >"$root/etc/mailname"
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
in_root useradd -m "$user"
cp "$here/aliases" "$root/etc/aliases"
make_network
start_logs
install_mailwarden
configure
server_up
start_relay
trap - ERR
touch "$RUN/ready"
trap 'server_down; exit 0' TERM
sleep "${LAB_MAX_SECONDS:-900}" &
wait $! || true
