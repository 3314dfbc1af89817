#!/usr/bin/python3
"""`explain`: replies, codes, log lines, messages; text, JSON, batches."""

import base64
import gzip
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import ENVIRONMENT, PROGRAM, SOURCE, mailwarden  # noqa: E402

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
Date: Sat, 21 Nov 2026 02:41:18 +0000
Message-ID: <20261121024118.4bXkWz@mx1.example.net>
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx1.example.net
X-Postfix-Queue-ID: 4bXkWz000001f
X-Postfix-Sender: rfc822; eve@example.net

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

Message-ID: <m1@example.net>
From: eve@example.net
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


HEADER = """\
From: reports@mx.example.org
Date: Sat, 21 Nov 2026 02:41:18 +0000
Message-ID: <report1@mx.example.org>
MIME-Version: 1.0
"""
COMPLAINT = HEADER + """\
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

A recipient called this mail spam.
--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Example/1.0
Version: 1
Original-Mail-From: <news@example.net>
Original-Rcpt-To: <ann@example.org>
Source-IP: 192.0.2.25
Reported-Domain: example.net

--b
Content-Type: message/rfc822

Message-ID: <m2@example.net>
From: news@example.net
Subject: news

words
--b--
"""


def attached(kind, name, content):
    return (HEADER + f"Content-Type: {kind}\n"
            f"Content-Disposition: attachment; filename={name}\n"
            "Content-Transfer-Encoding: base64\n\n" +
            base64.encodebytes(content).decode())


def dmarc(rows):
    """rows: (address, count, dkim, spf, disposition)"""
    records = "".join(
        f"<record><row><source_ip>{ip}</source_ip><count>{n}</count><policy_evaluated>"
        f"<disposition>{done}</disposition><dkim>{dkim}</dkim><spf>{spf}</spf>"
        "</policy_evaluated></row><identifiers><header_from>example.net</header_from>"
        "</identifiers></record>" for ip, n, dkim, spf, done in rows)
    xml = ("<?xml version='1.0'?><feedback><report_metadata><org_name>Example Mail</org_name>"
           "<email>dmarc@mx.example.org</email><report_id>r1</report_id><date_range>"
           "<begin>1795132800</begin><end>1795219199</end></date_range></report_metadata>"
           f"<policy_published><domain>example.net</domain><p>none</p></policy_published>"
           f"{records}</feedback>")
    return attached("application/gzip", "mx.example.org!example.net!1!2.xml.gz",
                    gzip.compress(xml.encode()))


