#!/usr/bin/python3
"""What is not there: a tray, a notification daemon, a bus, a display, settings without
faults, an account's mailbox. It is said once, and what there is goes on.
"""

import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from desk import DESKTOP, DeskCase, Item, missing  # noqa: E402
from support import PATIENCE_S, wait_until  # noqa: E402


class NoTray(DeskCase):
    PANEL = False
    MANAGER = True

    def test_says_so_once_and_goes_on(self):
        host = self.host()
        self.settings(host)
        program = self.program()
        program.wait_for("no tray")
        self.assertEqual(self.notified(1)[0]["title"], "mailwarden: no tray on this desktop")
        self.assertEqual(self.desk.notified()[0]["hints"]["urgency"]["data"], 0)
        host.deliver("joe@example.org")
        self.assertEqual(self.notified(2)[1]["title"], "New mail from ann@example.net")
        second = self.program(hidden=False)
        self.assertEqual(second.process.wait(PATIENCE_S), 0)
        wait_until(lambda: self.desk.windows("^mailwarden$"), "the overview")
        self.desk.picture("no-tray")
        self.desk.escape("^mailwarden$")

        with self.subTest("a panel that comes later"):
            empty = self.desk.screen()
            self.desk.start_panel()
            Item(self.desk, empty, program).wait_icon("mailwarden-new")
        self.assertEqual(len(program.complaints()), 1, program.said())
        self.assertEqual(program.stop(), 0)


class NoDaemon(DeskCase):
    DAEMON = None

    def test_says_so_once_and_goes_on(self):
        host = self.host()
        self.settings(host)
        program = self.program()
        item = self.item()
        item.wait_icon("mailwarden-idle")
        host.deliver("joe@example.org")
        item.wait_icon("mailwarden-new")
        program.wait_for("no notification daemon")
        host.deliver("joe@example.org")
        wait_until(lambda: item.title() == "2 new messages", "both")
        item.click()
        item.wait_icon("mailwarden-idle")
        self.assertEqual(len(self.opened_mail()), 1)

        with self.subTest("one that comes later"):
            self.desk.start_daemon("dunst")
            host.deliver("joe@example.org")
            self.assertEqual(self.notified(1)[0]["title"], "New mail from ann@example.net")
        self.assertEqual(program.said().count("no notification daemon"), 1, program.said())
        self.assertEqual(program.stop(), 0)


class NothingAtAll(DeskCase):
    DAEMON = None
    PANEL = False

    def run_it(self, *words, **changes):
        environment = {**self.desk.environment, "ASAN_OPTIONS": "detect_leaks=0", **changes}
        done = subprocess.run(
            [DESKTOP, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True,
            timeout=PATIENCE_S, text=True, cwd=self.folder,
            env={name: value for name, value in environment.items() if value})
        return done.returncode, done.stdout, done.stderr

    def test_words_and_codes(self):
        with self.subTest("no display"):
            code, _, said = self.run_it("--hidden", DISPLAY=None)
            self.assertEqual(code, 1)
            self.assertIn("no display", said)
            self.assertEqual(said.count("\n"), 1, said)
        with self.subTest("usage"):
            code, _, said = self.run_it("--hiden")
            self.assertEqual(code, 2)
            self.assertIn("--hiden", said)
            self.assertEqual(self.run_it("nonsense")[0], 2)
        with self.subTest("version and help"):
            code, out, _ = self.run_it("--version")
            self.assertEqual(code, 0)
            self.assertIn("mailwarden-desktop ", out)
            code, out, _ = self.run_it("--help", DISPLAY=None)
            self.assertEqual(code, 0)
            self.assertIn("--config", out)
        with self.subTest("faults of the settings, all of them at their places"):
            self.config.write_text("mail:\n  adresses: [joe@example.org]\n"
                                   "trouble: {notify: loud}\n")
            code, _, said = self.run_it("--config", self.config, "--hidden")
            self.assertEqual(code, 3)
            self.assertIn(f"{self.config}:2:3: ", said)
            self.assertIn(f"{self.config}:3:", said)
            self.assertIn("addresses", said)

    def test_no_bus(self):
        """Without one there is neither icon nor notification, nor a second start."""
        code, _, said = self.run_it("--hidden",
                                    DBUS_SESSION_BUS_ADDRESS="unix:path=/nonexistent")
        self.assertEqual(code, 1, said)
        self.assertIn("no session bus", said)
        self.assertEqual(said.count("\n"), 1, said)


if __name__ == "__main__":
    if missing("dunst", "dunstctl"):
        print(f"skipped: {missing('dunst', 'dunstctl')}")
        sys.exit(77)
    unittest.main()
