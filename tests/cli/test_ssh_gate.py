#!/usr/bin/python3
"""`mailwarden-ssh-gate`: what a key may ask for, what it may not, and a real sshd."""

import json
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
import test_lifecycle  # noqa: E402
from support import Case, wait_until  # noqa: E402

GATE = str(support.SOURCE / "packaging" / "ssh" / "mailwarden-ssh-gate")
EVENTS = "mailwarden events --follow --json"
SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
SHELLS = [path for path in map(shutil.which, ("dash", "bash", "busybox", "ksh", "zsh")) if path]


class Gate(Case):
    """The program behind the gate tells the words that it was given, one a line."""

    def setUp(self):
        super().setUp()
        self.program = self.folder / "mailwarden"
        self.program.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
        self.program.chmod(0o700)

    def ask(self, command, *options, shell=()):
        environment = {**support.ENVIRONMENT, "SSH_ORIGINAL_COMMAND": command}
        if command is None:
            del environment["SSH_ORIGINAL_COMMAND"]
        return subprocess.run([*shell, GATE, "--program", self.program, *options],
                              env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, cwd=self.folder)

    def allowed(self, command, *options):
        done = self.ask(command, *options)
        self.assertEqual((done.returncode, done.stderr), (0, ""), command)
        return done.stdout.splitlines()

    def refused(self, command, *options, words=""):
        done = self.ask(command, *options)
        self.assertEqual((done.returncode, done.stdout), (2, ""), command)
        self.assertRegex(done.stderr, r"\Amailwarden-ssh-gate: [ -~]*\n\Z")
        self.assertIn(words, done.stderr)

    def test_events(self):
        base = ["events", "--follow", "--json"]
        self.assertEqual(self.allowed(EVENTS), base)
        self.assertEqual(self.allowed("/opt/bin/mailwarden events  --json --follow "), base)
        self.assertEqual(self.allowed(f"{EVENTS} --open --since 1f2e3d4c.m1.a2.e3.c4"),
                         base + ["--open", "--since", "1f2e3d4c.m1.a2.e3.c4"])
        self.assertEqual(
            self.allowed(f"{EVENTS} --kind attempt,stored,incident --since "
                         "2026-11-21T08:00:00Z --to '*@example.net,joe+x@example.org'"),
            base + ["--since", "2026-11-21T08:00:00Z", "--to",
                    "*@example.net,joe+x@example.org", "--kind", "attempt,stored,incident"])

    def test_options_of_the_key(self):
        base = ["events", "--follow", "--json"]
        fixed = ("--to", "joe@example.org", "--state", "/a b/c.db", "--config", "x.yaml")
        behind = ["--state", "/a b/c.db", "--config", "x.yaml"]
        for command in (EVENTS, f"{EVENTS} --to ann@example.org", f"{EVENTS} --to '*'"):
            self.assertEqual(self.allowed(command, *fixed),
                             base + ["--to", "joe@example.org"] + behind)
        self.assertEqual(self.allowed(f"{EVENTS} --kind auth", "--kind", "attempt,stored"),
                         base + ["--kind", "attempt,stored"])
        for wrong in (("--what",), ("--to",), ("--to", ""), ("x",)):
            self.refused(EVENTS, *wrong, words="authorized_keys")

    def test_actions(self):
        ack, silence = "mailwarden ack 0123456789ab --who ann", "mailwarden silence 01 1h"
        self.refused(ack, words="only looks")
        self.refused(silence, words="only looks")
        self.assertEqual(self.allowed(ack, "--actions"),
                         ["ack", "0123456789ab", "--who", "ann"])
        self.assertEqual(self.allowed(silence, "--actions", "--state", "s"),
                         ["silence", "01", "1h", "--state", "s"])
        for command in ("mailwarden ack", "mailwarden ack 01", "mailwarden ack 01 --who",
                        "mailwarden ack 01 --undo ann", "mailwarden ack zz --who ann",
                        "mailwarden ack 01 --who ann --undo", "mailwarden ack 01 --who -x",
                        "mailwarden ack --undo --who ann", "mailwarden silence",
                        "mailwarden silence 01", "mailwarden silence rule=* 1h",
                        "mailwarden silence 01 1h --reason x", "mailwarden silence 01 -1h",
                        "mailwarden silence 01 until", "mailwarden silence --list 1h",
                        "mailwarden status", "mailwarden run", "mailwarden"):
            self.refused(command, "--actions")

    def test_hostile(self):
        (self.folder / "a.db").touch()
        for command in (
                None, "", " ", "sh", "sh -c id", "/bin/sh", "scp -f /etc/passwd",
                "internal-sftp", "notmailwarden events --follow --json",
                "mailwarden", "mailwarden run", "mailwarden events", "mailwarden  events --json",
                "mailwarden events --follow", "mailwarden --state x events --follow --json",
                f"{EVENTS} --state /x/y", f"{EVENTS} --config /x/y", f"{EVENTS} x",
                f"{EVENTS} --since", f"{EVENTS} --since --open", f"{EVENTS} --since=0s",
                f"{EVENTS} --to", f"{EVENTS} --", f"{EVENTS} -- --state x",
                f"{EVENTS}; touch owned", f"{EVENTS} ; touch owned", f"{EVENTS} && touch owned",
                f"{EVENTS} --since $(touch${{IFS}}owned)", f"{EVENTS} --since `touch owned`",
                f"{EVENTS} --to '$(touch owned)'", f"{EVENTS} --to \"a\"",
                f"{EVENTS} --to 'a b'", f"{EVENTS} --to 'a'b'", f"{EVENTS} --to '",
                f"{EVENTS} --to ''", f"{EVENTS} --to a\\", f"{EVENTS} | sh",
                f"{EVENTS} > owned", f"{EVENTS} --since 0s>owned", f"{EVENTS} --to ~root",
                f"{EVENTS} --to {{a,b}}", f"{EVENTS} --to [a]", f"{EVENTS} --to a?",
                f"{EVENTS}\ntouch owned", f"{EVENTS} --since 0s\ntouch owned",
                f"{EVENTS}\t--open", f"{EVENTS} --to a\r", f"{EVENTS} --to \u00e9",
                f"{EVENTS} --to \x1b[31m", f"{EVENTS} --to a!b", f"{EVENTS} --to a#b",
                EVENTS + " --open" * 10000):
            self.refused(command)
        self.assertFalse((self.folder / "owned").exists())
        # A pattern is no pattern of files.
        self.assertEqual(self.allowed(f"{EVENTS} --to *")[-1], "*")

    def test_shells(self):
        """/bin/sh is another one elsewhere."""
        for shell in SHELLS:
            words = (shell, "sh") if shell.endswith("busybox") else (shell,)
            if shell.endswith("zsh"):
                words = (shell, "--emulate", "sh")
            done = self.ask(f"{EVENTS} --to '*@example.net' --open", shell=words)
            self.assertEqual((done.returncode, done.stderr), (0, ""), shell)
            self.assertEqual(done.stdout.split(),
                             ["events", "--follow", "--json", "--open", "--to",
                              "*@example.net"], shell)
            self.assertEqual(self.ask(f"{EVENTS} --to a`id`", shell=words).returncode, 2)

    def test_exit_status(self):
        """The desk tells by it that the place is not of that store."""
        self.program.write_text("#!/bin/sh\nexit 1\n")
        self.assertEqual(self.ask(EVENTS).returncode, 1)


