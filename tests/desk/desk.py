"""What the tests of mailwarden-desktop share: a session with a panel that shows tray icons
(xfce4-panel with its systray plugin alone), the icon as its host sees it, the windows as a
screen reader sees them, the program, and a mail host with a log, a `mailwarden run` and its
store.

Nothing here waits for a time to pass: conditions are waited for.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import weakref

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from session import Session, die_with_parent, lacking  # noqa: E402
from support import BUILD, Case, Daemon, PROGRAM, mailwarden, wait_until  # noqa: E402

try:
    import gi
    gi.require_version("Gio", "2.0")
    from gi.repository import Gio, GLib
except (ImportError, ValueError):
    gi = None

DESKTOP = BUILD / "mailwarden-desktop"
WATCHER = "org.kde.StatusNotifierWatcher"
ITEM = "org.kde.StatusNotifierItem"
MENU = "com.canonical.dbusmenu"
LOOK = pathlib.Path(__file__).resolve().parent / "look.py"
PANEL = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="dark-mode" type="bool" value="{dark}"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="length" type="uint" value="100"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="icon-size" type="uint" value="16"/>
      <property name="size" type="uint" value="26"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/></property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="systray"/>
  </property>
</channel>
"""


def missing(*names):
    """Why the tests are skipped; None: nothing is missing."""
    if not DESKTOP.exists():
        return "mailwarden-desktop is not built (TRAY=OFF)"
    if gi is None:
        return "python3-gi is not installed"
    try:
        gi.require_version("Atspi", "2.0")
    except ValueError:
        return "AT-SPI is not there for python3-gi (python3-pyatspi)"
    return lacking("xfce4-panel", "xfwm4", "xdotool", "import", *names)


class Desk(Session):
    """panel: with a tray host; manager: with a window manager; look: windows can be looked
    into."""

    def __init__(self, folder, daemon="dunst", panel=True, manager=False, look=False,
                 dark=True):
        self.look_in = look
        super().__init__(folder, daemon,
                         services=("org.xfce.Xfconf",) + ("org.a11y.Bus",) * look)
        try:
            if not look:
                self.environment["NO_AT_BRIDGE"] = "1"
            self.bus = Gio.DBusConnection.new_for_address_sync(
                self.environment["DBUS_SESSION_BUS_ADDRESS"],
                Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
                | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
            if manager:
                self.start(["xfwm4", "--compositor=off"])
            if panel:
                self.start_panel(dark)
        except BaseException:
            self.stop()
            raise

    def start_panel(self, dark=True):
        folder = self.folder / ".config" / "xfce4" / "xfconf" / "xfce-perchannel-xml"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "xfce4-panel.xml").write_text(PANEL.format(dark=str(dark).lower()))
        bare = self.screen()
        with open(self.folder / "panel.said", "ab") as said:
            self.panel = self.start(["xfce4-panel", "--disable-wm-check"], stderr=said)
        wait_until(lambda: self.has_name(WATCHER), "a tray host")
        wait_until(lambda: self.is_drawn(bare), "the panel on the screen")

    def is_drawn(self, bare):
        """The panel is as wide as the screen, and does not change any more."""
        now = self.screen()
        box = difference(bare, now)
        return box is not None and 3 * box[2] == len(now[0]) and self.screen() == now

    # --- the bus ---

    def call(self, name, path, interface, member, arguments=None):
        answer = self.bus.call_sync(name, path, interface, member, arguments, None,
                                    Gio.DBusCallFlags.NO_AUTO_START, 20000, None)
        return answer.unpack()

    def get(self, name, path, interface, what):
        return self.call(name, path, "org.freedesktop.DBus.Properties", "Get",
                         GLib.Variant("(ss)", (interface, what)))[0]

    def items(self):
        """(bus name, path) of each icon that the host was told of; none without a host."""
        try:
            words = self.get(WATCHER, "/StatusNotifierWatcher", WATCHER,
                             "RegisteredStatusNotifierItems")
        except GLib.Error:
            return []
        return [(word[:word.index("/")], word[word.index("/"):]) for word in words]

    # --- the screen ---

    def screen(self):
        """Rows of pixels, each a bytes of 3 for a pixel."""
        done = subprocess.run(["import", "-silent", "-window", "root", "-depth", "8", "ppm:-"],
                              check=True, env=self.environment, timeout=60,
                              capture_output=True)
        kind, width, height, most, pixels = done.stdout.split(maxsplit=4)
        size = 3 * int(width)
        if (kind, most) != (b"P6", b"255") or len(done.stdout) < size * int(height):
            raise AssertionError(f"import gives {kind} {most}")
        pixels = done.stdout[-size * int(height):]
        return [pixels[i:i + size] for i in range(0, len(pixels), size)]

    def click(self, x, y, button=1):
        self.run("xdotool", "mousemove", str(x), str(y), "click", str(button))
        self.run("xdotool", "mousemove", "990", "890")

    def keys(self, *names):
        self.run("xdotool", "key", "--clearmodifiers", *names)

    def windows(self, title):
        """Windows that are shown whose title has these words."""
        done = self.run("xdotool", "search", "--onlyvisible", "--name", title)
        return done.stdout.split()

    def escape(self, title):
        """Closes a window by its key; again if it had not the focus yet."""
        def closed():
            self.keys("Escape")
            return not self.windows(title)

        wait_until(closed, f"{title} closed by Escape")

    def look(self, *words, of=DESKTOP.name):
        """What look.py says; it runs in the session."""
        done = self.run(sys.executable, "-B", str(LOOK), of, *words)
        if done.returncode != 0:
            raise AssertionError(done.stderr.decode())
        return json.loads(done.stdout)

    def texts(self, of=DESKTOP.name):
        """All that a program's windows say."""
        return "\n".join(f"{part['name']}\n{part['text']}"
                         for part in self.look("tree", of=of))

    def stop(self):
        if getattr(self, "bus", None) is not None:
            self.bus.close_sync(None)
        super().stop()


