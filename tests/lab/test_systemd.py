#!/usr/bin/python3
"""The units under a real systemd: installed into a throw-away copy of this machine's root,
booted in a container; a line in the journal becomes a mail at a relay with TLS and AUTH.

Needs root, systemd-nspawn, overlayfs; skipped (exit code 77) without them. Nothing of this
machine is changed: what the container writes lies in memory and goes with it.
"""

import http.client
import json
import logging
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from smtp_server import PASSWORD, USER, Handler, Pki, Server  # noqa: E402
from support import wait_until  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
from report_mail import bounce  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "world"))
import lab  # noqa: E402

BOOT_S = 120
UNITS = ("mailwarden", "mailwarden-notify", "mailwarden-ingest")
# Those that one starts by hand, or a timer does.
MORE_UNITS = ("mailwarden-web", "mailwarden-digest")
EXPOSURE = "15"  # tenths; design, section 9
MAILDIR = "/home/postmaster/Maildir"
LINE = ("4bXkWz000001f: to=<joe@hotmail.com>, relay=hotmail-com.olc.protection.outlook.com"
        "[203.0.113.10]:25, delay=1.4, delays=0.1/0/0.7/0.6, dsn=5.7.1, status=bounced (host "
        "hotmail-com.olc.protection.outlook.com[203.0.113.10] said: 550 5.7.1 Unfortunately, "
        "messages from [192.0.2.25] weren't sent. Please contact your Internet service "
        "provider since part of their network is on our block list (S3140). (in reply to "
        "MAIL FROM command))")
# Only what every boot has, and no unit of this machine's own.
TARGET = """[Unit]
Requires=basic.target
After=basic.target
AllowIsolate=yes
"""
# A sanitized program looks for leaks by ptrace, which the unit forbids.
DROP_IN = """[Service]
Environment=ASAN_OPTIONS=detect_leaks=0
"""
# What the figures know of today becomes last week's.
A_WEEK_AGO = """
import sqlite3
store = sqlite3.connect("/var/lib/mailwarden/mailwarden.db", timeout=30)
with store:
    store.execute("UPDATE tally SET at = at - 604800")
    store.execute("UPDATE ledger SET hour = hour - 604800")
    store.execute("UPDATE meta SET value = value - 604800 WHERE key = 'tally_days'")
"""
CREDENTIAL = "LoadCredential=relay-password:/etc/mailwarden/relay-password\n"


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def run(*words, **options):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          timeout=120, **options)


