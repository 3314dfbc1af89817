"""What the live tests share: a real mail server of the lab, mailwarden on its log, and the two
places to which alerts go: a mailbox behind a real relay with TLS and a login, and a webhook.

Each test has a fresh state and looks at new lines only. Without root, Debian 12, namespaces
or packages a test is skipped: it says why and ends with code 77.
"""

import email
import email.policy
import http.server
import json
import mailbox
import pathlib
import shutil
import signal
import sys
import tempfile
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "world")]
import lab  # noqa: E402
import support  # noqa: E402
from support import BUILD, wait_until  # noqa: E402

S3140 = ("550 5.7.1 Unfortunately, messages from [{client}] weren't sent. Please contact your "
         "Internet service provider since part of their network is on our block list (S3140). "
         "You can also refer your provider to http://mail.live.com/mail/troubleshooting.aspx"
         "#errors. [BN8NAM12FT046.eop-nam12.prod.protection.outlook.com "
         "2026-03-01T10:00:00.000Z 08DD0001]")
BANNED_IP = ("550 5.7.606 Access denied, banned sending IP [{client}]. To request removal from "
             "this list please visit https://sender.office.com/ and follow the directions. For "
             "more information please go to http://go.microsoft.com/fwlink/?LinkID=526655 "
             "AS(1430) [AM7EUR03FT012.eop-EUR03.prod.protection.outlook.com]")
SPAMHAUS = ("554 5.7.1 Service unavailable; Client host [{client}] blocked using "
            "zen.spamhaus.org; https://www.spamhaus.org/query/ip/{client}")
RATE_LIMIT = ("451 4.7.650 The mail server [{client}] has been temporarily rate limited due to "
              "IP reputation. For e-mail delivery information, see https://postmaster.live.com "
              "(S775) [CO1NAM11FT031.eop-nam11.prod.protection.outlook.com]")
UNKNOWN_USER = "550 5.1.1 Recipient address rejected: User unknown in virtual mailbox table"
BUSY = "451 4.3.2 System not accepting network messages"
BOUNCED = 3  # an outcome as the store has it


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def open_hook(place):
    """A web server with TLS in the lab's network."""
    server = http.server.ThreadingHTTPServer(("", 0), Hook, bind_and_activate=False)
    server.socket.close()
    listener = place.listen((lab.HOOK_ADDRESS, 443))
    server.socket = place.server_context().wrap_socket(listener, server_side=True)
    server.bodies = []
    # A probe that breaks off its handshake is no fault of ours.
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def one_line(text):
    """A folded subject may have lost a double blank."""
    return " ".join(text.split())


