"""The way out, against servers that misbehave on a real socket."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest

from gateway.core.errors import TryLater
from gateway.providers import http
from gateway.providers.http import Outbound

OK = b"HTTP/1.1 200 OK\r\n"


class RawServer:
    """Answers each request with what ``say`` writes, byte for byte; ``requests`` holds what came in."""

    def __init__(self, say: Callable[[socket.socket], None]) -> None:
        self._say = say
        self.requests: list[bytes] = []
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/x"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):  # the socket was closed: the test is over
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                with closing(connection), suppress(OSError):  # the client has had enough
                    while (request := connection.recv(65_536)) != b"":
                        self.requests.append(request)
                        self._say(connection)

    def stop(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


Serve = Callable[[Callable[[socket.socket], None] | bytes], RawServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[RawServer] = []

    def start(say: Callable[[socket.socket], None] | bytes) -> RawServer:
        running.append(RawServer(say if callable(say) else lambda connection: connection.sendall(say)))
        return running[-1]

    yield start
    for server in running:
        server.stop()


def whole(body: bytes, *headers: str) -> bytes:
    lines = "".join(f"{line}\r\n" for line in (*headers, f"Content-Length: {len(body)}"))
    return OK + lines.encode() + b"\r\n" + body


def cut_after(answer: bytes) -> Callable[[socket.socket], None]:
    def say(connection: socket.socket) -> None:
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_RDWR)

    return say


def test_a_whole_answer(serve):
    server = serve(whole(b'{"a": 1}', "Content-Type: application/json", "ETag: x"))
    answer = Outbound().exchange("POST", server.url, headers={"X-Ours": "1"}, body="text")
    assert (answer.status, answer.reason, answer.body) == (200, "OK", b'{"a": 1}')
    assert (answer.headers["etag"], answer.headers["content-type"]) == ("x", "application/json")
    assert b"X-Ours: 1\r\n" in server.requests[0]
    assert '{"a": 1}' not in repr(answer)


def test_an_answer_without_a_body(serve):
    server = serve(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert Outbound().exchange("DELETE", server.url).body == b""


def test_a_packed_and_a_chunked_answer(serve):
    packed = serve(whole(gzip.compress(b"x" * 200_000), "Content-Encoding: gzip"))
    assert Outbound().exchange("GET", packed.url).body == b"x" * 200_000
    chunked = serve(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert Outbound().exchange("GET", chunked.url).body == b"abcde"


def test_connections_are_kept(serve):
    server = serve(whole(b"x"))
    outbound = Outbound()
    for _ in range(5):
        outbound.exchange("GET", server.url)
    assert (len(server.requests), server.connections) == (5, 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        OK + b"Content-Length: 10\r\n\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc",
        b"SMTP ready\r\n\r\n",
        whole(b"not packed", "Content-Encoding: gzip"),
    ],
    ids=["nothing", "short", "chunk-cut", "bad-chunk", "not-http", "not-gzip"],
)
def test_an_answer_cut_short_or_garbled(serve, answer):
    with pytest.raises(TryLater) as caught:
        Outbound().exchange("GET", serve(cut_after(answer)).url)
    assert "/x" not in str(caught.value)


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_that_is_too_large(serve, monkeypatch, packed):
    monkeypatch.setattr(http, "LARGEST_ANSWER", 1_000_000)
    body = b"\0" * 5_000_000
    answer = whole(gzip.compress(body), "Content-Encoding: gzip") if packed else whole(body)
    with pytest.raises(TryLater, match="too large"):
        Outbound().exchange("GET", serve(answer).url)


def test_silence_ends(serve, monkeypatch):
    monkeypatch.setattr(http, "READ_SECONDS", 0.2)
    with pytest.raises(TryLater):
        Outbound().exchange("GET", serve(b"").url)


def test_a_trickle_ends(serve, monkeypatch):
    monkeypatch.setattr(http, "READ_SECONDS", 0.3)
    goes_on = threading.Event()

    def trickle(connection: socket.socket) -> None:
        connection.sendall(OK + b"Content-Length: 1000\r\n\r\n")
        while not goes_on.wait(0.02):
            connection.sendall(b"x")

    server = serve(trickle)
    began = time.monotonic()
    with pytest.raises(TryLater):
        Outbound().exchange("GET", server.url)
    goes_on.set()
    assert time.monotonic() - began < 5


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(TryLater):
        Outbound().exchange("GET", f"http://127.0.0.1:{port}/")


def test_a_redirect_is_an_answer_like_any_other(serve):
    elsewhere = serve(whole(b"secret"))
    server = serve(f"HTTP/1.1 302 Found\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n".encode())
    assert Outbound().exchange("GET", server.url).status == 302
    assert elsewhere.requests == []


def test_a_cookie_does_not_travel_to_the_next_request(serve):
    server = serve(whole(b"x", "Set-Cookie: session=anns; Path=/"))
    outbound = Outbound()
    for _ in range(2):
        outbound.exchange("GET", server.url)
    assert b"anns" not in server.requests[1]


def test_no_password_file_and_no_proxy_is_used_unseen(serve, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password hidden\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server = serve(whole(b"x"))
    Outbound().exchange("GET", server.url, headers={"Authorization": "Bearer ours"})
    assert b"Authorization: Bearer ours" in server.requests[0]
