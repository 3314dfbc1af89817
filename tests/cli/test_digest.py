#!/usr/bin/python3
"""`mailwarden digest`: what it says of a week, in text and in HTML, from hostile logs too; and
its way through the outbox to a real SMTP server, once for a week."""

import base64
import calendar
import datetime
import email
import email.policy
import html.parser
import json
import logging
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from smtp_server import Handler, Server  # noqa: E402
from support import Case, Notifier, mailwarden  # noqa: E402

DAY = 86400
COLUMNS = 76
MAIL_BYTES = 300_000
NOTICE_DIGEST = 8
HOSTILE = "<script>alert(1)</script><img src=http://192.0.2.1/x onerror=1> \x1b[31m\x07 \"'&amp;"


def monday():
    """Where the last whole week begins, in UTC."""
    today = datetime.datetime.now(datetime.timezone.utc).date()
    this = today - datetime.timedelta(days=today.weekday())
    return calendar.timegm((this - datetime.timedelta(days=7)).timetuple())


def attempt(at, number, status="sent", reply="250 2.0.0 OK", host="aspmx.l.google.com",
            domain="gmail.com", delay=0.8):
    stamp = time.strftime("%b %e %H:%M:%S", time.gmtime(at))
    dsn = {"sent": "2.0.0", "deferred": "4.2.1", "bounced": "5.1.1"}[status]
    said = f"({reply})" if status == "sent" else f"(host {host}[203.0.113.10] said: {reply})"
    return (f"{stamp} mx1 postfix/smtp[79]: 4bXkWz{number:06d}f: to=<joe{number}@{domain}>, "
            f"relay={host}[203.0.113.10]:25, delay={delay}, delays=0.1/0/0.1/0.6, dsn={dsn}, "
            f"status={status} {said}\n")


def week_of(begin, a_day, first=0, failing=0, **words):
    """As many deliveries each day, `failing` of them refused."""
    lines = []
    for day in range(7):
        for i in range(a_day):
            number = first + day * a_day + i
            at = begin + day * DAY + 6 * 3600 + i * 60
            if i < failing:
                lines.append(attempt(at, number, "bounced",
                                     "550 5.1.1 The email account does not exist", **words))
            else:
                lines.append(attempt(at, number, **words))
    return "".join(lines)


class Words(html.parser.HTMLParser):
    """All that is read of a page, the pictures' words among it."""

    def __init__(self):
        super().__init__()
        self.words, self.skip, self.tags, self.urls = [], 0, set(), []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.skip += tag in ("title", "style")
        for name, value in attributes:
            assert not name.startswith("on"), name
            if name in ("src", "href"):
                self.urls.append(value)
            if name == "alt":
                self.words.append(value)

    def handle_startendtag(self, tag, attributes):
        if tag != "meta":
            self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag):
        self.skip -= tag in ("title", "style")

    def handle_data(self, data):
        if not self.skip:
            self.words.append(data)


def squeezed(text):
    return re.sub(r"[\s`]+", "", text)


class Digesting(Case):
    def setUp(self):
        super().setUp()
        self.config = self.folder / "mailwarden.yaml"
        self.config.write_text("host: mx1.example.org\n")
        self.log.touch()

    def digest(self, *words, code=0, config=None):
        done = mailwarden("digest", "--state", self.state, "--config", config or self.config,
                          *words)
        self.assertEqual(done.returncode, code, done.stderr.decode(errors="replace"))
        return done.stdout.decode() if code == 0 else done.stderr.decode()

    def text(self, *words):
        text = self.digest("--text", *words)
        for line in text.splitlines():
            self.assertLessEqual(len(line), COLUMNS, line)
            self.assertTrue(line.isprintable(), line)
        return text

    def page(self, *words):
        path = self.folder / "digest.html"
        self.digest("--html", path, *words)
        return path.read_text()

    def two_weeks(self, failing=0, more=""):
        before = week_of(monday() - 7 * DAY, 40)
        self.log.write_text(before + week_of(monday(), 40, 400, failing) + more)
        self.run_once()

    def check_same(self, text, page):
        parser = Words()
        parser.feed(page)
        plain = []
        for line in text.splitlines():
            if not re.fullmatch("-+", line):
                plain.append(re.sub(r"^(\* |  - )", "", line))
        self.assertEqual(squeezed(" ".join(plain)), squeezed(" ".join(parser.words)))
        return parser


