#!/bin/sh
# Times mailwarden against simple tools on generated logs and prints tables.
#
#   tests/bench/bench.sh [--quick] [--long] [--rounds N] [--work DIR]
#
#   --quick     200,000 lines in place of 2,000,000
#   --long      also five times as many lines: does time grow with the lines, does memory not?
#   --rounds N  rounds measured of each table (default 5)
#   --work DIR  where logs and programs go (default build/bench); the logs of 2,000,000 lines take
#               2 GB, with --long 4 GB, and are kept for the next time
#
# It takes the program of build/release, or MAILWARDEN. All commands of a table run in turn,
# round by round; "x first" is the median of the ratios to the first command in the same round:
# compare those, since seconds drift with what else the machine does. Nothing fails for being
# slow. Tools that are not installed are left out.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$root/build/bench
lines=2000000 journal_lines=300000
long=no rounds=5

while [ $# -gt 0 ]; do
	case $1 in
	--quick) lines=200000 journal_lines=50000 ;;
	--long) long=yes ;;
	--rounds) rounds=$2 && shift ;;
	--work) work=$2 && shift ;;
	*)
		sed -n '2,16s/^# \{0,1\}//p' "$0"
		[ "$1" = --help ] && exit 0
		exit 2
		;;
	esac
	shift
done

ours=${MAILWARDEN:-$root/build/release/mailwarden}
if [ ! -x "$ours" ]; then
	echo "no $ours: build it first (cmake --preset release && cmake --build --preset release)" >&2
	exit 1
fi
have() { command -v "$1" >/dev/null 2>&1; }

mkdir -p "$work"
cd "$work"
cc -std=c17 -D_GNU_SOURCE -O2 -ffp-contract=off -o genlog "$here/genlog.c" -lm
cc -std=c17 -D_GNU_SOURCE -O2 -o rounds "$here/rounds.c"

# The log of one server; read once, so that it comes from memory.
log() {
	[ -s "$1-$2.log" ] || ./genlog --lines "$2" --seed 7 --mta "$1" >"$1-$2.log"
	cat "$1-$2.log" >/dev/null
}
title() { printf '\n%s\n' "$*"; }

# What `run` needs: an empty configuration and a store that is new each time.
: >empty.yaml
state=$work/state
if [ -d /dev/shm ] && [ -w /dev/shm ]; then
	state=$(mktemp -d /dev/shm/mailwarden-bench.XXXXXX)
fi
trap 'rm -rf "$state"' EXIT
trap 'exit 1' INT TERM
fresh="rm -rf $state && mkdir -p $state"
run_once() {
	echo "$ours run --once --config empty.yaml --state $state/store.db --file $PWD/$1"
}
have pflogsumm || echo "pflogsumm is not installed: left out" >&2

title "Postfix, $lines lines ($(uname -m), $(nproc) cores)"
log postfix "$lines"
pf=postfix-$lines.log
set -- "wc -l,$lines=wc -l $pf" \
	"grep -c,$lines=LC_ALL=C grep -c status= $pf" \
	"parse --stats --threads 1,$lines=$ours parse --stats --threads 1 $pf" \
	"parse --stats,$lines=$ours parse --stats $pf" \
	"parse --json,$lines=$ours parse --json $pf" \
	"replay --json,$lines=$ours replay --json $pf" \
	"run --once,$lines=$(run_once "$pf")"
! have pflogsumm || set -- "$@" "pflogsumm,$lines,1=pflogsumm $pf"
./rounds -n "$rounds" -b "$fresh" "$@"

if [ $long = yes ]; then
	more=$((lines * 5))
	log postfix $more
	big=postfix-$more.log
	for command in "parse --stats --threads 1" "parse --stats" "replay --json"; do
		title "$command, $more lines against $lines"
		./rounds -n "$rounds" "$lines lines,$lines=$ours $command $pf" \
			"$more lines,$more=$ours $command $big"
	done
	title "run --once, $more lines against $lines"
	./rounds -n "$rounds" -b "$fresh" "$lines lines,$lines=$(run_once "$pf")" \
		"$more lines,$more=$(run_once "$big")"
fi

title "parse --stats of other servers, $lines lines each"
set -- "postfix,$lines=$ours parse --stats $pf"
for mta in sendmail opensmtpd dovecot mixed; do
	log $mta "$lines"
	set -- "$@" "$mta,$lines=$ours parse --stats $mta-$lines.log"
done
./rounds -n "$rounds" "$@"

title "a compressed log, $lines lines"
[ -s "$pf.gz" ] || gzip -c "$pf" >"$pf.gz"
./rounds -n "$rounds" "gzip -dc,$lines=gzip -dc $pf.gz" \
	"parse --stats of .gz,$lines=$ours parse --stats $pf.gz"

remote=/lib/systemd/systemd-journal-remote
if [ -x $remote ] && have python3 && cc -std=c17 -D_GNU_SOURCE -O2 -o journal_loop \
	"$here/journal_loop.c" -lsystemd 2>/dev/null; then
	title "the journal, $journal_lines entries"
	folder=journal-$journal_lines
	if [ ! -d $folder ]; then
		rm -rf $folder.new
		mkdir $folder.new
		./genlog --lines $journal_lines --seed 7 --time-format rfc3339 |
			python3 "$here/to_export.py" | $remote -o "$folder.new/mail.journal" - >/dev/null 2>&1
		mv $folder.new $folder
	fi
	files=$(find "$folder" -name '*.journal' | tr '\n' ' ')
	./rounds -n "$rounds" "sd_journal all fields,$journal_lines=./journal_loop all $files" \
		"sd_journal three fields,$journal_lines=./journal_loop get $files" \
		"parse --journal --stats,$journal_lines=$ours parse --journal --stats $files"
else
	echo "no systemd-journal-remote, python3 or libsystemd: the journal is left out" >&2
fi

title "start: a command with nothing to do"
./rounds -n $((rounds * 4)) "true=true" "parse --stats /dev/null=$ours parse --stats /dev/null"
