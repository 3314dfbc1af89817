#!/usr/bin/python3
"""Messages as other programs read them: text and HTML say the same, the mail is sound.

Python's own parsers of mail and HTML look at what message_show writes of the incidents of
demo/mail.log, and of such that hold what strangers write.
"""

import email
import email.policy
import html.parser
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import message_pictures  # noqa: E402
from message_pictures import BUILD, SOURCE  # noqa: E402

HOSTILE = ("<script>alert(1)</script> \"' & ]]> <!-- \u202e \x1b[31m %s%n \r\nBcc: x@example.org"
           "\r\n--=_mailwarden_alternative--\r\n.\r\n\u00e9\u20ac `code` http://example.com/x")


class Words(html.parser.HTMLParser):
    """The words of a page as a reader sees them, and what it would load or open."""

    def __init__(self, page):
        super().__init__()
        self.words, self.links, self.tags, self.skip = [], [], set(), False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.skip = tag == "title"
        for name, value in attrs:
            if name in ("href", "src", "background", "srcset", "action"):
                self.links.append(value)
            assert not name.startswith("on"), name

    def handle_data(self, data):
        if not self.skip:
            self.words.append(data)

    def handle_endtag(self, tag):
        if tag not in ("code", "b"):
            self.words.append(" ")
        self.skip = False


def words_of_html(page):
    return "".join(Words(page).words).replace("\u2013 ", "- ").replace("`", "").split()


def words_of_text(text):
    """Without what the text alone needs: rulers, and colons behind labels."""
    return text.replace("`", "").split()


def same(word):
    """A label ends in a colon in text alone."""
    return word.rstrip(":")


class Messages(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.found = message_pictures.replay(SOURCE / "demo" / "mail.log")
        if not cls.found:
            raise AssertionError("no incident in demo/mail.log")

    def write(self, rows, to="admin@example.org"):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder, "m")
            subprocess.run([message_pictures.SHOW, out, "1795236077482913", "mx1",
                            "https://mx1.example.org:8025", to],
                           input="".join(row + "\n" for row in rows), text=True, check=True,
                           capture_output=True)
            return {part: (out.parent / f"m.{part}").read_bytes()
                    for part in ("txt", "html", "eml", "json")}

    def messages(self):
        """All incidents one by one, in each kind of notice, all of them at once, hostile ones."""
        for row in self.found:
            for notice in ("opened", "escalated", "reminder", "resolved"):
                more = {"resolved_us": message_pictures.microseconds(row["last_seen"]) + 1}
                yield [message_pictures.told(row, notice=notice,
                                             **(more if notice == "resolved" else {}))]
        yield [message_pictures.told(row, notice="opened") for row in self.found]
        yield []
        bad = {key: HOSTILE for key in ("summary", "advice", "url", "samples", "affected",
                                        "rule", "host", "ack_who", "ack_note")}
        for n in (1, 3):
            yield [json.dumps({**bad, "id": "0123456789ab", "severity": "critical",
                               "opened_us": 1, "ack_at_us": 1, "count": 2})] * n

    def test_text_and_html_say_the_same(self):
        for rows in self.messages():
            parts = self.write(rows)
            text = re.sub(r"^-{40}$", "", parts["txt"].decode(), flags=re.MULTILINE)
            self.assertEqual([same(word) for word in words_of_html(parts["html"].decode())],
                             [same(word) for word in words_of_text(text)])

    def test_html_is_well_formed_and_loads_nothing(self):
        for rows in self.messages():
            page = self.write(rows)["html"].decode()
            self.assertLessEqual(len(page), 100000)
            root = xml.etree.ElementTree.fromstring(page.split("\n", 1)[1])
            self.assertEqual(root.tag, "html")
            read = Words(page)
            self.assertLessEqual(read.tags, {"html", "head", "meta", "title", "body", "div", "p",
                                             "table", "tr", "td", "b", "code", "a"})
            for link in read.links:
                self.assertRegex(link, r"\Ahttps?://[!-~]+\Z")
                self.assertNotIn("example.com/x", link)
            self.assertNotIn("url(", page)

    def test_mail(self):
        for rows in self.messages():
            parts = self.write(rows)
            mail = email.message_from_bytes(parts["eml"], policy=email.policy.default)
            self.assertEqual(mail.defects, [])
            self.assertEqual(mail.get_content_type(), "multipart/alternative")
            self.assertEqual(json.loads(parts["json"])["subject"], mail["Subject"])
            self.assertEqual(str(mail["Auto-Submitted"]), "auto-generated")
            self.assertIsNone(mail["Bcc"])
            self.assertIsNone(mail["Precedence"])
            text, page = mail.iter_parts()
            self.assertEqual(text.get_content_type(), "text/plain")
            self.assertEqual(page.get_content_type(), "text/html")
            self.assertEqual(page.get_content().replace("\r\n", "\n"), parts["html"].decode())
            self.assertEqual(unflow(text.get_content()), parts["txt"].decode())
            for line in parts["eml"].split(b"\r\n"):
                self.assertLessEqual(len(line), 78)
                self.assertNotRegex(line, rb"[\r\n\0]")

    def test_thread(self):
        row = self.found[0]
        roots = set()
        for notice in ("opened", "escalated", "reminder", "resolved"):
            mail = email.message_from_bytes(
                self.write([message_pictures.told(row, notice=notice)])["eml"])
            self.assertEqual(mail["References"], mail["In-Reply-To"])
            self.assertEqual(mail["X-Mailwarden-Notice"], notice)
            roots.add(mail["References"])
        self.assertEqual(roots, {f"<{row['id']}@mx1.example.org>"})

    def test_address_in_utf8(self):
        parts = self.write([], to="J\u00fcrg <j\u00fcrg@ex\u00e4mple.org>")
        mail = email.message_from_string(parts["eml"].decode(),
                                         policy=email.policy.SMTPUTF8)
        self.assertEqual(mail["To"].addresses[0].addr_spec, "j\u00fcrg@ex\u00e4mple.org")
        self.assertEqual(mail["To"].addresses[0].display_name, "J\u00fcrg")


def unflow(text):
    """What a reader of format=flowed makes of it (RFC 3676, 4)."""
    out = ""
    for line in text.replace("\r\n", "\n").split("\n")[:-1]:
        line = line.removeprefix(" ")
        out += line if line.endswith(" ") else line + "\n"
    return out


if __name__ == "__main__":
    if not pathlib.Path(message_pictures.SHOW).exists():
        print(f"skipped: no {message_pictures.SHOW}")
        sys.exit(77)
    os.environ.setdefault("MAILWARDEN_BUILD", str(BUILD))
    unittest.main()