def free_port():
    """The container shares this machine's network, where the usual one may be taken."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


WEB_PORT = free_port()


class Machine:
    """This machine's root with an overlay in memory, booted with --boot."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mailwarden-lab-"))
        self.root = self.folder / "root"
        self.process = None
        self.leader = None
        self.log = None

    def mount(self):
        done = run("mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", self.folder)
        if done.returncode == 0:
            for name in ("upper", "work", "root"):
                (self.folder / name).mkdir()
            done = run("mount", "-t", "overlay", "overlay", "-o",
                       f"lowerdir=/,upperdir={self.folder}/upper,"
                       f"workdir={self.folder}/work", self.root)
        if done.returncode != 0:
            self.close()
            skip(f"no overlay can be mounted here: {done.stderr.strip()}")

    def write(self, path, text, mode=0o644):
        path = self.root / path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def install(self):
        # The copy may have been the place of an installation before.
        for unit in UNITS + MORE_UNITS:
            (self.root / f"etc/systemd/system/{unit}.service").unlink(missing_ok=True)
        shutil.rmtree(self.root / "var/lib/mailwarden", ignore_errors=True)
        shutil.rmtree(self.root / "etc/mailwarden", ignore_errors=True)
        done = run("cmake", "--install", support.BUILD,
                   env={**os.environ, "DESTDIR": str(self.root)})
        assert done.returncode == 0, done.stderr
        (self.root / "etc/machine-id").unlink(missing_ok=True)
        self.write("/etc/fstab", "")
        self.write("/etc/systemd/system/lab.target", TARGET)
        for unit in ("mailwarden", "mailwarden-ingest", *MORE_UNITS):
            self.write(f"/etc/systemd/system/{unit}.service.d/lab.conf", DROP_IN)
        for part in ("tmp", "new", "cur"):
            (self.root / MAILDIR[1:] / part).mkdir(parents=True, exist_ok=True)
        self.write("/etc/systemd/system/mailwarden-notify.service.d/lab.conf",
                   DROP_IN + CREDENTIAL)

    def boot(self):
        self.log = open(self.folder / "console", "wb")
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--directory", self.root, "--boot", "--register=no",
             "--keep-unit", "--quiet", "--kill-signal=SIGRTMIN+3",
             "systemd.unit=lab.target", "systemd.show_status=0"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        try:
            wait_until(self.is_up, "the container boots", BOOT_S)
        except AssertionError:
            console = (self.folder / "console").read_text(errors="replace")
            self.close()
            skip(f"no systemd boots in a container here: {console[-500:]}")

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError("the container ended")
        task = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        for child in pathlib.Path(task).read_text().split():
            if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                self.leader = child
        return self.leader and self.do("systemctl", "is-active", "lab.target").returncode == 0

    def do(self, *words):
        return run("nsenter", "--target", self.leader, "--mount", "--pid", "--uts", "--ipc",
                   "--cgroup", "--root", "--wd=/", "--", *words)

    def show(self, unit, name):
        return self.do("systemctl", "show", "--value", "-p", name, unit).stdout.strip()

    def said(self):
        return self.do("journalctl", "-b", "--no-pager", "-o", "short", "-u", UNITS[0], "-u",
                       UNITS[1], "-u", UNITS[2], "-u", MORE_UNITS[0], "-u", MORE_UNITS[1],
                       "-u", "init.scope").stdout[-6000:]

    def main_pid(self, unit):
        """As this machine counts."""
        inner = self.show(unit, "MainPID")
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            try:
                ids = [line.split()[1:] for line in status.read_text().splitlines()
                       if line.startswith("NSpid:")]
            except OSError:
                continue
            if ids and ids[0][-1] == inner and len(ids[0]) > 1 and \
                    os.readlink(status.parent / "ns/pid") == \
                    os.readlink(f"/proc/{self.leader}/ns/pid"):
                return status.parent.name
        raise AssertionError(f"{unit} does not run\n{self.said()}")

    def main_pid_or_none(self, unit):
        try:
            return self.main_pid(unit)
        except AssertionError:
            return None

    def close(self):
        if self.process is not None and self.process.poll() is None:
            if self.leader:
                os.kill(int(self.leader), signal.SIGRTMIN + 4)  # power off
            else:
                self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.log is not None:
            self.log.close()
        run("umount", "--lazy", self.root)
        run("umount", "--lazy", self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)


