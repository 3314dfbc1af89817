#!/usr/bin/python3
"""What a thousand rules of an admin's own cost: `replay` with and without them, in turn.

usage: rules1000.py [--build DIR] [--lines N] [--rounds N] [--all-seeing N] [--keep DIR]

Rules of all kinds: parser rules for programs of their own and for the mail servers; alert
rules with each detector that name a provider, a relay, a sender, a login, a code, a
recipient, a phrase of the reply; lists of them, all but them; grouped by several fields, held
back by one another. Thirty look at everything that comes. Fails above LIMIT times the time
without them.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
LIMIT = 1.3
RULES, PARSER_RULES = 1000, 150

PHRASES = ["user unknown", "mailbox full", "quota exceeded", "spam", "blacklisted", "blocked",
           "greylisted", "try again later", "relay access denied", "does not exist",
           "rate limit", "policy", "rejected", "timed out", "too many connections",
           "unauthenticated", "DMARC", "SPF", "reputation", "content", "virus", "over quota",
           "not allowed", "temporarily deferred", "service unavailable", "invalid recipient"]


def values_of(program, log):
    """What the log speaks of: values of fields, the frequent ones more often."""
    fields = ("sender", "recipient", "relay_name", "provider", "code_id", "status",
              "sasl_user", "helo", "relay_ip")
    values = {field: [] for field in fields}
    with open(log, "rb") as head:
        text = b"".join(line for _, line in zip(range(60000), head))
    done = subprocess.run([program, "parse", "--json", "-"], input=text, capture_output=True,
                          check=True)
    for line in done.stdout.splitlines()[::7]:
        event = json.loads(line)
        for field in fields:
            if event.get(field) and "'" not in event[field] and event[field] != "2.0.0":
                values[field].append(event[field])
    return values


class Maker:
    def __init__(self, values, seed=1):
        self.values, self.random, self.n = values, random.Random(seed), 0

    def value(self, field):
        """One of the log's own, or one that never comes: most rules wait for years."""
        known = self.values[field]
        if known and self.random.random() < 0.3:
            return self.random.choice(known)
        word = f"rare{self.random.randrange(10**6)}"
        return {"sender": f"{word}@example.org", "recipient": f"{word}@example.net",
                "sasl_user": f"{word}@example.com", "relay_name": f"mx.{word}.example",
                "status": f"5.7.{self.random.randrange(600)}",
                "relay_ip": f"192.0.2.{self.random.randrange(256)}"}.get(field, word)

    def values_list(self, field):
        return "[" + ", ".join(f"'{self.value(field)}'"
                               for _ in range(self.random.randrange(2, 9))) + "]"

    def phrase(self):
        return self.random.choice(PHRASES)

    def condition(self):
        """What a rule looks for; the dozen ways in which people write it."""
        field = self.random.choice(["sender", "recipient", "relay_name", "provider",
                                    "code_id", "status", "sasl_user"])
        kind = {"sasl_user": "accepted"}.get(field, "attempt")
        outcome = self.random.choice(["outcome: bounced, ", "outcome: deferred, ", "",
                                      "outcome: [bounced, deferred], "])
        if kind == "accepted":
            outcome = ""
        domain = self.value("recipient").rpartition("@")[2].replace(".", "\\.")
        return self.random.choice([
            f"kind: {kind}, {outcome}{field}: '{self.value(field)}'",
            f"kind: {kind}, {outcome}{field}: {self.values_list(field)}",
            f"kind: {kind}, {outcome}{field}: '{self.value(field)}'",
            f"kind: attempt, {outcome}provider: '{self.value('provider')}', "
            f"status: {{ not: '{self.value('status')}' }}, "
            f"sender: '{self.value('sender')}'",
            f"kind: attempt, outcome: bounced, reply: {{ match: '{self.phrase()}' }}",
            f"kind: attempt, outcome: [bounced, deferred], reply: {{ match: "
            f"'{self.phrase()}.*{self.phrase()}' }}",
            f"kind: attempt, outcome: deferred, reply: {{ match: "
            f"'(?:{self.phrase()}|{self.phrase()})' }}",
            f"kind: attempt, recipient: {{ match: '@{domain}$' }}",
            f"kind: [attempt, reject], {outcome}recipient: {{ match: '^{self.n}rare.*@' }}",
            f"kind: reject, relay_ip: '{self.value('relay_ip')}'",
            f"kind: reject, reply: {{ match: '{self.phrase()} {self.n}' }}",
            f"kind: [warning, limit, lifecycle], text: {{ match: '{self.phrase()} "
            f"{self.n}' }}",
        ])

    def unselective(self):
        return self.random.choice([
            "kind: attempt", "kind: attempt, outcome: delivered", "kind: accepted",
            "kind: attempt, direction: outbound, sender: { not: '' }",
            "kind: attempt, recipient: { match: '[a-z]+[0-9]?@' }",
            "kind: accepted, sasl_user: { known: true }", "kind: connection",
            "kind: [attempt, reject, accepted], host: { not: elsewhere }"])

    def alert(self, unselective):
        self.n += 1
        when = self.unselective() if unselective else self.condition()
        group = self.random.choice(["[host]", "[host, provider]", "[host, peer]",
                                    "[host, sender]", "[provider]",
                                    "[host, provider, sender, status]"])
        detector = self.random.choice(["match", "count", "ratio", "trend", "silence",
                                       "surge"])
        if unselective and detector == "match":
            detector = "count"
        more = {
            "match": "resolves: { after: 1h }, in_a_row: 3, distinct: queue_id",
            "count": "at_least: 500, within: 1h" if unselective
            else "at_least: 20, within: 1h, distinct: recipient",
            "ratio": "among: { kind: attempt }, share: 60%, at_least: 30, within: 6h",
            "trend": "among: { kind: attempt }, change: both, at_least: 30",
            "silence": "learn: 3d",
            "surge": "at_least: 200, within: 1h",
        }[detector]
        if not unselective and detector in ("ratio", "trend"):
            more = more.replace("kind: attempt",
                                f"kind: attempt, {self.condition_value()}")
        if self.n % 7 == 0:
            more += f", inhibited_by: [own-{self.n - 1}]"
        return (f"  - {{ name: own-{self.n}, detector: {detector}, when: {{ {when} }}, "
                f"group_by: {group}, severity: info, summary: 'own {self.n}: {{host}}', "
                f"{more} }}\n")

    def condition_value(self):
        field = self.random.choice(["provider", "relay_name", "sender", "recipient"])
        return f"{field}: '{self.value(field)}'"

    def parser_rules(self, number, count):
        """Two must be looked for in all of the text."""
        return "".join(f"  - name: own-parser-{number}-{i}\n"
                       + (f"    literal: 'own words {number}'\n" if i < 2
                          else f"    begins: ['own words {number} ']\n") +
                       f"    pattern: '^own[ ]words[ ]{number}[ ]{i}[ ](?<text>.*+)$'\n"
                       f"    kind: warning\n" for i in range(count))


