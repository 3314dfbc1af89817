#!/usr/bin/python3
"""`explain`: replies, codes, log lines, bounce messages; text, JSON, batches."""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import mailwarden  # noqa: E402

S3140 = ("550 5.7.1 Unfortunately, messages from [192.0.2.25] weren't sent. Please contact "
         "your Internet service provider since part of their network is on our block list "
         "(S3140).")
MS = "hotmail-com.olc.protection.outlook.com"
POSTFIX = (f"Nov 21 02:41:17 mx1 postfix/smtp[79]: 4bXkWz000001f: to=<joe@hotmail.com>, "
           f"relay={MS}[203.0.113.10]:25, delay=1.4, delays=0.1/0/0.7/0.6, dsn=5.7.1, "
           f"status=bounced (host {MS}[203.0.113.10] said: {S3140} (in reply to MAIL FROM "
           "command))")
SENDMAIL = ("Nov 21 02:41:17 mx1 sm-mta[2239]: 041FASMh002237: to=<joe@hotmail.com>, "
            "delay=00:00:01, xdelay=00:00:01, mailer=esmtp, pri=121816, relay=hotmail-com."
            "olc.protection.outlook.com. [203.0.113.10], dsn=5.0.0, stat=Service unavailable")
OPENSMTPD = ('Nov 21 02:41:17 mx1 smtpd[80]: 7d21c0ffee004411 mta delivery '
             'evpid=5a1b2c3d9e8f7061 from=<x@example.net> to=<ann@example.org> rcpt=<-> '
             'source="192.0.2.25" relay="203.0.113.12 (mx.example.org)" delay=2s '
             'result="PermFail" stat="550 5.1.1 no such user"')
SENT = (f"Nov 21 02:41:17 mx1 postfix/smtp[79]: 4bXkWz000001f: to=<joe@hotmail.com>, "
        f"relay={MS}[203.0.113.10]:25, delay=1.4, delays=0.1/0/0.7/0.6, dsn=2.6.0, "
        "status=sent (250 2.6.0 Queued mail for delivery)")
BOUNCE = f"""\
Return-Path: <>
From: MAILER-DAEMON@mx1.example.net
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx1.example.net

Final-Recipient: rfc822; joe@hotmail.com
Action: failed
Status: 5.7.1
Remote-MTA: dns; {MS}
Diagnostic-Code: smtp; 550 5.7.1 Unfortunately, messages from [192.0.2.25]
    weren't sent. Please contact your Internet service provider since part of
    their network is on our block list (S3140).

Final-Recipient: rfc822; ann@example.org
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp; 552 5.2.2 quota exceeded

Final-Recipient: rfc822; bob@example.org
Action: relayed
Status: 2.0.0

--b
Content-Type: message/rfc822

Subject: hello

450 4.7.1 the words of our own user
--b--
"""
PROSE = """\
Return-Path: <>
From: MAILER-DAEMON@mx.example.org
Subject: failure notice

Hi. This is the qmail-send program at mx.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.

<joe@example.org>:
203.0.113.10 does not like recipient.
Remote host said: 550 5.1.1 sorry, no mailbox here by that name
Giving up on 203.0.113.10.

--- Below this line is a copy of the message.

Subject: 554 5.7.1 spam
"""


def answers(*words, input=""):
    done = mailwarden("explain", "--json", *words,
                      input=input.encode("utf-8", "surrogateescape"))
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode


