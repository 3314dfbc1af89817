#!/usr/bin/python3
"""Hostile text, from the log line that a stranger caused to what a person sees: through
every channel that can be had here, and on a terminal.

The desktop and the journal have servers of their own: test_desktop.py and
test_journal_channel.py send them hostile incidents. Each shape field by field:
test_webhook_shapes.py. Needs python3-aiosmtpd and openssl; without them the test is
skipped (exit code 77).
"""

import email
import email.policy
import html.parser
import json
import logging
import os
import pathlib
import pty
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fault_case import (Answer, Fault, HttpServer, Server, blocked,  # noqa: E402
                        support)

RTL, BOM = "\u202e", "\ufeff"
EVIL = ("550 5.7.1 \x1b[2J\x1b]0;owned\x07\x9b31m %n%s%99999d $(touch /tmp/owned) `id` ; "
        f"| & '\"\\ </p><script>alert(1)</script><img src=x onerror=y> @everyone <!channel> "
        f"@here [x](http://evil.example) {RTL}gpj.exe{BOM} \u2028\u2066 \x85 \x00 \r "
        "Bcc: all@example.net blocked using S3140")
LINE_ENDS = "\r\nBcc: all@example.net\r\n\r\n.\r\nMAIL FROM:<evil@example.net>\r\n\n"
TOLD = "evil.example"
MEGABYTE = 1 << 20
# Neither is seen, or both do something. A line end is for the medium to judge.
CONTROL = re.compile("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029"
                     "\u202a-\u202e\u2066-\u2069\ufeff]")
OWN_COLOURS = re.compile("\x1b\\[(0|1|2|31|33)m(?!;)")
HEADERS = {"From", "To", "Subject", "Date", "Message-ID", "References", "In-Reply-To",
           "Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version",
           "Content-Type", "Content-Transfer-Encoding", "Importance",
           "X-Mailwarden-Host", "X-Mailwarden-Rule", "X-Mailwarden-Severity",
           "X-Mailwarden-Incident", "X-Mailwarden-Notice"}
SHAPES = {
    "mailwarden": [], "ntfy": [], "gotify": ["token"], "slack": [], "discord": [],
    "matrix": ["token", "room: '!a:b'"], "telegram": ["token", "room: 1"],
    "pagerduty": ["token"], "alertmanager": [],
}


class Tags(html.parser.HTMLParser):
    """Which elements and attributes a text has for who reads it as HTML."""

    def __init__(self, text):
        super().__init__()
        self.seen, self.links = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        self.seen |= {name for name, _ in attributes if name.startswith("on")}
        self.links += [value for name, value in attributes if name in ("href", "src")]


