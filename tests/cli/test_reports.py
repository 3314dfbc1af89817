#!/usr/bin/python3
"""What bounce messages and reports do: joined with the log's attempts, live and in a replay,
in any order, once; what stays of them in the store."""

import json
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from support import Case, mailwarden  # noqa: E402

NOW = int(time.time()) - 1800
S3140 = ("550 5.7.1 Unfortunately, messages from [192.0.2.25] weren't sent. Please contact "
         "your Internet service provider since part of their network is on our block list "
         "(S3140).")


def log_stamp(at):
    return time.strftime("%b %e %H:%M:%S", time.gmtime(at))


def report_stamp(at):
    return time.strftime("%Y-%m-%dT%H:%M:%S.500000+00:00", time.gmtime(at))


def suspected(at=NOW, queue_id="6ALFASMh002237"):
    """What sendmail logs where Microsoft said S3140."""
    return (f"{log_stamp(at)} mx1 sm-mta[9]: {queue_id}: from=<eve@example.org>, size=900, "
            "class=0, nrcpts=1, msgid=<m1@example.org>, proto=ESMTP, daemon=MTA, "
            "relay=localhost [127.0.0.1]\n"
            f"{log_stamp(at)} mx1 sm-mta[9]: {queue_id}: to=<ann@hotmail.com>, "
            "delay=00:00:00, xdelay=00:00:00, mailer=esmtp, pri=121816, "
            "relay=eur.olc.protection.outlook.com. [203.0.113.33], dsn=5.0.0, "
            "stat=Service unavailable\n")


def delivered(at, queue_id="6AM6NMx1004021"):
    return (f"{log_stamp(at)} mx1 sm-mta[9]: {queue_id}: to=<bob@hotmail.com>, "
            "delay=00:00:01, xdelay=00:00:01, mailer=esmtp, pri=121808, "
            "relay=eur.olc.protection.outlook.com. [203.0.113.97], dsn=2.0.0, "
            "stat=Sent (<m2@example.org> Queued mail for delivery)\n")


def report(at, text, host="mx1"):
    return f"{report_stamp(at)} {host} mailwarden-ingest[412]: {text}\n"


def bounce(at, queue_id="6ALFASMh002237", report_id="5f3a9c1b2d4e6f70-1", reply=S3140):
    """The helper names its host in full, the log does not."""
    return report(at, f"bounce: queue_id={queue_id}, message_id=<m1@example.org>, "
                  "sender=<eve@example.org>, recipient=<Ann@hotmail.com>, "
                  "relay_name=eur.olc.protection.outlook.com, smtp_code=550, status=5.7.1, "
                  f"dsn_action=failed, report_id={report_id}, reporter=mx1.example.org, "
                  f"reply={reply}", host="mx1.example.org")


class Reports(Case):
    def setUp(self):
        super().setUp()
        self.state.parent.mkdir(mode=0o700)
        self.reports = self.state.parent / "reports.log"

    def ask(self, sql):
        return support.ask(self.state, sql)

    def incidents(self):
        rows = self.ask("SELECT rule, code_id, count, state, severity, opened, last_seen, "
                        "resolved, summary FROM incident WHERE state > 0 ORDER BY opened, id")
        return [tuple(row) for row in rows]

    def replayed(self, *files):
        done = mailwarden("replay", "--json", *files)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return ([line for line in lines if line["type"] == "incident"], lines[-1])

    def add(self, path, *lines):
        with open(path, "a") as out:
            out.write("".join(lines))


