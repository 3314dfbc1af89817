#!/usr/bin/python3
"""Strangers who never use a name twice: senders, recipients, logins, relays, queue ids,
message ids, each of its own. Memory must have a ceiling (design, invariant 4), and the real
troubles in between must be found all the same.

usage: cardinality.py [--build DIR] [--lines N]   prints lines/s, peak memory, incidents
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

# Troubles at these shares of the log: lines without stamp and host, the rule that tells of it.
TROUBLES = [
    (0.30, "dovecot-limit", [
        "dovecot: master: Warning: service(imap-login): process_limit (100) reached, "
        "client connections are being dropped"] * 3),
    (0.50, "provider-blocklisted", [
        f"postfix/smtp[9]: 4bZzWz3qL{i:03}z: to=<real{i}@hotmail.com>, relay=hotmail-com.olc."
        "protection.outlook.com[203.0.113.20]:25, delay=1, delays=0/0/0/1, dsn=5.7.1, "
        "status=bounced (host hotmail-com.olc.protection.outlook.com[203.0.113.20] said: "
        "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. part of their "
        "network is on our block list (S3140). (in reply to MAIL FROM command))"
        for i in range(5)]),
    (0.60, "hijacked-account", [
        f"postfix/smtpd[8]: 4bYy{i:08}: client=unknown[198.51.100.66], sasl_method=PLAIN, "
        "sasl_username=eve@example.com" for i in range(400)]),
    (0.80, "relay-login-failed", [
        f"postfix/smtp[7]: 4bXxWz3qL{i:03}z: to=<real{i}@example.org>, relay=smtp.example.net"
        "[203.0.113.25]:587, delay=1, delays=0/0/1/0, dsn=4.7.8, status=deferred (SASL "
        "authentication failed; server smtp.example.net[203.0.113.25] said: 535 5.7.8 Error)"
        for i in range(4)]),
]

BEGIN = 1793491200  # 2026-11-01
DAYS = 20


def stranger(n):
    """The n-th line of nobody in particular."""
    ip = f"198.{18 + (n >> 16) % 2}.{n >> 8 & 255}.{n & 255}"
    q = f"4bX{n:010}"
    kind = n % 20
    if kind < 6:
        status = ("status=sent (250 2.0.0 OK)", "status=sent (250 ok)",
                  "status=sent (250 queued)", "status=sent (250 2.0.0 Ok)",
                  f"status=deferred (host mx.d{n}.example[{ip}] said: 450 4.2.0 Greylisted "
                  "(in reply to RCPT TO command))",
                  f"status=bounced (host mx.d{n}.example[{ip}] said: 550 5.1.1 <u{n}@d{n}."
                  "example>: User unknown (in reply to RCPT TO command))")[kind]
        dsn = ("2.0.0", "2.0.0", "2.0.0", "2.0.0", "4.2.0", "5.1.1")[kind]
        return (f"postfix/smtp[{n % 30000}]: {q}: to=<u{n}@d{n}.example>, relay=mx.d{n}.example"
                f"[{ip}]:25, delay=1, delays=0/0/0/1, dsn={dsn}, {status}")
    if kind == 6:
        return f"postfix/smtpd[{n % 30000}]: {q}: client=c{n}.example[{ip}]"
    if kind == 7:
        return (f"postfix/smtpd[{n % 30000}]: {q}: client=c{n}.example[{ip}], "
                f"sasl_method=PLAIN, sasl_username=login{n}@example.com")
    if kind == 8:
        return f"postfix/cleanup[{n % 30000}]: {q}: message-id=<m{n}@d{n}.example>"
    if kind == 9:
        return (f"postfix/qmgr[3]: {q}: from=<s{n}@d{n}.example>, size=1000, nrcpt=1 "
                "(queue active)")
    if kind == 10:
        return (f"postfix/smtpd[{n % 30000}]: NOQUEUE: reject: RCPT from c{n}.example[{ip}]: "
                f"554 5.7.1 <r{n}@example.com>: Relay access denied; from=<s{n}@d{n}.example> "
                f"to=<r{n}@example.com> proto=ESMTP helo=<h{n}>")
    if kind == 11:
        return (f"postfix/smtp[{n % 30000}]: Untrusted TLS connection established to "
                f"mx.d{n}.example[{ip}]:25: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 "
                "(256/256 bits)")
    if kind == 12:
        return (f"dovecot: imap-login: Login: user=<u{n}>, method=PLAIN, rip={ip}, "
                f"lip=192.0.2.1, mpid=7, TLS, session=<x{n}>")
    if kind == 13:
        return (f"sm-mta[{n % 30000}]: 6AL{n:011}: from=<s{n}@d{n}.example>, size=1, class=0, "
                f"nrcpts=1, msgid=<n{n}@d{n}.example>, proto=ESMTP, daemon=MTA-v4, "
                f"relay=c{n}.example [{ip}]")
    if kind == 14:
        return (f"sm-mta[{n % 30000}]: 6AM{n:011}: to=<u{n}@d{n}.example>, delay=00:00:02, "
                f"xdelay=00:00:02, mailer=esmtp, pri=1, relay=mx.d{n}.example. [{ip}], "
                "dsn=2.0.0, stat=Sent (OK)")
    if kind == 15:
        return (f"sm-mta[{n % 30000}]: STARTTLS=client, relay=mx.d{n}.example., "
                "version=TLSv1.3, verify=FAIL, cipher=TLS_AES_256_GCM_SHA384, bits=256/256")
    if kind == 16:
        return f"smtpd[5]: {n:016x} smtp connected address={ip} host=c{n}.example"
    if kind == 17:
        return (f"smtpd[5]: {n:016x} smtp message msgid={n & 0xffffffff:08x} size=9 nrcpt=1 "
                "proto=ESMTP")
    if kind == 18:
        return (f"smtpd[5]: {n:016x} smtp envelope evpid={n:016x} from=<s{n}@d{n}.example> "
                f"to=<r{n}@example.com>")
    return (f"smtpd[5]: {n:016x} mta delivery evpid={n:016x} from=<s{n}@example.com> "
            f"to=<u{n}@d{n}.example> rcpt=<-> source=\"192.0.2.1\" relay=\"{ip} "
            f"(mx.d{n}.example)\" delay=1s result=\"Ok\" stat=\"250 ok\"")


def write_log(out, lines):
    """That many lines, and the troubles'; so many in all."""
    troubles = {int(share * lines): what for share, _, what in TROUBLES}
    step = DAYS * 86400 / lines
    second, head, written, chunk = None, "", 0, []
    for n in range(lines):
        at = int(BEGIN + n * step)
        if at != second:
            second = at
            head = time.strftime("%Y-%m-%dT%H:%M:%S+00:00 mx1 ", time.gmtime(at))
        for line in [stranger(n)] + troubles.get(n, []):
            chunk.append(head + line)
        if len(chunk) >= 5000 or n == lines - 1:
            written += len(chunk)
            out.write(("\n".join(chunk) + "\n").encode())
            chunk.clear()
    out.close()
    return written


