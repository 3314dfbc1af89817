"""A token endpoint (RFC 6749, 6) over HTTPS on loopback, whose answers a test writes."""

import http.server
import json
import threading
import time
import urllib.parse


class TokenServer:
    """`answers` are taken in turn, the last one stays: (status, body), where body is a
    dictionary (JSON), bytes, or a function that gets the request handler and writes."""

    def __init__(self, context, *answers):
        self.answers = list(answers)
        self.requests = []
        outer = self

        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.requests.append({
                    "path": self.path, "type": self.headers["Content-Type"],
                    **{k: v[0] for k, v in urllib.parse.parse_qs(body).items()}})
                outer.answer(self)

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that gives up is what some tests are about

        self.server = Quiet(("127.0.0.1", 0), Answer)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_port}/token"
        self.place = f"https://localhost:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,),
                                       daemon=True)

    def answer(self, request):
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(body):
            return body(request)
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        if status == 503:
            request.send_header("Retry-After", "120")
        if status == 302:
            request.send_header("Location", "https://elsewhere.example.org/token?x=1")
        request.end_headers()
        request.wfile.write(body)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(30)


def slow(request):
    """Says nothing until the other side gives up."""
    request.connection.settimeout(30)
    try:
        request.connection.recv(1)
    except OSError:
        pass


def huge(request):
    """An answer without an end, as far as anybody reads it."""
    request.send_response(200)
    request.end_headers()
    request.wfile.write(b'{"access_token": "')
    deadline = time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            request.wfile.write(b"x" * 65536)
    except OSError:
        pass
