#!/usr/bin/python3
"""A real mail server in namespaces of its own, and around it the remote mail world.

    lab.py SERVER      starts one for a look by hand; Ctrl-C ends it
                       (postfix, sendmail, opensmtpd or dovecot)

Needs root and Debian 12; roots.sh says what is fetched, instance.sh what runs. All that is
started here ends with this process, even when it is killed, and by itself after
LAB_MAX_SECONDS.
"""

import ctypes
import os
import pathlib
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]
from support import BUILD, SOURCE  # noqa: E402
from remote import Milter, Provider  # noqa: E402

HOST, ADDRESS = "mail.example.net", "192.0.2.25"
RELAY, RELAY_ADDRESS = "relay.example.org", "192.0.2.50"
HOOK, HOOK_ADDRESS = "hook.example.org", "203.0.113.200"
RELAY_USER, RELAY_PASSWORD = f"warden@{RELAY}", "relay s3cret"
STRANGER = "198.51.100.7"
ADMIN = f"ops@{RELAY}"

# The remote world: domain, its mail server, and where that is.
DOMAINS = {
    "hotmail.com": ("hotmail-com.olc.protection.outlook.com", "203.0.113.10"),
    "contoso.com": ("contoso-com.mail.protection.outlook.com", "203.0.113.11"),
    "gmail.com": ("gmail-smtp-in.l.google.com", "203.0.113.20"),
    "yahoo.com": ("mta5.am0.yahoodns.net", "203.0.113.21"),
    "gmx.de": ("mx00.emig.gmx.net", "203.0.113.22"),
    "partner.example": ("mx.partner.example", "203.0.113.30"),
    "campus.example": ("mail.campus.example", "203.0.113.31"),
    "smarthost.example": ("smarthost.example", "203.0.113.60"),
}
PORTS = {"smarthost.example": 587}
START_S = 60


class Skip(Exception):
    """Why there can be no lab here."""


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "mailwarden" / "lab"


def release():
    """ID and VERSION_CODENAME of os-release(5)."""
    try:
        lines = pathlib.Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return None, None
    words = dict(line.split("=", 1) for line in lines if "=" in line)
    return words.get("ID"), words.get("VERSION_CODENAME")


def is_in_chroot():
    """Who enters a mount namespace, also its own, stands at that namespace's root."""
    entered = subprocess.run(["nsenter", f"--target={os.getpid()}", "--mount", "--",
                              "test", "-e", HERE], capture_output=True, timeout=30)
    return entered.returncode != 0


NAMESPACES = ["unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork",
              "--kill-child"]