class Hostile(Fault):
    def setUp(self):
        super().setUp()
        self.told = self.folder / "told"
        self.mail = self.folder / "mail"
        for name, keep in (("tell", self.told), ("sendmail", self.mail)):
            path = self.folder / name
            path.write_text("#!/bin/sh\n"
                            f"printf '%s\\n' \"$@\" > {keep}.arguments\n"
                            f"env > {keep}.env\n"
                            f"cat > {keep}.part && mv {keep}.part {keep}\n")
            path.chmod(0o755)

    def write_channels(self, hooks):
        token = self.secret("token", "0123456789:abcdefghijklmnop")
        lines = ["alerts:", *self.relay()]
        for shape, more in SHAPES.items():
            path = "" if shape in ("gotify", "matrix", "telegram", "pagerduty",
                                   "alertmanager") else f"/{shape}"
            lines += self.hook(hooks, f"shape: {shape}", *(
                f"token_file: {token}" if line == "token" else line for line in more),
                name=shape, path=path)
        lines += ["  local:", "    type: sendmail", f"    program: {self.folder}/sendmail",
                  "    to: ops@example.org", "    from: warden@example.org",
                  "  command:", f"    run: [{self.folder}/tell, --from-mailwarden]"]
        self.write_config(*lines, "dashboard: https://mx1.example.org:8025")
        self.channels = 3 + len(SHAPES)

    def check_control(self, text, where):
        found = CONTROL.search(text)
        self.assertIsNone(found, f"{where}: {text[:found.start() + 20][-200:]!r}"
                          if found else "")

    # --- what each channel may hold ---

    def check_mail(self, content, where):
        self.assertNotIn(b"\0", content)
        self.assertNotIn(b"\x1b", content)
        for line in content.replace(b"\r\n", b"\n").split(b"\n"):
            self.assertLessEqual(len(line), 998)
            self.assertNotIn(b"\r", line)
        mail = email.message_from_bytes(content, policy=email.policy.default)
        self.assertEqual(mail.defects, [])
        self.assertLessEqual(set(mail.keys()), HEADERS, where)
        for name in mail.keys():
            self.assertEqual(len(mail.get_all(name)), 1, name)
            self.assertEqual(mail[name].defects, ())
            self.check_control(str(mail[name]), f"{where} {name}")
        self.assertEqual(mail["From"].addresses[0].addr_spec, "warden@example.org")
        self.assertEqual(len(mail["To"].addresses), 1)
        parts = [part for part in mail.walk() if not part.is_multipart()]
        self.assertEqual([part.get_content_type() for part in parts],
                         ["text/plain", "text/html"])
        for part in parts:
            self.assertEqual(part.defects, [])
            self.assertIsNone(part.get_filename())
            self.check_control(part.get_content(), where)
            self.assertIn(TOLD, part.get_content())
        tags = Tags(parts[1].get_content())
        self.assertFalse(tags.seen & {"script", "img", "iframe", "object", "form",
                                      "onerror"}, tags.seen)
        for link in tags.links:
            self.assertRegex(link, r"^https?://")
            self.assertNotIn("evil.example", link)

    def texts(self, value):
        """All strings of a JSON value; of mailwarden's own shape what is to be read. Its
        incidents are data: the log's own bytes, escaped by JSON."""
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            for one in value:
                yield from self.texts(one)
        elif isinstance(value, dict):
            for key, one in value.items():
                yield key
                if key != "incidents":
                    yield from self.texts(one)

    def check_request(self, request):
        shape = request.path
        for name, value in request.headers.items():
            self.check_control(value, f"{shape} {name}")
        body = request.body.decode()  # UTF-8, or it raises
        self.assertNotRegex(body, "[\x00-\x08\x0b-\x1f]")
        for text in self.texts(json.loads(body)):
            self.check_control(text, shape)
            if shape == "/slack":
                self.assertNotIn("<!channel>", text)
        if shape == "/discord":
            self.assertEqual(json.loads(body)["allowed_mentions"]["parse"], [])
        return TOLD in body

    def check_all(self, hooks):
        self.assertFalse(pathlib.Path("/tmp/owned").exists())
        for sender, recipients, content in self.handler.mails:
            self.assertEqual((sender, recipients),
                             ("warden@example.org", ["relay@example.org"]))
            self.check_mail(content, "relay")
        self.check_mail(self.mail.read_bytes(), "sendmail")
        self.assertEqual(pathlib.Path(f"{self.mail}.arguments").read_text().split(),
                         ["-i", "-f", "warden@example.org", "--", "ops@example.org"])
        self.assertEqual(pathlib.Path(f"{self.told}.arguments").read_text().split(),
                         ["--from-mailwarden"])
        told = json.loads(self.told.read_text())
        for text in self.texts(told):
            self.check_control(text, "command")
        for keep in (self.mail, self.told):
            self.assertNotIn("evil", pathlib.Path(f"{keep}.env").read_text())
        for request in hooks.requests:
            self.assertTrue(self.check_request(request), f"{request.path}: is it told?")

    def check_terminal(self):
        """As on a terminal, where escapes would do something."""
        incident, = self.ask("SELECT id FROM incident ORDER BY opened LIMIT 1")[0]
        config, state = ("--config", self.config), ("--state", self.state)
        for words in (["status", *config], ["incidents", "--all", *state],
                      ["show", incident, *state], ["evidence", incident, *state],
                      ["explain", *state, EVIL.replace("\0", "")],
                      ["status", "--json", *config], ["show", "--json", incident, *state],
                      ["incidents", "--all", "--json", *state], ["events", *state]):
            said = OWN_COLOURS.sub("", self.on_terminal(words))
            self.check_control(said.replace("\r\n", "\n"), words)
            self.assertNotIn("\r", said.replace("\r\n", ""), words)

    @staticmethod
    def on_terminal(words):
        child, terminal = pty.fork()
        if child == 0:
            os.environ.update(support.ENVIRONMENT, TERM="xterm-256color",
                              LC_ALL="C.UTF-8", PAGER="cat")
            os.execv(support.PROGRAM, [support.PROGRAM, *map(str, words)])
        said = b""
        try:
            while True:
                said += os.read(terminal, 65536)
        except OSError:
            pass
        os.close(terminal)
        os.waitpid(child, 0)
        return said.decode()  # UTF-8, or it raises

    def all_told(self):
        sent = self.ask("SELECT count(DISTINCT channel) FROM delivery "
                        "WHERE sent IS NOT NULL")
        return sent == [(self.channels,)] and all(
            path.exists() for path in (self.told, self.mail))


class Channels(Hostile):
    def go(self, prepare):
        answer = Answer(200, body='{"ok": true}')
        with Server(self.handler, port=self.port), \
                HttpServer(answer, context=self.pki.context("good")) as hooks:
            self.write_channels(hooks)
            daemon = prepare()
            daemon.until(self.all_told, "all channels tell it")
            self.end(daemon)
            self.check_all(hooks)
            self.assertNotIn("failed", self.status_text())
            self.check_terminal()
            said = daemon.said()
            self.check_control(said, "the log of the programs")

    def write_line(self, reply):
        with open(self.log, "ab") as out:
            out.write(blocked(1, reply).encode("utf-8", "surrogateescape"))

    def test_by_the_log(self):
        def prepare():
            self.write_line(EVIL)
            return self.run_all()

        self.go(prepare)

    def test_a_megabyte_by_the_log(self):
        def prepare():
            self.write_line(EVIL + " " + EVIL * (MEGABYTE // len(EVIL)))
            return self.run_all()

        self.go(prepare)

    def test_by_the_store(self):
        """What no line of a log could hold stands in every field of the incident."""
        def prepare():
            watcher = self.watch()
            self.trouble()
            watcher.until(self.rows, "the notice waits")
            self.end(watcher)
            evil = LINE_ENDS + EVIL + LINE_ENDS
            for column in ("rule", "host", "provider", "code_id", "category", "summary",
                           "url"):
                support.change(self.state, f"UPDATE incident SET {column} = ?", evil)
            support.change(self.state, "UPDATE incident SET advice = ?, samples = ?",
                           evil * 50, evil * (MEGABYTE // len(evil)))
            notifier = self.notifier()
            return notifier

        self.go(prepare)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    unittest.main(verbosity=1, warnings="ignore")
