#!/usr/bin/python3
"""Nothing missed and nothing twice: the stream of a host ends and begins again, by itself,
after sleep, with a store made anew, and around the end of mailwarden-desktop itself.
"""

import os
import pathlib
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from desk import DeskCase, GLib, missing  # noqa: E402
from support import wait_until  # noqa: E402

LOGIN = "org.freedesktop.login1"


class Resume(DeskCase):
    LOOK = True
    MANAGER = True

    def setUp(self):
        super().setUp()
        self.mx1 = self.host()

    def started(self, icon="mailwarden-idle", **changes):
        program = self.program(**changes)
        item = self.item()
        item.wait_icon(icon)
        return program, item

    def sent(self, item, count, sender):
        """Delivers, and waits for the count."""
        self.mx1.deliver("joe@example.org", sender)
        words = "1 new message" if count == 1 else f"{count} new messages"
        wait_until(lambda: words in item.title(), words)

    def senders(self):
        """Who wrote, of all notifications of mail."""
        return [title.split()[-1] for title in self.titles() if title.startswith("New mail")]

    def reads(self, reason, item):
        """In the overview."""
        item.choose("Overview...")
        wait_until(lambda: reason in self.desk.texts(), reason)

    def test_watcher_ends(self):
        """The stream goes on, but nothing would come: that is no good news."""
        self.settings(self.mx1)
        program, item = self.started()
        self.mx1.daemon.process.kill()
        item.wait_icon("mailwarden-disconnected")
        item.wait_label("mx1: nothing is heard")
        self.reads("no `mailwarden run` works there", item)
        self.mx1.daemon.process.wait()
        self.mx1.start()
        item.wait_icon("mailwarden-idle")
        item.wait_label("All is well")
        self.sent(item, 1, "a1@example.net")
        self.assertEqual(program.stop(), 0)

    def test_no_store_yet(self):
        """It says what is waited for, and begins by itself."""
        later = self.folder / "later" / "mailwarden.db"
        self.settings({**self.mx1.entry(), "state": str(later)})
        program, item = self.started("mailwarden-disconnected")
        self.reads("no store at", item)
        self.mx1.daemon.kill()
        self.mx1.state = later
        self.mx1.start()
        item.wait_icon("mailwarden-idle")
        self.sent(item, 1, "a1@example.net")
        self.assertEqual(program.stop(), 0)

    def test_source_is_killed(self):
        """By way of ssh, which does not get through for a while."""
        far = self.far(self.mx1)
        self.settings(far)
        program, item = self.started()
        self.sent(item, 1, "a1@example.net")
        self.notified(1)
        self.down.touch()
        os.kill(program.source(), signal.SIGKILL)
        item.wait_icon("mailwarden-new-disconnected")
        self.assertEqual(item.title(), "1 new message, mx1 not connected")
        item.wait_label("mx1: not connected, next try at ")
        self.reads("Connection refused", item)
        self.desk.picture("disconnected")
        self.mx1.deliver("joe@example.org", "a2@example.net")
        self.mx1.block()
        wait_until(self.mx1.incidents, "an incident meanwhile")
        self.assertEqual(len(self.desk.notified()), 1)
        self.down.unlink()
        item.choose("Retry now")
        item.wait_icon("mailwarden-new-critical")
        wait_until(lambda: item.title() == "2 new messages, 1 critical incident", "both")
        self.sent(item, 3, "a3@example.net")
        wait_until(lambda: "a3@example.net" in self.senders(), "told")
        self.assertEqual(self.senders(), [f"a{n}@example.net" for n in (1, 2, 3)])
        self.assertEqual(sum(title.startswith("Critical") for title in self.titles()), 1)
        wait_until(lambda: not item.has("Retry now"), "nothing to retry")

        with self.subTest("again and again, by itself"):
            for count in range(4, 6):
                os.kill(program.source(), signal.SIGKILL)
                self.sent(item, count, f"a{count}@example.net")
            wait_until(lambda: "a5@example.net" in self.senders(), "told")
            self.assertEqual(self.senders(), [f"a{n}@example.net" for n in range(1, 6)])
        self.assertEqual(program.stop(), 0)

    def test_desk_is_killed(self):
        self.settings(self.mx1)
        program, item = self.started()
        self.sent(item, 1, "a1@example.net")
        wait_until(lambda: self.senders() == ["a1@example.net"], "told")
        # What is told is saved right behind it.
        wait_until(lambda: "a1@example.net" in self.kept.read_text(), "saved")
        source = program.source()
        program.kill()
        wait_until(lambda: not pathlib.Path(f"/proc/{source}").exists(), "no orphan")
        wait_until(lambda: not self.desk.items(), "no icon")
        self.mx1.deliver("joe@example.org", "a2@example.net")
        self.mx1.deliver("other@example.org", "b@example.net")
        program, item = self.started("mailwarden-new")
        wait_until(lambda: item.title() == "2 new messages", "both")
        wait_until(lambda: len(self.senders()) == 2, "told")
        self.sent(item, 3, "a3@example.net")
        wait_until(lambda: len(self.senders()) == 3, "told")
        self.assertEqual(self.senders(), [f"a{n}@example.net" for n in (1, 2, 3)])

        with self.subTest("seen is seen after the next start, too"):
            item.click()
            item.wait_icon("mailwarden-idle")
            self.assertEqual(program.stop(), 0)
            wait_until(lambda: not self.desk.items(), "no icon")
            program, item = self.started()
            self.sent(item, 1, "a4@example.net")
            self.assertEqual(program.stop(), 0)
        with self.subTest("a state file that is damaged"):
            wait_until(lambda: not self.desk.items(), "no icon")
            self.kept.write_text('{"hosts": [')
            program, item = self.started()
            program.wait_for(str(self.kept))
            self.assertTrue(self.kept.with_suffix(".json.bad").exists())
            self.sent(item, 1, "a5@example.net")
            self.assertEqual(program.stop(), 0)

    def test_store_made_anew(self):
        """The place is of a store that is not there any more."""
        self.settings(self.mx1)
        program, item = self.started()
        self.sent(item, 1, "a1@example.net")
        wait_until(lambda: len(self.senders()) == 1, "told")
        self.assertEqual(program.stop(), 0)
        wait_until(lambda: not self.desk.items(), "no icon")
        self.mx1.stop()
        for path in self.mx1.state.parent.iterdir():
            path.unlink()
        self.mx1.log.write_bytes(b"")
        self.mx1.start()
        self.mx1.deliver("joe@example.org", "a2@example.net")
        program, item = self.started("mailwarden-new")
        wait_until(lambda: item.title() == "2 new messages", "what came since")
        self.sent(item, 3, "a3@example.net")
        wait_until(lambda: "a3@example.net" in self.senders(), "told")
        self.assertEqual(self.senders(), [f"a{n}@example.net" for n in (1, 2, 3)])
        self.assertEqual(program.stop(), 0)

    def test_after_sleep(self):
        """logind tells that the machine is awake: the streams begin anew at once."""
        bus = self.desk.environment["DBUS_SESSION_BUS_ADDRESS"]
        self.settings(self.mx1)
        program, item = self.started(DBUS_SYSTEM_BUS_ADDRESS=bus)
        self.sent(item, 1, "a1@example.net")
        source = program.source()
        self.desk.call("org.freedesktop.DBus", "/org/freedesktop/DBus",
                       "org.freedesktop.DBus", "RequestName",
                       GLib.Variant("(su)", (LOGIN, 0)))
        os.kill(source, signal.SIGSTOP)  # as a connection that is dead
        self.mx1.deliver("joe@example.org", "a2@example.net")
        for begins in (True, False):
            self.desk.bus.emit_signal(None, "/org/freedesktop/login1", f"{LOGIN}.Manager",
                                      "PrepareForSleep", GLib.Variant("(b)", (begins,)))
        wait_until(lambda: item.title() == "2 new messages", "what came while it slept")
        wait_until(lambda: program.source() != source, "the old one's end")
        self.sent(item, 3, "a3@example.net")
        wait_until(lambda: len(self.senders()) == 3, "told")
        self.assertEqual(self.senders(), [f"a{n}@example.net" for n in (1, 2, 3)])
        self.assertEqual(program.stop(), 0)

    def test_several_hosts(self):
        other = self.host("mx2")
        self.settings(self.mx1, other, {"name": "mx3", "program": "/nonexistent/mailwarden"})
        program, item = self.started("mailwarden-disconnected")
        wait_until(lambda: item.title() == "mx3 not connected", "the others are")
        item.wait_label("mx3: not connected")
        self.reads("No such file", item)
        self.mx1.deliver("joe@example.org", "a1@example.net")
        other.deliver("joe@example.org", "b1@example.net")
        item.wait_icon("mailwarden-new-disconnected")
        wait_until(lambda: item.title() == "2 new messages, mx3 not connected", "both")
        other.block()
        item.wait_label("mx2, critical")
        self.assertEqual(program.stop(), 0)


if __name__ == "__main__":
    if missing("dunst", "dunstctl"):
        print(f"skipped: {missing('dunst', 'dunstctl')}")
        sys.exit(77)
    unittest.main()
