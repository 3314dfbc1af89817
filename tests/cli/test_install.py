#!/usr/bin/python3
"""`cmake --install` puts everything in place, and systemd finds no fault with the units.

Needs cmake and systemd-analyze; without them it is skipped (exit code 77). What is of
mailwarden-desktop only where that was built.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402

UNITS = ("mailwarden.service", "mailwarden-notify.service", "mailwarden-ingest.service",
         "mailwarden-web.service", "mailwarden-digest.service", "mailwarden-digest.timer")
# Tenths; design, section 9.
EXPOSURE = "15"
FILES = (
    "bin/mailwarden", "libexec/mailwarden/mailwarden-notify",
    "libexec/mailwarden/mailwarden-ingest", "libexec/mailwarden/mailwarden-web",
    "libexec/mailwarden/mailwarden-digest", "lib/systemd/system/mailwarden.service",
    "lib/systemd/system/mailwarden-notify.service",
    "lib/systemd/system/mailwarden-ingest.service",
    "lib/systemd/system/mailwarden-web.service",
    "lib/systemd/system/mailwarden-digest.service",
    "lib/systemd/system/mailwarden-digest.timer", "lib/sysusers.d/mailwarden.conf",
    "lib/tmpfiles.d/mailwarden.conf", "lib/systemd/catalog/mailwarden.catalog",
    "share/mailwarden/mailwarden.schema.json", "share/mailwarden/rules.d/parsers/postfix.yaml",
    "share/man/man1/mailwarden.1", "share/man/man5/mailwarden.yaml.5",
    "share/man/man5/mailwarden-rules.5", "share/doc/mailwarden/examples/mailwarden.yaml",
    "libexec/mailwarden/mailwarden-ssh-gate",
)
HAS_DESKTOP = (support.BUILD / "mailwarden-desktop").exists()
DESKTOP_UNIT = "lib/systemd/user/mailwarden-desktop.service"
AUTOSTART = "etc/xdg/autostart/mailwarden-desktop.desktop"
DESKTOP_FILES = (
    "bin/mailwarden-desktop", "share/applications/mailwarden-desktop.desktop", DESKTOP_UNIT,
    "share/man/man1/mailwarden-desktop.1", "share/doc/mailwarden/examples/desktop.yaml",
    "share/icons/hicolor/scalable/apps/mailwarden-desktop.svg",
)
STATES = ("idle", "disconnected", "warning", "critical", "new", "new-disconnected",
          "new-warning", "new-critical")
# What no program for mail hosts may be linked with.
DESKTOP_LIBRARIES = ("libgtk", "libgdk", "libayatana", "libcanberra", "libnotify")


def run(*words, **options):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          timeout=120, **options)


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.root = pathlib.Path(cls.folder.name)
        done = run("cmake", "--install", support.BUILD,
                   env={**os.environ, "DESTDIR": str(cls.root)})
        assert done.returncode == 0, done.stderr
        cls.prefix = next(cls.root.glob("**/bin/mailwarden")).parent.parent

    def unit(self, name):
        return self.prefix / "lib/systemd/system" / name

    def test_files(self):
        for name in FILES:
            self.assertTrue((self.prefix / name).exists(), name)

    def test_nothing_unfilled(self):
        folders = ["lib/systemd/system", "lib/sysusers.d", "lib/tmpfiles.d"]
        if HAS_DESKTOP:
            folders.append("lib/systemd/user")
        for folder in folders:
            for path in (self.prefix / folder).iterdir():
                self.assertNotRegex(path.read_text(), "@[A-Z_]+@", path.name)

    def test_mail_hosts_need_no_desktop(self):
        for folder in ("bin", "libexec/mailwarden"):
            for path in (self.prefix / folder).iterdir():
                if "desktop" in path.name:
                    continue
                done = run("ldd", path)
                for name in DESKTOP_LIBRARIES:
                    self.assertNotIn(name, done.stdout, path.name)

    def autostart(self):
        return next(self.root.glob(f"**/{AUTOSTART}"), None)

    @unittest.skipUnless(HAS_DESKTOP, "mailwarden-desktop is not built")
    def test_desktop(self):
        for name in DESKTOP_FILES:
            self.assertTrue((self.prefix / name).exists(), name)
        self.assertIsNotNone(self.autostart())
        icons = self.prefix / "share/icons/hicolor"
        for state in STATES:
            for folder, end in (
                ("scalable/status", ""),
                ("symbolic/apps", "-symbolic"),
            ):
                icon = icons / folder / f"mailwarden-{state}{end}.svg"
                self.assertTrue(icon.exists(), icon)

    @unittest.skipUnless(HAS_DESKTOP, "mailwarden-desktop is not built")
    def test_desktop_entries(self):
        menu = self.prefix / "share/applications/mailwarden-desktop.desktop"
        for path in (menu, self.autostart()):
            text = path.read_text()
            for line in text.splitlines():
                if line.startswith("Exec="):
                    self.assertEqual(line.split()[0], "Exec=mailwarden-desktop")
            if shutil.which("desktop-file-validate") is not None:
                done = run("desktop-file-validate", path)
                self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertIn("\nExec=mailwarden-desktop --hidden\n", self.autostart().read_text())

    @unittest.skipUnless(HAS_DESKTOP, "mailwarden-desktop is not built")
    def test_desktop_unit(self):
        """As the service manager of a user reads it; the target is the desktop's."""
        text = (self.prefix / DESKTOP_UNIT).read_text()
        place = self.root / "verify-user"
        place.mkdir()
        unit = place / "mailwarden-desktop.service"
        self.assertIn("\nExecStart=/", text)
        unit.write_text(text.replace("ExecStart=/", f"ExecStart={self.root}/"))
        done = run("systemd-analyze", "--user", "verify", "--man=no", unit,
                   env={**os.environ, "SYSTEMD_UNIT_PATH": f"{place}:",
                        "XDG_RUNTIME_DIR": str(place)})
        self.assertEqual((done.returncode, self.ours(done.stderr)), (0, []))
        self.assertIn("\nWantedBy=graphical-session.target\n", text)
        # The autostart file and the unit start the same: the second one shows nothing.
        self.assertIn("/mailwarden-desktop --hidden\n", text)

    def test_programs_that_the_units_start(self):
        for name in UNITS:
            for line in self.unit(name).read_text().splitlines():
                if not line.startswith("ExecStart="):
                    continue
                program = line.removeprefix("ExecStart=").split()[0]
                path = (self.root / program[1:] if program.startswith("/") else
                        self.prefix / "bin" / program)
                self.assertTrue(os.access(path, os.X_OK), path)

    def test_verify(self):
        """The programs are at the end of DESTDIR: named by their full path for this."""
        place = self.root / "verify"
        place.mkdir()
        for name in UNITS:
            text = self.unit(name).read_text()
            text = text.replace("ExecStart=mailwarden ",
                                f"ExecStart={self.prefix}/bin/mailwarden ")
            text = text.replace("ExecStart=/", f"ExecStart={self.root}/", 1) \
                if f"ExecStart={self.root}" not in text else text
            (place / name).write_text(text)
        done = run("systemd-analyze", "verify", "--man=no",
                   *(place / name for name in UNITS),
                   env={**os.environ, "SYSTEMD_UNIT_PATH": f"{place}:"})
        self.assertEqual((done.returncode, self.ours(done.stderr)), (0, []))

    @staticmethod
    def ours(text):
        """Complaints about units of the machine are not ours."""
        return [line for line in text.splitlines() if "mailwarden" in line]

    def test_security(self):
        for name in (name for name in UNITS if name.endswith(".service")):
            done = run("systemd-analyze", "security", "--offline=true",
                       f"--threshold={EXPOSURE}", "--no-pager", self.unit(name))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertNotIn("ignoring", done.stderr)

    def test_users(self):
        if os.geteuid() != 0:
            self.skipTest("only root makes users")
        (self.root / "etc").mkdir(exist_ok=True)
        done = run("systemd-sysusers", f"--root={self.root}",
                   self.prefix / "lib/sysusers.d/mailwarden.conf")
        self.assertEqual(done.returncode, 0, done.stderr)
        users = (self.root / "etc/passwd").read_text()
        groups = dict(line.split(":")[:3:2] for line in
                      (self.root / "etc/group").read_text().splitlines())
        for name in ("mailwarden", "mailwarden-notify", "mailwarden-web"):
            line, = [line for line in users.splitlines() if line.startswith(f"{name}:")]
            self.assertEqual(line.split(":")[3], groups["mailwarden"])
            self.assertTrue(line.endswith("nologin"), line)


if __name__ == "__main__":
    for tool in ("cmake", "systemd-analyze", "systemd-sysusers"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            sys.exit(77)
    unittest.main(verbosity=1, warnings="ignore")
