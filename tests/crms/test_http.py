"""One call to a CRM that misbehaves on the wire. Row 60 of the table of faults."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from gateway.core.errors import OperatorFault, TryLater
from gateway.crms import http
from gateway.crms.hosts import Outbound
from gateway.crms.http import Line

Answering = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextlib.contextmanager
def line_to(port: int, headers: Mapping[str, str] | None = None) -> Iterator[Line]:
    line = Line(f"http://127.0.0.1:{port}", headers or {}, Outbound(allow_loopback=True))
    yield line
    line.close()


@contextlib.contextmanager
def answering(answer: Answering) -> Iterator[Line]:
    """A line to a server that reads one request and then does as it likes with the connection."""

    def work() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            with contextlib.suppress(OSError):  # the other side hangs up on us, which is the point
                answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=work)
        thread.start()
        line = Line(f"http://127.0.0.1:{listener.getsockname()[1]}", {}, Outbound(allow_loopback=True))
        try:
            yield line
        finally:
            line.close()
            thread.join()


def sent(*parts: bytes) -> Answering:
    def send(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)

    return send


def test_a_plain_answer_is_read_whole() -> None:
    with answering(sent(HEAD + b"X-Odd: Yes\r\nContent-Length: 7\r\n\r\n", b'{"a"', b":1}")) as line:
        answer = line.call("GET", "/x")
    assert (answer.status, answer.json(), answer.headers["x-odd"]) == (200, {"a": 1}, "Yes")
    assert '{"a"' not in repr(answer)


def test_a_chunked_answer_is_read_whole() -> None:
    with answering(
        sent(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"3\r\n[1,\r\n", b"2\r\n2]\r\n0\r\n\r\n")
    ) as line:
        assert line.call("GET", "/x").json() == [1, 2]


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"HTTP/1.1 ",),
        (HEAD + b"Content-Length: 100\r\n\r\n{}",),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n[1",),
        (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",),
        (b"SSH-2.0-OpenSSH_9.9\r\n",),
    ],
)
def test_60_an_answer_cut_or_garbled_is_tried_later(parts: tuple[bytes, ...]) -> None:
    with answering(sent(*parts)) as line, pytest.raises(TryLater):
        line.call("GET", "/x")


def test_60_an_answer_without_end_is_cut_off() -> None:
    def flood(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"\r\n")
        while True:
            connection.sendall(b" " * 65536)

    with answering(flood) as line, pytest.raises(TryLater, match="more than"):
        line.call("GET", "/x")


def test_60_an_answer_byte_by_byte_is_cut_off_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "ANSWER_S", 0.2)
    hung_up = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n")
        while not hung_up.wait(0.01):
            connection.sendall(b" ")

    began = time.monotonic()
    with answering(drip) as line:
        with pytest.raises(TryLater, match="not complete"):
            line.call("GET", "/x")
        hung_up.set()
    assert time.monotonic() - began < 5


def test_60_silence_is_cut_off_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "READ_S", 0.1)
    done = threading.Event()

    def say_nothing(_connection: socket.socket) -> None:
        done.wait(5)

    with answering(say_nothing) as line:
        with pytest.raises(TryLater):
            line.call("GET", "/x")
        done.set()


def test_nobody_there_is_tried_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with line_to(port) as line, pytest.raises(TryLater):
        line.call("GET", "/x")


def test_a_header_that_cannot_be_sent_is_not_repeated() -> None:
    with line_to(9, {"X": "secret\n"}) as line, pytest.raises(OperatorFault) as caught:
        line.call("GET", "/x")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
