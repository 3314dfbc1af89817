#!/usr/bin/python3
"""New mail at the desk: from a host's log to icon, notification, count and click; from a
Maildir and an mbox; what is quiet; and that a stranger's text does no harm.
"""

import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from desk import DeskCase, missing  # noqa: E402
from session import lacking  # noqa: E402
from support import wait_until  # noqa: E402

BAD = ("\r", "\x1b", "\x07", "\0", "\u202e", "\ufeff", "\x9b", "\u2066")
HOSTILE = ("=?utf-8?q?=3Cb=3Ebold=3C/b=3E_=26amp;_=1B[31m_=E2=80=AEevil_=07?=\n"
           " <a href='http://192.0.2.1/'>_x__y</a> =?utf-8?b?16nXnNeV150=?=")


def letter(subject, number, sender="Ann <ann@example.net>", more=""):
    return (f"Return-Path: <ann@example.net>\nFrom: {sender}\nTo: joe@example.org\n"
            f"Subject: {subject}\nMessage-ID: <letter.{number}@example.net>\n{more}"
            "\nThe text.\n").encode()


class Maildir:
    def __init__(self, path):
        self.path = path
        for name in ("tmp", "new", "cur"):
            (path / name).mkdir(parents=True)
        self.number = 0

    def add(self, subject, **more):
        """As a delivery agent does; its name."""
        self.number += 1
        name = f"{int(time.time())}.M{self.number}P1.mx1"
        (self.path / "tmp" / name).write_bytes(letter(subject, self.number, **more))
        (self.path / "tmp" / name).rename(self.path / "new" / name)
        return name

    def read(self, name):
        """As a mail program does."""
        (self.path / "new" / name).rename(self.path / "cur" / f"{name}:2,S")


class Log(DeskCase):
    MANAGER = True

    def test_from_the_log_to_the_click(self):
        host = self.host()
        self.settings(host)
        program = self.program()
        item = self.item()
        item.wait_icon("mailwarden-idle")
        idle = self.desk.screen()[:26]
        host.deliver("somebody.else@example.org")
        host.deliver("Joe@Example.ORG")
        item.wait_icon("mailwarden-new")
        wait_until(lambda: self.desk.screen()[:26] != idle, "another picture")
        self.assertEqual(item.title(), "1 new message")
        call, = self.notified(1)
        self.assertEqual(call["title"], "New mail from ann@example.net")
        self.assertEqual(call["body"], "to Joe@Example.ORG")
        self.assertEqual(call["hints"]["urgency"]["data"], 1)
        self.assertEqual(call["actions"], ["default", "Open mail", "open", "Open mail",
                                           "seen", "Mark as seen"])
        self.desk.picture("new-mail")
        for sender in ("ben@example.net", ""):
            host.deliver("joe@example.org", sender)
        wait_until(lambda: item.title() == "3 new messages", "a count")
        item.wait_label("ben@example.net")
        item.wait_label("a mail server")
        item.click(3)
        wait_until(lambda: self.desk.screen()[26:] != self.empty[26:], "the menu")
        self.desk.picture("menu-mail")
        self.desk.keys("Escape")

        with self.subTest("the click runs the mail program, and all is seen"):
            item.click()
            wait_until(self.opened_mail, "the mail program")
            item.wait_icon("mailwarden-idle")
            self.assertEqual(self.opened_mail(), ["mail"])
            self.assertEqual(item.title(), "No new mail, all is well")
            wait_until(lambda: self.desk.on_screen() == 0, "no notification")
            item.wait_label("ben@example.net")
        with self.subTest("the notification's actions"):
            before = len(self.desk.notified())
            host.deliver("joe@example.org", "cid@example.net")
            self.notified(before + 1)
            item.wait_icon("mailwarden-new")
            self.desk.act("Mark")
            item.wait_icon("mailwarden-idle")
            self.assertEqual(len(self.opened_mail()), 1)
            host.deliver("joe@example.org", "dan@example.net")
            self.notified(before + 2)
            self.desk.act("Open")
            item.wait_icon("mailwarden-idle")
            wait_until(lambda: len(self.opened_mail()) == 2, "the mail program again")
        with self.subTest("the menu's"):
            host.deliver("joe@example.org")
            item.wait_icon("mailwarden-new")
            item.choose("Mark all as seen")
            item.wait_icon("mailwarden-idle")
        self.assertEqual(program.stop(), 0)
        self.assertEqual(program.complaints(), [])

    def test_rules_and_quiet_hours(self):
        host = self.host()
        now = time.time()
        clock = [time.strftime("%H:%M", time.gmtime(now + s)) for s in (-3600, 3600)]
        rules = [{"to": "list@example.org", "notify": False},
                 {"from": "*@shop.example", "count": False}]
        mail = {"addresses": ["*@example.org"], "rules": rules}
        self.settings(host, mail=mail)
        program = self.program()
        item = self.item()
        item.wait_icon("mailwarden-idle")
        host.deliver("joe@example.org", "offers@shop.example")
        host.deliver("list@example.org", "ben@example.net")
        host.deliver("joe@example.org", "cid@example.net")
        wait_until(lambda: item.title() == "2 new messages", "two that count")
        self.assertEqual(self.notified(1)[0]["title"], "New mail from cid@example.net")
        item.choose("Mark all as seen")
        item.wait_icon("mailwarden-idle")
        before = len(self.desk.notified())

        self.settings(host, mail=mail, icons="symbolic",
                      quiet_hours={"from": clock[0], "until": clock[1]})
        item.wait_icon("mailwarden-idle-symbolic")
        host.deliver("joe@example.org", "dan@example.net")
        item.wait_icon("mailwarden-new-symbolic")
        # The next that is told is the incident: nothing was said of the mail.
        host.block()
        call = self.notified(before + 1)[before]
        self.assertEqual(call["hints"]["urgency"]["data"], 2, call)
        self.assertNotIn("New mail", call["title"])

        with self.subTest("at the end of the quiet hours"):
            self.settings(host, mail=mail)
            call = self.notified(before + 2)[before + 1]
            self.assertEqual(call["title"], "New mail from dan@example.net")
        with self.subTest("a pause, and its end"):
            item.choose("Pause notifications")
            item.wait_label("Notifications paused until ")
            host.deliver("joe@example.org", "eve@example.net")
            wait_until(lambda: "2 new messages" in item.title(), "counted")
            self.assertEqual(len(self.desk.notified()), before + 2)
            item.choose("Notifications paused")
            call = self.notified(before + 3)[before + 2]
            self.assertEqual(call["title"], "New mail from eve@example.net")
        self.assertEqual(program.stop(), 0)