def check_machine():
    """Raises Skip where the lab can't run."""
    if os.geteuid() != 0:
        raise Skip("not root")
    if release() != ("debian", "bookworm"):
        raise Skip("this is not Debian 12, whose packages the lab is made of")
    for tool in ("unshare", "nsenter", "setpriv", "flock", "openssl", "mmdebstrap"):
        if shutil.which(tool) is None:
            raise Skip(f"no {tool} (scripts/setup.sh test installs it)")
    if is_in_chroot():
        raise Skip("this is a chroot: entering a namespace would lead out of it")
    tried = subprocess.run([*NAMESPACES, "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
                           capture_output=True, text=True, timeout=30)
    if tried.returncode != 0:
        raise Skip("namespaces are not allowed here: " + tried.stderr.strip())


def make_roots(*servers):
    """Raises Skip where the packages can't be had."""
    made = subprocess.run(["sh", HERE / "roots.sh", cache_folder(), *servers],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=800)
    if made.returncode != 0:
        raise Skip("no packages for it: " + made.stderr.strip())


def make_certificates(folder):
    """ca.pem signs good.pem, which is for all names there are; nobody signs self.pem."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    # OpenSMTPD 6.8 can't serve elliptic curves.
    key = ["-newkey", "rsa:2048", "-nodes"]
    for name, subject in (("ca", "/CN=Lab authority"), ("self", "/CN=self-signed.invalid")):
        openssl("req", "-x509", *key, "-days", "30", "-subj", subject, "-keyout",
                f"{name}-key.pem", "-out", f"{name}.pem")
    names = [HOST, RELAY, HOOK, *(server for server, _ in DOMAINS.values())]
    (folder / "names").write_text(
        "subjectAltName=" + ",".join("DNS:" + name for name in names) + "\n")
    openssl("req", *key, "-subj", f"/CN={HOST}", "-keyout", "good-key.pem", "-out",
            "good.csr")
    openssl("x509", "-req", "-in", "good.csr", "-CA", "ca.pem", "-CAkey", "ca-key.pem",
            "-CAcreateserial", "-days", "30", "-extfile", "names", "-out", "good.pem")


def dns():
    """Configuration of a name server that knows the lab's world and nothing else."""
    lines = ["no-resolv", "no-hosts", "listen-address=127.0.0.1", "bind-interfaces",
             "user=root", "local=/#/", f"host-record={HOST},{ADDRESS}",
             f"mx-host=example.net,{HOST},10", f"host-record=client.example,{STRANGER}"]
    for domain, (server, address) in DOMAINS.items():
        lines += [f"mx-host={domain},{server},10", f"host-record={server},{address}"]
    return "\n".join(lines) + "\n"


class Client(smtplib.SMTP):
    """SMTP from within the lab's network."""

    def __init__(self, lab, where, source):
        self.lab, self.source = lab, source
        super().__init__(*where, local_hostname="client.example", timeout=30)

    def _get_socket(self, host, port, timeout):
        return self.lab.connect((host, port), self.source)


class Lab:
    """One server; a context manager. `remote` has the providers by domain."""

    def __init__(self, server, folder):
        self.server, self.run = server, pathlib.Path(folder)
        self.process = self.pid = None
        self.contexts = {}
        self.remote = {domain: Provider(self, name, (address, PORTS.get(domain, 25)))
                       for domain, (name, address) in DOMAINS.items()}
        if server == "sendmail":
            self.filter = Milter(self, ("127.0.0.1", 8891))
        else:  # as dkimproxy: what comes in at 10027 goes on to 10028
            self.filter = Provider(self, "filter.localhost", ("127.0.0.1", 10027),
                                   self.pass_on)

    def __enter__(self):
        check_machine()
        make_roots(*{"postfix", self.server})  # the relay is a Postfix
        shutil.rmtree(self.run, ignore_errors=True)
        self.run.mkdir(parents=True)
        make_certificates(self.run)
        (self.run / "dnsmasq.conf").write_text(dns())
        password = self.run / "relay-password"
        password.touch(mode=0o600)
        password.write_text(RELAY_PASSWORD)
        try:
            self.start()
            for listener in (*self.remote.values(), self.filter):
                listener.open()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        environment = {**os.environ, "ROOTS": str(cache_folder()), "RUN": str(self.run),
                       "BUILD": str(BUILD), "SOURCE": str(SOURCE), "LC_ALL": "C",
                       "TZ": "UTC"}
        with open(self.run / "instance.log", "wb") as log:
            # Whatever ends this process ends unshare, and that the instance.
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *NAMESPACES, "bash",
                 str(HERE / "instance.sh"), self.server],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + START_S
        while not (self.run / "ready").exists():
            if (self.run / "failed").exists() or self.process.poll() is not None or \
                    time.monotonic() > end:
                said = (self.run / "instance.log").read_text(errors="replace")
                raise RuntimeError(f"{self.server} did not start:\n{said[-3000:]}")
            time.sleep(0.02)
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self.pid = int(children.read_text())

    def stop(self):
        for listener in (*self.remote.values(), self.filter):
            listener.close()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()  # its child, process 1 in there, goes with it, and then all
            self.process.wait()
        # The network goes a moment after the last process; nothing of it is in `run`.

    # --- from within ---

    def within(self, *words):
        """A command line that runs `words` in the lab's network and mounts, but in this
        machine's files. It ends with this process."""
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--", "setpriv",
                "--pdeathsig", "KILL", *map(str, words)]

    def command(self, *words, input=None):
        """Runs a command of the server's own root; its output."""
        done = subprocess.run(
            ["nsenter", f"--target={self.pid}", "--net", "--mount", "--uts", "--ipc",
             "--pid", "--", "chroot", str(self.run / "root"), *words],
            input=input, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def socket(self, use):
        """A socket of the lab's network, made ready by use(socket). Only the thread that
        makes it enters that network."""
        made = []

        def make():
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/proc/{self.pid}/ns/net") as network:
                if libc.setns(network.fileno(), 0x40000000) != 0:  # CLONE_NEWNET
                    made.append(OSError(ctypes.get_errno(), "setns"))
                    return
            try:
                made.append(use())
            except OSError as error:
                made.append(error)

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if isinstance(made[0], OSError):
            raise made[0]
        return made[0]

    def connect(self, where, source):
        return self.socket(lambda: socket.create_connection(where, 30, (source, 0)))

    def listen(self, where):
        return self.socket(lambda: socket.create_server(where))

    def server_context(self, name="good"):
        if name not in self.contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.run / f"{name}.pem", self.run / f"{name}-key.pem")
            self.contexts[name] = context
        return self.contexts[name]

    # --- mail ---

    def pass_on(self, mail):
        sender, recipients, content = mail
        with Client(self, ("127.0.0.1", 10028), "127.0.0.1") as client:
            client.sendmail(sender, recipients, content)

    def client(self, port=25, source="127.0.0.1"):
        """A client on this host itself, or a stranger from outside."""
        host = "127.0.0.1" if source == "127.0.0.1" and port == 25 else ADDRESS
        return Client(self, (host, port), source)

    def send(self, recipient, sender="newsletter@example.net", source="127.0.0.1",
             options=(), text=""):
        """One mail to the server; what it answers for a refusal is an SMTPException."""
        recipients = [recipient] if isinstance(recipient, str) else recipient
        with self.client(source=source) as client:
            client.sendmail(sender, recipients, f"From: <{sender}>\nSubject: hello\n\n"
                            f"{text}\n", rcpt_options=options)


