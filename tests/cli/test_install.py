#!/usr/bin/python3
"""`cmake --install` puts everything in place, and systemd finds no fault with the units.

Needs cmake and systemd-analyze; without them it is skipped (exit code 77).
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
)


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
        for folder in ("lib/systemd/system", "lib/sysusers.d", "lib/tmpfiles.d"):
            for path in (self.prefix / folder).iterdir():
                self.assertNotRegex(path.read_text(), "@[A-Z_]+@", path.name)

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
