#!/bin/sh
# Makes a root folder with Debian 12 and one mail server from the machine's own package sources.
#
#   roots.sh FOLDER SERVER...      SERVER: postfix, sendmail, opensmtpd or dovecot
#
# FOLDER/SERVER is made once and used by every instance, never written to. Nothing is installed
# on the machine itself. Two callers at the same time wait for each other. Disk: about 170 MB for
# the base and 190 MB for each server.
set -eu

folder=$1
shift
here=$(cd "$(dirname "$0")" && pwd)

# What any server needs beside it: logs as on a real system, DNS, passwords.
common=systemd,rsyslog,dnsmasq-base,iproute2,procps,netbase,libsasl2-modules,sasl2-bin,m4,make

packages() {
	case $1 in
	postfix) echo postfix ;;
	sendmail) echo sendmail-bin sendmail-cf procmail ;;
	opensmtpd) echo opensmtpd ;;
	dovecot) echo dovecot-core dovecot-imapd dovecot-pop3d dovecot-lmtpd ;;
	*)
		echo "roots.sh: no server '$1'" >&2
		exit 2
		;;
	esac
}

# The machine's package sources, and the proxy that it uses for them.
make_base() {
	sources=
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
		[ ! -s "$file" ] || sources="$sources $file"
	done
	apt-config dump | grep -i '^Acquire::[a-z]*::Proxy' >"$folder/apt.conf" || true
	# shellcheck disable=SC2086 # sources are words
	mmdebstrap --quiet --mode=root --variant=minbase --include="$common" \
		--aptopt="$folder/apt.conf" --dpkgopt=force-unsafe-io \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/info/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		bookworm "$1" $sources </dev/null
}

# In a mount namespace of its own, which takes all mounts with it.
install_server() {
	cp -a "$folder/base" "$1"
	printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d" # start nothing
	chmod +x "$1/usr/sbin/policy-rc.d"
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount sh -euc '
		mount -t proc proc "$1/proc"
		mount --rbind /dev "$1/dev"
		for file in resolv.conf hosts; do
			[ -e "/etc/$file" ] || continue
			touch "$1/etc/$file"
			mount --bind "/etc/$file" "$1/etc/$file"
		done
		root=$1
		shift
		export DEBIAN_FRONTEND=noninteractive LC_ALL=C
		chroot "$root" apt-get update -qq
		chroot "$root" apt-get install -y -qq --no-install-recommends "$@"
		chroot "$root" apt-get clean
		rm -rf "$root"/var/lib/apt/lists/*
	' sh "$@" </dev/null
}

mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9

# Roots that were made by another recipe are made anew.
recipe=$(cksum <"$here/roots.sh")
if [ "$(cat "$folder/recipe" 2>/dev/null)" != "$recipe" ]; then
	find "$folder" -mindepth 1 -maxdepth 1 ! -name lock -exec rm -rf --one-file-system {} +
	echo "$recipe" >"$folder/recipe"
fi

# A name without ".new" is complete.
for name in base "$@"; do
	[ ! -d "$folder/$name" ] || continue
	log=$folder/$name.log
	rm -rf --one-file-system "$folder/$name.new"
	if [ "$name" = base ]; then
		make_base "$folder/$name.new"
	else
		# shellcheck disable=SC2046 # packages are words
		install_server "$folder/$name.new" $(packages "$name")
	fi >"$log" 2>&1 || {
		tail -n 5 "$log" >&2
		exit 1
	}
	mv "$folder/$name.new" "$folder/$name"
done