class Join(Reports):
    def check_joined(self):
        (incident,) = self.incidents()
        self.assertEqual(incident[:3], ("provider-blocklisted", "microsoft-s3140", 1))
        rows = self.ask("SELECT w.text, c.text, suspected, reply, smtp_code, status, outcome "
                        "FROM attempt LEFT JOIN word w ON w.id = category LEFT JOIN word c "
                        "ON c.id = code_id WHERE outcome <> 1")
        self.assertEqual([tuple(row) for row in rows],
                         [("ip-blocklisted", "microsoft-s3140", None, S3140, 550, "5.7.1", 3)])
        rows = self.ask("SELECT body ->> 'kind', body ->> 'known', body ->> 'host' FROM event "
                        "WHERE body ->> 'report_id' IS NOT NULL")
        self.assertEqual([tuple(row) for row in rows], [("dsn", "attempt", "mx1")])
        # Nothing is counted twice.
        self.assertEqual(self.status()["outcomes"]["bounced"], 1)
        self.assertEqual(self.status()["reports"]["bounces"], 1)
        self.assertEqual(self.status()["reports"]["backscatter"], 0)

    def test_once(self):
        self.add(self.log, suspected())
        self.add(self.reports, bounce(NOW + 1), bounce(NOW + 5))
        self.run_once()
        self.check_joined()
        trace = mailwarden("trace", "--state", self.state, "6ALFASMh002237").stdout.decode()
        self.assertIn("a bounce message says failed", trace)
        self.assertIn("microsoft-s3140", trace)
        events = mailwarden("events", "--json", "--since", "1h", "--kind", "dsn", "--state",
                            self.state).stdout.decode()
        self.assertIn("S3140", events)

    def test_restart_between(self):
        """The attempt is found in the store, and the report's id too."""
        self.add(self.log, suspected())
        self.run_once()
        self.assertEqual(self.incidents()[0][0], "provider-suspected")
        self.add(self.reports, bounce(NOW + 1))
        self.run_once()
        self.check_joined()
        self.add(self.reports, bounce(NOW + 700))
        self.run_once()
        self.check_joined()
        self.add(self.log, delivered(NOW + 900))
        self.run_once()
        (incident,) = self.incidents()
        self.assertEqual(incident[3], 2)
        self.assertEqual(incident[2], 1)

    def test_long_ago(self):
        """More attempts came between than are remembered after a start."""
        self.add(self.log, suspected(NOW - 100))
        for i in range(9000):
            self.add(self.log, delivered(NOW - 90 + i // 1000, f"6AM6NMx1{i:06}")
                     .replace("hotmail.com", "example.net")
                     .replace("eur.olc.protection.outlook.com", "mx.example.net"))
        self.run_once()
        self.add(self.reports, bounce(NOW + 1))
        self.run_once()
        self.check_joined()

    def test_moves_the_count(self):
        """A category that the log did not know: its rollup goes along."""
        self.add(self.log, suspected().replace("dsn=5.0.0, stat=Service unavailable",
                                               "dsn=5.1.1, stat=User unknown"))
        self.run_once()
        sums = ("SELECT coalesce(w.text, ''), sum(count) FROM rollup LEFT JOIN word w ON "
                "w.id = category WHERE kind = 3 AND count <> 0 GROUP BY 1 ORDER BY 1")
        self.assertEqual([tuple(row) for row in self.ask(sums)], [("mailbox-unknown", 1)])
        self.add(self.reports, bounce(NOW + 1))
        self.run_once()
        self.assertEqual([tuple(row) for row in self.ask(sums)], [("ip-blocklisted", 1)])
        self.check_joined()

    def test_delivered_fails_once(self):
        """Who got the message can send bounces about it: they count as one, restarted or
        not, and the same in a replay."""
        self.add(self.log, delivered(NOW).replace("bob@", "ann@"))
        for i in range(4):
            self.add(self.reports, bounce(NOW + 1 + i, "6AM6NMx1004021", f"0{i}-1"))
            if i != 1:
                self.run_once()
        self.assertEqual(self.status()["outcomes"]["bounced"], 1)
        self.assertEqual(self.status()["reports"]["bounces"], 4)
        (live,) = self.incidents()
        (incident,), summary = self.replayed(self.log, self.reports)
        self.assertEqual(live[:3], ("provider-blocklisted", "microsoft-s3140", 1))
        self.assertEqual((incident["rule"], incident["count"]), (live[0], 1))

    def test_only_reports_log_is_believed(self):
        """Any user may write into syslog under the name of mailwarden-ingest."""
        forged = (bounce(NOW + 1), bounce(NOW + 1, "9Zunknown", "00-1"),
                  report(NOW, "complaint: repeated=30, report_id=77-1, "
                         "reporter=hotmail.com, feedback_type=abuse"),
                  report(NOW, 'unread: text="call 0900"'))
        self.add(self.log, *forged, suspected(), *forged)
        self.run_once()
        self.assertEqual([i[0] for i in self.incidents()], ["provider-suspected"])
        self.assertEqual(sum(self.status()["reports"].values()), 0)
        (incident,), _ = self.replayed(self.log)
        self.assertEqual(incident["rule"], "provider-suspected")
        # Nor does a forged line take the place of the true one.
        self.add(self.reports, bounce(NOW + 1))
        self.run_once()
        self.check_joined()

    def test_bounce_is_read_first(self):
        """Two files, two sources: the one that is about the other waits."""
        self.log.touch()
        daemon = self.daemon()
        daemon.wait_for("watching")
        self.add(self.reports, bounce(int(time.time())))
        self.add(self.log, suspected(int(time.time()) - 1))
        daemon.until(lambda: any(i[0] == "provider-blocklisted" for i in self.incidents()),
                     "the suspicion becomes the certainty")
        self.check_joined()
        self.assertEqual(daemon.stop(), 0)

    def test_replay_equals_live(self):
        self.add(self.log, suspected(), delivered(NOW + 60), suspected(NOW + 120, "6AMx"),
                 delivered(NOW + 500, "6AMy"))
        self.add(self.reports, bounce(NOW + 1), bounce(NOW + 2),
                 bounce(NOW + 123, "6AMx", "00-1"), bounce(NOW + 124, "none", "01-1"))
        self.log.rename(self.folder / "whole.log")
        whole = (self.folder / "whole.log").read_text().splitlines(keepends=True)
        told = self.reports.read_text().splitlines(keepends=True)
        self.reports.unlink()
        # In the order of time, with a restart at each line.
        for part, lines in ((self.log, whole[:2]), (self.reports, told[:2]),
                            (self.log, whole[2:5]), (self.reports, told[2:]),
                            (self.log, whole[5:])):
            for line in lines:
                self.add(part, line)
                self.run_once()
        incidents, summary = self.replayed(self.reports, self.folder / "whole.log")
        again, _ = self.replayed(self.folder / "whole.log", self.reports)
        self.assertEqual(incidents, again)
        self.assertEqual(summary["repeats"], 1)
        live = [row[:3] + (row[8],) for row in self.incidents()]
        self.assertEqual(live, [(i["rule"], i["code_id"], i["count"], i["summary"])
                                for i in incidents])
        self.assertEqual({i["rule"] for i in incidents}, {"provider-blocklisted"})


class Stored(Reports):
    def test_passes_are_counted_and_failures_kept(self):
        rows = [("yes", "198.51.100.7", "pass", "pass", 40), ("no", "203.0.113.9", "fail",
                "pass", 5), ("no", "203.0.113.10", "fail", "fail", 7),
                ("yes", "198.51.100.7", "pass", "fail", 3)]
        for i, (ours, ip, spf, dkim, n) in enumerate(rows, 1):
            self.add(self.reports, report(NOW, f"dmarc: sender=<example.org>, repeated={n}, "
                     f"report_id=88aa9c1b2d4e6f70-{i}, reporter=google.com, source_ip={ip}, "
                     f"ours={ours}, domain=example.org, spf={spf}, dkim={dkim}, "
                     "disposition=none"))
        self.add(self.reports, report(NOW, "tls-report: outcome=delivered, repeated=50, "
                 "report_id=99aa9c1b2d4e6f70-1, reporter=google.com, domain=example.org, "
                 "policy_type=sts"),
                 report(NOW, "tls-report: relay_name=mx1.example.org, repeated=2, "
                 "report_id=99aa9c1b2d4e6f70-2, reporter=google.com, domain=example.org, "
                 "policy_type=sts, failure_type=certificate-expired"),
                 report(NOW, "complaint: sender=<news@example.org>, "
                 "report_id=77aa9c1b2d4e6f70-1, reporter=hotmail.com, domain=example.org, "
                 "feedback_type=abuse"),
                 report(NOW, 'unread: text="not a report"'),
                 bounce(NOW, "9Zunknown"))
        self.log.touch()
        self.run_once()
        rows = self.ask("SELECT body ->> 'kind', count(*) FROM event GROUP BY 1 ORDER BY 1")
        self.assertEqual([tuple(row) for row in rows],
                         [("complaint", 1), ("dmarc", 2), ("dsn", 1), ("tls_report", 1),
                          ("warning", 1)])
        rows = self.ask("SELECT source, ours, result, count FROM report_count WHERE kind = 15 "
                        "ORDER BY ours, result, source")
        self.assertEqual([tuple(row) for row in rows],
                         [("", 0, "dkim", 5), ("", 0, "fail", 7),
                          ("198.51.100.7", 1, "pass", 40), ("198.51.100.7", 1, "spf", 3)])
        self.assertEqual(self.status()["reports"],
                         {"bounces": 1, "backscatter": 1, "receipts": 0, "complaints": 1,
                          "dmarc_messages": 55, "dmarc_own_failed": 0,
                          "dmarc_others_failed": 7, "tls_sessions": 52, "tls_failed": 2,
                          "unread": 1})
        text = mailwarden("status", "--state", self.state).stdout.decode()
        self.assertIn("DMARC reports on 55 messages", text)
        told = mailwarden("events", "--since", "1h", "--state", self.state).stdout.decode()
        self.assertIn("tls_report mx1 certificate-expired of example.org at mx1.exam", told)
        self.assertIn("dmarc     mx1 of example.org from 203.0.113.10, SPF fail", told)
        self.assertIn("complaint mx1 abuse of example.org about news@example.org", told)

    def test_many_names_are_one(self):
        """Strangers' reports do not fill the store."""
        for i in range(300):
            self.add(self.reports, report(NOW - NOW % 3600 + 1, "tls-report: outcome=delivered, repeated=1, "
                     f"report_id=aa{i:06}-1, reporter=r{i}.example.net, domain=example.org, "
                     "policy_type=sts"))
        self.log.touch()
        self.run_once()
        ((n, total),) = self.ask("SELECT count(*), sum(count) FROM report_count")
        self.assertEqual(total, 300)
        self.assertEqual(n, 201)


if __name__ == "__main__":
    unittest.main()
