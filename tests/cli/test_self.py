#!/usr/bin/python3
"""What mailwarden says about itself: gaps, sources that fail, lines that are not understood,
rules switched off, channels that fail, rules that still learn."""

import json
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from support import Case, mailwarden  # noqa: E402

DAY = 86400
HITS = 20  # MATCH_MAX_HITS of parsers/ruleset.h, MAX_LIMIT_HITS of rules/alert_rule.h

# Takes exponentially many steps on what almost matches.
EVIL_PARSER = """\
mta: evil
claims: [evild]
rules:
  - name: evil-greedy
    kind: warning
    pattern: |
      ^said\\ (?<text>(?:a+b?)+)$
    examples:
      - line: "said aab"
        expect: { kind: warning, text: aab }
"""
EVIL_ALERT = """\
rules:
  - name: evil-alert
    detector: match
    when: { kind: auth, relay_name: { match: '^(?:a+b?)+$' } }
    severity: info
    summary: "seen"
    resolves: { after: 1h }
    examples: []
"""
BAIT = "a" * 60 + "!"


def stamp(at):
    return time.strftime("%b %e %H:%M:%S", time.gmtime(at))


def delivery(number, at):
    return (f"{stamp(at)} mx1 postfix/smtp[79]: 4bXkWz{number:06d}f: to=<joe@example.org>, "
            "relay=mail.example.org[203.0.113.10]:25, delay=1.4, delays=0.1/0/0.7/0.6, "
            "dsn=2.0.0, status=sent (250 2.0.0 Ok)\n")


def unknown(number, at):
    return f"{stamp(at)} mx1 postfix/smtp[79]: a word {number} that nobody ever heard\n"