class Units(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pki_folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.pki_folder.cleanup)
        cls.pki = Pki(cls.pki_folder.name)
        cls.handler = Handler()
        cls.server = Server(cls.handler, tls=cls.pki.context("good"))
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__)
        cls.machine = Machine()
        cls.machine.mount()
        cls.addClassCleanup(cls.machine.close)
        cls.machine.install()
        cls.configure(cls.machine)
        cls.machine.boot()
        cls.machine.do("systemctl", "start", "mailwarden")

    @classmethod
    def configure(cls, machine):
        machine.write("/etc/mailwarden/ca.pem",
                      pathlib.Path(cls.pki.path("ca.pem")).read_text())
        machine.write("/etc/mailwarden/relay-password", PASSWORD + "\n", 0o600)
        machine.write("/etc/mailwarden/mailwarden.yaml", "\n".join([
            "host: mx1.example.org", "sources: [journal]",
            f"web: {{listen: 127.0.0.1:{WEB_PORT}}}", "reports:",
            f"  maildir: {MAILDIR}", "alerts:", "  relay:",
            f"    url: smtp://localhost:{cls.server.port}", f"    user: {USER}",
            "    password_file: credential:relay-password",
            "    ca_file: /etc/mailwarden/ca.pem", "    from: warden@example.org",
            "    to: ops@example.org", "  journal:"]) + "\n")

    def until(self, condition, what):
        try:
            return wait_until(condition, what, 30)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.machine.said()}") from None

    def active(self, unit):
        self.until(lambda: self.machine.show(unit, "ActiveState") == "active",
                   f"{unit} runs")

    def test_1_start(self):
        for unit in UNITS:
            self.active(unit)
        self.assertRegex(self.machine.show("mailwarden", "StatusText"), "watching 1 source")
        self.until(lambda: "2 channels" in self.machine.show("mailwarden-notify",
                                                             "StatusText"), "it has its store")

    def test_2_from_the_journal_to_the_relay(self):
        self.machine.do("logger", "-t", "postfix/smtp", "-p", "mail.info", LINE)
        self.until(lambda: self.handler.mails, "the mail arrives")
        self.assertTrue(self.handler.logins[-1][1])
        self.until(lambda: "[critical]" in self.machine.do(
            "journalctl", "-b", "-o", "cat", "-t", "mailwarden").stdout, "the journal has it")

    def test_2_from_a_maildir_to_the_store(self):
        """Read in /home, by a process in a jail of its own, and an event a moment later."""
        self.machine.write(f"{MAILDIR}/new/1.mx1", bounce("maildir@example.net").decode())
        self.until(lambda: "maildir@example.net" in self.machine.do(
            "env", "ASAN_OPTIONS=detect_leaks=0", "mailwarden", "events", "--json",
            "--since", "1d").stdout, "it is an event")

    def test_2_from_a_pipe_to_the_store(self):
        """As a mail server runs it: by the user mailwarden, without any setting."""
        self.machine.write("/home/postmaster/bounce", bounce("pipe@example.net", 2).decode())
        done = self.machine.do("setpriv", "--reuid=mailwarden", "--regid=mailwarden",
                               "--clear-groups", "env", "-i", "ASAN_OPTIONS=detect_leaks=0",
                               "sh", "-c", "exec /usr/local/bin/mailwarden ingest "
                               "</home/postmaster/bounce")
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.until(lambda: "pipe@example.net" in self.machine.do(
            "env", "ASAN_OPTIONS=detect_leaks=0", "mailwarden", "events", "--json",
            "--since", "1d").stdout, "it is an event")

    def test_3_member_of_the_group(self):
        """Who may read the service's store, and has none, looks at it without naming it; who
        may not is told of their own."""
        def incidents(*groups):
            return self.machine.do(
                "setpriv", "--reuid=65534", "--regid=65534", *groups, "env", "-i",
                "HOME=/nonexistent", "ASAN_OPTIONS=detect_leaks=0",
                "/usr/local/bin/mailwarden", "incidents", "--json")
        done = incidents("--groups=mailwarden")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('"incident"', done.stdout)
        done = incidents("--clear-groups")
        self.assertEqual(done.returncode, 4, done.stdout)
        self.assertIn("/nonexistent/.local/state", done.stderr)

    def test_3_rights(self):
        folder = self.machine.do("stat", "-c", "%A %U %G", "/var/lib/mailwarden").stdout
        self.assertEqual(folder.strip(), "drwxrws--- mailwarden mailwarden")
        files = self.machine.do("sh", "-c", "stat -c '%a %G %n' /var/lib/mailwarden/*").stdout
        for line in files.splitlines():
            self.assertRegex(line, "^660 mailwarden ", files)
        own = self.machine.do("stat", "-c", "%a %U", "/var/lib/mailwarden-notify").stdout
        self.assertEqual(own.strip(), "700 mailwarden-notify")

    def test_4_kept_apart(self):
        watcher = self.machine.main_pid("mailwarden")
        notifier = self.machine.main_pid("mailwarden-notify")
        devices = pathlib.Path(f"/proc/{watcher}/net/dev").read_text()
        self.assertEqual([line.split(":")[0].strip() for line in devices.splitlines()[2:]],
                         ["lo"])
        for folder in ("var/log", "run/log"):
            path = pathlib.Path("/proc", str(notifier), "root", folder)
            self.assertTrue(not path.exists() or not os.listdir(path), folder)
        self.assertNotEqual(*(os.stat(f"/proc/{pid}").st_uid if pid == watcher else
                              self.user_of(pid) for pid in (watcher, notifier)))
        reader = self.machine.main_pid("mailwarden-ingest")
        devices = pathlib.Path(f"/proc/{reader}/net/dev").read_text()
        self.assertEqual(len(devices.splitlines()), 3, devices)
        limits = pathlib.Path(f"/proc/{notifier}/limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 +0 ")

    @staticmethod
    def user_of(pid):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("Uid:"):
                return int(line.split()[1])
        return None

    def ask(self, path):
        """What the dashboard answers: it listens at this machine's loopback, too."""
        link = http.client.HTTPConnection("127.0.0.1", WEB_PORT, timeout=30)
        try:
            link.request("GET", path)
            answer = link.getresponse()
            return answer.status, answer.read().decode()
        finally:
            link.close()

    def test_4_dashboard(self):
        """Answers on loopback, reads the store and cannot write it."""
        done = self.machine.do("systemctl", "start", "mailwarden-web")
        self.assertEqual(done.returncode, 0, done.stderr + self.machine.said())
        self.active("mailwarden-web")
        self.assertEqual(self.ask("/healthz"), (200, "ok\n"))
        status, body = self.ask("/api/v1/status")
        self.assertEqual((status, json.loads(body)["type"]), (200, "status"))
        self.assertEqual(self.ask("/api/v1/lines?what=out")[0], 200)
        self.assertIn("mailwarden_watcher_running 1", self.ask("/metrics")[1])
        web = self.machine.main_pid("mailwarden-web")
        self.assertNotEqual(self.user_of(web),
                            self.user_of(self.machine.main_pid("mailwarden")))
        mounts = [line.split() for line in
                  pathlib.Path(f"/proc/{web}/mountinfo").read_text().splitlines()]
        store = max((words for words in mounts
                     if "/var/lib/mailwarden/".startswith(words[4].rstrip("/") + "/")),
                    key=lambda words: len(words[4]))
        self.assertEqual(store[5].split(",")[0], "ro", store)
        self.machine.do("systemctl", "kill", "-s", "KILL", "mailwarden-web")
        self.until(lambda: self.machine.main_pid_or_none("mailwarden-web") not in (None, web),
                   "it is started again")
        self.active("mailwarden-web")
        done = self.machine.do("systemctl", "stop", "mailwarden-web")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.machine.show("mailwarden-web", "Result"), "success")

    def test_4_digest(self):
        """A mail with plots, once for a week; the timer's day is Monday."""
        self.until(lambda: self.status()["outcomes"]["bounced"] > 0, "mail of today")
        done = self.machine.do("/usr/bin/python3", "-c", A_WEEK_AGO)
        self.assertEqual(done.returncode, 0, done.stderr)
        for _ in range(2):
            done = self.machine.do("systemctl", "start", "mailwarden-digest.service")
            self.assertEqual(done.returncode, 0, done.stderr + self.machine.said())
        self.until(self.digests, "the digest arrives")
        mail, = self.digests()
        self.assertIn(b"Content-Type: image/png", mail)
        self.assertEqual(self.machine.show("mailwarden-digest", "Result"), "success")
        done = self.machine.do("systemctl", "start", "mailwarden-digest.timer")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(self.machine.show("mailwarden-digest.timer",
                                           "NextElapseUSecRealtime"), "^Mon .* 07:[0-2]")
        self.assertEqual(len(self.digests()), 1)

    def status(self):
        return json.loads(self.machine.do("env", "ASAN_OPTIONS=detect_leaks=0", "mailwarden",
                                          "status", "--json").stdout)

    def digests(self):
        return [content for *_, content in self.handler.mails
                if b"X-Mailwarden-Notice: digest" in content]

    def test_4_security(self):
        for unit in UNITS + MORE_UNITS:
            done = self.machine.do("systemd-analyze", "security", f"--threshold={EXPOSURE}",
                                   "--no-pager", f"{unit}.service")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_5_a_test_as_root(self):
        done = self.machine.do("env", "ASAN_OPTIONS=detect_leaks=0", "mailwarden", "notify",
                               "--test", "relay")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("as user mailwarden-notify", done.stderr)

    def test_6_reload(self):
        for unit in UNITS:
            done = self.machine.do("systemctl", "reload", unit)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.active(unit)
        self.until(lambda: "configuration reloaded" in self.machine.said() and
                   "rules reloaded" in self.machine.said(), "both say so")

    def test_7_kill(self):
        """They come back by themselves."""
        for unit in UNITS:
            before = self.machine.show(unit, "MainPID")
            self.machine.do("systemctl", "kill", "-s", "KILL", unit)
            self.until(lambda u=unit, b=before: self.machine.show(u, "MainPID")
                       not in ("0", b) and self.machine.show(u, "ActiveState") == "active",
                       f"{unit} is started again")

    def test_8_stop(self):
        began = time.monotonic()
        done = self.machine.do("systemctl", "stop", *UNITS)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLess(time.monotonic() - began, 40)
        for unit in UNITS:
            self.assertEqual(self.machine.show(unit, "Result"), "success")


if __name__ == "__main__":
    if os.geteuid() != 0:
        skip("not root")
    for tool in ("systemd-nspawn", "nsenter", "logger", "journalctl", "cmake"):
        if shutil.which(tool) is None:
            skip(f"{tool} is not installed")
    if lab.is_in_chroot():
        skip("this is a chroot, where no user namespace can be made")
    logging.disable(logging.CRITICAL)
    unittest.main(verbosity=1, warnings="ignore")