@unittest.skipUnless(SSHD and shutil.which("ssh") and shutil.which("ssh-keygen"),
                     "needs sshd, ssh and ssh-keygen")
class RealSshd(Case):
    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o700)
        self.user = pwd.getpwuid(os.getuid()).pw_name
        for name in ("host", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                            self.folder / name], check=True)
        with open(self.log, "w", encoding="latin-1") as out:
            for i in range(1, 6):
                out.write(test_lifecycle.attempt(i, time.time() - 60))
        self.run_once()
        gate = f"{GATE} --program {support.PROGRAM} --state {self.state}"
        key = (self.folder / "key.pub").read_text()
        (self.folder / "authorized_keys").write_text(f'restrict,command="{gate}" {key}')
        self.start()

    def start(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        if os.getuid() == 0:
            self.make_folder(pathlib.Path("/run/sshd"))  # sshd as root insists on it
        (self.folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.folder}/host\n"
            f"AuthorizedKeysFile {self.folder}/authorized_keys\nPidFile none\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\n"
            "PermitRootLogin yes\nStrictModes no\n")
        said = open(self.folder / "sshd.log", "wb")
        self.addCleanup(said.close)
        self.sshd = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", self.folder / "sshd_config"], stdin=subprocess.DEVNULL,
            stdout=said, stderr=said, env=support.ENVIRONMENT)
        self.addCleanup(self.stop)
        log = self.folder / "sshd.log"
        wait_until(lambda: b"listening" in log.read_bytes() or self.sshd.poll() is not None,
                   "sshd listens")
        if self.sshd.poll() is not None:
            self.skipTest(f"sshd does not start here: {log.read_text()}")

    def make_folder(self, path):
        if not path.exists():
            path.mkdir(mode=0o755)
            self.addCleanup(path.rmdir)

    def stop(self):
        self.sshd.terminate()
        self.sshd.wait()

    def ssh(self, *words):
        return ["ssh", "-F", "none", "-p", str(self.port), "-i", str(self.folder / "key"),
                "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
                "-o", "StrictHostKeyChecking=accept-new", "-o", "LogLevel=ERROR",
                "-o", f"UserKnownHostsFile={self.folder}/known", f"{self.user}@127.0.0.1",
                *words]

    def test_stream(self):
        stream = subprocess.Popen(self.ssh(EVENTS, "--open", "--since", "9999d"),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        self.addCleanup(stream.stderr.close)
        self.addCleanup(stream.stdout.close)
        self.addCleanup(stream.wait)
        self.addCleanup(stream.kill)
        first = stream.stdout.readline()
        if not first and b"denied" in stream.stderr.read():
            self.skipTest("sshd does not let this user in: " +
                          (self.folder / "sshd.log").read_text()[-300:])
        self.assertEqual(json.loads(first)["change"], "open")
        self.assertEqual(json.loads(stream.stdout.readline())["type"], "ready")
        self.assertEqual(json.loads(stream.stdout.readline())["type"], "event")
        for words in (("id",), ("sh", "-c", "id"), (f"{EVENTS}; id",), ()):
            done = subprocess.run(self.ssh(*words), stdin=subprocess.DEVNULL, timeout=60,
                                  capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0, words)
            self.assertNotIn("uid=", done.stdout)
            self.assertIn("mailwarden-ssh-gate:", done.stderr)
        # The end of the connection ends what runs at the other end.
        stream.terminate()
        wait_until(lambda: not self.followers(), "events has ended")

    def followers(self):
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes()
            except OSError:
                continue
            if b"events\0--follow" in words and str(self.state).encode() in words:
                found.append(path)
        return found


if __name__ == "__main__":
    unittest.main()
