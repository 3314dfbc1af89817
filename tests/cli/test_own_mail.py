#!/usr/bin/python3
"""mailwarden's own messages in the log that it reads: not counted, no trouble of their own,
and their logged fate is the proof of their arrival (design, invariant 7)."""

import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from support import Case  # noqa: E402

OURS = "0f3a9c1b2d4e.opened.5f3a"
BLOCKED = ("dsn=5.7.1, status=bounced (host outlook-com.olc.protection.outlook.com[52.101.73.1] "
           "said: 550 5.7.1 Unfortunately, messages from [192.0.2.25] weren't sent. Please "
           "contact your Internet service provider since part of their network is on our "
           "block list (S3140). (in reply to MAIL FROM command))")
SENT = "dsn=2.0.0, status=sent (250 2.0.0 Ok)"
LATER = ("dsn=4.4.1, status=deferred (connect to outlook-com.olc.protection.outlook.com"
         "[52.101.73.1]:25: Connection timed out)")
DELIVERED, DEFERRED, BOUNCED = 1, 2, 3


class OwnMail(Case):
    """The store holds a notice that went out by `local`, with `phone` as its fallback."""

    def setUp(self):
        super().setUp()
        self.number = 0
        self.log.touch()
        self.run_once()
        now = int(time.time() * 1000000)
        support.change(self.state, "INSERT INTO outbox (id, incident, notice, created, due, "
                       "tries, last_error, sent) VALUES (?, '0f3a9c1b2d4e', 1, ?, ?, 0, '', ?)",
                       OURS, now, now, now)
        seq = support.ask(self.state, "SELECT seq FROM outbox")[0][0]
        support.change(self.state, "INSERT INTO delivery (notice, channel, rank, due, message, "
                       "sent) VALUES (?, 'local', 0, ?, ?, ?)", seq, now, OURS, now)
        support.change(self.state, "INSERT INTO delivery (notice, channel, rank, due) "
                       "VALUES (?, 'phone', 1, NULL)", seq)
        support.change(self.state, "INSERT INTO channel VALUES ('local', 'sendmail', 0, 0, 0, "
                       "'', ?)", now)

    def mail(self, message_id, fate, accept=True):
        """What Postfix logs about one mail; another queue id each time it is accepted."""
        self.number += accept
        at = time.strftime("%b %e %H:%M:%S")
        queue_id = f"4bXkWz{self.number:06d}f"
        lines = [
            f"cleanup[9]: {queue_id}: message-id=<{message_id}@mx1.example.org>",
            f"qmgr[9]: {queue_id}: from=<mailwarden@mx1.example.org>, size=414, nrcpt=1 "
            "(queue active)"] if accept else []
        lines.append(f"smtp[7]: {queue_id}: to=<admin@outlook.com>, relay=outlook-com.olc."
                     "protection.outlook.com[52.101.73.1]:25, delay=1.4, "
                     f"delays=0.1/0/0.2/1, {fate}")
        with open(self.log, "a", encoding="utf-8") as log:
            log.writelines(f"{at} mx1 postfix/{line}\n" for line in lines)
        self.run_once()

    def delivery(self, channel):
        return support.ask(self.state, "SELECT fate, due, sent FROM delivery "
                           "WHERE channel = ?", channel)[0]

    def waits(self):
        return support.ask(self.state, "SELECT count(*) FROM outbox WHERE sent IS NULL")[0][0]

    def test_bounced(self):
        self.mail(OURS, BLOCKED)
        self.assertEqual(support.stored_incidents(self.state), [])
        self.assertEqual(support.ask(self.state, "SELECT count(*) FROM rollup")[0][0], 0)
        self.assertEqual(self.delivery("local")[0], BOUNCED)
        self.assertIsNotNone(self.delivery("phone")[1])
        self.assertEqual(self.waits(), 1)
        since, error = support.ask(self.state, "SELECT failing_since, last_error FROM channel "
                                   "WHERE name = 'local'")[0]
        self.assertGreater(since, 0)
        self.assertIn("bounced: ", error)
        self.assertIn("S3140", error)
        # It can be traced all the same.
        self.assertIn(b"S3140", support.mailwarden("trace", OURS + "@mx1.example.org", "--state",
                                                   self.state).stdout)

    def test_bounced_is_not_about_others(self):
        """All channels tell a notice under the same id; the log speaks of the mail alone."""
        now = int(time.time() * 1000000)
        seq = support.ask(self.state, "SELECT seq FROM outbox")[0][0]
        support.change(self.state, "INSERT INTO delivery (notice, channel, rank, due, message, "
                       "sent) VALUES (?, 'chat', 0, ?, ?, ?)", seq, now, OURS, now)
        support.change(self.state, "INSERT INTO delivery (notice, channel, rank, due, message, "
                       "tries) VALUES (?, 'relay', 0, ?, ?, 1)", seq, now, OURS)
        for name, kind in (("chat", "webhook"), ("relay", "relay")):
            support.change(self.state, "INSERT INTO channel VALUES (?, ?, 0, 0, 0, '', 0)",
                           name, kind)
        self.mail(OURS, BLOCKED)
        self.assertEqual(self.delivery("local")[0], BOUNCED)
        self.assertEqual(self.delivery("chat")[0], 0)
        self.assertEqual(self.delivery("relay")[0], 0)
        self.assertEqual(support.ask(self.state, "SELECT name FROM channel "
                                     "WHERE failing_since <> 0"), [("local",)])

    def test_delivered(self):
        self.mail(OURS, SENT)
        self.assertEqual(self.delivery("local")[0], DELIVERED)
        self.assertIsNone(self.delivery("phone")[1])
        self.assertEqual(self.waits(), 0)
        self.assertEqual(support.ask(self.state, "SELECT count(*) FROM rollup")[0][0], 0)
        # One recipient heard of it: that another did not is no reason to tell it again.
        self.mail(OURS, BLOCKED)
        self.assertEqual(self.delivery("local")[0], DELIVERED)
        self.assertIsNone(self.delivery("phone")[1])

    def test_deferred_then_delivered(self):
        self.mail(OURS, LATER)
        self.assertEqual(self.delivery("local")[0], DEFERRED)
        self.assertGreater(self.delivery("phone")[1], time.time() * 1000000)
        self.assertEqual(self.waits(), 1)
        self.mail(OURS, SENT, accept=False)
        self.assertEqual(self.delivery("local")[0], DELIVERED)
        self.assertIsNone(self.delivery("phone")[1])

    def test_deferred_then_bounced(self):
        self.mail(OURS, LATER)
        self.mail(OURS, BLOCKED, accept=False)
        self.assertEqual(self.delivery("local")[0], BOUNCED)
        self.assertLessEqual(self.delivery("phone")[1], time.time() * 1000000)

    def test_opensmtpd(self):
        """It logs no Message-ID: the queue id that it told when it took the mail does."""
        support.change(self.state, "UPDATE delivery SET queue_id = 'db282c7e' "
                       "WHERE channel = 'local'")
        at = time.strftime("%b %e %H:%M:%S")
        self.log.write_text(
            f"{at} mx1 smtpd[122]: 2d5e2ce38a16b2c1 mta delivery evpid=db282c7ee18bc5a5 "
            "from=<mailwarden@mx1.example.org> to=<admin@outlook.com> rcpt=<admin@outlook.com> "
            'source="192.0.2.25" relay="52.101.73.1 (outlook-com.olc.protection.outlook.com)" '
            'delay=1s result="PermFail" stat="550 5.7.1 our block list (S3140)"\n')
        self.run_once()
        self.assertEqual(self.delivery("local")[0], BOUNCED)
        self.assertEqual(support.ask(self.state, "SELECT count(*) FROM incident")[0][0], 0)

    def test_id_that_was_read_in_an_alert(self):
        """Whoever got an alert knows its id; his own mail does not hide behind it later."""
        hours_ago = int((time.time() - 2 * 3600) * 1000000)
        support.change(self.state, "UPDATE delivery SET sent = ? WHERE channel = 'local'",
                       hours_ago)
        self.mail(OURS, BLOCKED)
        self.assertEqual(support.ask(self.state, "SELECT code_id FROM incident"),
                         [("microsoft-s3140",)])
        self.assertEqual(self.delivery("local")[0], 0)
        self.assertIsNone(self.delivery("phone")[1])

    def test_id_of_a_mail_that_arrived_long_ago(self):
        hours_ago = int((time.time() - 2 * 3600) * 1000000)
        support.change(self.state, "UPDATE delivery SET fate = 1, fate_at = ? "
                       "WHERE channel = 'local'", hours_ago)
        self.mail(OURS, BLOCKED)
        self.assertEqual(support.ask(self.state, "SELECT code_id FROM incident"),
                         [("microsoft-s3140",)])

    def test_deferred_for_hours(self):
        """It lies in our own queue: still ours."""
        hours_ago = int((time.time() - 9 * 3600) * 1000000)
        support.change(self.state, "UPDATE delivery SET sent = ?, fate = 2, fate_at = ? "
                       "WHERE channel = 'local'", hours_ago, hours_ago)
        self.mail(OURS, BLOCKED)
        self.assertEqual(support.stored_incidents(self.state), [])
        self.assertEqual(self.delivery("local")[0], BOUNCED)

    def test_looks_like_ours(self):
        """A spammer who writes such a Message-ID is counted like anybody."""
        self.mail("0f3a9c1b2d4e.opened.5f3b", BLOCKED)
        codes = support.ask(self.state, "SELECT code_id FROM incident")
        self.assertEqual(codes, [("microsoft-s3140",)])
        self.assertGreater(support.ask(self.state, "SELECT count(*) FROM rollup")[0][0], 0)
        self.assertEqual(self.delivery("local")[0], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
