#!/usr/bin/python3
"""Recordings of real servers against what truly happened to each mail, which was noted by
the scripted remote side and the driver, never read from a log.

recorded/SERVER.log and SERVER.expected.tsv: Postfix 3.7, sendmail 8.17, OpenSMTPD 6.8 and
dovecot 2.3 in a closed network; every name and address is invented. The columns of the
second: kind, scenario, case, t, sender (<>: null), recipient, outcome, code and dsn (the
remote's last reply), relay, relay_ip, tls, tries, qid, qid2 (after a filter), note.

MAILWARDEN_CORPUS names a folder with more logs (postfix.log, sendmail.log, opensmtpd.log,
dovecot.log) that are not ours to ship; without it those tests are skipped.
"""

import collections
import csv
import gzip
import ipaddress
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from support import Case  # noqa: E402

RECORDED = pathlib.Path(__file__).resolve().parent / "recorded"
SERVERS = ("postfix", "sendmail", "opensmtpd", "dovecot")
REMOTE = "/lib/systemd/systemd-journal-remote"
UNMATCHED_MAX = 0.02
AGREE_MIN = 0.98

OUTCOMES = {"delivered": "delivered", "delivered-local": "delivered", "bounced": "bounced",
            "expired": "expired", "rejected": "rejected", "undelivered": "deferred"}

# Why a log names another recipient than the envelope, or none: the reason, and in how many
# rows of all servers.
EXPLAINED = {
    "alias": ("sendmail logs what an alias or .forward became, not the address", 20),
    "forwarded": ("Postfix hands it to another queue file: its lines tell the rest", 4),
    "expired alone": ("giving up has a line of its own that names no recipient", 20),
}


def events(path, *more):
    done = support.mailwarden("parse", "--json", *more, path)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def expected(server):
    with open(RECORDED / f"{server}.expected.tsv", newline="") as source:
        return list(csv.DictReader(source, delimiter="\t", quoting=csv.QUOTE_NONE))


def same_relay(logged, truth):
    """sendmail cuts the middle out of long names: "contoso-com.mail.p...ction.example"."""
    head, dots, tail = logged.partition("...")
    return truth.startswith(head) and truth.endswith(tail) if dots else logged == truth


def same_ip(logged, truth):
    return ipaddress.ip_address(logged) == ipaddress.ip_address(truth)


def same(logged, truth):
    return logged == truth


class Message:
    """What the log says of one envelope: the events of its queue ids."""

    def __init__(self, by_queue_id, row):
        self.row = row
        self.classes = []
        ids = [word for word in (row["qid"], row["qid2"]) if word]
        self.all = [event for word in ids for event in by_queue_id[word]]
        final = self.finals(self.all)
        mine = [event for event in final if row["recipient"] in (
            event.get("recipient"), event.get("original_recipient"))]
        if not final:
            related = {event["related_queue_id"] for event in self.all
                       if event["kind"] == "attempt" and "related_queue_id" in event}
            final = self.finals(event for word in related for event in by_queue_id[word])
            self.classes += ["forwarded"] if final else []
        if not mine and final and not self.classes:
            self.classes.append("alias")
        self.last = (mine or final or [{}])[-1]

    @staticmethod
    def finals(rows):
        return [event for event in rows if event["kind"] in ("attempt", "reject") and
                event.get("direction") != "internal" and "outcome" in event]

    def outcome(self):
        said = self.last.get("outcome")
        if said in (None, "deferred") and any(
                event.get("outcome") == "expired" for event in self.all):
            self.classes.append("expired alone")
            return "expired"
        return said

    def senders(self):
        return {event["sender"] for event in self.all if "sender" in event}


