"""Bounce messages that come back to a real mail server, which pipes them into mailwarden:
what the log hides is known then, and nothing is counted twice."""

import contextlib
import fcntl
import os
import shutil

from live import S3140, Live, lab, support

BOUNCES = "bounces@example.net"

# What a next hop sends that took a mail and could not get rid of it (RFC 3464).
LATER = """From: Mail Delivery System <MAILER-DAEMON@smarthost.example>
To: {sender}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Message-ID: <{number}.bounce@smarthost.example>
Content-Type: multipart/report; report-type=delivery-status; boundary="={number}="

--={number}=
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--={number}=
Content-Type: message/delivery-status

Reporting-MTA: dns; smarthost.example

Final-Recipient: rfc822; {recipient}
Action: failed
Status: 5.7.1
Remote-MTA: dns; hotmail-com.olc.protection.outlook.com
Diagnostic-Code: smtp; {reply}

--={number}=
Content-Type: message/rfc822

{mail}
--={number}=--
"""


class Reports(Live):
    """The watcher is the user of its unit here, who owns the folder that is piped into."""
    BLOCK = ("opened provider-blocklisted microsoft-s3140",)

    def setUp(self):
        super().setUp()
        self.reports = self.lab.run / "state"
        user = int((self.lab.run / "mailwarden-uid").read_text())
        for path in self.reports.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.state = self.reports / "mailwarden.db"
        for path in self.folder, *self.folder.iterdir():
            os.chown(path, user, user)
        self.user = user
        self.NO_RIGHTS = (*Live.NO_RIGHTS, f"--reuid={user}", f"--regid={user}",
                          "--groups=4")  # adm

    def what_is_known(self):
        return "\n".join([super().what_is_known(), *self.lines()])

    def lines(self):
        path = self.reports / "reports.log"
        return path.read_text().splitlines() if path.exists() else []

    @contextlib.contextmanager
    def held(self):
        """No line is added meanwhile: who has one to add waits, or tries again later."""
        with open(self.reports / "reports.log", "a") as log:
            os.fchown(log.fileno(), self.user, self.user)
            fcntl.flock(log, fcntl.LOCK_EX)
            yield

    def incident(self):
        incident, = self.incidents()
        return incident

    def bounced(self):
        return support.store_outcomes(self.state)["bounced"]

    def expect_told(self, *notices):
        self.until(lambda: self.hooks() == list(notices), f"the webhook is told {notices}")

    def read_reports(self, count):
        """Until so many lines are in the log of reports, and were read."""
        self.until(lambda: len(self.lines()) >= count, "the report arrives")
        self.assertEqual(len(self.lines()), count, self.lines())
        self.settle()
        total = self.log.read_bytes().count(b"\n") + count
        self.until(lambda: support.lines_read(self.state) >= total, "all lines are read")

    def over(self, notice):
        """One mail is taken: the trouble is over, and that is told."""
        told = self.hooks()
        self.lab.remote["hotmail.com"].accept()
        self.send("bob@hotmail.com", sender=BOUNCES)
        self.until(lambda: self.incident()["state"] == "resolved", "it is over")
        support.change(self.state, "UPDATE outbox SET due = 0")
        support.change(self.state, "UPDATE delivery SET due = 0 WHERE due IS NOT NULL")
        with open(f"{self.state}.wake", "wb", buffering=0) as door:
            door.write(b"!")
        self.expect_told(*told, "resolved " + notice)
        self.end()

    def test_bounce_tells_the_code(self):
        """The log's attempt and its bounce message are one and the same trouble."""
        self.lab.remote["hotmail.com"].refuse("mail", S3140)
        self.watch()
        with self.held():
            self.send("ann@hotmail.com", sender=BOUNCES)
            self.expect_told(self.BLOCK[0])
            self.assertEqual(self.lines(), [])
        self.read_reports(1)
        line, = self.lines()
        self.assertIn("(S3140)", line)
        self.assertIn("recipient=<ann@hotmail.com>", line)
        self.until(lambda: self.incident().get("code_id") == "microsoft-s3140",
                   "the code is known")
        incident = self.incident()
        self.assertEqual((incident["rule"], incident["severity"], incident["count"]),
                         ("provider-blocklisted", "critical", 1))
        self.assertEqual(self.bounced(), 1)
        self.expect_told(*self.BLOCK)
        shown = support.mailwarden("show", incident["id"], "--state", self.state)
        self.assertIn("file a sender-support request", " ".join(shown.stdout.decode().split()))
        self.over("provider-blocklisted microsoft-s3140")

    def test_next_hop_bounces_later(self):
        """The log says `sent`: only the bounce message tells that it came to nothing."""
        smarthost = self.lab.remote["smarthost.example"]
        smarthost.login = "taken"
        self.watch()
        self.send("ann@by-smarthost.example", sender=BOUNCES)
        self.until(lambda: smarthost.mails, "the smarthost has it")
        self.settle()
        self.assertEqual((self.incidents(), self.bounced()), ([], 0))
        mail = smarthost.mails[0][2].decode().replace("\r\n", "\n")
        reply = S3140.replace("{client}", "203.0.113.60")
        text = LATER.format(number=1, sender=BOUNCES, recipient="ann@by-smarthost.example",
                            reply=reply, mail=mail)
        with self.lab.client(source=lab.STRANGER) as client:
            client.sendmail("", [BOUNCES], text)
        self.read_reports(1)
        self.until(lambda: self.bounced() == 1, "the attempt came to nothing")
        self.assertEqual(self.incident()["code_id"], "microsoft-s3140")
        self.end()
