"""A desktop session of its own for tests: a display (Xvfb), a session bus that starts only
what a test wants, a notification daemon (dunst or xfce4-notifyd), and what is put on top.

Each test's session is a stranger to the one the tester sits at: own HOME, own bus, own
display. Notifications are taken from the bus, as the daemon gets them.
With MAILWARDEN_PICTURES=DIR it leaves pictures of the screen there (needs `import`).
"""

import contextlib
import ctypes
import glob
import json
import os
import pathlib
import shutil
import signal
import subprocess

from support import BUILD, wait_until

PR_SET_PDEATHSIG = 1  # linux/prctl.h
NOTIFICATIONS = "org.freedesktop.Notifications"
SERVICES = pathlib.Path("/usr/share/dbus-1/services")
DAEMONS = {
    "dunst": ["dunst", "dunstctl"],
    "xfce4-notifyd": ["xfce4-notifyd"],
}
BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC
 "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={folder}/bus</listen>
  <servicedir>{folder}/services</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
DUNSTRC = """
[global]
font = Monospace 10
width = 420
height = 400
origin = bottom-left
offset = 10x10
notification_limit = 20
markup = {markup}
dmenu = {pick}
mouse_left_click = do_action
"""


def tool(name):
    """Where a program is; some of Xfce's lie outside of PATH. None: not installed."""
    found = [shutil.which(name)] + glob.glob(f"/usr/lib*/xfce4/notifyd/{name}") + glob.glob(
        f"/usr/lib/*/xfce4/notifyd/{name}")
    return next(filter(None, found), None)


def lacking(*names):
    """Why a test must be skipped: a sentence, or None."""
    for name in ("Xvfb", "dbus-daemon", "busctl", "sh") + names:
        if tool(name) is None:
            return f"{name} is not installed"
    return None


def die_with_parent():
    """Also where the test is ended by a signal: its display and bus don't stay behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Session:
    """daemon: a name of DAEMONS, or None for nobody; services: what the bus may start, by
    the names of their files without .service."""

    def __init__(self, folder, daemon="dunst", markup="full", services=()):
        self.folder = pathlib.Path(folder)
        self.children = []
        try:
            self.set_up(daemon, markup, services)
        except BaseException:
            self.stop()
            raise

    def set_up(self, daemon, markup, services):
        self.calls = self.folder / "calls.json"
        self.pick = self.folder / "pick"
        self.pick.write_text("#!/bin/sh\ngrep -m1 Acknowledge\n")
        self.pick.chmod(0o755)
        (self.folder / "dunstrc").write_text(
            DUNSTRC.format(markup=markup, pick=self.pick))
        self.start_display()
        runtime = self.folder / "runtime"
        runtime.mkdir(mode=0o700)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8",
            "TZ": "UTC", "DISPLAY": self.display, "XDG_RUNTIME_DIR": str(runtime),
            "XDG_CURRENT_DESKTOP": "XFCE", "USER": os.environ.get("USER", "tester"),
            "MAILWARDEN_BUILD": str(BUILD)}
        self.start_bus(services)
        if daemon is not None:
            self.start_daemon(daemon)

    def start_display(self):
        read, write = os.pipe()
        self.start(["Xvfb", "-displayfd", str(write), "-screen", "0", "1000x900x24",
                    "-nolisten", "tcp", "-noreset"], pass_fds=(write,))
        os.close(write)
        with os.fdopen(read) as numbers:
            self.display = ":" + numbers.readline().strip()

    def start_bus(self, services):
        folder = self.folder / "services"
        folder.mkdir()
        for name in services:
            shutil.copy(SERVICES / f"{name}.service", folder)
        config = self.folder / "bus.conf"
        config.write_text(BUS_CONFIG.format(folder=self.folder))
        self.start(["dbus-daemon", "--nofork", f"--config-file={config}"])
        wait_until((self.folder / "bus").exists, "a session bus")
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={self.folder}/bus"
        with open(self.calls, "wb") as out:
            self.start(["busctl", "--user", "monitor", "--json=short"], stdout=out)
        wait_until(self.is_watched, "a monitor of the bus")

    def start_daemon(self, daemon):
        more = ["-config", str(self.folder / "dunstrc")] if daemon == "dunst" else []
        self.daemon = self.start([tool(daemon), *more])
        wait_until(lambda: self.has_name(NOTIFICATIONS), daemon)

    def start(self, argv, **more):
        child = subprocess.Popen(argv, **{
            "cwd": self.folder, "env": getattr(self, "environment", None),
            "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL, "start_new_session": True,
            "preexec_fn": die_with_parent, **more})
        self.children.append(child)
        return child

    def run(self, *argv):
        return subprocess.run(argv, env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60)

    def ask_bus(self, member, *words):
        return self.run("busctl", "--user", "call", "org.freedesktop.DBus",
                        "/org/freedesktop/DBus", "org.freedesktop.DBus", member, *words)

    def has_name(self, name):
        """Asks the bus: who asks the name itself may have the bus start somebody."""
        return self.ask_bus("NameHasOwner", "s", name).stdout == b"b true\n"

    def is_watched(self):
        """The monitor is up when it sees what is asked now."""
        self.ask_bus("GetId")
        return '"GetId"' in self.calls.read_text()

    def messages(self):
        """What went over the bus so far."""
        for line in self.calls.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):  # the last one is being written
                yield json.loads(line)

    def notified(self):
        """The arguments of all calls of Notify so far."""
        names = ("app", "replaces", "icon", "title", "body", "actions", "hints", "expire")
        return [dict(zip(names, message["payload"]["data"])) for message in self.messages()
                if message["type"] == "method_call" and message.get("member") == "Notify"
                and message.get("interface") == NOTIFICATIONS]

    def on_screen(self):
        """How many notifications dunst shows."""
        return int(self.run("dunstctl", "count", "displayed").stdout)

    def is_shown(self):
        """A notification, by xfce4-notifyd."""
        return self.run("xdotool", "search", "--onlyvisible", "--class",
                        "xfce4-notifyd").stdout != b""

    def act(self, what):
        """Chooses an action of the notifications on dunst's screen."""
        self.pick.write_text(f"#!/bin/sh\ngrep -m1 {what}\n")
        done = self.run("dunstctl", "context")
        if done.returncode != 0:
            raise AssertionError(done.stderr)

    def picture(self, name):
        folder = os.environ.get("MAILWARDEN_PICTURES")
        if folder:
            self.run("import", "-window", "root", f"{folder}/{name}.png")

    def end(self, child, number=signal.SIGTERM):
        """One that start() gave, and what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:  # xfce4-panel, when it was busy with starting
            os.killpg(child.pid, signal.SIGKILL)
            child.wait(timeout=30)

    def stop(self):
        for child in reversed(self.children):
            self.end(child)
