#!/usr/bin/python3
"""Rules that go, and rules that take a shipped one's place, while incidents are open."""

import json
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from support import Case, lines_read, mailwarden  # noqa: E402

RULE = """\
  - name: {name}
    detector: match
    when: {{ kind: auth, mta: postfix, outcome: rejected }}
    group_by: [host]
    severity: {severity}
    summary: "logins fail on {{host}}"
    resolves: {{ when: {{ kind: auth, outcome: delivered }} }}
    examples: []
"""
STATE_OPEN, STATE_RESOLVED = 1, 2
NOTICE_RESOLVED = 3


def stamp(at=None):
    return time.strftime("%b %e %H:%M:%S", time.gmtime(at))


def failure():
    return (f"{stamp()} mx1 postfix/smtpd[2417]: warning: unknown[192.0.2.66]: SASL LOGIN "
            "authentication failed: authentication failure\n")


class RulesChange(Case):
    def setUp(self):
        super().setUp()
        self.rules = self.folder / "rules"
        (self.rules / "alerts").mkdir(parents=True)
        self.log.touch()

    def write(self, *names, severity="warning"):
        (self.rules / "alerts" / "mine.yaml").write_text(
            "rules:\n" + "".join(RULE.format(name=name, severity=severity)
                                 for name in names) if names else "rules: []\n")

    def fail(self):
        with open(self.log, "a", encoding="ascii") as out:
            out.write(failure())

    def run_rules(self):
        return self.run_once("--rules", self.rules)

    def incidents(self):
        return {row[0]: row[1:] for row in support.ask(
            self.state, "SELECT rule, state, resolved, count FROM incident")}

    def resolutions(self):
        return support.ask(self.state, "SELECT incident FROM change WHERE notice = ?",
                           NOTICE_RESOLVED)

    def test_gone_at_the_start(self):
        self.write("mine", "stays")
        self.fail()
        self.run_rules()
        self.assertEqual(self.incidents()["mine"][0], STATE_OPEN)
        mails = support.outbox(self.state)
        self.assertEqual(len(mails), 2)

        before = time.time()
        self.write("stays")
        said = self.run_rules()
        self.assertIn("incidents whose rule is gone are resolved: 1", said)
        rows = self.incidents()
        state, resolved, count = rows["mine"]
        self.assertEqual((state, count), (STATE_RESOLVED, 1))
        self.assertTrue(before - 1 <= resolved / 1e6 <= time.time() + 1, resolved)
        self.assertEqual(rows["stays"][0], STATE_OPEN)
        self.assertEqual(len(self.resolutions()), 1)
        # Nobody is mailed: neither that it is over, nor any more that it began.
        self.assertEqual([row["notice"] for row in support.outbox(self.state)],
                         [support.NOTICE_OPENED])

        self.assertNotIn("gone", self.run_rules())
        self.assertEqual(len(self.resolutions()), 1)
        self.fail()
        self.run_rules()
        self.assertEqual(self.incidents()["stays"][2], 2)
        self.assertEqual(self.incidents()["mine"][2], 1)

    def test_comes_back(self):
        """The rule is there again within its `reopen` span: the incident goes on."""
        self.write("mine")
        self.fail()
        self.run_rules()
        self.write()
        self.run_rules()
        self.write("mine")
        self.assertNotIn("gone", self.run_rules())
        self.assertEqual(self.incidents()["mine"][0], STATE_RESOLVED)
        self.fail()
        self.run_rules()
        self.assertEqual((self.incidents()["mine"][0], self.incidents()["mine"][2]),
                         (STATE_OPEN, 2))

    def test_acknowledged(self):
        self.write("mine")
        self.fail()
        self.run_rules()
        row, = support.stored_incidents(self.state)
        self.assertEqual(mailwarden("ack", "--state", self.state, row[0]).returncode, 0)
        self.write()
        self.run_rules()
        self.assertEqual(support.ask(self.state, "SELECT count(*) FROM ack"), [(0,)])

    def test_reload(self):
        self.write("mine")
        self.fail()
        daemon = self.daemon("--rules", self.rules)
        daemon.until(lambda: lines_read(self.state) == 1, "the line is read")
        self.write()
        daemon.hang_up()
        daemon.wait_for("rules reloaded")
        daemon.wait_for("incidents whose rule is gone are resolved: 1")
        self.assertEqual(self.incidents()["mine"][0], STATE_RESOLVED)

        # Broken rules change nothing, open incidents least of all.
        self.write("other")
        daemon.hang_up()
        daemon.until(lambda: daemon.said().count("rules reloaded") == 2, "reloads")
        self.fail()
        daemon.until(lambda: lines_read(self.state) == 2, "the line is read")
        (self.rules / "alerts" / "mine.yaml").write_text("rules: {}\n")
        daemon.hang_up()
        daemon.wait_for("nothing changed")
        self.assertEqual(self.incidents()["other"][0], STATE_OPEN)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.said().count("gone"), 1)

    # --- a shipped rule gives way to one of the same name ---

    def shipped(self):
        """(name, its line) of the shipped rule that a blocked delivery sets off."""
        line = (f"{stamp()} mx1 postfix/smtp[79]: 4bXkWz000001f: to=<joe@hotmail.com>, "
                "relay=hotmail-com.olc.protection.outlook.com[203.0.113.10]:25, delay=1.4, "
                "delays=0.1/0/0.7/0.6, dsn=5.7.1, status=bounced (host hotmail-com.olc."
                "protection.outlook.com[203.0.113.10] said: 550 5.7.1 Unfortunately, messages "
                "from [192.0.2.25] weren't sent. Please contact your Internet service provider "
                "since part of their network is on our block list (S3140). (in reply to "
                "MAIL FROM command))\n")
        self.log.write_text(line)
        row, = support.replay(self.log)[0]
        return row

    def test_override(self):
        row = self.shipped()
        self.assertNotEqual(row["severity"], "info")
        (self.rules / "alerts" / "zz-local.yaml").write_text(f"""\
rules:
  - name: {row["rule"]}
    detector: match
    when: {{ kind: attempt, outcome: bounced }}
    group_by: [host]
    severity: info
    summary: "as we like it: {{provider}}"
    resolves: {{ after: 1h }}
    examples: []
""")
        rows, _ = support.replay(self.log, "--rules", self.rules)
        mine = [one for one in rows if one["rule"] == row["rule"]]
        self.assertEqual([one["severity"] for one in mine], ["info"])
        self.assertEqual(mine[0]["group"], {"host": "mx1"})
        self.assertIn("as we like it", mine[0]["summary"])

        done = mailwarden("replay", "--json", "--compare", self.rules, self.log)
        changed = [json.loads(one) for one in done.stdout.splitlines()][:-1]
        self.assertIn((row["rule"], "info"),
                      [(one["after"]["rule"], one["after"]["severity"]) for one in changed
                       if "after" in one])

    def test_override_while_open(self):
        """The incident goes on under the rule that took the other's place."""
        self.write("mine")
        self.fail()
        self.run_rules()
        self.write("mine", severity="critical")
        self.fail()
        self.assertNotIn("gone", self.run_rules())
        self.assertEqual((self.incidents()["mine"][0], self.incidents()["mine"][2]),
                         (STATE_OPEN, 2))

    def test_same_name_in_one_folder(self):
        self.write("mine")
        (self.rules / "alerts" / "other.yaml").write_text(
            "rules:\n" + RULE.format(name="mine", severity="info"))
        done = mailwarden("check", "--rules", self.rules)
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"rule 'mine' exists already, at ", done.stderr)


if __name__ == "__main__":
    unittest.main()