class Mailboxes(DeskCase):
    def test_maildir(self):
        box = Maildir(self.folder / "Maildir")
        box.add("was there before")
        self.settings(mail={"mailboxes": [str(box.path)]})
        program = self.program()
        item = self.item()
        item.wait_icon("mailwarden-new")
        call, = self.notified(1)
        self.assertEqual(call["title"], "New mail from Ann <ann@example.net>")
        self.assertEqual(call["body"], "was there before\nto joe@example.org")
        first = next((box.path / "new").iterdir()).name
        second = box.add("second")
        wait_until(lambda: item.title() == "2 new messages", "both")
        box.read(first)
        wait_until(lambda: item.title() == "1 new message", "one was read")
        box.read(second)
        item.wait_icon("mailwarden-idle")
        wait_until(lambda: self.desk.on_screen() == 0, "no notification")

        with self.subTest("what the mail program marks at once is never told"):
            self.settings(mail={"mailboxes": [str(box.path)], "settle": "3s"},
                          icons="symbolic")
            item.wait_icon("mailwarden-idle-symbolic")
            before = len(self.desk.notified())
            box.read(box.add("read at once"))
            box.add("to be told")
            call = self.notified(before + 1)[before]
            self.assertEqual(call["body"], "to be told\nto joe@example.org")
            self.assertEqual(item.title(), "1 new message")
        self.assertEqual(program.stop(), 0)
        self.assertEqual(program.complaints(), [])

    def test_once_by_log_and_maildir(self):
        """The log tells it, and it lies in the Maildir."""
        box = Maildir(self.folder / "Maildir")
        host = self.host()
        self.settings(host, mail={"mailboxes": [str(box.path)]})
        program = self.program()
        item = self.item()
        item.wait_icon("mailwarden-idle")
        message = host.deliver("joe@example.org")
        item.wait_icon("mailwarden-new")
        name = "1.M1P1.mx1"
        (box.path / "tmp" / name).write_bytes(
            letter("once", 1).replace(b"letter.1@example.net", message.encode()))
        (box.path / "tmp" / name).rename(box.path / "new" / name)
        item.wait_label("once")
        self.assertEqual(item.title(), "1 new message")
        self.assertEqual(len(self.desk.notified()), 1)
        box.read(name)
        item.wait_icon("mailwarden-idle")
        self.assertEqual(program.stop(), 0)

    def test_mbox(self):
        box = self.folder / "mbox"
        box.write_bytes(b"")
        self.settings(mail={"mailboxes": [str(box)]})
        program = self.program()
        item = self.item()
        item.wait_icon("mailwarden-idle")
        head = b"From ann@example.net Sat Nov 21 10:00:00 2026\n"
        with open(box, "ab") as out:
            out.write(head + letter("in an mbox", 1) + b"\n")
        item.wait_icon("mailwarden-new")
        self.assertIn("in an mbox", self.notified(1)[0]["body"])
        with open(box, "r+b") as out:
            out.write(head + letter("in an mbox", 1, more="Status: RO\n") + b"\n")
        item.wait_icon("mailwarden-idle")
        self.assertEqual(program.stop(), 0)


class Hostile(DeskCase):
    """What strangers write; dunst and xfce4-notifyd both take markup in the body."""

    def test_harmless(self):
        box = Maildir(self.folder / "Maildir")
        self.settings(mail={"mailboxes": [str(box.path)]})
        program = self.program()
        item = self.item()
        item.wait_icon("mailwarden-idle")
        box.add(HOSTILE, sender='"<i>Ann</i>\u202e" <ann_of__all@example.net>')
        call, = self.notified(1)
        wait_until(self.desk.on_screen if self.DAEMON == "dunst" else self.desk.is_shown,
                   "a notification")
        self.desk.picture(f"hostile-{self.DAEMON}")
        item.wait_label("ann_of__all")
        label = next(label for label in item.labels() if "ann_of__all" in label)
        for text in (call["title"], call["body"], label, item.title()):
            for bad in BAD:
                self.assertNotIn(bad, text)
        # Its bounds hold what is written from right to left.
        self.assertIn("\u2068", call["body"])
        self.assertIn("\u2069", call["body"])
        self.assertNotIn("<", call["body"])
        self.assertIn("&lt;b&gt;bold&lt;/b&gt; &amp;amp;", call["body"])
        self.assertIn("<b>bold</b>", label)
        self.assertEqual(program.stop(), 0)


@unittest.skipIf(lacking("xfce4-notifyd"), "xfce4-notifyd is not installed")
class HostileXfce(Hostile):
    DAEMON = "xfce4-notifyd"


if __name__ == "__main__":
    if missing("dunst", "dunstctl"):
        print(f"skipped: {missing('dunst', 'dunstctl')}")
        sys.exit(77)
    unittest.main()
