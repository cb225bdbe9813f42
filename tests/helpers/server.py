"""A server on this machine that behaves well or badly, in the place of those that publish files."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """Serves files by path, counts requests and misbehaves as told."""

    def __init__(self, payloads: dict[str, bytes]):
        self.payloads = payloads
        self.requests: list[str] = []
        self.failures = 0  # so many requests are answered by 503 first
        self.cut = 0  # so many are broken off half-way
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.answer(self)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, handler):
        self.requests.append(handler.path)
        payload = self.payloads.get(handler.path)
        if payload is None or self.failures > 0:
            self.failures -= 1
            handler.send_error(404 if payload is None else 503)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(payload)))
        handler.end_headers()
        self.cut -= 1
        handler.wfile.write(payload[: len(payload) // 2] if self.cut >= 0 else payload)