def tls_report(failures):
    report = {"organization-name": "Example Mail", "report-id": "t1",
              "date-range": {"start-datetime": "2026-11-20T00:00:00Z",
                             "end-datetime": "2026-11-20T23:59:59Z"},
              "contact-info": "tls@mx.example.org",
              "policies": [{"policy": {"policy-type": "sts", "policy-domain": "example.net"},
                            "summary": {"total-successful-session-count": 1200,
                                        "total-failure-session-count":
                                            sum(n for _, n in failures)},
                            "failure-details": [
                                {"result-type": kind, "failed-session-count": n,
                                 "sending-mta-ip": "203.0.113.10",
                                 "receiving-mx-hostname": "mx1.example.net"}
                                for kind, n in failures]}]}
    return attached("application/tlsrpt+gzip", "mx.example.org!example.net!1!2.json.gz",
                    gzip.compress(json.dumps(report).encode()))


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
        for text in (BOUNCE, BOUNCE.replace("\n", "\r\n"), "\n\n" + BOUNCE,
                     "From MAILER-DAEMON Sat Nov 21 02:41:18 2026\n" + BOUNCE):
            rows, code = answers(input=text)
            self.assertEqual(code, 0)
            self.assertEqual([(row["recipient"], row["action"], row.get("category"))
                              for row in rows],
                             [("joe@hotmail.com", "failed", "ip-blocklisted"),
                              ("ann@example.org", "failed", "mailbox-full"),
                              ("bob@example.org", "relayed", None)])
            row = rows[0]
            self.assertEqual(row["code_id"], "microsoft-s3140")
            self.assertEqual(row["relay_name"], MS)
            self.assertEqual(row["ip"], "192.0.2.25")
            self.assertEqual((row["smtp_code"], row["status"]), (550, "5.7.1"))
            self.assertEqual(row["reporter"], "mx1.example.net")
            self.assertEqual(row["queue_id"], "4bXkWz000001f")
            self.assertEqual(row["message_id"], "m1@example.net")
            self.assertEqual(row["sender"], "eve@example.net")
            self.assertEqual(row["reply"], S3140)

    def test_pasted_status(self):
        fields = BOUNCE.split("Content-Type: message/delivery-status")[1].split("--b")[0]
        for text in (fields, fields[fields.index("Final-Recipient"):]):
            rows, code = answers(input=text)
            self.assertEqual([(row["recipient"], row.get("code_id")) for row in rows][:1],
                             [("joe@hotmail.com", "microsoft-s3140")])
            self.assertEqual((len(rows), code), (3, 0))

    def test_host_in_the_reply(self):
        """Some machine of the provider's: the code knows better whose it is."""
        host = "BN8NAM12FT046.eop-nam12.prod.protection.outlook.com"
        text = BOUNCE.replace(f"Remote-MTA: dns; {MS}\n", "").replace(
            "(S3140).", f"(S3140). [{host} 2026-11-21]")
        row = answers(input=text)[0][0]
        self.assertEqual((row["provider"], row["relay_name"]), ("microsoft-consumer", host))

    def test_relay_of_a_bounce(self):
        rows, _ = answers("--relay", "mx.example.mail.protection.outlook.com", input=BOUNCE)
        self.assertEqual(rows[0]["relay_name"], "mx.example.mail.protection.outlook.com")

    def test_quoted_printable(self):
        text = BOUNCE.replace("Content-Type: message/delivery-status",
                              "Content-Type: message/delivery-status\n"
                              "Content-Transfer-Encoding: quoted-printable")
        text = text.replace("block list (S3140)", "block lis=\nt =28S3140)")
        rows, _ = answers(input=text)
        self.assertEqual(rows[0]["code_id"], "microsoft-s3140")

    def test_prose(self):
        row = self.one(input=PROSE)
        self.assertEqual(row["recipient"], "joe@example.org")
        self.assertEqual(row["category"], "mailbox-unknown")
        self.assertEqual(row["smtp_code"], 550)

    # --- what people see ---

    def shown(self, text, code=0):
        done = mailwarden("explain", input=text.encode())
        self.assertEqual(done.returncode, code, done.stderr)
        for line in done.stdout.decode().splitlines():
            if "://" not in line:
                self.assertLessEqual(len(line), 80, line)
        return done.stdout.decode()

    def test_story(self):
        text = self.shown(BOUNCE)
        lines = text.splitlines()
        self.assertEqual(lines[0], "A bounce message from mx1.example.net, "
                                   "Sat, 21 Nov 2026 02:41:18 +0000")
        self.assertIn("Mail from  eve@example.net", lines)
        self.assertIn("Message    m1@example.net", lines)
        self.assertIn("Queue id   4bXkWz000001f", lines)
        self.assertIn(f"joe@hotmail.com: refused by {MS}", lines)
        self.assertIn("ann@example.org: not delivered", lines)
        self.assertIn("bob@example.org: handed on, to a server that sends no receipts", lines)
        for word in ("microsoft-s3140", "192.0.2.25", "What to do", "mailbox-full"):
            self.assertIn(word, text)

    def several(self, *names, reply="550 5.1.1 <{}>: unknown"):
        groups = "".join(f"Final-Recipient: rfc822; {name}\nAction: failed\nStatus: 5.1.1\n"
                         f"Remote-MTA: dns; mx.example.org\n"
                         f"Diagnostic-Code: smtp; {reply.format(name)}\n\n"
                         for name in names)
        head, rest = BOUNCE.split("Final-Recipient", 1)
        return head + groups + rest[rest.index("--b\nContent-Type: message/rfc822"):]

    def test_equal_recipients_are_joined(self):
        names = [f"user{i}@example.org" for i in range(3)]
        text = self.shown(self.several(*names))
        self.assertIn("3 recipients: refused by mx.example.org", text)
        self.assertIn("  user0@example.org, user1@example.org, user2@example.org\n", text)
        self.assertEqual(text.count("mailbox-unknown"), 1)
        text = self.shown(self.several(*[f"user{i}@example.org" for i in range(40)]))
        self.assertIn("40 recipients", text)
        self.assertIn(" and 28 more", text)
        rows, _ = answers(input=self.several(*names))
        self.assertEqual([row["recipient"] for row in rows], names)

    def test_delay_and_receipt(self):
        delay = BOUNCE.replace("Action: failed", "Action: delayed").replace(
            "552 5.2.2 quota exceeded", "451 4.7.1 try again later")
        text = self.shown(delay)
        self.assertTrue(text.startswith("A delay notice from mx1.example.net"), text)
        self.assertIn("ann@example.org: still waits", text)
        receipt = BOUNCE.replace("Action: failed", "Action: delivered")
        text = self.shown(receipt)
        self.assertTrue(text.startswith("A receipt from mx1.example.net"), text)
        self.assertIn("joe@hotmail.com: delivered", text)
        self.assertNotIn("Category", text)

    def test_complaint(self):
        row = answers(input=COMPLAINT)[0][0]
        self.assertEqual((row["kind"], row["feedback_type"]), ("complaint", "abuse"))
        self.assertEqual(row["source_ip"], "192.0.2.25")
        text = self.shown(COMPLAINT)
        self.assertIn("A recipient called this mail spam.", text)
        for word in ("news@example.net", "192.0.2.25", "m2@example.net", "What to do"):
            self.assertIn(word, text)

    def test_dmarc(self):
        rows = [("192.0.2.25", 300, "pass", "pass", "none"),
                ("203.0.113.9", 4, "fail", "fail", "reject"),
                ("203.0.113.9", 3, "fail", "fail", "reject"),
                ("198.51.100.7", 5, "pass", "fail", "none")]
        text = self.shown(dmarc(rows))
        self.assertIn("312 messages in 4 rows: 305 pass, 7 fail.", text)
        self.assertRegex(text, r"(?m)^ +7  203\.0\.113\.9 +fail +fail +reject$")
        self.assertNotIn("192.0.2.25", text)
        self.assertIn("What to do", text)
        text = self.shown(dmarc(rows[:1]))
        self.assertIn("300 messages in 1 row: all pass.", text)
        self.assertIn("Nothing is to be done.", text)
        got, code = answers(input=dmarc(rows))
        self.assertEqual([(row["kind"], row["source_ip"], row["repeated"]) for row in got],
                         [("dmarc", row[0], row[1]) for row in rows])
        self.assertEqual(code, 0)

    def test_tls_report(self):
        text = self.shown(tls_report([("certificate-expired", 3), ("starttls-not-supported", 1)]))
        self.assertIn("1200 sessions worked, 4 failed.", text)
        self.assertIn("3 sessions: certificate-expired at mx1.example.net, from 203.0.113.10",
                      text)
        self.assertIn("renew it", text)
        text = self.shown(tls_report([]))
        self.assertIn("1200 sessions worked, 0 failed.", text)
        self.assertIn("Nothing is to be done.", text)

    def test_no_report(self):
        letter = HEADER + "Subject: hello\n\nShall we meet at noon?\n"
        text = self.shown(letter, 1)
        self.assertIn("no bounce message, complaint, DMARC or TLS report", text)
        rows, code = answers(input=letter)
        self.assertEqual(([row["confidence"] for row in rows], code), (["none"], 1))

    def test_hostile_message(self):
        text = self.several("\x1b[31mann@example.org",
                            reply="550 5.1.1 {} \x1b]0;x\x07 " + "y" * 5000)
        done = mailwarden("explain", input=text.encode())
        self.assertNotIn(b"\x1b", done.stdout)
        for line in done.stdout.decode().splitlines():
            self.assertLessEqual(len(line), 80, line)

    def test_helper_is_missing(self):
        helper = pathlib.Path("/usr/local/libexec/mailwarden/mailwarden-ingest")
        with tempfile.TemporaryDirectory() as folder:
            program = shutil.copy(PROGRAM, folder)
            if helper.exists():
                self.skipTest(f"{helper} is there")
            done = subprocess.run([program, "explain", "--rules", SOURCE / "rules.d"],
                                  input=BOUNCE.encode(), capture_output=True,
                                  env=ENVIRONMENT)
        self.assertEqual((done.returncode, done.stdout), (1, b""), done.stderr)
        self.assertIn(b"mailwarden-ingest: No such file", done.stderr)

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
