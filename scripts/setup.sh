#!/bin/sh
# Installs what mailwarden needs from the system's packages.
#
#   scripts/setup.sh [build|desktop|test]
#
# build: compile and run; desktop: also mailwarden-desktop; test: also what scripts/test uses.
#
# What is there already is not touched: when nothing is missing, nothing is installed and
# neither root nor a network is needed. Debian, Ubuntu, Fedora and Arch are known; elsewhere
# it names what is missing.
set -eu

what=${1:-build}
case $what in build | desktop | test) ;; *)
	echo "usage: scripts/setup.sh [build|desktop|test]" >&2
	exit 2
	;;
esac

say() { printf '%s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
have_lib() { have pkg-config && pkg-config --exists "$1"; }

# --- what is missing, in words that do not depend on the system ---

have_c() { have gcc && printf '#include <stdio.h>\n' | gcc -E - >/dev/null 2>&1; }
have_fuzzer() {
	have clang || return 1
	dir=$(mktemp -d)
	printf '#include <stddef.h>\nint LLVMFuzzerTestOneInput(const char *p, size_t n);\nint LLVMFuzzerTestOneInput(const char *p, size_t n) { return p == 0 && n; }\n' >"$dir/f.c"
	found=0
	clang -fsanitize=fuzzer,address,undefined -o "$dir/f" "$dir/f.c" >/dev/null 2>&1 || found=1
	rm -rf "$dir"
	return $found
}
have_sanitizer() {
	have_c || return 1
	dir=$(mktemp -d)
	echo 'int main(void) { return 0; }' >"$dir/f.c"
	found=0
	gcc -fsanitize=address,undefined -o "$dir/f" "$dir/f.c" >/dev/null 2>&1 || found=1
	rm -rf "$dir"
	return $found
}
# Debian's modules are there for Debian's python3 alone; another may stand before it in PATH.
have_module() {
	for python in /usr/bin/python3 python3; do
		if have $python && $python -c "import $1" >/dev/null 2>&1; then
			return 0
		fi
	done
	return 1
}
# libcanberra is silent without a theme of sounds.
have_sounds() { [ -d /usr/share/sounds/freedesktop ]; }
# It is started by the session bus, and stands in no PATH.
have_notifyd() { [ -f /usr/share/dbus-1/services/org.xfce.xfce4-notifyd.Notifications.service ]; }
# Debian's GTK only recommends what reads the icons.
lacks_svg() {
	have apt-get && ! ls /usr/lib/*/gdk-pixbuf-2.0/*/loaders/*svg* >/dev/null 2>&1
}
have_sshd() { have sshd || [ -x /usr/sbin/sshd ]; }
have_journal_remote() {
	[ -x /lib/systemd/systemd-journal-remote ] || [ -x /usr/lib/systemd/systemd-journal-remote ]
}

# The live tests make their servers' roots of its packages (tests/lab/README.md).
is_debian_12() {
	[ -r /etc/os-release ] && (
		# shellcheck source=/dev/null
		. /etc/os-release
		[ "${ID:-}:${VERSION_CODENAME:-}" = debian:bookworm ]
	)
}

# Without them no relay's certificate can be checked.
have_authorities() {
	[ -s /etc/ssl/certs/ca-certificates.crt ] || [ -s /etc/pki/tls/certs/ca-bundle.crt ] ||
		[ -s /etc/ssl/cert.pem ]
}

find_missing() {
	missing=
	need() { missing="$missing $1"; }
	have_c || need c
	have cmake || need cmake
	have ninja || need ninja
	have pkg-config || need pkg-config
	for lib in libsystemd libpcre2-8 libcurl libcrypto json-c sqlite3 yaml-0.1 libarchive \
		gmime-3.0 expat libseccomp cairo fontconfig libmicrohttpd; do
		have_lib "$lib" || need "$lib"
	done
	have_authorities || need ca-certificates
	have npm || need npm # the dashboard's page; a build goes without
	[ "$what" != build ] || return 0
	# The desktop channel and mailwarden-desktop; a build goes without.
	for lib in libnotify gtk+-3.0 ayatana-appindicator3-0.1 libcanberra; do
		have_lib "$lib" || need "$lib"
	done
	! lacks_svg || need librsvg2-common
	have ssh || need ssh
	have_sounds || need sound-theme-freedesktop
	[ "$what" = test ] || return 0
	have promtool || need prometheus # the metrics
	have dunst || need dunst
	have_notifyd || need xfce4-notifyd
	have xfce4-panel || need xfce4-panel
	have xfwm4 || need xfwm4
	have xdotool || need xdotool
	have import || need imagemagick
	have desktop-file-validate || need desktop-file-utils
	have_module gi || need python3-gi
	have_module pyatspi || need python3-pyatspi
	have_sshd || need sshd
	have Xvfb || need xvfb
	have dbus-run-session || need dbus
	have_sanitizer || need sanitizer
	have_lib cmocka || need cmocka
	have clang || need clang
	have_fuzzer || need fuzzer
	have clang-format || need clang-format
	have python3 || need python3
	have_module aiosmtpd || need aiosmtpd
	have_module yaml || need python3-yaml
	have_module jsonschema || need python3-jsonschema
	have_module selenium || need selenium
	have chromium || have chromium-browser || need chromium
	have chromedriver || need chromedriver
	have openssl || need openssl
	have tidy || need tidy # what the digest is checked by
	have_journal_remote || need journal-remote
	have systemd-nspawn || need nspawn
	! is_debian_12 || have mmdebstrap || need mmdebstrap
	for tool in zstd xz bzip2 gzip; do
		have "$tool" || need "$tool"
	done
}

# --- the same in package names ---

# The runtime of libFuzzer goes with clang's version.
apt_fuzzer() {
	major=$(clang -dumpversion 2>/dev/null | cut -d. -f1)
	[ -n "$major" ] || major=$(apt-cache depends clang 2>/dev/null |
		sed -n 's/.*Depends: clang-\([0-9]*\).*/\1/p' | head -n 1)
	echo "libclang-rt-${major:-14}-dev"
}

package() {
	case $system:$1 in
	apt:c) echo gcc libc6-dev ;;
	apt:ninja) echo ninja-build ;;
	apt:libsystemd) echo libsystemd-dev ;;
	apt:libpcre2-8) echo libpcre2-dev ;;
	apt:libcurl) echo libcurl4-openssl-dev ;;
	apt:libcrypto) echo libssl-dev ;;
	apt:json-c) echo libjson-c-dev ;;
	apt:sqlite3) echo libsqlite3-dev ;;
	apt:yaml-0.1) echo libyaml-dev ;;
	apt:libarchive) echo libarchive-dev ;;
	apt:libnotify) echo libnotify-dev ;;
	apt:gtk+-3.0) echo libgtk-3-dev ;;
	apt:ayatana-appindicator3-0.1) echo libayatana-appindicator3-dev ;;
	apt:libcanberra) echo libcanberra-dev ;;
	apt:ssh) echo openssh-client ;;
	apt:sshd | dnf:sshd) echo openssh-server ;;
	apt:gmime-3.0) echo libgmime-3.0-dev ;;
	apt:expat) echo libexpat1-dev ;;
	apt:libseccomp) echo libseccomp-dev ;;
	apt:cairo) echo libcairo2-dev ;;
	apt:fontconfig) echo libfontconfig-dev ;;
	apt:libmicrohttpd) echo libmicrohttpd-dev ;;
	apt:sanitizer) echo gcc ;;
	apt:cmocka) echo libcmocka-dev ;;
	apt:fuzzer) apt_fuzzer ;;
	apt:aiosmtpd) echo python3 python3-aiosmtpd ;;
	apt:journal-remote) echo systemd-journal-remote ;;
	apt:nspawn | dnf:nspawn) echo systemd-container ;;
	apt:selenium) echo python3 python3-selenium ;;
	apt:chromedriver) echo chromium-driver ;;
	apt:xz) echo xz-utils ;;
	dnf:c) echo gcc glibc-devel ;;
	dnf:ninja) echo ninja-build ;;
	dnf:pkg-config) echo pkgconf-pkg-config ;;
	dnf:libsystemd) echo systemd-devel ;;
	dnf:libpcre2-8) echo pcre2-devel ;;
	dnf:libcurl) echo libcurl-devel ;;
	dnf:libcrypto) echo openssl-devel ;;
	dnf:json-c) echo json-c-devel ;;
	dnf:sqlite3) echo sqlite-devel ;;
	dnf:yaml-0.1) echo libyaml-devel ;;
	dnf:libarchive) echo libarchive-devel ;;
	dnf:libnotify) echo libnotify-devel ;;
	dnf:gtk+-3.0) echo gtk3-devel ;;
	dnf:ayatana-appindicator3-0.1) echo libayatana-appindicator-gtk3-devel ;;
	dnf:libcanberra) echo libcanberra-devel ;;
	dnf:ssh) echo openssh-clients ;;
	dnf:imagemagick) echo ImageMagick ;;
	dnf:python3-gi) echo python3-gobject ;;
	dnf:gmime-3.0) echo gmime30-devel ;;
	dnf:expat) echo expat-devel ;;
	dnf:libseccomp) echo libseccomp-devel ;;
	dnf:cairo) echo cairo-devel ;;
	dnf:fontconfig) echo fontconfig-devel ;;
	dnf:libmicrohttpd) echo libmicrohttpd-devel ;;
	dnf:xvfb) echo xorg-x11-server-Xvfb ;;
	dnf:dbus) echo dbus-daemon ;;
	dnf:sanitizer) echo libasan libubsan ;;
	dnf:cmocka) echo libcmocka-devel ;;
	dnf:fuzzer) echo compiler-rt ;;
	dnf:clang-format) echo clang-tools-extra ;;
	dnf:aiosmtpd) echo python3-aiosmtpd ;;
	dnf:selenium) echo python3-selenium ;;
	dnf:python3-yaml) echo python3-pyyaml ;;
	dnf:journal-remote) echo systemd-journal-remote ;;
	pacman:c | pacman:sanitizer) echo gcc ;;
	pacman:pkg-config) echo pkgconf ;;
	pacman:libsystemd) echo systemd-libs ;;
	pacman:libpcre2-8) echo pcre2 ;;
	pacman:libcurl) echo curl ;;
	pacman:libcrypto) echo openssl ;;
	pacman:sqlite3) echo sqlite ;;
	pacman:gtk+-3.0) echo gtk3 ;;
	pacman:ayatana-appindicator3-0.1) echo libayatana-appindicator ;;
	pacman:ssh | pacman:sshd) echo openssh ;;
	pacman:python3-gi) echo python-gobject ;;
	pacman:python3-pyatspi) echo python-atspi ;;
	pacman:xvfb) echo xorg-server-xvfb ;;
	pacman:yaml-0.1) echo libyaml ;;
	pacman:gmime-3.0) echo gmime3 ;;
	pacman:fuzzer) echo compiler-rt ;;
	pacman:clang-format) echo clang ;;
	pacman:python3) echo python ;;
	pacman:aiosmtpd) echo python-aiosmtpd ;;
	pacman:selenium) echo python-selenium ;;
	pacman:chromedriver) echo chromium ;;
	pacman:python3-yaml) echo python-yaml ;;
	pacman:python3-jsonschema) echo python-jsonschema ;;
	pacman:journal-remote) echo systemd libmicrohttpd ;;
	pacman:nspawn) echo systemd ;;
	*) echo "$1" ;;
	esac
}

