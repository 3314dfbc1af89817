#!/usr/bin/python3
"""mailwarden-desktop in the panel: the icon as its host shows it, clicks, the menu, the
windows, the settings, and a second start. With a real xfce4-panel in a display of its own.
"""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from desk import DeskCase, difference, missing  # noqa: E402
from support import PATIENCE_S, wait_until  # noqa: E402

OVERVIEW = "^mailwarden$"


class Tray(DeskCase):
    MANAGER = True

    def test_icon_click_menu(self):
        host = self.host()
        self.settings(host)
        program = self.program()
        item = self.item()
        item.wait_icon("mailwarden-idle")
        self.assertEqual(item.title(), "No new mail, all is well")
        self.assertEqual(item.get("Status"), "Active")
        x, y, width, height = item.box()
        self.assertTrue(8 <= width <= 26 and 8 <= height <= 26, (x, y, width, height))
        self.assertEqual(self.desk.windows(OVERVIEW), [], "--hidden opens no window")
        item.wait_label("All is well")
        labels = [label for label in item.labels() if label]
        self.assertEqual(labels, ["No new mail", "All is well", "Overview...",
                                  "Pause notifications for an hour", "Settings...", "Quit"])

        with self.subTest("the second button shows the menu"):
            item.click(3)
            wait_until(lambda: difference(self.empty[26:], self.desk.screen()[26:], 300),
                       "the menu")
            self.desk.picture("menu-idle")
            self.desk.keys("Escape")
        with self.subTest("the first button opens the overview"):
            item.click()
            wait_until(lambda: self.desk.windows(OVERVIEW), "the overview")
            self.assertEqual(self.opened_mail(), [])
            self.desk.escape(OVERVIEW)
        with self.subTest("a second start shows the first"):
            second = self.program(hidden=False)
            self.assertEqual(second.process.wait(PATIENCE_S), 0, second.said())
            wait_until(lambda: self.desk.windows(OVERVIEW), "the overview")
            self.assertEqual(len(self.desk.items()), 1)
            self.assertIsNone(program.process.poll())
            self.desk.picture("overview-idle")
        with self.subTest("and one that is hidden does not"):
            self.desk.escape(OVERVIEW)
            second = self.program()
            self.assertEqual(second.process.wait(PATIENCE_S), 0, second.said())
            self.assertEqual(self.desk.windows(OVERVIEW), [])
        with self.subTest("Quit"):
            source = program.source()
            item.choose("Quit")
            self.assertEqual(program.process.wait(PATIENCE_S), 0, program.said())
            self.assertEqual(program.complaints(), [])
            wait_until(lambda: not self.desk.items(), "no icon")
            wait_until(lambda: not pathlib.Path(f"/proc/{source}").exists(),
                       "the end of what it started")

    def test_panel_starts_again(self):
        """As when it crashed, or was started behind us."""
        self.settings()
        program = self.program()
        self.item().wait_icon("mailwarden-idle")
        self.desk.end(self.desk.panel)
        wait_until(lambda: not self.desk.has_name("org.kde.StatusNotifierWatcher"), "gone")
        self.desk.start_panel()
        self.item().box()
        self.assertEqual(program.stop(), 0, program.said())

    def test_settings_file(self):
        """Changes hold at once; a fault is told at its place, and what was set still holds."""
        host = self.host()
        self.settings(host)
        program = self.program()
        item = self.item()
        item.wait_icon("mailwarden-idle")
        self.settings(host, icons="symbolic")
        item.wait_icon("mailwarden-idle-symbolic")
        item.box()
        self.desk.picture("symbolic")
        self.config.write_text("mail:\n  adresses: [joe@example.org]\n")
        call, = self.notified(1)
        self.assertEqual(call["title"], "mailwarden: the settings have a fault")
        self.assertIn("2:3", call["body"])
        self.assertIn("addresses", call["body"], "did you mean")
        self.assertEqual(item.icon(), "mailwarden-idle-symbolic")
        self.settings(host, mail={"addresses": ["kim@example.org"]})
        item.wait_icon("mailwarden-idle")
        host.deliver("joe@example.org")
        host.deliver("kim@example.org")
        item.wait_icon("mailwarden-new")
        self.assertEqual(item.title(), "1 new message")
        self.assertEqual(program.stop(), 0)


class Windows(DeskCase):
    MANAGER = True
    LOOK = True

    def test_settings_dialog(self):
        host = self.host()
        self.settings(host, trouble={"notify": "critical"},
                      mail={"rules": [{"to": "list@example.org", "notify": False}]})
        program = self.program()
        item = self.item()
        item.wait_icon("mailwarden-idle")
        item.choose("Settings...")
        wait_until(lambda: self.desk.windows("^mailwarden settings$"), "the dialog")
        said = wait_until(self.desk.texts, "text in it")
        self.assertIn("joe@example.org", said)
        self.desk.picture("dialog")
        for part in self.desk.look("tree"):
            if part["role"] in ("text", "spin button", "check box", "combo box"):
                self.assertTrue(part["name"] or part["label"], f"without a name: {part}")
        self.desk.look("set", "Addresses:", "joe@example.org\nkim@example.org\n")
        for page in ("Trouble", "Hosts"):
            self.desk.look("press", page)
            self.desk.picture(f"dialog-{page}")
        self.desk.look("press", "Save")
        wait_until(lambda: not self.desk.windows("^mailwarden settings$"), "closed")
        written = self.config.read_text()
        for words in ("kim@example.org", "list@example.org", str(host.state), "critical"):
            self.assertIn(words, written, "what it does not show stays")
        self.assertTrue(self.config.with_suffix(".yaml.bak").exists())
        host.deliver("kim@example.org")
        item.wait_icon("mailwarden-new")
        self.assertEqual(program.stop(), 0, program.said())
        self.assertEqual(program.complaints(), [])


if __name__ == "__main__":
    if missing():
        print(f"skipped: {missing()}")
        sys.exit(77)
    unittest.main()
