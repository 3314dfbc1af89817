#!/usr/bin/python3
"""Incidents at the desk: icon, notification, menu and window; acknowledged and silenced in
the store of the host; told when it fails.
"""

import getpass
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from desk import DeskCase, missing  # noqa: E402
from session import lacking  # noqa: E402
from support import PROGRAM, wait_until  # noqa: E402

WHO = getpass.getuser()
HOSTILE = "<b>x</b> &amp; \u202eevil\u202c \x1b[31m \u05e9\u05dc\u05d5\u05dd "


class Trouble(DeskCase):
    def setUp(self):
        super().setUp()
        self.mx1 = self.host()

    def opened_incident(self, extra=""):
        """Three attempts that were blocked; the incident, once it is there."""
        self.mx1.block(extra)
        return wait_until(self.mx1.incidents, "an incident")[0]

    def start(self, *hosts, icon="mailwarden-idle", **sections):
        self.settings(*(hosts or (self.mx1,)), **sections)
        program = self.program()
        item = self.item()
        item.wait_icon(icon)
        return program, item


class Life(Trouble):
    MANAGER = True

    def test_from_open_to_resolved(self):
        program, item = self.start()
        incident = self.opened_incident()
        self.assertEqual(incident["severity"], "critical")
        item.wait_icon("mailwarden-critical")
        self.assertEqual(item.title(), "1 critical incident")
        call, = self.notified(1)
        self.assertTrue(call["title"].startswith("Critical: "), call["title"])
        self.assertIn(incident["summary"][:40], call["title"])
        self.assertIn("mx1, since ", call["body"])
        self.assertEqual(call["hints"]["urgency"]["data"], 2)
        self.assertEqual(call["expire"], 0, "stays")
        self.assertEqual(call["actions"], [
            "default", "Show", "show", "Show", "acknowledge", "Acknowledge", "silence",
            "Silence for an hour"])
        self.desk.picture("incident-dunst")
        item.wait_label("critical: " + incident["summary"][:30])
        item.click(3)
        wait_until(lambda: self.desk.screen()[26:] != self.empty[26:], "the menu")
        self.desk.picture("menu-incident")
        self.desk.keys("Escape")

        with self.subTest("more of it is not told"):
            self.mx1.attempt(True)
            wait_until(lambda: self.mx1.incidents()[0]["count"] == 4, "counted")
        with self.subTest("acknowledged by the notification's action"):
            self.assertNotIn("acknowledged", self.mx1.show(incident["id"]))
            self.desk.act("Acknowledge")
            wait_until(lambda: "acknowledged" in self.mx1.show(incident["id"]), "in the store")
            self.assertEqual(self.mx1.show(incident["id"])["acknowledged"]["who"], WHO)
            item.wait_label("(acknowledged)")
            wait_until(lambda: self.desk.on_screen() == 0, "no notification")
            self.assertEqual(item.icon(), "mailwarden-critical")
        with self.subTest("resolved"):
            self.mx1.attempt(False)
            item.wait_icon("mailwarden-idle")
            call = self.notified(2)[1]
            self.assertTrue(call["title"].startswith("Resolved: "), call["title"])
            self.assertEqual(call["hints"]["urgency"]["data"], 0)
            self.assertNotIn("acknowledge", call["actions"])
            item.wait_label("All is well")
        with self.subTest("and opened again"):
            self.mx1.attempt(True)
            item.wait_icon("mailwarden-critical")
            self.assertTrue(self.notified(3)[2]["title"].startswith("Critical: "))
        with self.subTest("silenced by the notification's action"):
            self.desk.act("Silence")
            wait_until(lambda: self.mx1.show(incident["id"]).get("silenced_until"),
                       "in the store")
        self.assertEqual(program.stop(), 0)
        self.assertEqual(program.complaints(), [])

    def test_open_before_and_acknowledged(self):
        """What was open before us is told at the first start and not at the second; who
        does not count it any more sees it in the menu alone."""
        incident = self.opened_incident()
        program, item = self.start(icon="mailwarden-critical",
                                   trouble={"acknowledged_in_icon": False})
        self.notified(1)
        self.assertEqual(program.stop(), 0)
        wait_until(lambda: not self.desk.items(), "no icon")
        self.mx1.deliver("joe@example.org")
        program = self.program()
        item = self.item()
        item.wait_icon("mailwarden-new-critical")
        titles = [call["title"][:8] for call in self.notified(2)]
        self.assertEqual(titles, ["Critical", "New mail"])
        self.mx1_ack(incident)
        item.wait_icon("mailwarden-new")
        item.wait_label("(acknowledged)")
        self.assertEqual(program.stop(), 0)

    def mx1_ack(self, incident):
        done = self.desk.run(PROGRAM, "ack", incident["id"], "--who", "kim", "--state",
                             str(self.mx1.state))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_from_where_on(self):
        program, item = self.start(trouble={"notify": "none"}, icons="symbolic",
                                   icon="mailwarden-idle-symbolic")
        self.opened_incident()
        item.wait_icon("mailwarden-critical-symbolic")
        self.mx1.deliver("joe@example.org")
        call, = self.notified(1)
        self.assertEqual(call["title"], "New mail from ann@example.net")
        self.desk.picture("symbolic-new-critical")
        self.assertEqual(program.stop(), 0)

    def test_refused(self):
        """As by a key that allows listening alone."""
        gate = self.folder / "gate"
        gate.write_text("#!/bin/sh\n"
                        f'[ "$1" = events ] && exec "{PROGRAM}" "$@"\n'
                        'echo "this key may not <do> that" >&2\nexit 1\n')
        gate.chmod(0o755)
        program, item = self.start(self.mx1.entry(program=str(gate)))
        incident = self.opened_incident()
        self.notified(1)
        self.desk.act("Acknowledge")
        call = self.notified(2)[1]
        self.assertEqual(call["title"], "Not acknowledged")
        self.assertIn("this key may not &lt;do&gt; that", call["body"])
        self.assertNotIn("acknowledged", self.mx1.show(incident["id"]))
        self.assertEqual(item.icon(), "mailwarden-critical")
        self.assertEqual(program.stop(), 0)

    def test_dashboard(self):
        """Show opens the address of the incident."""
        seen = self.folder / "browsed"
        browser = self.folder / "browser"
        browser.write_text(f'#!/bin/sh\necho "$1" >"{seen}.new"\nmv "{seen}.new" "{seen}"\n')
        browser.chmod(0o755)
        applications = self.folder / ".local" / "share" / "applications"
        applications.mkdir(parents=True)
        (applications / "browser.desktop").write_text(
            f"[Desktop Entry]\nType=Application\nName=Browser\nExec={browser} %u\n"
            "MimeType=x-scheme-handler/http;\n")
        (applications / "mimeapps.list").write_text(
            "[Default Applications]\nx-scheme-handler/http=browser.desktop\n")
        program, item = self.start(self.mx1.entry(dashboard="http://127.0.0.1:8025/"))
        incident = self.opened_incident()
        item.wait_icon("mailwarden-critical")
        item.choose("critical: ")
        wait_until(seen.exists, "the browser")
        self.assertEqual(seen.read_text().strip(),
                         f"http://127.0.0.1:8025/#/incident/{incident['id']}")
        self.assertEqual(program.stop(), 0)