def write_rules(folder, program, log, unselective):
    maker = Maker(values_of(program, log))
    (folder / "alerts").mkdir(parents=True)
    (folder / "parsers").mkdir()
    # Ten more before those of each mail server, in a copy of its file; the others are for
    # programs of their own.
    servers = ["postfix", "sendmail", "opensmtpd", "dovecot"]
    for number, mta in enumerate(servers):
        shipped = (SOURCE / "rules.d" / "parsers" / f"{mta}.yaml").read_text()
        (folder / "parsers" / f"{mta}.yaml").write_text(shipped.replace(
            "\nrules:\n", "\nrules:\n" + maker.parser_rules(mta, 10), 1))
    for number in range((PARSER_RULES - 10 * len(servers)) // 5):
        (folder / "parsers" / f"own{number:02}.yaml").write_text(
            f"mta: own{number}\nskip: none\nclaims: ['own-program-{number}']\nrules:\n"
            + maker.parser_rules(number, 5))
    alerts = RULES - PARSER_RULES
    order = [True] * unselective + [False] * (alerts - unselective)
    maker.random.shuffle(order)
    for number in range(10):
        part = order[number::10]
        (folder / "alerts" / f"own{number}.yaml").write_text(
            "rules:\n" + "".join(maker.alert(all_seeing) for all_seeing in part))


def timed(program, log, rules):
    """Seconds of the processor and of the clock, and incidents."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen([program, "replay", "--json", "--threads", "1", "--rules",
                                  rules, log], stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"replay: exit code {child.returncode}")
        out.seek(0)
        incidents = sum(1 for _ in out) - 1
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began, incidents


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=".", type=pathlib.Path)
    parser.add_argument("--lines", default=500000, type=int)
    parser.add_argument("--rounds", default=7, type=int)
    parser.add_argument("--all-seeing", default=30, type=int,
                        help="so many of the rules look at everything that comes")
    parser.add_argument("--keep", type=pathlib.Path, help="leave log and rules there")
    args = parser.parse_args()
    program = str(args.build / "mailwarden")
    temporary = tempfile.TemporaryDirectory()
    work = args.keep or pathlib.Path(temporary.name)
    work.mkdir(parents=True, exist_ok=True)
    log = work / "mixed.log"
    with open(log, "wb") as out:
        subprocess.run([str(args.build / "tests" / "genlog"), "--lines", str(args.lines),
                        "--mta", "mixed", "--seed", "7", "--days", "20"], stdout=out,
                       check=True)
    (work / "none").mkdir()
    write_rules(work / "own", program, log, args.all_seeing)
    times = {"none": [], "own": []}
    for number in range(args.rounds + 1):
        for name, rows in times.items():
            row = timed(program, str(log), str(work / name))
            if number > 0: # the first round warms up
                rows.append(row)
    cpu = {name: statistics.median(row[0] for row in rows) for name, rows in times.items()}
    clock = {name: statistics.median(row[1] for row in rows) for name, rows in times.items()}
    ratio = cpu["own"] / cpu["none"]
    for name, rows in times.items():
        print(f"{name:5} {cpu[name]:.2f} s of the processor, {clock[name]:.2f} s by the "
              f"clock, {rows[0][2]} incidents")
    print(f"{RULES} rules more: {ratio:.2f} times the time "
          f"({clock['own'] / clock['none']:.2f} by the clock)")
    return ratio >= LIMIT


if __name__ == "__main__":
    sys.exit(main())
