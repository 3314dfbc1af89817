"""What a mail server talks to, played in threads of the test: providers' mail servers, and
filters of its own.

A provider accepts mail until it is told to refuse. All sockets are made in the lab's
network, which reaches nothing else.
"""

import contextlib
import re
import socket
import struct
import threading

PATIENCE_S = 60


class Gone(Exception):
    """The client hung up, or we do."""


class Refusal:
    """`step` is connect, mail, rcpt or end (of the data); `reply` one line or several,
    {client} in it is the address that connected; the first `times` are refused, or all."""

    def __init__(self, step, reply, only="", times=None):
        self.step = step
        self.lines = [reply] if isinstance(reply, str) else list(reply)
        self.only = re.compile(only)
        self.left = times

    def fits(self, step, word):
        if self.step != step or self.left == 0 or not self.only.search(word):
            return False
        if self.left is not None:
            self.left -= 1
        return True


class Listener:
    """A server at one address of the lab: a thread for each connection."""

    def __init__(self, lab, where):
        self.lab, self.where = lab, where
        self.lock = threading.Lock()
        self.listener = None
        self.sessions = set()

    def open(self):
        if self.listener is None:
            self.listener = self.lab.listen(self.where)
            threading.Thread(target=self.serve, args=(self.listener,), daemon=True).start()

    def close(self):
        """Connections are refused."""
        if self.listener is not None:
            # A thread that waits in accept() keeps the port open after a mere close().
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        self.hang_up()

    def hang_up(self):
        """Ends all sessions at once."""
        with self.lock:
            sessions, self.sessions = self.sessions, set()
        for connection in sessions:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def serve(self, listener):
        while True:
            try:
                connection, peer = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.guard, args=(connection, peer[0]),
                             daemon=True).start()

    def guard(self, connection, client):
        connection.settimeout(PATIENCE_S)
        # TLS takes the socket over: a copy of it stays good for hanging up.
        copy = connection.dup()
        with self.lock:
            self.sessions.add(copy)
        with contextlib.suppress(Gone, OSError), connection:
            self.talk(connection, client)
        with self.lock:
            self.sessions.discard(copy)
        copy.close()


class Provider(Listener):
    """One provider's mail server. `mails` and `refused` tell what it saw: (sender,
    recipients, content) and (step, what it was about)."""

    def __init__(self, lab, name, where, take=None):
        super().__init__(lab, where)
        self.name, self.take = name, take or self.keep
        self.mails, self.refused, self.refusals = [], [], []
        self.certificate = "good"  # or "self", which nobody signed
        self.login = None  # or "refused", each one, or "taken"

    def refuse(self, step, reply, only="", times=None):
        with self.lock:
            self.refusals.append(Refusal(step, reply, only, times))

    def accept(self):
        """From now on everything, and what was is forgotten."""
        with self.lock:
            self.mails, self.refused, self.refusals = [], [], []
            self.certificate, self.login = "good", None
        self.open()

    def talk(self, connection, client):
        session = Session(self, connection, client)
        try:
            session.run()
        finally:
            session.close()

    def keep(self, mail):
        with self.lock:
            self.mails.append(mail)

    def refusal(self, step, word):
        with self.lock:
            for refusal in self.refusals:
                if refusal.fits(step, word):
                    self.refused.append((step, word))
                    return refusal.lines
        return None


class Session:
    """One SMTP dialogue (RFC 5321, 4)."""

    def __init__(self, provider, connection, client):
        self.provider, self.connection, self.client = provider, connection, client
        self.file = connection.makefile("rb")
        self.encrypted = False
        self.sender, self.recipients = None, []

    def close(self):
        for thing in (self.file, self.connection):
            with contextlib.suppress(OSError):
                thing.close()

    def say(self, *lines):
        text = "\r\n".join(line.replace("{client}", self.client) for line in lines)
        self.connection.sendall(text.encode() + b"\r\n")

    def hear(self):
        line = self.file.readline(70000)
        if not line:
            raise Gone
        return line

    def answer(self, step, word, reply):
        """True if it was not refused."""
        refusal = self.provider.refusal(step, word)
        self.say(*(refusal or [reply]))
        if refusal and refusal[0].startswith("421"):
            raise Gone
        return refusal is None

    def run(self):
        if not self.answer("connect", self.client, f"220 {self.provider.name} ESMTP"):
            raise Gone
        while True:
            line = self.hear().decode(errors="replace").rstrip("\r\n")
            verb, _, argument = line.partition(" ")
            act = getattr(self, "do_" + verb.lower(), None)
            if act is None:
                self.say("502 5.5.1 not known here")
            else:
                act(argument)

    def do_ehlo(self, _):
        self.sender, self.recipients = None, []
        words = [self.provider.name, "ENHANCEDSTATUSCODES", "8BITMIME"]
        words += [] if self.encrypted else ["STARTTLS"]
        words += ["AUTH PLAIN"] if self.provider.login else []
        self.say(*("250-" + word for word in words), "250 HELP")

    def do_helo(self, _):
        self.say("250 " + self.provider.name)

    def do_starttls(self, _):
        self.say("220 2.0.0 ready")
        context = self.provider.lab.server_context(self.provider.certificate)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.file = self.connection.makefile("rb")
        self.encrypted = True

    def do_auth(self, _):
        if self.provider.login == "taken":
            self.say("235 2.7.0 Authentication successful")
        else:
            self.provider.refused.append(("auth", self.client))
            self.say("535 5.7.8 Error: authentication failed: wrong password")

    def do_mail(self, argument):
        sender = re.match(r"(?i)from:\s*<([^>]*)>", argument)[1]
        if self.provider.login == "refused":
            self.say("530 5.7.0 Authentication required")
        elif self.answer("mail", sender, "250 2.1.0 fine"):
            self.sender, self.recipients = sender, []

    def do_rcpt(self, argument):
        recipient = re.match(r"(?i)to:\s*<([^>]*)>", argument)[1]
        if self.sender is None:
            self.say("503 5.5.1 MAIL first")
        elif self.answer("rcpt", recipient, "250 2.1.5 fine"):
            self.recipients.append(recipient)

    def do_data(self, _):
        if not self.recipients:
            self.say("554 5.5.1 no valid recipients")
            return
        self.say("354 go on")
        lines = []
        while (line := self.hear()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        mail = (self.sender, self.recipients, b"".join(lines))
        if self.answer("end", self.recipients[0], "250 2.6.0 queued for delivery"):
            self.provider.take(mail)
        self.sender, self.recipients = None, []

    def do_rset(self, _):
        self.sender, self.recipients = None, []
        self.say("250 2.0.0 fine")

    def do_noop(self, _):
        self.say("250 2.0.0 fine")

    def do_quit(self, _):
        self.say("221 2.0.0 bye")
        raise Gone


class Milter(Listener):
    """A filter of sendmail's that lets everything pass (the protocol of libmilter)."""

    def talk(self, connection, client):
        with connection.makefile("rb") as file:
            while len(head := file.read(4)) == 4:
                packet = file.read(struct.unpack("!I", head)[0])
                command = packet[:1]
                if command == b"Q":
                    return
                if command == b"O":  # options: spare us every step that can be spared
                    steps = struct.unpack("!III", packet[1:13])[2]
                    self.say(connection, b"O" + struct.pack("!III", 6, 0, steps & 0x37F))
                elif command not in b"ADK":  # abort, macros, next connection: no answer
                    self.say(connection, b"c")

    def say(self, connection, packet):
        connection.sendall(struct.pack("!I", len(packet)) + packet)
