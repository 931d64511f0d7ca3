"""A small WSGI server for the stand-ins: HTTP/1.1 with keep-alive, a thread for each connection, loopback only.

Written on the standard library because a stand-in must be able to break off a connection without an answer, and
because Werkzeug's development server closes every connection after one request
(https://github.com/pallets/werkzeug/blob/3.1.3/src/werkzeug/serving.py, "Always close the connection").
"""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote
from wsgiref.types import WSGIApplication, WSGIEnvironment

HOST = "127.0.0.1"
MAX_BODY = 16 * 1024 * 1024
Answer = tuple[str, list[tuple[str, str]], bytes]
"""Status line, headers, body."""
_BODILESS = ("204", "304")
_log = logging.getLogger(__name__)


class ConnectionDropped(Exception):
    """Raised by an application to break the connection off without any answer."""


class Server:
    """A WSGI application being served; `url` has no slash at its end."""

    def __init__(self, app: WSGIApplication, port: int) -> None:
        self._http = _Http((HOST, port), app)
        self.port = int(self._http.server_address[1])
        self.url = f"http://{HOST}:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and break off every open connection, so that no client keeps talking to a ghost."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self._http.break_off()


def serve(app: WSGIApplication, port: int = 0) -> Server:
    """Serve `app` on 127.0.0.1 from a thread of its own; port 0 takes any free one. Raises OSError if it is taken."""
    return Server(app, port)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], app: WSGIApplication) -> None:
        self.app = app
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer looks its own name up in the DNS here; the stand-ins speak to loopback only and need none.
        socket_address = self.server_address
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(socket_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = HOST, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def break_off(self) -> None:
        with self._open_lock:
            left = list(self._open)
        for connection in left:
            _shut(connection)


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "sandbox", ""
    # Headers and body leave in one write; without this Nagle's algorithm and delayed ACKs cost 40 ms an answer.
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError, ValueError) as error:
            # The peer went away, or stop() closed the socket under us: there is nobody left to answer.
            self.log_message("connection ended: %s", error)

    def finish(self) -> None:
        # What could not be written to a peer that has gone is tried once more on closing, and fails once more.
        with contextlib.suppress(OSError):
            super().finish()
        self.rfile.close()

    def _run(self) -> None:
        length = self._body_length()
        if length is None:
            return
        sent = self.rfile.read(length)
        if len(sent) < length:  # the line was cut on the way: half a request is none
            self.close_connection = True
            return
        environ = self._environ(sent)
        try:
            status, headers, body = run(self.server.app, environ)
        except ConnectionDropped:
            self.close_connection = True
            _shut(self.connection)
            return
        except Exception:  # noqa: BLE001 - whatever it was, the caller gets an answer and the log the reason
            _log.exception("a stand-in failed on %s", self.command)
            status, headers, body = "500 Internal Server Error", [], b"the stand-in itself failed; see its log"
        self._write(status, headers, body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _run

    def _body_length(self) -> int | None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            self.send_error(411)
            self.close_connection = True
            return None
        length = self.headers.get("Content-Length", "0").strip()
        if not length.isdigit() or int(length) > MAX_BODY:
            self.send_error(413 if length.isdigit() else 400)
            self.close_connection = True
            return None
        return int(length)

    def _environ(self, body: bytes) -> WSGIEnvironment:
        path, _, query = self.path.partition("?")
        environ: WSGIEnvironment = {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": self.path,
            "REMOTE_ADDR": self.client_address[0],
            "SERVER_NAME": HOST,
            "SERVER_PORT": str(self.server.server_port),
            "SERVER_PROTOCOL": self.request_version,
            "CONTENT_LENGTH": str(len(body)),
        }
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            if key == "CONTENT_TYPE":
                environ[key] = value
            elif key != "CONTENT_LENGTH":
                key = f"HTTP_{key}"
                environ[key] = f"{environ[key]},{value}" if key in environ else value
        return environ

    def _write(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if code not in _BODILESS and not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and code not in _BODILESS:
            self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing: the ledger is the record, and paths and queries can hold codes and tokens."""


def run(app: WSGIApplication, environ: WSGIEnvironment) -> Answer:
    """Call a WSGI application once and return its status line, headers and whole body."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], _exc_info: object = None, /
    ) -> Callable[[bytes], object]:
        started.append((status, headers))
        return written.append

    chunks = app(environ, start_response)
    try:
        written.extend(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    status, headers = started[-1]
    return status, headers, b"".join(written)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # already gone, which is what was wanted
        connection.shutdown(socket.SHUT_RDWR)