def by_hand(server):
    folder = pathlib.Path(f"/run/mailwarden-lab-{os.getpid()}")
    try:
        with Lab(server, folder) as lab:
            prefix = " ".join(lab.within()[:-3])
            print(f"""{server} runs. From another terminal, as root:
  tail -f {folder}/log/mail.log
  mailwarden run --state /tmp/lab.db --file {folder}/log/mail.log
  mailwarden run --state /tmp/lab.db --journal={folder}/log/journal
a shell in its network, from which a notifier reaches the relay {RELAY}
(user {RELAY_USER}, password in {folder}/relay-password, ca_file {folder}/ca.pem):
  {prefix} bash
a command in its root:
  {prefix} chroot {folder}/root mailq
Remote domains: {', '.join(DOMAINS)}
What is typed here as DOMAIN STEP REPLY makes a provider refuse (hotmail.com mail 550 5.7.1 no),
DOMAIN alone makes it accept again, and an address as recipient sends a mail. Ctrl-C ends.""")
            for line in sys.stdin:
                obey(lab, line.split(None, 2))
    except KeyboardInterrupt:
        pass
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def obey(lab, words):
    try:
        if len(words) == 3 and words[0] in lab.remote:
            lab.remote[words[0]].refuse(words[1], words[2].strip())
        elif len(words) == 1 and words[0] in lab.remote:
            lab.remote[words[0]].accept()
        elif len(words) == 1 and "@" in words[0]:
            lab.send(words[0])
        elif words:
            print("what?")
    except (OSError, smtplib.SMTPException) as error:
        print(error)


if __name__ == "__main__":
    try:
        if len(sys.argv) != 2 or sys.argv[1] not in ("postfix", "sendmail", "opensmtpd",
                                                     "dovecot"):
            sys.exit(__doc__)
        by_hand(sys.argv[1])
    except Skip as why:
        sys.exit(f"lab.py: {why}")
