"""A real SMTP server on loopback with STARTTLS, smtps and AUTH, and the certificates for it.

Needs python3-aiosmtpd and openssl; without them the test that imports this is skipped
(exit code 77). Authorities and certificates are made at run time and last for one run.
"""

import asyncio
import hashlib
import hmac
import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import threading

try:
    from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
except ImportError:
    print("skipped: python3-aiosmtpd is not installed")
    sys.exit(77)
if shutil.which("openssl") is None:
    print("skipped: openssl is not installed")
    sys.exit(77)

USER, PASSWORD = "warden@example.org", "s3cret pass\\word=\u00e9"


class Pki:
    """An authority, another one, and certificates for 'localhost' and others."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.authority("ca")
        self.authority("stranger")
        self.leaf("good", "ca", "localhost", 30)
        self.leaf("other", "ca", "mail.example.org", 30)
        self.leaf("unknown", "stranger", "localhost", 30)
        self.leaf("expired", "ca", "localhost", -1)

    def path(self, name):
        return str(self.folder / name)

    def openssl(self, *words):
        subprocess.run(["openssl", *words], check=True, capture_output=True,
                       cwd=self.folder)

    def authority(self, name):
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                     "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                     f"/CN={name} authority", "-keyout", f"{name}.key", "-out",
                     f"{name}.pem")

    def leaf(self, name, issuer, host, days):
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-subj", f"/CN={host}", "-keyout", f"{name}.key", "-out",
                     f"{name}.csr")
        (self.folder / "ext").write_text(f"subjectAltName=DNS:{host}\n")
        sign = ["x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.pem", "-CAkey",
                f"{issuer}.key", "-CAcreateserial", "-extfile", "ext", "-out", f"{name}.pem"]
        if days < 0:
            try:  # OpenSSL 3.4 and later name the dates, and refuse a negative span
                self.openssl(*sign, "-not_before", "20200101000000Z", "-not_after",
                             "20200201000000Z")
                return
            except subprocess.CalledProcessError:
                pass  # before, a negative number of days ends before it begins
        self.openssl(*sign, "-days", str(days))

    def context(self, name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(f"{name}.pem"), self.path(f"{name}.key"))
        return context


class Handler:
    """Takes mail; replies are scripted by recipient."""

    def __init__(self, replies=None, data_reply=None):
        self.replies = replies or {}
        self.data_reply = data_reply
        self.mails = []
        self.logins = []
        self.helos = []

    def authenticate(self, server, session, envelope, mechanism, data):
        assert isinstance(data, LoginPassword)
        good = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        self.logins.append((mechanism, good))
        return AuthResult(success=good, handled=False)

    async def handle_RCPT(self, server, session, envelope, address, options):
        replies = self.replies.get(address)
        if replies:
            return replies.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        if self.data_reply:
            return self.data_reply
        self.helos.append(session.host_name)
        self.mails.append((envelope.mail_from, envelope.rcpt_tos,
                           envelope.original_content))
        return "250 2.0.0 queued as 4XyZ"


class ChallengeHandler(Handler):
    """Offers CRAM-MD5, too (RFC 2195)."""

    async def auth_CRAM__MD5(self, server, args):
        challenge = b"<1896.697170952@relay.test>"
        answer = await server.challenge_auth(challenge)
        user, _, digest = answer.decode().rpartition(" ")
        good = (user == USER and hmac.compare_digest(digest, hmac.new(
            PASSWORD.encode(), challenge, hashlib.md5).hexdigest()))
        self.logins.append(("CRAM-MD5", good))
        return AuthResult(success=good, handled=False)


class TokenHandler(Handler):
    """Offers XOAUTH2, or OAUTHBEARER (RFC 7628), or both; takes the tokens in `good`."""

    REASON = {"status": "400", "schemes": "Bearer", "scope": "https://mail.example.org/"}

    def __init__(self, good, mechanisms=("XOAUTH2",)):
        super().__init__()
        self.good = set(good)
        if "XOAUTH2" in mechanisms:
            self.auth_XOAUTH2 = self.xoauth2
        if "OAUTHBEARER" in mechanisms:
            self.auth_OAUTHBEARER = self.oauthbearer

    async def judge(self, server, mechanism, user, token):
        good = user == USER and token in self.good
        self.logins.append((mechanism, token, good))
        if not good:  # the reason as a challenge, which wants any answer
            await server.challenge_auth(json.dumps(self.REASON).encode())
        return AuthResult(success=good, handled=False)

    async def xoauth2(self, server, args):
        answer = await server.challenge_auth(b"")
        fields = dict(part.split("=", 1) for part in answer.decode().split("\1") if part)
        return await self.judge(server, "XOAUTH2", fields["user"],
                                fields["auth"].removeprefix("Bearer "))

    async def oauthbearer(self, server, args):
        answer = await server.challenge_auth(b"")
        head, *parts = answer.decode().split("\1")
        fields = dict(part.split("=", 1) for part in parts if part)
        return await self.judge(server, "OAUTHBEARER",
                                head.removeprefix("n,a=").removesuffix(","),
                                fields["auth"].removeprefix("Bearer "))


class Server:
    """aiosmtpd in its own thread, on a free port if none is given. The port listens from
    the start."""

    def __init__(self, handler, tls=None, smtps=None, mechanisms=("PLAIN", "LOGIN"),
                 port=0, smtputf8=False):
        self.socket = socket.create_server(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        self.loop = asyncio.new_event_loop()
        self.stop = asyncio.Event()
        self.smtps = smtps
        self.factory = lambda: SMTP(
            handler, hostname="relay.test", loop=self.loop, tls_context=tls,
            enable_SMTPUTF8=smtputf8,
            authenticator=handler.authenticate, auth_require_tls=tls is not None,
            auth_exclude_mechanism=[m for m in ("PLAIN", "LOGIN") if m not in mechanisms])
        self.thread = threading.Thread(target=self.run, daemon=True)

    async def serve(self):
        server = await self.loop.create_server(self.factory, sock=self.socket,
                                               ssl=self.smtps)
        await self.stop.wait()
        server.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def run(self):
        # A peer that gives up inside of TLS is what many tests are about.
        self.loop.set_exception_handler(lambda loop, context: None)
        self.loop.run_until_complete(self.serve())
        self.loop.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(30)


class Script:
    """A server of a few lines: plays what a step function does with one socket."""

    def __init__(self, play):
        self.play = play
        self.seen = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(30)
            self.lines = connection.makefile("rb")
            try:
                self.play(self, connection)
            except OSError:
                pass
            self.lines.close()

    def read(self):
        line = self.lines.readline()
        self.seen.append(line)
        return line

    def expect(self, connection, reply):
        if self.read():
            connection.sendall(reply)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.thread.join(30)