find_system() {
	for tool in apt-get dnf pacman; do
		if have $tool; then
			echo ${tool%-get}
			return
		fi
	done
	echo unknown
}

# --- installing ---

interactive=no
[ ! -t 0 ] || interactive=yes

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		env "$@"
	elif [ "$interactive" = yes ]; then
		sudo env "$@"
	else
		sudo -n env "$@"
	fi
}

apt_install() {
	as_root DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 \
		install -y --no-install-recommends "$@" </dev/null
}

# Fresh lists only if the packages can't be had with those that are there.
install_packages() {
	case $system in
	apt)
		apt_install "$@" && return 0
		as_root apt-get -o DPkg::Lock::Timeout=120 update </dev/null || return 1
		# shellcheck disable=SC2046,SC2086 # names are words; the lists may say other names
		set -- $(package_names)
		apt_install "$@"
		;;
	dnf) as_root dnf install -y --setopt=install_weak_deps=False "$@" </dev/null ;;
	pacman) as_root pacman -S --needed --noconfirm "$@" </dev/null ;;
	esac
}

package_names() {
	for item in $missing; do
		package "$item"
	done | tr ' ' '\n' | sort -u | tr '\n' ' '
}

cannot() {
	say "$1"
	say "still missing:$missing"
	[ "$system" = unknown ] || say "as packages: $(package_names)"
	exit 1
}

find_missing
[ -n "$missing" ] || exit 0
system=$(find_system)
if [ "$system" = unknown ]; then
	cannot "This system has none of apt-get, dnf and pacman: install by hand what is missing."
fi
if [ "$(id -u)" -ne 0 ] && ! have sudo; then
	cannot "Not root and no sudo: ask root to install what is missing."
fi

say "installing: $(package_names)"
log=$(mktemp)
# shellcheck disable=SC2046 # names are words
if ! install_packages $(package_names) >"$log" 2>&1; then
	tail -n 20 "$log" >&2
	rm -f "$log"
	find_missing
	[ -n "$missing" ] || exit 0
	cannot "The packages could not be installed (no network? sudo refused?)."
fi
rm -f "$log"
find_missing
[ -z "$missing" ] || cannot "The packages are installed, and yet something is not there."