class Recordings(Case):
    def stats(self, path):
        done = support.mailwarden("parse", "--stats", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def check_unmatched(self, path):
        row = self.stats(path)
        claimed = row["events"] + row["unparsed"]
        self.assertGreater(claimed, 0)
        self.assertLess(row["unparsed"] / claimed, UNMATCHED_MAX, path.name)

    def test_every_line_is_known(self):
        for server in SERVERS:
            with self.subTest(server=server):
                self.check_unmatched(RECORDED / f"{server}.log")
                self.assertEqual(self.stats(RECORDED / f"{server}.log")["unparsed"], 0)

    def compare(self, server):
        by_queue_id = collections.defaultdict(list)
        for event in events(RECORDED / f"{server}.log"):
            # OpenSMTPD: message id and envelope; the driver was told the message id.
            word = event.get("queue_id", "")
            by_queue_id[word[:8] if server == "opensmtpd" else word].append(event)
        agree, differ, classes, rows = 0, [], collections.Counter(), 0
        for row in expected(server):
            if row["kind"] != "mail" or not row["qid"]:
                continue
            rows += 1
            message = Message(by_queue_id, row)
            pairs = [("outcome", message.outcome(), OUTCOMES[row["outcome"]], same)]
            for name, field, equal in (("relay", "relay_name", same_relay),
                                       ("relay_ip", "relay_ip", same_ip),
                                       ("code", "smtp_code", same), ("dsn", "status", same)):
                logged = message.last.get(field)
                if row[name] and logged is not None and row["code"] != "broken":
                    pairs.append((name, str(logged), row[name], equal))
            if message.senders():
                sender = "" if row["sender"] == "<>" else row["sender"]
                pairs.append(("sender", sender in message.senders(), True, same))
            for name, logged, truth, equal in pairs:
                if logged is not None and equal(logged, truth):
                    agree += 1
                else:
                    differ.append((row["case"], name, logged, truth))
            classes.update(message.classes)
        self.assertGreater(rows, 80)
        self.assertGreater(agree, rows * 3)
        # Left over: a 554 greeting, where each server writes a status of its own.
        self.assertLess(len(differ) / (agree + len(differ)), 1 - AGREE_MIN, differ)
        return classes

    def test_what_became_of_each_mail(self):
        classes = collections.Counter()
        for server in SERVERS[:3]:
            with self.subTest(server=server):
                classes += self.compare(server)
        for name, (why, count) in EXPLAINED.items():
            self.assertEqual(classes[name], count, why)
        self.assertLessEqual(set(classes), set(EXPLAINED))

    def test_every_attempt_is_outbound_or_local(self):
        for server in SERVERS[:3]:
            for event in events(RECORDED / f"{server}.log"):
                if event["kind"] == "attempt" and "outcome" in event:
                    self.assertIn(event.get("direction"), ("outbound", "local", "internal"))

    def test_dovecot_mails(self):
        stored = {(event["message_id"], event["recipient"])
                  for event in events(RECORDED / "dovecot.log")
                  if event["kind"] == "stored" and "message_id" in event}
        wanted = set()
        for row in expected("dovecot"):
            message_id = re.match(r"msgid=<([^>]*)>", row["note"])
            if row["outcome"] == "delivered-local" and message_id:
                wanted.add((message_id[1], row["recipient"].partition("@")[0].partition("+")[0]))
        self.assertGreater(len(wanted), 40)
        self.assertLessEqual(len(wanted - stored), len(wanted) * (1 - AGREE_MIN), wanted - stored)

    def test_dovecot_sessions(self):
        rows = events(RECORDED / "dovecot.log")
        logins = collections.Counter(event["sasl_user"] for event in rows
                                     if event["kind"] == "auth" and "outcome" not in event)
        wanted = collections.Counter(row["recipient"] for row in expected("dovecot")
                                     if row["outcome"] == "login")
        for user, count in wanted.items():
            self.assertGreaterEqual(logins[user], count, user)
            self.assertLessEqual(logins[user], count + 1, user)
        limits = {event["limit_name"] for event in rows if event["kind"] == "limit"}
        self.assertLessEqual({"process_limit", "client_limit", "mail_max_userip_connections"},
                             limits)

    # --- the same lines in other clothes ---

    def plain(self, rows, *without):
        """Without time and origin."""
        return [{name: value for name, value in event.items()
                 if name not in ("time", "source", *without)} for event in rows]

    def iso_log(self):
        path = self.folder / "postfix.iso.log"
        path.write_bytes(gzip.decompress((RECORDED / "postfix.iso.log.gz").read_bytes()))
        return path

    def test_iso_stamps(self):
        traditional = events(RECORDED / "postfix.log")
        iso = events(self.iso_log())
        self.assertEqual(self.plain(iso), self.plain(traditional))
        for old, new in zip(traditional, iso):
            self.assertEqual(old["time"][4:19], new["time"][4:19])
            self.assertEqual(old["time"][19:26], ".000000")

    @unittest.skipUnless(os.path.exists(REMOTE), "needs systemd-journal-remote")
    def test_journal(self):
        journal = self.folder / "postfix.journal"
        export = gzip.decompress((RECORDED / "postfix.journal.export.gz").read_bytes())
        done = subprocess.run([REMOTE, f"--output={journal}", "-"], input=export,
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        from_journal = events(journal, "--journal")
        from_file = events(self.iso_log())
        self.assertEqual(self.plain(from_journal, "pid", "host"),
                         self.plain(from_file, "pid", "host"))
        for old, new in zip(from_file, from_journal):
            self.assertEqual(old["host"].partition(".")[0], new["host"].partition(".")[0])
            self.assertLess(abs(seconds(old["time"]) - seconds(new["time"])), 1)

    def test_other_peoples_lines(self):
        folder = os.environ.get("MAILWARDEN_CORPUS")
        if not folder:
            self.skipTest("MAILWARDEN_CORPUS is not set")
        for server in SERVERS:
            path = pathlib.Path(folder) / f"{server}.log"
            with self.subTest(server=server):
                self.check_unmatched(path)
                events(path)
                done = support.mailwarden("replay", "--json", path)
                self.assertEqual(done.returncode, 0, done.stderr)


def seconds(stamp):
    """Of the hour: enough to compare times of one recording."""
    return int(stamp[14:16]) * 60 + float(stamp[17:26])


if __name__ == "__main__":
    unittest.main(verbosity=1)