def difference(before, after, height=26):
    """The box (x, y, width, height) in which the upper rows of two screens differ."""
    box = None
    for y, (old, new) in enumerate(zip(before[:height], after[:height])):
        if old != new:
            columns = [i // 3 for i in range(len(old)) if old[i] != new[i]]
            left, right = min(columns), max(columns)
            if box is None:
                box = [left, y, right, y]
            box = [min(box[0], left), box[1], max(box[2], right), y]
    if box is None:
        return None
    return box[0], box[1], box[2] - box[0] + 1, box[3] - box[1] + 1


def as_read(label):
    """A menu's label: an underscore marks a key, two are one."""
    return label.replace("__", "\0").replace("_", "").replace("\0", "_")


class Item:
    """The icon, as its host sees it."""

    def __init__(self, desk, empty, program):
        """empty: the screen before there was an icon."""
        self.desk = desk
        self.empty = empty
        self.program = program
        self.name, self.path = program.until(desk.items, "an icon")[0]

    def get(self, what):
        return self.desk.get(self.name, self.path, ITEM, what)

    def icon(self):
        return self.get("IconName")

    def title(self):
        return self.get("Title")

    def wait_icon(self, name):
        try:
            self.program.until(lambda: self.icon() == name, f"the icon {name}")
        except AssertionError as error:
            raise AssertionError(f"{error}: it is {self.icon()}, {self.title()!r}")

    def box(self):
        """Where it is drawn."""
        return wait_until(lambda: difference(self.empty, self.desk.screen()),
                          "the icon in the panel")

    def click(self, button=1):
        x, y, width, height = self.box()
        self.desk.click(x + width // 2, y + height // 2, button)

    # --- the menu ---

    def entries(self):
        """[(path of labels, identifier, properties)] of all that is visible."""
        menu = self.get("Menu")
        self.desk.call(self.name, menu, MENU, "AboutToShow", GLib.Variant("(i)", (0,)))
        layout = self.desk.call(self.name, menu, MENU, "GetLayout",
                                GLib.Variant("(iias)", (0, -1, [])))[1]
        found = []

        def walk(node, path):
            number, properties, children = node
            if not properties.get("visible", True):
                return
            if number != 0:
                path = path + (properties.get("label", ""),)
                found.append((path, number, properties))
            for child in children:
                walk(child, path)

        walk(layout, ())
        return found

    def labels(self):
        return [as_read(path[-1]) for path, _, properties in self.entries()
                if properties.get("type") != "separator"]

    def has(self, words):
        return any(words in label for label in self.labels())

    def wait_label(self, words):
        """The menu follows the icon with some delay."""
        try:
            self.program.until(lambda: self.has(words), words)
        except AssertionError as error:
            raise AssertionError(f"{error}: the menu has {self.labels()}")

    def choose(self, words):
        """Chooses the first entry that has these words, once it is there."""
        self.wait_label(words)
        self.program.until(lambda: self.try_choose(words), f"chosen: {words}")

    def try_choose(self, words):
        """False: the menu was made anew meanwhile."""
        for path, number, properties in self.entries():
            if words in as_read(path[-1]) and properties.get("enabled", True):
                try:
                    self.desk.call(self.name, self.get("Menu"), MENU, "Event",
                                   GLib.Variant("(isvu)", (number, "clicked",
                                                           GLib.Variant("i", 0), 0)))
                except GLib.Error:
                    return False
                return True
        return False


# What libraries complain of themselves: a notebook that goes while AT-SPI looks at it, a menu
# that is asked for while it is made anew.
NOT_OURS = ("gtk_notebook_get_tab_label", "LIBDBUSMENU-GLIB-WARNING")


class Program(Daemon):
    """`mailwarden-desktop` in a session."""

    def __init__(self, desk, *words, **changes):
        environment = {**desk.environment, **changes}
        self.said_file = tempfile.TemporaryFile()
        self.said_file_close = weakref.finalize(self, self.said_file.close)
        self.process = subprocess.Popen(
            [str(DESKTOP), *map(str, words)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=self.said_file, start_new_session=True,
            preexec_fn=die_with_parent, cwd=desk.folder,
            # What GTK and fontconfig never free is not ours to count.
            env={"ASAN_OPTIONS": "detect_leaks=0",
                 **{name: value for name, value in environment.items() if value}})

    def complaints(self):
        """Lines of standard error."""
        return [line for line in self.said().splitlines()
                if line and not any(words in line for words in NOT_OURS)]

    def source(self):
        """Process id of the one `events` that it listens to, once there is one."""
        return self.until(lambda: self.children() if len(self.children()) == 1 else None,
                          "one child")[0]


def stamp(at):
    return time.strftime("%b %e %H:%M:%S", time.gmtime(at))


class Host:
    """A mail host: its log, `mailwarden run` on it and the store."""

    def __init__(self, folder, name="mx1"):
        self.name = name
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        self.log = self.folder / "mail.log"
        self.log.touch()
        self.state = self.folder / "state" / "mailwarden.db"
        self.number = 0
        self.daemon = None

    def start(self):
        self.daemon = Daemon("--file", self.log, "--state", self.state)
        self.daemon.until(self.state.exists, "a store")
        self.daemon.until(lambda: mailwarden("status", "--json", "--state",
                                             self.state).returncode == 0, "status")

    def stop(self):
        if self.daemon is not None:
            self.daemon.kill()

    def write(self, *lines):
        with open(self.log, "a", encoding="utf-8") as out:
            out.write("".join(line + "\n" for line in lines))

    def deliver(self, recipient, sender="ann@example.net", original=None):
        """A message that Postfix delivers into a mailbox; its Message-ID."""
        self.number += 1
        queue = f"4bXkWz{self.number:06d}f"
        message = f"{self.name}.{self.number}@example.net"
        head = f"{stamp(time.time())} {self.name} postfix/"
        original = f" orig_to=<{original}>," if original else ""
        self.write(
            f"{head}smtpd[71]: {queue}: client=mail.example.net[198.51.100.7]",
            f"{head}cleanup[72]: {queue}: message-id=<{message}>",
            f"{head}qmgr[73]: {queue}: from=<{sender}>, size=4711, nrcpt=1 (queue active)",
            f"{head}local[74]: {queue}: to=<{recipient}>,{original} relay=local, delay=0.1, "
            "delays=0.06/0.01/0/0.03, dsn=2.0.0, status=sent (delivered to maildir)",
            f"{head}qmgr[73]: {queue}: removed")
        return message

    def attempt(self, blocked, extra=""):
        """An attempt at Microsoft: three that are blocked open an incident, one that goes
        through resolves it."""
        self.number += 1
        said = ("dsn=5.7.1, status=bounced (host hotmail-com.olc.protection.outlook.com"
                "[203.0.113.10] said: 550 5.7.1 Unfortunately, messages from [192.0.2.25] "
                "weren't sent. Please contact your Internet service provider since part of "
                f"their network is on our block list (S3140). {extra}(in reply to MAIL FROM "
                "command))" if blocked else
                "dsn=2.6.0, status=sent (250 2.6.0 Queued mail for delivery)")
        self.write(
            f"{stamp(time.time())} {self.name} postfix/smtp[79]: "
            f"4bXkWy{self.number:06d}f: to=<joe{self.number}@hotmail.com>, relay=hotmail-com"
            ".olc.protection.outlook.com[203.0.113.10]:25, delay=1.4, "
            f"delays=0.1/0/0.7/0.6, {said}")

    def block(self, extra=""):
        for _ in range(3):
            self.attempt(True, extra)

    def incidents(self, *more):
        done = mailwarden("incidents", "--json", "--state", self.state, *more)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def show(self, incident):
        done = mailwarden("show", incident, "--json", "--state", self.state)
        return json.loads(done.stdout)

    def entry(self, **more):
        """Itself in `hosts`, a machine that needs no ssh."""
        return {"name": self.name, "program": PROGRAM, "state": str(self.state), **more}


FAKE_SSH = """#!/bin/sh
# ssh [OPTION ...] DESTINATION WORD ...: what the shell there would do with the words.
if [ -e "{down}" ]; then
	echo "ssh: connect to host {name} port 22: Connection refused" >&2
	exit 255
fi
while [ "$1" != "{name}" ]; do shift; done
shift
exec sh -c "$*"
"""


class DeskCase(Case):
    """A test with a session, a host, settings and the program."""

    DAEMON = "dunst"
    PANEL = True
    LOOK = False
    MANAGER = False

    def setUp(self):
        super().setUp()
        self.desk = Desk(self.folder, self.DAEMON, self.PANEL, self.MANAGER, self.LOOK)
        self.addCleanup(self.desk.stop)
        self.addCleanup(self.panel_lives)
        self.empty = self.desk.screen() if self.PANEL else None
        self.config = self.folder / "desktop.yaml"
        self.kept = self.folder / "kept" / "desktop.json"
        self.opened = self.folder / "opened"
        self.opener = self.folder / "open mail"
        self.opener.write_text(f'#!/bin/sh\necho "$@" >>"{self.opened}"\n')
        self.opener.chmod(0o755)

    def panel_lives(self):
        """A menu that changes while the panel reads it has made xfce4-panel's plugin crash."""
        said = self.folder / "panel.said"
        if said.exists():
            self.assertNotIn("after crash", said.read_text(errors="replace"))

    def host(self, name="mx1"):
        host = Host(self.folder, name)
        self.addCleanup(host.stop)
        host.start()
        return host

    def settings(self, *hosts, **sections):
        """JSON is YAML."""
        mail = {"addresses": ["joe@example.org"], "open": [str(self.opener), "mail"],
                "mailboxes": [], "settle": "0s", **sections.pop("mail", {})}
        text = json.dumps({"hosts": [host.entry() if isinstance(host, Host) else host
                                     for host in hosts], "mail": mail, **sections})
        new = self.folder / "desktop.yaml.new"
        new.write_text(text)
        new.rename(self.config)

    def program(self, *more, hidden=True, **changes):
        program = Program(self.desk, "--config", self.config, "--state", self.kept,
                          *["--hidden"] * hidden, *more, **changes)
        self.addCleanup(program.kill)
        self.started_last = program
        return program

    def far(self, host):
        """A host's entry by way of `ssh`; while self.down exists nobody gets through."""
        folder = self.folder / "bin"
        folder.mkdir()
        self.down = self.folder / "down"
        ssh = folder / "ssh"
        ssh.write_text(FAKE_SSH.format(down=self.down, name=host.name))
        ssh.chmod(0o755)
        self.desk.environment["PATH"] = f"{folder}:{self.desk.environment['PATH']}"
        return host.entry(ssh=host.name)

    def item(self):
        """The icon of the program that was started last."""
        return Item(self.desk, self.empty, self.started_last)

    def opened_mail(self):
        """How often the mail program was started."""
        return self.opened.read_text().splitlines() if self.opened.exists() else []

    def notified(self, count):
        """The first `count` notifications, once they are there."""
        try:
            wait_until(lambda: len(self.desk.notified()) >= count,
                       f"{count} notifications")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.desk.notified()}")
        return self.desk.notified()[:count]

    def titles(self):
        return [call["title"] for call in self.desk.notified()]