class Weeks(Digesting):
    def test_quiet_week(self):
        self.two_weeks()
        text = self.text()
        self.assertIn("Mail is healthy: 100 % of 280 delivery attempts", text)
        self.assertIn("nothing changed beyond chance since the week before", " ".join(
            text.split()))
        self.assertNotIn("----", text)
        self.assertNotIn("\u2191", text)
        self.assertLess(len(text.splitlines()), 35, text)

    def test_a_change_that_is_real(self):
        self.two_weeks(failing=12)
        text = " ".join(self.text().split())
        self.assertIn("at Google the share accepted fell from 100 % to 70.0 %", text)
        self.assertIn("\u2193 70.0 %", text)
        self.assertIn("84 refused: Google, generic-does-not-exist (new)", text)

    def test_a_change_that_may_be_chance(self):
        before = week_of(monday() - 7 * DAY, 6, failing=1)
        self.log.write_text(before + week_of(monday(), 6, 400, failing=2))
        self.run_once()
        self.assertNotIn("\u2193", self.text().split("Arrows stand")[0])

    def test_order(self):
        self.two_weeks(failing=12)
        text = self.text()
        headings = re.findall(r"^(.+)\n-+$", text, re.M)
        order = ["Open incidents, and what to do", "Resolved", "Nothing is open; resolved",
                 "Incidents", "Mail out", "Time to deliver", "Why mail was refused or waits",
                 "TLS", "Mail in", "Bounces and backscatter", "dovecot", "Reports",
                 "mailwarden itself"]
        self.assertEqual(headings, [word for word in order if word in headings])
        self.assertIn("Mail out", headings)
        self.assertIn("mailwarden itself", headings)

    def test_week_by_name(self):
        self.two_weeks()
        year, week, _ = datetime.datetime.fromtimestamp(
            monday(), datetime.timezone.utc).isocalendar()
        self.assertEqual(self.text("--week", f"{year}-W{week:02d}"), self.text())
        self.assertIn("nothing before it to compare with", " ".join(self.text(
            "--week", "{}-W{:02d}".format(*datetime.datetime.fromtimestamp(
                monday() - 7 * DAY, datetime.timezone.utc).isocalendar()[:2])).split()))

    def test_first_weeks(self):
        """Of the week before only the end was seen: nothing rose since."""
        self.log.write_text("".join(attempt(monday() - i * 1800, i) for i in range(100, 0, -1)) +
                            week_of(monday(), 100, 400))
        self.run_once()
        text = " ".join(self.text().split())
        self.assertNotIn("rose", text)
        self.assertIn("nothing before it to compare with", text)

    def test_numbers(self):
        """The digest's are those of `status`' store, and of the log."""
        self.two_weeks(failing=12)
        answer = json.loads(self.digest("--json"))
        self.assertEqual(answer["type"], "digest")
        self.assertEqual(answer["health"], "warning")
        out = answer["figures"]["out"]["outcomes"]
        self.assertEqual((out["delivered"], out["bounced"]), (7 * 28, 7 * 12))
        self.assertEqual(answer["before"]["out"]["outcomes"]["delivered"], 280)
        self.assertTrue(answer["changes"][0]["bad"])
        since = json.loads(self.digest("--json", "--since", "30d"))
        self.assertEqual(since["figures"]["out"]["outcomes"]["delivered"], 280 + 7 * 28)

    def test_gap(self):
        self.two_weeks()
        with sqlite3.connect(self.state) as store:
            store.execute("INSERT INTO gap (source, at, what, detail) VALUES (?, ?, ?, ?)",
                          ("journal", (monday() + DAY) * 10**6, "vacuumed", HOSTILE))
        text = self.text()
        self.assertIn("The logs have 1 gap in this time", " ".join(text.split())[:600])
        self.check_same(text, self.page())


