"""A real HTTPS server on loopback whose answers are scripted, and servers that misbehave.

Certificates are those of smtp_server.Pki, or any other ssl.SSLContext.
"""

import http.server
import json
import socket
import threading


class Request:
    """What a client sent."""

    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Answer:
    """status, headers and body of one answer; wait is an Event to wait for before it."""

    def __init__(self, status=200, headers=(), body=b"", wait=None):
        self.status, self.headers, self.wait = status, headers, wait
        self.body = body.encode() if isinstance(body, str) else body


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(self.command, self.path, self.headers, self.rfile.read(length))
        with self.server.lock:
            self.server.requests.append(request)
            answers = self.server.answers
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if callable(answer):
            answer = answer(request)
        if answer.wait is not None:
            answer.wait.wait(60)
        self.send_response(answer.status)
        names = {name.lower() for name, _ in answer.headers}
        for name, value in answer.headers:
            self.send_header(name, value)
        if "content-length" not in names and answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            self.wfile.write(answer.body)
        except OSError:
            pass  # the client had enough of it
        self.close_connection = True

    do_GET = do_POST = do_PUT = answer

    def date_time_string(self, timestamp=None):
        return self.server.date or super().date_time_string(timestamp)

    def log_message(self, *_):
        pass


class HttpServer(http.server.ThreadingHTTPServer):
    """On a free port. `answers` are given in turn, the last of them again and again; one may
    be a function of the request. `context` None: without TLS. `date`: its Date header."""

    daemon_threads = True

    def __init__(self, *answers, context=None, host="127.0.0.1", date=None):
        super().__init__((host, 0), Handler)
        self.port = self.server_address[1]
        self.answers = list(answers) or [Answer()]
        self.requests = []
        self.lock = threading.Lock()
        self.context, self.date = context, date
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    def finish_request(self, request, client_address):
        if self.context is None:
            super().finish_request(request, client_address)
            return
        # Here, in the connection's own thread: a stalled handshake holds up nobody else.
        with self.context.wrap_socket(request, server_side=True) as connection:
            super().finish_request(connection, client_address)

    def handle_error(self, request, client_address):
        pass  # a client that gives up is what many tests are about

    def address(self, path="/"):
        scheme = "http" if self.context is None else "https"
        return f"{scheme}://localhost:{self.port}{path}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
        self.thread.join(30)


class RawServer:
    """Plays what a function does with each connection, which may be wrapped in TLS."""

    def __init__(self, play, context=None):
        self.play, self.context = play, context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(30)
            try:
                if self.context is not None:
                    connection = self.context.wrap_socket(connection, server_side=True)
                self.play(connection)
            except OSError:
                pass
            finally:
                connection.close()

    def address(self, path="/"):
        scheme = "http" if self.context is None else "https"
        return f"{scheme}://localhost:{self.port}{path}"

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


def read_request(connection):
    """Headers and body of a request on a bare connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