def run(words, lines=0):
    """Runs a program, with that many lines as its input; its output, peak memory in KiB."""
    child = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    answer = []
    reader = threading.Thread(target=lambda: answer.append(child.stdout.read()))
    reader.start()
    if lines > 0:
        write_log(child.stdin, lines)
    else:
        child.stdin.close()
    reader.join()
    child.stdout.close()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{words}: exit code {child.returncode}")
    return answer[0], usage.ru_maxrss


def measure(program, lines, options=()):
    """Replays them through a pipe: incidents, summary, peak memory in KiB."""
    answer, kib = run([program, "replay", "--json", *options, "-"], lines)
    objects = [json.loads(line) for line in answer.splitlines()]
    return objects[:-1], objects[-1], kib


def rules_of(incidents):
    counts = {}
    for incident in incidents:
        counts[incident["rule"]] = counts.get(incident["rule"], 0) + 1
    return counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=".", type=pathlib.Path)
    parser.add_argument("--lines", default=10000000, type=int)
    args = parser.parse_args()
    began = time.monotonic()
    incidents, summary, kib = measure(args.build / "mailwarden", args.lines)
    seconds = time.monotonic() - began
    print(f"{summary['lines']} lines ({summary['unparsed']} unparsed) in {seconds:.1f} s, "
          f"peak {kib / 1024:.1f} MiB")
    for rule, n in sorted(rules_of(incidents).items()):
        print(f"  {rule}: {n}")
    missing = [rule for _, rule, _ in TROUBLES if rule not in rules_of(incidents)]
    if missing:
        sys.exit("not told: " + ", ".join(missing))


if __name__ == "__main__":
    main()