class Explain(unittest.TestCase):
    def one(self, *words, input=""):
        rows, code = answers(*words, input=input)
        self.assertEqual(len(rows), 1, rows)
        self.assertEqual(code, 0 if rows[0]["confidence"] != "none" else 1)
        return rows[0]

    def test_reply(self):
        row = self.one(S3140)
        self.assertEqual(row["code_id"], "microsoft-s3140")
        self.assertEqual(row["category"], "ip-blocklisted")
        self.assertEqual(row["provider"], "microsoft-consumer")
        self.assertEqual((row["smtp_code"], row["status"]), (550, "5.7.1"))
        self.assertEqual(row["ip"], "192.0.2.25")
        self.assertEqual(row["confidence"], "high")
        self.assertIs(row["suspected"], False)
        self.assertTrue(row["meaning"] and row["remedy"] and row["url"])

    def test_words_are_joined(self):
        self.assertEqual(self.one("550", "mailbox", "full")["category"], "mailbox-full")

    def test_codes(self):
        for code, want in (("S3140", "microsoft-s3140"), ("TSS04", "yahoo-tss04"),
                           ("5.7.606", "microsoft-5.7.606"),
                           ("microsoft-s3150", "microsoft-s3150")):
            self.assertEqual(self.one(code)["code_id"], want, code)
        self.assertEqual(self.one("550 5.1.1")["category"], "mailbox-unknown")
        self.assertEqual(self.one("#5.2.2")["category"], "mailbox-full")
        row = self.one("5.3.0")  # the registry's words, where the catalogue has none
        self.assertEqual(row["confidence"], "low")
        self.assertNotIn("category", row)
        self.assertIn("mail system", row["meaning"])

    def test_relay(self):
        row = self.one("--relay", "mx.example.mail.protection.outlook.com",
                       "550 5.4.1 Recipient address rejected: Access denied")
        self.assertEqual(row["category"], "mailbox-unknown")
        self.assertEqual(row["provider"], "microsoft-365")

    def test_log_lines(self):
        row = self.one(POSTFIX)
        self.assertEqual(row["code_id"], "microsoft-s3140")
        self.assertEqual(row["relay_name"], MS)
        self.assertEqual(row["recipient"], "joe@hotmail.com")
        self.assertEqual(row["ip"], "192.0.2.25")  # not the relay's own
        row = self.one(SENDMAIL)
        self.assertIs(row["suspected"], True)
        self.assertEqual(row["provider"], "microsoft-consumer")
        self.assertEqual(self.one(OPENSMTPD)["category"], "mailbox-unknown")
        bare = POSTFIX.split(" mx1 ")[1]  # the stamp was not pasted
        self.assertEqual(self.one(bare)["relay_name"], MS)
        rows, code = answers(SENT)
        self.assertEqual((rows[0]["confidence"], code), ("none", 1))

    def test_several_lines(self):
        rows, code = answers(input=f"{POSTFIX}\n\n{S3140}\n550 mailbox full\n")
        self.assertEqual([row["category"] for row in rows],
                         ["ip-blocklisted", "ip-blocklisted", "mailbox-full"])
        rows, code = answers(input="550-5.1.1 The account does not\n"
                                   "550-5.1.1 exist here.\n550 5.1.1 Try again\n421 busy\n")
        self.assertEqual([row["category"] for row in rows],
                         ["mailbox-unknown", "remote-temporary"])

    def test_bounce(self):
        for text in (BOUNCE, BOUNCE.replace("\n", "\r\n")):
            rows, code = answers(input=text)
            self.assertEqual(code, 0)
            self.assertEqual([(row["recipient"], row["category"]) for row in rows],
                             [("joe@hotmail.com", "ip-blocklisted"),
                              ("ann@example.org", "mailbox-full")])
            self.assertEqual(rows[0]["relay_name"], MS)
            self.assertEqual(rows[0]["ip"], "192.0.2.25")

    def test_quoted_printable(self):
        text = BOUNCE.replace("Content-Type: message/delivery-status",
                              "Content-Type: message/delivery-status\n"
                              "Content-Transfer-Encoding: quoted-printable")
        text = text.replace("block list (S3140)", "block lis=\nt =28S3140)")
        rows, _ = answers(input=text)
        self.assertEqual(rows[0]["code_id"], "microsoft-s3140")

    def test_prose(self):
        row = self.one(input=PROSE)
        self.assertEqual(row["category"], "mailbox-unknown")
        self.assertEqual(row["smtp_code"], 550)

    def test_batch(self):
        lines = ["550 mailbox full", "", "hello", POSTFIX, SENT, "\x1b[31m\x00", "S3140",
                 "x" * 100000]
        done = mailwarden("explain", "--batch", input="\n".join(lines).encode())
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(rows), len(lines))
        self.assertEqual(done.returncode, 0)
        self.assertEqual([row.get("category", row["confidence"]) for row in rows],
                         ["mailbox-full", "none", "none", "ip-blocklisted", "none", "none",
                          "ip-blocklisted", "none"])

    def test_nothing(self):
        for text in ("", "\n\n", "good morning"):
            rows, code = answers(input=text)
            self.assertEqual(code, 1)
            self.assertEqual([row["confidence"] for row in rows], ["none"])

    def test_text(self):
        done = mailwarden("explain", input=BOUNCE.encode())
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 0)
        self.assertIn("microsoft-s3140", text)
        self.assertIn("192.0.2.25", text)
        for line in text.splitlines():
            if "://" not in line:
                self.assertLessEqual(len(line), 80, line)

    def test_hostile(self):
        done = mailwarden("explain", "550 5.7.1 \x1b]0;x\x07 listed at \u202eevil " + "y" * 500)
        self.assertNotIn(b"\x1b", done.stdout)
        self.assertNotIn("\u202e", done.stdout.decode())
        for line in done.stdout.decode().splitlines():
            self.assertLessEqual(len(line), 80, line)
        done = mailwarden("explain", "--json", input=b"550 \xff\xfe blocked\x00 by \x1b rbl\n")
        json.loads(done.stdout)

    def test_usage(self):
        self.assertEqual(mailwarden("explain", "--frob").returncode, 2)
        self.assertEqual(mailwarden("explain", "--rules", "/nowhere", "550").returncode, 3)


if __name__ == "__main__":
    unittest.main()