class Self(Case):
    def setUp(self):
        super().setUp()
        self.now = int(time.time())
        self.hour = self.now - self.now % 3600 - 4 * 3600
        self.rules = self.folder / "rules"
        for name in ("alerts", "parsers"):
            (self.rules / name).mkdir(parents=True)

    def append(self, text):
        with open(self.log, "a", encoding="utf-8") as out:
            out.write(text)

    def incidents(self, rule):
        return support.ask(self.state, "SELECT summary, count, state FROM incident "
                           "WHERE rule = ? ORDER BY summary", rule)

    def told(self, rule):
        return support.ask(self.state, "SELECT outbox.id FROM outbox JOIN incident ON "
                           "incident.id = outbox.incident WHERE rule = ?", rule)

    def test_nothing_to_say(self):
        self.append("".join(delivery(i, self.now - 600 + i) for i in range(300)))
        self.run_once()
        self.run_once()
        self.assertEqual(support.ask(self.state, "SELECT rule FROM incident"), [])

    # --- gaps and sources ---

    def test_gap(self):
        self.append("".join(delivery(i, self.now - 600) for i in range(20)))
        self.run_once()
        self.log.write_text(delivery(21, self.now - 10))
        self.run_once()
        row, = self.incidents("mailwarden-blind")
        self.assertIn(str(self.log), row[0])
        self.assertEqual(len(self.told("mailwarden-blind")), 1)
        self.assertEqual(self.status()["sources"][0]["gaps"], 0)  # the ledger's column

    def test_source_that_is_gone(self):
        """It is told as of now, though the log's clock stands at days ago."""
        self.append(delivery(1, self.now - 9 * DAY))
        self.run_once()
        self.log.unlink()
        for _ in range(2):
            self.run_once(exit_code=4)
        (summary, count, _), = self.incidents("mailwarden-blind")
        self.assertIn("does not exist", summary)
        self.assertEqual(count, 2)
        self.assertEqual(len(self.told("mailwarden-blind")), 1)

    def test_source_that_never_was(self):
        self.run_once(exit_code=4)
        (summary, _, _), = self.incidents("mailwarden-blind")
        self.assertIn(f"file:{self.log}: ", summary)
        self.assertEqual(len(self.told("mailwarden-blind")), 1)

    def test_clock_stays_the_logs(self):
        """A notice before old lines does not make these lines late."""
        self.append(delivery(1, self.now - 9 * DAY))
        self.run_once()
        self.log.write_text(delivery(2, self.now - 8 * DAY))
        self.run_once()
        (opened,), = support.ask(self.state, "SELECT opened FROM incident "
                                 "WHERE rule = 'mailwarden-blind'")
        self.assertLess(opened / 1e6, self.now - 7 * DAY)
        self.assertEqual(len(self.told("mailwarden-blind")), 1)

    # --- lines that are not understood ---

    def write_hour(self, good, bad):
        for i in range(good):
            self.append(delivery(i, self.hour + i))
        for i in range(bad):
            self.append(unknown(i, self.hour + i))

    def test_unparsed_share(self):
        self.write_hour(280, 20)
        self.run_once()
        self.assertEqual(self.incidents("mailwarden-unparsed"), [])  # the hour goes on
        self.append(delivery(999, self.hour + 3700))
        self.run_once()
        (summary, count, _), = self.incidents("mailwarden-unparsed")
        self.assertIn("20 of 300 (6.7 %)", summary)
        self.assertIn(time.strftime("%Y-%m-%d %H:00Z", time.gmtime(self.hour)), summary)
        self.assertEqual(count, 1)
        self.append(delivery(1000, self.hour + 2 * 3600 + 100))
        self.run_once()
        self.assertEqual(self.incidents("mailwarden-unparsed")[0][1], 1)  # told once

    def test_unparsed_share_across_restarts(self):
        for _ in range(5):
            self.write_hour(50, 4)
            self.run_once()
        self.append(delivery(999, self.hour + 3700))
        self.run_once()
        self.assertIn("20 of 270", self.incidents("mailwarden-unparsed")[0][0])

    def test_unparsed_share_in_one_batch(self):
        self.write_hour(2500, 500)
        self.append("".join(delivery(i, self.hour + 3700) for i in range(100)))
        self.run_once()
        self.assertIn("500 of 3000", self.incidents("mailwarden-unparsed")[0][0])

    def test_few_unparsed(self):
        self.write_hour(290, 10)
        self.append(delivery(999, self.hour + 3700))
        self.run_once()
        self.assertEqual(self.incidents("mailwarden-unparsed"), [])

    def test_too_few_lines(self):
        self.write_hour(50, 140)
        self.append(delivery(999, self.hour + 3700))
        self.run_once()
        self.assertEqual(self.incidents("mailwarden-unparsed"), [])

    def samples(self):
        return self.status()["sources"][0].get("unparsed_samples")

    def test_samples(self):
        self.append(delivery(1, self.now))
        self.run_once()
        self.assertIsNone(self.samples())
        for i in range(3):
            self.append(unknown(i, self.now))
        self.run_once()
        self.assertEqual([line[-30:] for line in self.samples()],
                         [unknown(i, self.now).strip()[-30:] for i in range(3)])
        # The newest of many, also where they are parsed on all cores; cut to size.
        self.append("".join(unknown(i, self.now) for i in range(5000)))
        self.append(unknown("x" * 3000, self.now))
        self.run_once()
        lines = self.samples()
        self.assertEqual(len(lines), 5)
        for i, line in zip(range(4996, 5000), lines):
            self.assertIn(f"a word {i} that", line)
        self.assertEqual(len(lines[4]), 500)

    def test_sample_on_a_terminal(self):
        self.append(unknown("\x1b[31mred", self.now))
        self.run_once()
        done = mailwarden("status", "--state", self.state)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"a word", done.stdout)
        self.assertNotIn(b"\x1b", done.stdout)
        for line in done.stdout.decode().splitlines():
            if "word" in line:
                self.assertLessEqual(len(line), 80)

    # --- rules that are switched off ---

    def bait(self, times, word="evild[7]: said " + BAIT):
        return "".join(f"{stamp(self.now)} mx1 {word}\n" for _ in range(times))

    def rule_off(self, *lines):
        """How many of the lines made events, run after run."""
        counts = []
        for text in lines:
            self.append(text)
            before = self.events()
            self.run_once("--rules", self.rules)
            counts.append(self.events() - before)
        return counts

    def events(self):
        if not self.state.exists():
            return 0
        return support.ask(self.state, "SELECT coalesce(sum(events), 0) FROM ledger")[0][0]

    def test_parser_rule_off(self):
        (self.rules / "parsers" / "evil.yaml").write_text(EVIL_PARSER)
        good = self.bait(1, "evild[7]: said aab")
        # Just below; at the limit: what comes behind is not understood.
        self.assertEqual(self.rule_off(self.bait(HITS - 1) + good), [1])
        self.assertEqual(self.incidents("mailwarden-rule-off"), [])
        self.assertEqual(self.rule_off(self.bait(HITS) + good), [0])
        (summary, count, _), = self.incidents("mailwarden-rule-off")
        self.assertIn("parser rule evil-greedy", summary)
        self.assertEqual(count, 1)
        self.assertEqual(len(self.told("mailwarden-rule-off")), 1)
        # A new start tries it again.
        self.assertEqual(self.rule_off(good), [1])

    def test_parser_rule_off_on_all_cores(self):
        (self.rules / "parsers" / "evil.yaml").write_text(EVIL_PARSER)
        self.rule_off("".join(delivery(i, self.now) for i in range(3000)) +
                      self.bait(8 * HITS) + self.bait(2000, "evild[7]: hm"))
        (_, count, _), = self.incidents("mailwarden-rule-off")
        self.assertEqual(count, 1)

    def test_parse_goes_on(self):
        (self.rules / "parsers" / "evil.yaml").write_text(EVIL_PARSER)
        self.append(self.bait(2 * HITS) + self.bait(3, "evild[7]: said aab"))
        done = mailwarden("parse", "--stats", "--rules", self.rules, self.log)
        summary = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual((summary["events"], summary["unparsed"]), (3, 2 * HITS))
        self.assertIn(f"hit its match limit {2 * HITS} times", done.stderr.decode())

    def test_alert_rule_off(self):
        (self.rules / "alerts" / "evil.yaml").write_text(EVIL_ALERT)
        line = ("postfix/smtpd[2417]: warning: {}[192.0.2.66]: SASL LOGIN authentication "
                "failed: authentication failure")
        good = self.bait(1, line.format("aab"))
        bad = self.bait(HITS - 1, line.format("a" * 60 + "-"))
        self.rule_off(bad + good)
        self.assertEqual(self.incidents("mailwarden-rule-off"), [])
        self.assertEqual(self.incidents("evil-alert")[0][1], 1)
        self.rule_off(bad + bad + good)
        (summary, _, _), = self.incidents("mailwarden-rule-off")
        self.assertIn("alert rule evil-alert", summary)
        self.assertEqual(self.incidents("evil-alert")[0][1], 1)
        done = mailwarden("replay", "--rules", self.rules, self.log)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"'evil-alert' hit its match limit", done.stderr)

    # --- channels ---

    def fail_channel(self, tries, login=0):
        support.change(self.state, "INSERT OR REPLACE INTO channel (name, kind, "
                       "failing_since, tries, login, last_error, last_sent) VALUES "
                       "('phone', 'webhook', ?, ?, ?, 'hook.example.org: timeout', 0)",
                       int(bool(tries)), tries, login)
        self.run_once()

    def test_channel(self):
        self.log.touch()
        self.run_once()
        self.assertEqual(self.incidents("mailwarden-channel"), [])
        for tries, incidents in ((0, 0), (2, 0), (3, 1), (4, 1)):
            self.fail_channel(tries)
            self.assertEqual(len(self.incidents("mailwarden-channel")), incidents, tries)
        (summary, count, _), = self.incidents("mailwarden-channel")
        self.assertIn("channel phone: hook.example.org: timeout", summary)
        self.assertEqual(count, 2)

    def test_channel_needs_a_person(self):
        self.log.touch()
        self.run_once()
        self.fail_channel(1, login=1)
        (summary, _, _), = self.incidents("mailwarden-channel")
        self.assertIn("channel phone waits for you", summary)
        self.assertIn("hook.example.org: timeout", summary)

    def test_notifier_does_not_run(self):
        self.log.touch()
        self.run_once()
        row = ("INSERT OR REPLACE INTO outbox (seq, id, incident, notice, created, due, "
               "tries, last_error) VALUES (1, 'x.opened.1', 'x', 1, 1, ?, 0, '')")
        now = int(time.time()) * 1000000
        support.change(self.state, row, now - 3600 * 1000000)
        self.run_once()  # no channel: nobody is to take it
        self.assertEqual(self.incidents("mailwarden-notifier"), [])
        for due, incidents in ((now - 60 * 1000000, 0), (now - 660 * 1000000, 1)):
            support.change(self.state, row, due)
            self.fail_channel(0)
            self.assertEqual(len(self.incidents("mailwarden-notifier")), incidents)
        (summary, _, _), = self.incidents("mailwarden-notifier")
        self.assertIn("more than 10 minutes", summary)

    # --- learning ---

    def learning(self):
        return {row["rule"]: row for row in self.status()["learning"]}

    def test_learning(self):
        config = self.folder / "mailwarden.yaml"
        config.write_text(f"rules: {self.rules}\nstate: {self.state}\n")
        (self.rules / "alerts" / "mine.yaml").write_text("".join(
            ["rules:\n"] + [f"""\
  - name: {name}
    detector: silence
    learn: {learn}
    when: {{ kind: {kind} }}
    severity: info
    summary: "silent"
    examples: []
""" for name, learn, kind in (("young", "7d", "attempt"), ("old", "2d", "attempt"),
                              ("unheard", "7d", "filter"))]))
        first = self.now - 3 * DAY
        self.append("".join(delivery(i, first + i * 3600) for i in range(72)))
        self.run_once("--config", config)
        done = mailwarden("status", "--json", "--config", config)
        rows = {row["rule"]: row for row in json.loads(done.stdout)["learning"]}
        self.assertEqual((rows["young"]["state"], rows["young"]["detector"]),
                         ("learning", "silence"))
        for key, at in (("since", first), ("until", first + 7 * DAY)):
            self.assertTrue(rows["young"][key].startswith(
                time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))), rows["young"])
        self.assertNotIn("old", rows)
        self.assertEqual(rows["unheard"], {"rule": "unheard", "detector": "silence",
                                           "state": "nothing seen yet"})
        said = mailwarden("status", "--config", config).stdout.decode()
        until = time.strftime("until %Y-%m-%d %H:%MZ", time.gmtime(first + 7 * DAY))
        self.assertRegex(said, f"\n  young +silence +{until}\n")
        self.assertNotIn("unheard", said)


if __name__ == "__main__":
    unittest.main()