class Window(Trouble):
    LOOK = True
    MANAGER = True

    def test_evidence_and_remedy(self):
        program, item = self.start()
        incident = self.opened_incident(HOSTILE)
        item.wait_icon("mailwarden-critical")
        item.choose("critical: ")
        wait_until(lambda: self.desk.windows("^Critical: "), "its window")
        said = wait_until(self.desk.texts, "text in it")
        for words in (incident["summary"], "Count: ", "Host: mx1", "What to do",
                      "said: 550 5.7.1 Unfortunately", "<b>x</b> &amp; "):
            self.assertIn(words, said)
        for bad in ("\u202e", "\x1b"):
            self.assertNotIn(bad, said)
        self.desk.picture("incident-window")
        self.desk.look("press", "Acknowledge")
        wait_until(lambda: "acknowledged" in self.mx1.show(incident["id"]), "in the store")
        wait_until(lambda: f"Acknowledged by: {WHO}" in self.desk.texts(), "in the window")
        self.desk.look("press", "Silence for an hour")
        wait_until(lambda: self.mx1.show(incident["id"]).get("silenced_until"), "silenced")
        wait_until(lambda: "Silenced until: " in self.desk.texts(), "in the window")

        with self.subTest("the overview"):
            self.mx1.deliver("joe@example.org", "ben@example.net")
            item.wait_label("ben@example.net")
            item.choose("Overview...")
            wait_until(lambda: "Recent mail" in self.desk.texts(), "the overview")
            said = self.desk.texts()
            for words in ("1 new message, 1 critical incident", "(acknowledged)",
                          "ben@example.net", "mx1: connected"):
                self.assertIn(words, said)
            self.desk.picture("overview")
            self.desk.look("press", "Mark all as seen")
            item.wait_icon("mailwarden-critical")
        with self.subTest("a mail's details"):
            item.choose("ben@example.net")
            wait_until(lambda: "Told by the log of: mx1" in self.desk.texts(), "details")
            self.desk.picture("mail-window")
        self.assertEqual(program.stop(), 0)
        self.assertEqual(program.complaints(), [])


@unittest.skipIf(lacking("xfce4-notifyd"), "xfce4-notifyd is not installed")
class Xfce(Trouble):
    DAEMON = "xfce4-notifyd"
    LOOK = True
    MANAGER = True

    def test_buttons(self):
        program, item = self.start()
        incident = self.opened_incident()
        call, = self.notified(1)
        self.assertEqual(call["hints"]["urgency"]["data"], 2)
        item.wait_icon("mailwarden-critical")
        wait_until(lambda: "Acknowledge" in self.desk.texts("xfce4-notifyd"), "its buttons")
        self.desk.picture("incident-xfce")
        self.desk.look("press", "Acknowledge", of="xfce4-notifyd")
        wait_until(lambda: "acknowledged" in self.mx1.show(incident["id"]), "in the store")
        self.assertEqual(program.stop(), 0)


if __name__ == "__main__":
    if missing("dunst", "dunstctl"):
        print(f"skipped: {missing('dunst', 'dunstctl')}")
        sys.exit(77)
    unittest.main()