class Pages(Digesting):
    def test_same_words(self):
        self.two_weeks(failing=12)
        parser = self.check_same(self.text(), self.page())
        self.assertLessEqual(parser.tags & {"script", "link", "iframe", "object"}, set())
        self.assertTrue(parser.urls)
        for url in parser.urls:
            self.assertRegex(url, "^data:image/png;base64,")
            self.assertEqual(base64.b64decode(url.split(",")[1])[:8], b"\x89PNG\r\n\x1a\n")

    def test_same_words_of_a_quiet_week(self):
        self.two_weeks()
        self.check_same(self.text(), self.page())

    def test_hostile(self):
        lines = "".join(attempt(monday() + DAY + i, 5000 + i, "bounced", "550 5.7.1 "
                                "Unfortunately, messages from [192.0.2.25] weren't sent. block "
                                f"list (S3140) {HOSTILE}", domain="hotmail.com",
                                host="hotmail-com.olc.protection.outlook.com")
                        for i in range(20))
        self.two_weeks(more=lines)
        with sqlite3.connect(self.state) as store:
            changed = store.execute("UPDATE incident SET summary = summary || ?, "
                                    "advice = advice || ?, host = ?", (
                                        HOSTILE * 30, "\n\n" + HOSTILE * 50, HOSTILE))
            self.assertGreater(changed.rowcount, 0)
        page = self.page()
        self.assertNotRegex(page, "<(script|img src=http)")
        self.assertNotIn("\x1b", page)
        self.assertIn("&lt;script&gt;", page)
        self.check_same(self.text(), page)

    def test_valid(self):
        if shutil.which("tidy") is None:
            self.skipTest("tidy is not installed")
        self.two_weeks(failing=12)
        path = self.folder / "digest.html"
        path.write_text(self.page())
        done = subprocess.run(["tidy", "-q", "-e", path], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class Faults(Digesting):
    def test_arguments(self):
        self.two_weeks()
        for words in (["--week", "2026-W54"], ["--week", "2026"], ["--week", "9998-W10"],
                      ["--since", "tomorrow"], ["--since", "2999-01-01"], ["--again"],
                      ["--week", "2026-W10", "--since", "1d"], ["--json", "--text"],
                      ["--html", "-", "--json"], ["more"], ["--unknown"]):
            self.assertIn("digest", self.digest(*words, code=2), words)

    def test_no_store(self):
        self.assertIn("no store at", self.digest(code=4))

    def test_empty_store(self):
        self.run_once()
        text = " ".join(self.text().split())
        self.assertIn("mailwarden saw nothing: no line of any log was read", text)
        self.check_same(self.text(), self.page())

    def test_folder_that_is_not_there(self):
        self.run_once()
        self.assertIn("No such file", self.digest("--html", self.folder / "no" / "x.html",
                                                  code=1))

    def test_nobody_to_send_to(self):
        self.run_once()
        self.assertIn("nobody to send the digest to", self.digest("--send", code=3))
        self.assertEqual(support.outbox(self.state), [])


class Sending(Digesting):
    def setUp(self):
        super().setUp()
        self.handler = Handler()
        self.server = Server(self.handler)
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)
        self.config.write_text("\n".join([
            "host: mx1.example.org", "alerts:", "  relay:",
            f"    url: smtp://127.0.0.1:{self.server.port}", "    tls: off",
            "    to: ops@example.org", "    from: warden@example.org"]) + "\n")

    def notify(self):
        notifier = Notifier("--config", self.config, "--state", self.state)
        self.addCleanup(notifier.kill)
        return notifier

    def sent(self):
        return [row for row in support.outbox(self.state)
                if row["notice"] == NOTICE_DIGEST and row["sent"] is not None]

    def test_mail(self):
        self.two_weeks(failing=12)
        notifier = self.notify()
        notifier.until(pathlib.Path(f"{self.state}.wake").exists, "it listens")
        self.digest("--send")
        notifier.until(self.sent, "it is sent")
        mail, = self.digests()
        self.check_mail(mail)
        # once for a week
        done = mailwarden("digest", "--send", "--state", self.state, "--config", self.config)
        self.assertIn(b"was sent before", done.stderr)
        self.assertEqual(len(self.sent()), 1)
        self.digest("--send", "--again")
        notifier.until(lambda: len(self.sent()) == 2, "it is sent again")
        ids = {row["id"] for row in self.sent()}
        self.assertEqual(len(ids), 2)

    def test_drawing_locks_nobody_out(self):
        """Fonts may take long to find: meanwhile the watcher writes."""
        self.two_weeks(failing=12)
        fonts = self.folder / "fonts.conf"
        os.mkfifo(fonts)
        digest = subprocess.Popen(
            [support.BUILD / "mailwarden", "digest", "--send", "--state", self.state, "--config",
             self.config], env={**os.environ, "FONTCONFIG_FILE": str(fonts)},
            stderr=subprocess.PIPE)
        self.addCleanup(digest.wait)
        self.addCleanup(digest.kill)
        with open(fonts, "w", encoding="ascii") as answer:  # opens when it asks for fonts
            store = sqlite3.connect(self.state, isolation_level=None, timeout=0)
            store.execute("BEGIN IMMEDIATE")
            store.execute("ROLLBACK")
            store.close()
            answer.write("<fontconfig><dir>/usr/share/fonts</dir></fontconfig>\n")
        self.assertIn(b"waits to be sent", digest.communicate()[1])
        self.assertEqual(digest.returncode, 0)

    def test_large(self):
        """Much trouble in a script that takes many bytes: plots go before mail gets too large."""
        hosts = {"gmail.com": "aspmx.l.google.com", "yahoo.com": "mta5.am0.yahoodns.net",
                 "icloud.com": "mx01.mail.icloud.com", "gmx.de": "mx00.gmx.net",
                 "hotmail.com": "hotmail-com.olc.protection.outlook.com",
                 "t-online.de": "mx00.t-online.de", "comcast.net": "mx1a1.comcast.net"}
        delays, more = (0.3, 20, 300, 5000, 40, 60000, 2), ""
        for i in range(7 * 24 * len(hosts)):
            domain, host = list(hosts.items())[i % len(hosts)]
            at = monday() + i // len(hosts) * 3600
            more += attempt(at, 9000 + i, *(() if i % 3 else (
                "bounced", "550 5.7.1 Unfortunately, messages from [192.0.2.25] weren't sent. "
                "block list (S3140)")), host=host, domain=domain, delay=delays[i // 31 % 7])
        self.two_weeks(failing=12, more=more)
        words = "\u6f22\u5b57\u65e5\u672c\u8a9e" * 10
        with sqlite3.connect(self.state) as store:
            store.row_factory = sqlite3.Row
            one = dict(store.execute("SELECT * FROM incident LIMIT 1").fetchone())
            store.execute("DELETE FROM incident")
            for i in range(60):
                one |= {"id": f"{i:012x}", "state": 1 + i % 2, "summary": words,
                        "resolved": (monday() + DAY) * 10**6,
                        "opened": monday() * 10**6, "advice": "x\n\n" + words * 2}
                store.execute(f"INSERT INTO incident ({', '.join(one)}) VALUES "
                              f"({', '.join('?' * len(one))})", list(one.values()))
                store.execute("INSERT INTO gap (source, at, what, detail) VALUES (?, ?, ?, ?)",
                              (words, monday() * 10**6 + i, words, words))
        self.digest("--send")
        self.notify().until(self.sent, "it is sent")
        content, = [content for *_, content in self.handler.mails
                    if b"X-Mailwarden-Notice: digest" in content]
        self.assertLess(len(content), MAIL_BYTES)

    def digests(self):
        mails = [email.message_from_bytes(content, policy=email.policy.default)
                 for *_, content in self.handler.mails]
        return [mail for mail in mails if mail["X-Mailwarden-Notice"] == "digest"]

    def check_mail(self, mail):
        self.assertLess(len(mail.as_bytes()), MAIL_BYTES)
        row, = self.sent()
        self.assertEqual(mail["Message-ID"], f"<{row['id']}@example.org>")
        self.assertRegex(mail["Subject"], r"^\[digest\] mx1.example.org, week \d+: Mail works")
        self.assertEqual(mail.get_content_type(), "multipart/alternative")
        plain, related = mail.iter_parts()
        self.assertEqual((plain.get_content_type(), related.get_content_type()),
                         ("text/plain", "multipart/related"))
        page, *images = related.iter_parts()
        parser = self.check_same(plain.get_content(), page.get_content())
        self.assertEqual({url.removeprefix("cid:") for url in parser.urls},
                         {image["Content-ID"].strip("<>") for image in images})
        for image in images:
            self.assertEqual(image.get_content()[:8], b"\x89PNG\r\n\x1a\n")
        # as the command prints it, but for the moment at the end
        self.assertEqual(plain.get_content().replace("\r\n", "\n").split("Arrows")[0],
                         self.text().split("Arrows")[0])

    def test_waits_for_the_server(self):
        """Nobody there at first; then the same mail goes out, under the same id."""
        self.two_weeks()
        self.digest("--send")
        with sqlite3.connect(self.state) as store:
            (parts,) = store.execute("SELECT count(*) FROM digest").fetchone()
        self.assertGreaterEqual(parts, 5)
        config = self.config.read_text()
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        self.config.write_text(config.replace(f":{self.server.port}", f":{port}"))
        notifier = self.notify()
        notifier.wait_for("alert failed")
        self.assertEqual(self.sent(), [])
        notifier.stop()
        self.config.write_text(config)
        with sqlite3.connect(self.state) as store:
            (first,) = store.execute("SELECT message FROM delivery").fetchone()
            store.execute("UPDATE delivery SET due = 0")
        notifier = self.notify()
        notifier.until(self.sent, "it is sent")
        mail, = self.digests()
        self.assertEqual(mail["Message-ID"], f"<{first}@example.org>")

    def test_to_a_program(self):
        """A route that wants digests gets the sentence and the counts."""
        took = self.folder / "took.json"
        self.config.write_text("\n".join([
            "host: mx1.example.org", "alerts:", "  hook:", "    type: command",
            f"    run: [/bin/sh, -c, 'cat >{took}.new && mv {took}.new {took}']",
            "routes:", "  - to: hook", "    digest: yes"]) + "\n")
        self.two_weeks()
        self.digest("--send")
        notifier = self.notify()
        notifier.until(self.sent, "it is sent")
        answer = json.loads(took.read_text())
        self.assertEqual((answer["digest"], answer["test"]), (True, False))
        self.assertIn("Mail is healthy", answer["text"])
        self.assertIn("To other hosts: 280 delivered", answer["text"])


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    unittest.main(verbosity=1, warnings="ignore")