class Live(unittest.TestCase):
    server = None  # postfix, sendmail, opensmtpd or dovecot
    markers = 0

    @classmethod
    def setUpClass(cls):
        folder = BUILD / "lab" / cls.server
        cls.lab = lab.Lab(cls.server, folder)
        cls.enterClassContext(cls.lab)
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.hook = open_hook(cls.lab)
        cls.addClassCleanup(cls.hook.shutdown)
        cls.log = cls.lab.run / "log" / "mail.log"
        cls.box = cls.lab.run / "relay" / "mail" / "ops"

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mailwarden-live-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.state = self.folder / "state" / "mailwarden.db"
        self.state.parent.mkdir()
        self.children = []
        self.addCleanup(self.end_children)
        for provider in self.lab.remote.values():
            provider.accept()
        self.lab.filter.open()
        self.addCleanup(self.empty_queue)
        self.hook.bodies.clear()
        self.box.unlink(missing_ok=True)
        self.configure()
        self.source = ["--file", self.log]
        self.rotate()

    def rotate(self):
        """A new log file, so that each test reads its own from the beginning."""
        self.mark()  # rsyslogd is up: a SIGHUP before would end it
        self.log.replace(self.log.with_suffix(".1"))
        self.lab.command("pkill", "-HUP", "rsyslogd")
        # What is logged before rsyslogd heeds the signal goes into the old file.
        self.until(self.log_begins, "a new log file begins")
        self.mark()

    def log_begins(self):
        self.send_mark()
        return self.log_tail() != ""

    def follow_journal(self):
        self.source = [f"--journal={self.lab.run}/log/journal", "--from-end"]

    def mark(self):
        """Until what the servers said so far is in the log."""
        marker = self.send_mark()
        self.until(lambda: marker in self.log_tail(), "the log has the mark")

    def send_mark(self):
        Live.markers += 1
        marker = f"mark {Live.markers}."
        self.lab.command("logger", "-p", "mail.info", "-t", "lab", marker)
        return marker

    def configure(self):
        password = self.folder / "password"
        password.touch(mode=0o600)
        password.write_text(lab.RELAY_PASSWORD + "\n")
        self.config = self.folder / "mailwarden.yaml"
        self.config.write_text(f"""host: mx1
alerts:
  relay:
    url: smtp://{lab.RELAY}:587
    user: {lab.RELAY_USER}
    password_file: {password}
    from: {lab.RELAY_USER}
    to: {lab.ADMIN}
    ca_file: {self.lab.run}/ca.pem
  hook:
    type: webhook
    url: https://{lab.HOOK}/incidents
    ca_file: {self.lab.run}/ca.pem
""")

    def configure_own_path(self, sender, recipient):
        """Mail through the server that is watched; the webhook only stands in for it."""
        self.config.write_text(f"""host: mx1
alerts:
  local:
    type: relay
    url: smtp://127.0.0.1:25
    tls: off
    from: {sender}
    to: {recipient}
  hook:
    type: webhook
    url: https://{lab.HOOK}/incidents
    ca_file: {self.lab.run}/ca.pem
routes:
  - to: local
    fallback: hook
""")

    def fate_of_own_mail(self):
        fates = support.ask(self.state, "SELECT fate FROM delivery WHERE channel = 'local'")
        return fates[0][0] if fates else None

    # --- mailwarden ---

    def program(self, *words):
        """Starts one of mailwarden's programs; what it says is in a file of its own. It has
        no rights besides those of the files' owner, as under its unit."""
        said = self.folder / f"said.{len(self.children)}"
        with open(said, "wb") as out:
            child = support.subprocess.Popen(
                words, stdin=support.subprocess.DEVNULL, stdout=out, stderr=out,
                env=support.ENVIRONMENT)
        child.said = lambda: said.read_text(errors="replace")
        self.children.append(child)
        return child

    def end_children(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()

    def until(self, condition, what):
        """wait_until() that tells what mailwarden said."""
        try:
            return wait_until(condition, what)
        except AssertionError as late:
            said = "".join(child.said() for child in self.children)
            raise AssertionError(f"{late}\n{said[-3000:]}\n{self.what_is_known()}\n"
                                 f"{self.log_tail()}") from None

    def what_is_known(self):
        known = [support.mailwarden(*words, "--state", self.state).stdout.decode()
                 for words in (["status"], ["incidents", "--all"],
                               ["events", "--since", "1h", "--kind", "dsn,incident", "--json"])]
        if self.state.exists():
            known += map(str, support.ask(self.state, "SELECT * FROM delivery"))
        return "\n".join(known)

    def log_tail(self):
        try:
            return self.log.read_text(errors="replace")[-40000:]
        except FileNotFoundError:
            return ""

    def unit(self, *more):
        """Command line of the watcher as its unit has it."""
        return [BUILD / "mailwarden", "run", "--state", self.state, "--config", self.config,
                *self.source, *more]

    NO_RIGHTS = ("setpriv", "--pdeathsig", "KILL", "--no-new-privs", "--bounding-set=-all",
                 "--inh-caps=-all")

    def watch(self):
        """One program that starts its notifier itself, in the lab's network."""
        self.started(self.program(*self.lab.within(*self.NO_RIGHTS,
                                                   *self.unit())))

    def watch_apart(self):
        """Watcher and notifier as two services: the watcher has no network at all."""
        words = ["unshare", "--net", *self.NO_RIGHTS,
                 *self.unit("--no-notifier")]
        self.program(*self.lab.within(*self.NO_RIGHTS, BUILD / "mailwarden-notify", "--state",
                                      self.state, "--config", self.config))
        self.started(self.program(*map(str, words)))

    def started(self, child):
        self.until(lambda: "watching" in child.said(), "mailwarden watches")

    # --- what it found and told ---

    # Commands that show what is queued, and that throw it away.
    QUEUES = {
        "postfix": ("postqueue -j", "postsuper -d ALL"),
        "sendmail": ("ls /var/spool/mqueue | grep '^qf' || true",
                     "rm -f /var/spool/mqueue/*"),
        "opensmtpd": ("smtpctl show queue", "smtpctl remove all || true"),
    }

    def queue_is_empty(self):
        return self.lab.command("sh", "-c", self.QUEUES[self.server][0]) == ""

    def empty_queue(self):
        if self.server in self.QUEUES:
            self.lab.command("sh", "-c", self.QUEUES[self.server][1])

    def retry(self):
        """The next try of what waits, now."""

    def settle(self):
        """Until all mail has gone and mailwarden has read what the log has of it."""
        if self.server in self.QUEUES:
            self.until(self.queue_is_empty, "the queue is empty")
        self.catch_up()

    def catch_up(self):
        self.mark()
        if self.source[0] != "--file":
            return
        lines = self.log.read_bytes().count(b"\n")
        self.until(lambda: support.lines_read(self.state) >= lines, "all lines are read")

    def incidents(self):
        done = support.mailwarden("incidents", "--all", "--json", "--state", self.state)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def hooks(self):
        """What the webhook was told: "opened provider-blocklisted microsoft-s3140"."""
        return [" ".join(filter(None, (incident["notice"], incident["rule"],
                                       incident.get("code_id"))))
                for body in list(self.hook.bodies) for incident in body["incidents"]]

    def expect_resolved(self, *notices):
        """Every incident is over, and that is told, too: after some minutes, if it does not
        come back; these minutes are over now."""
        self.until(lambda: all(incident["state"] == "resolved"
                               for incident in self.incidents()), "all is over")
        # By the clock of the store alone; the notifier looks when somebody knocks.
        support.change(self.state, "UPDATE outbox SET due = 0")
        support.change(self.state, "UPDATE delivery SET due = 0 WHERE due IS NOT NULL")
        with open(f"{self.state}.wake", "wb", buffering=0) as door:
            door.write(b"!")
        self.expect(*notices, *(f"resolved {notice.partition(' ')[2]}" for notice in notices))
        self.end()
        self.assertEqual(len(self.hooks()), 2 * len(notices))

    def mails(self):
        if not self.box.exists():
            return []
        box = mailbox.mbox(self.box, create=False, factory=lambda file:
                           email.message_from_binary_file(file, policy=email.policy.default))
        try:
            return [box[key] for key in box.keys()]
        finally:
            box.close()

    def expect(self, *notices):
        """The webhook hears of these, in this order, once each; the mailbox gets the same
        messages; and nothing else is found."""
        self.until(lambda: len(self.hooks()) >= len(notices) and
                   len(self.mails()) >= len(self.hook.bodies),
                   f"told {notices}, not just {self.hooks()} by {len(self.mails())} mails")
        self.assertEqual(self.hooks(), list(notices), self.log_tail())
        mails = self.mails()
        self.assertEqual(sorted(one_line(mail["Subject"]) for mail in mails),
                         sorted(one_line(body["subject"]) for body in self.hook.bodies))
        self.assertEqual(len({mail["Message-ID"] for mail in mails}), len(mails))
        for mail in mails:
            self.assertEqual(mail["Auto-Submitted"], "auto-generated")
            received = mail["Received"]
            self.assertIn("ESMTPSA", received)  # by TLS and with a login (RFC 3848)
        return mails

    def expect_quiet(self):
        self.settle()
        self.assertEqual(self.incidents(), [], self.log_tail())
        self.end()
        self.expect()

    def end(self):
        """Ends as under systemd; what was to tell has been told by then."""
        for child in self.children:
            child.send_signal(signal.SIGTERM)
        for child in self.children:
            self.assertEqual(child.wait(support.PATIENCE_S), 0, child.said())
            self.assertNotIn(lab.RELAY_PASSWORD, child.said())

    # --- mail ---

    def send(self, recipient, count=1, sender="newsletter@example.net", **options):
        """`count` mails, one after the other; * in an address is a running number."""
        for number in map(str, range(count)):
            self.lab.send(recipient.replace("*", number), sender.replace("*", number),
                          **options)


def main():
    """The exit code tells ctest whether the test was skipped."""
    try:
        lab.check_machine()
        name = sys.modules["__main__"]
        servers = {case.server for case in vars(name).values()
                   if isinstance(case, type) and issubclass(case, Live) and case.server}
        lab.make_roots("postfix", *servers)
    except lab.Skip as why:
        print(f"skipped: {why}")
        sys.exit(77)
    unittest.main(verbosity=2)
