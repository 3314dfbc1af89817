#!/usr/bin/env python3
"""Turns an RFC 3339 log on standard input into the journal's export format.

    genlog --lines 300000 --time-format rfc3339 | to_export.py |
        /lib/systemd/systemd-journal-remote -o mail.journal -

Each entry gets the fields that journald adds for a service, so that a reader has as much to
skip as in real life.
"""
import datetime
import re
import sys

LINE = re.compile(r"(\S+) (\S+) ([^\[: ]+)(?:\[(\d+)\])?: (.*)")
BOOT = "0123456789abcdef0123456789abcdef"
MACHINE = "fedcba9876543210fedcba9876543210"


def entry(stamp, host, tag, pid, message, at_us, since_boot_us):
    command = tag.rsplit("/", 1)[-1][:15]
    unit = "postfix@-.service" if tag.startswith("postfix") else command + ".service"
    return (
        f"__CURSOR=s=1;i={at_us:x}\n__REALTIME_TIMESTAMP={at_us}\n"
        f"__MONOTONIC_TIMESTAMP={since_boot_us}\n_BOOT_ID={BOOT}\n"
        f"PRIORITY=6\n_UID=0\n_GID=0\n_TRANSPORT=syslog\nSYSLOG_FACILITY=2\n"
        f"SYSLOG_IDENTIFIER={tag}\nSYSLOG_PID={pid}\n_PID={pid}\n_COMM={command}\n"
        f"_EXE=/usr/lib/postfix/sbin/{command}\n_CMDLINE={command} -l -t unix -u -c\n"
        f"_CAP_EFFECTIVE=1ffffffffff\n_SELINUX_CONTEXT=unconfined\n"
        f"_SYSTEMD_CGROUP=/system.slice/{unit}\n_SYSTEMD_UNIT={unit}\n"
        f"_SYSTEMD_SLICE=system.slice\n_SYSTEMD_INVOCATION_ID={BOOT[::-1]}\n"
        f"_MACHINE_ID={MACHINE}\n_HOSTNAME={host}\nSYSLOG_TIMESTAMP={stamp} \n"
        f"_SOURCE_REALTIME_TIMESTAMP={at_us - 40}\nMESSAGE={message}\n\n"
    )


def main():
    first_us = last_us = 0
    for raw in sys.stdin:
        found = LINE.match(raw.rstrip("\n"))
        if not found:
            continue
        stamp, host, tag, pid, message = found.groups()
        at = datetime.datetime.fromisoformat(stamp)
        at_us = max(int(at.timestamp() * 1_000_000), last_us + 1)
        last_us = at_us
        first_us = first_us or at_us - 60_000_000
        sys.stdout.write(entry(stamp, host, tag, pid or "1", message, at_us, at_us - first_us))


main()
